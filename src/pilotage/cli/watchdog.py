"""`pilotage watchdog`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pilotage.core.errors import PilotageError
from pilotage.core.quantities import seconds
from pilotage.paths import state_folder

ANOTHER_ACTS = 5


def register(cli: click.Group) -> None:
    cli.add_command(watchdog)


@click.command()
@click.option(
    "--coordinator", metavar="URL", help="On another host (default: PILOTAGE_URL, else the one on this host)."
)
@click.option(
    "--token-file", type=click.Path(dir_okay=False, path_type=Path), help="Its token (default: PILOTAGE_TOKEN)."
)
@click.option("--every", default="1s", help="How often it asks (default: 1s).")
@click.option("--once-idle", is_flag=True, help="End when the coordinator says that no rollout runs.")
def watchdog(coordinator: str | None, token_file: Path | None, every: str, once_idle: bool) -> None:
    """Go back when the coordinator has been silent for too long in the middle of a rollout.

    It runs beside the coordinator, or on another host that reaches the splitters and has the plans' secrets.
    """
    from pilotage.direct.asking import Door
    from pilotage.direct.watchdog import AnotherActs, run

    every_s = seconds(every)
    if every_s is None or not 0.1 <= every_s <= 60:
        raise click.UsageError(f"--every: expected a duration from 100ms to 60s, got {every!r}")
    state = state_folder()
    try:
        run(state, Door(state, coordinator, token_file), every_s, once_idle)
    except AnotherActs as error:
        click.echo(str(error), err=True)
        sys.exit(ANOTHER_ACTS)
    except PilotageError:
        raise
