"""A view becomes an HTML file that opens anywhere, and has no way out.

A complete page holds its style and scripts; its policy forbids every request, and lets only those run that
were on the page when it was made: their hashes are in it. Other pages of a site share one copy of both, in a
folder beside them, and their policy lets nothing in but from where they are themselves. Data stand in a JSON
block, escaped so that no text of theirs can end it. A file is written beside its place and moved there, so
that a reader sees the old page or the new one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from drift.errors import ReportError
from drift.files import write_atomically
from drift.reports.chart import Json
from drift.text import printable_lines

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

STYLE = "report.css"
SAME_ORIGIN = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)
"""The policy of a page that shares its style and scripts: nothing inline runs, and nothing from elsewhere."""
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def data_block(value: Json) -> str:
    r"""The value as JSON for the inside of a script element: no text in it can end that element.

    >>> data_block({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True).translate(_UNSAFE)


def render(template: str, scripts: tuple[str, ...], beside: str | None = None, **values: object) -> str:
    """The page of a template; `scripts` are names of files in `assets/`.

    It is complete, or (`beside`) takes its style and scripts from files in that folder, by a relative URL.
    """
    from markupsafe import Markup

    page = environment().get_template(template)
    if beside is not None:
        shared = f"{beside}/{bundle_name(scripts)}"
        return page.render(
            style=None, sheet=f"{beside}/{STYLE}", scripts=(), shared=shared, policy=SAME_ORIGIN, **values
        )
    parts = [Markup(asset(name)) for name in scripts]  # noqa: S704 - our own files
    style = Markup(asset(STYLE))  # noqa: S704 - our own file
    return page.render(
        style=style, sheet=None, scripts=parts, shared=None, policy=policy(style, parts), **values
    )


@cache
def bundle_name(scripts: tuple[str, ...]) -> str:
    """The file that holds these scripts, one after the other: named by what is in it.

    >>> bundle_name(("svg.js",)).startswith("report-")
    True
    """
    return f"report-{hashlib.sha256(_bundle(scripts).encode()).hexdigest()[:8]}.js"


def write_assets(folder: Path, scripts: tuple[str, ...]) -> None:
    """Write the style and the scripts that pages share into the folder.

    Raises:
        ReportError: the folder cannot be written; names it.
    """
    write_page(folder / STYLE, asset(STYLE))
    write_page(folder / bundle_name(scripts), _bundle(scripts))


def _bundle(scripts: tuple[str, ...]) -> str:
    return "\n".join(asset(name) for name in scripts)


def policy(style: str, scripts: list[Markup] | list[str]) -> str:
    """A complete page's Content-Security-Policy: nothing from elsewhere, and only these, by their hashes."""
    hashes = " ".join(hash_of(script) for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src {hash_of(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def hash_of(text: str) -> str:
    """The hash of a script or a style, as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def asset(name: str) -> str:
    """A file of `assets/`, as it stands between its tags."""
    return files("drift.reports").joinpath("assets", name).read_text("utf-8")


@cache
def environment() -> Environment:
    """The templates. Everything is escaped, and made fit to be seen by whoever forgot to see to it; an
    unknown name is an error, not an empty string.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("drift.reports", "templates"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _seen(value: object) -> object:
    """Text without what a browser obeys and nobody sees, such as marks of direction; markup is ours."""
    return printable_lines(value) if type(value) is str else value


def write_page(path: Path, html: str) -> None:
    """Write the page so that a reader sees the old one or the new one.

    Raises:
        ReportError: the folder cannot be written; names it.
    """
    try:
        write_atomically(path, html.encode("utf-8", "replace"))
    except OSError as error:
        raise ReportError(
            f"the page {path} cannot be written ({error.strerror}): make {path.parent} writable, "
            "or set reports.dir"
        ) from error


def names_of(values: Mapping[str, int]) -> list[tuple[int, str]]:
    """Footnotes in their order."""
    return sorted((number, reason) for reason, number in values.items())
