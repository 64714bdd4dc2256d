"""Planted secrets are in no byte of the database, the engine's history, the logs, messages or reports."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tests.planted import found_in
from tests.stage import Stage, local, wait_for

HOOK = "planted-hook-7f3a9c"
TOKEN = "planted-token-55e1b2"
PRINTED = "planted-password-91d0aa"
REVIEW = "/v1/rollouts/{}/review"
SAYS_SECRETS = """#!{python} -S
import os, sys
sys.exit("cannot log in with password=" + "{printed}" + " and " + os.environ["TEST_TOKEN"])
"""


@pytest.mark.timeout(400)
def test_no_secret_is_stored_printed_logged_or_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    monkeypatch.setenv("TEST_HOOK", f"http://127.0.0.1:{stage.port}/{HOOK}")
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    deploy = folder / "deploy"
    deploy.write_text(SAYS_SECRETS.format(python=sys.executable, printed=PRINTED))
    deploy.chmod(0o755)
    more = (
        'deploy:\n  - {name: script, driver: shell, command: ["./deploy", "{version}"]}\n'
        "notify:\n  - {driver: webhook, url: {env: TEST_HOOK}, secret: {env: TEST_TOKEN}}\n"
        "tracker: {driver: github-issues, repository: shop/payment, token: {env: TEST_TOKEN},"
        f' api: "http://127.0.0.1:{stage.port}"}}\n'
        "rollback: {methods: [traffic, redeploy], confirm: {watch: 1s, within: 2s}}\n"
        "follow_ups:\n  - {after: 0s, text: Open it, ticket: true}\n"
    )
    try:
        with local(tmp_path / "state") as coordinator:
            rollout = str(coordinator.api.post("/v1/rollouts", stage.plan("quiet", more=more))["id"])
            held = coordinator.until(rollout, lambda view: view["status"] == "held")
            assert "cannot log in" in held["reason"]
            (folder / "broken").write_text("")  # the way back fails, too, and the deployer with it

            def kinds() -> list[str]:
                return [one["event"]["kind"] for one in coordinator.api.get(f"/v1/rollouts/{rollout}/events")]

            asking = threading.Thread(
                target=lambda: coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "t", "reason": ""})
            )
            asking.start()
            wait_for(lambda: kinds().count("step_failed") >= 3, 90, lambda: str(kinds()))
            (folder / "broken").unlink()
            asking.join(90)
            assert not asking.is_alive()

            def all_is_done() -> bool:
                ended = {"recovery_doubtful", "recovery_confirmed"} & set(kinds())
                return bool(ended and {"follow_up_failed", "ticket_opened"} & set(kinds()))

            wait_for(all_is_done, 90, lambda: str(kinds()))
            told = [
                coordinator.api.get(f"/v1/rollouts/{rollout}/report"),
                coordinator.api.get(f"/v1/rollouts/{rollout}/report?format=html"),
                coordinator.api.get(REVIEW.format(rollout)),
                str(coordinator.api.get(f"/v1/rollouts/{rollout}/events")),
                str(coordinator.api.get("/v1/health")),
                str(stage.messages),
            ]
        # A command's own output is kept for a day, as it is.
        assert found_in(tmp_path / "state", (HOOK, TOKEN, PRINTED), lambda path: "calls" in path.parts) == {}
        for text in told:
            assert not [secret for secret in (HOOK, TOKEN, PRINTED) if secret in text]
        assert any("cannot log in" in text for text in told)  # what it says beside the secrets is kept
    finally:
        stage.close()
