"""Who may have something done: those who send the token of the config in a header.

A header, and never a cookie or the URL: a browser that is led here from elsewhere sends cookies by itself,
and no page elsewhere can make it send this header. Where the config has no token, nobody may.
"""

from __future__ import annotations

import hmac

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

OFF = "this is off: set serve.token or serve.token_file in drift's config, and send it as a bearer token"
WANTED = "send the token of drift's config: Authorization: Bearer …"


def refusal(request: Request, token: SecretStr | None) -> Response | None:
    """The answer to a request that does not carry the token; None where it does.

    How long the comparison takes does not tell how much of a token was right.
    """
    if token is None:
        return refused(403, OFF)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # Starlette reads a header's bytes as Latin-1: so each is one byte again
    right = hmac.compare_digest(given.strip().encode("latin-1"), token.get_secret_value().encode())
    if scheme.lower() == "bearer" and right:
        return None
    return refused(401, WANTED, {"WWW-Authenticate": "Bearer"})


def refused(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    """That nothing was done, and why."""
    return JSONResponse({"error": why}, status_code=status, headers=headers)
