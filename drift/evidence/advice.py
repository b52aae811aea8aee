"""PURE. What to do first: the remedy of the first cause, in the order in which one rules out the other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drift.evidence.channels import Channels
from drift.evidence.disturbances import Disturbances
from drift.evidence.features import FeatureRange
from drift.evidence.level import Level
from drift.evidence.part import Reason
from drift.evidence.peers import Peers
from drift.evidence.skill import OtherVersion
from drift.evidence.timing import Repeat, Shift

FAULTY = 0.1
"""Share of faulty hours from which the data come before any other cause."""
HOLIDAYS = 0.4
"""Share of hours on holidays from which the rest is left to wait."""
LEADS = 0.4
"""Share of the score from which a channel alone tells the cause."""


class Step(StrEnum):
    """What to do first."""

    CHECK_FEED = "check_feed"
    CHECK_FORECAST_JOB = "check_forecast_job"
    CHECK_CLOCK = "check_clock"
    CHECK_LOAD = "check_load"
    CHECK_COMMON_CAUSE = "check_common_cause"
    EXPECT_HOLIDAY = "expect_holiday"
    SWITCH_VERSION = "switch_version"
    CHECK_INPUT = "check_input"
    RETRAIN = "retrain"
    OPEN_REPORT = "open_report"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do first, and the sentence that says so and why."""

    step: Step
    text: str


@dataclass(frozen=True, slots=True)
class Clues:
    """The parts of the evidence that point to a cause."""

    disturbances: Disturbances
    repeat: Repeat | Reason
    shift: Shift | Reason
    level: Level | Reason
    channels: Channels | Reason
    peers: Peers | Reason
    other_versions: tuple[OtherVersion, ...] | Reason
    features: tuple[FeatureRange, ...] | Reason


def advise(clues: Clues, *, about_faults: bool = False) -> Advice:
    """The first that applies: faults, stale, timing, all cities, load, holiday, another version, features.

    What is `about_faults` begins with the feed, however few they are.
    """
    if about_faults and clues.disturbances.faults():
        return _check_feed(clues)
    for step in (_feed, _forecast_job, _clock, _common, _load, _holiday, _version, _input):
        advice = step(clues)
        if advice is not None:
            return advice
    return Advice(Step.OPEN_REPORT, "Open the city's report, as nothing here points to one cause.")


def _feed(clues: Clues) -> Advice | None:
    found = clues.disturbances
    if found.fault_share < FAULTY and not found.faulty_now:
        return None
    return _check_feed(clues)


def _check_feed(clues: Clues) -> Advice:
    found = clues.disturbances
    feed = "the feed of actuals" if found.actual_faults else "the feed of predictions"
    return Advice(Step.CHECK_FEED, f"Check {feed} before the model: {found.faults()}.")


def _forecast_job(clues: Clues) -> Advice | None:
    if isinstance(clues.repeat, Repeat):
        why = f"it reads old load, as the forecast {clues.repeat.said()}"
    elif _leads(clues, "stale"):
        why = "it may read old load, as the error follows the change of load since last week"
    else:
        return None
    return Advice(Step.CHECK_FORECAST_JOB, f"Check the job that makes the forecast: {why}.")


def _clock(clues: Clues) -> Advice | None:
    if isinstance(clues.shift, Shift):
        why = f"the forecast {clues.shift.said()}"
    elif _leads(clues, "timing"):
        why = "the error follows the forecast's ramps, as if that were moved in time"
    else:
        return None
    return Advice(Step.CHECK_CLOCK, f"Check time zones, clock changes and time stamps: {why}.")


def _common(clues: Clues) -> Advice | None:
    if not isinstance(clues.peers, Peers) or clues.peers.pattern not in ("fleet", "group"):
        return None
    whose = "all cities" if clues.peers.pattern == "fleet" else "its group"
    text = f"Look for one cause in {whose}: a release of the model, or an input they share such as weather."
    return Advice(Step.CHECK_COMMON_CAUSE, text)


def _load(clues: Clues) -> Advice | None:
    if not isinstance(clues.level, Level):
        return None
    what = "whether the load really changed (a meter, a switched feeder, a large customer)"
    return Advice(Step.CHECK_LOAD, f"Check {what}, and retrain if it did: {clues.level.said()}.")


def _holiday(clues: Clues) -> Advice | None:
    if clues.disturbances.holiday_share < HOLIDAYS:
        return None
    return Advice(Step.EXPECT_HOLIDAY, "Wait for the first ordinary day: most of these hours are holidays.")


def _version(clues: Clues) -> Advice | None:
    if isinstance(clues.other_versions, tuple) and clues.other_versions and clues.other_versions[0].better:
        return Advice(Step.SWITCH_VERSION, f"Switch for now: {clues.other_versions[0].said()}.")
    return None


def _input(clues: Clues) -> Advice | None:
    if not isinstance(clues.features, tuple) or not clues.features:
        return None
    first = clues.features[0]
    if first.direction in ("missing", "stuck"):
        return Advice(Step.CHECK_INPUT, f"Check that input: {first.said()}.")
    return Advice(Step.RETRAIN, f"Check that input, and retrain if it is right: {first.said()}.")


def _leads(clues: Clues, channel: str) -> bool:
    channels = clues.channels
    return isinstance(channels, Channels) and channels.leading == channel and channels.share[channel] >= LEADS
