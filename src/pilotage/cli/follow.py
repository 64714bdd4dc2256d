"""Following a rollout: a live picture on a terminal, a line per change elsewhere."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click

from pilotage.cli.client import Api
from pilotage.cli.live import render, summary_line
from pilotage.core.errors import CoordinatorUnreachable

EVERY_S = 0.5
PATIENCE_S = 60.0
FAILED = 4
INTERRUPTED = 130


def follow(api: Api, rollout: str, json_out: bool, hint: bool = True) -> int:
    """The exit code of `run`. Ctrl-C leaves the rollout running and says how to come back.

    Without `hint` (the demo, whose coordinator ends with it) Ctrl-C is the caller's.
    """
    try:
        if sys.stdout.isatty() and not json_out:
            view = _on_a_terminal(api, rollout)
        else:
            view = _in_a_pipe(api, rollout, json_out)
    except KeyboardInterrupt:
        if not hint:
            raise
        click.echo(
            f"\n{rollout} goes on without this terminal. Come back: `pilotage watch {rollout}`. "
            f"Send it back: `pilotage rollback {rollout}`.",
            err=True,
        )
        return INTERRUPTED
    if json_out:
        click.echo(json.dumps(view, indent=2))
    else:
        click.echo(f"{rollout}: {view['status']}. {view['reason']}")
        if view["needs_person"]:
            click.echo(
                f"A person is needed; now possible: {', '.join(view['commands'])}. See `pilotage watch {rollout}`."
            )
        if hint:
            click.echo(f"Report: pilotage report {rollout} -o report.md")
    return FAILED if view["exit_code"] is None else int(view["exit_code"])


def _on_a_terminal(api: Api, rollout: str) -> dict[str, Any]:
    """Until the end: a person sits here, so a question does not end the view."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            view = _look(api, rollout)
            live.update(render(view, console), refresh=True)
            if view["ended_at"] is not None:
                return view
            time.sleep(EVERY_S)


def _in_a_pipe(api: Api, rollout: str, json_out: bool) -> dict[str, Any]:
    """Until the end, or until a person is needed."""
    last = ""
    while True:
        view = _look(api, rollout)
        line = summary_line(view)
        if line != last and not json_out:
            click.echo(line)
        last = line
        if view["ended_at"] is not None or view["needs_person"]:
            return view
        time.sleep(EVERY_S)


def _look(api: Api, rollout: str) -> dict[str, Any]:
    """The coordinator may be starting again: be patient, it is started by the next question when it is gone."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            view: dict[str, Any] = api.get(f"/v1/rollouts/{rollout}")
            return view
        except CoordinatorUnreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(EVERY_S)
