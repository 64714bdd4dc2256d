"""The tables. The record (events) and the evidence (samples) are ours; the engine's own history is not read back."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text

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
