"""Slot ledger, alert states, transitions.

A revision describes the schema of its day, so nothing here is imported from `drift.state_tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def _key() -> list[sa.Column[str]]:
    return [
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("city", sa.Text),
        sa.Column("horizon", sa.Text),
        sa.Column("column", sa.Text),
    ]


def _judged() -> list[sa.Column[object]]:
    return [
        sa.Column("since", _TIME, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("limit", sa.Double, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("basis", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("episode", sa.Integer, nullable=False),
    ]


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "slots",
        sa.Column("slot", _TIME, primary_key=True),
        sa.Column("config_hash", sa.Text, nullable=False),
        sa.Column("committed_at", _TIME, nullable=False),
        sa.Column("published_at", _TIME),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("transitions", sa.Integer, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        *_key(),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("changed", _TIME, nullable=False),
        sa.Column("seen", _TIME),
        *_judged(),
    )
    op.create_table(
        "transitions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("slot", _TIME, sa.ForeignKey("slots.slot"), nullable=False, index=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        *_key(),
        sa.Column("at", _TIME, nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        *_judged(),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Index("ix_transitions_fingerprint_at", "fingerprint", "at"),
    )


def downgrade() -> None:
    """Drop them, with all that they hold."""
    for table in ("transitions", "alerts", "slots"):
        op.drop_table(table)
