"""`pilotage audit`: what was done and tried, by whom; and whether it is as it was written."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from pilotage.cli.client import Api, running
from pilotage.cli.output import as_json
from pilotage.core.errors import NotFound
from pilotage.core.words import printable
from pilotage.paths import state_folder

GOOD, WRONG = 0, 1


def register(cli: click.Group) -> None:
    cli.add_command(audit)


@click.group()
def audit() -> None:
    """The audit log: what people, tokens and tools did or tried, and every event, in one chain of hashes."""


@audit.command("list")
@click.option("--by", default="", metavar="NAME", help="Of this person, token or tool only.")
@click.option(
    "--object", "about", default="", metavar="NAME", help="Of this rollout, with its events, or plan, ... only."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The newest so many.")
@as_json
def list_entries(by: str, about: str, limit: int, json_out: bool) -> None:
    """The newest entries first."""
    asked = f"/v1/audit?limit={min(limit, 200)}&by={quote(by, safe='')}&object={quote(about, safe='')}"
    rows = Api().every(asked, limit)
    if json_out:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(printable(_line(row)))
    if not rows:
        click.echo("The audit log has no such entry.")


def _line(row: dict[str, Any]) -> str:
    when = datetime.fromtimestamp(row["at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if row["kind"] == "event":
        return f"{row['number']:>6} {when} {row['object']} {row['what']}, by {row['by']}"
    detail = f" ({row['detail']})" if row["detail"] else ""
    who = f"{row['by']} ({row['kind']})"
    return f"{row['number']:>6} {when} {who}: {row['what']} {row['object']}: {row['outcome']}{detail}"


@audit.command()
@click.option("--expect", default="", metavar="HASH", help="A head that was noted earlier: it has to be in the chain.")
@as_json
def verify(expect: str, json_out: bool) -> None:
    """Go through the whole chain, and through every event that it seals.

    Without a coordinator that runs, the database of the state folder (or PILOTAGE_DATABASE) is read itself. Note the
    head somewhere else, and give it to --expect later: a chain that was written anew as a whole is found only so.

    Exit codes: 0 all is as it was written, 1 something is not, and is said.
    """
    found = _verified(expect)
    if json_out:
        click.echo(json.dumps(found, indent=2))
    else:
        for one in found["wrong"]:
            click.echo(printable(one), err=True)
        counted = f"{found['entries']} entries, {found['events']} events; head {found['head']}"
        click.echo(f"{'All is as it was written' if found['good'] else 'NOT as it was written'}: {counted}")
    sys.exit(GOOD if found["good"] else WRONG)


def _verified(expect: str) -> dict[str, Any]:
    if os.environ.get("PILOTAGE_URL") or running(state_folder()) is not None:
        told: dict[str, Any] = Api(start_if_missing=False, answer_within_s=600).get(
            f"/v1/audit/verify?expect={quote(expect, safe='')}"
        )
        return told
    return _alone(state_folder(), expect)


def _alone(state: Path, expect: str) -> dict[str, Any]:
    """Nothing is changed: a database of an older release is not brought up to date for this."""
    import asyncio
    from dataclasses import asdict

    from sqlalchemy.exc import DatabaseError

    from pilotage.store import Store
    from pilotage.store import audit as log

    url = os.environ.get("PILOTAGE_DATABASE") or f"sqlite:///{state / 'pilotage.db'}"
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        raise NotFound(f"there is no database in {state}; PILOTAGE_STATE or PILOTAGE_DATABASE names another one")
    store = Store(url)
    try:
        found = asyncio.run(store.run(log.verify, expect=expect))
    except DatabaseError as error:
        raise NotFound(f"the database cannot be read, or has no audit log yet ({type(error).__name__})") from None
    finally:
        store.close()
    return {**asdict(found), "wrong": list(found.wrong), "good": not found.wrong}
