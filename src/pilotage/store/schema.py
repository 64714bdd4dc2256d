"""The tables. The record (events) and the evidence (samples) are ours; the engine's own history is not read back."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text

metadata = MetaData()

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("plan", Text, nullable=False, comment="the compiled Plan as JSON; secrets are references"),
    Column("plan_text", Text, nullable=False, comment="what the person wrote"),
    Column("requested_by", String(128), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("ended", Boolean, nullable=False, default=False, index=True),
    Column("settled", Boolean, nullable=False, default=False, index=True, comment="no follow-up is open any more"),
    Index("ix_rollouts_listed", "created_at", "id", "service", "environment", "ended", "requested_by"),
)

locks = Table(
    "locks",
    metadata,
    Column("service", String(64), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("rollout", String(64), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Float, nullable=False),
    PrimaryKeyConstraint("service", "environment"),
)

events = Table(
    "events",
    metadata,
    Column("rollout", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("by", String(128), nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("rollout", "number"),
)

samples = Table(
    "samples",
    metadata,
    Column("rollout", String(64), nullable=False),
    Column("phase", Integer, nullable=False),
    Column("tick", Integer, nullable=False),
    Column("sample", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    PrimaryKeyConstraint("rollout", "phase", "tick"),
)

log_signatures = Table(
    "log_signatures",
    metadata,
    Column("rollout", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("body", Text, nullable=False, comment="secrets in its example are masked"),
    PrimaryKeyConstraint("rollout", "number"),
)

log_states = Table(
    "log_states",
    metadata,
    Column("rollout", String(64), primary_key=True),
    Column("body", Text, nullable=False, comment="how far each log was read and counted; stored with its sample"),
)

driver_calls = Table(
    "driver_calls",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("rollout", String(64), nullable=False, index=True),
    Column("target", String(64), nullable=False),
    Column("generation", Integer, nullable=False, comment="a later generation fences the earlier ones off"),
    Column("started_at", Float, nullable=False),
    Column("outcome", Text, nullable=True, comment="null while the call runs, or when it was cut off"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("rollout", String(64), nullable=False),
    Column("channel", Integer, nullable=False),
    Column("next_number", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("thread", Text, nullable=False, default="", comment="the post that later messages edit or answer"),
    PrimaryKeyConstraint("rollout", "channel"),
)

messages = Table(
    "messages",
    metadata,
    Column("rollout", String(80), nullable=False),
    Column("channel", Integer, nullable=False),
    Column("number", Integer, nullable=False, comment="of the event it tells"),
    Column("audience", String(32), nullable=False),
    Column("driver", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("sent_at", Float, nullable=False),
    PrimaryKeyConstraint("rollout", "channel", "number"),
)

bad_versions = Table(
    "bad_versions",
    metadata,
    Column("service", String(64), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("version", String(128), nullable=False),
    Column("rollout", String(64), nullable=False, comment="the last one that was rolled back"),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    PrimaryKeyConstraint("service", "environment", "version"),
)

plans = Table(
    "plans",
    metadata,
    Column("id", String(80), primary_key=True, comment="service and the digest's beginning"),
    Column("service", String(64), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("version", String(128), nullable=False),
    Column("plan", Text, nullable=False, comment="the compiled Plan as JSON; secrets are references"),
    Column("plan_text", Text, nullable=False),
    Column("directory", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("registered_by", String(128), nullable=False),
    Column("registered_at", Float, nullable=False),
    Column("rollout", String(64), nullable=False, server_default="", comment="what it was started as, the last time"),
    Column("closed", Boolean, nullable=False, index=True, comment="it became a rollout, or was forgotten"),
    Column("scheduled_by", String(128), nullable=False, comment="who asked for a start when the window opens"),
    Column("overrides", Text, nullable=False, comment="items to override at a scheduled start, a JSON list"),
    Column("override_reason", Text, nullable=False),
)

freezes = Table(
    "freezes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("service", String(64), nullable=False, comment="empty: all"),
    Column("environment", String(64), nullable=False, comment="empty: all"),
    Column("reason", Text, nullable=False),
    Column("owner", String(128), nullable=False),
    Column("made_at", Float, nullable=False),
    Column("begins", Float, nullable=False),
    Column("ends", Float, nullable=True, comment="null: until it is lifted"),
    Column("lifted_by", String(128), nullable=False),
    Column("lifted_at", Float, nullable=True),
    Column("lift_reason", Text, nullable=False),
)

held_locks = Table(
    "held_locks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", String(128), nullable=False),
    Column("since", Float, nullable=False),
    Column("released_by", String(128), nullable=False),
    Column("released_at", Float, nullable=True),
    Column("release_reason", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("by", String(128), nullable=False),
    Column("kind", String(16), nullable=False, comment="of caller: local, person, token, agent, hook, pilotage"),
    Column("what", String(64), nullable=False),
    Column("object", String(200), nullable=False, comment="a rollout, a plan, ... ; events as ROLLOUT#NUMBER"),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False, comment="of an event the hash of its body; never a secret"),
    Column("hash", String(64), nullable=False, comment="over this entry and the hash before it"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column(
        "id", Integer, primary_key=True, autoincrement=False, comment="0: where the chain begins, 1: its last entry"
    ),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True, comment="SHA-256 of the token, which nobody can read back"),
    Column("name", String(128), nullable=False, comment="who the record says it was"),
    Column("kind", String(16), nullable=False, comment="person, token or agent"),
    Column("groups", Text, nullable=False, comment="of the person it belongs to, a JSON list"),
    Column(
        "grants", Text, nullable=False, comment="of a machine or agent, a JSON list; a person's come from the roles"
    ),
    Column("scopes", Text, nullable=False, comment="a JSON list"),
    Column("note", Text, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float, nullable=True),
    Column("revoked_at", Float, nullable=True),
    Column("revoked_by", String(128), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True, comment="SHA-256 of the cookie"),
    Column("name", String(128), nullable=False),
    Column("groups", Text, nullable=False, comment="a JSON list"),
    Column("kind", String(16), nullable=False, comment="person or local"),
    Column("token", String(16), nullable=False, comment="the token it was begun with; empty: a login"),
    Column("began_at", Float, nullable=False),
    Column("used_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
    Column("ended_at", Float, nullable=True),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("subject", String(80), nullable=False, index=True, comment="a known plan, or a rollout"),
    Column("digest", String(80), nullable=False, comment="of the plan as it was approved"),
    Column("phase", Integer, nullable=False, comment="-1: the start"),
    Column("service", String(64), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("requested_by", String(128), nullable=False),
    Column("requested_at", Float, nullable=False),
    Column("note", Text, nullable=False),
    Column("approver", String(128), nullable=False),
    Column("given_at", Float, nullable=True),
    Column("expires_at", Float, nullable=True),
    Column("refused", Boolean, nullable=False, comment="the approver said no"),
    Column("used_at", Float, nullable=True),
    Column("used_for", String(64), nullable=False, comment="the rollout that it let begin or go on"),
)

answers = Table(
    "answers",
    metadata,
    Column("key", String(128), nullable=False, comment="the request's Idempotency-Key"),
    Column("caller", String(160), nullable=False),
    Column("request", String(64), nullable=False, comment="SHA-256 of method, path and body"),
    Column("status", Integer, nullable=True, comment="null while it is being answered"),
    Column("body", Text, nullable=False),
    Column("at", Float, nullable=False, index=True),
    PrimaryKeyConstraint("key", "caller"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", String(80), primary_key=True, comment="of a webhook, or another follower of the audit log"),
    Column("number", Integer, nullable=False, comment="the next entry of the audit log"),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("at", Float, nullable=False),
)

heard = Table(
    "heard",
    metadata,
    Column("hook", String(64), nullable=False),
    Column("message", String(160), nullable=False, comment="its id: a message that comes again acts once"),
    Column("at", Float, nullable=False, index=True),
    PrimaryKeyConstraint("hook", "message"),
)

chats = Table(
    "chats",
    metadata,
    Column("rollout", String(64), nullable=False),
    Column("chat", String(32), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("message", String(64), nullable=False, comment="the post that is edited; answers hang on it"),
    Column("next_number", Integer, nullable=False, comment="of the rollout's events, to be told in the thread"),
    Column("shown", String(64), nullable=False, comment="hash of what it shows"),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    PrimaryKeyConstraint("rollout", "chat"),
)
