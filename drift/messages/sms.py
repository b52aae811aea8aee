"""PURE. The story in one SMS: at most 160 characters of the GSM 7-bit alphabet, the most telling words first.

One character outside of that alphabet would cut the message to 70, so each becomes what looks like it (`×` is
x, `č` is c), or `?`. Sentences are added while they fit, and never cut; a name is cut, but not in a number.

Source: 3GPP TS 23.038, section 6.2.1 (the default alphabet and its extension table).
"""

from __future__ import annotations

import unicodedata

from drift.messages.story import Story
from drift.messages.words import Name, Said

LONGEST = 160
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
DOUBLE = frozenset("^{}\\[~]|€")
"""These take two characters."""
ALIKE = str.maketrans(
    dict(zip("×−–—·‘’`“”łŁđĐı÷\t\n\r", "x----'''\"\"lLdDi/   ", strict=True))
    | {"…": "..", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ð": "d"}
)
KEY_DIGITS = 12
NAME_LENGTHS = (24, 16, 10)
LEAST_READABLE = 0.5
"""Share of a name's letters that must survive, or the alert is named by its key alone."""


def sms_of(story: Story) -> str:
    """The whole message."""
    key = f" #{_key(story)}"
    room = LONGEST - size(gsm(key))
    text = ""
    for longest in NAME_LENGTHS:
        text = f"{gsm(story.state)}: {_headline(story.headline, longest)}"
        if size(text) <= room:
            break
    text = shortened(text, room)
    for sentence in map(gsm, story.gist):
        joined = f"{text}{' ' if text.endswith('.') else '. '}{sentence}"
        if size(joined) <= room:
            text = joined
    return text + gsm(key)


def _key(story: Story) -> str:
    """Of one alert its key, with as much of the fingerprint as tells it from others; else the notice's."""
    if len(story.keys) != 1 or story.more_keys:
        return story.key[:KEY_DIGITS]
    fingerprint, *rest = story.keys[0].split(":")
    return ":".join((fingerprint[:KEY_DIGITS], *rest))


def gsm(text: str) -> str:
    """The text in the GSM 7-bit alphabet.

    >>> gsm("Łódź: 2.3 × normal, −5 %")
    'Lodz: 2.3 x normal, -5 %'
    """
    return "".join(c if c in GSM or c in DOUBLE else _plain(c) for c in text.translate(ALIKE))


def _plain(char: str) -> str:
    """The character without its accents, or a question mark."""
    parts = unicodedata.normalize("NFKD", char)
    return "".join(c for c in parts if c in GSM or c in DOUBLE) or (
        "" if unicodedata.combining(char) else "?"
    )


def size(text: str) -> int:
    """How many characters of an SMS the text takes.

    >>> size("10 €")
    5
    """
    return len(text) + sum(c in DOUBLE for c in text)


def shortened(text: str, longest: int) -> str:
    """The text in at most so many characters, cut before a number rather than in it.

    >>> shortened("zone 12345 north", 10), shortened("zone 12345 north", 16)
    ('zone..', 'zone 12345 north')
    """
    if size(text) <= longest:
        return text
    end, used = 0, 0
    while used + size(text[end]) <= longest - 2:
        used += size(text[end])
        end += 1
    if end and _of_number(text[end - 1]) and _of_number(text[end]):
        end = len(text[:end].rstrip("0123456789.,"))
    return text[:end].rstrip(" -,.:(") + ".."


def _of_number(char: str) -> bool:
    return char.isdigit() or char in ".,"


def _headline(said: Said, longest: int) -> str:
    """The headline with names of at most so many characters."""
    return "".join(_name(part, longest) if isinstance(part, Name) else gsm(part) for part in said)


def _name(name: str, longest: int) -> str:
    """A name; one of which little can be written is called unreadable, and the key tells which it is."""
    text = gsm(name)
    lost = text.count("?") - name.count("?")
    return "(unreadable)" if lost > LEAST_READABLE * len(name) else shortened(text, longest)
