"""What slots saw, so that a later one can tell what has changed since.

A revision describes the schema of its day, so nothing here is imported from `drift.state_tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the first slot after it has nothing to compare with."""
    op.create_table(
        "seen",
        sa.Column("slot", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("seen")
