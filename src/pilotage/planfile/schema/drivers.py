"""The options of the installed drivers: their own pydantic models, as alternatives told apart by the driver's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pilotage.drivers import registry
from pilotage.drivers.about import line
from pilotage.drivers.secrets import Secret
from pilotage.drivers.secrets.reference import AWS, FORMS, VAULT
from pilotage.planfile.schema.kinds import FILLED_IN, Schema, mapping, text, whole

_WRITTEN = rf"^{FILLED_IN}[\s\S]"

SECRET: Schema = {
    "description": f"A reference to a secret: {FORMS}. A secret is never written into a plan.",
    "oneOf": [
        mapping("From an environment variable.", {"env": text("The variable's name.", _WRITTEN, None)}, ["env"]),
        mapping("From a file.", {"file": text("The file's absolute path.", _WRITTEN, None)}, ["file"]),
        mapping(
            "From Vault or OpenBao.",
            {"vault": text("MOUNT/PATH#KEY in a key/value engine of version 2.", whole(VAULT), None)},
            ["vault"],
        ),
        mapping(
            "From AWS Secrets Manager.",
            {"aws-secret": text("The secret's name or ARN, and #KEY where its text is JSON.", whole(AWS), None)},
            ["aws-secret"],
        ),
    ],
}

_ONLY_HERE = re.compile(r"\(\?[^:=!]|\\[AZzpPxbBuU]|\[\[:|[*+?}]\+")
"""What pydantic's regular expressions know, and other languages' read otherwise or not at all."""
_NAMES = ("properties", "patternProperties", "dependentSchemas")


def alternatives(
    port: str, key: str = "driver", own: Mapping[str, Schema] | None = None, required: tuple[str, ...] = ()
) -> list[Schema]:
    """One schema for each driver of `port`, sorted by name.

    `key` names the driver; `own` are the plan's own keys beside it, which hide options of the same name.
    """
    return [_driver(port, name, key, dict(own or {}), required) for name in registry.names(port)]


def _driver(port: str, name: str, key: str, own: dict[str, Schema], required: tuple[str, ...]) -> Schema:
    told = {key: {"const": name, "description": f"The driver {name} of the port {port}."}}
    try:
        kind = registry.find(port, name)
        options = _Rewritten(kind.Options.model_json_schema()).schema
        about = options.get("description") or f"{line(kind) or f'The driver {name}'}."
    except Exception:  # a stranger's driver may fail in any way: then its options are not known here
        return {
            "description": f"The driver {name}; its options are not known to this schema.",
            "type": "object",
            "properties": {**told, **own},
            "required": [key, *required],
        }
    properties = {
        option: one if "description" in one else {"description": f"An option of {name}. {about}", **one}
        for option, one in options.get("properties", {}).items()
    }
    needed = [one for one in options.get("required", []) if one not in told and one not in own]
    rest = {
        one: value for one, value in options.items() if one not in ("properties", "required", "description", "type")
    }
    return {
        "description": about,
        "type": "object",
        "properties": {**told, **properties, **own, **told},
        "required": [key, *required, *needed],
        **rest,
    }


class _Rewritten:
    """A model's schema without `$defs` of its own: definitions in the place of references, ours for secrets.

    Texts may be no placeholders. A definition that contains itself allows anything at the second level.
    """

    def __init__(self, schema: Schema) -> None:
        self._definitions: Schema = schema.pop("$defs", {})
        self._secret = Secret.model_json_schema()
        self.schema: Schema = self._rewrite(schema, ())

    def _rewrite(self, value: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [self._rewrite(one, inside) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return self._referred(value, inside)
        found: Schema = {}
        for key, one in value.items():
            if key == "title" or (key == "format" and one == "path"):
                continue
            if key == "pattern" and _ONLY_HERE.search(str(one)):
                continue
            if key in ("default", "enum", "const", "examples"):
                found[key] = one
            else:
                found[key] = self._named(one, inside) if key in _NAMES else self._rewrite(one, inside)
        if found.get("type") == "string" and not {"enum", "const"} & set(found):
            found |= {"not": {"pattern": "^REPLACE_ME"}} if "pattern" in found else {"pattern": f"^{FILLED_IN}"}
        if inside and isinstance(found.get("properties"), dict):
            about = f"An option. {found.get('description', '')}".strip()
            found["properties"] = {one: {"description": about, **it} for one, it in found["properties"].items()}
        if "description" in found:
            found["description"] = _sentence(str(found["description"]))
        return found

    def _named(self, properties: Any, inside: tuple[str, ...]) -> Schema:
        """Names of options, not keywords: one may be called `title`."""
        return {name: self._rewrite(one, inside) for name, one in properties.items()}

    def _referred(self, value: Schema, inside: tuple[str, ...]) -> Schema:
        name = str(value["$ref"]).removeprefix("#/$defs/")
        beside: Schema = self._rewrite({key: one for key, one in value.items() if key != "$ref"}, inside)
        definition = self._definitions.get(name, {})
        if definition == self._secret:
            return {**beside, "$ref": "#/$defs/secret"}
        if name in inside:
            return beside
        return {**self._rewrite(definition, (*inside, name)), **beside}


def _sentence(text: str) -> str:
    """As all the schema's descriptions are; a driver's own list shows it as a part of a line."""
    line = " ".join(text.split())
    return f"{line[:1].upper()}{line[1:]}{'' if line.endswith('.') or not line else '.'}"
