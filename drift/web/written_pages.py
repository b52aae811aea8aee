"""Written pages, served: with the way to the other pages, and with their own policy as a header too.

The files stay as they are. All pages that drift writes bring a policy, those that hold Evidently's reports
too. One without, that somebody else put into the folder, is let nowhere near the rest: it is shown as if it
came from nowhere, and may load nothing.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from drift.reports.page import STYLE, asset
from drift.reports.site import FLEET
from drift.web.asked import query_of
from drift.web.desk import Desk
from drift.web.layout import root_of, style_version, with_nav
from drift.web.problems import not_there

if TYPE_CHECKING:
    from starlette.types import Scope

CACHED = "no-cache"
"""A browser may keep it, and asks each time whether it is still so."""
FOR_GOOD = "public, max-age=31536000, immutable"
CONFINED = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_POLICY = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"<>]{1,4000})">')
_HEAD = 4096
"""Bytes of a page in which its policy stands."""


class WrittenPages(StaticFiles):
    """The folder of the reports. Paths cannot leave it: Starlette's StaticFiles sees to that."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file; a page with the navigation in its place."""
        if Path(full_path).suffix != ".html":
            answer = super().file_response(full_path, stat_result, scope, status_code)
            answer.headers["Cache-Control"] = CACHED
            return answer
        request = Request(scope)
        return _fresh(request, page_response(Path(full_path).read_bytes(), request, status_code))


def page_response(content: bytes, request: Request, status: int = 200) -> Response:
    """A written page as it is served."""
    headers = {"Content-Security-Policy": policy_of(content), "Cache-Control": CACHED, "Vary": "Cookie"}
    text = content.decode("utf-8", "replace")
    if headers["Content-Security-Policy"] != CONFINED:
        text = with_nav(text, request)
    body = text.encode()
    headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Response(body, status, headers, media_type="text/html")


def policy_of(content: bytes) -> str:
    """The page's own policy, and in no frame; a page without one is confined.

    >>> policy_of(b"<html><script>alert(1)</script>").partition(";")[0]
    'sandbox allow-scripts'
    """
    found = _POLICY.search(content, 0, _HEAD)
    if found is None:
        return CONFINED
    return f"{html.unescape(found[1].decode('ascii', 'replace'))}; frame-ancestors 'none'"


def _fresh(request: Request, answer: Response) -> Response:
    """The answer, or that what the browser has is still so."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return NotModifiedResponse(answer.headers) if answer.headers["ETag"] in known else answer


def style(request: Request) -> Response:
    """The style of the served pages; its address names its content, so that a browser may keep it."""
    kept = request.query_params.get("v") == style_version()
    return _fresh(
        request,
        Response(
            asset(STYLE),
            headers={"Cache-Control": FOR_GOOD if kept else CACHED, "ETag": f'"{style_version()}"'},
            media_type="text/css",
        ),
    )


def fleet(desk: Desk) -> Callable[[Request], Response]:
    """The handler that leads to the newest page of all cities."""

    def show(request: Request) -> Response:
        query_of(request, ())
        latest = latest_report(desk.reports)
        if latest is None:
            raise not_there(*_nothing_written(desk))
        return RedirectResponse(f"{root_of(request)}reports/{latest}/{FLEET}")

    return show


def _nothing_written(desk: Desk) -> tuple[str, str]:
    if desk.reports is None:
        return "The config turns reports off.", "Write reports: {dir: reports} in drift’s config."
    return (
        "No report has been written yet.",
        "One is written after each slot. Run drift report to have one at once.",
    )


def latest_report(reports: Path | None) -> str | None:
    """The folder of the newest slot that has a fleet page, from the folder of the reports."""
    pages = sorted(reports.glob(f"*/{FLEET}")) if reports is not None else []
    return pages[-1].parent.name if pages else None
