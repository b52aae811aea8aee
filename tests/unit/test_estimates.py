"""Estimates of a store's slots: what they find, that they know no future, where they show, and how they are kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from drift import Monitor, load_config
from drift.builtin import no_data_verdicts
from drift.document import run_document
from drift.domain import AlertStatus, Series, Undefined, Verdict
from drift.errors import ConfigError
from drift.estimate import NAMES
from drift.estimate_panel import EstimatePanel
from drift.estimates import Estimates, Rehearsed
from drift.messages.figures import figure
from drift.messages.kinds import KINDS, called, kind_of
from drift.sinks.prometheus import PrometheusSink
from drift.state_tables import CALIBRATIONS
from drift.stores import open_store
from drift.survey import survey
from drift.windows import windows_of

HOUR, DAYS = timedelta(hours=1), 100
START = datetime(2021, 1, 1, tzinfo=UTC)
SLOT = START + timedelta(days=DAYS - 10)
CITIES = ("Agra", "Delhi", "Pune")
CONFIG = """\
store:
  predictions: {path: data/predictions.parquet}
  actuals: {path: data/actuals.parquet}
  features: {path: data/features.parquet}
windows: {current: 24h, reference: 30d, lag: 24h}
accuracy: {floor_window: 14d}
reports: null
estimate: {history: 90d}
alerts:
  accuracy_low: {metric: model_accuracy, threshold: 0.2}
"""


def world(folder: Path, poison: datetime | None = None) -> Path:
    """Three cities whose forecast is off by 30 % of the load × the wind of the hour, which blows for days or
    not at all. Actuals come a day late. With `poison` all that a slot then cannot know is nonsense.
    """
    rng = np.random.default_rng(5)
    hours = DAYS * 24
    t = np.arange(hours)
    wind = np.repeat(rng.random((3, DAYS // 2)), 48, axis=1)
    load = 1000 * np.array([[1.0], [20.0], [0.1]]) * (1 + 0.2 * np.sin(2 * np.pi * t / 24))
    actual = load * rng.normal(1, 0.005, load.shape)
    predicted = actual * (1 + 0.3 * wind * rng.choice([-1, 1], load.shape))
    moment = np.array([START + int(h) * HOUR for h in t])
    came, issued = moment + 24 * HOUR, moment - 36 * HOUR
    if poison is not None:
        actual[:, came > poison] = 1e7
        predicted[:, issued > poison] = 1e7
        wind[:, moment >= poison] = 1e7
    stamp = pa.array(np.tile(moment, 3), pa.timestamp("us", "UTC"))
    city = np.repeat(CITIES, hours)

    def write(name: str, **columns: object) -> None:
        pq.write_table(
            pa.table({"city": city, "target_time": stamp} | columns), folder / f"data/{name}.parquet"
        )

    (folder / "data").mkdir(parents=True)
    write(
        "actuals",
        actual=actual.ravel(),
        available_time=pa.array(np.tile(came, 3), pa.timestamp("us", "UTC")),
    )
    write(
        "predictions",
        predicted=predicted.ravel(),
        issue_time=pa.array(np.tile(issued, 3), pa.timestamp("us", "UTC")),
        model_version=["v1"] * len(city),
    )
    write("features", wind=wind.ravel())
    (folder / "drift.yaml").write_text(CONFIG)
    return folder / "drift.yaml"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return world(tmp_path_factory.mktemp("estimates"))


@pytest.fixture
def own(place, tmp_path) -> Path:
    """The same store, with a config and a state of one test's own."""
    (tmp_path / "data").symlink_to(place.parent / "data")
    (tmp_path / "drift.yaml").write_text(CONFIG)
    return tmp_path / "drift.yaml"


def edit(config: Path, old: str, new: str) -> Path:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    return config


def asked(config: Path, slots: list[datetime], fit_at: datetime = SLOT) -> tuple[bytes, list[EstimatePanel]]:
    """A fit's bytes, and the panels of slots by it."""
    made = load_config(config)
    store, estimates = open_store(made), Estimates(made)
    there = survey(store, made)
    fit, failures = estimates.fit(fit_at, store)
    assert fit is not None
    found = []
    for slot in slots:
        windows = windows_of(slot, made.windows, made.accuracy, there.cadence)
        panels, failed = estimates.at(windows, there.cadence, there.cities, store, fit)
        assert [*failures, *failed] == []
        found += panels
    return fit.to_bytes(), found


