"""`pilotage watchdog`."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

import click

from pilotage.cli.client import running
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
    from pilotage.direct.asking import Door, Where
    from pilotage.direct.watchdog import AnotherActs, run

    every_s = seconds(every)
    if every_s is None or not 0.1 <= every_s <= 60:
        raise click.UsageError(f"--every: expected a duration from 100ms to 60s, got {every!r}")
    state = state_folder()
    url = coordinator or os.environ.get("PILOTAGE_URL")
    where: Where = partial(_here, state) if url is None else partial(_elsewhere, url, token_file)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        run(state, Door(where), url is not None, every_s, once_idle)
    except AnotherActs as error:
        click.echo(str(error), err=True)
        sys.exit(ANOTHER_ACTS)
    except KeyboardInterrupt:
        sys.exit(0)


def _here(state: Path) -> tuple[str, str] | None:
    note = running(state)
    return None if note is None else (note["url"], note["token"])


def _elsewhere(url: str, token_file: Path | None) -> tuple[str, str]:
    """The file is read anew each time: a token may be changed while we run."""
    if token_file is None:
        return url, os.environ.get("PILOTAGE_TOKEN", "")
    try:
        return url, token_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return url, ""
