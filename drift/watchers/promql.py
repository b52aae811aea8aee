"""A Prometheus, asked for the series of an expression as they stand now.

An answer is bounded in time and size, leads nowhere else, and is believed only if it looks like Prometheus'.
What fails names the address, without what is secret in it, and the remedy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from drift.config_watch import PrometheusConfig
from drift.errors import WatchError
from drift.redact import redact
from drift.telemetry.traces import headers
from drift.text import printable

if TYPE_CHECKING:
    import requests

MOST_BYTES = 16 << 20
MOST_SERIES = 10_000
"""More endpoints than that are no routes: something puts ids or queries into the label."""
CHUNK = 1 << 16
REMEDY: Mapping[int, str] = {
    301: "it leads elsewhere: write the address that it leads to",
    302: "it leads elsewhere: write the address that it leads to",
    307: "it leads elsewhere: write the address that it leads to",
    308: "it leads elsewhere: write the address that it leads to",
    401: "it wants a log-in: set watch.prometheus.token_file, or user and password_file",
    403: "it refuses drift's log-in: see watch.prometheus.token_file, or user and password_file",
    404: "there is no Prometheus at that path: write the address without /api/v1, or with its prefix",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer. The value may be NaN or infinite, as Prometheus' may."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """Asks one Prometheus. Opened when first asked; a thread at a time."""

    def __init__(self, config: PrometheusConfig, base: Path) -> None:
        """`base` is the folder that files of secrets are relative to."""
        self._config, self._base = config, base
        self._url = config.url.get_secret_value().rstrip("/")
        self._seconds = config.timeout / timedelta(seconds=1)
        self._session: requests.Session | None = None

    def vector(self, expression: str) -> tuple[Sample, ...]:
        """The series of the expression.

        Raises:
            WatchError: there was no answer in time, or none that could be understood.
        """
        status, body = self._ask(expression)
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if status in REMEDY:
            self._fail(f"answers {status}", REMEDY[status])
        if not isinstance(answer, Mapping):
            said = f"answers {status} and no JSON" if status != 200 else "answers no JSON"
            self._fail(said, "is it a Prometheus? Write the address of one")
        if answer.get("status") != "success":
            self._refused(status, expression, answer.get("error"))
        return self._samples(answer.get("data"))

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if self._session is not None:
            self._session.close()

    def _ask(self, expression: str) -> tuple[int, bytes]:
        import requests

        session = self._session = self._session or requests.Session()
        ends = time.monotonic() + self._seconds
        try:
            with session.post(
                f"{self._url}/api/v1/query",
                data={"query": expression},
                headers=headers(),
                auth=self._login(),
                timeout=self._seconds,
                allow_redirects=False,
                stream=True,
            ) as response:
                return response.status_code, self._body(response, ends)
        except requests.Timeout:
            self._late()
        except (requests.RequestException, OSError) as error:
            self._fail(f"cannot be reached ({_bottom(error)})", "start it, or correct watch.prometheus.url")

    def _body(self, response: requests.Response, ends: float) -> bytes:
        """All of the body, within the limits of time and size."""
        body = b""
        while more := response.raw.read1(CHUNK, decode_content=True):
            body += more
            if time.monotonic() > ends:
                self._late()
            if len(body) > MOST_BYTES:
                self._fail(f"answers more than {MOST_BYTES >> 20} MB", "is it a Prometheus?")
        return body

    def _late(self) -> NoReturn:
        """Raise that there was no answer in time."""
        self._fail(
            f"did not answer within {self._seconds:g} s", "see whether it is at work, or give it more timeout"
        )

    def _login(self) -> _Bearer | tuple[str, str] | None:
        """Who asks; files are read anew, as what is in them is exchanged while drift runs."""
        config = self._config
        token = config.token.get_secret_value() if config.token else None
        if config.token_file is not None:
            token = self._secret(config.token_file, "token_file")
        if token is not None:
            return _Bearer(token)
        if config.user is None:
            return None
        password = config.password.get_secret_value() if config.password else ""
        if config.password_file is not None:
            password = self._secret(config.password_file, "password_file")
        return config.user, password

    def _secret(self, name: str, key: str) -> str:
        path = self._base / Path(name).expanduser()
        try:
            text = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is no text"
            raise WatchError(
                f"watch.prometheus.{key}: {path} cannot be read ({said}): write the secret into it, or name "
                "another file"
            ) from None
        if not text or not text.isprintable():
            raise WatchError(f"watch.prometheus.{key}: {path} should hold one secret on one line")
        return text

    def _samples(self, data: object) -> tuple[Sample, ...]:
        result = data.get("result") if isinstance(data, Mapping) else None
        vector = isinstance(data, Mapping) and data.get("resultType") == "vector"
        if not vector or not isinstance(result, list):
            self._fail("answers something else than series", "is it a Prometheus? Write the address of one")
        if len(result) > MOST_SERIES:
            text = f"has {len(result):,} series where a few are expected"
            self._fail(text, "see whether a service puts ids or queries into the label endpoint")
        try:
            return tuple(_sample(one) for one in result)
        except (KeyError, TypeError, ValueError, IndexError):
            self._fail("answers series that cannot be read", "is it a Prometheus? Write the address of one")

    def _refused(self, status: int, expression: str, error: object) -> NoReturn:
        """Raise what Prometheus itself says is wrong."""
        said = printable(error, 300) if isinstance(error, str) else "it does not say why"
        query = printable(" ".join(expression.split()), 300)
        self._fail(f"answers {status} to {query}: {said}", "mend what it says, or ask another Prometheus")

    def _fail(self, what: str, remedy: str) -> NoReturn:
        raise WatchError(f"Prometheus at {redact(self._url)} {what}: {remedy}") from None


class _Bearer:
    """A token, sent with a request as its log-in."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _sample(one: Mapping[str, object]) -> Sample:
    labels, value = one["metric"], one["value"]
    if not isinstance(labels, Mapping) or not isinstance(value, list):
        raise TypeError("a series is a map of labels with a value")
    return Sample({str(name): str(text) for name, text in labels.items()}, float(value[1]))


def _bottom(error: BaseException) -> str:
    """Why, in the words of the system: what lies above quotes URLs."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    reasons = (part for part in error.args if isinstance(part, BaseException))
    error = next(reasons, error)
    return printable(getattr(error, "strerror", None) or type(error).__name__, 100)
