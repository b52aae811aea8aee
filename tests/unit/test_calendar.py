"""The calendar of a city's hours: what its people's clock and holidays say."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from drift.calendar import calendar, check_countries, wide_days
from drift.config import parse_config
from drift.domain import Grid
from drift.errors import ConfigError

HOUR = timedelta(hours=1)


def config(**sections):
    store = {"predictions": {"path": "p"}, "actuals": {"path": "a"}}
    return parse_config({"store": store, **sections}, base=".")


INDIA = config(
    timezone="Asia/Kolkata", timezones={"Boston": "America/New_York", "Riyadh": "Asia/Riyadh"},
    detection={"country": "IN", "countries": {"Boston": "US", "Riyadh": "SA"}},
)  # fmt: skip
YEAR = Grid(datetime(2024, 1, 1, tzinfo=UTC), HOUR, 366 * 24)


@pytest.mark.parametrize(("city", "zone"), [("Pune", "Asia/Kolkata"), ("Boston", "America/New_York")])
def test_hours_and_weekends_are_those_of_the_local_clock(city, zone):
    hours = calendar(YEAR, ["Thane", city], INDIA)
    for row in range(0, YEAR.count, 97):
        local = (YEAR.start + row * HOUR).astimezone(ZoneInfo(zone))
        assert hours.hour[row, 1] == local.hour
        assert hours.weekend[row, 1] == (local.weekday() >= 5)
        assert hours.day_of_year[row] == (YEAR.start + row * HOUR).timetuple().tm_yday


def days_off(city: str) -> set[date]:
    hours = calendar(YEAR, [city], INDIA)
    local = [(YEAR.start + row * HOUR).astimezone(ZoneInfo(INDIA.zone_of(city))) for row in range(YEAR.count)]
    return {at.date() for at, free in zip(local, hours.holiday[:, 0], strict=True) if free}


def test_holidays_are_the_countrys_with_the_days_that_bridge_them_to_a_weekend():
    boston = days_off("Boston")
    assert date(2024, 7, 4) in boston  # a Thursday …
    assert date(2024, 7, 5) in boston  # … and the Friday that bridges it
    assert date(2024, 7, 3) not in boston
    assert {date(2024, 12, 24), date(2024, 12, 31)} <= boston
    assert date(2024, 8, 15) not in boston
    assert date(2024, 8, 15) in days_off("Pune"), "Independence Day of India"


def test_the_weekend_is_the_countrys():
    hours = calendar(YEAR, ["Riyadh"], INDIA)
    friday_noon = (datetime(2024, 5, 10, 9, tzinfo=UTC) - YEAR.start) // HOUR
    sunday_noon = friday_noon + 48
    assert hours.weekend[friday_noon, 0]
    assert not hours.weekend[sunday_noon, 0]


def test_a_city_without_a_country_has_no_holidays():
    assert not calendar(YEAR, ["Pune"], config()).holiday.any()


def test_wide_days_surround_holidays_and_clock_changes_of_most_cities():
    wide = wide_days(YEAR, ["Boston"], INDIA)

    def at(*when):
        return wide[(datetime(*when, tzinfo=UTC) - YEAR.start) // HOUR]

    assert at(2024, 3, 10, 7)  # clocks went forward at 07:00 UTC
    assert at(2024, 7, 3, 12)
    assert not at(2024, 6, 12, 12)
    few = wide_days(YEAR, ["Boston", "Pune", "Agra"], config(timezones={"Boston": "America/New_York"}))
    assert not few.any(), "one city of three does not make all hard to forecast"


def test_a_country_that_is_not_known_is_named():
    with pytest.raises(ConfigError, match="holidays of 'ZZ' are not known: leave it out"):
        check_countries(config(detection={"country": "ZZ"}))


def test_half_hour_intervals_have_the_hour_they_are_in():
    half = Grid(datetime(2024, 1, 1, tzinfo=UTC), HOUR / 2, 48)
    hours = calendar(half, ["Pune"], config(timezone="Asia/Kolkata"))
    assert hours.hour[:3, 0].tolist() == [5, 6, 6], "05:30, 06:00, 06:30"
    assert np.asarray(hours.month).tolist() == [54 * 12] * 48
