"""What a rollout's log listener knows."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "log_signatures",
        sa.Column("rollout", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "log_states",
        sa.Column("rollout", sa.String(64), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
