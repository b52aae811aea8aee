"""river's drift detectors along streams of |error|: `series` (H, n) and drifted tails, to hours of alarm.

A detector sees every known hour of a stream once, as it would in service. Column j of `tails` (T, m) goes
on from row `since[j]` of series `of[j]`. `rises`: only alarms at which ADWIN's own mean went up.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.libraries.exchange import Arrays, run

Floats = NDArray[np.floating[Any]]


def work(given: Arrays) -> Arrays:
    """Alarms (setting, H, n) of the series as they are, and (setting, T, m) of the tails."""
    settings = json.loads(str(given["settings"]))
    series: Any = given["series"]
    found: dict[str, NDArray[np.generic]] = {
        "alarms": np.stack([np.stack([along(each, s) for s in series.T], axis=1) for each in settings])
    }
    if "tails" in given:
        tails: Any = given["tails"]
        segments = list(zip(tails.T, given["of"], given["since"], strict=True))
        found["tail_alarms"] = np.stack(
            [
                np.stack([along(each, series[:row, zone], tail) for tail, zone, row in segments], axis=1)
                for each in settings
            ]
        )
    return found


def along(setting: dict[str, Any], *parts: Floats) -> NDArray[np.bool_]:
    """The hours of the last part at which a fresh detector alarms, the parts following one another."""
    from river import drift

    detector = getattr(drift, setting["name"])(**setting["parameters"])
    alarms = np.zeros(len(parts[-1]), bool)
    for part in parts:
        last = part is parts[-1]
        for row in np.flatnonzero(np.isfinite(part)):
            before = detector.estimation if setting["rises"] else 0.0
            detector.update(float(part[row]))
            if last and detector.drift_detected:
                alarms[row] = not setting["rises"] or detector.estimation > before
    return alarms


if __name__ == "__main__":
    run("river", work)
