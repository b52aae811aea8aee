"""What the tests of the reports share."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from drift.config import Config
from drift.domain import Run, Transition
from drift.timeline import Pairs

Fleet = tuple[Run, Pairs, list[Transition], Config]


@pytest.fixture(scope="session")
def fleet() -> Callable[..., Fleet]:
    """`factory.fleet`, the maker of a run with its pairs, alert history and config."""
    return runpy.run_path(str(Path(__file__).with_name("factory.py")))["fleet"]