@pytest.fixture(scope="module")
def course(place) -> list[EstimatePanel]:
    """Every slot at midnight of the week after the fit."""
    return asked(place, [SLOT + timedelta(days=k) for k in range(1, 9)])[1]


def test_it_finds_the_feature_that_the_error_goes_by(place, course):
    """With the last day's actuals not in, the wind of that day is all that tells its error."""
    wind = pq.read_table(place.parent / "data/features.parquet")["wind"].to_numpy().reshape(3, -1)
    off, guess = [], []
    for k, panel in enumerate(course):
        day = DAYS - 10 + k  # the day before the slot: its actuals come tomorrow
        truth = 0.3 * wind[:, day * 24]
        expected = panel.expected[:, 24:48] / panel.predicted[:, 24:48]
        off += np.abs(np.median(expected, axis=1) - truth).tolist()
        guess += np.abs(0.15 - truth).tolist()
    assert np.mean(off) < 0.02
    assert np.mean(off) < np.mean(guess) / 3


@pytest.mark.slow
def test_it_knows_no_future(place, tmp_path, course):
    """The same fit, and the same estimates, to the last bit, whatever stands in the store for later."""
    slot = SLOT + timedelta(days=1)
    fit, _ = asked(place, [])
    poisoned = world(tmp_path, poison=SLOT)
    assert asked(poisoned, [])[0] == fit
    later = world(tmp_path / "later", poison=slot)
    bytes_, panels = asked(later, [slot])
    assert bytes_ == fit
    assert np.array_equal(panels[0].value, course[0].value)
    assert np.array_equal(panels[0].expected, course[0].expected, equal_nan=True)


def test_the_bounds_are_around_it_and_say_what_they_held(course):
    for panel in course:
        assert panel.kind == "estimate"
        assert (panel.reason == 0).all()
        assert (panel.low <= panel.value).all()
        assert (panel.value <= panel.high).all()
        held = panel.held[0]
        assert held is not None
        assert held.within == pytest.approx([0.8, 0.8], abs=0.1)
        assert held.windows >= 60
    accuracy, wape = (
        course[0].value[:, 0, NAMES.index(f"estimated_{name}")] for name in ("accuracy", "wape")
    )
    assert accuracy == pytest.approx(1 - wape)


def test_a_slot_has_estimates_once_there_is_a_fit(own):
    """The first slot has none and says why; a fit is made behind it, kept, and opened by the next process."""
    with Monitor(load_config(own)) as monitor:
        first = monitor.run(SLOT)
    assert {each.undefined for panel in first.estimates for each in panel} == {Undefined.NOT_FITTED}
    with Monitor(load_config(own)) as monitor:
        run = monitor.run(SLOT + HOUR)
        again = monitor.look(SLOT)
    assert not run.failures
    assert {each.undefined for panel in run.estimates for each in panel} == {None}
    assert {each.undefined for panel in again.estimates for each in panel} == {Undefined.NOT_FITTED}
    assert not {m.name for m in run.measurements()} & set(NAMES)
    document = json.loads(json.dumps(run_document(run)))
    one = next(e for e in document["estimates"] if e["city"] == "Pune" and e["name"] == "estimated_wape")
    assert one["low"] <= one["value"] <= one["high"]
    assert one["undefined"] is None
    assert one["level"] == 0.8
    assert one["within"] == pytest.approx(0.8, abs=0.1)
    assert one["n"] == 24
    assert not any(m["name"] in NAMES for m in document["measurements"])
    empty = json.loads(json.dumps(run_document(first)))["estimates"][0]
    assert empty["undefined"] == "not_fitted"
    assert empty["value"] is None
    assert empty["level"] is None


