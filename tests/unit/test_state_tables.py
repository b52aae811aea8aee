"""Text from data comes back from the state as it was, whatever the database can hold."""

from __future__ import annotations

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from drift.state_tables import Words

NAMES = st.text(st.sampled_from("\0\ufdd001a") | st.characters(exclude_categories=["Cs"]))


@given(NAMES, NAMES)
def test_names_come_back_and_stay_apart_without_a_zero_byte(name, other):
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        kept, others = (Words().process_bind_param(each, dialect) for each in (name, other))
        assert "\0" not in kept
        assert Words().process_result_value(kept, dialect) == name
        assert (kept == others) is (name == other)


def test_nothing_stays_nothing_in_a_real_database():
    table = sa.Table("t", sa.MetaData(), sa.Column("name", Words))
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"name": None}, {"name": ""}, {"name": "a\0b"}])
        assert connection.scalars(sa.select(table.c.name)).all() == [None, "", "a\0b"]
        assert connection.scalar(sa.select(sa.func.count()).where(table.c.name == "a\0b")) == 1
    engine.dispose()
