"""DRIFT_REQUIRE_ALL=1: in the pipeline a test that cannot find its data has failed."""

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
"""


@pytest.mark.parametrize(
    ("require", "module", "outcome"),
    [
        ("0", TEST, "3 skipped, 1 xfailed"),
        ("1", TEST, "1 failed, 1 skipped, 1 xfailed, 1 error"),
        ("1", 'import pytest\npytest.importorskip("no_such_driver")\n', "1 error"),
    ],
)
def test_a_skip_is_a_failure_where_nothing_may_be_missing(
    tmp_path: Path, repository: Path, require: str, module: str, outcome: str
) -> None:
    shutil.copy(repository / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_some.py").write_text(module)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = privilege: x\n")
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rf", tmp_path]
    environment = os.environ | {"DRIFT_REQUIRE_ALL": require, "PYTHONPATH": str(repository)}
    ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert outcome in ran.stdout
    assert ("DRIFT_REQUIRE_ALL=1 says" in ran.stdout) == (require == "1")
