"""The rules of the config: what is alerted on, in the words of the platform's guide; what is calibrated."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, model_validator

from drift.config_values import Budget, Country, Duration, Finite, Length, WaitingTime


class Section(BaseModel):
    """A part of the config: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Security = Literal["failed_auth", "api_abuse", "data_access", "system_changes"]
"""What the log stream is watched for: limits stand in the config's `security`, not in a rule."""
Detector = Literal["profile", "fleet", "faults", "interval", "features", "slow"] | Security
SECURITY: tuple[str, ...] = get_args(Security)


class RuleConfig(Section):
    """One alert rule, in the words of the platform's guide: a `metric` (or a statistic) held against a fixed
    `threshold`, or a `detector` whose limits are calibrated to a `budget` of false alarms.

    `scope: city` holds each city against the threshold; `pooled` all cities together. `side` is known
    for most metrics (accuracy falls below, an error rises above) and must be said for a signed one.
    A firing alert ends once it was quiet for `keep_firing_for`; a detector knows how long that should be.
    """

    metric: str | None = None
    threshold: Finite | None = None
    detector: Detector | None = None
    budget: Budget | None = None
    duration: Duration = timedelta(0)
    keep_firing_for: Duration | None = None
    severity: Literal["critical", "high", "warning", "info"] = "warning"
    channels: tuple[str, ...] = ()
    side: Literal["below", "above"] | None = None
    scope: Literal["city", "pooled"] = "city"
    horizon: str | None = None
    column: str | None = None

    @property
    def words(self) -> str:
        """What the rule looks at, as people read it."""
        if self.detector is not None:
            return f"detector {self.detector}" + (f", budget {self.budget:g}" if self.budget else "")
        return f"{self.metric} against {self.threshold:g}"

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.metric is None) is (self.detector is None):
            raise ValueError("a rule has a metric and its threshold, or a detector: write one of them")
        if self.metric is not None and self.threshold is None:
            raise ValueError("threshold: is missing: a rule on a metric needs one")
        if self.metric is not None and self.budget is not None:
            raise ValueError("budget: is for a detector; a metric has a fixed threshold")
        if self.detector is not None:
            self._check_detector()
        return self

    def _check_detector(self) -> None:
        if self.detector in SECURITY:
            self._check_security()
        given = {"threshold": self.threshold, "side": self.side, "horizon": self.horizon}
        for name, value in given.items():
            if value is not None:
                raise ValueError(f"{name}: is not for a detector, whose limits are calibrated")
        if self.scope == "pooled":
            raise ValueError("scope: a detector has its own: write `detector: fleet` for all cities together")
        if self.column is not None and self.detector != "features":
            raise ValueError("column: only `detector: features` looks at columns")
        if self.budget is not None and self.detector == "faults":
            raise ValueError("budget: hard faults have rules, not a budget")

    def _check_security(self) -> None:
        """Nothing of it is about cities or hours, or learnt from a budget."""
        given = {
            "threshold": self.threshold,
            "budget": self.budget,
            "side": self.side,
            "horizon": self.horizon,
            "column": self.column,
        }
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{name}: is not for {self.detector}, which looks at logs: its limits are in `security`"
                )
        if self.scope != "city":
            raise ValueError(f"scope: is not for {self.detector}, which looks at logs and knows no cities")


class DetectionConfig(Section):
    """What detectors are calibrated on: the `history` before the fit, made anew every `refit`; the calendar
    of holidays, whose hours are no evidence, by ISO country; and how late an actual may come, after
    `windows.lag`, before its absence is a fault.
    """

    history: Length = timedelta(days=365)
    refit: WaitingTime = timedelta(days=91)
    country: Country | None = None
    countries: dict[str, Country] = {}
    late_after: Duration = timedelta(hours=6)


SEED_RULES: dict[str, RuleConfig] = {
    "model_accuracy_drop": RuleConfig(
        metric="model_accuracy",
        threshold=0.85,
        duration=timedelta(hours=1),
        severity="high",
        channels=("slack", "email"),
    )
}
