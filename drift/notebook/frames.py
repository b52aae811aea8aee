"""Runs, replays and comparisons as tidy pandas frames: a row a fact, and a column's type says what it is.

Words are categories (a fleet repeats few of them often), moments are `datetime64[us, UTC]`, figures floats
with NaN where there is no value, and then `undefined` has the reason's name. A frame without rows has the
same columns and types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from drift.comparison import Comparison, Figure, Part, Result, Value
from drift.document import LABELS, long_form
from drift.domain import Alert, AlertKey, PairCount, Panel, Run, Threshold, Transition, Undefined, Verdict

if TYPE_CHECKING:
    import pandas as pd

Column: TypeAlias = "pd.Series | pd.Categorical | np.ndarray[tuple[int], np.dtype[np.generic]]"
Row: TypeAlias = tuple[str, str | None, str | None, str, int, Figure, float | None, bool | None]
RUN = ("measurements", "alerts", "transitions", "verdicts", "pairs")
REPLAY = ("transitions", "alerts", "measurements")
MOMENT = "datetime64[us, UTC]"
USED = "used"


def run_frame(run: Run, what: str = "measurements") -> pd.DataFrame:
    """What a run found of one kind, a row each.

    Raises:
        ValueError: it has nothing of that name.
    """
    if what == "measurements":
        return measurements_frame({run.slot: run.panels})
    if what == "alerts":
        return alerts_frame(run.alerts)
    if what == "transitions":
        return transitions_frame(run.transitions)
    if what == "verdicts":
        return verdicts_frame(run.verdicts)
    if what == "pairs":
        return pairs_frame(run.pair_counts)
    raise ValueError(f"a run has no {what!r}: ask for one of {', '.join(RUN)}")


def replay_frame(
    what: str,
    transitions: Sequence[Transition],
    alerts: Iterable[Alert],
    kept: Mapping[datetime, Sequence[Panel]],
) -> pd.DataFrame:
    """What a replay found of one kind, a row each; measurements are those that it was told to keep.

    Raises:
        ValueError: it has nothing of that name.
    """
    if what == "transitions":
        return transitions_frame(transitions)
    if what == "alerts":
        return alerts_frame(tuple(alerts))
    if what == "measurements":
        return measurements_frame(kept)
    raise ValueError(f"a replay has no {what!r}: ask for one of {', '.join(REPLAY)}")


def measurements_frame(panels: Mapping[datetime, Sequence[Panel]]) -> pd.DataFrame:
    """The measurements of slots: slot, kind, name, model_version, city (missing: all cities pooled), horizon
    (missing: the one that is judged), column, value, undefined, n, coverage.
    """
    import pandas as pd

    table = long_form(panel for each in panels.values() for panel in each)
    sizes = [sum(len(panel) for panel in each) for each in panels.values()]
    slots = pd.Series(list(panels), dtype=MOMENT)
    names = [reason.name.lower() for reason in Undefined if reason]
    return pd.DataFrame(
        {
            "slot": slots.repeat(sizes).reset_index(drop=True),
            **{label: _coded(table.codes[label], table.words[label]) for label in LABELS},
            "value": table.value,
            "undefined": _coded(table.reason.astype(np.int64) - 1, names),
            "n": table.n,
            "coverage": table.coverage,
        }
    )


def transitions_frame(transitions: Sequence[Transition]) -> pd.DataFrame:
    """Changes of alerts: at, their key, before, after, reason, name (what was measured), value, threshold,
    side, basis, since, severity, episode. The evidence stays with the transitions.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "at": _moments(t.at for t in transitions),
            **_keys([t.key for t in transitions]),
            "before": _words(t.before.value for t in transitions),
            "after": _words(t.after.value for t in transitions),
            "reason": _words(t.reason for t in transitions),
            "name": _words(t.name for t in transitions),
            "value": _numbers(t.value for t in transitions),
            **_thresholds([t.threshold for t in transitions]),
            "since": _moments(t.since for t in transitions),
            "severity": _words(t.severity for t in transitions),
            "episode": _counts(t.episode for t in transitions),
        }
    )


