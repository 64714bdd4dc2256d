"""Credentials: API tokens and sessions, known by their hashes only."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from pilotage.core.errors import NotFound
from pilotage.core.people import Grant, Kind, Role, Scope
from pilotage.store.schema import sessions, tokens

PREFIX = "plt_"
"""What a token begins with, so that scanners find one that has leaked."""
USED_EVERY_S = 60.0
"""When a credential was last used is noted this often only: a look must not cost a write."""


@dataclass(frozen=True)
class Token:
    """Instants are Unix seconds. `grants` are a machine's or an agent's; a person's come from the roles in force."""

    id: str
    name: str
    kind: Kind
    groups: tuple[str, ...]
    grants: tuple[Grant, ...]
    scopes: tuple[Scope, ...]
    note: str
    created_by: str
    created_at: float
    expires_at: float
    used_at: float | None = None
    revoked_at: float | None = None
    revoked_by: str = ""


@dataclass(frozen=True)
class Session:
    """`key` is the cookie's hash, which names the session. `token`: the id of the one it was begun with, if any."""

    key: str
    name: str
    groups: tuple[str, ...]
    kind: Kind
    began_at: float
    used_at: float
    expires_at: float
    token: str = ""


def hashed(secret: str) -> str:
    """SHA-256, hex. Enough for values of 32 random bytes, which nobody can guess from their hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def add_token(connection: Connection, token: Token) -> str:
    """The secret, which is shown once and never again."""
    secret = f"{PREFIX}{token.id}_{secrets.token_urlsafe(32)}"
    grants = [[one.role.value, one.service, one.environment] for one in token.grants]
    connection.execute(
        insert(tokens).values(
            id=token.id,
            hash=hashed(secret),
            name=token.name,
            kind=token.kind,
            groups=json.dumps(list(token.groups)),
            grants=json.dumps(grants),
            scopes=json.dumps([one.value for one in token.scopes]),
            note=token.note,
            created_by=token.created_by,
            created_at=token.created_at,
            expires_at=token.expires_at,
            used_at=None,
            revoked_at=None,
            revoked_by="",
        )
    )
    return secret


def find_token(connection: Connection, secret: str, at: float) -> Token | None:
    """Whatever its state; None when nobody ever made it."""
    row = connection.execute(select(tokens).where(tokens.c.hash == hashed(secret))).first()
    if row is None:
        return None
    if row.used_at is None or at - row.used_at > USED_EVERY_S:
        connection.execute(update(tokens).where(tokens.c.id == row.id).values(used_at=at))
    return _token(row)


def all_tokens(connection: Connection) -> list[Token]:
    """The newest first."""
    return [_token(row) for row in connection.execute(select(tokens).order_by(tokens.c.created_at.desc()))]


def get_token(connection: Connection, name: str) -> Token:
    row = connection.execute(select(tokens).where(tokens.c.id == name)).first()
    if row is None:
        raise NotFound(f"there is no token {name!r}. `pilotage token list` shows them.")
    return _token(row)


def revoke_token(connection: Connection, name: str, by: str, at: float) -> None:
    """Revoking one twice changes nothing."""
    where = (tokens.c.id == name, tokens.c.revoked_at.is_(None))
    connection.execute(update(tokens).where(*where).values(revoked_at=at, revoked_by=by))


def begin_session(
    connection: Connection,
    cookie: str,
    name: str,
    groups: Sequence[str],
    kind: Kind,
    at: float,
    expires_at: float,
    token: str = "",
) -> None:
    connection.execute(delete(sessions).where(sessions.c.expires_at < at))
    told = {"name": name, "groups": json.dumps(list(groups)), "kind": kind, "token": token}
    times = {"began_at": at, "used_at": at, "expires_at": expires_at, "ended_at": None}
    connection.execute(insert(sessions).values(hash=hashed(cookie), **told, **times))


def find_session(connection: Connection, cookie: str, at: float, idle_s: float) -> Session | None:
    """One that is in force: neither ended nor expired, and used within `idle_s` seconds."""
    where = (sessions.c.hash == hashed(cookie), sessions.c.ended_at.is_(None), sessions.c.expires_at > at)
    row = connection.execute(select(sessions).where(*where)).first()
    if row is None or at - row.used_at > idle_s:
        return None
    if at - row.used_at > USED_EVERY_S:
        connection.execute(update(sessions).where(sessions.c.hash == row.hash).values(used_at=at))
    groups = tuple(json.loads(row.groups))
    return Session(row.hash, row.name, groups, row.kind, row.began_at, row.used_at, row.expires_at, row.token)


def end_session(connection: Connection, cookie: str, at: float) -> None:
    connection.execute(update(sessions).where(sessions.c.hash == hashed(cookie)).values(ended_at=at))


def regroup(connection: Connection, name: str, groups: Sequence[str]) -> None:
    """That person's tokens have the groups that the provider tells now."""
    where = (tokens.c.name == name, tokens.c.kind == "person", tokens.c.revoked_at.is_(None))
    connection.execute(update(tokens).where(*where).values(groups=json.dumps(list(groups))))


def tokens_of(connection: Connection, name: str, kind: Kind) -> list[Token]:
    """The newest first."""
    query = select(tokens).where(tokens.c.name == name, tokens.c.kind == kind).order_by(tokens.c.created_at.desc())
    return [_token(row) for row in connection.execute(query)]


def makers_of_agents(connection: Connection, names: Iterable[str]) -> set[str]:
    """Who made the tokens of those of them that are agents: what an agent asks for, its maker asks for."""
    where = (tokens.c.name.in_(list(names)), tokens.c.kind == "agent")
    return {str(row.created_by) for row in connection.execute(select(tokens.c.created_by).where(*where))}


def is_person(connection: Connection, name: str) -> bool:
    """Somebody of this name has logged in, or has a token."""
    told = select(tokens.c.id).where(tokens.c.name == name, tokens.c.kind == "person").limit(1)
    here = select(sessions.c.hash).where(sessions.c.name == name).limit(1)
    return any(connection.execute(one).first() is not None for one in (told, here))


def end_sessions_of(connection: Connection, name: str, at: float) -> int:
    """Everywhere at once; how many there were."""
    where = (sessions.c.name == name, sessions.c.ended_at.is_(None), sessions.c.expires_at > at)
    return connection.execute(update(sessions).where(*where).values(ended_at=at)).rowcount


def _token(row: Row[Any]) -> Token:
    grants = tuple(Grant(Role(role), service, environment) for role, service, environment in json.loads(row.grants))
    return Token(
        row.id,
        row.name,
        row.kind,
        tuple(json.loads(row.groups)),
        grants,
        tuple(Scope(one) for one in json.loads(row.scopes)),
        row.note,
        row.created_by,
        row.created_at,
        row.expires_at,
        row.used_at,
        row.revoked_at,
        row.revoked_by,
    )
