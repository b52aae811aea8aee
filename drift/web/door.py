"""Who may change something: who logged in with the token, from a form of ours, sent from a page of ours.

Each of the three would do; together a fault in one lets nobody in. A browser says from where a form is sent
(`Origin`, `Sec-Fetch-Site`), and no page can make it lie; what says neither is no browser, and may send the
token in a header to what takes that.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request

from drift.web.desk import Desk, session_in
from drift.web.problems import PageError, not_allowed
from drift.web.session import Session, brings_back

CSRF = "csrf"
READ_ONLY = (
    "These pages are for reading only: set serve.token or serve.token_file in drift’s config to let people "
    "log in."
)


def admit(request: Request, form: Mapping[str, str], desk: Desk) -> Session:
    """Who sent the form.

    Raises:
        PageError: it may not be done: nobody may, nobody is logged in, or the form is not ours.
    """
    if desk.config.serve.token is None:
        raise not_allowed(READ_ONLY, "Until then, use the drift alerts commands on the machine.")
    check_origin(request, desk)
    session = session_in(request, desk)
    if session is None:
        raise not_allowed(
            "You are not logged in, or no longer.", "Log in, and send it again: nothing was done.", "login"
        )
    if not brings_back(session, form.get(CSRF, "")):
        raise not_allowed(
            "This form was not made for you, or you logged in anew since.",
            "Open the page again and send the form from there: nothing was done.",
        )
    return session


def check_origin(request: Request, desk: Desk) -> None:
    """Raises `PageError` where the form was sent from a page that is not ours."""
    if sent_from_elsewhere(request, desk.config.notify.base_url):
        raise _elsewhere()


def sent_from_elsewhere(request: Request, base_url: str) -> bool:
    """Whether the browser says that another site sent this, or says nothing."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site != "same-origin":
        return True
    if origin is None:
        return site is None
    return origin.lower() not in origins_of(request, base_url)


def origins_of(request: Request, base_url: str) -> set[str]:
    """Where our pages are, as browsers say it: at the address that was asked, and at `notify.base_url`."""
    scheme, _, rest = base_url.partition("://")
    public = {f"{scheme}://{rest.partition('/')[0]}".lower()} if rest else set()
    return {f"{request.url.scheme}://{request.headers.get('host', '')}".lower()} | public


def is_encrypted(request: Request) -> bool:
    """Whether the browser sees these pages by https, be it ours or a proxy's."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")


def address_of(request: Request) -> str:
    """Whose request it is, for the log and for the count of attempts."""
    return request.client.host if request.client is not None else "unknown"


def login_way(request: Request) -> str:
    """Where one logs in and comes back to this page."""
    query = request.url.query
    here = request.scope["path"].lstrip("/") + (f"?{query}" if query else "")
    return f"login?next={quote(here, safe='')}" if here else "login"


def _elsewhere() -> PageError:
    return not_allowed(
        "This was not sent from a page of drift’s.",
        "Open the page here and send the form from there. If people see drift at another address, set "
        "notify.base_url to it. Nothing was done.",
    )
