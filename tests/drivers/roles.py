"""The least rights that the documentation names, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

_DRIVERS = Path(__file__).parents[2] / "docs" / "drivers.md"


def least(section: str) -> list[dict[str, Any]]:
    """The rules of the Role in a section such as ``istio (traffic)``."""
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", _DRIVERS.read_text(), re.MULTILINE | re.DOTALL)
    blocks = [yaml.safe_load(one) for one in re.findall(r"```yml\n(.*?)```", text, re.DOTALL)]
    (role,) = [one for one in blocks if one.get("kind") == "Role"]
    return list(role["rules"])
