"""Frozen values to JSON text and back. Infinity and NaN survive: a histogram's last bound is infinite."""

from __future__ import annotations

import json
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

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
    return cast(T, _adapter_of(kind).validate_python(json.loads(text)))


def to_data(value: object) -> Any:
    """Plain data fit for an API answer: strict JSON, so infinities and NaN become null."""
    return json.loads(to_json(value), parse_constant=lambda _: None)
