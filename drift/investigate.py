"""Why an alert is about to fire: what `explain` needs is gathered, for the few cities that it is about.

A slot keeps no pairs of a thousand cities, so the history of those whose alert begins is read once more. That
an alert cannot be explained is a named failure, and never keeps it from firing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

import structlog

from drift.calendar import calendar
from drift.config import Config
from drift.config_notify import BUILTIN
from drift.domain import AlertKey, AlertStatus, Codes, Failure, Panel, Transition
from drift.errors import DriftError
from drift.estimate import NAMES as ESTIMATED
from drift.evidence.case import Case, Peer
from drift.evidence.wording import digits
from drift.explain import Evidence, explain
from drift.quality import faults
from drift.reading import timeline_of
from drift.stores.base import Store
from drift.text import printable
from drift.timeline import Pairs, from_start
from drift.unfit import with_later
from drift.watch import DAY, Watch
from drift.watch_features import FeaturePanel, FeatureSaid
from drift.windows import Cadence, Windows

log = structlog.get_logger()
MOST = 20
"""So many cities are explained at one slot, the worst first: forty that fell together have one cause."""
WORST = 10
"""So many cities are named where all together are in alarm."""


def worth_explaining(transitions: Iterable[Transition]) -> list[Transition]:
    """Those that begin an alarm about a measured forecast, the worst first: of hours that are only estimated
    there is nothing to explain yet.
    """
    begun = (t for t in transitions if t.after is AlertStatus.FIRING and t.key.rule not in BUILTIN)
    begin = [t for t in begun if t.name not in ESTIMATED]
    return sorted(begin, key=lambda t: -abs((t.value or 0.0) - t.threshold.limit))[:MOST]


def investigate(
    transitions: Sequence[Transition],
    panels: Sequence[Panel],
    windows: Windows,
    cadence: Cadence,
    store: Store,
    watch: Watch,
    config: Config,
) -> tuple[dict[AlertKey, Mapping[str, object]], list[Failure]]:
    """The evidence for each transition, and what could not be explained. The cities are read anew."""
    cities = sorted({t.key.city for t in transitions if t.key.city is not None and not _of_feature(t)})
    pairs = None
    if cities:
        try:
            timeline, _ = timeline_of(store, windows.history, cadence, cities, config)
        except DriftError as error:
            return {}, [Failure("explain", "cities", str(error))]
        pairs = timeline.at(windows)
    return explained(transitions, panels, windows, pairs, watch, config)


def with_evidence(transition: Transition, evidence: Mapping[AlertKey, Mapping[str, object]]) -> Transition:
    """The transition; one that begins an alarm with what explains it."""
    own = evidence.get(transition.key) if transition.after is AlertStatus.FIRING else None
    return transition if own is None else replace(transition, evidence={**transition.evidence, **own})


def explained(
    transitions: Sequence[Transition],
    panels: Sequence[Panel],
    windows: Windows,
    pairs: Pairs | None,
    watch: Watch,
    config: Config,
) -> tuple[dict[AlertKey, Mapping[str, object]], list[Failure]]:
    """The evidence for each transition by the pairs of its city, and what could not be explained."""
    found: dict[AlertKey, Mapping[str, object]] = {}
    failures = []
    peers = _peers(panels, config)
    for t in transitions:
        try:
            if _of_feature(t):
                found[t.key] = _feature(t.key, panels)
            elif t.key.city is None:
                found[t.key] = _worst(peers.get(t.key.model_version, {}))
            elif pairs is not None:
                case = case_of(t, pairs, windows, peers.get(t.key.model_version, {}), panels, watch, config)
                found[t.key] = _document(explain(case), _held_against(t.key, watch))
        except Exception as error:  # an alert is not lost for want of an explanation
            log.exception("an alert could not be explained", city=t.key.city, rule=t.key.rule)
            text = f"{type(error).__name__}: {error}"
            failures.append(Failure("explain", str(t.key.city), text))
    return found, failures


def _of_feature(transition: Transition) -> bool:
    """Whether it is about a feature: then errors explain nothing."""
    return transition.name == "feature_score"


def _feature(key: AlertKey, panels: Sequence[Panel]) -> dict[str, object]:
    """What was seen of the feature of a city, where its panel knows it."""
    for panel in panels:
        if isinstance(panel, FeaturePanel):
            said = panel.said(str(key.city), str(key.column))
            if said is not None:
                return {"sentences": [feature_sentence(said)], "explanation": {"feature": asdict(said)}}
    return {}


def feature_sentence(said: FeatureSaid) -> str:
    """What is wrong with a feature, since when, and against whom; sizes in the feature's own unit."""
    name = printable(said.column)
    cities = "1 peer city" if said.peers == 1 else f"{said.peers} peer cities"
    among = f"against {cities}" if said.peers else "against its own usual course of the year"
    days = "a day" if said.window_days == 1 else f"{said.window_days} days"
    swing = "" if "swing" not in said.by_kind else "not normal" if said.by_kind["swing"] > 1 else "normal"
    level = "" if "level" not in said.by_kind else "not normal" if said.by_kind["level"] > 1 else "normal"
    if said.kind == "stuck":
        still, most = digits(said.still_hours or 0.0), digits(said.still_limit)
        return f"{name} has stood still for at least {still} h; up to {most} h are let pass here."
    if said.kind == "swing":
        more = f" (level {level})" if level else ""
        return f"{name} has another swing of the day than it should have {among}, since about {days}{more}."
    more = f" (swing of the day {swing})" if swing else ""
    way = "high" if (said.size or 0.0) > 0 else "low"
    return f"{name} is about {digits(abs(said.size or 0.0))} too {way} {among}, since about {days}{more}."


