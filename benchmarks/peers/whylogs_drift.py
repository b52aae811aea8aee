"""whylogs' profiles of both windows of a city, and its drift scores of the two."""

from __future__ import annotations

from benchmarks.peers.inputs import COLUMNS, City, run


def main() -> None:
    """Judge the cities."""
    import whylogs
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    def judge(city: City) -> object:
        reference, current = (whylogs.log(frame[COLUMNS]).view() for frame in (city.reference, city.current))
        return calculate_drift_scores(current, reference, with_thresholds=True)

    run("whylogs", judge)


if __name__ == "__main__":
    main()
