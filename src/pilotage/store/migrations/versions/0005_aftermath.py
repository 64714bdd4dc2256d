"""Messages as they were sent, versions that were rolled back, and rollouts whose follow-ups are open."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("rollouts", sa.Column("settled", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_index("ix_rollouts_settled", "rollouts", ["settled"])
    op.add_column("deliveries", sa.Column("thread", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "messages",
        sa.Column("rollout", sa.String(80), nullable=False),
        sa.Column("channel", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("audience", sa.String(32), nullable=False),
        sa.Column("driver", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("sent_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "channel", "number"),
    )
    op.create_table(
        "bad_versions",
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(64), nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("rollout", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("service", "environment", "version"),
    )
