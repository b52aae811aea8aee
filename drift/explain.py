"""PURE. A breach becomes evidence: how much worse, since when, where, why, and what to do first.

For whoever is woken by it: the first three sentences are enough to act on. Each kind of evidence is a file
of `drift/evidence`; here they are asked in turn, all about the hours since the onset, or about the current
window where no onset stands out. A part that cannot be had is the reason for that, and never an error: an
alert is not lost for want of an explanation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from drift.evidence.advice import Advice, Clues, Step, advise
from drift.evidence.case import Case, Rows
from drift.evidence.channels import Channels, find_channels
from drift.evidence.disturbances import Disturbances, fault_onset, find_disturbances
from drift.evidence.effect import Bias, Effect, find_bias, find_effect
from drift.evidence.features import FeatureRange, find_features
from drift.evidence.hours import Hours, Regime, find_hours, find_regime
from drift.evidence.level import Level, find_level
from drift.evidence.onset import FAULT, Onset, find_onset
from drift.evidence.part import Reason, plain
from drift.evidence.peers import Peers, find_peers
from drift.evidence.skill import (
    Coverage,
    OtherVersion,
    Skill,
    find_coverage,
    find_other_versions,
    find_skill,
)
from drift.evidence.timing import Repeat, Shift, find_repeat, find_shift
from drift.evidence.wording import ago, listed
from drift.values import quiet


@dataclass(frozen=True, slots=True)
class Span:
    """The hours of the figures, in UTC: from the onset, or the current window's start, to its end."""

    start: datetime
    end: datetime
    hours: int
    """Those with a sound pair, off holidays."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that can be said of one breach; every part is figures, or the reason why there are none."""

    city: str
    model_version: str
    unit: str
    timezone: str
    """The one whose local hours are meant: UTC where the city's is not known."""
    span: Span
    onset: Onset | Reason
    effect: Effect | Reason
    advice: Advice
    bias: Bias | Reason
    hours: Hours | Reason
    regime: Regime | Reason
    shift: Shift | Reason
    repeat: Repeat | Reason
    level: Level | Reason
    channels: Channels | Reason
    peers: Peers | Reason
    other_versions: tuple[OtherVersion, ...] | Reason
    features: tuple[FeatureRange, ...] | Reason
    skill: Skill | Reason
    coverage: Coverage | Reason
    disturbances: Disturbances

    def to_document(self) -> Mapping[str, object]:
        """Plain JSON, a key a part; one without figures is `{"undefined": …, "undefined_text": …}`."""
        parts = {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {"sentences": list(self.sentences()), **parts}

    def sentences(self) -> tuple[str, ...]:
        """Plain text for people: how much, since when, what to do; then which way, where, why, what else.

        What is undefined is left out, except where that is the news.
        """
        return tuple(sentence for sentence in (*self._first(), *self._where(), *self._beside()) if sentence)

    @property
    def _about_faults(self) -> bool:
        return isinstance(self.onset, Onset) and self.onset.channel == FAULT

    def _first(self) -> tuple[str | None, ...]:
        size = (
            self.effect.sentence(self.unit)
            if isinstance(self.effect, Effect)
            else "There is no sound pair of a prediction and an actual in these hours."
        )
        since = (
            self.onset.sentence(self.span.end, zone_of(self.timezone))
            if isinstance(self.onset, Onset)
            else f"Since when is not clear: {self.onset.text}. "
            f"The figures are of the last {ago(self.span.end - self.span.start)}."
        )
        todo = f"Do first: {self.advice.text}"
        if self._about_faults:
            return f"The data are faulty: {self.disturbances.faults()}.", since, todo, size
        return size, since, todo

    def _where(self) -> tuple[str | None, ...]:
        spread = isinstance(self.hours, Hours) and not self.hours.stand_out
        return (
            self.bias.sentence(self.unit) if isinstance(self.bias, Bias) else None,
            self.hours.sentence() if isinstance(self.hours, Hours) and not spread else None,
            self.regime.sentence() if isinstance(self.regime, Regime) else None,
            self._marks(),
            self._load(),
            self.channels.sentence() if isinstance(self.channels, Channels) else None,
        )

    def _marks(self) -> str | None:
        """The marks of a broken job, if the advice has not told them."""
        if isinstance(self.repeat, Repeat):
            return (
                None if self.advice.step is Step.CHECK_FORECAST_JOB else f"The forecast {self.repeat.said()}."
            )
        if isinstance(self.shift, Shift):
            return None if self.advice.step is Step.CHECK_CLOCK else f"The forecast {self.shift.said()}."
        return None

    def _load(self) -> str | None:
        """That the load changed, if the advice has not told it."""
        if not isinstance(self.level, Level) or self.advice.step is Step.CHECK_LOAD:
            return None
        said = self.level.said()
        return f"{said[:1].upper()}{said[1:]}."

    def _beside(self) -> tuple[str | None, ...]:
        others = self.other_versions if isinstance(self.other_versions, tuple) else ()
        features = self.features if isinstance(self.features, tuple) else ()
        others = others[1:] if self.advice.step is Step.SWITCH_VERSION else others[:1]
        features = features[1:] if self.advice.step in (Step.CHECK_INPUT, Step.RETRAIN) else features
        return (
            # peers tell of errors, and faults are this city's own
            self.peers.sentence() if isinstance(self.peers, Peers) and not self._about_faults else None,
            f"{others[0].said()}." if others else None,
            f"{listed([feature.said() for feature in features])}." if features else None,
            self.skill.sentence() if isinstance(self.skill, Skill) else None,
            self.coverage.sentence() if isinstance(self.coverage, Coverage) else None,
            self.disturbances.sentence(faults_told=self.advice.step is Step.CHECK_FEED),
        )


@quiet
def explain(case: Case) -> Evidence:
    """The evidence of one breach; a few milliseconds for 100 days of hours."""
    rows = Rows.of(case)
    onset = fault_onset(case) if case.about_faults else find_onset(case, rows)
    if isinstance(onset, tuple):
        rows = rows.from_onset(onset[1])
    effect = find_effect(rows)
    ratio = effect.ratio if isinstance(effect, Effect) else effect
    clues = Clues(
        disturbances=find_disturbances(case, rows, zone_of(case.timezone)),
        repeat=find_repeat(rows),
        shift=find_shift(rows),
        level=find_level(rows),
        channels=find_channels(case.by_channel),
        peers=find_peers(case.peers, case.group),
        other_versions=find_other_versions(case, rows),
        features=find_features(case.features, rows),
    )
    return Evidence(
        city=case.city,
        model_version=case.model_version,
        unit=case.unit,
        timezone=str(zone_of(case.timezone)),
        span=_span(case, rows),
        onset=onset[0] if isinstance(onset, tuple) else onset,
        effect=effect,
        advice=advise(clues, about_faults=case.about_faults),
        bias=find_bias(rows),
        hours=find_hours(rows, ratio),
        regime=find_regime(case, rows, ratio),
        skill=find_skill(rows),
        coverage=find_coverage(case, rows),
        **{field.name: getattr(clues, field.name) for field in dataclasses.fields(clues)},
    )


def _span(case: Case, rows: Rows) -> Span:
    start, end = (case.grid.start + row * case.grid.step for row in (rows.start, len(rows.actual)))
    return Span(start, end, int(rows.usable[rows.since].sum()))


def zone_of(name: str) -> tzinfo:
    """The IANA time zone; UTC where there is none of that name, as local hours are for display only.

    >>> str(zone_of("Asia/Kolkata")), str(zone_of("../nowhere"))
    ('Asia/Kolkata', 'UTC')
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
