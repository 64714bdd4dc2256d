"""One trace from a command to the driver's call, as a real receiver of OTLP/HTTP gets it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pilotage.core.state import Command
from tests.server.otlp import Receiver, Told, receiving
from tests.stage import Local, Stage, local, wait_for

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, CALLER_SPAN = CALLER.split("-")[1:3]
SECRET = "hunter2-and-more"
LONG = "[{weight: 10%, watch: 60s}, {weight: 100%, watch: 2s}]"


@dataclass
class Story:
    """A rollout that a person has rolled back, and what was told of it."""

    rollout: str
    spans: list[Told]
    bodies: bytes

    def trace(self, trace: str) -> list[Told]:
        return [one for one in self.spans if one.trace == trace]

    def chain(self, span: Told) -> list[str]:
        """The names from the trace's first span down to this one."""
        by_id = {one.id: one for one in self.trace(span.trace)}
        names = [span.name]
        while (above := by_id.get(span.parent)) is not None:
            span = above
            names.insert(0, span.name)
        return names


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("stage")
    stage = Stage(folder)
    variables = {"HOOK_KEY": SECRET, "PILOTAGE_TRACE_TICKS": "2"}
    more = f'notify: [{{driver: webhook, url: "http://127.0.0.1:{stage.port}/hook?key={SECRET}"}}]'
    with receiving() as receiver, pytest.MonkeyPatch.context() as patch:
        for name, value in (receiver.variables | variables).items():
            patch.setenv(name, value)
        patch.setenv("TRACEPARENT", CALLER)
        with local(folder / "state") as coordinator:
            yield tell(stage, coordinator, receiver, more)
    stage.close()


def tell(stage: Stage, coordinator: Local, receiver: Receiver, more: str) -> Story:
    started = {**stage.plan(phases=LONG, more=more), "reason": f"password={SECRET}"}
    del os.environ["TRACEPARENT"]
    rollout = coordinator.api.post("/v1/rollouts", started)["id"]
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["requests"]["canary"] > 100)
    os.environ["TRACEPARENT"] = CALLER
    about = {"by": "ann", "reason": f"token: {SECRET}"}
    assert coordinator.api.post(f"/v1/rollouts/{rollout}/{Command.ROLLBACK}", about)["done"]
    coordinator.ended(rollout)
    wait_for(
        lambda: any("rolled-back" in str(one.about) for one in receiver.spans()), 20, lambda: str(receiver.spans())
    )
    coordinator.down()
    return Story(rollout, receiver.spans(), b"".join(receiver.bodies))
