"""DRIFT_REQUIRE_ALL=1: in the pipeline a test that cannot find its data has failed. DRIFT_FEAST=1: where Feast is
installed, its tests have, which may skip anywhere else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import pytest

def test_with_data():
    pytest.skip("no data here")

@pytest.mark.skipif(True, reason="no promtool here")
def test_with_promtool(): ...

@pytest.mark.xfail(strict=True)
def test_known(): assert False

@pytest.mark.privilege
def test_with_rights():
    pytest.skip("no right to mount")

@pytest.mark.feast
def test_with_feast():
    pytest.skip("no Feast here")
"""


@pytest.mark.parametrize(
    ("require", "module", "outcome"),
    [
        ("", TEST, "4 skipped, 1 xfailed"),
        ("DRIFT_REQUIRE_ALL", TEST, "1 failed, 2 skipped, 1 xfailed, 1 error"),
        ("DRIFT_FEAST", TEST, "2 failed, 1 skipped, 1 xfailed, 1 error"),
        ("DRIFT_REQUIRE_ALL", 'import pytest\npytest.importorskip("no_such_driver")\n', "1 error"),
    ],
)
def test_a_skip_is_a_failure_where_nothing_may_be_missing(
    tmp_path: Path, repository: Path, require: str, module: str, outcome: str
) -> None:
    shutil.copy(repository / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_some.py").write_text(module)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    privilege: x\n    feast: x\n")
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rf", tmp_path]
    environment = os.environ | {"PYTHONPATH": str(repository)}
    environment |= {name: str(int(name == require)) for name in ("DRIFT_REQUIRE_ALL", "DRIFT_FEAST")}
    ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert outcome in ran.stdout
    assert (f"{require}=1 says" in ran.stdout) == (require != "")
