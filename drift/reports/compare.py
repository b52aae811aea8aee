"""The page of a comparison as values: what to say, figures of all cities, a row a city, hours and regimes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drift.compare_words import names, p_words, percent, sentences, signed_points, why
from drift.comparison import Answer, Comparison, Figure, Part, Result, RunLinks, Settings
from drift.config import Config
from drift.domain import Failure, Undefined
from drift.metrics import METRICS
from drift.reports.hour_chart import hour_chart
from drift.reports.local import two_clocks
from drift.reports.page import names_of, render, write_page
from drift.reports.shown import Notes, Shown, readable, significant
from drift.reports.whisker import Scale, axis, scale_of, whisker
from drift.significance import Comparison as DailyTest

NAME = 24
"""So much of a version's name stands in a column's head."""
NO_VALUE = float("-inf")


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric of all cities: of both versions, the difference a − b, and its interval."""

    title: str
    a: Shown
    b: Shown
    difference: Shown
    interval: Shown


@dataclass(frozen=True, slots=True)
class Row:
    """A city, or a part of the hours: both WAPEs, their difference in points and as a picture."""

    name: str
    pairs: Shown
    a: Shown
    b: Shown
    difference: Shown
    picture: str
    better: str
    style: str


@dataclass(frozen=True, slots=True)
class CityRow:
    """A city's row, with the test, the hours of the day that each version won, and parts of the day that the
    other one did.
    """

    row: Row
    p_value: Shown
    hours: str
    but: str


@dataclass(frozen=True, slots=True)
class PartTable:
    """Parts of the hours under one head, on one scale."""

    title: str
    rows: tuple[Row, ...]
    axis: str


@dataclass(frozen=True, slots=True)
class CompareView:
    """All that the page shows."""

    a: str
    b: str
    title: str
    when: str
    level: str
    sentences: tuple[str, ...]
    metrics: tuple[MetricRow, ...]
    cities: tuple[CityRow, ...]
    axis: str
    tally: str
    chart: str
    hours: PartTable
    parts_title: str
    parts: PartTable
    left_out: tuple[tuple[str, Shown, Shown], ...]
    runs: RunLinks
    tested: DailyTest | None
    settings: Settings
    failures: tuple[Failure, ...]
    notes: Mapping[str, int]


def compare_view(answer: Answer, config: Config) -> CompareView:
    """The page of a comparison; cities in the order of the lead of the version that is better in all."""
    found, notes = answer.comparison, Notes()
    a, b = (readable(name, NAME) for name in (found.a, found.b))
    cities = sorted(found.cities, key=lambda each: _lead(each.wape), reverse=found.all.better >= 0)
    by_feature = _thirds(found)
    scale, zone = scale_of([each.wape for each in cities]), config.timezone
    return CompareView(
        a=a,
        b=b,
        title=f"{a} against {b}",
        when=f"{two_clocks(found.window.start, zone)} to {two_clocks(found.window.end, zone)}",
        level=f"{100 * found.settings.level:g} %",
        sentences=tuple(map(_unbroken, sentences(found))),
        metrics=tuple(_metric(name, each, config, notes) for name, each in found.all.figures.items()),
        cities=tuple(_city(each, found, scale, notes) for each in cities),
        axis=axis(scale),
        tally=_tally(found, a, b),
        chart=hour_chart(
            found.by_hour, f"WAPE by local hour of the day of {a} and {b}; the figures are below"
        ),
        hours=_parts("Local hour", found.by_hour, found, notes),
        parts_title="By kind of day" + (f" and {readable(str(found.feature))}" if by_feature else ""),
        parts=_parts("Hours", (*found.by_week, *by_feature), found, notes),
        left_out=_left_out(found),
        runs=answer.runs,
        failures=answer.failures,
        tested=found.all.test if isinstance(found.all.test, DailyTest) else None,
        settings=found.settings,
        notes=notes.reasons,
    )


def write_compare(path: Path, answer: Answer, config: Config) -> None:
    """Write the page to a file of its own.

    Raises:
        ReportError: the folder cannot be written.
    """
    write_page(path, compare_html(answer, config))


def compare_html(answer: Answer, config: Config) -> str:
    """The page of a comparison."""
    view = compare_view(answer, config)
    return render("compare.html.j2", (), view=view, notes=names_of(view.notes))


def _unbroken(sentence: str) -> str:
    """The sentence with figures that no line breaks in two."""
    for mark in (" %", "p = ", "p < "):
        sentence = sentence.replace(mark, mark.replace(" ", "\N{NO-BREAK SPACE}"))
    return sentence