def _held_against(key: AlertKey, watch: Watch) -> str | None:
    """The other model version whose normal error a new one is held against."""
    fit = watch.calibration
    held = None if fit is None or key.city is None else fit.held_against(key.model_version, key.city)
    return None if held == key.model_version else held


def _document(evidence: Evidence, held_against: str | None) -> dict[str, object]:
    """What people read first, and under `explanation` the figures behind it."""
    parts: dict[str, object] = {**evidence.to_document(), "held_against": held_against}
    sentences = list(evidence.sentences())
    del parts["sentences"]
    if held_against is not None:
        new, before = printable(evidence.model_version), printable(held_against)
        sentences.append(f"{new} is too new for a normal of its own: it is held against that of {before}.")
    return {"sentences": sentences, "explanation": parts}


def case_of(
    transition: Transition,
    pairs: Pairs,
    windows: Windows,
    peers: Mapping[str, Peer],
    panels: Sequence[Panel],
    watch: Watch,
    config: Config,
) -> Case:
    """All that is known of the transition's city."""
    key = transition.key
    city = str(key.city)
    c = pairs.cities.index(city)
    v = pairs.model_versions.index(key.model_version)
    hours = calendar(pairs.grid, [city], config)
    expected, window_days = None, 0
    if watch.calibration is not None:
        limits, where = watch.calibration.of(key.model_version, [city])
        if where:
            expected = limits.model.expect(hours).error[:, 0]
            window_days = max(limits.settings.windows) // 2
    per_day = DAY // pairs.grid.step
    predicted = pairs.judged.predicted[:, c]
    lower, upper = pairs.judged.lower, pairs.judged.upper
    return Case(
        city=city,
        model_version=key.model_version,
        grid=pairs.grid,
        current=windows.current,
        hours=hours,
        actual=pairs.actual[c],
        predicted=dict(zip(pairs.model_versions, predicted, strict=True)),
        features={name: from_start(values[c], pairs.grid.count) for name, values in pairs.features.items()},
        expected=expected,
        window_days=window_days,
        by_channel=_channels(panels, key),
        peers=_others(transition, peers),
        group=config.groups.get(city),
        faults=_actual_faults(pairs, c, windows, config),
        prediction_faults=faults(predicted[v : v + 1], per_day)[0],
        lower=None if lower is None else from_start(lower[v, c], pairs.grid.count),
        upper=None if upper is None else from_start(upper[v, c], pairs.grid.count),
        interval_level=config.accuracy.interval_level,
        unit=config.store.unit,
        timezone=config.zone_of(city),
        about_faults=transition.name == "fault_hours",
    )


def _actual_faults(pairs: Pairs, c: int, windows: Windows, config: Config) -> Codes:
    """The codes of one city's actuals, as known at the end of the current window."""
    values, end = pairs.actual[c : c + 1], pairs.grid.cut(windows.current).stop
    zones = [config.zone_of(pairs.cities[c])]
    found: Codes = with_later(faults(values, DAY // pairs.grid.step), values, pairs.grid, zones, end)[0]
    return found


def _others(transition: Transition, peers: Mapping[str, Peer]) -> dict[str, Peer]:
    """The other cities. A score looks back on days and asks whether errors cost anything: what a metric says
    of the last hours is held against what the others' errors were in them.
    """
    others = {name: peer for name, peer in peers.items() if name != transition.key.city}
    if transition.name == "drift_score":
        return others
    return {name: replace(peer, score=None) for name, peer in others.items()}


def _channels(panels: Sequence[Panel], key: AlertKey) -> dict[str, float]:
    """The score of each channel of a city."""
    for panel in panels:
        if panel.kind == "detector" and panel.names == ("channel_score",):
            for s, series in enumerate(panel.series):
                if (series.model_version, series.city) == (key.model_version, key.city):
                    scores = zip(panel.columns, panel.value[s, :, 0], panel.reason[s, :, 0], strict=True)
                    return {str(name): float(score) for name, score, reason in scores if not reason}
    return {}


def _peers(panels: Sequence[Panel], config: Config) -> dict[str, dict[str, Peer]]:
    """By model version and city: score and error ratio, where they are known."""
    found: dict[str, dict[str, Peer]] = {}
    for panel in panels:
        if panel.kind != "detector" or "drift_score" not in panel.names:
            continue
        score, ratio = panel.names.index("drift_score"), panel.names.index("error_ratio")
        for s, series in enumerate(panel.series):
            if series.city is not None:
                known = [
                    None if panel.reason[s, 0, k] else float(panel.value[s, 0, k]) for k in (score, ratio)
                ]
                peer = Peer(known[0], known[1], config.groups.get(series.city))
                found.setdefault(series.model_version, {})[series.city] = peer
    return found


def _worst(peers: Mapping[str, Peer]) -> dict[str, object]:
    """Which cities weigh most where all together are in alarm."""
    known = {city: peer for city, peer in peers.items() if peer.error_ratio is not None}
    order = sorted(known, key=lambda city: -(known[city].error_ratio or 0.0))
    worse = [city for city in order if (known[city].error_ratio or 0.0) > 1]
    worst = [{"city": city, "error_ratio": known[city].error_ratio} for city in order[:WORST]]
    said = (
        f"{len(worse)} of {len(known)} cities have a larger error than is normal for these hours."
        if known
        else "No city could be held against what is normal."
    )
    parts = {"cities": len(known), "worse": len(worse), "worst": worst}
    return {"sentences": [said], "explanation": parts}
