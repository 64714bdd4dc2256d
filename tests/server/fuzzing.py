"""Requests made up from the API's own description, against the real app on a store with plans and rollouts.

Nothing may come back that the description does not say: no other status, no other shape, and no 5xx.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import requests
import schemathesis
import structlog
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pilotage.core import events as ev
from pilotage.core.model import Action, Finding, Reading, Sample, Verdict
from pilotage.core.people import Grant, Role, Scope
from pilotage.core.state import Command, check_command, fold
from pilotage.engine import Order, Outcome
from pilotage.settings import Settings
from pilotage.settings.limits import RateLimits
from pilotage.store import Store, open_store, queries
from tests.server.records import AT, add_rollout, tell
from tests.server.world import LOCAL, Idle, World
from tests.stage import PLAN
from tests.taking import made_known

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OFTEN = RateLimits(requests_per_minute=1_000_000, logins_per_minute=1200)
"""Else most answers would be that somebody asks too often."""
ENDLESS = ("streamRollout", "streamAll")
"""They answer as long as somebody reads; tests of their own read them."""
NEVER = ("shutdown",)
"""It ends the coordinator: asked by those who may not, and by nobody else."""
PHASES = "[{weight: 10%, watch: 3s}, {weight: 100%, watch: 2s}]"
SLOW = {"simulate": 8, "tryMetrics": 8, "verifyAudit": 40, "health": 60, "listDrivers": 8, "planSchema": 8}
"""Each of these takes long by its nature: at most so many requests."""
EVENTS: dict[Command, ev.Event] = {
    Command.PAUSE: ev.Paused(0, "a look"),
    Command.RESUME: ev.Resumed(0, "on"),
    Command.HOLD: ev.Held(0, "a look"),
    Command.APPROVE: ev.Approved(0, "yes"),
    Command.REPORT_TROUBLE: ev.TroubleReported(0, "users say so"),
    Command.ROLLBACK: ev.RolledBack("asked for", 0.2),
    Command.PROMOTE: ev.PromotionForced(0, "asked for"),
}


class Writing(Idle):
    """An engine that writes down what it is told, as long as the rollout's state accepts it."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store

    async def command(self, rollout: str, order: Order) -> Outcome:
        record = await self.store.run(queries.events_of, rollout)
        state = fold(record)
        check_command(state.status, order.command)
        if order.command in EVENTS:
            await tell(self.store, rollout, state.next_number, EVENTS[order.command])
        return Outcome(fold([*record]).status, True, "done")


@dataclass
class Tally:
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    by_operation: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.statuses += other.statuses
        self.failures += other.failures
        self.by_operation += other.by_operation

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())