def _tally(found: Comparison, a: str, b: str) -> str:
    won, clear = found.won["cities"], found.clear
    sides = ((a, won.a, clear.a), (b, won.b, clear.b))
    told = (f"{name} is better in {many} (clearly in {sure or 'none'})" for name, many, sure in sides)
    return f"{', '.join(told)}, of {won.of}."


def _lead(figure: Figure) -> float:
    return NO_VALUE if isinstance(figure.difference, Undefined) else figure.difference


def _metric(name: str, figure: Figure, config: Config, notes: Notes) -> MetricRow:
    metric = METRICS[name]

    def shown(value: float | Undefined, *, signed: bool) -> Shown:
        if isinstance(value, Undefined):
            return notes.dash(why(value))
        return notes.number(value, metric.unit, load_unit=config.store.unit, signed=signed)

    def bare(value: float) -> str:
        """Of a fraction the points, without the unit."""
        points = metric.unit == "fraction"
        return signed_points(value) if points else significant(value, signed=True)

    signed = metric.better == "zero"
    interval, difference = figure.interval, shown(figure.difference, signed=True)
    if metric.unit == "fraction" and difference.value is not None:
        difference = Shown(f"{bare(difference.value)} points", difference.value)
    if isinstance(interval, tuple):
        ends = Shown(" to ".join(map(bare, interval)))
    else:
        ends = notes.dash(why(interval or Undefined.LOW_COVERAGE))
    return MetricRow(
        metric.title,
        shown(figure.a, signed=signed),
        shown(figure.b, signed=signed),
        difference,
        ends,
    )


def _city(result: Result, found: Comparison, scale: Scale, notes: Notes) -> CityRow:
    a, b = names(found)
    city, test = readable(str(result.city)), result.test
    row = _row(city, result.pairs, result.wape, scale, (a, b), notes, clear=result.clear)
    if isinstance(test, Undefined):
        p_value = notes.dash(why(test))
    else:
        p_value = Shown(p_words(test)[2:].removeprefix("= "), test.p_value)
    but = [part.name for part in result.parts if part.clear and part.wape.sign == -result.better != 0]
    other = (a, b)[result.better < 0]
    return CityRow(
        row,
        p_value,
        f"{result.won[0]} : {result.won[1]}",
        f"{other} {' and '.join(but)}" if but else "",
    )


def _row(
    name: str,
    pairs: int,
    figure: Figure,
    scale: Scale,
    versions: tuple[str, str],
    notes: Notes,
    *,
    clear: bool,
) -> Row:
    def shown(value: float | Undefined) -> Shown:
        return notes.dash(why(value)) if isinstance(value, Undefined) else Shown(percent(value), value)

    sign = figure.sign
    word = versions[sign > 0] if sign else "neither"
    return Row(
        name,
        Shown(f"{pairs:,}", float(pairs)),
        shown(figure.a),
        shown(figure.b),
        _points(figure, notes),
        whisker(figure, scale, clear=clear),
        f"{word}{' clearly' if clear else ''}" if isinstance(figure.difference, float) else "",
        "m1" if sign > 0 else "m0" if sign < 0 else "",
    )


def _points(figure: Figure, notes: Notes) -> Shown:
    """The difference in points with its interval in words, for those who do not see the picture."""
    if isinstance(figure.difference, Undefined):
        return notes.dash(why(figure.difference))
    text = signed_points(figure.difference)
    if isinstance(figure.interval, tuple):
        text += f" ({' to '.join(map(signed_points, figure.interval))})"
    return Shown(text, figure.difference)


def _parts(title: str, parts: Sequence[Part], found: Comparison, notes: Notes) -> PartTable:
    scale = scale_of([part.wape for part in parts])
    rows = [
        _row(
            readable(part.name),
            part.pairs,
            part.wape,
            scale,
            names(found),
            notes,
            clear=part.wape.beyond_zero,
        )
        for part in parts
    ]
    return PartTable(title, tuple(rows), axis(scale))


def _thirds(found: Comparison) -> tuple[Part, ...]:
    """The regimes, by names that tell what they are thirds of."""
    return tuple(replace(part, name=f"{found.feature}, {part.name} third") for part in found.by_regime)


def _left_out(found: Comparison) -> tuple[tuple[str, Shown, Shown], ...]:
    """Hours by what became of them, and their share of all."""
    whole = found.all

    def row(words: str, many: int) -> tuple[str, Shown, Shown]:
        share = many / whole.total if whole.total else 0.0
        return words, Shown(f"{many:,}", float(many)), Shown(percent(share), share)

    reasons = [row(reason.words(*names(found)), many) for reason, many in whole.left_out.items()]
    return (row("compared", whole.pairs), *reasons)
