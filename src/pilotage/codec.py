"""Frozen values to JSON text and back. Infinity and NaN survive: a histogram's last bound is infinite."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import Discriminator, TypeAdapter

from pilotage.core.events import Event, Recorded

T = TypeVar("T")


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def to_json(value: object) -> str:
    """JSON text of a dataclass (or of lists and mappings of them)."""
    return json.dumps(_adapter_of(type(value)).dump_python(value), separators=(",", ":"), ensure_ascii=False)


def from_json(kind: type[T], text: str) -> T:
    """The value again; raises pydantic.ValidationError when the text is not a `kind`."""
    data = json.loads(text)
    return cast(T, _recorded(data) if kind is Recorded else _adapter_of(kind).validate_python(data))


@dataclass
class _Place:
    """What `Recorded` has beside its event."""

    rollout: str
    number: int
    at: float
    by: str


def _recorded(data: Any) -> Recorded:
    """The event by its kind: a page reads a thousand of them, and to try every kind takes five times longer."""
    event = _events().validate_python(data.pop("event", None) if isinstance(data, dict) else None)
    return Recorded(**vars(_adapter_of(_Place).validate_python(data)), event=event)


@cache
def _events() -> TypeAdapter[Event]:
    return TypeAdapter(Annotated[Event, Discriminator("kind")])


def to_data(value: object) -> Any:
    """Plain data fit for an API answer: strict JSON, so infinities and NaN become null."""
    return json.loads(to_json(value), parse_constant=lambda _: None)
