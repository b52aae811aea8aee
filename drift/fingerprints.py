"""PURE. What names an alert for good, in the state, in messages and for receivers that tell duplicates."""

from __future__ import annotations

import hashlib
import json

from drift.domain import AlertKey

_spelt = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would make one each time


def fingerprint(key: AlertKey) -> str:
    """SHA-256 of the alert's rule and labels: 64 hexadecimal digits.

    No two keys are spelt alike: JSON tells None from an empty name, and marks where each part ends.

    >>> fingerprint(AlertKey("drop", "v1", "Pune", None, None))[:12]
    '19966ee9a31b'
    """
    return hashlib.sha256(_spelt(list(key)).encode("ascii")).hexdigest()
