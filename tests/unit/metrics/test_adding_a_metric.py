"""docs/adding-a-metric.md does what it says: its example, installed as its package, is a metric like ours."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import max_error as sklearn_max_error

from drift.domain import Undefined
from drift.metrics import Sample, load_metrics

PAGE = (Path(__file__).parents[3] / "docs" / "adding-a-metric.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"the page has {len(found)} blocks of {language}"
    return str(found[0])


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    project = tomllib.loads(_block("toml"))["project"]
    (key, value), *more = project["entry-points"]["drift.metrics"].items()
    assert not more
    package, module = value.partition(":")[0].split(".")
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    (tmp_path / package / f"{module}.py").write_text(_block("python"), encoding="utf-8")
    info = tmp_path / f"{package}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (info / "entry_points.txt").write_text(f"[drift.metrics]\n{key} = {value}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in (package, f"{package}.{module}"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))  # so that both are gone afterwards
        del sys.modules[name]
    return importlib.import_module(f"{package}.{module}")


def test_the_example_is_found_and_works(example: ModuleType) -> None:
    metric = load_metrics()["max_error"]
    sample = Sample(
        actual=np.array([[1.0, 5.0], [np.nan, np.nan]]), predicted=np.array([[2.0, 2.0], [np.nan, np.nan]])
    )
    value, reason = metric.rows(sample)
    np.testing.assert_array_equal(value, [3.0, np.nan])
    np.testing.assert_array_equal(reason, [0, Undefined.NO_PAIRS])
    assert metric is example.MAX_ERROR


def test_the_function_of_the_example_agrees_with_scikit_learn(example: ModuleType) -> None:
    rng = np.random.default_rng(3)
    actual, predicted = rng.normal(size=50), rng.normal(size=50)
    assert example.max_error(actual, predicted) == sklearn_max_error(actual, predicted)


def test_the_doctest_of_the_example_holds(example: ModuleType) -> None:
    result = doctest.testmod(example)
    assert result.attempted == 1
    assert result.failed == 0
