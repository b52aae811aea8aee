"""What a run in MLflow has as files: the slot's measurements, its alerts, and the fleet page.

The table is CSV, because that is what MLflow's pages show as a table. It has the columns of `Run.to_pandas()`
and the whole model version in it, all cities pooled first. A name that a spreadsheet would compute gets an
apostrophe before it.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from drift.document import LABELS, alert_document, to_json, transition_document
from drift.domain import Run, iso
from drift.sinks.history import measurement_table
from drift.sinks.mlflow_points import alerts_of

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

TABLE, ALERTS, REPORT = "measurements.csv", "alerts.json", "report"
_COMPUTED = ("=", "+", "-", "@", "\t", "\r")


def log_artifacts(client: MlflowClient, identity: str, run: Run, version: str) -> None:
    """Write them over those of an earlier slot of the day."""
    client.log_text(identity, table_of(run, version), TABLE)
    client.log_text(identity, to_json(_alerts(run, version), indent=2), ALERTS)
    report = run.links.get("report")
    if report is not None and "://" not in report:
        client.log_artifact(identity, report, REPORT)


def _alerts(run: Run, version: str) -> dict[str, object]:
    return {
        "slot": iso(run.slot),
        "alerts": [alert_document(alert) for alert in alerts_of(run, version)],
        "transitions": [transition_document(t) for t in run.transitions if t.key.model_version == version],
    }


def table_of(run: Run, version: str) -> str:
    """The measurements of the model version as CSV; `value` is empty where `undefined` has a reason."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow.csv import WriteOptions, write_csv

    own = [p for p in run.panels if any(series.model_version == version for series in p.series)]
    table = measurement_table(replace(run, panels=tuple(own)))
    table = table.filter(pc.equal(table["model_version"], version.encode("utf-8", "replace").decode()))
    for name in (*LABELS, "undefined"):
        table = table.set_column(table.schema.get_field_index(name), name, _words(table[name]))
    first = pc.sort_indices(pc.is_valid(table["city"]).cast(pa.int8()))
    out = io.BytesIO()
    write_csv(table.take(first), out, WriteOptions(quoting_style="needed"))
    return out.getvalue().decode()


def _words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of words written out, none of which a spreadsheet takes for a formula."""
    import pyarrow as pa

    whole = column.combine_chunks()
    words = ["'" + word if word.startswith(_COMPUTED) else word for word in whole.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(whole.indices, pa.array(words, pa.string())).cast(pa.string())
