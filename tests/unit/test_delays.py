"""Late actuals: what is usual is learnt from when they came, and only what is later than that is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from drift.alerts import step
from drift.builtin import builtin_rules, late_verdicts
from drift.config import AccuracyConfig, WindowsConfig
from drift.delays import LOOK_BACK, Delay, delays_at, newest
from drift.domain import Alert, AlertKey, AlertStatus, Grid, Threshold, Transition, Undefined
from drift.measuring import actuals_delay
from drift.notify import Policy, Standing, notices
from drift.timeline import FOREVER, Forecast, Revision, Timeline
from drift.windows import Windows, windows_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
SECOND = 1_000_000
RULES = builtin_rules(6 * HOUR, 3 * HOUR, 2 * HOUR, ("slack",))
Feed = Callable[[np.random.Generator, int, int], np.ndarray]


def us(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND)


def timeline(*available: np.ndarray, values: float = 1.0) -> Timeline:
    """Hourly actuals that came at these moments `(cities, hours)`, a revision an array, oldest first."""
    cities, hours = available[0].shape
    none = Forecast(np.zeros((0, cities, hours)), None, None)
    revisions = tuple(
        Revision(np.where(came == FOREVER, np.nan, values + k), came) for k, came in enumerate(available)
    )
    names = tuple(f"city {c}" for c in range(cities))
    return Timeline(Grid(START, HOUR, hours), names, (), revisions, none, {}, {})


def windows(slot: datetime, reference: timedelta = 70 * DAY, lag: timedelta = 0 * HOUR) -> Windows:
    return windows_of(slot, WindowsConfig(reference=reference, lag=lag), AccuracyConfig())


def ends(hours: int) -> np.ndarray:
    return us(START) + (np.arange(hours) + 1) * 3600 * SECOND


def hourly(rng: np.random.Generator, cities: int, hours: int) -> np.ndarray:
    """Each hour by itself, half of them within 24 minutes, one in a hundred after four hours."""
    return ends(hours) + (np.exp(rng.normal(np.log(0.4), 1.0, (cities, hours))) * 3600 * SECOND).astype("i8")


def daily(
    rng: np.random.Generator, cities: int, hours: int, *, weekdays: bool = False, mean: float = 0.75
) -> np.ndarray:
    """Whole days at nine in the morning, and as much later as an exponential of so many hours says."""
    came = np.full((cities, hours), FOREVER)
    jitter = rng.exponential(mean, (cities, hours // 24 + 8))  # one delivery brings all days that wait for it
    for day in range(hours // 24):
        later = day + 1
        while weekdays and later % 7 > 4:
            later += 1
        at = us(START + later * DAY + 9 * HOUR)
        came[:, day * 24 : day * 24 + 24] = (at + jitter[:, later, None] * 3600 * SECOND).astype("i8")
    return came


def weekly(rng: np.random.Generator, cities: int, hours: int) -> np.ndarray:
    return daily(rng, cities, hours, weekdays=True)


def at_nine(hours: int) -> np.ndarray:
    return daily(np.random.default_rng(0), 1, hours, mean=0.0)


def told(data: Timeline, first: datetime, slots: int, **how: Any) -> list[Transition]:
    """What the state machine says of the hourly slots from the first one on."""
    alerts: dict[AlertKey, Alert] = {}
    found: list[Transition] = []
    for k in range(slots):
        slot = first + k * HOUR
        after = step(
            alerts, late_verdicts(delays_at(data, windows(slot, **how)), alerts), RULES, slot, data.cities
        )
        alerts |= after.alerts
        found += after.transitions
    return found


# what is learnt -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hour", "hours"), [(8, 32), (9, 9), (10, 10), (23, 23)])
def test_actuals_that_come_once_a_day_are_as_old_as_they_are_by_the_time_of_day(hour, hours):
    """At nine comes all of yesterday: an hour before it is 32 hours old, and at ten it is 10."""
    found = delays_at(timeline(at_nine(70 * 24)), windows(START + 69 * DAY + hour * HOUR))["city 0"]
    assert found == Delay(hours * 3600.0, hours * 3600.0)
    assert not found.late


def test_the_delay_now_is_that_of_the_gauge():
    data = timeline(hourly(np.random.default_rng(1), 4, 70 * 24))
    for hour in range(24):
        at = windows(START + 68 * DAY + hour * HOUR + timedelta(minutes=5))
        assert {city: d.now for city, d in delays_at(data, at).items()} == actuals_delay(data.at(at), at.slot)


def test_a_lag_of_the_windows_is_part_of_what_is_usual():
    """Hours that no window looks at are not missed."""
    data = timeline(hourly(np.random.default_rng(1), 1, 70 * 24))
    found = delays_at(data, windows(START + 68 * DAY, lag=48 * HOUR))["city 0"]
    assert found == Delay(48 * 3600.0, 48 * 3600.0)


def test_the_newest_is_found_as_by_looking_at_each():
    rng = np.random.default_rng(3)
    came = rng.integers(0, 60, (5, 40))
    moments, stops = rng.integers(0, 60, 9), rng.integers(0, 40, 9)
    expected = np.full((5, 9), np.nan)
    for c in range(5):
        for m in range(9):
            known = [b for b in range(stops[m], min(stops[m] + 12, 40)) if came[c, 39 - b] <= moments[m]]
            expected[c, m] = min(known, default=np.nan)
    np.testing.assert_array_equal(newest(came, moments, stops, 12), expected)


def test_a_store_that_does_not_say_when_actuals_came_teaches_nothing():
    data = timeline(at_nine(70 * 24))
    silent = replace(data, revisions=(Revision(data.revisions[0].value, None),))
    found = delays_at(silent, windows(START + 69 * DAY))
    assert found == {"city 0": Delay(None, None, Undefined.NO_ARRIVALS)}
    assert told(silent, START + 60 * DAY, 24) == []


@pytest.mark.parametrize(("days", "known"), [(13, False), (14, True)])
def test_two_weeks_must_be_known_whatever_was_loaded_before(days, known):
    """A store that was filled at once: what is older than that was not known before."""
    came = at_nine(70 * 24)
    filled = START + 40 * DAY + 12 * HOUR
    came[came < us(filled)] = us(filled)
    found = delays_at(timeline(came), windows(filled + days * DAY + HOUR))["city 0"]
    assert (found.expected is not None) is known
    assert found.reason is (None if known else Undefined.SHORT_REFERENCE)


def test_an_outage_is_not_usual_the_week_after_nor_while_it_lasts():
    came = at_nine(80 * 24)
    waits = slice(60 * 24, 65 * 24)  # five days come at once
    came[:, waits] = us(START + 66 * DAY + 12 * HOUR)
    data = timeline(came)
    assert [delays_at(data, windows(START + d * DAY + 11 * HOUR))["city 0"] for d in (63, 65, 68)] == [
        Delay((72 + 11) * 3600.0, 11 * 3600.0),
        Delay((120 + 11) * 3600.0, 11 * 3600.0),
        Delay(11 * 3600.0, 11 * 3600.0),
    ]


def test_a_weekend_without_deliveries_comes_back_every_week():
    data = timeline(daily(np.random.default_rng(0), 1, 80 * 24, weekdays=True, mean=0.0))
    monday = START + 70 * DAY
    ages = [delays_at(data, windows(monday + d * DAY + 8 * HOUR))["city 0"] for d in range(5)]
    assert (
        ages[0].now == 80 * 3600.0
    )  # Thursday's hours came on Friday: since then, three days and eight hours
    assert not any(age.late for age in ages)


def test_where_silences_of_more_than_a_week_are_usual_nothing_is_expected():
    came = at_nine(80 * 24)
    for first in range(0, 70, 10):  # ten days at once
        came[:, first * 24 : first * 24 + 240] = us(START + (first + 10) * DAY)
    found = delays_at(timeline(came), windows(START + 79 * DAY))["city 0"]
    assert (found.expected, found.reason) == (None, Undefined.SHORT_REFERENCE)


def test_a_revision_changes_nothing():
    first = at_nine(75 * 24)
    later = np.where(np.arange(first.size) % 5 == 0, first + 3 * 86400 * SECOND, FOREVER)
    for hour in range(0, 48, 5):
        at = windows(START + 70 * DAY + hour * HOUR)
        assert delays_at(timeline(first, later), at) == delays_at(timeline(first), at)


def test_a_slot_knows_nothing_of_what_came_after_it():
    """A replay has it all on its timeline, and says what the slot said that had only its past."""
    came = hourly(np.random.default_rng(5), 3, 75 * 24)
    for hour in range(0, 72, 7):
        at = windows(START + 70 * DAY + hour * HOUR + timedelta(minutes=5))
        then = np.where(came <= us(at.slot), came, FOREVER)
        assert delays_at(timeline(came), at) == delays_at(timeline(then), at)


def test_a_slot_looks_back_no_further_than_its_history():
    """The first slot of a replay has longer rows before it than the last: they must not count."""
    data = timeline(at_nine(90 * 24))
    at = windows(START + 88 * DAY, reference=5 * DAY)
    assert at.history.length < LOOK_BACK * DAY
    short = data.grid.cut(at.history)
    part = Timeline(
        Grid(at.history.start, HOUR, short.stop - short.start), data.cities, (),
        tuple(Revision(r.value[:, short], r.available[:, short]) for r in data.revisions),  # type: ignore[index]
        Forecast(np.zeros((0, 1, short.stop - short.start)), None, None), {}, {},
    )  # fmt: skip
    assert delays_at(data, at) == delays_at(part, at)


# what is told -------------------------------------------------------------------------------------------


def test_a_feed_that_stops_is_told_and_resolves_when_it_comes():
    came = at_nine(80 * 24)
    came[:, 70 * 24 : 71 * 24] = us(START + 71 * DAY + 15 * HOUR + HOUR / 2)
    found = told(timeline(came), START + 71 * DAY, 24)
    assert [(t.at - START - 71 * DAY) // HOUR for t in found] == [9, 12, 16]
    assert [t.after.value for t in found] == ["pending", "firing", "resolved"]
    fired = found[1]
    assert (fired.value, fired.threshold) == (36.0, Threshold(12.0, "above", "calibrated"))
    assert fired.key == AlertKey("late_actuals", "", "city 0", None, None)


def test_a_batch_that_is_an_hour_late_is_told_to_nobody():
    came = at_nine(80 * 24)
    came[:, 70 * 24 : 71 * 24] += 3600 * SECOND + 1
    assert [t.after.value for t in told(timeline(came), START + 71 * DAY, 24)] == ["pending", "ok"]


def test_what_is_not_known_ends_no_alert():
    key = AlertKey("late_actuals", "", "Pune", None, None)
    stands = {key: Alert(key, AlertStatus.FIRING, START, START, START, 9.0, Threshold(3.0, "above"))}
    for delays in ({}, {"Pune": Delay(None, None, Undefined.NO_ARRIVALS)}, {"Pune": Delay(None, 60.0)}):
        after = step(stands, late_verdicts(delays, stands), RULES, START + HOUR, ["Pune"])
        assert not after.transitions
    (ended,) = step(
        stands, late_verdicts({"Pune": Delay(60.0, 60.0)}, stands), RULES, START + HOUR
    ).transitions
    assert ended.after is AlertStatus.RESOLVED


def test_ten_thousand_cities_on_time_add_no_verdict():
    assert late_verdicts({f"city {k}": Delay(60.0, 60.0) for k in range(10_000)}, {}) == ()


def test_cities_that_are_late_together_are_one_message_and_none_where_there_are_no_data():
    cities = [f"city {k}" for k in range(30)]
    late = {AlertKey("late_actuals", "", city, None, None): Threshold(3.0, "above") for city in cities}
    none = {AlertKey("no_data", "v1", city, None, None): Threshold(0.0, "above") for city in cities[:2]}
    alerts = {
        key: Alert(key, AlertStatus.FIRING, START, START, START, 9.0, limit, episode=1)
        for key, limit in {**late, **none}.items()
    }
    found = notices(Standing({}), alerts, (), RULES, Policy(("slack",)), START).notices
    assert sorted((notice.rule, len(notice.alerts)) for notice in found) == [
        ("late_actuals", 28),
        ("no_data", 2),
    ]


# calibration --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("feed", "at_most"),
    [(hourly, 5), (daily, 36), (weekly, 84)],  # hours from the last delivery: its rhythm, and 3 h
)
@pytest.mark.parametrize("seed", [1, 2])
def test_false_alerts_are_less_than_one_a_city_year_and_a_feed_that_stops_is_told(
    feed: Feed, at_most: int, seed: int
):
    cities, days = 20, 160
    came = feed(np.random.default_rng(seed), cities, (days + 8) * 24)
    first = START + 64 * DAY + timedelta(minutes=5)
    began = [t for t in told(timeline(came), first, (days - 64) * 24) if t.after is AlertStatus.FIRING]
    years = cities * (days - 64) / 365
    assert len(began) / years <= 1.0

    stop = us(START + (days - 1) * DAY + 12 * HOUR)  # nothing comes any more
    stopped = timeline(np.where(came <= stop, came, FOREVER))
    last = {c: int(came[c][came[c] <= stop].max()) for c in range(cities)}
    after = told(stopped, START + (days - 2) * DAY + timedelta(minutes=5), 24 * 6)
    when = {t.key.city: t.at for t in after if t.after is AlertStatus.FIRING and us(t.at) > stop}
    waited = [(us(when[f"city {c}"]) - last[c]) / 3600 / SECOND for c in range(cities)]
    assert max(waited) <= at_most + 5  # a slot an hour, and the feed's own jitter
