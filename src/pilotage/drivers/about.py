"""What a driver says of itself: its line, its options, what it offers besides what its port asks for."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.drivers import (
    PORTS,
    Ages,
    Check,
    Delays,
    Deployer,
    Driver,
    History,
    Logs,
    Metrics,
    Mirrors,
    Notifier,
    Paces,
    Pool,
    Rehearses,
    Resolves,
    Restarts,
    Steers,
    Steps,
    Tracker,
    Traffic,
    registry,
)
from pilotage.drivers.secrets import Secret

PROTOCOLS: Mapping[str, type[Any]] = {
    "traffic": Traffic,
    "pool": Pool,
    "deploy": Deployer,
    "metrics": Metrics,
    "notify": Notifier,
    "logs": Logs,
    "checks": Check,
    "tracker": Tracker,
}
OFFERS: Mapping[str, tuple[tuple[type[Any], str], ...]] = {
    "traffic": ((Steers, "cohorts"), (Mirrors, "copies"), (Restarts, "restarts"), (Steps, "steps")),
    "deploy": ((Rehearses, "rehearsal"),),
    "metrics": ((History, "past"), (Ages, "ages"), (Paces, "paces"), (Delays, "delays")),
    "notify": ((Resolves, "resolved"),),
}
"""What a driver of a port may offer besides, by the word that people read."""

REPLACE_ME = "REPLACE_ME"
"""What a plan's placeholders begin with: `pilotage check` asks for each."""
SECRET = Secret.__name__
DEEPEST = 8
_LINE = 120


@dataclass(frozen=True)
class Option:
    """`type` in plain words; `default` is None for none; `meaning` may be empty. `sample` has a value's shape, with
    placeholders for what is to be filled in. `options` are those within its mapping, or within each row of its list."""

    name: str
    type: str
    required: bool
    default: Any
    meaning: str
    sample: Any
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class About:
    """`package` is what was installed to bring it. Of one that is `broken` (why, one line) nothing else is known."""

    port: str
    name: str
    package: str
    line: str = ""
    options: tuple[Option, ...] = ()
    offers: tuple[str, ...] = ()
    note: str = ""
    """What its options' docstring says of them together."""
    broken: str = ""


def every() -> list[About]:
    """All installed drivers by port; one that cannot be loaded does not hide the others."""
    return [about(port, name) for port in PORTS for name in registry.names(port)]


def about(port: str, name: str) -> About:
    """Raises KeyError when none is installed under that name."""
    package = registry.package(port, name)
    try:
        kind = registry.find(port, name)
        lacks = missing(port, kind)
        if lacks:
            return About(port, name, package, broken=f"it has no {', '.join(lacks)}")
        schema = kind.Options.model_json_schema()
        options = _options(schema, schema.get("$defs", {}))
        note = _one_line(kind.Options.__doc__ or "")
        return About(port, name, package, line(kind), options, _offers(port, kind), note)
    except (Exception, SystemExit) as error:  # a stranger's driver may fail in any way
        return About(port, name, package, broken=f"{type(error).__name__}: {_one_line(str(error))[:300]}")


def line(kind: Any) -> str:
    """What a driver is, by the first sentence of its docstring or its module's; without a full stop."""
    module = sys.modules.get(str(kind.__module__))
    return _first_sentence(kind.__doc__ or (module.__doc__ if module is not None else None) or "")


def missing(port: str, kind: Any) -> list[str]:
    """What a driver of that port must have and `kind` has not."""
    needed = ["Options", *_methods(Driver), *_methods(PROTOCOLS[port])]
    return [one for one in needed if not hasattr(kind, one)]


def protocols(port: str, kind: Any) -> list[type[Any]]:
    """Its port's protocol, and those of what it offers besides."""
    besides = [one for one, _ in OFFERS.get(port, ()) if all(hasattr(kind, name) for name in _methods(one))]
    return [PROTOCOLS[port], *besides]


def _methods(protocol: type[Any]) -> list[str]:
    return [
        name
        for name, value in vars(protocol).items()
        if not name.startswith("_") and (callable(value) or isinstance(value, property))
    ]


def _offers(port: str, kind: Any) -> tuple[str, ...]:
    words = []
    there = protocols(port, kind)
    for protocol, word in OFFERS.get(port, ()):
        if protocol in there:
            kinds = sorted(kind.cohorts) if protocol is Steers else ()
            words.append(f"{word} by {', '.join(kinds)}" if kinds else word)
    return tuple(words)


# ------------------------------------------------------------------ its options


def _options(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], around: tuple[str, ...] = ()
) -> tuple[Option, ...]:
    required = schema.get("required", [])
    return tuple(
        Option(
            name,
            _words(one, definitions),
            name in required,
            one.get("default"),
            _one_line(one.get("description", "")),
            _sample(one, definitions),
            _within(one, definitions, around),
        )
        for name, one in schema.get("properties", {}).items()
    )


def _within(schema: Mapping[str, Any], definitions: Mapping[str, Any], around: tuple[str, ...]) -> tuple[Option, ...]:
    """The options of the first definition that the value may be, or its rows; one that holds itself is told once."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        inner = {} if name == SECRET or name in around else definitions.get(name, {})
        return _options(inner, definitions, (*around, name))
    inside = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if isinstance(schema.get("items"), dict):
        inside.append(schema["items"])
    return next(filter(None, (_within(one, definitions, around) for one in inside)), ())


def _words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON Schema in the words of a person who fills in a plan."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return "secret reference" if name == SECRET else _words(definitions.get(name, {}), {})
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        words = [_words(one, definitions) for one in alternatives if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    match schema.get("type"):
        case "string":
            return "path" if schema.get("format") == "path" else "text"
        case "integer":
            return f"whole number{_limits(schema)}"
        case "number":
            return f"number{_limits(schema)}"
        case "boolean":
            return "true or false"
        case "array":
            inner = schema.get("items") or {}
            return f"list of {_words(inner, definitions)}" if inner else "list"
        case "object":
            return "mapping"
    return "anything"


def _sample(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 0) -> Any:
    """The least that has the schema's shape; a definition that holds itself ends somewhere."""
    if depth > DEEPEST:
        return REPLACE_ME
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return {"env": REPLACE_ME} if name == SECRET else _sample(definitions.get(name, {}), definitions, depth + 1)
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return _sample(alternatives[0], definitions, depth + 1)
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    if schema.get("type") == "array":
        return [_sample(schema.get("items") or {}, definitions, depth + 1)]
    if schema.get("type") == "object":
        inner = {name: schema.get("properties", {}).get(name, {}) for name in schema.get("required", ())}
        return {name: _sample(one, definitions, depth + 1) for name, one in inner.items()} or {REPLACE_ME: REPLACE_ME}
    return REPLACE_ME


def _limits(schema: Mapping[str, Any]) -> str:
    words = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below", "maximum": "to"}
    return "".join(f" {word} {schema[key]:g}" for key, word in words.items() if key in schema)


def _first_sentence(text: str) -> str:
    first = _one_line(text.strip().split("\n\n", 1)[0])
    sentence = re.split(r"(?<=\.) (?=[A-Z`])", first, maxsplit=1)[0].rstrip(".")
    return sentence if len(sentence) <= _LINE else sentence[: _LINE - 3] + "..."


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
