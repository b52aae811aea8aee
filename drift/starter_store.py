"""PURE. The `store` section of a new config, with what was guessed of the user's own tables.

What was guessed says so; what was not is a comment that says between what to choose. Names from data are
quoted, so that no name of a column is anything but a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from drift.starter_guess import Guess, unit_of
from drift.tables import KEYS, OPTIONAL, VALUES, TableName
from drift.text import printable

GUESS = "# a guess: right?"
_WIDTH = 44
_SIMPLE = re.compile(r"[A-Za-z_./][\w./*:-]*", re.ASCII)
_MEANS = {
    "city": "the city, or zone, that a row is for",
    "model_version": "the version of the model",
    "target_time": "the hour that a row is for",
    "issue_time": "when it was made; gives horizons",
    "predicted": "the forecast",
    "lower": "the lower end of the prediction interval",
    "upper": "the upper end of it",
    "actual": "the load that came",
    "available_time": "when it became known, if the store knows",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A table of the user's: how the config says where it is (`key: place`), and what was guessed of it; None
    where it could not be looked at.
    """

    key: str
    place: str
    guess: Guess | None = None


def store_section(kind: str, settings: tuple[str, ...], tables: Mapping[TableName, Found]) -> str:
    """The section as YAML with comments, ready for a config. `settings` are lines of the kind's own."""
    actuals = tables.get("actuals")
    looked = None if actuals is None else actuals.guess
    unit = None if looked is None else unit_of(looked.columns.get("actual", ""))
    said = GUESS + " by the column's name" if unit else "# say yours: kW, MW, GW, kWh, MWh, GWh"
    if not tables:
        unit, said = "kWh", "# in which the platform counts"
    lines = [
        "store:",
        f"  kind: {kind}",
        *settings,
        _noted(f"  unit: {unit or 'MW'}", said),
        "  # interval: 1h" + " " * 28 + "# the distance of target times; found from the data when left out",
    ]
    for name, found in tables.items():
        lines += _table(name, found)
    return "\n".join(lines) + "\n"


def _noted(line: str, note: str) -> str:
    return f"{line:{_WIDTH - 2}}  {note}"


def _table(name: TableName, found: Found) -> list[str]:
    guess = found.guess
    place = [f"  {name}:", f"    {found.key}: {quoted(found.place)}"]
    if guess is None:
        return [
            *place,
            _noted("    # columns: {city: zone}", "# our name: yours; what is left out is called the same"),
        ]
    lines = [*place, "    columns:"]
    optional = [ours for ours in OPTIONAL[name] if ours in guess.columns or ours in guess.unclear]
    constant = name == "predictions" and "model_version" in guess.missing
    ours = [each for each in (*KEYS[name], *VALUES[name]) if not (constant and each == "model_version")]
    named = [_column(each, guess) for each in (*ours, *optional)]
    if all(line.lstrip().startswith("#") for line in named):
        lines[-1] = "    # columns:"
    lines += named
    if constant:
        note = "# the table has no such column: call the one model as you like"
        lines.append(_noted("    model_version: v1", note))
    lines.append(_noted("    # marks: end", "# if its timestamps mark the end of an interval"))
    if guess.naive:
        note = "# its timestamps carry no zone: say the one they are written in"
        lines.append(_noted("    # timezone: Asia/Kolkata", note))
    return lines


def _column(ours: str, guess: Guess) -> str:
    if ours in guess.columns:
        theirs = guess.columns[ours]
        return _noted(f"      {ours}: {quoted(theirs)}", "" if theirs == ours else GUESS).rstrip()
    if ours in guess.unclear:
        between = ", ".join(printable(column) for column in guess.unclear[ours])
        return _noted(f"      # {ours}:", f"# one of these, say which: {between}")
    return _noted(f"      # {ours}:", f"# nothing was found: {_MEANS[ours]}")


def quoted(text: str) -> str:
    """A text as a scalar of YAML on one line, quoted where it could be read as anything else.

    >>> quoted("load_mw"), quoted("no"), quoted("a: b")
    ('load_mw', '"no"', '"a: b"')
    """
    plain = _SIMPLE.fullmatch(text) and not text.endswith(":") and yaml.safe_load(text) == text
    return text if plain else json.dumps(text)
