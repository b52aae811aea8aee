"""What makes alerts arrive: the outbox, what was told, silences, who is at work on a slot, shared gauges.

A revision describes the schema of its day, so nothing here is imported from `drift.state_tables`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables, and let a transition be of no slot."""
    with op.batch_alter_table("transitions") as transitions:
        transitions.alter_column("slot", existing_type=_TIME, nullable=True)
    _add_outbox()
    op.create_table(
        "told",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("episode", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_table(
        "silences",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("matchers", sa.JSON, nullable=False),
        sa.Column("starts", _TIME, nullable=False),
        sa.Column("ends", _TIME, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created", _TIME, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("slot", _TIME, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
    )
    op.create_table(
        "gauges",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("slot", _TIME, nullable=False),
        sa.Column("succeeded", _TIME),
        sa.Column("text", sa.LargeBinary, nullable=False),
    )


def _add_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(32), nullable=False, unique=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("notice", sa.JSON, nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("due", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("held", _TIME),
        sa.Column("claimed_by", sa.Text),
        sa.Column("claimed_until", _TIME),
        sa.Column("sent", _TIME),
        sa.Column("dead", _TIME),
        sa.Index("ix_outbox_waiting", "sent", "dead", "channel", "due"),
    )
    op.create_table(
        "outbox_alerts",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column(
            "notice",
            sa.Integer,
            sa.ForeignKey("outbox.id"),
            primary_key=True,
            autoincrement=False,
            index=True,
        ),
    )


def downgrade() -> None:
    """Drop them, with all that they hold, and the transitions that are of no slot."""
    for table in ("gauges", "leases", "silences", "told", "outbox_alerts", "outbox"):
        op.drop_table(table)
    op.execute("DELETE FROM transitions WHERE slot IS NULL")
    with op.batch_alter_table("transitions") as transitions:
        transitions.alter_column("slot", existing_type=_TIME, nullable=False)
