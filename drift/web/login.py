"""Logging in by the token, and out again."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drift.web.asked import form_of, query_of
from drift.web.desk import Desk, session_in
from drift.web.door import address_of, admit, check_origin, is_encrypted
from drift.web.layout import page
from drift.web.problems import not_allowed
from drift.web.session import COOKIE, LASTS, cookie_of, is_token

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
_WAY = re.compile(r"(?:(?:alerts|slots|silences)(?:/[0-9A-Za-z-]{1,64})?(?:\?[A-Za-z0-9%&=+.~_-]{0,4000})?)?")
"""The pages that a log-in may lead back to: none but ours."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LoginPage:
    """What the page shows. `until` is empty where nobody is logged in, `csrf` too."""

    possible: bool
    until: str
    csrf: str
    next: str
    wrong: str


def login_form(desk: Desk) -> Callable[[Request], Response]:
    """The handler that shows the form; or, to who is logged in, how long that lasts."""

    def show(request: Request) -> Response:
        asked = query_of(request, ("next",))
        return _page(request, desk, next_way(asked.get("next", "")))

    return show


def _page(request: Request, desk: Desk, way: str, wrong: str = "", status: int = 200) -> Response:
    session = session_in(request, desk)
    view = LoginPage(
        possible=desk.config.serve.token is not None,
        until=desk.clock(session.until) if session is not None else "",
        csrf=session.csrf if session is not None else "",
        next=way,
        wrong=wrong,
    )
    return page(request, "login.html.j2", view=view, status=status, forms=True)


def log_in(desk: Desk) -> Handler:
    """The handler that takes the token."""

    async def take(request: Request) -> Response:
        token, now, address = desk.config.serve.token, desk.now(), address_of(request)
        if token is None:
            raise not_allowed("Nobody can log in.", "Set serve.token or serve.token_file in drift’s config.")
        check_origin(request, desk)
        form = await form_of(request)
        way = next_way(form.get("next", ""))
        wait = desk.attempts.wait(address, now)
        if wait:
            seconds = str(int(wait.total_seconds()) + 1)
            log.warning("a log-in was not tried", client=address, wait_s=seconds)
            raise HTTPException(429, f"Too many log-ins failed: wait {seconds} s.", {"Retry-After": seconds})
        if not is_token(form.get("token", ""), token):
            desk.attempts.failed(address, now)
            log.warning("a log-in failed", client=address)
            return _page(request, desk, way, "This is not the token of drift’s config.", 401)
        log.info("logged in", client=address)
        answer = RedirectResponse(f"./{way}", 303)
        answer.set_cookie(
            COOKIE,
            cookie_of(token, now, secrets.token_hex(16)),
            max_age=int(LASTS.total_seconds()),
            secure=is_encrypted(request),
            httponly=True,
            samesite="strict",
        )
        return answer

    return take


def log_out(desk: Desk) -> Handler:
    """The handler that forgets who is logged in."""

    async def leave(request: Request) -> Response:
        admit(request, await form_of(request), desk)
        log.info("logged out", client=address_of(request))
        answer = RedirectResponse("./login", 303)
        answer.delete_cookie(COOKIE, secure=is_encrypted(request), httponly=True, samesite="strict")
        return answer

    return leave


def next_way(given: str) -> str:
    """Where a log-in leads to: a page of ours, or the first one.

    >>> next_way("silences?matchers=city%3DPune"), next_way("//evil.example"), next_way("https://evil.example")
    ('silences?matchers=city%3DPune', '', '')
    """
    return given if _WAY.fullmatch(given) else ""
