"""Plots for a notebook: each returns its figure, and touches nothing else.

    from drift import plots

    book = plots.open_book(monitor, slot)
    plots.forecast(book, "zone-10", "v1").savefig("zone-10.png")

No function here calls pyplot: there is no current figure, no window, and no style that changes other plots.
"""

from __future__ import annotations

from drift.plots.base import Plot
from drift.plots.city import error, forecast, hours_of_week, open_book
from drift.plots.rules import false_alarms_against_delay, over_slots
from drift.plots.versions import by_city, by_hour, by_regime

__all__ = [
    "Plot",
    "by_city",
    "by_hour",
    "by_regime",
    "error",
    "false_alarms_against_delay",
    "forecast",
    "hours_of_week",
    "open_book",
    "over_slots",
]
