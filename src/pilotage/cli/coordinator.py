"""The coordinator itself: run it, run more workers, stop it, ask how it is."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pilotage.cli import webhooks
from pilotage.cli.client import Api, running
from pilotage.cli.output import as_json, say
from pilotage.paths import state_folder

FAILED, ALREADY_UP = 4, 5


@click.command()
@click.option("--port", default=0, help="The port (default: the settings', else any free one).")
@click.option("--settings", type=click.Path(dir_okay=False, path_type=Path), help="For a team: docs/team.md.")
@click.option("--quiet", is_flag=True, hidden=True)
def up(port: int, settings: Path | None, quiet: bool) -> None:
    """Run the coordinator in the foreground (other commands start it by themselves)."""
    from pilotage.server.up import AlreadyUp
    from pilotage.server.up import run as serve
    from pilotage.settings import find

    try:
        if not quiet:
            click.echo(f"The coordinator keeps its state in {state_folder()}. Ctrl-C stops it.", err=True)
        serve(state_folder(), find(settings), port, lambda: find(settings))
    except AlreadyUp as error:
        click.echo(str(error), err=True)
        sys.exit(ALREADY_UP if quiet else FAILED)


@click.command()
def worker() -> None:
    """Watch and act beside a coordinator: needs TEMPORAL_ADDRESS and the coordinator's store and state folder."""
    from pilotage.server.worker import run as work

    click.echo(f"The worker keeps its state in {state_folder()}. Ctrl-C stops it.", err=True)
    work(state_folder())


@click.command()
def down() -> None:
    """Stop the local coordinator and its embedded engine. Running rollouts go on at the next `up`."""
    from pilotage.cli.stop import stop_local

    click.echo(stop_local(state_folder()))


@click.command()
@as_json
def doctor(json_out: bool) -> None:
    """What runs, where it keeps its things, and what each rollout is waiting for."""
    state = state_folder()
    note = running(state)
    if note is None:
        say(
            json_out,
            {"up": False, "state": str(state)},
            f"No coordinator is running on {state}. `pilotage up` starts one.",
        )
        return
    health = Api().get("/v1/health")
    lines = [
        f"coordinator  pid {health['pid']}, up {health['up_s']:g} s, {note['url']}",
        f"engine       {health['engine']}, pid {health['engine_pid'] or '- (not ours)'}",
        f"state        {health['state']}",
    ]
    lines += [f"watchdog     {row['name']}, asked {row['asked_s_ago']:g} s ago" for row in health["watchdogs"]]
    lines += [f"{row['id']}: {row['status']}; waits for: {row['waits_for']}" for row in health["rollouts"]]
    lines += [
        f"{row['id']}: not started; {row['starts']}. {row['overdue'].upper()}".rstrip() for row in health["plans"]
    ]
    lines += [
        f"undelivered  {row['rollout']} channel {row['channel']}, {row['attempts']} attempts: {row['error']}"
        for row in health["undelivered"]
    ]
    lines += [f"webhook      {webhooks.line(row)}" for row in health["webhooks"]]
    lines += [
        f"slack        {row['rollout']}: {row['events']} events untold, {row['attempts']} attempts: {row['last_error']}"
        for row in health.get("chat", [])
    ]
    deaf = [row for row in health["hooks"] if row["problem"]]
    lines += [f"hook         {row['name']} believes nobody: {row['problem']}" for row in deaf]
    say(json_out, {"up": True, **health}, "\n".join(lines))


def register(cli: click.Group) -> None:
    for command in (up, worker, down, doctor):
        cli.add_command(command)
