"""Whether a call by hand may act: no running rollout would be fought by it, and a person says yes."""

from __future__ import annotations

import os
import sys

import click

from pilotage.cli.chosen import Chosen
from pilotage.cli.client import Api, ApiError
from pilotage.core.errors import CoordinatorUnreachable, NotFound, PilotageError, Refused
from pilotage.core.words import printable
from pilotage.paths import state_folder


def may_act(chosen: Chosen, what: str, yes: bool, override: bool, reason: str, json_out: bool) -> None:
    """Raises Refused, or click.Abort when the person says no."""
    if override and not reason.strip():
        raise click.UsageError("--override needs a --reason: it is kept in the record")
    against = [] if override else _running(chosen)
    if against:
        raise Refused(
            f"{'; '.join(against)}. A call by hand would fight it: `pilotage pause` or `pilotage rollback` act through "
            'it. If it has to be: --override --reason "..."'
        )
    line = printable(f"{chosen.label}: this {what}, for real.")
    if yes:
        click.echo(line, err=True)
        return
    if json_out or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"{line} Nothing was done: nobody can be asked here, so say --yes")
    click.confirm(f"{line} Do it?", abort=True, err=True)


def _running(chosen: Chosen) -> list[str]:
    """What runs and may have to do with it, a clause each. What cannot be known is one, too."""
    from pilotage.handover import snapshots

    if os.environ.get("PILOTAGE_URL"):
        return _running_elsewhere(chosen)
    state = state_folder()
    found = []
    for path in (*snapshots.every(state), *snapshots.every(snapshots.elsewhere(state))):
        try:
            plan = snapshots.read(path).plan
        except NotFound:
            continue  # it has just ended
        except PilotageError as error:
            found.append(f"{path.stem} is running, and nobody knows of what: {error}")
            continue
        same_driver = any(one.driver == chosen.ref.driver for one in plan.refs)
        if chosen.may_be(plan.service, plan.environment) and (chosen.plan is not None or same_driver):
            found.append(f"{path.stem} is running ({plan.service} in {plan.environment})")
    return found


def _running_elsewhere(chosen: Chosen) -> list[str]:
    from pilotage.core.state import Status

    try:
        rows = Api(start_if_missing=False, answer_within_s=10).every("/v1/rollouts?active=true")
    except (CoordinatorUnreachable, ApiError) as error:
        return [f"whether a rollout is running is not known: {error}"]
    return [
        f"{row['id']} is running ({row['service']} in {row['environment']})"
        for row in rows
        if not Status(row["status"]).ended
        and (
            chosen.plan is None
            or (row["service"], row["environment"]) == (chosen.plan.service, chosen.plan.environment)
        )
    ]
