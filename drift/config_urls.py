"""The URLs of the config: read from files of their own where one says so, and placed in the config's folder.

A URL of a database may hold a password, so it can stand in a file that only drift's user may read:
`state_file: /run/secrets/state`. A relative path in a URL is relative to the config file, like any other
path, and not to the folder that drift happens to be started in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECRETS = (
    ("", "state"),
    ("store.sql", "url"),
    ("mlflow", "tracking_uri"),
    ("notify", "ping_url"),
    ("serve", "token"),
    ("traces", "headers"),
)
"""The keys that may hold a password, by their section; each has a sibling `<key>_file`."""

_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///(?:file:)?)([^?]*)(\?.*)?", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_FILE_BYTES = 1 << 16


def from_files(content: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The config's content with what its `*_file` keys name read in. `Any`: this is before validation.

    Raises:
        ValueError: both a key and its file are given, or the file cannot be read; what is in it is not told.
    """
    filled = dict(content)
    for section, key in SECRETS:
        path = section.split(".") if section else []
        holder: Any = filled
        for name in path:
            holder = holder.get(name) if isinstance(holder, Mapping) else None
        where = ".".join([*path, key])
        if not isinstance(holder, Mapping) or not isinstance(holder.get(f"{key}_file"), str):
            continue
        if key in holder:
            raise ValueError(f"both {where} and {where}_file are given: take one of them out")
        what = {"token": "token", "headers": "list of headers"}.get(key, "URL")
        text = _read(base / Path(holder[f"{key}_file"]).expanduser(), f"{where}_file", what)
        filled = _with(filled, path, key, text)
    return filled


def _below(section: Any, key: str) -> Any:
    return section.get(key) if isinstance(section, Mapping) else None


def _with(content: Mapping[str, Any], path: Sequence[str], key: str, text: str) -> dict[str, Any]:
    """The content with `key` in the section at `path`, which is there."""
    if not path:
        return {**content, key: text}
    return {**content, path[0]: _with(content[path[0]], path[1:], key, text)}


def _read(file: Path, where: str, what: str = "URL") -> str:
    try:
        with file.open("rb") as opened:
            text = opened.read(_FILE_BYTES).decode().strip()
    except OSError as error:
        raise ValueError(f"{where}: {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{where}: {file} is no text: it should hold one {what}") from None
    if not text or len(text.splitlines()) > 1:
        raise ValueError(f"{where}: {file} should hold one {what} on one line")
    return text


def database_url(url: str, base: Path) -> str:
    """The URL, with the file of a relative SQLite URL placed in the folder `base`.

    >>> database_url("sqlite+pysqlite:///drift.db?timeout=5", Path("/etc/drift"))
    'sqlite+pysqlite:////etc/drift/drift.db?timeout=5'
    >>> database_url("sqlite:////var/drift.db", Path("/etc/drift"))
    'sqlite:////var/drift.db'
    """
    found = _SQLITE.fullmatch(url)
    if found is None or found[2] in ("", ":memory:"):
        return url
    return f"{found[1]}{(base / found[2]).absolute()}{found[3] or ''}"


def tracking_url(url: str, base: Path) -> str:
    """The URL as `database_url` gives it; so is a folder, with or without `file:`.

    >>> tracking_url("./mlruns", Path("/etc/drift")), tracking_url("file:mlruns", Path("/etc/drift"))
    ('/etc/drift/mlruns', 'file:///etc/drift/mlruns')
    >>> tracking_url("databricks", Path("/etc/drift")), tracking_url("http://mlflow:5000", Path("/etc/drift"))
    ('databricks', 'http://mlflow:5000')
    """
    if url.startswith("file:") and not url.startswith("file:/"):
        return (base / url.removeprefix("file:")).absolute().as_uri()
    if url == "databricks" or _SCHEME.match(url):
        return database_url(url, base)
    return str((base / Path(url).expanduser()).absolute())
