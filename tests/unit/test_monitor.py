"""One slot from store to sinks, on a real Parquet store and a real SQLite state; the clock is handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift import Monitor, load_config
from drift.domain import AlertStatus, Run, Series, Undefined
from drift.errors import ConfigError, SinkError, WindowError
from drift.sinks.history import read_history

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
DRIFTED = START + timedelta(days=31)


class Ticking:
    """A clock that is a second later each time it is read."""

    def __init__(self) -> None:
        self.now = datetime(2027, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def monitor(made, **parts) -> Monitor:
    return Monitor(load_config(made.config), clock=Ticking(), **parts)


def accuracy(run: Run, series: Series):
    (found,) = [m for m in run.measurements() if (m.name, m.series) == ("accuracy", series)]
    return found


def test_a_slot_measures_judges_commits_and_publishes(made):
    m = monitor(made)
    first = m.run(DRIFTED)
    assert first.failures == ()
    assert accuracy(first, Series("v1", "Surat")).value == pytest.approx(0.75, abs=0.03)
    assert accuracy(first, Series("v2", "Surat")).value == pytest.approx(0.97, abs=0.01)
    (pending,) = first.transitions
    assert (pending.key.city, pending.key.model_version, pending.after) == (
        "Surat",
        "v1",
        AlertStatus.PENDING,
    )
    second = m.run(DRIFTED + HOUR)
    (firing,) = second.transitions
    assert (firing.after, firing.since) == (AlertStatus.FIRING, DRIFTED)
    assert (made.folder / "reports" / "2026-04-01T01-00Z" / "index.html").stat().st_size > 10_000
    assert read_history(made.folder / "history", DRIFTED, DRIFTED + 2 * HOUR).num_rows == 2 * len(
        list(first.measurements())
    )
    assert m.state.slot(DRIFTED).published_at is not None


def test_the_same_slot_again_changes_nothing(made):
    m = monitor(made)
    first = m.run(DRIFTED)
    state = (m.state.alerts(), m.state.transitions(), m.state.slot(DRIFTED))
    again = m.run(DRIFTED)
    assert (m.state.alerts(), m.state.transitions(), m.state.slot(DRIFTED)) == state
    assert again.transitions == first.transitions
    assert [x.value for x in again.measurements()] == [x.value for x in first.measurements()]


def test_a_run_shows_the_alerts_as_the_state_has_them(made):
    m = monitor(made)
    for hour in (0, 1):
        slot = DRIFTED + hour * HOUR
        run = m.run(slot.astimezone(timezone(5.5 * HOUR)))
        assert len(run.alerts) == 6
        assert run.alerts == tuple(m.state.alerts().values()) == m.look(slot).alerts
        assert {alert.changed.tzinfo for alert in run.alerts} == {UTC}


def test_an_older_slot_is_measured_and_moves_no_alert(made):
    m = monitor(made)
    for hour in (0, 1):
        m.run(DRIFTED + hour * HOUR)
    quiet = m.run(START + timedelta(days=29))
    assert quiet.transitions == ()
    (alert,) = [a for a in m.state.alerts().values() if a.status is AlertStatus.FIRING]
    assert alert.key.city == "Surat"


def test_a_replay_gives_the_same_transitions_as_its_slots_run_one_by_one(made):
    m = monitor(made, sinks=())
    first, last = START + timedelta(days=29), START + timedelta(days=33)
    replayed = m.replay(first, last, HOUR, explain=True)
    one_by_one = monitor(made, sinks=())
    made.edit("alerts:", "reports: null\nhistory: null\nalerts:")
    one_by_one = monitor(made, sinks=())
    for hour in range((last - first) // HOUR + 1):
        one_by_one.run(first + hour * HOUR)
    assert one_by_one.state.transitions() == list(replayed.transitions)
    assert len(replayed.transitions) >= 3
    assert replayed.alerts == one_by_one.state.alerts()


def test_a_replay_writes_nothing(made):
    before = sorted(made.folder.rglob("*"))
    monitor(made).replay(DRIFTED, DRIFTED + HOUR, HOUR)
    assert sorted(made.folder.rglob("*")) == before


def test_missing_actuals_are_no_verdict_and_counted(made):
    m = monitor(made)
    run = m.run(START + timedelta(days=37))
    delhi = accuracy(run, Series("v1", "Delhi"))
    assert (delhi.value, delhi.undefined) == (None, Undefined.NO_PAIRS)
    (count,) = [
        c for c in run.pair_counts if (c.city, c.model_version, c.window) == ("Delhi", "v1", "current")
    ]
    assert {reason.value: n for reason, n in count.unused.items()} == {"missing_actual": 24}
    assert run.actuals_delay_s["Delhi"] == 2 * 86400
    assert run.actuals_delay_s["Pune"] == 0
    assert all(v.status.value == "no_data" for v in run.verdicts if v.key.city == "Delhi")


class Broken:
    name = "broken"

    def publish(self, _: Run) -> Mapping[str, str]:
        raise SinkError("broken: nobody listens at the other end: start it")


class Buggy:
    name = "buggy"

    def publish(self, _: Run) -> Mapping[str, str]:
        raise ZeroDivisionError("oops")


class Keeping:
    name = "keeping"

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def publish(self, run: Run) -> Mapping[str, str]:
        self.runs.append(run)
        return {"kept": "here"}


def test_a_sink_that_fails_is_named_and_stops_no_other(made):
    keeping = Keeping()
    m = monitor(made, sinks=[Broken(), Buggy(), keeping])
    run = m.run(DRIFTED)
    assert [(f.stage, f.what, f.message) for f in run.failures] == [
        ("sink", "broken", "broken: nobody listens at the other end: start it"),
        ("sink", "buggy", "ZeroDivisionError: oops"),
    ]
    assert run.links["kept"] == "here"
    assert len(keeping.runs) == 1
    assert keeping.runs[0].failures == run.failures  # a later sink can tell of an earlier one's failure
    record = m.state.slot(DRIFTED)
    assert record is not None  # the slot is committed all the same …
    assert record.published_at is None  # … and known to want publishing


def test_a_slot_beyond_the_data_says_so_and_fires_nothing(made):
    run = monitor(made).run(START + timedelta(days=400))
    (failure,) = run.failures
    assert "holds no data: the store spans [2026-03-01T00:00:00Z, 2026-04-10T00:00:00Z)" in failure.message
    assert "--slot" in failure.message
    assert run.transitions == ()


def test_a_reference_longer_than_the_data_is_said_and_what_there_is_is_used(made):
    run = monitor(made).run(START + timedelta(days=8))
    (failure,) = run.failures
    assert "is longer than the data, which starts at 2026-03-01T00:00:00Z" in failure.message
    assert accuracy(run, Series("v1", "Pune")).value is not None


def test_a_current_window_longer_than_the_data_is_refused(made):
    made.edit("current: 24h", "current: 60d")
    with pytest.raises(WindowError, match=r"windows\.current of 60d is longer than the data"):
        monitor(made).run(DRIFTED)


def test_an_unknown_city_in_the_config_is_refused_with_the_nearest(made):
    made.edit("windows:", "cities: [Pune, Sura]\nwindows:")
    with pytest.raises(ConfigError, match=r"the store has no city 'Sura'; did you mean `Surat`\?"):
        monitor(made).run(DRIFTED)


def test_only_the_configs_cities_are_monitored(made):
    made.edit("windows:", "cities: [Surat]\nwindows:")
    run = monitor(made).run(DRIFTED)
    assert {m.series.city for m in run.measurements()} == {"Surat", None}


def test_one_city_that_cannot_be_read_stops_no_other(made):
    """A folder with a file a city, one of them damaged: the others are evaluated, it is named."""
    whole = pq.ParquetFile(made.folder / "data" / "predictions.parquet").read()
    folder = made.folder / "data" / "predictions"
    folder.mkdir()
    for city in ("Delhi", "Pune", "Surat"):
        rows = [name == city for name in whole["city"].to_pylist()]
        pq.write_table(whole.filter(rows), folder / f"{city}.parquet", write_page_checksum=True)
    made.edit("path: data/predictions.parquet", "path: data/predictions")
    damaged = bytearray((folder / "Pune.parquet").read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 40] = bytes(40)
    (folder / "Pune.parquet").write_bytes(damaged)
    run = monitor(made).run(DRIFTED)
    assert [(f.stage, f.what) for f in run.failures] == [("read", "Pune")]
    assert "Pune.parquet" in run.failures[0].message
    assert accuracy(run, Series("v1", "Surat")).value is not None


def test_a_report_needs_no_slot_in_the_ledger(made):
    m = monitor(made)
    links = m.report(DRIFTED, city="Surat")
    assert set(links) == {"report", "city:Surat"}
    assert m.state.last_slot() is None
    with pytest.raises(ConfigError, match=r"there is no city 'Surrat'; did you mean `Surat`\?"):
        m.report(DRIFTED, city="Surrat")


def test_a_run_is_a_pandas_frame_for_whoever_asks(made):
    run = monitor(made, sinks=()).look(DRIFTED)
    frame = run.to_pandas()
    row = frame.query("name == 'mape' and city == 'Surat' and model_version == 'v1'")
    assert row.value.item() == pytest.approx(0.25, abs=0.03)


def test_the_size_of_blocks_and_the_number_of_threads_change_nothing(made):
    def measured(block: int, workers: int):
        text = made.config.read_text()
        made.config.write_text(text + f"engine: {{block: {block}, workers: {workers}}}\n")
        run = monitor(made, sinks=()).look(DRIFTED)
        made.config.write_text(text)
        return list(run.measurements()), run.pair_counts, run.verdicts

    whole = measured(64, 1)
    for block, workers in ((1, 1), (1, 2), (2, 3)):
        measurements, counts, verdicts = measured(block, workers)
        assert measurements == whole[0]
        assert sorted(counts, key=str) == sorted(whole[1], key=str)
        assert verdicts == whole[2]


def test_a_model_version_of_one_city_has_no_rows_for_the_others(made):
    path = made.folder / "data" / "predictions.parquet"
    rows = pq.ParquetFile(path).read()
    keep = [
        not (c == "Pune" and v == "v2")
        for c, v in zip(*(rows[n].to_pylist() for n in ("city", "model_version")), strict=True)
    ]
    pq.write_table(rows.filter(pa.array(keep)), path)
    run = monitor(made, sinks=()).look(DRIFTED)
    cities = {m.series.city for m in run.measurements() if m.series.model_version == "v2"}
    assert cities == {"Delhi", "Surat", None}
    assert ("v2", "Pune") not in {(c.model_version, c.city) for c in run.pair_counts}


def test_a_city_that_fell_silent_is_listed_without_a_value(made):
    made.edit("reference: 14d", "reference: 48h")
    made.edit("floor_window: 14d", "floor_window: 48h, season: 24h")
    path = made.folder / "data" / "predictions.parquet"
    rows = pq.ParquetFile(path).read()
    late = [
        not (c == "Pune" and t >= DRIFTED - 5 * 24 * HOUR)
        for c, t in zip(rows["city"].to_pylist(), rows["target_time"].to_pylist(), strict=True)
    ]
    pq.write_table(rows.filter(late), path)
    run = monitor(made, sinks=()).look(DRIFTED)
    got = accuracy(run, Series("v1", "Pune"))
    assert (got.value, got.undefined) == (None, Undefined.NO_PAIRS)


def firing(m: Monitor) -> set[tuple[str, str | None]]:
    return {(k.rule, k.city) for k, a in m.state.alerts().items() if a.status is AlertStatus.FIRING}


def test_an_alert_whose_rule_was_removed_resolves_with_that_reason(made):
    m = monitor(made)
    for hour in (0, 1):
        m.run(DRIFTED + hour * HOUR)
    assert firing(m) == {("model_accuracy_drop", "Surat")}
    made.edit(
        "model_accuracy_drop: {metric: model_accuracy, threshold: 0.85", "other: {metric: mae, threshold: 1e9"
    )
    again = monitor(made)
    (closed,) = again.run(DRIFTED + 2 * HOUR).transitions
    assert (closed.after, closed.reason) == (AlertStatus.RESOLVED, "the rule was removed")
    assert firing(again) == set()


def test_an_alert_of_a_model_version_that_is_gone_resolves_with_that_reason(made):
    m = monitor(made)
    for hour in (0, 1):
        m.run(DRIFTED + hour * HOUR)
    path = made.folder / "data" / "predictions.parquet"
    rows = pq.ParquetFile(path).read()
    pq.write_table(rows.filter(pa.array([v == "v2" for v in rows["model_version"].to_pylist()])), path)
    (closed,) = m.run(DRIFTED + 2 * HOUR).transitions
    assert closed.reason == "the model version no longer forecasts here"


def without(made, dropped: Callable[[str, str, datetime], bool]) -> None:
    """Take predictions out of the store: by city, model version and target time."""
    path = made.folder / "data" / "predictions.parquet"
    rows = pq.ParquetFile(path).read()
    columns = (rows[name].to_pylist() for name in ("city", "model_version", "target_time"))
    pq.write_table(rows.filter(pa.array([not dropped(*row) for row in zip(*columns, strict=True)])), path)


STOPPED = START + timedelta(days=20)


def told(m: Monitor, first: datetime, last: datetime) -> list[tuple[str, str | None, datetime, str, str]]:
    """What a slot every six hours says of missing data: of whom, when, what it becomes, and why."""
    moved = []
    for hours in range(0, (last - first) // HOUR + 1, 6):
        moved += m.run(first + hours * HOUR).transitions
    assert m.replay(first, last, 6 * HOUR).transitions == tuple(moved)
    return [(t.key.model_version, t.key.city, t.at, t.after.value, t.reason) for t in moved]


def quiet_config(made) -> None:
    """Limits that nothing passes, so that all that is said is that data are missing."""
    made.edit("threshold: 0.85, duration: 1h", "threshold: -9, duration: 1h")
    pooled = "  pooled_accuracy: {metric: model_accuracy, threshold: -9, scope: pooled}\n"
    made.edit("alerts:\n", f"reports: null\nhistory: null\nmlflow: null\nalerts:\n{pooled}")


def test_a_model_version_that_was_replaced_is_missed_for_a_week_and_then_retired(made):
    quiet_config(made)
    without(made, lambda _, version, time: version == "v1" and time >= STOPPED)
    m = monitor(made, sinks=())
    found = told(m, STOPPED, STOPPED + timedelta(days=8))
    assert {version for version, *_ in found} == {"v1"}
    # of 24 h it has less than 60 % after 10 h, which is pending for 6 h
    assert {(city, at, after) for _, city, at, after, _ in found} == {
        (city, STOPPED + age, after)
        for city in ("Delhi", "Pune", "Surat", None)
        for age, after in (
            (12 * HOUR, "pending"),
            (18 * HOUR, "firing"),
            (timedelta(days=7), "resolved"),
        )
    }
    assert {reason for *_, after, reason in found if after == "resolved"} == {
        "the model version was retired: another one forecasts here in its place"
    }
    assert accuracy(m.look(STOPPED + timedelta(days=8)), Series("v1", "Pune")).undefined is Undefined.RETIRED


def test_when_all_model_versions_fall_silent_nobody_was_retired(made):
    quiet_config(made)
    without(made, lambda _city, _version, time: time >= STOPPED)
    found = told(monitor(made, sinks=()), STOPPED, STOPPED + timedelta(days=8))
    assert {version for version, *_ in found} == {"v1", "v2"}
    assert {after for *_, after, _ in found} == {"pending", "firing"}


def test_who_was_retired_stays_so_when_the_one_in_its_place_falls_silent(made):
    quiet_config(made)
    out = STOPPED + timedelta(days=9)
    without(made, lambda _, version, time: time >= (STOPPED if version == "v1" else out))
    found = told(monitor(made, sinks=()), out, out + timedelta(days=3))
    assert {(version, after) for version, _, _, after, _ in found} == {("v2", "pending"), ("v2", "firing")}


def test_a_model_version_that_pauses_in_some_cities_is_missed_there_for_good(made):
    quiet_config(made)
    without(made, lambda city, version, time: version == "v1" and city != "Surat" and time >= STOPPED)
    found = told(monitor(made, sinks=()), STOPPED, STOPPED + timedelta(days=8))
    assert {(version, city) for version, city, *_ in found} == {("v1", "Delhi"), ("v1", "Pune"), ("v1", None)}
    assert "resolved" not in {after for *_, after, _ in found}


def test_the_only_model_version_of_a_city_is_missed_there_for_good(made):
    quiet_config(made)
    without(
        made,
        lambda c, version, time: (version == "v2") == (c == "Pune") or (version == "v1" and time >= STOPPED),
    )
    found = told(monitor(made, sinks=()), STOPPED, STOPPED + timedelta(days=8))
    assert {(version, city) for version, city, *_ in found} == {("v1", "Pune"), ("v1", None)}
    assert "resolved" not in {after for *_, after, _ in found}


def test_a_model_version_that_comes_back_is_judged_again(made):
    quiet_config(made)
    back = STOPPED + timedelta(days=9)
    without(made, lambda _, version, time: version == "v1" and STOPPED <= time < back)
    run = monitor(made, sinks=()).look(back + timedelta(days=1))
    assert accuracy(run, Series("v1", "Pune")).value == pytest.approx(0.97, abs=0.02)


def test_how_long_a_model_version_is_missed_is_the_configs(made):
    quiet_config(made)
    made.edit("alerts:", "notify: {retire_after: 36h}\nalerts:")
    without(made, lambda _, version, time: version == "v1" and time >= STOPPED)
    found = told(monitor(made, sinks=()), STOPPED, STOPPED + timedelta(days=3))
    assert {at for *_, at, after, _ in found if after == "resolved"} == {STOPPED + 36 * HOUR}


def test_a_city_that_cannot_be_read_keeps_its_alert(made):
    """No verdict for want of a readable store is no reason to resolve."""
    whole = pq.ParquetFile(made.folder / "data" / "predictions.parquet").read()
    (made.folder / "data" / "p").mkdir()
    for city in ("Delhi", "Pune", "Surat"):
        rows = [name == city for name in whole["city"].to_pylist()]
        pq.write_table(
            whole.filter(rows), made.folder / "data" / "p" / f"{city}.parquet", write_page_checksum=True
        )
    made.edit("path: data/predictions.parquet", "path: data/p")
    m = monitor(made)
    for hour in (0, 1):
        m.run(DRIFTED + hour * HOUR)
    file = made.folder / "data" / "p" / "Surat.parquet"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2 : len(damaged) // 2 + 40] = bytes(40)
    file.write_bytes(damaged)
    run = m.run(DRIFTED + 2 * HOUR)
    assert [f.what for f in run.failures] == ["Surat"]
    assert firing(m) == {("model_accuracy_drop", "Surat")}


def test_an_older_slot_is_shown_with_the_alerts_of_its_time(made):
    m = monitor(made)
    for hour in (0, 1):
        m.run(DRIFTED + hour * HOUR)
    assert {a.status for a in m.look(DRIFTED).alerts} == {AlertStatus.PENDING}
    assert m.look(DRIFTED - HOUR).alerts == ()


def test_the_log_hears_of_every_transition_once(made):
    import structlog

    m = monitor(made)
    with structlog.testing.capture_logs() as lines:
        m.run(DRIFTED)
        m.run(DRIFTED)
        m.run(DRIFTED + HOUR)
    told = [(line["event"], line["city"]) for line in lines if line["event"].startswith("alert ")]
    assert told == [("alert pending", "Surat"), ("alert firing", "Surat")]


def test_a_channel_that_nobody_knows_is_refused_and_the_guides_are_not(made):
    made.edit("severity: high", "severity: high, channels: [slack, email, sms, log]")
    monitor(made)
    made.edit("channels: [slack,", "channels: [slak,")
    with pytest.raises(
        ConfigError, match=r"alerts\.model_accuracy_drop\.channels: there is no channel 'slak'.*`slack`"
    ):
        monitor(made)


def test_a_published_slot_is_not_published_again_whatever_the_data_say_now(made):
    keeping = Keeping()
    m = monitor(made, sinks=[keeping])
    m.run(DRIFTED)
    path = made.folder / "data" / "actuals.parquet"
    rows = pq.ParquetFile(path).read()
    pq.write_table(rows.slice(0, rows.num_rows - 24 * 20), path)
    m.run(DRIFTED)
    assert len(keeping.runs) == 1


def test_a_slot_of_which_nothing_could_be_measured_is_a_failure(made):
    path = made.folder / "data" / "actuals.parquet"
    rows = pq.ParquetFile(path).read()
    early = [t < DRIFTED - 3 * 24 * HOUR for t in rows["target_time"].to_pylist()]
    pq.write_table(rows.filter(pa.array(early)), path)
    (failure,) = monitor(made, sinks=()).look(DRIFTED).failures
    assert failure.message.startswith(
        "nothing could be measured in [2026-03-31T00:00:00Z, 2026-04-01T00:00:00Z)"
    )
    assert "missing_actual 144" in failure.message


def test_one_stray_row_is_counted_and_moves_no_grid(made):
    path = made.folder / "data" / "actuals.parquet"
    rows = pq.ParquetFile(path).read()
    stamp = pa.array([START - timedelta(minutes=43)], pa.timestamp("us", "UTC"))
    stray = pa.table({"city": ["Pune"], "target_time": stamp, "actual": [1.0]}).cast(rows.schema)
    pq.write_table(pa.concat_tables([stray, rows]), path)
    run = monitor(made, sinks=()).look(DRIFTED)
    assert run.failures == ()
    assert accuracy(run, Series("v1", "Pune")).value is not None


def test_a_city_with_another_phase_is_named(made):
    import pyarrow as pa
    import pyarrow.compute as pc

    path = made.folder / "data" / "actuals.parquet"
    rows = pq.ParquetFile(path).read()
    half = pc.if_else(pc.equal(rows["city"], "Pune"), pa.scalar(1_800_000_000), pa.scalar(0))
    moved = pc.cast(pc.add(pc.cast(rows["target_time"], pa.int64()), half), pa.timestamp("us", "UTC"))
    pq.write_table(rows.set_column(1, "target_time", moved), path)
    (failure,) = monitor(made, sinks=()).look(DRIFTED).failures
    assert "most rows of Pune lie off the interval of 1h" in failure.message


def test_a_rule_on_a_column_that_is_not_there_is_a_named_failure(made):
    made.edit("alerts:", "alerts:\n  heat: {metric: psi, threshold: 1, column: temprature}")
    (failure,) = monitor(made, sinks=()).look(DRIFTED).failures
    assert (
        failure.message
        == "alerts.heat.column: no column 'temprature' is measured; did you mean `temperature`?"
    )
