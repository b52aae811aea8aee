"""PURE. Silences: who is not to be told of what, until when, and why.

A silence is time-boxed and says who made it. Its matchers are held against an alert's labels as Alertmanager
does: all must match, a label that an alert lacks is empty, and a silence that every alert without labels
would match is refused. Patterns match the whole value and cannot take long (`drift.patterns`).
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, cast, get_args

from drift.config_text import did_you_mean
from drift.config_values import format_duration
from drift.domain import Alert, iso
from drift.errors import ConfigError
from drift.notices import Matcher, Silence
from drift.patterns import fits, pattern_of
from drift.text import printable

Operator: TypeAlias = Literal["=", "!=", "=~", "!~"]
LABELS = ("rule", "model_version", "city", "horizon", "column", "severity", "group", "fingerprint")
"""What a matcher may look at. `group` is what the config's `groups` says of the city."""
MOST = 20
"""Matchers of one silence."""
LONGEST_WORD = 500
"""Characters of an author's name, a comment, a value."""
_OPERATORS: tuple[Operator, ...] = get_args(Operator)
_MATCHER = re.compile(r"\s*([^\s=!~]*)\s*(=~|!~|!=|=)(.*)", re.DOTALL)


def labels_of(alert: Alert, fingerprint: str, groups: Mapping[str, str]) -> dict[str, str]:
    """What matchers see of an alert; what it has not is empty."""
    key = alert.key
    return {
        "rule": key.rule,
        "model_version": key.model_version,
        "city": key.city or "",
        "horizon": key.horizon or "",
        "column": key.column or "",
        "severity": alert.severity,
        "group": groups.get(key.city, "") if key.city is not None else "",
        "fingerprint": fingerprint,
    }


def parse_matchers(words: str | Iterable[str]) -> tuple[Matcher, ...]:
    """Matchers as people write them: in one text, quoted as in a shell, or one a word.

    Raises:
        ConfigError: one is none, or is of a label that alerts do not have.

    >>> [tuple(matcher) for matcher in parse_matchers("city='New Delhi' rule=~data_.*")]
    [('city', '=', 'New Delhi'), ('rule', '=~', 'data_.*')]
    """
    if isinstance(words, str):
        try:
            words = shlex.split(words)
        except ValueError as error:
            raise ConfigError(f"matchers: {printable(words)}: {error}: close the quotes") from None
    return tuple(map(parse_matcher, words))


def parse_matcher(word: str) -> Matcher:
    r"""One matcher; spaces around its value do not count.

    >>> parse_matcher("severity != info")
    Matcher(label='severity', operator='!=', value='info')
    """
    found = _MATCHER.fullmatch(word)
    if found is None or not found[1]:
        raise ConfigError(
            f"{printable(word)!r} is no matcher: write a label, one of {', '.join(_OPERATORS)}, and a value: "
            "city=Mumbai, rule=~data_.*"
        )
    matcher = Matcher(found[1], cast("Operator", found[2]), found[3].strip())
    check_matcher(matcher)
    return matcher


def check_matcher(matcher: Matcher) -> None:
    """Raises `ConfigError` where the matcher can match nothing, or cannot be understood."""
    where = f"matcher {printable(''.join(matcher))}"
    if matcher.label not in LABELS:
        hint = did_you_mean(matcher.label, list(LABELS))
        raise ConfigError(f"{where}: alerts have no label {printable(matcher.label)!r}{hint}")
    if matcher.operator not in _OPERATORS:
        raise ConfigError(f"{where}: the operator is one of {', '.join(_OPERATORS)}")
    if len(matcher.value) > LONGEST_WORD:
        raise ConfigError(f"{where}: its value is longer than {LONGEST_WORD} characters")
    if matcher.operator in ("=~", "!~"):
        try:
            pattern_of(matcher.value)
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from None


def check_silence(silence: Silence, longest: timedelta | None = None) -> None:
    """Whether it is one that may be made; `longest` is how long it may be.

    Raises:
        ConfigError: it is not; says why, and what to write.
    """
    if not silence.matchers or len(silence.matchers) > MOST:
        raise ConfigError(f"a silence has from 1 to {MOST} matchers, such as city=Mumbai")
    for matcher in silence.matchers:
        check_matcher(matcher)
    if all(_holds(matcher, "") for matcher in silence.matchers):
        raise ConfigError(
            "the silence would match alerts that have none of its labels: add one that names something, such "
            "as rule=model_accuracy_drop; to silence all alerts write rule=~.+"
        )
    if silence.ends <= silence.starts:
        raise ConfigError(
            f"the silence ends at {iso(silence.ends)}, not after its start {iso(silence.starts)}"
        )
    if longest is not None and silence.ends - silence.starts > longest:
        raise ConfigError(
            f"a silence is at most {format_duration(longest)} long (notify.longest_silence): what should be "
            "quiet for good has a wrong rule"
        )
    for name, text in (("author", silence.author), ("comment", silence.comment)):
        if not text.strip() or len(text) > LONGEST_WORD:
            raise ConfigError(
                f"a silence has a{'n' * (name == 'author')} {name}, of 1 to {LONGEST_WORD} characters"
            )


def new_silence(
    matchers: Sequence[Matcher],
    *,
    starts: datetime,
    ends: datetime,
    author: str,
    comment: str,
    created: datetime,
    longest: timedelta | None = None,
) -> Silence:
    """A silence that may be made, named by its content: the same one, asked for twice, is one.

    Raises:
        ConfigError: it may not; see `check_silence`.
    """
    words = "\n".join((*map("\x00".join, matchers), iso(starts), iso(ends), author, comment, iso(created)))
    name = hashlib.sha256(words.encode()).hexdigest()[:12]
    starts, ends, created = (moment.astimezone(UTC) for moment in (starts, ends, created))
    silence = Silence(name, tuple(matchers), starts, ends, author.strip(), comment.strip(), created)
    check_silence(silence, longest)
    return silence


def matches(silence: Silence, labels: Mapping[str, str]) -> bool:
    """Whether all of its matchers match; the time is not asked.

    Raises:
        ValueError: a pattern is not understood, which `check_silence` would have refused.
    """
    return all(_holds(matcher, labels.get(matcher.label, "")) for matcher in silence.matchers)


def active(silence: Silence, now: datetime) -> bool:
    """Whether the moment lies in `[starts, ends)`."""
    return silence.starts <= now < silence.ends


def _holds(matcher: Matcher, value: str) -> bool:
    if matcher.operator in ("=", "!="):
        return (value == matcher.value) is (matcher.operator == "=")
    return fits(matcher.value, value) is (matcher.operator == "=~")
