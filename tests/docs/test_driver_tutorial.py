"""The driver that the tutorial writes is the example, to the letter."""

from __future__ import annotations

import re
from pathlib import Path

from pilotage.drivers import PORTS
from pilotage.drivers.about import PROTOCOLS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "driver-package"
PAGE = (ROOT / "docs" / "driver-tutorial.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_its_pieces_in_their_order_are_the_whole_file() -> None:
    *pieces, _ = PYTHON
    assert len(pieces) == 3
    assert "\n".join(pieces) == (PACKAGE / "pilotage_turnstile.py").read_text(encoding="utf-8")


def test_its_test_class_is_how_that_of_the_example_begins() -> None:
    tests = (PACKAGE / "tests" / "test_turnstile.py").read_text(encoding="utf-8")
    assert f"\n{PYTHON[-1]}" in tests


def test_its_entry_point_is_that_of_the_example() -> None:
    (entry,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert entry in (PACKAGE / "pyproject.toml").read_text(encoding="utf-8")


def test_its_table_has_every_port_with_the_methods_it_asks_for() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \|$", PAGE, re.MULTILINE))
    assert list(rows) == list(PORTS)
    for port, protocol in PROTOCOLS.items():
        methods = [name for name, one in vars(protocol).items() if not name.startswith("_") and callable(one)]
        assert sorted(re.findall(r"`(\w+)`", rows[port])) == sorted(methods), port
