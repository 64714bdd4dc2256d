"""Driver options: each driver's own model checks them; its answers become Problems. Values that may be secret
are never shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from pilotage.core.model import DriverRef
from pilotage.core.secretnames import SECRET_NAME
from pilotage.drivers import registry
from pilotage.drivers.secrets import Secret
from pilotage.planfile.document import Node
from pilotage.planfile.reader import Reader, did_you_mean, show
from pilotage.planfile.wording import expectation

NOT_SHOWN = "a value that is not shown"


def driver(
    reader: Reader, node: Node, path: str, port: str, own: Collection[str] = (), key: str = "driver"
) -> DriverRef | None:
    """The driver at `node`, checked; `key` names it. `own` are the mapping's other keys that are not the driver's."""
    entries = reader.mapping(node, path, [key, *own], [key], free=True)
    name = reader.one_of(entries.get(key), f"{path}.{key}", registry.names(port))
    if name is None:
        return None
    written = {option: one for option, one in entries.items() if option != key and option not in own}
    options = {option: one.plain() for option, one in written.items()}
    ref = DriverRef(name, options)
    try:
        model = registry.find(port, name).Options
        # Strictly: `timeout_s: true` and `timeout_s: "5"` are slips, as everywhere in a plan.
        checked = model.model_validate_json(json.dumps(options), strict=True)
    except ValidationError as error:
        told(reader, node, path, error, {name: one.description or "" for name, one in model.model_fields.items()})
        return None
    except Exception as error:  # a stranger's driver may fail in any way: still no traceback for a plan's author
        reader.wrong(path, node, f"options that the driver {name} accepts", f"{type(error).__name__} from it")
        return None
    for place, secret in _secrets(checked, ()) if reader.secrets else ():
        try:
            reason = secret.missing()
        except (OSError, ValueError):
            reason = "a reference that cannot be followed"
        if reason:
            at, line, _ = _locate(node, path, place)
            reader.wrong(at, line, "a secret that can be read", reason)
    return ref


def told(reader: Reader, node: Node, path: str, error: ValidationError, fields: Mapping[str, str]) -> None:
    """Alternatives of one option (text, or a secret) are one problem that names them both."""
    by_option: dict[str, list[Any]] = {}
    for one in error.errors(include_url=False, include_input=False):
        place, _, _ = _locate(node, path, one["loc"])
        by_option.setdefault(
            place if one["type"] not in ("missing", "extra_forbidden") else str(one["loc"]), []
        ).append(one)
    for alternatives in by_option.values():
        expected = " or ".join(
            dict.fromkeys(
                expectation(one, fields.get(str(one["loc"][0]), "") if len(one["loc"]) == 1 else "")
                for one in alternatives
            )
        )
        _problem(reader, node, path, alternatives[0], fields, expected)


def _problem(reader: Reader, node: Node, path: str, error: Any, fields: Collection[str], message: str) -> None:
    at, line, found = _locate(node, path, error["loc"])
    if error["type"] == "missing":
        reader.wrong(f"{at}.{error['loc'][-1]}", line, f"the option {error['loc'][-1]}", "nothing")
        return
    if error["type"] == "extra_forbidden":
        known = fields if len(error["loc"]) == 1 else ()
        key = str(error["loc"][-1])[:60]
        expected = f"one of {', '.join(known)}" if known else "an option the driver knows"
        reader.wrong(at, line, expected, f'the unknown option "{key}"', did_you_mean(key, known))
        return
    got = _shown(found, at)
    if found is not None and isinstance(found.value, str) and found.value.strip() and got == NOT_SHOWN:
        message = message.replace(found.value, "...")
    reader.wrong(at, line, message, got)


def _shown(found: Node | None, path: str) -> str:
    if found is None:
        return "nothing"
    last = path.rsplit(".", 1)[-1]
    if isinstance(found.value, str) and (SECRET_NAME.search(last) or "://" in found.value or len(found.value) > 20):
        return NOT_SHOWN
    return show(found)


def _locate(node: Node, path: str, place: tuple[Any, ...]) -> tuple[str, int, Node | None]:
    """Dotted path, line and node of a place in the options; parts that are no key (union tags) are passed over."""
    line, found = node.line, node
    for part in place:
        if isinstance(found.value, dict) and str(part) in found.value:
            line, path = found.key_lines[str(part)], f"{path}.{part}"
            found = found.value[str(part)]
        elif isinstance(found.value, list) and isinstance(part, int) and part < len(found.value):
            found, path = found.value[part], f"{path}[{part}]"
            line = found.line
    return path, line, found


def _secrets(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Secret]]:
    if isinstance(value, Secret):
        yield place, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), (*place, name))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _secrets(one, (*place, key))
    elif isinstance(value, (list, tuple)):
        for index, one in enumerate(value):
            yield from _secrets(one, (*place, index))
