"""What a metrics source's selectors are, and whether it knows the past: asked of the driver's class, never by its name.

The class is loaded already: its options have been checked.
"""

from __future__ import annotations

from typing import Any, cast

from pilotage.core.model import DriverRef
from pilotage.drivers import History, Language, registry
from pilotage.drivers.metrics.exposition import parse_selector

Sources = dict[str, DriverRef]


def language(ref: DriverRef) -> Language:
    """Of its selectors. A driver that does not say has a language of its own."""
    said = getattr(_kind(ref), "language", "own")
    return cast(Language, said) if said in ("promql", "page") else "own"


def keeps_past(ref: DriverRef) -> bool:
    return issubclass(_kind(ref), History)


def is_plain(selector: str) -> bool:
    """``name{label="value"}``, with or without $group: what a page and PromQL both understand."""
    try:
        parse_selector(selector.replace("$group", "x"))
    except ValueError:
        return False
    return True


def _kind(ref: DriverRef) -> type[Any]:
    try:
        return registry.find("metrics", ref.driver)
    except Exception:  # a driver with a mistake in it, or none: said where it is named
        return object
