"""HAProxy, through its runtime socket: the weights of the canary's servers and of the stable ones.

HAProxy's round robin takes a new weight into account at the end of a cycle, and a cycle is as long as the weights are
large. The smallest weights with the wanted share are therefore the ones that come into force first.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import listed
from pilotage.drivers.haproxy import Backend, HaproxyOptions, Name, Runtime, Server
from pilotage.drivers.looks import looks
from pilotage.drivers.weights import check_weight

MOST_WEIGHT = 256
# Weights are shares of requests with these two only. HAProxy 2.6 has no name for `random`.
_ALGORITHMS = ("roundrobin", "random", "unknown")


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _each_once(names: list[str]) -> list[str]:
    if not names:
        raise ValueError("one server at least, not an empty list")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"each server once, not {', '.join(twice)} twice")
    return names


Servers = Annotated[list[Name], BeforeValidator(_one_or_more), AfterValidator(_each_once)]


class HaproxyTraffic:
    class Options(HaproxyOptions):
        canary: Servers = Field(description="the new version's server or servers, by name")
        stable: Servers = Field(
            description="the present version's; with `canary` all servers of the backend but backup ones"
        )

        @model_validator(mode="after")
        def _no_server_is_both(self) -> HaproxyTraffic.Options:
            if both := sorted(set(self.canary) & set(self.stable)):
                raise ValueError(f"each server in canary or in stable, not {', '.join(both)} in both")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._runtime = Runtime(options, context)

    async def set_weight(self, weight: float, call: Call) -> float:
        check_weight(weight)
        backend = await self._runtime.look()
        canary, stable = self._sides(backend)
        if weight > 0:
            _expect_up(backend, "canary", canary)
        if weight < 100:
            _expect_up(backend, "stable", stable)
        of_canary, of_stable = weights(weight, _in_rotation(canary), _in_rotation(stable))
        await self._set(canary, of_canary, stable, of_stable)
        wanted = {one.name: of_canary for one in canary} | {one.name: of_stable for one in stable}
        async for _ in looks(call.timeout_s):
            now = await self._runtime.look()
            late = [name for name, number in wanted.items() if now.server(name).weight != number]
            if not late:
                await self._runtime.save_state()
                return self._share(now)
        raise TemporaryError(
            f"HAProxy did not take over {weight:g} % within {call.timeout_s:g} s: {listed(late)} in "
            f"backend {now.name} has another weight. Does somebody else set it, too?"
        )

    async def read_weight(self) -> float:
        return self._share(await self._runtime.look())

    async def started_at(self) -> float:
        return await self._runtime.started_at()

    async def probe(self) -> str:
        await self._runtime.expect_admin()
        await self._runtime.expect_state_file()
        backend = await self._runtime.look()
        self._expect_weights_to_count(backend)
        if backend.cookie or backend.name in await self._runtime.tables():
            raise PermanentError(
                f"HAProxy's backend {backend.name} binds users to servers (a cookie or a stick table): a share counts "
                "only for newcomers, and after a rollback the others would stay on the canary. Use a backend without; "
                "a table that only counts can stand in a backend of its own"
            )
        canary, stable = self._sides(backend)
        _expect_up(backend, "canary", canary)
        _expect_up(backend, "stable", stable)
        return f"HAProxy's backend {backend.name} has {self._share(backend):g} % on {listed(self._options.canary)}"

    async def close(self) -> None:
        """Each command has a connection of its own."""

    def _sides(self, backend: Backend) -> tuple[list[Server], list[Server]]:
        canary, stable = self._options.canary, self._options.stable
        return [backend.server(name) for name in canary], [backend.server(name) for name in stable]

    def _strangers(self, backend: Backend) -> list[Server]:
        """In neither list, though they may get requests while the others work."""
        ours = {*self._options.canary, *self._options.stable}
        return [one for one in backend.servers.values() if one.name not in ours and not one.backup]

    def _share(self, backend: Backend) -> float:
        """Percent, by the weights of the servers in rotation: what HAProxy was told, whatever their health."""
        canary, stable = self._sides(backend)
        of_canary = sum(one.weight for one in canary if one.in_rotation)
        others = sum(one.weight for one in (*stable, *self._strangers(backend)) if one.in_rotation)
        if not of_canary + others:
            raise PermanentError(
                f"no server of HAProxy's backend {backend.name} has a weight and is in rotation: it answers 503"
            )
        return of_canary / (of_canary + others) * 100

    def _expect_weights_to_count(self, backend: Backend) -> None:
        if backend.algorithm not in _ALGORITHMS:
            raise PermanentError(
                f"HAProxy's backend {backend.name} has `balance {backend.algorithm}`: its share of requests does not "
                "follow weights that are set while it runs. Use `balance roundrobin`"
            )
        if strange := [one.name for one in self._strangers(backend) if one.in_rotation and one.weight]:
            raise PermanentError(
                f"the weights do not add up: {listed(strange)} in HAProxy's backend {backend.name} is in neither "
                "canary nor stable. Name every server in one of them"
            )
        if spare := [one.name for one in map(backend.server, self._all()) if one.backup]:
            raise PermanentError(
                f"{listed(spare)} in HAProxy's backend {backend.name} is a backup server: weights do not reach it"
            )

    def _all(self) -> list[str]:
        return [*self._options.canary, *self._options.stable]

    async def _set(self, canary: list[Server], of_canary: int, stable: list[Server], of_stable: int) -> None:
        """The share moves one way only, and some server has a weight at every moment.

        The side that grows goes first, but where the other's weights rise as well: between the two steps it would get
        more than it should.
        """
        steps = [(canary, of_canary), (stable, of_stable)]
        before = sum(one.weight for one in canary), sum(one.weight for one in stable)
        after = of_canary * len(canary), of_stable * len(stable)
        canary_grows = after[0] * before[1] >= before[0] * after[1]
        if (after[1] > before[1]) if canary_grows else (after[0] <= before[0]):
            steps.reverse()
        for servers, number in steps:
            for one in servers:
                if one.weight != number:
                    await self._runtime.change(f"set weight {self._options.backend}/{one.name} {number}")


def weights(percent: float, canary: int, stable: int) -> tuple[int, int]:
    """The smallest weights, for each of `canary` and of `stable` servers, whose share is nearest to `percent`.

    Nearest to a thousandth of a percent. Raises PermanentError for a share other than 0 and 100 that is out of reach.
    """
    if percent in (0, 100):
        return (0, 1) if percent == 0 else (1, 0)
    least = canary / (canary + MOST_WEIGHT * stable) * 100
    most = MOST_WEIGHT * canary / (MOST_WEIGHT * canary + stable) * 100
    if not least <= percent <= most:
        raise PermanentError(
            f"HAProxy's weights go from 1 to {MOST_WEIGHT}: with {canary} canary and {stable} stable servers a share "
            f"can be {least:.3g} to {most:.4g} %, not {percent:g} %"
        )
    possible = []
    for one in range(1, MOST_WEIGHT + 1):
        exact = one * canary * (100 - percent) / (stable * percent)
        for other in {math.floor(exact), math.ceil(exact)}:
            if 1 <= other <= MOST_WEIGHT:
                share = one * canary / (one * canary + other * stable) * 100
                possible.append((round(abs(share - percent), 3), one * canary + other * stable, one, other))
    return min(possible)[2:]


def _in_rotation(servers: list[Server]) -> int:
    return sum(one.in_rotation for one in servers) or len(servers)


def _expect_up(backend: Backend, side: str, servers: list[Server]) -> None:
    if not any(one.up and one.in_rotation for one in servers):
        named = listed([f"{one.name} is {one.state}" for one in servers])
        raise TemporaryError(f"no {side} server of HAProxy's backend {backend.name} takes requests: {named}")
