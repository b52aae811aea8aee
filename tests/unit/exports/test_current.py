"""What is checked in under config/ is what the config beside it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift.config import load_config
from drift.exports import FILES, stale


@pytest.mark.parametrize("what", FILES)
def test_the_checked_in_exports_are_current(repository: Path, what):
    config = load_config(repository / "config" / "drift.yaml")
    old = [str(path.relative_to(repository)) for path in stale(config, what)]
    assert not old, f"export them again: drift export {what} -c config/drift.yaml"


def test_nothing_else_lies_there(repository: Path):
    folders = {Path(path).parts[0] for paths in FILES.values() for path in paths}
    found = {
        path.relative_to(repository / "config").as_posix()
        for folder in folders
        for path in (repository / "config" / folder).rglob("*")
        if path.is_file()
    }
    assert found == {path for paths in FILES.values() for path in paths}
