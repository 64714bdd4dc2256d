"""/healthz, /readyz, request ids, and the end: what a load balancer and an orchestrator see."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pilotage.cli.client import ApiError
from tests.stage import Local, Stage, local, wait_for


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILOTAGE_DRAIN_S", "2")
        patch.setenv("PILOTAGE_LOG_FORMAT", "json")
        patch.setenv("PILOTAGE_LOG_LEVEL", "debug")
        with local(tmp_path_factory.mktemp("state")) as one:
            yield one


def note(coordinator: Local) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((coordinator.state / "coordinator.json").read_text())
    return found


def ask(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Without a token."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(answer.read())
    finally:
        connection.close()


def port_of(coordinator: Local) -> int:
    return int(note(coordinator)["url"].rsplit(":", 1)[1])


def test_a_coordinator_that_is_up_is_alive_and_ready(coordinator: Local) -> None:
    port = port_of(coordinator)
    assert ask(port, "/healthz")[0] == 200
    wait_for(lambda: ask(port, "/readyz")[::2] == (200, {"status": "ready"}), 20, lambda: str(ask(port, "/readyz")))


def test_an_engine_that_is_gone_is_not_ready_and_alive_all_the_same_until_it_is_back(coordinator: Local) -> None:
    port = port_of(coordinator)
    pid = json.loads((coordinator.state / "engine.json").read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)  # killed it would be there again before anybody could look
    try:
        wait_for(lambda: ask(port, "/readyz")[0] == 503, 20, every_s=0.2)
        status, headers, body = ask(port, "/readyz")
        assert (status, headers["content-type"], headers["retry-after"]) == (503, "application/problem+json", "1")
        assert body["problems"] == ["engine", "worker"]
        assert body["detail"] == "not ready: engine, worker"
        assert ask(port, "/healthz")[0] == 200
    finally:
        coordinator.kill_engine()
    wait_for(lambda: ask(port, "/readyz")[0] == 200, 60, lambda: str(ask(port, "/readyz")), every_s=0.2)
    assert json.loads((coordinator.state / "engine.json").read_text())["pid"] != pid


def test_strangers_are_told_no_more_than_the_parts(coordinator: Local) -> None:
    port = port_of(coordinator)
    assert set(ask(port, "/readyz")[2]) == {"status"}
    assert ask(port, "/metrics")[0] == 401
    assert ask(port, "/v1/health")[0] == 401


def test_a_requests_id_comes_back_and_stands_in_the_problem_and_in_the_log(coordinator: Local) -> None:
    _, headers, body = ask(port_of(coordinator), "/v1/rollouts/nothing", {"X-Request-Id": "deploy-17.3"})
    assert headers["x-request-id"] == body["request_id"] == "deploy-17.3"

    def logged() -> list[dict[str, object]]:  # after the answer, which may be here first
        lines = [json.loads(one) for one in log_of(coordinator) if one.startswith("{") and one.endswith("}")]
        return [one for one in lines if one.get("request_id") == "deploy-17.3"]

    wait_for(lambda: bool(logged()), 20)
    (line,) = logged()
    assert (line["event"], line["level"], line["status"]) == ("request", "debug", 401)
    assert line["route"] == "/v1/rollouts/{rollout}"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "../.."])
def test_an_id_that_is_none_is_replaced(coordinator: Local, given: str) -> None:
    _, headers, _ = ask(port_of(coordinator), "/healthz", {"X-Request-Id": given})
    assert headers["x-request-id"] != given
    assert len(headers["x-request-id"]) == 16


def log_of(coordinator: Local) -> list[str]:
    return (coordinator.state / "coordinator.log").read_text().splitlines()


def test_a_coordinator_that_stops_is_not_ready_first_and_answers_what_was_asked(
    coordinator: Local, stage: Stage
) -> None:
    """The last test of the file: it ends the coordinator, in the middle of a rollback that takes three seconds."""
    port, pid = port_of(coordinator), note(coordinator)["pid"]
    rollout = coordinator.api.post("/v1/rollouts", stage.plan())["id"]
    coordinator.until(rollout, lambda view: view["phase"] == 1 and view["status"] == "watching")
    before = len(stage.calls())
    (stage.folder / "slow").write_text("3")
    answers: list[Any] = []

    def roll_back() -> None:
        try:
            answers.append(coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "ann"}))
        except ApiError as error:
            answers.append(error.body)

    asking = threading.Thread(target=roll_back)
    asking.start()
    wait_for(lambda: len(stage.calls()) > before, 10)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: ask(port, "/readyz")[2].get("problems") == ["stopping"], 2)
    assert answers == []
    asking.join(15)
    assert [one.get("done") for one in answers] == [True]
    assert stage.weight() == 0
