"""A run as other programs take it: strict JSON, and long columns.

JSON knows no NaN, no infinity and no datetime, so every value passes `plain` on its way out: a moment
becomes ISO 8601 in UTC, a number that is not finite becomes null. A measurement without a value carries
the reason's name and its text. Tables of measurements are made of the panels' arrays and codes into
short lists of words, since a fleet has more measurements than one would want objects.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from drift.config import Config
from drift.data_fault import DataFault
from drift.domain import (
    Alert,
    AlertKey,
    Calibrated,
    Codes,
    Floats,
    Measurement,
    PairCount,
    Panel,
    Revised,
    Run,
    Threshold,
    Transition,
    Undefined,
    Verdict,
    Window,
    iso,
)
from drift.estimate_panel import Said, said_of

Document: TypeAlias = dict[str, object]
Scalar = TypeVar("Scalar", bound=np.generic)

LABELS = ("kind", "name", "model_version", "city", "horizon", "column")
"""The columns of the long form that hold words."""

_JUDGES = frozenset(
    (
        *("store", "cities", "timezone", "timezones", "windows", "accuracy", "statistics", "detection"),
        *("estimate", "alerts"),
    )
)


def plain(value: object) -> object:
    """The value in what JSON has: dict, list, str, int, float, bool, None.

    A float that is not finite becomes None; what is of no known kind becomes its text.

    >>> plain({"share": np.float64(0.5), "at": (float("nan"), Undefined.NO_PAIRS)})
    {'share': 0.5, 'at': [None, 'no_pairs']}
    """
    if isinstance(value, Enum):
        return value.name.lower() if isinstance(value, Undefined) else plain(value.value)
    if isinstance(value, datetime | timedelta):
        return iso(value) if isinstance(value, datetime) else value.total_seconds()
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def to_json(document: object, indent: int | None = None) -> str:
    """The document as strict JSON in ASCII, on one line unless `indent` is given.

    ASCII, because a terminal obeys some characters of a hostile city name and JSON can spell them all.
    """
    return json.dumps(document, allow_nan=False, indent=indent)


def run_document(run: Run) -> Document:
    """The run as `drift run --json` prints it."""
    return {
        "slot": iso(run.slot),
        "duration_s": plain(run.duration_s),
        "windows": {"current": _window(run.current), "reference": _window(run.reference)},
        "calibrated": _calibrated(run.calibrated),
        "measurements": [_measurement(m) for m in run.measurements()],
        "estimates": [_estimate(each) for each in said_of(run.estimates)],
        "verdicts": [_verdict(v) for v in run.verdicts],
        "alerts": [alert_document(a) for a in run.alerts],
        "transitions": [transition_document(t) for t in run.transitions],
        "pairs": [_pairs(p) for p in run.pair_counts],
        "actuals_delay_s": plain(run.actuals_delay_s),
        "actuals_expected_delay_s": plain(run.actuals_expected_delay_s),
        "revised": _revised(run.revised),
        "data_faults": [_data_fault(f) for f in run.data_faults],
        "failures": [{"stage": f.stage, "what": f.what, "message": f.message} for f in run.failures],
        "links": plain(run.links),
    }


def _data_fault(fault: DataFault) -> Document:
    whose = {"city": fault.city, "model_version": fault.model_version, "of": fault.of, "kind": fault.kind}
    when = {"since": iso(fault.since), "until": iso(fault.until), "lasts": fault.lasts, "hours": fault.hours}
    what = {"value": plain(fault.value), "usual": plain(fault.usual), "late_hours": plain(fault.late)}
    return {**whose, **when, **what, "left_out": fault.left_out}


def transition_document(transition: Transition) -> Document:
    """The transition as `--json` and `--out` print it; `threshold` is the limit."""
    return {
        "at": iso(transition.at),
        **_key(transition.key),
        "from": transition.before.value,
        "to": transition.after.value,
        "reason": transition.reason,
        "value": plain(transition.value),
        **_threshold(transition.threshold),
        "since": iso(transition.since),
        "name": transition.name,
        "severity": transition.severity,
        "episode": transition.episode,
        "evidence": plain(transition.evidence),
    }


def alert_document(alert: Alert) -> Document:
    """The alert's state; `threshold` is the limit."""
    return {
        **_key(alert.key),
        "status": alert.status.value,
        "since": iso(alert.since),
        "changed": iso(alert.changed),
        "seen": iso(alert.seen) if alert.seen else None,
        "value": plain(alert.value),
        "worst": plain(alert.worst),
        **_threshold(alert.threshold),
        "severity": alert.severity,
        "episode": alert.episode,
    }


def _measurement(m: Measurement) -> Document:
    reason = _reason(m.value, m.undefined)
    return {
        "kind": m.kind,
        "name": m.name,
        **m.series._asdict(),
        "column": m.column,
        "value": None if reason else m.value,
        **_undefined(reason),
        "n": m.n,
        "coverage": plain(m.coverage),
    }


