"""Feast's registry may be a database, a server or a bucket: that it does not answer is told from what it says.

What is raised here is what such clients raise, for real; tests of Feast itself are in `test_feast_store.py`.
"""

from __future__ import annotations

import socket

import pytest
import sqlalchemy as sa

from drift.stores.feast_repo import is_away


def refused() -> Exception:
    """What SQLAlchemy raises of a PostgreSQL that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    engine = sa.create_engine(
        f"postgresql+psycopg://u:p@127.0.0.1:{port}/d", connect_args={"connect_timeout": 2}
    )
    with pytest.raises(sa.exc.OperationalError) as caught:
        engine.connect()
    return caught.value


def test_a_database_that_refuses_is_away():
    assert is_away(refused())


def test_what_it_came_of_counts_too():
    outer = RuntimeError("the registry could not be loaded")
    outer.__cause__ = refused()
    assert is_away(outer)


def test_a_query_that_is_wrong_is_no_absence(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/registry.db")
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as caught:
        connection.exec_driver_sql("SELECT * FROM nothing")
    # SQLite says the same of a table that is not there: worth another try, and told with its text
    assert is_away(caught.value)
    assert not is_away(FileNotFoundError("registry.db"))
    assert not is_away(KeyError("load_forecast"))
    assert not is_away(None)


def test_errors_in_a_circle_end():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_away(one)
