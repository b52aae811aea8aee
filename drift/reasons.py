"""Why there is no value, and why a row was not used. Apart from the other nouns because errors carry a
reason, and the command line should not wait for NumPy before it can name an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class Undefined(IntEnum):
    """Why a measurement has no value. The code 0 means that it has one."""

    DEFINED = 0
    NO_PAIRS = 1
    LOW_COVERAGE = 2
    ACTUALS_AT_FLOOR = 3
    CONSTANT_ACTUALS = 4
    NO_INTERVAL = 5
    NO_SCALE = 6
    SHORT_REFERENCE = 7
    CONSTANT_REFERENCE = 8
    NO_CURRENT = 9
    NOT_FINITE = 10
    NO_BASELINE = 11
    NOT_CALIBRATED = 12
    NOT_HOURLY = 13
    NOT_JUDGED = 14
    RETIRED = 15
    NOT_FITTED = 16
    NO_PREDICTIONS = 17
    NO_ARRIVALS = 18
    NO_TRAFFIC = 19
    NO_LIMIT_KNOWN = 20
    FIRST_LOOK = 21
    NOT_READABLE = 22

    @property
    def text(self) -> str:
        """The reason as a person reads it."""
        return _UNDEFINED_TEXT[self]


_UNDEFINED_TEXT: Mapping[Undefined, str] = {
    Undefined.DEFINED: "defined",
    Undefined.NO_PAIRS: "no pairs of a prediction and an actual",
    Undefined.LOW_COVERAGE: "coverage is below the minimum",
    Undefined.ACTUALS_AT_FLOOR: "every actual is at or below the floor",
    Undefined.CONSTANT_ACTUALS: "all actuals are equal",
    Undefined.NO_INTERVAL: "no prediction interval",
    Undefined.NO_SCALE: "the seasonal-naive error it is scaled by is zero or unknown",
    Undefined.SHORT_REFERENCE: "the reference has too few values",
    Undefined.CONSTANT_REFERENCE: "all reference values are equal",
    Undefined.NO_CURRENT: "no current values",
    Undefined.NOT_FINITE: "the values overflow 64-bit floats",
    Undefined.NO_BASELINE: "no actuals one season earlier to compare with",
    Undefined.NOT_CALIBRATED: "what is normal was not fitted yet: it takes three weeks of pairs",
    Undefined.NOT_HOURLY: "intervals are no whole part of an hour",
    Undefined.NOT_JUDGED: "the detector failed: see the failures of the run",
    Undefined.RETIRED: "the model version was retired: another one forecasts here in its place",
    Undefined.NOT_FITTED: "the estimate was not fitted yet: it takes four weeks of pairs, or more",
    Undefined.NO_PREDICTIONS: "no prediction for an hour whose actual is not in",
    Undefined.NO_ARRIVALS: "the store does not say when actuals came: it has no available_time",
    Undefined.NO_TRAFFIC: "no requests in the window",
    Undefined.NO_LIMIT_KNOWN: "how much it could carry is not known",
    Undefined.FIRST_LOOK: "it takes two looks to say, and this was the first",
    Undefined.NOT_READABLE: "it could not be read",
}


class Unused(StrEnum):
    """Why a row of the store, or an hour of a window, gave no pair."""

    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    LATE = "late"
    MISSING_ACTUAL = "missing_actual"
    MISSING_PREDICTION = "missing_prediction"
    NOT_FINITE = "not_finite"
    NEGATIVE = "negative"
    NAIVE_TIMESTAMP = "naive_timestamp"
    OFF_INTERVAL = "off_interval"
    PARTIAL_INTERVAL = "partial_interval"
    OUT_OF_WINDOW = "out_of_window"
    NULL_KEY = "null_key"
    # pairs whose actual is unfit to judge a forecast by
    NOT_POSITIVE = "not_positive"
    STUCK = "stuck"
    SPIKE = "spike"
    SCALE = "scale"
    SHIFT = "shift"