def _estimate(said: Said) -> Document:
    """An estimate of hours without actuals: no measurement, and its bounds and calibration go with it."""
    what = said.what
    return {
        "name": what.name,
        "model_version": what.series.model_version,
        "city": what.series.city,
        "value": plain(what.value),
        "low": plain(said.low),
        "high": plain(said.high),
        **_undefined(what.undefined),
        "n": what.n,
        "coverage": plain(what.coverage),
        "level": plain(said.level),
        "within": plain(said.within),
        "windows": said.windows,
    }


def _verdict(verdict: Verdict) -> Document:
    return {
        **_key(verdict.key),
        "name": verdict.name,
        "status": verdict.status.value,
        "value": plain(verdict.value),
        **_threshold(verdict.threshold),
        **_undefined(verdict.undefined),
    }


def _reason(value: float | None, undefined: Undefined | None) -> Undefined | None:
    """The reason; a value that is not finite, and slipped through, has one as well."""
    if undefined is None and value is not None and not math.isfinite(value):
        return Undefined.NOT_FINITE
    return undefined


def _undefined(reason: Undefined | None) -> Document:
    return {"undefined": plain(reason), "undefined_text": reason.text if reason else None}


def _threshold(threshold: Threshold) -> Document:
    return {"threshold": plain(threshold.limit), "side": threshold.side, "basis": threshold.basis}


def _key(key: AlertKey) -> Document:
    return {
        "rule": key.rule,
        "model_version": key.model_version,
        "city": key.city,
        "column": key.column,
        "horizon": key.horizon,
    }


def _pairs(count: PairCount) -> Document:
    return {
        "model_version": count.model_version,
        "city": count.city,
        "window": count.window,
        "used": count.used,
        "unused": {reason.value: rows for reason, rows in count.unused.items()},
    }


def _revised(revised: Revised | None) -> Document:
    """How many earlier slots were measured anew, and in how many cities."""
    return {
        "slots": 0 if revised is None else len(revised.slots),
        "cities": 0 if revised is None else len(revised.cities),
    }


def _calibrated(fit: Calibrated | None) -> Document | None:
    if fit is None:
        return None
    return {"made_at": iso(fit.made_at), **_window(fit.span), "series": fit.series, "origin": fit.origin}


def _window(window: Window) -> Document:
    return {"start": iso(window.start), "end": iso(window.end)}


@dataclass(frozen=True, slots=True)
class LongForm:
    """Measurements as columns, one row each, in the panels' order.

    `codes[label]` point into `words[label]`, −1 for none. `value` is NaN exactly where `reason` is not 0.
    """

    words: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, NDArray[np.int32]]
    value: Floats
    reason: Codes
    n: NDArray[np.int64]
    coverage: Floats

    def __len__(self) -> int:
        return self.value.size


def long_form(panels: Iterable[Panel]) -> LongForm:
    """All measurements of the panels, made by array operations only."""
    panels = tuple(panels)
    words: dict[str, dict[str, int]] = {label: {} for label in LABELS}
    codes = {label: [_codes(panel, label, words[label]) for panel in panels] for label in LABELS}
    value = _joined([p.value.ravel() for p in panels], np.float64)
    reason = _joined([p.reason.ravel() for p in panels], np.uint8)
    reason = np.where((reason == 0) & ~np.isfinite(value), np.uint8(Undefined.NOT_FINITE), reason)
    return LongForm(
        words={label: tuple(known) for label, known in words.items()},
        codes={label: _joined(parts, np.int32) for label, parts in codes.items()},
        value=np.where(reason == 0, value, np.nan),
        reason=reason,
        n=_joined([np.repeat(p.n.ravel(), len(p.names)) for p in panels], np.int64),
        coverage=_joined([np.repeat(p.coverage.ravel(), len(p.names)) for p in panels], np.float64),
    )


def _codes(panel: Panel, label: str, known: dict[str, int]) -> NDArray[np.int32]:
    """The label of every cell of the panel as a code, learning words that are new."""
    texts: Sequence[str | None]
    if label == "kind":
        axis, texts = 0, [panel.kind] * len(panel.series)
    elif label == "column":
        axis, texts = 1, panel.columns
    elif label == "name":
        axis, texts = 2, panel.names
    else:
        axis, texts = 0, [getattr(series, label) for series in panel.series]
    code = [-1 if text is None else known.setdefault(text, len(known)) for text in texts]
    spread = np.asarray(code, dtype=np.int32).reshape([-1 if a == axis else 1 for a in range(3)])
    return np.broadcast_to(spread, panel.value.shape).ravel()


def _joined(parts: Sequence[NDArray[Scalar]], dtype: type[Scalar]) -> NDArray[Scalar]:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype, copy=False)


def config_hash(config: Config) -> str:
    """A fingerprint of all that decides what a run measures and judges: 12 hexadecimal digits.

    Where a run goes (state, sinks, addresses) and the folder it is started from do not count.
    """
    content = config.model_dump(mode="json", include=set(_JUDGES))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
