"""`token`: make, list and revoke API tokens."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from pilotage.cli.client import Api, whoami
from pilotage.cli.output import as_json, say
from pilotage.core.quantities import seconds
from pilotage.core.words import printable

KINDS = ("person", "token", "agent")
SCOPES = ("plan:read", "rollout:write", "rollback", "approve", "admin")
YEAR_S = 366 * 86400


def register(cli: click.Group) -> None:
    cli.add_command(token)


@click.group()
def token() -> None:
    """API tokens: for yourself, for a machine, for an agent."""


@token.command("create")
@click.option("--kind", type=click.Choice(KINDS), default="person", help="Whom it is for (default: you, a person).")
@click.option("--name", default="", help="The machine's or agent's name; on the coordinator's machine also a person's.")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="May be given again.")
@click.option("--role", "roles", multiple=True, metavar="ROLE[:SERVICE[:ENVIRONMENT]]", help="Of a machine or agent.")
@click.option("--expires", default="90d", help="How long it is valid, at most a year (default: 90d).")
@click.option("--note", default="", help="What it is for.")
@as_json
def create(
    kind: str, name: str, scopes: tuple[str, ...], roles: tuple[str, ...], expires: str, note: str, json_out: bool
) -> None:
    """Make a token. It is shown this once, on standard output."""
    lasts_s = seconds(expires)
    if lasts_s is None or not 0 < lasts_s <= YEAR_S:
        raise click.UsageError(f"--expires: a time up to a year, such as 30d, not {expires}")
    body = {"kind": kind, "name": name, "scopes": list(scopes), "grants": [_grant(one) for one in roles]}
    made = Api().post("/v1/tokens", {**body, "lasts_s": lasts_s, "note": note, "by": whoami()})
    if json_out:
        click.echo(json.dumps(made, indent=2))
        return
    click.echo(f"{_line(made)}\nNobody can show it again. Revoke it: pilotage token revoke {made['id']}", err=True)
    click.echo(made["secret"])


@token.command("list")
@as_json
def list_tokens(json_out: bool) -> None:
    """Your tokens; an admin sees all."""
    rows = Api().every("/v1/tokens")
    text = "\n".join(map(_line, rows)) or "There is no token. `pilotage token create` makes one."
    say(json_out, rows, text)


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@as_json
def revoke(token_id: str, json_out: bool) -> None:
    """End a token at once, with the sessions that began with it."""
    answer = Api().post(f"/v1/tokens/{token_id}/revoke", {})
    say(json_out, answer, f"{answer['id']} of {answer['name']} is revoked.")


def _grant(text: str) -> dict[str, str]:
    role, service, environment = (*text.split(":"), "*", "*")[:3]
    if text.count(":") > 2 or not (role and service and environment):
        raise click.UsageError(f"--role: such as operator, operator:payment or operator:payment:production, not {text}")
    return {"role": role, "service": service, "environment": environment}


def _line(row: dict[str, Any]) -> str:
    roles = ", ".join(f"{one['role']} of {one['service']} in {one['environment']}" for one in row["grants"])
    state = f"revoked by {row['revoked_by']}" if row["revoked_at"] else f"until {_day(row['expires_at'])}"
    used = f"last used {_day(row['used_at'])}" if row["used_at"] else "never used"
    parts = [", ".join(row["scopes"]), roles, state, used, row["note"]]
    told = "; ".join(part for part in parts if part)
    return printable(f"{row['id']}  {row['name']} ({row['kind']}): {told}")


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
