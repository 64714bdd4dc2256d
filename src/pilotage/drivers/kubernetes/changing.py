"""One change of one object, which nobody else's change is lost in and which no earlier one of ours can follow.

Each change carries the version of the object that was read: the API server refuses it when the object is another one by
then. And each leaves its key in an annotation, so that the object is another one afterwards even if nothing else had to
be changed. A request of an earlier call that is still on its way is then refused, however late it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pilotage.core.errors import TemporaryError
from pilotage.drivers import Call
from pilotage.drivers.kubernetes.cluster import Cluster, Object
from pilotage.drivers.kubernetes.kinds import Kind
from pilotage.drivers.kubernetes.refusals import Conflict

SET_BY = "pilotage/set-by"
_TRIES = 6
_PAUSE_S = 0.05
Patch = list[dict[str, Any]]


def notes(found: Object) -> Mapping[str, str]:
    """The object's annotations."""
    there = found["metadata"].get("annotations")
    return there if isinstance(there, dict) else {}


def annotated(found: Object, name: str, value: str | None) -> Patch:
    """What gives the object this annotation; None takes it away."""
    there = notes(found)
    path = f"/metadata/annotations/{name.replace('~', '~0').replace('/', '~1')}"
    if value is None:
        return [{"op": "remove", "path": path}] if name in there else []
    if there.get(name) == value:
        return []
    first: Patch = [] if there else [{"op": "add", "path": "/metadata/annotations", "value": {}}]
    return [*first, {"op": "add", "path": path, "value": value}]


async def change(
    cluster: Cluster,
    kind: Kind,
    name: str,
    call: Call,
    edit: Callable[[Object], Patch],
    watched: Callable[[Object], Any],
) -> Object:
    """The object as it is afterwards. `edit` gives the JSON patch that is needed, none if it is as wanted.

    A controller that notes something in the object at the same moment costs another try. Raises TemporaryError when it
    does so all the time, and when somebody else changed what is `watched`: that is not overwritten unseen.
    """
    before = await cluster.get(kind, name, within_s=call.timeout_s)
    for number in range(_TRIES):
        patch = edit(before)
        if not patch and notes(before).get(SET_BY) == call.key:
            return before
        annotating = annotated(_after(before, patch), SET_BY, call.key)
        version = {"op": "replace", "path": "/metadata/resourceVersion", "value": await _version(cluster, before)}
        try:
            return await cluster.patch(kind, name, [version, *patch, *annotating], within_s=call.timeout_s)
        except Conflict as conflict:
            await asyncio.sleep(_PAUSE_S * number)
            now = await cluster.get(kind, name, within_s=call.timeout_s)
            ours = notes(now).get(SET_BY) != notes(before).get(SET_BY)
            if not ours and watched(now) != watched(before):
                raise conflict from None
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


def _after(found: Object, patch: Patch) -> Object:
    """As far as annotations go: whether `patch` makes the first one."""
    made = any(one["path"] == "/metadata/annotations" for one in patch)
    return {"metadata": {"annotations": {"made": "by the patch"}}} if made else found
