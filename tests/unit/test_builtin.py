"""What drift says of itself: a series without data, a stale monitor, a channel that takes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drift.alerts import step
from drift.builtin import builtin_rules, delivery_verdicts, no_data_verdicts, stale_verdict
from drift.config_notify import BUILTIN, NotifyConfig
from drift.config_text import explain_invalid
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Undefined, Verdict, VerdictStatus

HOUR = timedelta(hours=1)
START = datetime(2026, 4, 1, tzinfo=UTC)
LIMIT = Threshold(0.85, "below")
RULES = builtin_rules(6 * HOUR, 3 * HOUR, 2 * HOUR, ("slack", "sms"))


def verdict(
    letter: str, rule: str = "drop", city: str | None = "Pune", version: str = "v1", **labels
) -> Verdict:
    """`B` breach, `o` ok, `-` no pairs, `?` not calibrated, `r` retired."""
    key = AlertKey(rule, version, city, labels.get("horizon"), labels.get("column"))
    why = {"-": Undefined.NO_PAIRS, "?": Undefined.NOT_CALIBRATED, "r": Undefined.RETIRED}.get(letter)
    status = {"B": VerdictStatus.BREACH, "o": VerdictStatus.OK}.get(letter, VerdictStatus.NO_DATA)
    return Verdict(key, "accuracy", status, None if why else 0.9, LIMIT, why, n=3, coverage=0.125)


def judged(*verdicts: Verdict, alerts=None, unread=()) -> dict[str, str]:
    """Of which series a verdict was made, and which."""
    made = no_data_verdicts(verdicts, alerts or {}, START, unread)
    return {f"{v.key.model_version} {v.key.city}": v.status.value for v in made}


def standing(
    rule: str, status: AlertStatus, seen: datetime = START - 3 * HOUR, **labels
) -> dict[AlertKey, Alert]:
    key = AlertKey(rule, "v1", "Pune", None, None)._replace(**labels)
    return {key: Alert(key, status, START, START, seen, 0.9, LIMIT)}


def test_they_are_rules_like_any_other():
    assert tuple(rule.name for rule in RULES) == BUILTIN
    assert [rule.duration for rule in RULES] == [6 * HOUR, 3 * HOUR, timedelta(0), timedelta(0)]
    assert {rule.channels for rule in RULES} == {("slack", "sms")}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("o", {}),  # a sound city adds nothing
        ("B", {}),  # one whose forecast is bad has data
        ("-", {"v1 Pune": "breach"}),
        ("--", {"v1 Pune": "breach"}),
        ("-o", {}),  # one rule could judge it
        ("o-", {}),
        ("?", {}),  # not calibrated yet is no want of data
        ("r", {}),  # nobody waits for its data
        ("?-", {"v1 Pune": "breach"}),
        ("-?", {"v1 Pune": "breach"}),
    ],
)
def test_a_series_that_no_rule_could_judge_is_without_data(verdicts, expected):
    assert judged(*(verdict(letter, f"rule{n}") for n, letter in enumerate(verdicts))) == expected


def test_each_model_version_in_each_city_is_asked_for_itself():
    found = judged(
        verdict("-"), verdict("o", version="v2"), verdict("-", city="Thane"), verdict("-", city=None),
        verdict("o", city="Thane", horizon="24h-36h"),  # a band of hours was judged, so there is data
    )  # fmt: skip
    assert found == {"v1 Pune": "breach", "v1 None": "breach"}


@pytest.mark.parametrize(
    ("letter", "status", "expected"),
    [
        ("o", AlertStatus.FIRING, {"v1 Pune": "ok"}),
        ("o", AlertStatus.PENDING, {"v1 Pune": "ok"}),
        ("o", AlertStatus.RESOLVED, {}),  # that is over
        ("?", AlertStatus.FIRING, {"v1 Pune": "no_data"}),  # neither known to be better nor gone
        ("-", AlertStatus.FIRING, {"v1 Pune": "breach"}),
    ],
)
def test_that_there_is_data_again_is_said_where_an_alert_stands(letter, status, expected):
    assert judged(verdict(letter), alerts=standing("no_data", status)) == expected


def test_it_fires_after_six_hours_without_data_and_says_since_when():
    alerts = standing("drop", AlertStatus.FIRING, START - HOUR)
    happened = []
    for hour, letter in enumerate("-------o"):
        now = START + hour * HOUR
        seen = (verdict(letter), *no_data_verdicts([verdict(letter)], alerts, now))
        after = step(alerts, seen, (*RULES, replace(RULES[0], name="drop")), now, ["Pune"])
        alerts |= after.alerts
        happened += after.transitions
    told = [(t.key.rule, (t.at - START) // HOUR, t.after.value, t.value) for t in happened]
    assert told == [
        ("no_data", 0, "pending", 1.0),
        ("no_data", 6, "firing", 7.0),  # hours since a rule could judge it
        ("drop", 7, "resolved", 0.9),  # only now: missing data resolves nothing
        ("no_data", 7, "resolved", 0.0),
    ]
    assert happened[1].since == START
    assert (happened[1].evidence["n"], happened[1].evidence["coverage"]) == (3, 0.125)


def test_a_series_that_no_rule_ever_judged_has_no_hours_to_tell():
    assert no_data_verdicts([verdict("-")], {}, START)[0].value is None


def test_a_city_that_cannot_be_read_is_not_judged_either():
    alerts = {
        **standing("drop", AlertStatus.OK),
        **standing("drop", AlertStatus.RESOLVED, START - 90 * HOUR, model_version="v0"),  # left long before
        **standing("drop", AlertStatus.OK, city="Thane"),
    }
    assert judged(alerts=alerts, unread={"Pune"}) == {"v1 Pune": "breach"}
    assert judged(verdict("-"), alerts=alerts) == {"v1 Pune": "breach"}, (
        "nor is one of which nothing is known"
    )


def test_a_model_version_that_left_takes_its_alert_along():
    alerts = standing("no_data", AlertStatus.FIRING)
    seen = [verdict("o", version="v2")]
    made = no_data_verdicts(seen, alerts, START)
    after = step(alerts, made, RULES, START, ["Pune"])
    assert [t.reason for t in after.transitions] == ["the model version no longer forecasts here"]


@pytest.mark.parametrize(
    ("status", "after"),
    [(AlertStatus.FIRING, "resolved"), (AlertStatus.PENDING, "ok"), (AlertStatus.OK, None)],
)
@pytest.mark.parametrize("city", ["Pune", None])
def test_a_retired_model_version_takes_its_alerts_along(city, status, after):
    alerts = standing("no_data", status, city=city) | standing("drop", status, city=city)
    seen = [verdict("r", city=city), verdict("o", city=city, version="v2")]
    made = no_data_verdicts(seen, alerts, START)
    rules = (*RULES, replace(RULES[0], name="drop"))
    found = step(alerts, (*seen, *made), rules, START, ["Pune"]).transitions
    assert {(t.key.rule, t.after.value, t.reason) for t in found} == {
        (rule, after, "the model version was retired: another one forecasts here in its place")
        for rule in ("no_data", "drop")
        if after
    }


@pytest.mark.parametrize(
    ("age", "status"),
    [(HOUR, "ok"), (2 * HOUR, "ok"), (2 * HOUR + timedelta(seconds=1), "breach"), (None, "no_data")],
)  # on the limit is not stale
def test_the_monitor_is_stale_when_its_last_slot_is_too_old(age, status):
    found = stale_verdict(None if age is None else START - age, START, 2 * HOUR)
    assert found.status.value == status
    assert found.threshold == Threshold(2.0, "above")
    assert found.value == (None if age is None else age / HOUR)


def test_a_channel_that_takes_nothing_is_an_alert_until_something_arrives():
    alerts: dict[AlertKey, Alert] = {}
    happened = []
    for hour, given_up in enumerate([{}, {"sms": 2, "slack": 0}, {"sms": 3}, {}, {}]):
        after = step(alerts, delivery_verdicts(given_up, alerts), RULES, START + hour * HOUR)
        alerts |= after.alerts
        happened += [
            ((t.at - START) // HOUR, t.key.column, t.after.value, t.value) for t in after.transitions
        ]
    assert happened == [(1, "sms", "firing", 2.0), (3, "sms", "resolved", 0.0)]


def test_the_config_of_telling_people_has_the_defaults_of_the_guide():
    config = NotifyConfig()
    assert (config.repeat, config.no_data_after, config.give_up) == (24 * HOUR, 6 * HOUR, 24 * HOUR)
    assert config.channels is None, "all there are"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"repeat": "10s"}, "repeat: must be a minute or more"),
        ({"no_data_after": "0h"}, "no_data_after: must be longer than zero"),
        ({"base_url": "drift.example"}, "base_url: is no web address that links can be made of"),
        ({"base_url": "https://user:pass@drift.example"}, "base_url: is no web address"),
        ({"runbooks": {"drop": "javascript:alert(1)"}}, "runbooks.drop: is no web address"),
        ({"channels": ["a", "b", "a"]}, "'a' is listed twice"),
        ({"channels": []}, "write one or more, or leave it out"),
        ({"repeet": "1h"}, "repeet: unknown key; did you mean `repeat`?"),
    ],
)
def test_a_slip_in_the_config_is_named_with_its_remedy(content, words):
    from pydantic import ValidationError

    with pytest.raises(ValidationError) as caught:
        NotifyConfig.model_validate(content)
    assert words in explain_invalid("notify", caught.value, NotifyConfig)


def test_a_web_address_may_have_a_port_and_a_path():
    config = NotifyConfig(
        base_url="http://127.0.0.1:9109/drift", runbooks={"a": "https://wiki.example/x#why"}
    )
    assert config.base_url == "http://127.0.0.1:9109/drift"
