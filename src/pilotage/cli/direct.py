"""`pilotage rollback`: through the coordinator, and without it when it does not answer."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

import click

from pilotage.cli.client import Api, ApiError, whoami
from pilotage.cli.output import as_json, say
from pilotage.core.errors import CoordinatorUnreachable, PilotageError, PlanError

DONE, FAILED = 0, 4

START_WITHIN_S = 10.0
ANSWER_WITHIN_S = 10.0
LOOK_WITHIN_S = 3.0
BACK_WITHIN_S = 60.0


def register(cli: click.Group) -> None:
    cli.add_command(rollback)


@click.command()
@click.argument("rollout", default="latest", metavar="[ID]")
@click.option("--direct", is_flag=True, help="Without the coordinator; ID may be a plan file then.")
@click.option("--within", type=float, metavar="SECONDS", help="With --direct: give up after so long (default: never).")
@click.option("--reason", default="", help="Kept in the record.")
@as_json
def rollback(rollout: str, direct: bool, within: float | None, reason: str, json_out: bool) -> None:
    """Send all traffic back to the previous version, at once.

    When the coordinator does not answer, it is done without: the plan's drivers are called from here. Exit codes: 0
    everybody is back, 4 not.
    """
    if within is not None and within <= 0:
        raise click.UsageError("--within: expected seconds, more than 0")
    if rollout.endswith((".yaml", ".yml")) and not direct:
        raise click.UsageError(f"a plan file is for --direct: `pilotage rollback --direct {rollout}`")
    if not direct:
        try:
            outcome = _ask(rollout, reason)
        except CoordinatorUnreachable as error:
            why = f"The coordinator does not answer: {error}"
        except ApiError as error:
            if error.status < 500 and not (error.status == 404 and _is_here(rollout)):
                raise
            why = f"The coordinator cannot do it: {error}"
        else:
            say(json_out, outcome, f"{outcome['id']}: {outcome['message']}")
            sys.exit(DONE if outcome["done"] else FAILED)
        click.echo(f"{why.rstrip('.')}.\nGOING BACK DIRECTLY, without it.", err=True)
        _refuse_another_hosts_latest(rollout)
    sys.exit(_go(rollout, reason, within, json_out))


def _ask(rollout: str, reason: str) -> dict[str, Any]:
    """The coordinator's answer. One that is silent is waited for only while its rollout really goes back."""
    try:
        api = Api(answer_within_s=ANSWER_WITHIN_S, start_within_s=START_WITHIN_S)
        outcome: dict[str, Any] = api.post(f"/v1/rollouts/{rollout}/rollback", {"by": whoami(), "reason": reason})
    except CoordinatorUnreachable as error:
        view = _look(rollout)
        deadline = time.monotonic() + BACK_WITHIN_S
        while view is not None and view["status"] == "rolling back" and time.monotonic() < deadline:
            time.sleep(0.2)
            view = _look(view["id"])
        if view is None or view["status"] not in ("rolling back", "rolled back"):
            raise error from None
        done = view["status"] == "rolled back"
        return {"id": view["id"], "status": view["status"], "done": done, "message": f"{view['status']}"}
    return outcome


def _look(rollout: str) -> dict[str, Any] | None:
    try:
        view: dict[str, Any] = Api(start_if_missing=False, answer_within_s=LOOK_WITHIN_S).get(f"/v1/rollouts/{rollout}")
    except (CoordinatorUnreachable, ApiError):
        return None
    return view


def _is_here(rollout: str) -> bool:
    """A snapshot of what this coordinator does not know: it has lost its database, or was started with another one."""
    from pilotage.core.errors import NotFound
    from pilotage.handover import snapshots
    from pilotage.paths import state_folder

    if os.environ.get("PILOTAGE_URL"):
        return False
    state = state_folder()
    try:
        return bool(snapshots.every(state)) if rollout == "latest" else snapshots.place(state, rollout).exists()
    except NotFound:
        return False


def _refuse_another_hosts_latest(rollout: str) -> None:
    """What is the newest elsewhere need not be the newest here."""
    if rollout == "latest" and os.environ.get("PILOTAGE_URL"):
        raise CoordinatorUnreachable(
            "PILOTAGE_URL names a coordinator elsewhere, so the newest rollout here need not be its newest. Say which "
            "one: `pilotage rollback --direct ID`, or `pilotage rollback --direct plan.yaml`"
        )


def _go(name: str, reason: str, within: float | None, json_out: bool) -> int:
    import asyncio

    from pilotage.direct.back import intended, take_back
    from pilotage.direct.finding import find
    from pilotage.paths import state_folder

    state = state_folder()
    try:
        found = find(state, name)
    except PlanError:
        raise
    except PilotageError as error:
        say(json_out, {"detail": str(error)}, f"Not rolled back: {error}", err=True)
        return FAILED
    journal = intended(found.plan, found.rollout, whoami(), reason)
    _let_nothing_end_it_but_a_person()
    done = asyncio.run(take_back(found.plan, found.state, journal, lambda line: click.echo(line, err=json_out), within))
    told = {"id": done.rollout, "direct": True, "done": bool(done.method), "method": done.method}
    data = {**told, "took_s": round(done.took_s, 3), "lines": list(done.lines)}
    text = _told(done.rollout, done.method, found.plan.previous, [one.method for one in found.plan.rollback.afterwards])
    with suppress(OSError):  # the terminal may be gone
        say(json_out, data, text)
    return DONE if done.method else FAILED


def _let_nothing_end_it_but_a_person() -> None:
    """The connection to this terminal may break; a polite end is as good as Ctrl-C."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def _told(rollout: str, method: str, previous: str, afterwards: list[str]) -> str:
    if not method:
        return "NOT ROLLED BACK. See above for what is in force; the same command tries again."
    lines = [f"Rolled back directly: {previous} has all traffic again."]
    if rollout:
        lines.append(
            f"{rollout} goes no further: a coordinator that comes back (`pilotage up`) records this and ends it."
        )
    if afterwards:
        lines.append(f"Still to be done, by the coordinator or by you: {', '.join(afterwards)}.")
    return "\n".join(lines)
