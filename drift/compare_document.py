"""PURE. A comparison of two model versions as other programs take it: fractions, and differences a − b."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from drift.compare_words import sentences
from drift.comparison import Answer, Figure, Part, Result, Value, Won
from drift.document import Document, plain
from drift.domain import Undefined
from drift.significance import Comparison as DailyTest


def document(answer: Answer) -> Document:
    """The answer as `drift compare --json` prints it: fractions, and differences a − b."""
    found = answer.comparison
    made: Document = {
        "a": found.a,
        "b": found.b,
        "range": {"start": found.window.start, "end": found.window.end},
        "interval_s": found.step,
        "sentences": sentences(found),
        "all": _result(found.all),
        "wins": {name: _won(won) for name, won in found.won.items()},
        "clear": _won(found.clear),
        "cities": [_result(each) for each in found.cities],
        "by_hour": [_part(part) for part in found.by_hour],
        "by_week": [_part(part) for part in found.by_week],
        "by_regime": {"feature": found.feature, "parts": [_part(part) for part in found.by_regime]},
        "settings": {
            "block_days": found.settings.block,
            "level": found.settings.level,
            "replicates": found.settings.replicates,
            "seed": found.settings.seed,
            "false_discovery_rate": found.settings.rate,
        },
        "mlflow": {
            "compare": answer.runs.compare,
            "runs": [asdict(run) for run in answer.runs.runs],
        },
        "failures": [asdict(failure) for failure in answer.failures],
    }
    return {name: plain(value) for name, value in made.items()}


def _result(result: Result) -> Mapping[str, object]:
    test = result.test
    tested = {"undefined": test} if isinstance(test, Undefined) else _test(test)
    return {
        "city": result.city,
        "n": result.pairs,
        "left_out": {reason.value: many for reason, many in result.left_out.items()},
        "metrics": {name: _figure(figure) for name, figure in result.figures.items()},
        "diebold_mariano": tested,
        "better": _better(result.better),
        "clear": result.clear,
        "hours_won": {"a": result.won[0], "b": result.won[1], "of": result.hours},
        "parts_of_day": [_part(part) | _p(part) for part in result.parts],
    }


def _better(sign: int) -> str | None:
    return {1: "b", -1: "a"}.get(sign)


def _test(test: DailyTest) -> Mapping[str, object]:
    return {
        "difference": test.difference,
        "statistic": test.statistic,
        "p_value": test.p_value,
        "days": test.n,
        "days_left_out": test.left_out,
        "lags": test.lags,
    }


def _p(part: Part) -> dict[str, object]:
    return {"p_value": _number(part.p_value), "clear": part.clear}


def _figure(figure: Figure) -> dict[str, object]:
    made: dict[str, object] = {name: _number(getattr(figure, name)) for name in ("a", "b", "difference")}
    if isinstance(figure.difference, Undefined):
        return made | {"undefined": figure.difference}
    if figure.interval is None:
        return made
    held = not isinstance(figure.interval, Undefined)
    return made | {"interval": figure.interval if held else None}


def _number(value: Value) -> float | None:
    return None if isinstance(value, Undefined) else value


def _part(part: Part) -> dict[str, object]:
    return {"name": part.name, "n": part.pairs, "wape": _figure(part.wape)}


def _won(won: Won) -> Mapping[str, int]:
    return won._asdict()
