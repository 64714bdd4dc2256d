"""A plan knows the rollout it was started as."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("plans", sa.Column("rollout", sa.String(64), nullable=False, server_default=""))
