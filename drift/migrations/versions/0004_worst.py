"""How bad an alert got at its worst, so that people are told when it is over.

A revision describes the schema of its day, so nothing here is imported from `drift.state_tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the value; of alerts that fire already it is not known, and is taken from here on."""
    op.add_column("alerts", sa.Column("worst", sa.Double))


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("alerts") as alerts:
        alerts.drop_column("worst")
