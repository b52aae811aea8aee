"""Runs the notebooks from scratch, and writes each `.ipynb` from its `.py`, with the outputs of that run.

    python notebooks/execute.py            # all of them, as `make notebooks` does
    python notebooks/execute.py 01_one_city

Why: the `.py` is what people review and the `.ipynb` what they read, so one is made from the other, and
nothing in it depends on whose machine made it.

How: jupytext reads the `.py` (percent format), nbclient runs it in an empty folder where a warning is an
error, and only cells, outputs and the kernel's name are kept: no times, no versions, no ids that change.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
PAIRED = {"formats": "ipynb,py:percent"}
MINUTES = 5
STARTUP = """\
import warnings
warnings.simplefilter("error")
warnings.simplefilter("ignore", DeprecationWarning)  # what libraries say to each other
warnings.filterwarnings("error", category=DeprecationWarning, module="drift|__main__")
for theirs in ("ipykernel", "IPython", "jupyter_client", "traitlets", "tornado", "zmq"):
    warnings.filterwarnings("default", module=theirs)
"""


def sources() -> list[Path]:
    """The notebooks as text, in the order in which they are read."""
    return sorted(FOLDER.glob("[0-9]*.py"))


def from_text(source: Path) -> NotebookNode:
    """The notebook of a `.py`: cells without outputs, numbered ids, and the metadata that we keep."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"jupytext": PAIRED, "kernelspec": KERNEL})
    for k, cell in enumerate(notebook.cells):
        cell.id = f"cell-{k}"
        cell.metadata = nbformat.from_dict({"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def executed(source: Path, folder: Path) -> NotebookNode:
    """The notebook, run from its first cell to its last in this folder; a warning is an error there.

    Raises:
        CellExecutionError: a cell failed.
    """
    notebook = from_text(source)
    settings = folder / ".ipython"
    startup = settings / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-warnings.py").write_text(STARTUP, encoding="utf-8")
    client = NotebookClient(
        notebook,
        timeout=60 * MINUTES,
        kernel_name=KERNEL["name"],
        record_timing=False,
        extra_arguments=[
            "--IPKernelApp.log_level=40"
        ],  # the kernel talks over loopback, and says so each time
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, "IPYTHONDIR": str(settings), "TMPDIR": str(folder)})
    notebook.metadata.pop("language_info", None)  # it names the version of Python
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        if "text/plain" in output.get("data", {}):  # where an object lay in memory is nobody's business
            output.data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", output.data["text/plain"])
    return notebook


def main() -> None:
    """Run the notebooks named on the command line, or all, and write them."""
    wanted = set(sys.argv[1:])
    for source in sources():
        if wanted and source.stem not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(source, Path(folder))
        target = source.with_suffix(".ipynb")
        nbformat.write(notebook, target)
        print(f"{target.name}  {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
