"""`freeze` and `lock`: who closed what, why, until when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from pilotage.cli.client import Api, whoami
from pilotage.cli.output import as_json, say
from pilotage.core.words import printable

_by = click.option("--by", default=None, metavar="NAME", help="Who says so (default: you).")
_reason = click.option("--reason", required=True, help="Shown to whoever is stopped by it.")
_why = click.option("--reason", default="", help="Kept in the record.")
_all = click.option("--all", "everything", is_flag=True, help="Those of the past, too, with who lifted them.")
_ALL = "?all=true"
_environment = click.option("--environment", required=True, help="Such as production.")


def register(cli: click.Group) -> None:
    for command in (freeze, freezes, unfreeze, lock, locks, unlock):
        cli.add_command(command)


@click.command()
@_reason
@click.option("--service", default="", help="This service only (default: all).")
@click.option("--environment", default="", help="This environment only (default: all).")
@click.option("--from", "begins", default=None, metavar="TIME", help='Such as "2026-12-23 18:00" (default: now).')
@click.option("--until", "ends", default=None, metavar="TIME", help="Default: until it is lifted.")
@click.option("--zone", default="UTC", help="Of the times, such as Europe/Berlin (default: UTC).")
@_by
@as_json
def freeze(
    reason: str,
    service: str,
    environment: str,
    begins: str | None,
    ends: str | None,
    zone: str,
    by: str | None,
    json_out: bool,
) -> None:
    """Stop new rollouts. Those that run go on, and every rollback works; a hot-fix overrides it with a reason."""
    body = {
        "reason": reason,
        "service": service,
        "environment": environment,
        "begins": _instant("--from", begins, zone),
        "ends": _instant("--until", ends, zone),
        "by": whoami() if by is None else by,
    }
    made = Api().post("/v1/freezes", body)
    say(json_out, made, f"{_freeze_line(made)}\nLift it: `pilotage unfreeze {made['id']}`")


@click.command()
@_all
@as_json
def freezes(everything: bool, json_out: bool) -> None:
    """Freezes in force, and those to come."""
    rows = Api().every(f"/v1/freezes{_ALL if everything else ''}")
    say(json_out, rows, "\n".join(map(_freeze_line, rows)) or "No freeze is in force, and none is to come.")


@click.command()
@click.argument("freeze_id", metavar="ID")
@_why
@_by
@as_json
def unfreeze(freeze_id: str, reason: str, by: str | None, json_out: bool) -> None:
    """Lift a freeze. It stays in the record."""
    answer = Api().post(f"/v1/freezes/{freeze_id}/lift", {"by": whoami() if by is None else by, "reason": reason})
    say(json_out, answer, f"{freeze_id} is lifted.")


@click.command()
@click.argument("service")
@_environment
@_reason
@_by
@as_json
def lock(service: str, environment: str, reason: str, by: str | None, json_out: bool) -> None:
    """Keep a SERVICE from being rolled out until you unlock it. A rollout that runs is not touched."""
    body = {"service": service, "environment": environment, "reason": reason, "by": whoami() if by is None else by}
    made = Api().post("/v1/locks", body)
    undo = f"`pilotage unlock {service} --environment {environment}`"
    say(json_out, made, f"{_lock_line(made)}\nUnlock it: {undo}")


@click.command()
@_all
@as_json
def locks(everything: bool, json_out: bool) -> None:
    """Services that somebody has locked."""
    rows = Api().every(f"/v1/locks{_ALL if everything else ''}")
    say(json_out, rows, "\n".join(map(_lock_line, rows)) or "Nobody has locked anything.")


@click.command()
@click.argument("service")
@_environment
@_why
@_by
@as_json
def unlock(service: str, environment: str, reason: str, by: str | None, json_out: bool) -> None:
    """Unlock a SERVICE. Who locked it, why and how long stays in the record."""
    body = {"service": service, "environment": environment, "reason": reason, "by": whoami() if by is None else by}
    say(json_out, Api().post("/v1/locks/release", body), f"{service} in {environment} is unlocked.")


def _instant(option: str, text: str | None, zone: str) -> float | None:
    from zoneinfo import ZoneInfo

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).timestamp()
    except (ValueError, OSError, KeyError):
        expected = 'a time such as "2026-12-24 00:00" (in --zone, such as Europe/Berlin) or "2026-12-24T00:00+01:00"'
        raise click.UsageError(f"{option}: expected {expected}, got {text!r} in {zone!r}") from None


def _freeze_line(row: dict[str, Any]) -> str:
    what = " in ".join(one for one in (row["service"] or "every service", row["environment"]) if one)
    until = _time(row["ends"]) if row["ends"] else "it is lifted"
    said = f"{row['id']}  {what}: frozen by {row['owner']} from {_time(row['begins'])} until {until}: {row['reason']}"
    return printable(said + _ended("lifted", row["lifted_by"], row["lifted_at"], row["lift_reason"]))


def _lock_line(row: dict[str, Any]) -> str:
    since = _time(row["since"])
    said = f"{row['service']} in {row['environment']}: locked by {row['owner']} since {since}: {row['reason']}"
    return printable(said + _ended("unlocked", row["released_by"], row["released_at"], row["release_reason"]))


def _ended(what: str, by: str, at: float | None, reason: str) -> str:
    return "" if at is None else f"; {what} by {by}, {_time(at)}" + (f": {reason}" if reason else "")


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