def alerts_frame(alerts: Sequence[Alert]) -> pd.DataFrame:
    """Where alerts stand: their key, status, severity, value, worst, threshold, side, basis, since, changed,
    seen, quiet_since, episode.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            **_keys([a.key for a in alerts]),
            "status": _words(a.status.value for a in alerts),
            "severity": _words(a.severity for a in alerts),
            "value": _numbers(a.value for a in alerts),
            "worst": _numbers(a.worst for a in alerts),
            **_thresholds([a.threshold for a in alerts]),
            "since": _moments(a.since for a in alerts),
            "changed": _moments(a.changed for a in alerts),
            "seen": _moments(a.seen for a in alerts),
            "quiet_since": _moments(a.quiet_since for a in alerts),
            "episode": _counts(a.episode for a in alerts),
        }
    )


def verdicts_frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Measurements held against their thresholds: the key, name, status, value, threshold, side, basis,
    undefined, n, coverage.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            **_keys([v.key for v in verdicts]),
            "name": _words(v.name for v in verdicts),
            "status": _words(v.status.value for v in verdicts),
            "value": _numbers(v.value for v in verdicts),
            **_thresholds([v.threshold for v in verdicts]),
            "undefined": _words(v.undefined.name.lower() if v.undefined else None for v in verdicts),
            "n": _counts(v.n for v in verdicts),
            "coverage": _numbers(v.coverage for v in verdicts),
        }
    )


def pairs_frame(counts: Sequence[PairCount]) -> pd.DataFrame:
    """What became of the rows of each window: model_version, city, window, outcome (`used`, or the reason why
    not), rows.
    """
    import pandas as pd

    told = [
        (count, outcome, rows)
        for count in counts
        for outcome, rows in ((USED, count.used), *((why.value, n) for why, n in count.unused.items()))
    ]
    return pd.DataFrame(
        {
            "model_version": _words(count.model_version for count, _, _ in told),
            "city": _words(count.city for count, _, _ in told),
            "window": _words(count.window for count, _, _ in told),
            "outcome": _words(outcome for _, outcome, _ in told),
            "rows": _counts(rows for _, _, rows in told),
        }
    )


def comparison_frame(found: Comparison) -> pd.DataFrame:
    """Figures of both versions on the same hours, a row a part of the hours and metric.

    `by` says which hours: all, city, hour (of the day), week (weekdays and weekends), regime (thirds of a
    feature) or part (of a city's day); `name` which of them. Then city, metric, n, a, b, difference (a − b;
    of an error, positive says that b is better), low and high (its interval), p_value and clear (tests),
    undefined.
    """
    import pandas as pd

    rows = _rows(found)
    by, names, cities, metrics, many, figures, p_values, clear = zip(*rows, strict=True)
    intervals = [f.interval if isinstance(f.interval, tuple) else (None, None) for f in figures]
    return pd.DataFrame(
        {
            "by": _words(by),
            "name": _words(names),
            "city": _words(cities),
            "metric": _words(metrics),
            "n": _counts(many),
            **{
                side: _numbers(_known(getattr(f, side)) for f in figures) for side in ("a", "b", "difference")
            },
            "low": _numbers(low for low, _ in intervals),
            "high": _numbers(high for _, high in intervals),
            "p_value": _numbers(p_values),
            "clear": pd.array(list(clear), dtype="boolean"),
            "undefined": _words(_why(f.difference) for f in figures),
        }
    )


def _rows(found: Comparison) -> list[Row]:
    rows = _of_result("all", found.all)
    for each in found.cities:
        rows += _of_result("city", each)
    for by, parts in (("hour", found.by_hour), ("week", found.by_week), ("regime", found.by_regime)):
        rows += [_of_part(by, part) for part in parts]
    return rows + [_of_part("part", part, each.city) for each in found.cities for part in each.parts]


def _of_result(by: str, result: Result) -> list[Row]:
    """The test is of the daily mean of |error|, so it stands beside MAE, and the verdict beside WAPE."""
    p = None if isinstance(result.test, Undefined) else result.test.p_value
    return [
        (
            by,
            result.city if by == "city" else "all",
            result.city,
            metric,
            result.pairs,
            figure,
            p if metric == "mae" else None,
            result.clear if metric == "wape" else None,
        )
        for metric, figure in result.figures.items()
    ]


def _of_part(by: str, part: Part, city: str | None = None) -> Row:
    tested = city is not None
    p, clear = (_known(part.p_value), part.clear) if tested else (None, None)
    return by, part.name, city, "wape", part.pairs, part.wape, p, clear


def _known(value: Value) -> float | None:
    return None if isinstance(value, Undefined) else value


def _why(value: Value) -> str | None:
    return value.name.lower() if isinstance(value, Undefined) else None


def _keys(keys: Sequence[AlertKey]) -> dict[str, Column]:
    return {name: _words(getattr(key, name) for key in keys) for name in AlertKey._fields}


def _thresholds(thresholds: Sequence[Threshold]) -> dict[str, Column]:
    return {
        "threshold": _numbers(t.limit for t in thresholds),
        "side": _words(t.side for t in thresholds),
        "basis": _words(t.basis for t in thresholds),
    }


def _coded(codes: np.ndarray[tuple[int], np.dtype[np.integer]], words: Sequence[str]) -> Column:
    import pandas as pd

    return pd.Categorical.from_codes(codes, categories=pd.Index(list(words), dtype="str"))


def _words(values: Iterable[str | None]) -> Column:
    """Words as categories in the order in which they come; None is missing."""
    known: dict[str, int] = {}
    codes = [-1 if value is None else known.setdefault(value, len(known)) for value in values]
    return _coded(np.array(codes, np.int64), list(known))


def _numbers(values: Iterable[float | None]) -> Column:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _counts(values: Iterable[int]) -> Column:
    return np.array(list(values), np.int64)


def _moments(values: Iterable[datetime | None]) -> Column:
    import pandas as pd

    return pd.Series(list(values), dtype=MOMENT)
