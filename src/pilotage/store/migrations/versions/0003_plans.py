"""Plans that are known before they run, freezes, and locks that people take."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(64), nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("plan_text", sa.Text, nullable=False),
        sa.Column("directory", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("registered_by", sa.String(128), nullable=False),
        sa.Column("registered_at", sa.Float, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False, index=True),
        sa.Column("scheduled_by", sa.String(128), nullable=False),
        sa.Column("overrides", sa.Text, nullable=False),
        sa.Column("override_reason", sa.Text, nullable=False),
    )
    op.create_table(
        "freezes",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.Column("begins", sa.Float, nullable=False),
        sa.Column("ends", sa.Float, nullable=True),
        sa.Column("lifted_by", sa.String(128), nullable=False),
        sa.Column("lifted_at", sa.Float, nullable=True),
        sa.Column("lift_reason", sa.Text, nullable=False),
    )
    op.create_table(
        "held_locks",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("released_by", sa.String(128), nullable=False),
        sa.Column("released_at", sa.Float, nullable=True),
        sa.Column("release_reason", sa.Text, nullable=False),
    )
