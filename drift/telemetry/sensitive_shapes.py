"""PURE. Secrets that are known by their shape: tokens with a prefix, card numbers, addresses of people.

What can be checked is checked (Luhn for cards, Verhoeff for Aadhaar, ISO 7064 for IBAN), so that meter
readings, times and order numbers stay. Every pattern starts where nothing of its kind stands before it and
never gives back what it took, so that a megabyte of almost-secrets costs no more than one of prose.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)

_TOKENS: Final = (
    ("eyJ", r"eyJ[\w-]{6,}+(?:\.[\w-]*+){1,4}"),  # JSON web tokens, signed and encrypted
    ("gh", r"gh[pousr]_[A-Za-z0-9]{20,}+"),  # GitHub
    ("github_pat_", r"github_pat_\w{20,}+"),
    ("gl", r"gl(?:pat|dt|rt|ptt|cbt|ft|soat|agent|oas|imt|ffct)-[\w-]{16,}+(?:\.[\w.-]++)?"),  # GitLab
    ("xox", r"xox[abceoprs]-[\w-]{8,}+"),  # Slack
    ("xapp-", r"xapp-\d-[\w-]{8,}+"),
    ("AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),  # AWS
    ("AIza", r"AIza[\w-]{30,}+"),  # Google
    ("ya29.", r"ya29\.[\w-]{16,}+"),
    ("GOCSPX-", r"GOCSPX-[\w-]{16,}+"),
    ("1//0", r"1//0[\w-]{24,}+"),
    ("k_live_ k_test_", r"[srp]k_(?:live|test)_\w{10,}+"),  # Stripe
    ("whsec_", r"whsec_[\w+/=]{16,}+"),
    ("SG.", r"SG\.[\w-]{16,}+\.[\w-]{16,}+"),  # SendGrid
    ("SK", r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),  # Twilio
    ("npm_", r"npm_[A-Za-z0-9]{30,}+"),
    ("pypi-", r"pypi-[\w-]{16,}+"),
    ("sk-", r"sk-(?:[a-z]{2,10}-)?[\w-]{20,}+"),  # models behind an API
    ("hf_", r"hf_[A-Za-z0-9]{20,}+"),
    ("_v1_", r"do[opr]_v1_[0-9a-f]{32,}+"),  # DigitalOcean
    ("dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),  # Databricks
    ("gl", r"gl(?:sa|c)_[\w=+/]{20,}+"),  # Grafana
    ("hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{20,}+"),  # Vault
    ("shp", r"shp(?:at|ca|pa|ss)_[0-9a-f]{32}"),  # Shopify
    ("sq0", r"sq0(?:atp|csp)-[\w-]{20,}+"),  # Square
    ("key-", r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),  # Mailgun
    (":AA", r"\d{8,10}:AA[\w-]{32,}+"),  # Telegram
    ("dckr_pat_", r"dckr_pat_[\w-]{20,}+"),
    ("lin_api_", r"lin_api_\w{20,}+"),
    ("AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{20,}+"),
)
"""What a token holds, of which one is there, and what it looks like."""

TOKEN: Final = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(pattern for _, pattern in _TOKENS) + ")")
TOKEN_SIGNS: Final = tuple(sorted({sign for signs, _ in _TOKENS for sign in signs.split()}))
"""Text with none of them holds no token, which is sooner known than by the patterns."""

HOOK: Final = re.compile(
    r"(?i)((?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
    r"|[\w-]{1,63}\.webhook\.office\.com/webhookb2|api\.telegram\.org/bot)/?)[^\s\"'<>]++"
)
"""Addresses to which whoever knows them may post."""

SCHEME: Final = re.compile(
    r"(?i)(?<![A-Za-z0-9])(bearer|basic|negotiate|apikey|splunk|snowflake token=)([ \t]{1,4})"
    r"([A-Za-z0-9+/=._~:|-]{8,}+)"
)
"""A scheme of HTTP authorisation and what may be its secret."""
SCHEME_SIGNS: Final = ("bearer", "basic", "negotiate", "apikey", "splunk", "snowflake")
"""Of text in lower case."""

_NO_MAIL = r"\s@<>()\[\]{}:;,\"'/=&|\\%"
EMAIL: Final = re.compile(
    rf"(?<![^{_NO_MAIL}])(?!git@)[^{_NO_MAIL}]++(?:'[^{_NO_MAIL}]++)?(?:@|%40)"
    rf"(?:\[[0-9A-Fa-f:.]{{2,45}}\]|(?:[^{_NO_MAIL}.#?!*+]{{1,63}}\.){{1,8}}[^{_NO_MAIL}.#?!*+\d_]{{2,24}}(?![\w-]))"
)
"""Of any script: the marks of an Indian one are no letters to a pattern, so what cannot be in it is said."""

LOGIN: Final = re.compile(r"(?<![\w./:@-])[\w.-]{1,64}+:(?!//)[^\s@/:\"']{3,128}+@(?!sha\d)(?=[\w-]{1,64})")
"""`user:password@host` without a scheme."""

USER_FLAG: Final = re.compile(r"(?<!\S)((?:-u|--user|--proxy-user)[ =]['\"]?)([^\s:'\"]{1,128}:[^\s'\"]++)")

_EDGE = r"(?<![\w.+/#$-])"
_END = r"(?![\w]|[.:/-]\w|[.,]\d)"
CARD: Final = re.compile(_EDGE + r"\d(?:[ -]?\d){12,18}" + _END)
TWELVE: Final = re.compile(_EDGE + r"[2-9]\d{3}([ -]?)\d{4}\1\d{4}" + _END)
IBAN: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
)
SSN: Final = re.compile(_EDGE + r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}" + _END)
ABROAD: Final = re.compile(r"(?<![\w.+:/-])(?:\+|0091[ -])(?:[ ()-]{0,2}\d){8,15}" + _END)
PHONE: Final = re.compile(
    _EDGE + r"(?:\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}|(?:0|91[ -])[6-9]\d{4}[ -]\d{5}|[6-9]\d{4}-\d{5}"
    r"|91[6-9]\d{9})" + _END
)
CALLS: Final = ("phone", "mob", "tel", "cell", "contact", "call", "sms", "whatsapp", "fax")
CALLED: Final = re.compile(
    r"(?i)(\b(?:phone|mobile|mob|tel|telephone|cell|contact|call|called|calling|sms to|whatsapp|fax)"
    r"(?: ?(?:no|number|nr))?\W{1,4})(\d(?:[ .()-]{0,2}\d){6,14})" + _END
)

_MULTIPLY = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTE = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)
_ISSUERS = re.compile(
    r"4|5[1-5]|2[2-7]|3(?:[47]|0[0-5]|[689]|5(?:2[89]|[3-8]))|6(?:011|4[4-9]|5|2|0|7)|50|56|8[12]"
)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812 (Luhn): every second digit from the right is
    doubled, nines cast out, and all of it adds up to a multiple of ten.

    >>> luhn("79927398713"), luhn("79927398714")
    (True, False)
    """
    doubled = (int(d) * 2 for d in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


def verhoeff(digits: str) -> bool:
    """Whether the last digit is the check digit of Verhoeff's scheme (the dihedral group D5), which Aadhaar
    numbers carry.

    >>> verhoeff("2363"), verhoeff("2364")
    (True, False)
    """
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _MULTIPLY[check][_PERMUTE[place % 8][int(digit)]]
    return check == 0


def is_card(text: str) -> bool:
    """Whether it is a payment card's number: an issuer's prefix, 13 to 19 digits, Luhn, usual groups.

    >>> is_card("4111 1111 1111 1111"), is_card("4111111111111112"), is_card("1733681792000000")
    (True, False, False)
    """
    groups = re.split("[ -]", text)
    if len(groups) > 1 and [len(group) for group in groups[:-1]] not in ([4, 4, 4], [4, 6], [4, 4, 4, 4]):
        return False
    digits = "".join(groups)
    return _ISSUERS.match(digits) is not None and len(set(digits)) > 1 and luhn(digits)


def is_aadhaar(text: str) -> bool:
    """Whether it is a number like Aadhaar's: 12 digits, the first not 0 or 1, Verhoeff. A date with hour and
    minute run together is none.

    >>> is_aadhaar("202412082346")
    False
    """
    digits = text.replace(" ", "").replace("-", "")
    dated = text == digits and re.fullmatch(
        r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])[0-2]\d[0-5]\d", text
    )
    return not dated and len(set(digits)) > 1 and verhoeff(digits)


def is_iban(text: str) -> bool:
    """Whether it is a bank account's number: ISO 13616's check, 97 by ISO 7064.

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = text.replace(" ", "")
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def is_phone(text: str) -> bool:
    """Whether a number with `+` in front is a subscriber's: 8 to 15 digits (E.164)."""
    return 8 <= sum(char.isdigit() for char in text) <= 15


NUMBERS: Final[tuple[tuple[re.Pattern[str], str, Callable[[str], bool]], ...]] = (
    (CARD, "[card]", is_card),
    (TWELVE, "[aadhaar]", is_aadhaar),
    (PHONE, "[phone]", lambda _: True),
    (SSN, "[id number]", lambda _: True),
    (IBAN, "[iban]", is_iban),
)
"""Numbers of people of nine digits and more, in the order in which they are looked for."""
