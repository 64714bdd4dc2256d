"""The servers of a backend of HAProxy, out of rotation and back through its runtime socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, PoolState
from pilotage.drivers.answers import listed
from pilotage.drivers.haproxy import Backend, HaproxyOptions, Runtime, Server
from pilotage.drivers.looks import looks


class HaproxyPool:
    class Options(HaproxyOptions):
        pass

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._runtime = Runtime(options, context)
        self._draining = asyncio.Lock()

    async def drain(self, server: str, call: Call) -> str:
        async with self._draining:  # a batch drains all its servers at once, and one has to be left
            await self._take_out(server)
        await self._runtime.save_state()
        late = "{running} of its requests have not ended within {within}; it stays out of rotation"
        await self._wait(server, call, lambda now: now.running == 0, late)
        return f"HAProxy sends {server} no requests, and its last one has ended"

    async def ready(self, server: str, call: Call) -> str:
        one = (await self._runtime.look()).server(server)
        if one.weight == 0:
            raise PermanentError(
                f"{server} in HAProxy's backend {self._options.backend} has weight 0: it would get no requests. "
                f"Set its weight first: set weight {self._options.backend}/{server} 1"
            )
        if not one.in_rotation:
            await self._bring_back(one)
        await self._wait(server, call, lambda now: now.up and now.in_rotation, "it is {state} after {within}")
        await self._runtime.save_state()
        return f"HAProxy has {server} in rotation, and {'its check says UP' if one.checked else 'does not check it'}"

    async def states(self) -> Mapping[str, PoolState]:
        return {name: _state(one) for name, one in (await self._runtime.look()).servers.items()}

    async def probe(self) -> str:
        await self._runtime.expect_admin()
        await self._runtime.expect_state_file()
        backend = await self._runtime.look()
        taking = [one.name for one in _taking(backend)]
        return f"HAProxy's backend {backend.name} has {len(backend.servers)} servers, {len(taking)} take requests"

    async def close(self) -> None:
        """Each command has a connection of its own."""

    async def _take_out(self, server: str) -> None:
        backend = await self._runtime.look()
        one = backend.server(server)
        # Only before the first drain: one that is out already must be waited for, whatever became of the others.
        if one.takes_requests and not [other for other in _taking(backend) if other is not one]:
            raise PermanentError(
                f"{server} is the last server of HAProxy's backend {backend.name} that takes requests: without it "
                f"everything gets 503. The others: {_others(backend, server)}"
            )
        # A server that drains still gets requests of users bound to it; in maintenance it gets none.
        if await self._binds(backend):
            if not one.maintained:
                await self._state(server, "maint")
        elif one.in_rotation:
            await self._state(server, "drain")

    async def _bring_back(self, one: Server) -> None:
        """What a check said before the deployment counts for nothing: it has to say it anew."""
        if one.maintained and one.checked:
            await self._state(one.name, "drain")  # in maintenance the checks rest
        if one.checked:
            said = await self._runtime.ask(f"set server {self._options.backend}/{one.name} health down")
            if said.strip() and "tracking" not in said:
                raise PermanentError(f"HAProxy refused to check {one.name} anew: {said.strip()[:200]}")
        await self._state(one.name, "ready")

    async def _state(self, server: str, state: str) -> None:
        await self._runtime.change(f"set server {self._options.backend}/{server} state {state}")

    async def _binds(self, backend: Backend) -> bool:
        return bool(backend.cookie) or backend.name in await self._runtime.tables()

    async def _wait(self, server: str, call: Call, done: Callable[[Server], bool], late: str) -> None:
        async for _ in looks(call.timeout_s, 0.01):
            now = (await self._runtime.look()).server(server)
            if done(now):
                return
        what = late.format(running=now.running, state=now.state, within=f"{call.timeout_s:g} s")
        raise TemporaryError(f"{server} in HAProxy's backend {self._options.backend}: {what}")


def _taking(backend: Backend) -> list[Server]:
    return [one for one in backend.servers.values() if one.takes_requests]


def _others(backend: Backend, server: str) -> str:
    return listed([f"{one.name} is {one.state}" for one in backend.servers.values() if one.name != server]) or "none"


def _state(one: Server) -> PoolState:
    if not one.in_rotation or one.weight == 0:
        return "drained"
    return "ready" if one.up else "down"
