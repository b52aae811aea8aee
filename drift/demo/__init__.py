"""Real data and a real model, so that the first command shows the real thing.

Why: a monitor is judged by what it says about real forecasts, and made-up series flatter it.

How: `build_data` makes the actuals and the features from the public GEFCom2012 files, `train`
makes the predictions of two model versions from those two tables alone, and the Parquet they
write is shipped in `data/`. README.md beside this file states the source, the hour convention,
the models and what is known to be odd. Nothing heavy is imported here.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["data_dir"]


def data_dir() -> Path:
    """The folder with the shipped Parquet: predictions, actuals and features.

    >>> sorted(p.name for p in data_dir().glob("*.parquet"))
    ['actuals.parquet', 'features.parquet', 'predictions.parquet']
    """
    return Path(__file__).resolve().parent / "data"