class Fuzz:
    def __init__(self, folder: Path, store: Store) -> None:
        self.loop = asyncio.new_event_loop()
        self.world = World(folder, store, Settings(limits=OFTEN))
        self.world.engine = Writing(store)
        self.world.coordinator = replace(self.world.coordinator, engine=self.world.engine)
        object.__setattr__(self.world.app.state.access, "coordinator", self.world.coordinator)
        self.tally = Tally()
        self.cursors: dict[str, str] = {}
        self.names = self._run(self._fill())
        self.tokens = [LOCAL, *self._run(self._callers())]
        transport = httpx.ASGITransport(self.world.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        self.schema = schemathesis.openapi.from_dict(self.world.app.openapi())
        self.random = random.Random(1)
        self.askers = 1

    def close(self) -> None:
        self._run(self.client.aclose())
        self.loop.close()

    def _run(self, what: Any) -> Any:
        return self.loop.run_until_complete(what)

    async def _fill(self) -> dict[str, list[str]]:
        store, folder = self.world.store, self.world.folder
        for name in ("set", "read"):
            (folder / name).write_text("#!/bin/sh\necho 0\n")
            (folder / name).chmod(0o755)
        self.plan = PLAN.format(
            service="shop",
            phases=PHASES,
            hold="20s",
            then="rollback",
            more="",
            port=9,
        )
        found = Finding("errors", Action.WATCH, "nothing yet", 0.1, 0.1, None, float("inf"), 3.0, float("-inf"), 2.3)
        for number in range(8):
            name = await add_rollout(store, folder, f"r{number}", f"shop-{number}", AT + number)
            verdict = Verdict(Action.WATCH, "well", (found,), 0.5)
            for tick in range(2):
                await store.run(queries.add_sample, name, Sample(0, tick, AT + tick, Reading()), verdict)
        await tell(store, "r1", 3, ev.Promoted("done"))
        await tell(store, "r2", 3, ev.RolledBack("errors rise", 0.3))
        await tell(store, "r3", 3, ev.Failed("no splitter"))
        await tell(store, "r4", 3, ev.ApprovalRequested(0, "canary"))
        await tell(store, "r5", 3, ev.PhasePassed(0, "canary", Verdict(Action.PROMOTE, "well", (found,), 1.0)))
        await tell(store, "r6", 3, ev.FollowUpsPlanned((ev.PlannedFollowUp("look", AT, "look again"),)))
        desk = self.world.coordinator.desk
        plans = [
            await made_known(desk, self.plan.replace("a test", f"a test {number}"), str(folder), "plan.yaml", "ann")
            for number in range(3)
        ]
        await desk.approvals.request(plans[0], "ann")
        return {"rollout": ["latest", *(f"r{number}" for number in range(8))], "plan": plans, "item": ["look"]}

    async def _callers(self) -> list[str]:
        token = self.world.token
        return [
            await token("vera", Grant(Role.VIEWER)),
            await token("olaf", Grant(Role.OPERATOR, "shop", "test"), Grant(Role.VIEWER, "shop-3")),
            await token("anna", Grant(Role.APPROVER)),
            await token("robot", Grant(Role.ADMIN), kind="agent"),
            await token("reader", Grant(Role.ADMIN), scopes=(Scope.READ,)),
            await token("nobody", Grant(Role.VIEWER, "none")),
            "no-token-at-all",
        ]

    # ------------------------------------------------------------------ one request

    def _known(self, case: Any) -> None:
        """Made-up names are nowhere: half of the time one that is there is asked about, or sent."""
        for name, values in self.names.items():
            if name in (case.path_parameters or {}) and self.random.random() < 0.6:
                case.path_parameters[name] = self.random.choice(values)
        if case.path_parameters and self.random.random() < 0.5 and "/plans/" in case.operation.path:
            case.path_parameters["plan"] = self.random.choice(self.names["plan"])
        body = case.body
        if isinstance(body, dict) and self.random.random() < 0.6:
            if isinstance(body.get("plan"), str):
                body |= {"plan": self.plan, "directory": str(self.world.folder)}
            if isinstance(body.get("by"), str) and not body["by"].strip():
                body["by"] = "ann"
        if isinstance(body, dict):
            if case.operation.path.endswith("/simulate"):
                body |= {"runs": 1} | ({"watch_s": 3.0} if "watch_s" in body else {})
            if case.operation.path.endswith("/metrics"):
                body["apart_s"] = 0.01
        cursor = self.cursors.get(case.operation.path, "")
        if cursor and isinstance(case.query, dict) and self.random.random() < 0.3:
            case.query["cursor"] = cursor

    def ask(self, case: Any, known: bool) -> None:
        operation = case.operation.definition.raw["operationId"]
        if known:
            self._known(case)
        tokens = self.tokens[1:-1] if operation in NEVER else self.tokens
        if operation in NEVER:
            tokens = [one for one in tokens if one != self.tokens[4]]
        headers = {"Authorization": f"Bearer {self.random.choice(tokens)}"}
        raw = case.as_transport_kwargs(base_url="http://127.0.0.1", headers=headers)
        raw = {name: raw[name] for name in _SENT if name in raw}
        prepared = requests.Request(**raw).prepare()
        asked = self.client.build_request(
            prepared.method, prepared.url, headers=dict(prepared.headers), content=prepared.body
        )
        response = self._run(asyncio.wait_for(self.client.send(asked), 120))
        self.world.clock.time += 0.05
        self.tally.statuses[response.status_code] += 1
        self.tally.by_operation[operation] += 1
        if "link" in response.headers:
            self.cursors[case.operation.path] = response.headers["link"].partition("cursor=")[2].partition(">")[0]
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as error:
            told = "\n".join(map(str, error.exceptions))
            self.tally.failures.append(f"{operation}: {told}\n{response.text[:600]}")

    def run(self, each: int, askers: int = 1, part: int = 0, parts: int = 1) -> Tally:
        """`each` requests for every operation: most as described, some that are not; each by `askers` of the callers.

        Of the operations those only that are this part's.
        """
        self.askers = askers
        for number, found in enumerate(self.schema.get_all_operations()):
            operation = found.ok()
            if operation.definition.raw["operationId"] in ENDLESS or number % parts != part:
                continue
            most = min(each, SLOW.get(operation.definition.raw["operationId"], each))
            for mode, count in ((GenerationMode.POSITIVE, most - most // 4), (GenerationMode.NEGATIVE, most // 4)):
                self._many(operation, mode, count, number)
                if len(self.tally.failures) > 20:
                    return self.tally
        return self.tally

    def _many(self, operation: Any, mode: GenerationMode, count: int, number: int) -> None:
        strategy = operation.as_strategy(generation_mode=mode)
        left = itertools.count()

        @seed(number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(case=strategy)
        def one(case: Any) -> None:
            if next(left) >= count:
                return
            for _ in range(self.askers):
                self.ask(case, known=mode is GenerationMode.POSITIVE)

        with suppress(Unsatisfiable):  # an operation that takes nothing cannot be asked wrongly
            one()


def one_part(empty: Path, folder: Path, part: int, parts: int, each: int, askers: int) -> Tally:
    """In a process of its own, on a store of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder.mkdir()
    shutil.copy(empty, folder)
    store = open_store(folder)
    fuzz = Fuzz(folder, store)
    try:
        return fuzz.run(each, askers, part, parts)
    finally:
        fuzz.close()
        store.close()


_SENT = ("method", "url", "headers", "params", "json", "data", "files", "cookies")


def operations(fuzz: Fuzz) -> Iterator[str]:
    for found in fuzz.schema.get_all_operations():
        yield found.ok().definition.raw["operationId"]
