"""Alembic runs this file. It works on the connection that it is handed, in that one's transaction."""

from __future__ import annotations

from alembic import context

from drift.migrations import VERSION_TABLE
from drift.state_tables import METADATA


def migrate() -> None:
    """Run the revisions that Alembic chose."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        version_table=VERSION_TABLE,
        render_as_batch=True,  # SQLite alters a table by copying it
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name Alembic gives it; imported by any other, as by doctest, it does nothing
    migrate()
