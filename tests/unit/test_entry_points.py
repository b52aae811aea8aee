"""Metrics and statistics that another installed package adds, from real package metadata on the path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drift.entry_points import factory, factory_names
from drift.errors import ConfigError
from drift.metrics import METRICS, load_metrics
from drift.statistics import STATISTICS, load_statistics

GOOD_METRIC = """
from drift.metrics.base import Metric, mean_over

def rows(sample):
    return mean_over(sample, sample.absolute_error, sample.scored)

ENTRY = Metric({name!r}, rows, better="lower", unit="load", title="Theirs")
"""
GOOD_STATISTIC = """
from drift.statistics.base import Statistic, judge

def rows(comparison):
    return judge(comparison.reference.spread, comparison, least=1)

ENTRY = Statistic("spread", rows, title="Spread", definition="the spread of the reference")
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package of one module as an installer leaves it, before all others on the path."""
    modules: list[str] = []

    def put(package: str, source: str, group: str = "drift.metrics", key: str = "theirs") -> None:
        module = package.replace("-", "_")
        info = tmp_path / package / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (tmp_path / package / f"{module}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{key} = {module}:ENTRY\n")
        modules.append(module)
        monkeypatch.syspath_prepend(str(tmp_path / package))

    yield put
    for module in modules:
        sys.modules.pop(module, None)


def test_our_own_tables_come_first_and_stay_as_they_are(install: Install) -> None:
    install("wind-metrics", GOOD_METRIC.format(name="theirs"))
    loaded = load_metrics()
    assert list(loaded) == [*METRICS, "theirs"]
    assert loaded["theirs"].title == "Theirs"
    assert "theirs" not in METRICS
    assert list(load_statistics()) == list(STATISTICS)


def test_statistics_have_a_group_of_their_own(install: Install) -> None:
    install("wind-statistics", GOOD_STATISTIC, group="drift.statistics")
    assert list(load_statistics()) == [*STATISTICS, "spread"]
    assert list(load_metrics()) == list(METRICS)


def test_a_name_of_ours_is_taken(install: Install) -> None:
    install("other-mape", GOOD_METRIC.format(name="mape"))
    with pytest.raises(
        ConfigError,
        match=r"the package other-mape adds 'mape' to drift.metrics, but that name is taken by drift itself: "
        "rename one, or uninstall the package",
    ):
        load_metrics()


def test_two_packages_with_one_name(install: Install) -> None:
    install("zone-a", GOOD_METRIC.format(name="theirs"))
    install("zone-b", GOOD_METRIC.format(name="theirs"))  # found first, yet named second: by their names
    with pytest.raises(
        ConfigError, match=r"the package zone-b adds 'theirs' .* is taken by the package zone-a: rename one"
    ):
        load_metrics()


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("OTHER = 1", "AttributeError: .* 'ENTRY'"),
        ("ENTRY = (", "SyntaxError"),
    ],
)
def test_a_broken_package_is_named(install: Install, source: str, cause: str) -> None:
    install("broken-metrics", source)
    with pytest.raises(
        ConfigError,
        match=f"the package broken-metrics adds 'broken_metrics:ENTRY' to drift.metrics, and it cannot be "
        rf"loaded \({cause}.*\): mend or uninstall it",
    ):
        load_metrics()


def test_something_else_than_a_metric(install: Install) -> None:
    install("odd-metrics", "def ENTRY(actual, predicted):\n    return 0.0\n")
    with pytest.raises(
        ConfigError, match=r"odd-metrics .* is a function: an entry there must be a drift Metric"
    ):
        load_metrics()


@pytest.mark.parametrize("name", ["", "their metric", 'x"} 1\n', "größe"])
def test_a_name_that_is_no_word(install: Install, name: str) -> None:
    install("loud-metrics", GOOD_METRIC.format(name=name))
    with pytest.raises(ConfigError, match=r"loud-metrics .*: use letters, digits and underscores only"):
        load_metrics()


def test_of_stores_only_the_one_that_is_named_is_loaded(install: Install) -> None:
    install("pond-store", "def ENTRY(config):\n    return config\n", group="drift.stores", key="lake")
    install("sea-store", "raise RuntimeError('loaded')\n", group="drift.stores", key="sea")
    assert factory({}, "drift.stores", "lake", "store.kind:")("x") == "x"
    assert "sea_store" not in sys.modules
    with pytest.raises(ConfigError, match=r"the package sea-store .* \(RuntimeError: loaded\): mend"):
        factory({}, "drift.stores", "sea", "store.kind:")


def test_a_factory_takes_no_name_of_ours_or_of_another_package(install: Install) -> None:
    install("other-lake", "ENTRY = print\n", group="drift.stores", key="parquet")
    with pytest.raises(ConfigError, match=r"other-lake adds 'parquet' .* taken by drift itself: rename one"):
        factory({"parquet": print}, "drift.stores", "parquet", "store.kind:")
    install("third-lake", "ENTRY = print\n", group="drift.stores", key="parquet")
    with pytest.raises(ConfigError, match=r"third-lake adds 'parquet' .* taken by the package other-lake"):
        factory_names({}, "drift.stores")


def test_a_factory_that_cannot_be_called_is_named(install: Install) -> None:
    install("still-lake", "ENTRY = 7\n", group="drift.channels", key="still")
    with pytest.raises(ConfigError, match=r"still-lake .* is a int: it must be callable"):
        factory({}, "drift.channels", "still", "the channel")
