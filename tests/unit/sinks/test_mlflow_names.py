from __future__ import annotations

import posixpath

from hypothesis import given
from hypothesis import strategies as st

from drift.domain import Kind, Series
from drift.sinks.mlflow_names import LONGEST, metric_name, segment

texts = st.one_of(
    st.text(max_size=8), st.text(alphabet="a:/.e2 \n", max_size=6), st.text(min_size=250, max_size=300)
)
series = st.builds(Series, st.just("v1"), st.none() | texts, st.none() | texts)
measured = st.tuples(
    st.sampled_from(["metric", "statistic", "detector"]), st.sampled_from(["mape", "psi"]), series, texts
)
Measured = tuple[Kind, str, Series, str]


def name_of(measured: Measured) -> str:
    kind, name, about, column = measured
    return metric_name(kind, name, about, None if kind == "metric" else column)


def what(measured: Measured) -> tuple[object, ...]:
    kind, name, about, column = measured
    return kind, name, about, None if kind == "metric" else column


@given(measured)
def test_mlflow_takes_every_name(one: Measured) -> None:
    from mlflow.utils.validation import path_not_unique, validate_param_and_metric_name

    name = name_of(one)
    assert validate_param_and_metric_name(name)
    assert not path_not_unique(name)
    assert posixpath.normpath(name) == name
    assert len(name) <= LONGEST
    assert "\n" not in name


@given(measured, measured)
def test_no_two_measurements_have_one_name(one: Measured, other: Measured) -> None:
    assert (name_of(one) == name_of(other)) == (what(one) == what(other))


@given(texts, texts)
def test_no_two_texts_are_one_segment(one: str, other: str) -> None:
    assert (segment(one) == segment(other)) == (one == other)
