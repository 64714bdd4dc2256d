"""The ports: how Pilotage reaches what a team already has.

A driver is one class in one file, found through an entry point - ours and a stranger's alike::

    [project.entry-points."pilotage.traffic"]
    myproxy = "my_package.myproxy:MyProxy"

It has an inner class `Options` (a `DriverOptions`), is built as ``MyProxy(options, context)`` and has the
methods of its port's Protocol below. Raise `TemporaryError` when trying again may help, `PermanentError` when not; any
other exception counts as temporary and is shown with its type. `pilotage.testing` has the contract of each port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pilotage.core.model import Cohort, CohortKind
from pilotage.drivers.values import Call, Context, DriverOptions, Evidence, Message, Past, Piece, Point, Ticket

__all__ = [
    "PORTS",
    "Ages",
    "Call",
    "Check",
    "Context",
    "Delays",
    "Deployer",
    "Driver",
    "DriverOptions",
    "Evidence",
    "History",
    "Logs",
    "Message",
    "Metrics",
    "Mirrors",
    "Notifier",
    "Paces",
    "Past",
    "Piece",
    "Point",
    "Pool",
    "PoolState",
    "Rehearses",
    "Resolves",
    "Restarts",
    "Steers",
    "Steps",
    "Ticket",
    "Tracker",
    "Traffic",
]

PORTS = ("traffic", "pool", "deploy", "metrics", "notify", "logs", "checks", "tracker")


@runtime_checkable
class Driver(Protocol):
    Options: ClassVar[type[DriverOptions]]

    def __init__(self, options: Any, context: Context) -> None: ...

    async def probe(self) -> str:
        """Answer "could you do your work now?" without changing anything: one line for a person, or raise."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Traffic(Driver, Protocol):
    async def set_weight(self, weight: float, call: Call) -> float:
        """Send `weight` percent to the canary; returns the weight really in force, read back. Idempotent.

        Cancelled, it ends only when it can change nothing any more: the call for which it was ended follows at once.
        """
        ...

    async def read_weight(self) -> float:
        """The percent in force now, as the splitter itself reports it."""
        ...


@runtime_checkable
class Steers(Protocol):
    """What a splitter may offer besides: cohorts. `set_weight` brings `call.cohort` into force with the weight, and
    takes away the one that is none of this call's (None: there is none any more)."""

    @property
    def cohorts(self) -> frozenset[CohortKind]:
        """The kinds that it can, with the options it has. On the class: those that it could."""
        ...

    async def read_cohort(self) -> Cohort | None:
        """The cohort in force, as the splitter itself reports it where it can, else as it was configured."""
        ...


@runtime_checkable
class Mirrors(Protocol):
    """What a splitter may offer besides: copies of requests, whose answers nobody gets. `set_weight` brings
    `call.mirror` into force with the weight."""

    async def read_mirror(self) -> float:
        """The percent of requests copied to the canary now."""
        ...


@runtime_checkable
class Restarts(Protocol):
    """What a splitter may offer besides: since when it runs. One that began anew has forgotten its weight; in one that
    did not, somebody has changed it."""

    async def started_at(self) -> float:
        """Unix seconds, right to within two."""
        ...


@runtime_checkable
class Steps(Protocol):
    """What a splitter may offer besides: it tells beforehand that it can only set certain weights."""

    async def nearest(self, weight: float) -> float:
        """The percent that would be in force if `weight` were set now. Changes nothing."""
        ...


PoolState = Literal["ready", "drained", "down"]
"""Of a server in its pool: takes requests, is out of rotation, or is in rotation but fails its health check."""


@runtime_checkable
class Pool(Driver, Protocol):
    """What takes servers out of rotation and puts them back, for rolling deployments; servers go by its own names."""

    async def drain(self, server: str, call: Call) -> str:
        """`server` gets no new request and has answered its last one; returns a line for the record. Idempotent.

        Raises PermanentError for a server that the pool does not know, TemporaryError when requests are still running
        after `call.timeout_s`: then it stays out of rotation.
        """
        ...

    async def ready(self, server: str, call: Call) -> str:
        """`server` is in rotation and the pool thinks it well; returns a line for the record. Idempotent."""
        ...

    async def states(self) -> Mapping[str, PoolState]:
        """Every server of the pool by its name."""
        ...


