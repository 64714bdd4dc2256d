"""What every section of the settings is made of."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from pilotage.core.quantities import seconds


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _seconds(value: Any) -> Any:
    found = seconds(value)
    if found is None:
        raise ValueError("a time such as 30s, 12h or 7d")
    return found


Duration = Annotated[float, BeforeValidator(_seconds)]
"""Seconds, written as in a plan: 30s, 12h, 7d."""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
