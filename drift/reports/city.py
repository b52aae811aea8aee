"""A city's page as values: key figures a model version, tables, and what its charts draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift.domain import Failure, Series
from drift.reports.book import Book, lean, lean_word
from drift.reports.changes import Change, changes_of
from drift.reports.chart import Panel
from drift.reports.city_arrivals import fault_sentences, late_lines
from drift.reports.city_charts import panels_of
from drift.reports.city_drift import DriftSection, drift_section
from drift.reports.city_estimate import estimates_of
from drift.reports.city_faults import MOST_LINES, FaultLine, fault_lines, faults_of
from drift.reports.city_loss import LossView, losses_of
from drift.reports.city_versions import VersionTable, versions_table
from drift.reports.city_where import Lately, lately
from drift.reports.figures import STATES, State
from drift.reports.local import two_clocks
from drift.reports.profile import wape
from drift.reports.said import Trouble, troubles_of
from drift.reports.shown import Notes, Shown, percent, readable
from drift.reports.strip import WORDS
from drift.reports.tables import Table, unused_table
from drift.reports.thirds import thirds_of
from drift.reports.times import times_of


@dataclass(frozen=True, slots=True)
class Card:
    """The key figures of one model version, with the reference's own beside them."""

    model_version: str
    style: str
    state: State
    accuracy: Shown
    usual: Shown
    mape: Shown
    bias: Shown
    lean: str
    times: Shown
    coverage: Shown
    pairs: str


@dataclass(frozen=True, slots=True)
class CityView:
    """All that a city's page shows."""

    label: str
    slot: str
    zone: str
    current: str
    reference: str
    state: State
    troubles: tuple[Trouble, ...]
    sentences: tuple[str, ...]
    cards: tuple[Card, ...]
    metrics: Table
    panels: tuple[Panel, ...]
    levels: tuple[str, ...]
    loss_words: str
    """Which hours the losses are of."""
    losses: tuple[LossView, ...]
    by_now: Mapping[str, tuple[str, ...]]
    """What is said of the loss of each model version."""
    versions: VersionTable | None
    fault_sentences: tuple[str, ...]
    faults: tuple[FaultLine, ...]
    late: tuple[FaultLine, ...]
    more_faults: int
    drift: DriftSection
    unused: Table
    changes: tuple[Change, ...]
    failures: tuple[Failure, ...]
    notes: Mapping[str, int]
    unit: str
    compared: tuple[tuple[str, str], ...]
    """Words and URLs of pages that hold its model versions against each other."""


def city_view(book: Book, city: str, compared: Sequence[tuple[str, str]] = ()) -> CityView:
    """The page of a city; `compared` are words and relative URLs of pages that compare model versions."""
    notes = Notes()
    zone = book.config.zone_of(city)
    c = book.pairs.cities.index(city)
    cards = tuple(_card(book, notes, c, v) for v in range(len(book.pairs.model_versions)))
    troubles = tuple(troubles_of(book, city))
    faults = faults_of(book, c)
    part, times, thirds = lately(book, city, troubles), book.local(city), thirds_of(book, c)
    lost = part if troubles else Lately(book.current, "the current window")
    losses = losses_of(book, c, times, lost.cells, faults, thirds)
    run = book.run
    return CityView(
        label=readable(city),
        slot=two_clocks(run.slot, zone),
        zone=zone,
        current=f"{two_clocks(run.current.start, zone)} to {two_clocks(run.current.end, zone)}",
        reference=f"{two_clocks(run.reference.start, zone)} to {two_clocks(run.reference.end, zone)}",
        state=min((card.state for card in cards), key=STATES.index, default="no data"),
        troubles=troubles,
        sentences=tuple(_sentence(card) for card in cards),
        cards=cards,
        metrics=_metrics(book, notes, city),
        panels=(*panels_of(book, c, part, faults, thirds), *estimates_of(book, city)),
        levels=WORDS,
        loss_words=lost.words,
        losses=losses,
        by_now=dict(zip(book.pairs.model_versions, (loss.sentences for loss in losses), strict=False)),
        versions=versions_table(book, notes, c, times, thirds),
        fault_sentences=fault_sentences(book, c, faults),
        faults=fault_lines(book, city, faults),
        late=late_lines(book, c),
        more_faults=max(0, len(faults) - MOST_LINES),
        drift=drift_section(book, notes, c),
        unused=unused_table(book, (city,)),
        changes=changes_of(book, [t for t in book.transitions if t.key.city == city], zone),
        failures=tuple(f for f in run.failures if f.what == city),
        notes=notes.reasons,
        unit=book.unit,
        compared=tuple(compared),
    )


def _card(book: Book, notes: Notes, c: int, v: int) -> Card:
    city, version = book.pairs.cities[c], book.pairs.model_versions[v]
    series = Series(version, city)
    error, actual = book.error[v, c], book.pairs.actual[c]
    share = lean(error[book.current], actual[book.current])
    usual = 1 - wape(error[book.reference], actual[book.reference], float(book.floor[c]))
    coverage = book.figures.coverage(series)
    found = int(np.isfinite(error[book.current]).sum())
    leans = f"{percent(abs(share))} {lean_word(share)}" if lean_word(share) else ""
    return Card(
        model_version=readable(version),
        style=f"m{v % 6}",
        state=book.figures.state(version, city),
        accuracy=book.metric(notes, "accuracy", series),
        usual=notes.number(usual, "fraction", load_unit=book.unit),
        mape=book.metric(notes, "mape", series),
        bias=book.metric(notes, "bias", series),
        lean=leans,
        times=times_of(book, c, v, notes),
        coverage=notes.dash("not measured in this run")
        if coverage is None
        else Shown(percent(coverage), coverage),
        pairs=f"{found:,} pairs",
    )


def _sentence(card: Card) -> str:
    if card.accuracy.value is None:
        return f"{card.model_version} has no accuracy for the current window: {card.accuracy.why}."
    than = ""
    if card.usual.value is not None:
        gap = card.accuracy.value - card.usual.value
        word = "above" if gap > 0 else "below"
        than = f", {abs(100 * gap):.1f} points {word} the {card.usual.text} of the reference"
        than = ", as in the reference" if abs(gap) < 0.0005 else than
    leans = (
        f"; it leans to {card.lean.split(' %')[-1].strip()} by {card.lean.split(' %')[0]} % of load"
        if card.lean
        else ""
    )
    return f"{card.model_version} was {card.accuracy.text} accurate{than}{leans}."


def _metrics(book: Book, notes: Notes, city: str) -> Table:
    from drift.metrics import METRICS

    versions = book.pairs.model_versions
    rows = []
    for name in book.figures.metric_names():
        title = METRICS[name].title if name in METRICS else readable(name)
        rows.append((title, tuple(book.metric(notes, name, Series(v, city)) for v in versions)))
    return Table(tuple(readable(v) for v in versions), tuple(rows))
