"""PURE. Which column of a table is which, by its name and type: proposed, and marked as a guess.

Why: most tables call things by one of a few names, and a mapping is quicker corrected than written.

How: for each of our names a list of names that people use, the likeliest first, on lists of equals. The first
list on which a column of the right type stands has the word; where two columns stand on it nothing is
guessed, and both are named. Our only text, time or number may have any name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from drift.tables import KEYS, VALUES, TableName

Kind: TypeAlias = Literal["time", "naive", "number", "text", "other"]
"""What a column holds; `naive` are timestamps that carry no zone."""

TIMES_OF: frozenset[Kind] = frozenset({"time", "naive"})
_TIME_NAMES = (
    "timestamp ts time datetime date_time ds utc_time time_utc timestamp_utc utc_timestamp utc_datetime"
)
_CITY_NAMES = (
    "zone site region area utility location station ba balancing_authority bidding_zone city_name name"
)

NAMES: Mapping[TableName, Mapping[str, tuple[str, ...]]] = {
    "predictions": {
        "city": ("city", _CITY_NAMES, "city_id zone_id site_id region_id entity unique_id id"),
        "model_version": ("model_version", "version", "model model_name model_id"),
        "target_time": (
            "target_time",
            "valid_time delivery_time target_timestamp target valid_at delivery_start",
            f"{_TIME_NAMES} hour",
        ),
        "issue_time": (
            "issue_time",
            "issued issued_at issue issue_timestamp made_at forecast_made_at init_time run_time",
            "created_at created creation_time forecast_time",
        ),
        "predicted": (
            "predicted",
            "predicted_consumption predicted_load prediction forecast load_forecast yhat y_hat y_pred pred",
            "predicted_mw forecast_mw forecast_load p50 q50 q0_5 median mean",
        ),
        "lower": ("lower", "confidence_lower yhat_lower lower_bound p10 q10 q0_1 lo"),
        "upper": ("upper", "confidence_upper yhat_upper upper_bound p90 q90 q0_9 hi"),
    },
    "actuals": {
        "city": ("city", _CITY_NAMES, "city_id zone_id site_id region_id entity unique_id id"),
        "target_time": ("target_time", "delivery_time measured_at delivery_start", f"{_TIME_NAMES} hour"),
        "actual": (
            "actual",
            "actual_load actual_consumption consumption_kwh y_true observed measured actual_mw",
            "load demand consumption load_mw load_kw demand_mw energy energy_kwh y",
            "value kwh mw kw",
        ),
        "available_time": (
            "available_time",
            "known_at available_at arrived arrived_at published_at received_at publication_time",
            "created_at ingested_at loaded_at inserted_at updated_at",
        ),
    },
    "features": {
        "city": ("city", _CITY_NAMES, "city_id zone_id site_id region_id entity unique_id id"),
        "target_time": ("target_time", "valid_time", f"{_TIME_NAMES} hour"),
    },
}
"""The names that people use for ours, by table: lists of equals, the likeliest first."""

KINDS: Mapping[str, frozenset[Kind]] = {
    "city": frozenset({"text", "number"}),
    "model_version": frozenset({"text", "number"}),
    "target_time": TIMES_OF,
    "issue_time": TIMES_OF,
    "available_time": TIMES_OF,
}
"""What a column of ours may hold; a number if it is not here."""
_ALONE = frozenset({"city", "target_time", "predicted", "actual"})
_POWER = (("kwh", "kWh"), ("mwh", "MWh"), ("gwh", "GWh"), ("kw", "kW"), ("mw", "MW"), ("gw", "GW"))


@dataclass(frozen=True, slots=True)
class Guess:
    """What each of our names is in a table; and the columns between which nothing was chosen.

    `missing` are names that the table needs and for which nothing was found. `naive` says that its target
    times carry no zone.
    """

    columns: Mapping[str, str]
    unclear: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...]
    naive: bool


def guess(table: TableName, columns: Mapping[str, Kind]) -> Guess:
    """Which column is which. `columns`: what each column of the table holds. One whose name the config would
    take for a variable (`${NAME}`) is passed over.

    >>> found = guess("actuals", {"zone": "text", "ts": "time", "load_mw": "number", "site": "text"})
    >>> found.columns, found.unclear, found.missing
    ({'target_time': 'ts', 'actual': 'load_mw'}, {'city': ('zone', 'site')}, ())
    """
    columns = {column: kind for column, kind in columns.items() if "${" not in column}
    chosen: dict[str, str] = {}
    unclear: dict[str, tuple[str, ...]] = {}
    for ours, lists in NAMES[table].items():
        likely = _named(lists, columns, ours) or _only(columns, ours)
        if len(likely) == 1:
            chosen[ours] = likely[0]
        elif likely:
            unclear[ours] = likely
    if ("lower" in chosen) is not ("upper" in chosen):  # half an interval is none
        chosen = {ours: theirs for ours, theirs in chosen.items() if ours not in ("lower", "upper")}
    needed = (*KEYS[table], *VALUES[table])
    missing = tuple(ours for ours in needed if ours not in chosen and ours not in unclear)
    return Guess(chosen, unclear, missing, columns.get(chosen.get("target_time", "")) == "naive")


def _named(lists: tuple[str, ...], columns: Mapping[str, Kind], ours: str) -> tuple[str, ...]:
    for names in lists:
        known = names.split()
        found = [c for c, kind in columns.items() if _plain(c) in known and kind in _kinds(ours)]
        if found:
            return tuple(found)
    return ()


def _only(columns: Mapping[str, Kind], ours: str) -> tuple[str, ...]:
    """The only column of that kind, for what every table has."""
    kinds = frozenset({"text"}) if ours == "city" else _kinds(ours)
    fits = [column for column, kind in columns.items() if kind in kinds]
    return tuple(fits) if ours in _ALONE and len(fits) == 1 else ()


def _kinds(ours: str) -> frozenset[Kind]:
    return KINDS.get(ours, frozenset({"number"}))


def _plain(name: str) -> str:
    """A name without what writers differ in.

    >>> _plain("Predicted Load"), _plain("issueTime"), _plain("q0.5")
    ('predicted_load', 'issue_time', 'q0_5')
    """
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")


def unit_of(column: str) -> str | None:
    """The unit that a column's name ends with; None where it ends with none.

    >>> unit_of("consumption_kwh"), unit_of("Load MW"), unit_of("load")
    ('kWh', 'MW', None)
    """
    last = _plain(column).split("_")[-1]
    return next((unit for end, unit in _POWER if last == end), None)
