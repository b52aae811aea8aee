"""Evidently's drift preset, a report a city, read as a dictionary: no HTML."""

from __future__ import annotations

from benchmarks.peers.inputs import COLUMNS, City, run


def main() -> None:
    """Judge the cities."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=COLUMNS)

    def judge(city: City) -> object:
        reference, current = (
            Dataset.from_pandas(frame[COLUMNS], data_definition=definition)
            for frame in (city.reference, city.current)
        )
        return Report([DataDriftPreset()]).run(current, reference).dict()

    run("evidently", judge)


if __name__ == "__main__":
    main()
