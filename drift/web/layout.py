"""A view becomes a page that is served: a template around it, the way to the other pages, and its headers.

Served pages share their frame and their style with the written ones. All addresses are relative, so a proxy
may put the pages below any path. The navigation stands where a page has its `<!-- nav -->`: those are made
here, and written pages are given it when they are served.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse

from drift.messages.html import said
from drift.reports.page import STYLE, asset, environment
from drift.web.desk import Desk, session_in

if TYPE_CHECKING:
    from jinja2 import Environment

NAV = "<!-- nav -->"
PLACES = (
    ("Overview", ""),
    ("Alerts", "alerts"),
    ("Silences", "silences"),
    ("Slots", "slots"),
    ("Report", "fleet"),
    ("Metrics", "metrics"),
)
"""The pages by name, and their addresses below the first."""


def policy(*, forms: bool) -> str:
    """A served page's policy: its own style and nothing else; forms go to us, from pages that have one."""
    to = "'self'" if forms else "'none'"
    return f"default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action {to}"


def page(
    request: Request, template: str, *, status: int = 200, forms: bool = False, **values: object
) -> HTMLResponse:
    """The page of a template. `forms`: it has some that are sent to us."""
    root = root_of(request)
    html = _templates().get_template(template).render(
        root=root,
        policy=policy(forms=forms),
        style=None,
        sheet=f"{root}assets/{STYLE}?v={style_version()}",
        scripts=(),
        shared=None,
        notes=(),
        **values,
    )  # fmt: skip
    headers = {"Content-Security-Policy": f"{policy(forms=forms)}; frame-ancestors 'none'"}
    return HTMLResponse(with_nav(html, request), status, headers)


def with_nav(html: str, request: Request) -> str:
    """The page with the navigation in its place; text from data cannot look like that place."""
    nav = _templates().get_template("nav.html.j2").render(
        root=root_of(request), places=PLACES, here=_here(request), who=_who(request)
    )  # fmt: skip
    return html.replace(NAV, nav, 1)


def _who(request: Request) -> str:
    """What the way to the log-in is called by who is logged in, or may be."""
    desk: Desk = request.app.state.desk
    if desk.config.serve.token is None:
        return "Read-only"
    return "Log in" if session_in(request, desk) is None else "Log out"


def root_of(request: Request) -> str:
    """How the first page is written from here, as a relative address.

    By the path as it came: to a browser a name's own `/`, which was written `%2F`, is no folder's.
    """
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return "../" * (path.partition(b"?")[0].count(b"/") - 1) or "./"


@cache
def style_version() -> str:
    """What names the style's content, so that a browser may keep it for good."""
    return hashlib.sha256(asset(STYLE).encode()).hexdigest()[:12]


def _here(request: Request) -> str:
    """The first part of the address, which names a place of the navigation."""
    first = request.scope["path"].strip("/").partition("/")[0]
    return "fleet" if first in ("reports", "cities") else first


@cache
def _templates() -> Environment:
    """The templates of the served pages, and those of the written ones that they extend."""
    from jinja2 import ChoiceLoader, PackageLoader

    own: Callable[..., PackageLoader] = PackageLoader
    ours = environment()
    loaders = [own("drift.web", "templates"), *([ours.loader] if ours.loader is not None else [])]
    made = ours.overlay(loader=ChoiceLoader(loaders))
    made.filters = {**ours.filters, "said": said}
    return made
