"""What is wrong with the data of a run, in a terminal: a line a fault, what lasts first.

Why: whoever sees an accuracy that lacks hours, or a city without a figure, wants to know that it is the feed.
"""

from __future__ import annotations

from rich.console import Console

from drift.config import Config
from drift.data_fault import DataFault
from drift.domain import Run
from drift.terminal import View, clean, more
from drift.terminal_tables import Column, print_table

ROWS = 8
"""Lines, unless all are asked for: the city's page has each with its course."""


def print_faults(out: Console, run: Run, config: Config, view: View) -> None:
    """The faults of data that the run found; nothing where there are none."""
    if not run.data_faults:
        return
    faults = sorted(run.data_faults, key=_gravest_first)
    shown = faults if view.everything else faults[:ROWS]
    columns = [
        Column("city", [clean(fault.city) for fault in shown], cut=True),
        Column("version", [clean(fault.model_version or "") for fault in shown], 3, cut=True),
        Column("fault", [clean(fault.named(config.store.unit), 90) for fault in shown], cut=True),
        Column("since", [f"{fault.since:%Y-%m-%d %H:%M}Z" for fault in shown]),
        Column("until", ["now" if f.lasts else f"{f.until:%-d %b %H:%M}Z" for f in shown], 1, right=True),
        Column("hours", [f"{fault.hours:,g}" for fault in shown], 2, right=True),
    ]
    if config.accuracy.leave_out_faults and any(fault.left_out for fault in shown):
        columns.append(Column("accuracy", ["left out" if fault.left_out else "" for fault in shown], 4))
    print_table(out, columns, "what is wrong with the data")
    if len(faults) > len(shown):
        lasting = sum(fault.lasts for fault in faults[len(shown) :])
        out.print(more(len(faults) - len(shown), f"{lasting:,} of them last" if lasting else "none lasts"))


def _gravest_first(fault: DataFault) -> tuple[bool, float, str, str]:
    return not fault.lasts, -fault.hours, fault.city, fault.model_version or ""
