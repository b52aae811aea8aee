"""What tests from end to end share: a browser of their module's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .browser import CHROMIUM, Browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path to open pages with")
    found = Browser(tmp_path_factory.mktemp("browser") / "profile")
    try:
        yield found
    finally:
        found.close()
