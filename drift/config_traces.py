"""Where traces of the slots go: a collector that takes OTLP, such as Jaeger."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator, SecretStr

from drift.config_rules import Section
from drift.config_values import Fraction, Length

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _address(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", url):
        raise ValueError(
            "is no address of a collector: write one such as http://jaeger:4318, without user, ? and #; what "
            "is secret belongs in headers"
        )
    return url


def _headers(value: object) -> object:
    """As a mapping; a text is read as OTEL_EXPORTER_OTLP_HEADERS is: `name=value,other=value`."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    if not all(mark for _, mark, _ in pairs):
        raise ValueError("are no headers: write name=value, and a comma between two")
    return {unquote(name).strip(): unquote(text).strip() for name, _, text in pairs}


def _sendable(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no name of a header")
        if not value.get_secret_value().isprintable() or not value.get_secret_value().isascii():
            raise ValueError(f"{name}: what it holds cannot be sent in a header")
    return headers


class TracesConfig(Section):
    """A collector of traces: its `endpoint`, spoken to by `http` or by `grpc` (which needs an extra).

    `headers` may hold what it wants to be shown; they can stand in a file of their own (`headers_file`:
    `name=value`, a comma between two). `sample`: the share of traces that are recorded. A batch of spans is
    given up after `timeout`. What is left out is as OpenTelemetry's own variables say.
    """

    endpoint: Annotated[str, AfterValidator(_address)] | None = None
    protocol: Literal["http", "grpc"] | None = None
    headers: Annotated[dict[str, SecretStr], BeforeValidator(_headers), AfterValidator(_sendable)] = {}  # noqa: RUF012 - pydantic copies a default
    headers_file: str | None = None
    sample: Fraction | None = None
    timeout: Length | None = None
