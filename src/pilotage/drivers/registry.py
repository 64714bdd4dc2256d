"""Finding drivers by name, through entry points - ours and strangers' alike."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pilotage.core.model import DriverRef
from pilotage.drivers import Context, Driver, DriverOptions


@cache
def _of(port: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"pilotage.{port}")}


def names(port: str) -> list[str]:
    """All drivers installed for a port, sorted."""
    return sorted(_of(port))


def package(port: str, name: str) -> str:
    """What was installed to bring this driver; empty when that is not known. Raises KeyError."""
    dist = _of(port)[name].dist
    return dist.name if dist is not None else ""


def find(port: str, name: str) -> type[Any]:
    """The driver's class; raises KeyError when none is installed under that name."""
    found: type[Any] = _of(port)[name].load()
    return found


def options(port: str, name: str, given: Mapping[str, Any]) -> DriverOptions:
    """The driver's options, checked. Raises as `build`."""
    checked: DriverOptions = _of(port)[name].load().Options.model_validate(dict(given))
    return checked


def build(port: str, ref: DriverRef, context: Context) -> Driver:
    """A driver ready to be called. Raises KeyError, or pydantic.ValidationError for wrong options."""
    kind = find(port, ref.driver)
    driver: Driver = kind(kind.Options.model_validate(dict(ref.options)), context)
    return driver
