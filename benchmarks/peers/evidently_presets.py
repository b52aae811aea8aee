"""Evidently's regression and drift presets, a page a city, saved as HTML."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers.inputs import COLUMNS, City, run


def main() -> None:
    """Write the cities' pages, one over the other, into the folder that is named last; and their bytes."""
    from evidently import DataDefinition, Dataset, Regression, Report
    from evidently.presets import DataDriftPreset, RegressionPreset

    roles = [Regression(target="actual", prediction="predicted")]
    definition = DataDefinition(numerical_columns=COLUMNS, regression=roles)
    folder = Path(sys.argv[4])
    page, weights = folder / "page.html", folder / "bytes"

    def judge(city: City) -> None:
        reference, current = (
            Dataset.from_pandas(frame[COLUMNS], data_definition=definition)
            for frame in (city.reference, city.current)
        )
        Report([RegressionPreset(), DataDriftPreset()]).run(current, reference).save_html(str(page))
        with weights.open("a", encoding="ascii") as lines:
            lines.write(f"{page.stat().st_size}\n")

    run("evidently", judge)


if __name__ == "__main__":
    main()
