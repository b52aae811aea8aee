"""What a request asks for: its query and its form, bounded, and checked for what is not known."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from drift.config_text import did_you_mean
from drift.errors import ConfigError
from drift.text import printable
from drift.web.desk import slot_of

FORM = "application/x-www-form-urlencoded"
NUL = "\x00"
"""Nothing that people write has it, and PostgreSQL takes no text with it."""
FORM_BYTES, FORM_SECONDS, FIELDS = 64 << 10, 10.0, 20


def query_of(request: Request, known: Collection[str]) -> dict[str, str]:
    """The query's values by name, without blanks around them; of one that stands twice the last.

    Raises:
        ConfigError: it asks for something that is not known.
    """
    found = {name: value.strip() for name, value in request.query_params.items()}
    for name, value in found.items():
        if NUL in value:
            raise ConfigError(f"{printable(name)}: no text has the character NUL in it")
        if name not in known:
            hint = did_you_mean(name, list(known))
            raise ConfigError(f"there is nothing to ask by {printable(name)!r}{hint}")
    return found


def number_of(text: str, name: str, least: int, most: int) -> int:
    """A whole number.

    Raises:
        ConfigError: it is none, or is beyond what may be asked.

    >>> number_of("2", "page", 1, 9), number_of("", "page", 1, 9)
    (2, 1)
    """
    if not text:
        return least
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise ConfigError(f"{name}: {printable(text)!r} is no whole number from {least} to {most:,}")
    return int(text)


def moment_of_slot(text: str, name: str) -> datetime | None:
    """A slot by its name or its time; None where nothing is said.

    Raises:
        ConfigError: it is none.
    """
    found = slot_of(text) if text else None
    if text and found is None:
        raise ConfigError(f"{name}: {printable(text)!r} is no slot: write one like 2026-04-01T01-05Z")
    return found


def query_text(values: Mapping[str, object]) -> str:
    """The values as a query, without those that say nothing; empty where there is none.

    >>> query_text({"city": "a&b", "rule": "", "page": 2}), query_text({})
    ('?city=a%26b&page=2', '')
    """
    said = {name: value for name, value in values.items() if value not in ("", None)}
    return f"?{urlencode(said)}" if said else ""


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that was sent; of one that stands twice the last.

    Raises:
        HTTPException: it is no form, is too large, or does not come.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"send a form, as {FORM}")
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await _body(request)
    except TimeoutError:
        raise HTTPException(408, f"the form did not come within {FORM_SECONDS:g} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the form did not come whole") from None
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        raise HTTPException(400, "the form cannot be read") from None
    if any(NUL in value for _, value in pairs):
        raise HTTPException(400, "no text has the character NUL in it")
    return dict(pairs)


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES:
            raise HTTPException(413, f"the form is over {FORM_BYTES >> 10} KiB")
    return body
