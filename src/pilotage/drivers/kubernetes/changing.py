"""One change of one object, which nobody else's change is lost in and which no earlier one of ours can follow.

Each change carries what was read: the API server refuses it when the object is another one by then. And each leaves its
key in an annotation, so that the object is another one afterwards even if nothing else had to be changed. A request of
an earlier call that is still on its way is then refused, however late it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pilotage.core.errors import TemporaryError
from pilotage.drivers import Call
from pilotage.drivers.kubernetes.cluster import Cluster, Object
from pilotage.drivers.kubernetes.kinds import Kind
from pilotage.drivers.kubernetes.refusals import Conflict, Unfit

SET_BY = "pilotage/set-by"
_TRIES = 6
_PAUSE_S = 0.05
Patch = list[dict[str, Any]]


def notes(found: Object) -> Mapping[str, str]:
    """The object's annotations."""
    there = found["metadata"].get("annotations")
    return there if isinstance(there, dict) else {}


@dataclass(frozen=True)
class Edit:
    """What has to be changed: a JSON patch, and annotations (None takes one away)."""

    patch: Patch
    notes: Mapping[str, str | None] = field(default_factory=dict)


async def change(
    cluster: Cluster,
    kind: Kind,
    name: str,
    call: Call,
    edit: Callable[[Object], Edit],
    watched: Callable[[Object], Any],
) -> Object:
    """The object as it is afterwards. `edit` says what is needed, nothing if it is as wanted.

    A controller that notes something in the object at the same moment costs another try. Raises TemporaryError when it
    does so all the time, and when somebody else changed what is `watched`: that is not overwritten unseen.
    """
    before = await cluster.get(kind, name, within_s=call.timeout_s)
    for number in range(_TRIES):
        wanted = edit(before)
        patch = [*wanted.patch, *_annotate(before, {**wanted.notes, SET_BY: call.key})]
        if not patch:
            return before
        version = await _version(cluster, before)
        try:
            return await cluster.patch(kind, name, [*_guard(before, kind, version), *patch], within_s=call.timeout_s)
        except (Conflict, Unfit) as refused:
            await asyncio.sleep(_PAUSE_S * number)
            now = await cluster.get(kind, name, within_s=call.timeout_s)
            # A patch of what somebody has just taken away does not fit: that is found before the version is looked at.
            if isinstance(refused, Unfit) and await _version(cluster, now) == version:
                raise
            ours = notes(now).get(SET_BY) != notes(before).get(SET_BY)
            if not ours and watched(now) != watched(before):
                raise Conflict(
                    f"{await cluster.who()}: somebody else changed the {kind.kind} {name} at the same moment: {refused}"
                ) from None
            before = now
    raise TemporaryError(
        f"{await cluster.who()}: the {kind.kind} {name} was changed by others {_TRIES} times in a row, each time "
        "before the change could be made (kubectl get -o yaml --show-managed-fields tells by whom)"
    )


async def _version(cluster: Cluster, found: Object) -> str:
    version = found["metadata"].get("resourceVersion")
    if not version or not isinstance(version, str):  # without it the change would be made whatever is there now
        raise await cluster.stranger("an object without a resourceVersion came")
    return version


def _guard(found: Object, kind: Kind, version: str) -> Patch:
    """What has to be as it was read. Once we have left a key there, that is the key and the spec: the API server then
    makes the change whatever others note beside them meanwhile. Before that, and of a status, it is all of the object.
    """
    if SET_BY not in notes(found) or kind.subresource or "spec" not in found:
        return [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}]
    return [
        {"op": "test", "path": f"/metadata/annotations/{SET_BY.replace('/', '~1')}", "value": notes(found)[SET_BY]},
        {"op": "test", "path": "/spec", "value": found["spec"]},
    ]


def _annotate(found: Object, wanted: Mapping[str, str | None]) -> Patch:
    there, patch = notes(found), Patch()
    for name, value in wanted.items():
        path = f"/metadata/annotations/{name.replace('~', '~0').replace('/', '~1')}"
        if value is None and name in there:
            patch.append({"op": "remove", "path": path})
        elif value is not None and there.get(name) != value:
            patch.append({"op": "add", "path": path, "value": value})
    first: Patch = [{"op": "add", "path": "/metadata/annotations", "value": {}}]
    return patch if there or not patch else [*first, *patch]
