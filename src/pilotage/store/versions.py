"""Versions that were rolled back: they are not shipped again unnoticed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from pilotage.store.schema import bad_versions, rollouts


@dataclass(frozen=True)
class BadVersion:
    """`at` in Unix seconds."""

    version: str
    rollout: str
    reason: str
    at: float


def mark_bad(connection: Connection, rollout: str, reason: str, at: float) -> None:
    """The rollout's version; a later mark replaces an earlier one."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == rollout)).first()
    if row is None:
        return
    version = _version_of(row.plan)
    key = {"service": row.service, "environment": row.environment, "version": version}
    where = [bad_versions.c[name] == value for name, value in key.items()]
    connection.execute(delete(bad_versions).where(*where))
    connection.execute(insert(bad_versions).values(**key, rollout=rollout, reason=reason, at=at))


def bad(connection: Connection, service: str, environment: str, version: str) -> BadVersion | None:
    where = (bad_versions.c.service == service, bad_versions.c.environment == environment)
    row = connection.execute(select(bad_versions).where(*where, bad_versions.c.version == version)).first()
    return None if row is None else BadVersion(row.version, row.rollout, row.reason, row.at)


def _version_of(plan: str) -> str:

    return str(json.loads(plan)["version"])
