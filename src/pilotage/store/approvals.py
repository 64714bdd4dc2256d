"""Approvals: asked for, given or refused by a second person, used once. Bound to a plan's digest and a phase."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from pilotage.core.errors import NotFound, Refused
from pilotage.store.schema import approvals

START = -1
"""The phase of an approval that lets a plan begin."""


@dataclass(frozen=True)
class Approval:
    """Instants are Unix seconds. Without `given_at` it is still waited for; `refused`: the approver said no."""

    id: str
    subject: str
    digest: str
    phase: int
    service: str
    environment: str
    requested_by: str
    requested_at: float
    note: str = ""
    approver: str = ""
    given_at: float | None = None
    expires_at: float | None = None
    refused: bool = False
    used_at: float | None = None
    used_for: str = ""

    def holds(self, at: float) -> bool:
        """It may be used now."""
        given = self.given_at is not None and not self.refused and self.used_at is None
        return given and self.expires_at is not None and at < self.expires_at


def ask(connection: Connection, wanted: Approval) -> str:
    """Its id; the same for the same question while that is open."""
    where = (approvals.c.subject == wanted.subject, approvals.c.digest == wanted.digest)
    open_one = (approvals.c.phase == wanted.phase, approvals.c.given_at.is_(None))
    row = connection.execute(select(approvals.c.id).where(*where, *open_one)).first()
    if row is not None:
        return str(row.id)
    name = secrets.token_hex(6)
    connection.execute(
        insert(approvals).values(
            id=name,
            subject=wanted.subject,
            digest=wanted.digest,
            phase=wanted.phase,
            service=wanted.service,
            environment=wanted.environment,
            requested_by=wanted.requested_by,
            requested_at=wanted.requested_at,
            note=wanted.note,
            approver="",
            given_at=None,
            expires_at=None,
            refused=False,
            used_at=None,
            used_for="",
        )
    )
    return name


def get(connection: Connection, name: str) -> Approval:
    row = connection.execute(select(approvals).where(approvals.c.id == name)).first()
    if row is None:
        raise NotFound(f"nobody asked for an approval {name!r}. `pilotage approvals` shows those that are waited for.")
    return _approval(row)


def of(connection: Connection, subject: str) -> list[Approval]:
    """Of a plan or a rollout, the newest first."""
    query = select(approvals).where(approvals.c.subject == subject).order_by(approvals.c.requested_at.desc())
    return [_approval(row) for row in connection.execute(query)]


def waiting(connection: Connection) -> list[Approval]:
    """Not answered yet, the oldest first."""
    query = select(approvals).where(approvals.c.given_at.is_(None)).order_by(approvals.c.requested_at)
    return [_approval(row) for row in connection.execute(query)]


def answer(
    connection: Connection, name: str, approver: str, at: float, expires_at: float, refused: bool, note: str
) -> None:
    """Raises Refused when it was answered meanwhile: one question has one answer."""
    told = {"approver": approver, "given_at": at, "expires_at": expires_at, "refused": refused, "note": note}
    where = (approvals.c.id == name, approvals.c.given_at.is_(None))
    if not connection.execute(update(approvals).where(*where).values(**told)).rowcount:
        raise Refused(f"approval {name} was answered already")


def use(connection: Connection, name: str, used_for: str, at: float) -> None:
    """Raises Refused when it was used, or has expired, meanwhile."""
    unused = (approvals.c.used_at.is_(None), approvals.c.refused.is_(False), approvals.c.expires_at > at)
    where = (approvals.c.id == name, approvals.c.given_at.is_not(None), *unused)
    if not connection.execute(update(approvals).where(*where).values(used_at=at, used_for=used_for)).rowcount:
        raise Refused(f"approval {name} was used already, or has expired: ask for a new one")


def _approval(row: Row[Any]) -> Approval:
    return Approval(**{name: getattr(row, name) for name in (column.name for column in approvals.columns)})
