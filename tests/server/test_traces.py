"""One trace from a command to the driver's call, as a real receiver of OTLP/HTTP gets it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    coordinator.until(rollout, lambda view: view["phase"] == 1 and bool(view["verdict"]))
    os.environ["TRACEPARENT"] = CALLER
    about = {"by": "ann", "reason": f"token: {SECRET}"}
    assert coordinator.api.post(f"/v1/rollouts/{rollout}/{Command.ROLLBACK}", about)["done"]
    coordinator.ended(rollout)
    wait_for(lambda: any(one.about.get("pilotage.event") == "rolled_back" for one in receiver.spans()), 20)
    coordinator.down()
    return Story(rollout, receiver.spans(), b"".join(receiver.bodies))


def test_a_rollback_by_http_is_one_trace_down_to_the_drivers_call(story: Story) -> None:
    (call,) = [one for one in story.trace(TRACE) if one.name == "set_weight shell"]
    assert story.chain(call) == [
        "POST /v1/rollouts/{rollout}/rollback",
        "act rollback",
        "engine update",
        "workflow update",
        "activity take_step",
        "set_weight shell",
    ]
    first = next(one for one in story.trace(TRACE) if one.name.startswith("POST"))
    assert (first.kind, first.parent, first.service) == ("server", CALLER_SPAN, "pilotage")
    assert first.about["http.route"] == "/v1/rollouts/{rollout}/rollback"
    assert first.about["http.response.status_code"] == 200


def test_the_drivers_call_says_what_was_asked_of_whom(story: Story) -> None:
    (call,) = [one for one in story.trace(TRACE) if one.name == "set_weight shell"]
    about = {name.removeprefix("pilotage."): value for name, value in call.about.items()}
    key = about.pop("key")
    assert about == {"driver": "shell", "verb": "set_weight", "target": "splitter", "weight": 0.0}
    assert key.startswith(f"{story.rollout}/")
    (act,) = [one for one in story.trace(TRACE) if one.name == "act rollback"]
    assert act.about["pilotage.object"] == story.rollout
    assert act.about["pilotage.right"] == "go_back"


def test_the_record_of_it_belongs_to_the_same_trace(story: Story) -> None:
    told = [one.about["pilotage.event"] for one in story.trace(TRACE) if one.name == "activity record"]
    assert set(told) == {"rollback_started", "weight_set", "rolled_back"}


def test_a_start_is_a_trace_of_its_own_and_ends_with_the_phase_that_is_watched(story: Story) -> None:
    (start,) = [one for one in story.spans if one.name == "POST /v1/rollouts"]
    assert start.parent == ""
    told = [one for one in story.trace(start.trace) if one.name == "activity record"]
    assert [one.about["pilotage.event"] for one in told][-1] == "watch_started"
    assert story.chain(told[-1])[1:] == ["act start", "engine start", "workflow start", "activity record"]


def test_a_verdict_is_a_trace_with_what_it_sets_off_and_links_to_what_was_watched(story: Story) -> None:
    (start,) = [one for one in story.spans if one.name == "POST /v1/rollouts"]
    (verdict,) = [one for one in story.spans if one.name == "verdict"]
    assert (verdict.parent, verdict.links) == ("", (start.trace,))
    about = {name.removeprefix("pilotage."): value for name, value in verdict.about.items()}
    assert about == {"rollout": story.rollout, "workflow": "Rollout", "phase": 0, "action": "promote"}
    (call,) = [one for one in story.trace(verdict.trace) if one.name == "set_weight shell"]
    assert story.chain(call) == ["verdict", "activity take_step", "set_weight shell"]
    assert call.about["pilotage.weight"] == 10


def test_ticks_are_sampled_and_link_to_what_they_watch(story: Story) -> None:
    (start,) = [one for one in story.spans if one.name == "POST /v1/rollouts"]
    ticks = [one for one in story.spans if one.name == "tick"]
    assert [one.about["pilotage.tick"] for one in ticks][:1] == [0]
    assert all(one.about["pilotage.tick"] % 2 == 0 and one.parent == "" for one in ticks)
    (verdict,) = [one for one in story.spans if one.name == "verdict"]
    assert {(one.about["pilotage.phase"], one.links) for one in ticks} == {(0, (start.trace,)), (1, (verdict.trace,))}
    assert {"read scrape", "read_weight shell"} <= {one.name for one in story.trace(ticks[0].trace)}


def test_no_span_lasts_as_long_as_a_rollout_and_none_hangs_in_the_air(story: Story) -> None:
    ids = {one.id for one in story.spans} | {CALLER_SPAN, ""}
    assert {one.name for one in story.spans if one.parent not in ids} == set()
    assert max(one.seconds for one in story.spans) < 30


def test_no_name_has_an_id_in_it(story: Story) -> None:
    assert not [one.name for one in story.spans if story.rollout in one.name or re.search(r"[0-9a-f]{8}", one.name)]


def test_no_secret_and_no_word_of_a_person_is_in_any_span(story: Story) -> None:
    assert any(one.name == "send webhook" for one in story.spans)
    assert SECRET.encode() not in story.bodies
    assert b"/hook" not in story.bodies
    assert b"ann" not in re.findall(rb"\w+", story.bodies)


def test_without_the_sdk_it_says_so_and_works(tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = tmp_path / "hidden" / "opentelemetry" / "sdk"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not installed')")
    (hidden.parent / "__init__.py").write_text("__path__ = __import__('pkgutil').extend_path(__path__, __name__)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with local(tmp_path / "state") as coordinator:
        rollout = coordinator.api.post("/v1/rollouts", stage.plan())["id"]
        coordinator.until(rollout, lambda view: view["phase"] == 1)
        assert coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "ann"})["done"]
        assert "pip install 'pilotage[otel]'" in (tmp_path / "state" / "coordinator.log").read_text()


def test_a_collector_that_is_away_delays_neither_a_rollback_nor_the_end(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with local(tmp_path / "state") as coordinator:
        rollout = coordinator.api.post("/v1/rollouts", stage.plan())["id"]
        coordinator.until(rollout, lambda view: view["phase"] == 1)
        began = time.monotonic()
        assert coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "ann"})["done"]
        assert time.monotonic() - began < 5
        began = time.monotonic()
        coordinator.down()
        assert time.monotonic() - began < 12  # else it was killed after 15 s
