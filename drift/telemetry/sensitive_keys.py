"""PURE. Which names stand before secrets: `password`, `X-Api-Key`, `dbPassword`, `aws_secret_access_key`.

The end of a name decides, as it does in English: a `reset_token` is a token and a `token_count` a count.
Names are read as words whatever holds them together, so that `apiKey`, `API_KEY` and `x-api-key` are one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

KINDS: Final = {
    "password": ("password", "passwd", "passphrase", "passcode", "passwordhash", "passwordsalt"),
    "secret": ("secret", "sharedsecret", "connectionstring", "connstring", "connstr"),
    "token": ("token", "bearer", "csrf", "xsrf", "jwt"),
    "key": tuple(
        f"{of}key"
        for of in (
            *("api", "access", "secret", "private", "account", "shared", "encryption", "signing", "master"),
            *("auth", "storage", "ssh", "subscription", "functions", "webhook", "deploy", "hmac", "session"),
        )
    ),
    "authorization": ("authorization", "authorisation", "authheader"),
    "cookie": ("cookie",),
    "credentials": ("credential",),
    "session": ("sessionid", "sessid", "sessionidentifier", "connectsid"),
    "card": ("cardnumber", "creditcard", "debitcard", "cardno", "ccnumber"),
    "aadhaar": ("aadhaar", "aadhar", "aadhaarnumber", "aadharnumber", "aadhaarno", "aadharno"),
    "id number": (
        "passportnumber",
        "passportno",
        "socialsecurity",
        "socialsecuritynumber",
        *("pannumber", "panno", "pancard"),
    ),
    "phone": ("phone", "phonenumber", "phoneno", "mobile", "mobilenumber", "mobileno", "telephone", "msisdn"),
    "e-mail": ("email", "emailaddress", "mailaddress"),
}
"""What a name's end says that its value is; the first word is what stands in its place, in brackets."""

_WHOLE: Final = {
    "pwd": "password",
    "pass": "password",
    "dbpass": "password",
    "userpass": "password",
    "smtppass": "password",
    "otp": "code",
    "totp": "code",
    "mpin": "code",
    "cvv": "code",
    "cvc": "code",
    "ssn": "id number",
    "whatsapp": "phone",
    "tel": "phone",
}
"""Words so short that other words end in them: they count as the last word only."""

WEAK: Final = {
    "key": "key",
    "auth": "token",
    "sig": "signature",
    "signature": "signature",
    "hmac": "signature",
    "session": "session",
    "sess": "session",
    "sid": "session",
    "pin": "code",
}
"""Words that also stand before what is no secret: what they name is one only where it looks like one."""

_ENDS = sorted(((end, kind) for kind, ends in KINDS.items() for end in ends), key=lambda it: -len(it[0]))
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_AFTER = frozenset(
    (
        *("value", "text", "plain", "raw", "confirm", "confirmation", "again", "repeat"),
        *("encoded", "enc", "base", "header", "string", "str"),
    )
)
_AMOUNT = frozenset(("max", "min", "num", "n", "count", "total"))


@lru_cache(maxsize=4096)
def kind_of_key(name: str) -> str | None:
    """What the value under such a name is, in the words that replace it; None where nothing is known.

    >>> [kind_of_key(name) for name in ("dbPassword", "X-API-Key", "aws_secret_access_key", "PGPASSWORD")]
    ['password', 'key', 'key', 'password']
    >>> [kind_of_key(name) for name in ("token_count", "tokenizer", "password_reset", "monkey", "bypass")]
    [None, None, None, None, None]
    """
    words = _words(name)
    if not words:
        return None
    if kind := _WHOLE.get(words[-1]):
        return kind
    joined = "".join(words)
    if "token" in joined[-6:] and words[0] in _AMOUNT:
        return None
    for end, kind in _ENDS:
        if joined.endswith(end) or (joined.endswith("s") and joined.endswith(f"{end}s")):
            return kind
    return None


@lru_cache(maxsize=4096)
def weak_kind_of_key(name: str) -> str | None:
    """The same for names that stand before secrets and before much else: `key`, `sid`, `signature`.

    >>> weak_kind_of_key("sig"), weak_kind_of_key("partition_key"), weak_kind_of_key("monkey")
    ('signature', 'key', None)
    """
    words = _words(name)
    return WEAK.get(words[-1]) if words else None


def _words(name: str) -> list[str]:
    words = [word.lower() for word in _WORDS.findall(name[-256:])]
    while len(words) > 1 and words[-1] in _AFTER:
        words.pop()
    return words
