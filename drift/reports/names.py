"""The file of a city's page: a name that is safe on every file system, and never shared by two cities.

A plain lower-case name stays as it is. Any other becomes what can be kept of it and a hash of the whole
name, so that `Oslo` and `oslo` differ where the file system ignores case, and `../../x` stays in its
folder. A plain name that looks as if it carried a hash gets one too, so that no name can pass for another.
"""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_HASHED = re.compile(r".*-[0-9a-f]{12}", re.DOTALL)
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


def compare_name(a: str, b: str) -> str:
    """The file name of the page that holds two model versions against each other.

    >>> compare_name("v1", "v2")
    'v1-against-v2-c4a0eb54b6f4.html'
    """
    return page_name(f"{a}\x1fagainst\x1f{b}")


def page_name(city: str) -> str:
    """The file name of the city's page.

    >>> page_name("zone-01"), page_name("../../x")
    ('zone-01.html', 'x-9cdf6a50100a.html')
    """
    if _PLAIN.fullmatch(city) and not _HASHED.fullmatch(city) and not _RESERVED.fullmatch(city):
        return f"{city}.html"
    digest = hashlib.sha256(city.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    slug = re.sub(r"[^a-z0-9]+", "-", city.lower()[:80]).strip("-")[:40].strip("-")
    return f"{slug or 'city'}-{digest}.html"
