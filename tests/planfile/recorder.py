"""What the loader really asks of a plan's mappings, and where the schema says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pilotage import planfile
from pilotage.drivers import registry
from pilotage.planfile import options
from pilotage.planfile.reader import Reader

Data = dict[str, Any]


@dataclass
class Asked:
    """One mapping of a plan: the keys that the loader knows there, and those that it requires."""

    known: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)


def asked(text: str) -> dict[str, Asked]:
    """By path, while the plan is loaded; a driver's options count as known."""
    found: dict[str, Asked] = {}
    last = ""
    real = Reader.mapping

    def mapping(self: Reader, node: Any, path: str, known: Any, required: Any = (), **more: Any) -> Any:
        nonlocal last
        if node is not None:
            last = path
            entry = found.setdefault(path, Asked())
            entry.known |= set(known)
            entry.required |= set(required)
        return real(self, node, path, known, required, **more)

    def find(port: str, name: str) -> Any:
        kind = registry.find(port, name)
        fields = kind.Options.model_fields
        found[last].known |= set(fields)
        found[last].required |= {option for option, one in fields.items() if one.is_required()}
        return kind

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "mapping", mapping)
        patch.setattr(options, "registry", SimpleNamespace(names=registry.names, find=find))
        planfile.load(text, directory=Path("/plans"))
    return found


class Followed:
    """The schema followed along a good plan; `met` are the keys met by the mapping's schema (by its identity)."""

    def __init__(self, schema: Data) -> None:
        self.schema = schema
        self.met: dict[int, set[str]] = {}
        self._merged: dict[int, tuple[Data, Data]] = {}

    def places(self, plan: Any) -> dict[str, Data]:
        return dict(self._follow(self.schema, plan, ""))

    def _follow(self, schema: Any, value: Any, path: str) -> Iterator[tuple[str, Data]]:
        if not isinstance(schema, dict):
            return
        schema = self.at_hand(schema, value)
        if "$ref" in schema:
            yield from self._follow(self.schema["$defs"][schema["$ref"].rsplit("/", 1)[1]], value, path)
        elif "properties" not in schema and ("oneOf" in schema or "anyOf" in schema):
            fitting = [one for one in schema.get("oneOf", schema.get("anyOf")) if self._fits(one, value)]
            yield from self._follow(fitting[0], value, path)
        elif isinstance(value, list):
            for index, one in enumerate(value):
                yield from self._follow(schema.get("items", {}), one, f"{path}[{index}]")
        elif isinstance(value, dict):
            properties = schema.get("properties", {})
            if properties:
                self.met.setdefault(id(self._origin(schema)), set()).update(value)
                yield path, schema
            for key, one in value.items():
                inner = properties.get(key, schema.get("additionalProperties"))
                yield from self._follow(inner, one, f"{path}.{key}" if path else key)

    def at_hand(self, schema: Data, value: Any) -> Data:
        """With what its conditions add for this value."""
        for one in (schema, *schema.get("allOf", ())):
            if "if" in one and self._fits(one["if"], value):
                schema = self._with(schema, one["then"])
        return schema

    def _with(self, schema: Data, more: Data) -> Data:
        both = dict(schema)
        for key, one in more.items():
            old = schema.get(key)
            if key == "required":
                both[key] = [*(old or ()), *one]
            else:
                both[key] = self._with(old, one) if isinstance(old, dict) and isinstance(one, dict) else one
        self._merged[id(both)] = (both, self._origin(schema))
        return both

    def _origin(self, schema: Data) -> Data:
        """As it stands in the schema."""
        return self._merged[id(schema)][1] if id(schema) in self._merged else schema

    def _fits(self, schema: Data, value: Any) -> bool:
        return Draft202012Validator({**schema, "$defs": self.schema["$defs"]}).is_valid(value)


def mappings(schema: Any, path: str = "") -> Iterator[tuple[str, Data]]:
    """Every mapping that the schema describes, with its place in the schema."""
    if isinstance(schema, list):
        for index, one in enumerate(schema):
            yield from mappings(one, f"{path}[{index}]")
    elif isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield path, schema
        for key, one in schema.items():
            if key not in ("dependentSchemas", "if", "then"):
                yield from mappings(one, f"{path}/{key}")
