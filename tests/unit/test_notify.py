"""Who is told what: one commented row a case, then what a notice holds, and that one fault stops nothing else."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from drift.alerts import step
from drift.builtin import OF_THE_MONITOR, builtin_rules, stale_verdict
from drift.detect import Rule
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition, Verdict, VerdictStatus
from drift.fingerprints import fingerprint
from drift.messages import Words, message_of
from drift.notices import Matcher, Notice, Silence, notice_document, notice_of
from drift.notify import Decided, Last, Policy, Standing, notices
from drift.silences import new_silence, parse_matchers
from drift.state import SlotCommit, State

HOUR = timedelta(hours=1)
START = datetime(2026, 4, 1, tzinfo=UTC)
LIMIT = Threshold(1.0, "above")
PUNE = AlertKey("worse", "v1", "Pune", None, None)
POLICY = Policy(channels=("slack", "sms"), repeat=24 * HOUR)


def rule(name: str = "worse", channels: tuple[str, ...] = ("slack",), severity: str = "high") -> Rule:
    return Rule(name, "metric", "mape", LIMIT, timedelta(0), severity, channels, False, None, None)


def verdict(value: float | None, key: AlertKey = PUNE) -> Verdict:
    status = (
        VerdictStatus.NO_DATA if value is None else VerdictStatus.BREACH if value > 1 else VerdictStatus.OK
    )
    return Verdict(key, "mape", status, value, LIMIT)


def quiet(hours: tuple[float, float], matchers: str = "rule=worse") -> Silence:
    """From one hour to another."""
    return new_silence(
        parse_matchers(matchers), starts=START + hours[0] * HOUR, ends=START + hours[1] * HOUR,
        author="asha", comment="planned", created=START,
    )  # fmt: skip


class World:
    """What the state keeps from one decision to the next."""

    def __init__(self) -> None:
        self.alerts: dict[AlertKey, Alert] = {}
        self.told: dict[tuple[str, str], Last] = {}
        self.silences: list[Silence] = []
        self.rules: tuple[Rule, ...] = (rule(),)
        self.policy = POLICY

    def at(self, hour: float, *verdicts: Verdict) -> Decided:
        now = START + hour * HOUR
        standing = Standing(dict(self.alerts), dict(self.told), tuple(self.silences))
        after = step(standing.alerts, verdicts, self.rules, now)
        self.alerts |= after.alerts
        decided = notices(standing, self.alerts, after.transitions, self.rules, self.policy, now)
        self.told |= {(last.fingerprint, last.channel): last for last in decided.told}
        return decided


def short(hour: float, notice: Notice) -> str:
    return f"{hour:g} {notice.channel} {notice.why}" + (f" {notice.number}" if notice.number else "")


def story(world: World, values, before=MappingProxyType({}), every: float = 1) -> list[str]:
    """What is told at each hour of a list of values; `before` are changes of the world, by hour."""
    told = []
    for n, value in enumerate(values):
        hour = n * every
        if hour in before:
            before[hour](world)
        told += [short(hour, notice) for notice in world.at(hour, verdict(value)).notices]
    return told


@pytest.mark.parametrize(
    ("values", "every", "expected"),
    [
        ([0, 0, 0], 1, []),  # nothing wrong, nothing said
        ([0, 2, 2, 2], 1, ["1 slack began"]),  # said once, not at every slot
        ([2, 2, 0, 0], 1, ["0 slack began", "2 slack resolved"]),  # and its end, once
        ([2, 0, 2, 0], 1, ["0 slack began", "1 slack resolved", "2 slack began", "3 slack resolved"]),
        ([2, None, None, None], 1, ["0 slack began"]),  # missing data says nothing, least of all `resolved`
        ([2] * 6, 12, ["0 slack began", "24 slack goes on 1", "48 slack goes on 2"]),  # every 24 hours
        ([2] * 6, 23.9, ["0 slack began", "23.9 slack goes on 1", "47.8 slack goes on 2", "71.7 slack goes on 3", "95.6 slack goes on 4", "119.5 slack goes on 5"]),  # a slot a little early is on time
        ([2] * 4, 20, ["0 slack began", "40 slack goes on 1"]),  # the first slot that is late enough
        ([2, None, None], 24, ["0 slack began", "24 slack goes on 1", "48 slack goes on 2"]),  # it goes on without data too
        ([2, 2, 0, 2], 24, ["0 slack began", "24 slack goes on 1", "48 slack resolved", "72 slack began"]),  # a new episode counts anew
    ],
)  # fmt: skip
def test_what_a_channel_is_told(values, every, expected):
    assert story(World(), values, every=every) == expected


def silenced(*hours: tuple[float, float]):
    return {0: lambda world: world.silences.extend(quiet(span) for span in hours)}


@pytest.mark.parametrize(
    ("values", "hours", "expected"),
    [
        ([0, 2, 2, 2], [(0, 9)], []),  # muted the whole time
        (
            [0, 2, 0, 0],
            [(0, 2)],
            [],
        ),  # over before the silence was: nobody heard of it, nobody hears of its end
        ([0, 2, 2, 2], [(0, 3)], ["3 slack silence ended"]),
        (
            [2, 2, 0],
            [(1, 9)],
            ["0 slack began", "2 slack resolved"],
        ),  # the loop is closed in spite of a silence
        ([2, 2, 2], [(1, 2)], ["0 slack began"]),  # told before: the end of a silence is no news
        ([0, 2, 2], [(0, 1)], ["1 slack began"]),  # the silence was over when it began
        ([0, 2, 2, 2], [(0, 2), (2, 3)], ["3 slack silence ended"]),  # one silence after the other
        ([0, 2, 0, 2, 2], [(0, 2)], ["3 slack began"]),  # the muted episode was another one
    ],
)
def test_silences(values, hours, expected):
    assert story(World(), values, silenced(*hours)) == expected


def test_a_repeat_waits_for_the_end_of_a_silence():
    told = story(World(), [2] * 6, silenced((20, 60)), every=12)
    assert told == ["0 slack began", "60 slack goes on 1"]


def channels(*names: str):
    return lambda world: setattr(world, "rules", (rule(channels=names),))


def configured(*names: str):
    return lambda world: setattr(world, "policy", replace(POLICY, channels=names))


@pytest.mark.parametrize(
    ("values", "before", "expected"),
    [
        # a channel that joins hears of what goes on, and only it
        ([2, 2, 0], {1: channels("slack", "sms")}, ["0 slack began", "1 sms began", "2 slack resolved", "2 sms resolved"]),
        # one that is taken off the rule still hears that it is over
        ([2, 2, 0], {1: channels("sms")}, ["0 slack began", "1 sms began", "2 slack resolved", "2 sms resolved"]),
        # one that the config has not is told nothing: doctor says so
        ([2, 0], {0: channels("email", "log")}, []),
        # a channel that is back hears what it missed, in order
        ([2, 0, 0, 2], {1: configured("sms"), 3: configured("slack")}, ["0 slack began", "3 slack resolved", "3 slack began"]),
        ([2, 0, 0, 0], {1: configured("sms"), 3: configured("slack")}, ["0 slack began", "3 slack resolved"]),
        # named twice, told once
        ([2], {0: channels("slack", "slack")}, ["0 slack began"]),
    ],
)  # fmt: skip
def test_channels_that_change(values, before, expected):
    assert story(World(), values, before) == expected


def test_what_is_over_is_told_with_how_bad_it_was_at_its_worst():
    world = World()
    for hour, value in enumerate((1.2, 3.4, 2.0)):
        world.at(hour, verdict(value))
    (notice,) = world.at(3, verdict(0.5)).notices
    told = notice.alerts[0]
    assert (told.value, told.evidence["worst"]) == (0.5, 3.4)
    message = message_of(notice, Words(timezone="UTC"))
    assert "At worst       340.0 %" in message.text


def test_the_worst_of_a_new_episode_is_not_told_as_that_of_the_last():
    """The end of the first could not be told when it came: the alert knows of the second one only."""
    world = World()
    world.at(0, verdict(9.0))
    world.policy = Policy(channels=("sms",), repeat=24 * HOUR)
    world.at(1, verdict(0.0))
    world.at(2, verdict(1.5))
    world.policy = POLICY
    ended = world.at(3, verdict(1.6)).notices[0]
    assert ended.status == "resolved"
    assert "worst" not in ended.alerts[0].evidence


def test_a_rule_that_is_gone_ends_its_alerts_and_says_why():
    world = World()
    world.at(0, verdict(2))
    world.rules = ()
    (notice,) = world.at(1).notices
    told = notice.alerts[0]
    assert (notice.status, told.value, told.evidence["reason"]) == ("resolved", None, "the rule was removed")


def cities(count: int, value: float = 2.0, **labels) -> list[Verdict]:
    return [verdict(value + n / 1000, PUNE._replace(city=f"city {n:04}", **labels)) for n in range(count)]


def test_forty_cities_that_fell_together_are_one_message_worst_first():
    (notice,) = World().at(0, *cities(40)).notices
    assert [told.key.city for told in notice.alerts] == [f"city {n:04}" for n in reversed(range(40))]
    assert (notice.rule, notice.model_version, notice.severity, notice.status) == (
        "worse",
        "v1",
        "high",
        "firing",
    )


def test_of_a_figure_that_falls_the_lowest_is_the_worst():
    world, limit = World(), Threshold(0.85, "below")
    world.rules = (replace(rule(), threshold=limit),)
    found = [
        replace(verdict(2, PUNE._replace(city=c)), value=v, threshold=limit)
        for c, v in (("a", 0.8), ("b", 0.2), ("c", 0.5))
    ]
    assert [told.key.city for told in world.at(0, *found).notices[0].alerts] == ["b", "c", "a"]


def test_a_message_is_of_one_rule_and_model_version_and_of_a_hundred_alerts_at_most():
    world = World()
    world.rules = (rule(), rule("late", severity="critical"))
    found = world.at(0, *cities(230), *cities(1, model_version="v2"), *cities(2, rule="late")).notices
    told = [(n.rule, n.model_version, len(n.alerts)) for n in found]
    assert told == [
        ("late", "v1", 2),
        ("worse", "v1", 100),
        ("worse", "v1", 100),
        ("worse", "v1", 30),
        ("worse", "v2", 1),
    ]
    assert len({n.key for n in found}) == 5


def test_what_fires_is_told_before_what_is_over():
    world = World()
    world.at(0, verdict(2))
    found = world.at(1, verdict(0), verdict(2, PUNE._replace(city="Thane"))).notices
    assert [notice.status for notice in found] == ["firing", "resolved"]


def test_while_the_monitor_is_stale_others_wait():
    world = World()
    world.rules = (rule(), *builtin_rules(6 * HOUR, 3 * HOUR, 2 * HOUR, ("sms",)))
    told = []
    for hour, finished in enumerate([0, 0, 0, 0, 4, 5]):  # the last finished slot
        stale = stale_verdict(START + finished * HOUR, START + hour * HOUR, 2 * HOUR)
        told += [
            f"{n.rule} {short(hour, n)}" for n in world.at(hour, verdict(2 if hour > 2 else 0), stale).notices
        ]
    assert told == ["monitor_stale 3 sms began", "worse 4 slack began", "monitor_stale 4 sms resolved"]


def test_the_end_of_an_alert_does_not_wait_for_a_stale_monitor():
    world = World()
    world.rules = (rule(), *builtin_rules(6 * HOUR, 3 * HOUR, 2 * HOUR, ()))
    world.at(0, verdict(2))
    stale = stale_verdict(START, START + 3 * HOUR, 2 * HOUR)
    assert [n.status for n in world.at(3, stale, verdict(0)).notices] == ["resolved"]
    assert world.alerts[OF_THE_MONITOR].status is AlertStatus.FIRING


def test_a_channel_is_not_told_that_it_takes_no_messages():
    world = World()
    world.rules = builtin_rules(6 * HOUR, 3 * HOUR, 2 * HOUR, ("slack", "sms"))
    failed = verdict(3, AlertKey("delivery_failed", "", None, None, "sms"))
    assert [n.channel for n in world.at(0, failed).notices] == ["slack"]


def test_a_notice_says_what_the_transition_said():
    world = World()
    world.policy = replace(POLICY, links={"report": "a.html", "city:Pune": "p.html", "city:Thane": "t.html"})
    (notice,) = world.at(0, verdict(2)).notices
    (told,) = notice.alerts
    assert notice.at == START
    assert (told.key, told.fingerprint, told.episode) == (PUNE, fingerprint(PUNE), 1)
    assert (told.name, told.value, told.threshold, told.since) == ("mape", 2, LIMIT, START)
    assert told.evidence["reason"] == "breach began"
    assert dict(notice.links) == {"report": "a.html", "city:Pune": "p.html"}, (
        "of other cities' pages it has none"
    )
    assert notice.keys == (f"{fingerprint(PUNE)}:1:firing",)
    (over,) = world.at(5, verdict(0.5)).notices
    assert (over.alerts[0].value, over.alerts[0].since) == (0.5, START), "since when it had lasted"
    assert over.alerts[0].evidence["reason"] == "within the threshold again"


def test_a_repeat_has_the_evidence_by_which_it_began():
    world = World()
    world.at(0, verdict(2))
    began = Transition(
        START, PUNE, "mape", AlertStatus.OK, AlertStatus.FIRING, "breach began", 2.0, LIMIT, START, 1, "high",
        {"explanation": {"advice": {"step": "look"}}},
    )  # fmt: skip
    standing = Standing(world.alerts, world.told, (), {PUNE: began})
    (notice,) = notices(standing, world.alerts, (), world.rules, POLICY, START + 24 * HOUR).notices
    assert notice.why == "goes on"
    assert notice.alerts[0].evidence["explanation"] == {"advice": {"step": "look"}}
    old = Standing(world.alerts, world.told, (), {PUNE: replace(began, episode=0)})
    (notice,) = notices(old, world.alerts, (), world.rules, POLICY, START + 24 * HOUR).notices
    assert notice.alerts[0].evidence == {}, "that of another episode is not"


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_evidence_that_cannot_be_written_is_left_out_and_the_alert_is_told():
    world = World()
    after = step({}, [verdict(2), verdict(3, PUNE._replace(city="Thane"))], world.rules, START)
    first, second = after.transitions
    transitions = (
        replace(first, evidence={"worst": Unspeakable()}),
        replace(second, evidence={"hours": {3}}),
    )
    found = notices(Standing({}), after.alerts, transitions, world.rules, POLICY, START)
    assert [told.evidence for told in found.notices[0].alerts] == [
        {"reason": "breach began", "hours": [3]},
        {},
    ]
    assert [(f.stage, f.what, f.message) for f in found.failures] == [
        ("notify", "worse v1 Pune", "RuntimeError: no words")
    ]
    json.dumps(notice_document(found.notices[0]))


def test_one_alert_that_cannot_be_handled_stops_no_other_and_is_told_once_it_can():
    world = World()
    thane = PUNE._replace(city="Thane")
    world.silences = [quiet((0, 1))]
    world.at(0.5, verdict(2), verdict(2, thane))
    sound = world.alerts[PUNE]
    world.alerts[PUNE] = replace(
        sound, changed=START.replace(tzinfo=None)
    )  # without a zone, as no row should be
    found = world.at(2)
    assert [(n.channel, [t.key.city for t in n.alerts]) for n in found.notices] == [("slack", ["Thane"])]
    assert [(f.stage, f.what) for f in found.failures] == [("notify", "worse v1 Pune")]
    world.alerts[PUNE] = sound
    assert [n.alerts[0].key.city for n in world.at(3).notices] == ["Pune"]


@pytest.mark.parametrize(
    "matcher", [Matcher("rule", "=~", "(a"), Matcher("colour", "=", "red"), Matcher("rule", "~", "worse"), Matcher("rule", "=", 3), ("rule",)]
)  # fmt: skip
def test_a_silence_that_cannot_be_understood_mutes_nothing(matcher):
    world = World()
    world.silences = [replace(quiet((0, 9)), id="broken", matchers=(matcher,)), quiet((0, 9), "city=Thane")]
    found = world.at(1, verdict(2), verdict(2, PUNE._replace(city="Thane")))
    assert [told.key.city for n in found.notices for told in n.alerts] == ["Pune"], "the other silence holds"
    assert [(f.stage, f.what) for f in found.failures] == [("notify", "silence broken")]


def test_a_kill_makes_no_second_page(tmp_path):
    """Alertmanager, killed, pages again in spite of its repeat interval. Here what was told is written in the
    transaction that decides it: a process begins and ends at every hour, and a second one is killed in between.
    """
    told = []
    for hour in range(60):
        now, value = START + hour * HOUR, 2 if hour < 50 else 0

        def decision(standing: Standing, now=now, value=value) -> SlotCommit:
            after = step(standing.alerts, [verdict(value)], [rule()], now)
            alerts = {**standing.alerts, **after.alerts}
            found = notices(standing, alerts, after.transitions, [rule()], POLICY, now)
            changed = tuple(after.alerts.values())
            return SlotCommit(now, after.transitions, changed, notices=found.notices, told=found.told)

        def killed(standing: Standing, decision=decision) -> SlotCommit:
            decision(standing)
            raise KeyboardInterrupt

        with State.open(f"sqlite:///{tmp_path}/drift.db") as state:
            with pytest.raises(KeyboardInterrupt):
                state.decide(now, killed, at=now, config_hash="")
            commit = state.decide(now, decision, at=now, config_hash="")
        assert commit is not None
        told += [short(hour, notice) for notice in commit.notices]
    assert told == ["0 slack began", "24 slack goes on 1", "48 slack goes on 2", "50 slack resolved"]


def test_notices_come_back_from_json_as_they_were():
    for notice in World().at(0, *cities(3)).notices:
        assert notice_of(json.loads(json.dumps(notice_document(notice)))) == notice


def test_a_fleet_with_nothing_wrong_costs_one_look():
    """10,000 series and 3 rules in under 20 ms: fingerprints are made for what fires only."""
    found = [
        verdict(0, PUNE._replace(rule=f"rule{r}", city=f"city {n}")) for r in range(3) for n in range(10_000)
    ]
    rules = [rule(f"rule{r}") for r in range(3)]
    after = step({}, found, rules, START)
    standing = Standing(after.alerts)

    def seconds() -> float:
        started = time.process_time()
        assert notices(standing, after.alerts, after.transitions, rules, POLICY, START) == Decided()
        return time.process_time() - started

    assert min(seconds() for _ in range(10)) < 0.02
