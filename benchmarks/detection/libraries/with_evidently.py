"""Evidently's `ValueDrift`: samples `before_<k>` and `current_<k>` to values and verdicts (looks, 4)."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.libraries.exchange import Arrays, run

METHODS = ("wasserstein", "ks", "psi", "jensenshannon")


def work(given: Arrays) -> Arrays:
    """Each look by a report of its own, as one would make it."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    definition = DataDefinition(numerical_columns=["error"])
    metrics = [ValueDrift(column="error", method=method) for method in METHODS]
    values, verdicts = [], []
    for number in range(len(given) // 2):
        before, current = (
            Dataset.from_pandas(pd.DataFrame({"error": given[f"{name}_{number}"]}), definition)
            for name in ("before", "current")
        )
        said = Report(metrics, include_tests=True).run(current, before).dict()
        values.append([float(metric["value"]) for metric in said["metrics"]])
        verdicts.append(["FAIL" in str(test["status"]) for test in said["tests"]])
    return {"values": np.array(values), "verdicts": np.array(verdicts)}


if __name__ == "__main__":
    run("evidently", work)