def test_gauges_of_their_own(own):
    with Monitor(load_config(own), sinks=()) as monitor:
        monitor.run(SLOT)
        run = monitor.run(SLOT + HOUR)
    sink = PrometheusSink()
    sink.publish(run)
    found = {
        (sample.name, sample.labels["city"], sample.labels["metric"]): sample.value
        for family in text_string_to_metric_families(sink.render().decode())
        for sample in family.samples
        if sample.name.startswith("model_estimate")
    }
    panel = run.estimates[0]
    row = panel.series.index(Series("v1", "Pune"))
    for k, metric in enumerate(("wape", "mape")):
        assert found["model_estimated_error", "Pune", metric] == panel.value[row, 0, k]
        assert found["model_estimated_error_lower", "Pune", metric] == panel.low[row, 0, k]
        assert found["model_estimated_error_upper", "Pune", metric] == panel.high[row, 0, k]
        assert found["model_estimate_within", "Pune", metric] == panel.held[row].within[k]
    assert len(found) == 3 * 2 * 4
    accuracy = [line for line in sink.render().decode().splitlines() if line.startswith("model_accuracy")]
    assert accuracy
    assert not any("estimated" in line for line in accuracy)


def kept(monitor: Monitor) -> list[bytes]:
    with sa.create_engine(monitor.config.state_url()).connect() as connection:
        own = sa.select(CALIBRATIONS.c.data).where(CALIBRATIONS.c.origin == "estimate").order_by("id")
        return [row.data for row in connection.execute(own)]


@pytest.mark.slow
def test_a_damaged_fit_is_not_used_and_made_anew(own):
    with Monitor(load_config(own)) as monitor:
        monitor.run(SLOT)
        monitor.run(SLOT + HOUR)
        (data,) = kept(monitor)  # one fit serves until the next
        with sa.create_engine(monitor.config.state_url()).begin() as connection:
            broken = data[:-40] + bytes([data[-40] ^ 4]) + data[-39:]
            connection.execute(
                sa.update(CALIBRATIONS).where(CALIBRATIONS.c.origin == "estimate").values(data=broken)
            )
    with Monitor(load_config(own)) as monitor, capture_logs() as logs:
        run = monitor.run(SLOT + 2 * HOUR)
        assert {each.undefined for panel in run.estimates for each in panel} == {Undefined.NOT_FITTED}
        assert any("checksum" in str(line.get("why")) for line in logs)
        assert len(kept(monitor)) == 2
        after = monitor.run(SLOT + 3 * HOUR)
        assert {each.undefined for panel in after.estimates for each in panel} == {None}


@pytest.mark.slow
def test_it_is_fitted_anew_when_due(own):
    edit(own, "{history: 90d}", "{history: 90d, refit: 2h}")
    with Monitor(load_config(own), sinks=()) as monitor:
        for hour in range(4):
            monitor.run(SLOT + hour * HOUR)
        assert len(kept(monitor)) == 2


def test_a_slot_asks_once_for_its_fit(own):
    """And a slot that is run again is judged by the fit before it, not by the one that was made behind it."""
    with Monitor(load_config(own), sinks=()) as monitor:
        asked = []
        state, find = monitor.state, monitor.state.calibration
        state.calibration = lambda settings, until: asked.append(settings) or find(settings, until)
        monitor.run(SLOT)
        monitor.run(SLOT + HOUR)
        assert [each.partition(":")[0] for each in asked if each.startswith("estimate")] == ["estimate"] * 2
        again = monitor.run(SLOT)
        assert {each.undefined for panel in again.estimates for each in panel} == {Undefined.NOT_FITTED}
        assert len(kept(monitor)) == 1


@pytest.mark.parametrize("written", ["", "estimate: off\n", "estimate: null\n"])
def test_off_is_nothing_at_all(own, written):
    edit(own, "estimate: {history: 90d}\n", written)
    with Monitor(load_config(own)) as monitor:
        run = monitor.run(SLOT)
        assert run.estimates == ()
        assert run_document(run)["estimates"] == []
        assert kept(monitor) == []


def test_on_is_its_defaults(own):
    edit(own, "{history: 90d}", "on")
    setting = load_config(own).estimate
    assert setting is not None
    assert setting.refit == timedelta(days=7)
    with pytest.raises(ConfigError, match="estimate"):
        load_config(edit(own, "estimate: on", "estimate: {refitt: 7d}"))


def test_too_little_history_says_so(own):
    with Monitor(load_config(own), sinks=()) as monitor:
        early = START + timedelta(days=20)
        monitor.run(early)
        run = monitor.run(early + HOUR)
        assert {each.undefined for panel in run.estimates for each in panel} == {Undefined.NOT_FITTED}
        assert kept(monitor) == []
        assert not [failure for failure in run.failures if failure.stage == "estimate"]


