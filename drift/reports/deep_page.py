"""Evidently's two presets of a city, and the page they stand on: complete, and with no way out.

Evidently writes a page a report, each with 3.4 MB of script. Here its library stands on the page once,
and draws a report for each model version; a policy in the page lets only these scripts run, by their hashes,
and forbids every request. Runs in a process of its own (`deep_child.py`): Evidently takes seconds to import.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drift.errors import ReportError
from drift.reports.deep_job import ACTUAL, PREDICTED, TIME, Columns, Job, Part
from drift.reports.page import environment, hash_of

if TYPE_CHECKING:
    from evidently import Dataset

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_ROOT = re.compile(r'<div id="(root_metric_[0-9a-f]+)">')


@dataclass(frozen=True, slots=True)
class Drawn:
    """One report of Evidently's: where it is drawn, its data, what draws it, and what that needs."""

    root: str
    style: str
    data: str
    library: tuple[str, ...]
    draw: str


def page_of(job: Job) -> str:
    """The page of a job.

    Raises:
        ImportError: Evidently is not installed, or not with what it needs.
        ReportError: Evidently's own page is not as this version of drift knows it.
    """
    drawn = [taken_apart(evidently_html(part)) for part in job.parts]
    first = drawn[0]
    scripts = [*(each.data for each in drawn), *first.library, *(each.draw for each in drawn)]
    return (
        environment()
        .get_template("deep.html.j2")
        .render(
            job=job,
            parts=[(part.model_version, each.root) for part, each in zip(job.parts, drawn, strict=True)],
            style=first.style,
            head=[each.data for each in drawn],
            scripts=[*first.library, *(each.draw for each in drawn)],
            policy=policy(scripts),
        )
    )


def policy(scripts: Sequence[str]) -> str:
    """What the page may do: run these scripts, style itself, show its own pictures and letters."""
    return (
        f"default-src 'none'; script-src {' '.join(map(hash_of, scripts))}; style-src 'unsafe-inline'; "
        "font-src data:; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def evidently_html(part: Part) -> str:
    """Evidently's page of one model version: how good its forecast is, and the drift of every column."""
    from evidently import Report
    from evidently.presets import DataDriftPreset, RegressionPreset

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of a constant column, of a day whose variance is nil: it says so itself
        report = Report([RegressionPreset(), DataDriftPreset()])
        made = report.run(_dataset(part.current), _dataset(part.reference))
        return str(made.get_html_str(as_iframe=False))


def _dataset(columns: Columns) -> Dataset:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Regression

    roles = [Regression(target=ACTUAL, prediction=PREDICTED)]
    numbers = [name for name in columns if name != TIME]
    definition = DataDefinition(numerical_columns=numbers, timestamp=TIME, regression=roles)
    times = pd.to_datetime(columns[TIME], unit="s")
    return Dataset.from_pandas(pd.DataFrame({**columns, TIME: times}), data_definition=definition)


def taken_apart(html: str) -> Drawn:
    """The parts of a page that Evidently wrote.

    Raises:
        ReportError: they are not there.
    """
    style, root, scripts = _STYLE.search(html), _ROOT.search(html), _SCRIPT.findall(html)
    if style is None or root is None or len(scripts) < 3:
        raise ReportError(
            "Evidently's pages have another form: install a version that drift names in its needs"
        )
    data, *library, draw = scripts
    return Drawn(root[1], style[1], data, tuple(library), draw)
