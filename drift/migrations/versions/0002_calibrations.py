"""What calibrated detectors need: their fits, and since when a firing alert has been quiet.

A revision describes the schema of its day, so nothing here is imported from `drift.state_tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table and the column."""
    op.add_column("alerts", sa.Column("quiet_since", _TIME))
    op.create_table(
        "calibrations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("start", _TIME, nullable=False),
        sa.Column("end", _TIME, nullable=False),
        sa.Column("series", sa.Integer, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Index("ix_calibrations_settings_made_at", "settings", "made_at"),
    )


def downgrade() -> None:
    """Drop them, with all that they hold."""
    op.drop_table("calibrations")
    op.drop_column("alerts", "quiet_since")
