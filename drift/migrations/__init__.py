"""The state's schema, as a chain of Alembic revisions.

Importing Alembic costs a fifth of a second, so what every start needs is kept apart from it: the known
revisions stand here, a plain query finds the database's own, and only a difference calls `upgrade`.

To add a revision: write `versions/NNNN_what_changes.py` (or `alembic revision` with this folder as its
script location) and append its number to `REVISIONS`; a test holds the two equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
HEAD = REVISIONS[-1]

VERSION_TABLE = "drift_schema"
"""A name of our own, because MLflow in the same database keeps Alembic's default one."""


def upgrade(connection: Connection) -> None:
    """Bring the schema to `HEAD` inside the connection's open transaction."""
    from alembic import command

    command.upgrade(alembic_config(connection), HEAD)


def alembic_config(connection: Connection | None = None) -> AlembicConfig:
    """Alembic's settings for this folder; there is no alembic.ini."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "drift:migrations")
    config.attributes["connection"] = connection
    return config


if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
