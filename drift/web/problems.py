"""What cannot be answered, as a page: what is wrong, and what to do about it. No traceback, and no secret.

What an error of the state says names a file or a host, and is for the log: anyone may ask for a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from drift.errors import ConfigError, DriftError, StateError, StoreError
from drift.text import printable
from drift.web.layout import page

log = structlog.get_logger()
LONGEST = 600


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem as a page says it. `way` leads to a page that helps; after `retry` seconds it may be over."""

    status: int
    title: str
    what: str
    remedy: str
    way: str = ""
    retry: int = 0


class PageError(DriftError):
    """What was asked for cannot be answered, for a reason that a page says."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


def not_there(what: str, remedy: str, way: str = "") -> PageError:
    """There is nothing at the address."""
    return PageError(Problem(404, "Not found", what, remedy, way))


def not_allowed(what: str, remedy: str, way: str = "") -> PageError:
    """Who asks may not have it done; nothing was."""
    return PageError(Problem(403, "Not allowed", what, remedy, way))


def problem_of(error: Exception) -> Problem:
    """What is said of an error."""
    said = printable(str(error), LONGEST)
    match error:
        case PageError():
            return error.problem
        case ConfigError():
            return Problem(400, "This cannot be understood", said, "Go back, and ask otherwise.")
        case StateError():
            return Problem(
                503, "drift’s state is away", "Its database cannot be read or written now.", _DOCTOR
            )
        case StoreError():
            return Problem(503, "The feature store is away", "It cannot be read now.", _DOCTOR)
        case HTTPException():
            return _of_http(error)
        case DriftError():
            return Problem(500, "This could not be done", said, _DOCTOR)
        case _:
            return Problem(500, "A fault of drift’s own", "This page could not be made.", _LOG)


_LOG = "The log of drift serve says what went wrong."
_DOCTOR = f"Run drift doctor. {_LOG}"


def _of_http(error: HTTPException) -> Problem:
    phrase = HTTPStatus(error.status_code).phrase
    if error.status_code == 404:
        return Problem(404, "Not found", "There is no page at this address.", "Begin at the overview.")
    if error.status_code == 405:
        return Problem(405, phrase, "This address does not take such a request.", "Nothing was done.")
    return Problem(error.status_code, phrase, printable(error.detail, LONGEST), "Nothing was done.")


def answer_problem(request: Request, error: Exception) -> Response:
    """The answer to a request that met the error: a page, or JSON where programs ask."""
    found = problem_of(error)
    if found.status >= 500 and not isinstance(error, PageError):
        log.error("a page could not be made", path=request.url.path, error=printable(str(error), None))
    headers = {"Retry-After": str(found.retry)} if found.retry else {}
    if isinstance(error, HTTPException):
        headers |= dict(error.headers or {})
    if request.scope["path"].startswith("/api/"):
        return JSONResponse({"error": f"{found.what} {found.remedy}".strip()}, found.status, headers)
    answer = page(request, "problem.html.j2", view=found, status=found.status)
    answer.headers.update(headers)
    if found.retry:
        answer.headers["Refresh"] = str(found.retry)
    return answer
