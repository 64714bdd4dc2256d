"""A driver's way to its cluster. Drivers of one kubeconfig and context share a connection: see `drivers/http`."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote
from weakref import WeakKeyDictionary

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.kubernetes import config
from pilotage.drivers.kubernetes.kinds import Kind
from pilotage.drivers.kubernetes.options import ClusterOptions
from pilotage.drivers.kubernetes.refusals import not_allowed, refusal
from pilotage.drivers.unreached import unreached

if TYPE_CHECKING:
    from pilotage.drivers.kubernetes.wire import Connection

Object = dict[str, Any]
Patch = Literal["json", "merge", "strategic", "apply"]
_Key = tuple[Any, ...]
_Ask = Callable[[Any, dict[str, Any]], Awaitable[Any]]
"""Of lightkube's client, with the kind's class and the namespace."""
_LOGIN_WITHIN_S = 30.0
_PAGE = 80
"""Objects that come at once: pods have 20 KiB each with a mesh's sidecar, and some have more."""
_WIRE = "pilotage.drivers.kubernetes.wire"
_REVIEW = Kind("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False)
_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, Connection]] = WeakKeyDictionary()


class Cluster:
    """Objects are plain JSON, checked only to be of the kind and name asked for. Never retries.

    Every method raises PermanentError or TemporaryError, and `refusals.Conflict` when an object was changed meanwhile.
    """

    def __init__(self, options: ClusterOptions, context: Context) -> None:
        self._options = options
        self._directory = context.directory
        self._held: tuple[_Key, Connection] | None = None
        self._context, self._namespace = options.context, options.namespace

    async def namespace(self) -> str:
        await self._connection()
        return str(self._namespace)

    async def get(self, kind: Kind, name: str, *, within_s: float | None = None) -> Object:
        async def ask(client: Any, given: dict[str, Any]) -> Any:
            return await client.get(given.pop("kind"), name, **given)

        return await self._one("get", kind, name, within_s, ask)

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Any,
        how: Patch = "json",
        *,
        force: bool = False,
        dry_run: bool = False,
        within_s: float | None = None,
    ) -> Object:
        """The object as it is afterwards. With ``metadata.resourceVersion`` in the patch only what was read is changed.

        A field that the cluster does not know is refused, never dropped in silence.
        """

        async def ask(client: Any, given: dict[str, Any]) -> Any:
            wire = await _library()
            given |= {"patch_type": wire.PATCHES[how], "force": force, "dry_run": dry_run}
            return await client.patch(given.pop("kind"), name, patch, **given)

        return await self._one("patch", kind, name, within_s, ask)

    async def create(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        name = str(body.get("metadata", {}).get("name", ""))

        async def ask(client: Any, given: dict[str, Any]) -> Any:
            return await client.create(given.pop("kind")(body), dry_run=dry_run, **given)

        return await self._one("create", kind, name, None, ask)

    async def replace(self, kind: Kind, body: Object, *, dry_run: bool = False) -> Object:
        """With the resourceVersion in `body`, only what was read is replaced."""
        name = str(body["metadata"]["name"])

        async def ask(client: Any, given: dict[str, Any]) -> Any:
            return await client.replace(given.pop("kind")(body), name, dry_run=dry_run, **given)

        return await self._one("update", kind, name, None, ask)

    async def list(
        self, kind: Kind, *, labels: Mapping[str, str] | None = None, fields: Mapping[str, str] | None = None
    ) -> list[Object]:
        """All that match, page by page."""

        async def ask(client: Any, given: dict[str, Any]) -> list[Object]:
            found = client.list(given.pop("kind"), labels=labels, fields=fields, chunk_size=_PAGE, **given)
            return [one async for one in found]

        listed: list[Object] = await self._call("list", kind, "", None, ask)
        if not all(isinstance(one, dict) and isinstance(one.get("metadata"), dict) for one in listed):
            raise (await self.stranger("its list has something else than objects"))
        return listed

    async def log(self, pod: str, params: Mapping[str, str]) -> bytes:
        """A pod's log with the API's own parameters, such as container, sinceTime, limitBytes and timestamps."""
        kind = Kind("", "v1", "Pod", "pods", "log")
        path = f"/api/v1/namespaces/{await self.namespace()}/pods/{quote(pod, safe='')}/log"

        async def ask(client: Any, given: dict[str, Any]) -> bytes:
            return await (await self._connection()).get_text(path, dict(params))

        found: bytes = await self._call("get", kind, pod, None, ask)
        return found

    async def check_right(self, verb: str, kind: Kind, name: str = "") -> None:
        """Raises PermanentError, with the rule that is missing, unless this user may do so. Changes nothing.

        A cluster that does not answer such questions is asked no further: then the call itself will tell.
        """
        where = {"namespace": await self.namespace()} if kind.namespaced else {}
        asked = {"group": kind.group, "resource": kind.plural, "verb": verb, "name": name, **where}
        asked |= {"subresource": kind.subresource} if kind.subresource else {}
        try:
            answer = await self.create(_REVIEW, {"metadata": {}, "spec": {"resourceAttributes": asked}})
        except PermanentError:
            return
        status = answer.get("status")
        if isinstance(status, dict) and status.get("allowed") is False:
            who, place = (await self._connection()).who, f" in the namespace {where['namespace']}" if where else ""
            raise not_allowed(who, "the kubeconfig's user", verb, kind, place)

    async def stranger(self, why: str) -> PermanentError:
        """For an answer that is not an API server's."""
        who = (await self._connection()).who
        return PermanentError(
            f"{who} does not answer as an API server does: {why}. Is `server` in the kubeconfig right?"
        )

    async def who(self) -> str:
        """What errors call the cluster."""
        return (await self._connection()).who

    async def close(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            await _leave(*held)

    async def _one(self, verb: str, kind: Kind, name: str, within_s: float | None, ask: _Ask) -> Object:
        found = await self._call(verb, kind, name, within_s, ask)
        meta = found.get("metadata") if isinstance(found, dict) else None
        same = isinstance(meta, dict) and (not name or meta.get("name") == name)
        if not same or (found.get("kind") != kind.kind and kind.subresource != "scale"):
            raise (await self.stranger(f"its answer is no {kind.kind}{f' {name}' if name else ''}"))
        return dict(found)

    async def _call(self, verb: str, kind: Kind, name: str, within_s: float | None, ask: _Ask) -> Any:
        limit = min(within_s or self._options.timeout_s, self._options.timeout_s)
        connection = await self._connection()
        namespace = await self.namespace()
        wire = await _library()
        await connection.login.prepare()
        given: dict[str, Any] = {"kind": wire.resource(kind)}
        if kind.namespaced:
            given["namespace"] = namespace
        try:
            async with asyncio.timeout(limit):
                return await ask(connection.client, given)
        except TimeoutError:
            raise TemporaryError(f"{connection.who} did not answer within {limit:g} s") from None
        except wire.Refused as refused:
            raise refusal(refused.answer, connection.who, verb, kind, name, namespace) from None
        except wire.TooMuch:
            raise (await self.stranger("more came than an object can have")) from None
        except wire.NOT_REACHED as error:
            trust = "`certificate-authority` of the kubeconfig's cluster names whom to trust"
            raise unreached(error, connection.who, connection.server, "server", trust) from None
        except DriverError:
            raise
        except wire.NOT_ITS_ANSWER:
            raise (await self.stranger("its answer is not the JSON expected")) from None

    async def _connection(self) -> Connection:
        """The shared one; another one when the kubeconfig has been written anew meanwhile.

        The context and the namespace stay those that were current at first: a rollout does not move to another cluster
        because somebody chose one in a terminal. A kubeconfig that cannot be read any more, as it is being written, is
        no reason to lose a connection that is there.
        """
        files = config.files(self._options.kubeconfig, self._directory)
        stamps = tuple((str(path), *_stamp(path)) for path in files)
        if self._held is not None and self._held[0] == (self._context, *stamps):
            return self._held[1]
        wire = await _library()
        try:
            access = await asyncio.to_thread(config.read, files, self._context)
            context = access.context if files else None
            key = (context, *stamps)
            there = _shared.setdefault(asyncio.get_running_loop(), {})
            if key not in there:
                made = await asyncio.to_thread(wire.Connection, access, _LOGIN_WITHIN_S)
                there.setdefault(key, made)
        except PermanentError:
            if self._held is not None:
                return self._held[1]
            raise
        self._context, self._namespace = context, self._namespace or access.namespace
        before, self._held = self._held, (key, there[key])
        there[key].users += 1
        if before is not None:
            await _leave(*before)
        return self._held[1]


async def _leave(key: _Key, connection: Connection) -> None:
    connection.users -= 1
    if connection.users == 0:
        _shared.get(asyncio.get_running_loop(), {}).pop(key, None)
        await connection.close()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


async def _library() -> Any:
    if (loaded := sys.modules.get(_WIRE)) is not None and hasattr(loaded, "Connection"):
        return loaded
    try:
        return await asyncio.to_thread(importlib.import_module, _WIRE)  # that takes half a second
    except ImportError:
        raise PermanentError("Kubernetes needs lightkube: pip install 'pilotage[kubernetes]'") from None