@runtime_checkable
class Deployer(Driver, Protocol):
    async def deploy(self, version: str, call: Call) -> str:
        """Make `version` ready to take traffic; returns a line for the record. Idempotent."""
        ...


@runtime_checkable
class Rehearses(Protocol):
    """What a deployer may offer besides: a try of everything in a deploy but what others would notice."""

    async def rehearse(self, version: str, call: Call) -> str:
        """Whether `version` is known and could be deployed now: a line for the record, or raise as `deploy` would."""
        ...


Language = Literal["promql", "page", "own"]
"""What a metrics driver's selectors are, said as `language` on its class: PromQL; plain selectors
(``name{label="value"}``) of a page in Prometheus' format; or its own (also when it says nothing). In PromQL a plan asks
for rates, elsewhere the engine computes them from two readings; presets need one of the first two."""


@runtime_checkable
class Metrics(Driver, Protocol):
    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """For each selector, its series with their present values, in the selectors' order.

        A selector without series gives an empty list: the judge treats that as missing data. Counters are cumulative.
        """
        ...


@runtime_checkable
class History(Protocol):
    """What a metrics driver may offer besides: the past. The judge learns from it how noisy control usually is."""

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        """What `read` would have answered every `step_s` during the last `seconds`, the oldest first."""
        ...


@runtime_checkable
class Ages(Protocol):
    """What a metrics driver may offer besides: how fresh its numbers are. A rule that is evaluated rarely, or a target
    that is scraped rarely, shows no rise between two ticks."""

    async def ages(self, selectors: Sequence[str]) -> list[float | None]:
        """For each selector the seconds since its newest sample was taken; None where that cannot be told."""
        ...


@runtime_checkable
class Paces(Protocol):
    """What a metrics driver may offer besides: how often its numbers have really come, whatever its options say."""

    async def paces(self, selectors: Sequence[str]) -> list[float | None]:
        """For each selector the seconds between two of its samples lately; None where that cannot be told."""
        ...


@runtime_checkable
class Delays(Protocol):
    """What a metrics driver may offer besides: that its numbers come seldom or late, as those of hosted services do.
    A phase is watched from when they know of its traffic."""

    @property
    def every_s(self) -> float:
        """Seconds between two new numbers: looking more often sees nothing new."""
        ...

    @property
    def behind_s(self) -> float:
        """What happened more than so many seconds ago is in the newest numbers."""
        ...


@runtime_checkable
class Notifier(Driver, Protocol):
    async def send(self, message: Message) -> str | None:
        """Deliver, or raise. Called again with the same `message.id` until it succeeds.

        Returns the post that later messages of the rollout edit or answer (their `thread`); None keeps the last one.
        Where `message.attempt` is not 0 look first whether it has arrived, if the service can tell.
        """
        ...


@runtime_checkable
class Resolves(Protocol):
    """What a notifier may offer besides: whether the post says that all is over (a status page does)."""

    async def resolved(self, thread: str) -> Evidence: ...


@runtime_checkable
class Tracker(Driver, Protocol):
    async def open(self, ticket: Ticket) -> str:
        """Opens the ticket, once for its key; returns its address or number."""
        ...


@runtime_checkable
class Logs(Driver, Protocol):
    async def read(self) -> list[Piece]:
        """What was written since the last call, about 8 MiB at most; empty when nothing is new. Never waits long."""
        ...

    def continue_at(self, places: Mapping[str, int]) -> None:
        """Before the first read: go on at these places (stream to offset), as stored before a restart.

        Without places a source that is already there is followed from its end; with places, what they do not name is
        unknown and read from its beginning. What is born later is always read from its beginning.
        """
        ...

    def past(self, seconds: float, limit: int) -> AsyncIterator[Piece]:
        """What was written before `read` starts, the oldest first (an async generator).

        Only what was touched within `seconds`, and of that the newest `limit` bytes.
        """
        ...

    def troubles(self) -> list[str]:
        """What a person should know since the last call, each said once."""
        ...


@runtime_checkable
class Check(Driver, Protocol):
    async def look(self) -> Evidence:
        """Whether what the checklist asks for holds now, with what was seen. Changes nothing; called again and again.

        Raises as the other ports do: an item whose check fails stays open, with the error as its text.
        """
        ...