RULE = "  expected: {metric: estimated_wape, threshold: 0.0001, severity: info}\n"


@pytest.mark.slow
def test_a_rule_may_name_an_estimate_and_says_so(own):
    own.write_text(own.read_text() + RULE)
    with Monitor(load_config(own), sinks=()) as monitor:
        monitor.run(SLOT)
        run = monitor.run(SLOT + HOUR)
        replayed = monitor.replay(SLOT, SLOT + HOUR, HOUR)
    fired = [t for t in run.transitions if t.key.rule == "expected"]
    assert {t.key.city for t in fired} == set(CITIES)
    assert {t.after for t in fired} == {AlertStatus.FIRING}
    assert [(t.key, t.at, t.value) for t in replayed.transitions] == [(t.key, t.at, t.value) for t in fired]
    assert all("sentences" not in t.evidence for t in fired)  # what was measured does not explain it
    assert called("estimated_wape") == "estimated WAPE"
    assert called("estimated_accuracy") == "estimated accuracy"
    assert figure("estimated_wape", 0.123, "MW") == "12.3 %"
    assert kind_of(_told(fired[0])) is KINDS["estimate"]


def _told(transition):
    from types import SimpleNamespace

    return SimpleNamespace(name=transition.name, key=transition.key)


def test_no_rule_looks_at_one_that_does_not_name_it(own):
    with Monitor(load_config(own), sinks=()) as monitor:
        monitor.run(SLOT)
        run = monitor.run(SLOT + HOUR)
    assert {verdict.name for verdict in run.verdicts} == {"accuracy"}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("{metric: estimated_wape, threshold: 1, scope: pooled}", "made by city, not pooled"),
        ("{metric: estimated_wape, threshold: 1, column: wind}", "of a city's hours, and has none"),
        ("{metric: estimated_wap, threshold: 1}", "did you mean"),
    ],
)
def test_a_rule_that_does_not_fit(own, rule, text):
    own.write_text(own.read_text() + f"  expected: {rule}\n")
    with pytest.raises(ConfigError, match=text):
        Monitor(load_config(own))


def test_a_rule_on_an_estimate_needs_one(own):
    edit(own, "estimate: {history: 90d}\n", "")
    own.write_text(own.read_text() + RULE)
    with pytest.raises(
        ConfigError, match=r"alerts\.expected\.metric: estimated_wape is not estimated: write"
    ):
        Monitor(load_config(own))


def test_an_estimate_does_not_hide_that_nothing_is_measured(own):
    """Where no actual comes any more, an estimate goes on for days; `no_data` must fire all the same."""
    own.write_text(own.read_text() + RULE)
    with Monitor(load_config(own), sinks=()) as monitor:
        monitor.run(SLOT)
        run = monitor.run(SLOT + HOUR)
    measured = [v for v in run.verdicts if v.name == "accuracy"]
    dark = [_dark(v) if v.name == "accuracy" else v for v in run.verdicts]
    told = no_data_verdicts(dark, {}, SLOT)
    assert len(told) == len(measured) > 0


def _dark(verdict: Verdict) -> Verdict:
    from dataclasses import replace

    from drift.domain import VerdictStatus

    return replace(verdict, status=VerdictStatus.NO_DATA, undefined=Undefined.NO_PAIRS)


def test_a_replay_that_nobody_asks_reads_nothing(own):
    made = load_config(own)

    class Closed:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"{name} was asked")

    windows = windows_of(SLOT, made.windows, made.accuracy)
    assert Rehearsed(Estimates(made), Closed()).at(windows, None, CITIES) == ()  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_page_of_a_city_shows_what_is_not_measured_yet(own):
    edit(own, "reports: null", "reports: {dir: reports, cities: all}")
    with Monitor(load_config(own), sinks=()) as monitor:
        monitor.run(SLOT)
        run = monitor.run(SLOT + HOUR)
    assert not run.failures
    (page,) = (own.parent / "reports").glob(f"{run.slot:%Y-%m-%dT%H-%MZ}/cities/*[Pp]une*.html")
    html = page.read_text()
    assert "Not measured yet: v1" in html
    assert "Estimate, not a measurement: 24 hours have a prediction and no actual." in html
    assert "past windows" in html
    assert len(html) < 100_000
