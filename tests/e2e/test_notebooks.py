"""The notebooks run from scratch, and what stands in them is what a run of them says.

Where one of these fails after a change of drift: `make notebooks`, then read what changed.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9]*.py"))
MOST_BYTES = 300_000
SOMEBODYS = re.compile(
    r"(?:^|[\s\"'(=])(?:/(?:tmp|var|home|root|Users|private|mnt|opt)/|[A-Z]:\\\\)", re.MULTILINE
)


@cache
def execute() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drift_notebooks_execute", FOLDER / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def stored(source: Path) -> NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def outputs(notebook: NotebookNode) -> list[list[dict[str, str]]]:
    """What each cell shows: a form and its text; of a picture, that there is one."""
    found = []
    for cell in notebook.cells:
        shown = []
        for output in cell.get("outputs", ()):
            data = dict(output.get("data", {})) or {
                output.get("name", output.output_type): output.get("text", "")
            }
            shown.append({form: "" if form == "image/png" else settled(text) for form, text in data.items()})
        found.append(shown)
    return found


def settled(text: str) -> str:
    """Without what pandas numbers anew each time: the ids of its tables."""
    return re.sub(r"T_[0-9a-f]+", "T_", text)


def test_there_are_four():
    assert [source.stem for source in SOURCES] == [
        "01_one_city",
        "02_alert_rules_on_history",
        "03_compare_versions",
        "04_add_a_metric",
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_text_and_the_notebook_are_one(source):
    text, notebook = execute().from_text(source), stored(source)
    nbformat.validate(notebook)
    assert notebook.metadata == text.metadata
    assert [(c.cell_type, c.id, c.source) for c in notebook.cells] == [
        (c.cell_type, c.id, c.source) for c in text.cells
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_what_is_stored_is_small_and_nobodys(source):
    raw = source.with_suffix(".ipynb").read_text()
    assert len(raw.encode()) < MOST_BYTES
    notebook = stored(source)
    for cell, shown in zip(notebook.cells, outputs(notebook), strict=True):
        assert set(cell.metadata) <= {"tags"}  # no times
        for output in shown:
            assert not {"stderr", "error"} & set(output), "something was warned of"
            assert not [text for text in output.values() if SOMEBODYS.search(text)], "a path of a machine"
            assert not [text for text in output.values() if " at 0x" in text]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_code_and_prose_take_turns(source):
    """They are for reading: a cell has one idea, and something is said before most of them."""
    cells = stored(source).cells
    prose = sum(cell.cell_type == "markdown" for cell in cells)
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert prose >= 0.4 * len(cells)
    assert max(len(cell.source.splitlines()) for cell in cells) <= 60


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_run_from_scratch_shows_what_is_stored(source, tmp_path):
    """A warning of drift in any cell is an error there, and an error fails this."""
    run = execute().executed(source, tmp_path)
    assert [cell.execution_count for cell in run.cells if cell.cell_type == "code"] == list(
        range(1, 1 + sum(cell.cell_type == "code" for cell in run.cells))
    )
    assert outputs(run) == outputs(stored(source)), "make notebooks"


@pytest.mark.slow
def test_a_warning_in_a_cell_is_an_error(tmp_path):
    """Else the test above would not see what a reader would."""
    source = tmp_path / "9_warns.py"
    source.write_text("# %%\nimport warnings\nwarnings.warn('the data are odd', UserWarning)\n")
    (tmp_path / "run").mkdir()
    with pytest.raises(Exception, match="the data are odd"):
        execute().executed(source, tmp_path / "run")
