"""PURE. What an SMS adds to the headline, as far as it fits: the most telling first, in whole sentences."""

from __future__ import annotations

from collections.abc import Mapping

from drift.messages.figures import figure, soon
from drift.messages.headline import closed, reading_of
from drift.messages.kinds import of_platform
from drift.messages.words import Words
from drift.notices import Notice

NOT_MENDED = "That does not say that {what} is mended."
"""Of an alert that was closed because nothing judges it any more."""
STEPS: Mapping[str, str] = {
    "check_feed": "Check the data feed",
    "check_forecast_job": "Check the forecast job",
    "check_clock": "Check time zones",
    "check_common_cause": "Look for one cause",
    "expect_holiday": "Holiday: wait",
    "switch_version": "Switch to",
    "check_input": "Check the inputs",
    "retrain": "Check inputs, then retrain",
    "open_report": "Open the report",
}
"""The evidence's first steps, in few words."""


def gist_of(notice: Notice, words: Words) -> tuple[str, ...]:
    """What an SMS adds."""
    if not notice.alerts or (notice.status == "resolved" and len(notice.alerts) > 1):
        return ()
    told = notice.alerts[0]
    reading = reading_of(told, words)
    if notice.status == "resolved":
        now = f"Now {figure(told.name, told.value, words.unit)}."
        return (not_mended(notice) if closed(notice) else now,)
    began = reading.began or min(each.since for each in notice.alerts)
    step = STEPS.get(str(reading.evidence["advice"]["step"].name()), "")
    better = (
        f"{step} {reading.better}" if step == "Switch to" and reading.better else step.removesuffix(" to")
    )
    peers = reading.evidence["peers"]
    above, cities = peers["above"].number, peers["cities"].number
    also = f"{above:.0f} of {cities:.0f} other cities too." if above and cities else ""
    known = (f"Since {soon(began, reading.zone, notice.at)}.", f"{better}." if better else "", also)
    return tuple(part for part in known if part)


def not_mended(notice: Notice) -> str:
    """Of alerts that ended as nothing judges them any more: that all need not be well."""
    return NOT_MENDED.replace("{what}", "it" if of_platform(notice.alerts[0]) else "the forecast")
