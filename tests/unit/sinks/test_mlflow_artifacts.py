"""The measurement table that MLflow shows, read back by pandas."""

from __future__ import annotations

import io
from collections.abc import Callable

import pandas as pd
import pytest

from drift.domain import Run
from drift.sinks.mlflow_artifacts import table_of

MakeRun = Callable[..., Run]


def read(text: str) -> pd.DataFrame:
    frame = pd.read_csv(
        io.StringIO(text), keep_default_na=False, na_values={"value": [""]}, dtype={"city": str}
    )
    return frame.assign(slot=pd.to_datetime(frame["slot"]))


def test_the_table_is_the_frame_of_the_run_with_pooled_figures_first(make_run: MakeRun) -> None:
    run = make_run()
    found = read(table_of(run, "v1"))
    whole = run.to_pandas()
    wanted = whole[whole["model_version"] == "v1"]
    assert list(found.columns) == list(wanted.columns)
    assert len(found) == len(wanted)
    assert found["city"].tolist()[:4] == [""] * 4
    key = ["kind", "name", "city", "horizon", "column"]
    ours = {tuple(row[k] for k in key): row["value"] for row in found.to_dict("records")}
    theirs = {
        tuple("" if pd.isna(row[k]) else row[k] for k in key): row["value"]
        for row in wanted.to_dict("records")
    }
    assert ours == pytest.approx(theirs, nan_ok=True)
    assert found.loc[found["value"].isna(), "undefined"].tolist() == ["low_coverage"] * 2


@pytest.mark.parametrize("city", ["=1+1", "@SUM(A1)", "+1", "-1", "\t=1"])
def test_a_spreadsheet_computes_no_name(make_run: MakeRun, city: str) -> None:
    found = read(table_of(make_run(cities=[city, "SCL"]), "v1"))
    assert set(found["city"]) == {"", "'" + city, "SCL"}


@pytest.mark.parametrize("name", ['a"b', "a,b", "a\nb", "<b>", "\u202ex", "x" * 1000, "\ud800", "'"])
def test_hostile_names_stay_in_their_cells(make_run: MakeRun, name: str) -> None:
    found = read(table_of(make_run(cities=[name], versions=[name]), name))
    assert len(found) == 6 + 4
    assert set(found["city"]) == {"", name.encode("utf-8", "replace").decode()}
    assert set(found["model_version"]) == {name.encode("utf-8", "replace").decode()}


def test_a_run_that_measured_nothing_has_a_table_of_no_rows(make_run: MakeRun) -> None:
    assert len(read(table_of(make_run(panels=()), "v1"))) == 0
