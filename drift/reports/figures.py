"""A run's figures by what they are about: the panels indexed once, because a page asks for them by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drift.domain import Alert, AlertStatus, Kind, Measurement, Panel, Run, Series, Verdict, VerdictStatus

State = Literal["firing", "pending", "no data", "normal"]
STATES: tuple[State, ...] = ("firing", "pending", "no data", "normal")


@dataclass(frozen=True, slots=True)
class Figures:
    """A run, with its measurements, alerts and verdicts found by model version and city."""

    run: Run
    rows: dict[tuple[Kind, Series], list[tuple[Panel, int]]]
    alerts: dict[tuple[str, str | None], list[Alert]]
    verdicts: dict[tuple[str, str | None], list[Verdict]]

    def metric(self, name: str, series: Series) -> Measurement | None:
        """The metric of that name; None where the run did not measure it."""
        for panel, row in self.rows.get(("metric", series), ()):
            if name in panel.names:
                return panel.at(row, 0, panel.names.index(name), series, panel.columns[0])
        return None

    def detector(self, name: str, series: Series) -> Measurement | None:
        """What the detectors say of the series by that name; None where none looks."""
        for panel, row in self.rows.get(("detector", series), ()):
            if name in panel.names and panel.columns == (None,):
                return panel.at(row, 0, panel.names.index(name), series, None)
        return None

    def metric_names(self) -> list[str]:
        """The names of all metrics, in the run's order."""
        panels = [panel for panel in self.run.panels if panel.kind == "metric"]
        return list(dict.fromkeys(name for panel in panels for name in panel.names))

    def statistics(self, series: Series) -> Iterator[Measurement]:
        """Every statistic of the series, by column."""
        for panel, row in self.rows.get(("statistic", series), ()):
            for c, column in enumerate(panel.columns):
                for k in range(len(panel.names)):
                    yield panel.at(row, c, k, series, column)

    def coverage(self, series: Series) -> float | None:
        """Pairs found ÷ pairs expected, of the first panel that counts them."""
        for panel, row in self.rows.get(("metric", series), ()):
            return float(panel.coverage[row, 0])
        return None

    def state(self, model_version: str, city: str | None) -> State:
        """Where the model version stands in the city: the worst of its alerts; no data where nothing
        could be judged.
        """
        about = (model_version, city)
        standing = {alert.status for alert in self.alerts.get(about, ())}
        if AlertStatus.FIRING in standing:
            return "firing"
        if AlertStatus.PENDING in standing:
            return "pending"
        verdicts = self.verdicts.get(about, ())
        if verdicts:
            return "no data" if all(v.status is VerdictStatus.NO_DATA for v in verdicts) else "normal"
        accuracy = self.metric("accuracy", Series(model_version, city))
        return "no data" if accuracy is None or accuracy.value is None else "normal"


def figures_of(run: Run) -> Figures:
    """The index of a run."""
    figures = Figures(run, defaultdict(list), defaultdict(list), defaultdict(list))
    for panel in run.panels:
        for row, series in enumerate(panel.series):
            figures.rows[panel.kind, series].append((panel, row))
    for alert in run.alerts:
        figures.alerts[alert.key.model_version, alert.key.city].append(alert)
    for verdict in run.verdicts:
        figures.verdicts[verdict.key.model_version, verdict.key.city].append(verdict)
    return figures
