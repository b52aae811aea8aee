"""PURE. Who is logged in: a cookie that was signed with the token of the config, and holds nothing else.

Nobody keeps a list: any replica with the same token knows the cookie, and another token makes all cookies
void. From the cookie follows the word that each of its forms must bring back, so that a page elsewhere, which
can make a browser send the cookie and cannot read it, has nothing to send.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

COOKIE = "drift_session"
LASTS = timedelta(hours=12)
"""So long one is logged in: a shift."""
_COOKIE = re.compile(r"(?P<says>(?P<until>[0-9]{1,11})\.[0-9a-f]{32})\.(?P<signed>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who showed the token. `csrf` is the word that forms must bring back."""

    until: datetime
    csrf: str


def cookie_of(token: SecretStr, now: datetime, nonce: str) -> str:
    """The cookie of somebody who showed the token now. `nonce`: 32 random hexadecimal digits, never twice.

    >>> made = cookie_of(SecretStr("0123456789abcdef"), datetime(2026, 4, 1, tzinfo=UTC), "0" * 32)
    >>> made[:24], len(made)
    ('1775044800.0000000000000', 108)
    """
    says = f"{int((now + LASTS).timestamp())}.{nonce}"
    return f"{says}.{_signed(token, 'session', says)}"


def session_of(cookie: str | None, token: SecretStr | None, now: datetime) -> Session | None:
    """Who the cookie says is logged in; None where it is not ours, has run out, or there is no token."""
    found = _COOKIE.fullmatch(cookie or "")
    if found is None or token is None:
        return None
    says = found["says"]
    if not hmac.compare_digest(_signed(token, "session", says), found["signed"]):
        return None
    until = datetime.fromtimestamp(int(found["until"]), UTC)
    return Session(until, _signed(token, "form", says)) if now < until else None


def is_token(given: str, token: SecretStr) -> bool:
    """Whether it is the token; how long the answer takes does not tell how much of it was right."""
    return hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.get_secret_value().encode())


def brings_back(session: Session, given: str) -> bool:
    """Whether a form of this session was sent."""
    return hmac.compare_digest(session.csrf, given) if given.isascii() else False


def _signed(token: SecretStr, use: str, says: str) -> str:
    """The signature; one for a use is none for another."""
    words = f"drift {use}\n{says}".encode()
    return hmac.new(token.get_secret_value().encode(), words, hashlib.sha256).hexdigest()
