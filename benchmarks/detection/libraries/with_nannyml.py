"""NannyML's MAPE by day and week: `actual`, `predicted` (H, n) and `first` (s) to chunks by zone.

The first `reference` hours are fitted, the rest is judged.
"""

from __future__ import annotations

from typing import Any

from benchmarks.detection.libraries.exchange import Arrays, run

PERIODS = {"day": "D", "week": "W"}


def work(given: Arrays) -> Arrays:
    """Every zone by a calculator of its own, with the library's thresholds."""
    import pandas as pd

    start = pd.Timestamp(int(given["first"]), unit="s")
    times = pd.date_range(start, periods=len(given["actual"]), freq="h")
    found = {}
    for zone in range(given["actual"].shape[1]):
        columns = {name: given[name][:, zone] for name in ("actual", "predicted")}
        frame = pd.DataFrame({"time": times, **columns}).dropna().reset_index(drop=True)
        for name, period in PERIODS.items():
            chunks = _judge(frame, times[int(given["reference"])], period)
            found[f"end_{name}_{zone}"] = (chunks["chunk", "end_date"] - start).dt.total_seconds().to_numpy()
            for value in ("value", "upper_threshold"):
                found[f"{value}_{name}_{zone}"] = chunks["mape", value].to_numpy(float)
    return found


def _judge(frame: Any, since: Any, period: str) -> Any:
    from nannyml import PerformanceCalculator

    calculator = PerformanceCalculator(
        metrics=["mape"],
        y_true="actual",
        y_pred="predicted",
        problem_type="regression",
        timestamp_column_name="time",
        chunk_period=period,
    )
    calculator.fit(frame[frame["time"] < since])
    return calculator.calculate(frame[frame["time"] >= since]).filter(period="analysis").to_df()


if __name__ == "__main__":
    run("nannyml", work)
