"""No sequence of verdicts, silences, restarts and changes of the config loses or repeats a notice.

The model keeps a diary for each alert and channel, and says by it, in the words of the contract, what is to be
told now. It knows nothing of `Last`. The implementation keeps `Last`, goes through JSON or a database's rows
between any two decisions, and must tell the same. One decision in some is killed before it is written; some
alerts cannot be handled for a while.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from drift.alerts import step
from drift.detect import Rule
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Verdict, VerdictStatus
from drift.fingerprints import fingerprint
from drift.notices import Notice, Silence, notice_document, notice_of
from drift.notify import Last, Policy, Standing, notices
from drift.silences import new_silence, parse_matchers
from drift.state_rows import alert_of, alert_row

HOUR = timedelta(hours=1)
START = datetime(2026, 4, 1, tzinfo=UTC)
LIMIT = Threshold(1.0, "above")
KEYS = tuple(
    AlertKey(name, "v1", city, None, None) for name in ("a", "b") for city in ("Pune", "Thane", None)
)
NAMES = {fingerprint(key): key for key in KEYS}
CHANNELS = ("slack", "mail", "sms")
REPEAT = 5 * HOUR
SOME_CHANNELS = st.lists(st.sampled_from(CHANNELS), max_size=3).map(tuple)
MATCHERS = st.sampled_from(
    ["rule=a", "rule=~.+", "city=Pune", "city=~(Pune|Thane) rule!=b", "rule=b city=", "severity=warning"]
)


@dataclass
class Page:
    """The diary of one alert and one channel: when it was told that an episode fires, and which have ended."""

    firing: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    resolved: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Said:
    """What one channel is told of one alert."""

    channel: str
    key: AlertKey
    episode: int
    status: str
    number: int


def said(found: list[Notice]) -> list[Said]:
    return [Said(n.channel, t.key, t.episode, n.status, n.number) for n in found for t in n.alerts]


class TellingPeople(RuleBasedStateMachine):
    """Hours pass; people and the config change things in between."""

    @initialize(one=SOME_CHANNELS, other=SOME_CHANNELS)
    def begin(self, one, other):
        self.now = START
        self.alerts: dict[AlertKey, Alert] = {}
        self.told: dict[tuple[str, str], Last] = {}
        self.silences: list[Silence] = []
        self.channels = {"a": one, "b": other}
        self.configured = CHANNELS
        self.broken: AlertKey | None = None
        self.pages: dict[tuple[AlertKey, str], Page] = defaultdict(Page)
        self.notices: list[Notice] = []

    # what people and the config do

    @rule(one=SOME_CHANNELS, name=st.sampled_from("ab"))
    def the_rule_gets_other_channels(self, one, name):
        self.channels[name] = one

    @rule(configured=SOME_CHANNELS)
    def the_config_gets_other_channels(self, configured):
        self.configured = tuple(dict.fromkeys(configured))

    @rule()
    def the_config_gets_all_channels(self):
        self.configured = CHANNELS

    @rule(matchers=MATCHERS, hours=st.integers(1, 12), ahead=st.integers(-2, 3))
    def somebody_silences(self, matchers, hours, ahead):
        starts = self.now + ahead * HOUR
        span = {"starts": starts, "ends": starts + hours * HOUR, "created": self.now}
        self.silences.append(new_silence(parse_matchers(matchers), **span, author="asha", comment="planned"))

    @rule()
    def somebody_ends_the_silences(self):
        self.silences = [replace(s, ends=max(min(s.ends, self.now), s.starts)) for s in self.silences]

    @rule(key=st.sampled_from([None, *KEYS]))
    def an_alert_cannot_be_handled(self, key):
        self.broken = key

    @rule()
    def the_process_restarts(self):
        """All that it knew is gone, and read again."""
        self.alerts = {a.key: a for a in (alert_of(alert_row(alert)) for alert in self.alerts.values())}
        written = json.dumps([{**asdict(last), "at": last.at.isoformat()} for last in self.told.values()])
        lasts = [Last(**(row | {"at": datetime.fromisoformat(row["at"])})) for row in json.loads(written)]
        # the state gives back only what a channel believes to fire: what is over was told
        self.told = {(last.fingerprint, last.channel): last for last in lasts if last.status == "firing"}

    # time

    @rule(letters=st.text("Bo-", min_size=len(KEYS), max_size=len(KEYS)), hours=st.integers(1, 7))
    def a_slot_is_decided(self, letters, hours):
        self.now += hours * HOUR
        self.decide(letters)

    @rule(letters=st.text("Bo-", min_size=len(KEYS), max_size=len(KEYS)))
    def a_slot_is_killed_and_decided_again(self, letters):
        self.now += HOUR
        self.found(letters)  # the transaction was not committed: nothing of it is kept
        self.decide(letters)

    @rule(letter=st.sampled_from("Bo"))
    def all_alerts_turn_together(self, letter):
        self.now += HOUR
        self.decide(letter * len(KEYS))

    def decide(self, letters: str) -> None:
        self.alerts, told, found = self.found(letters)
        expected = self.expected()
        assert sorted(map(repr, said(found))) == sorted(map(repr, expected))
        self.write_down(expected)
        self.told |= {(last.fingerprint, last.channel): last for last in told}
        self.notices += [notice_of(json.loads(json.dumps(notice_document(notice)))) for notice in found]

    def found(self, letters: str) -> tuple[dict[AlertKey, Alert], tuple[Last, ...], list[Notice]]:
        rules = [
            Rule(name, "metric", "mape", LIMIT, 0 * HOUR, "warning", channels, False, None, None)
            for name, channels in self.channels.items()
        ]
        policy = Policy(self.configured, REPEAT)
        standing = Standing(dict(self.alerts), dict(self.told), tuple(self.silences))
        after = step(standing.alerts, list(map(verdict, KEYS, letters)), rules, self.now)
        alerts = {**standing.alerts, **after.alerts}
        seen = {key: self.unhandled(alert) for key, alert in alerts.items()}
        decided = notices(standing, seen, after.transitions, rules, policy, self.now)
        return alerts, decided.told, list(decided.notices)

    def unhandled(self, alert: Alert) -> Alert:
        """The alert as a fault of the database might hand it out: no threshold, so that it cannot be ranked."""
        return replace(alert, threshold=None) if alert.key == self.broken else alert

    # the model

    def expected(self) -> list[Said]:
        due = []
        for key, alert in self.alerts.items():
            firing = alert.status is AlertStatus.FIRING
            for channel in CHANNELS:
                page = self.pages[key, channel]
                if channel not in self.configured:
                    continue
                for episode in page.firing:
                    over = not firing or alert.episode != episode
                    if over and episode not in page.resolved:
                        due.append(Said(channel, key, episode, "resolved", 0))
                if not firing or channel not in self.channels[key.rule] or self.muted(key):
                    continue
                before = page.firing.get(alert.episode, [])
                if not before or self.now - before[-1] >= REPEAT:
                    due.append(Said(channel, key, alert.episode, "firing", len(before)))
        return [one for one in due if one.key != self.broken]

    def muted(self, key: AlertKey) -> bool:
        """The matchers of this test, each by hand."""
        by_hand = {
            "rule=a": key.rule == "a",
            "rule=~.+": True,
            "city=Pune": key.city == "Pune",
            "city=~(Pune|Thane) rule!=b": key.city is not None and key.rule == "a",
            "rule=b city=": key.rule == "b" and key.city is None,
            "severity=warning": True,
        }
        return any(
            s.starts <= self.now < s.ends and by_hand[" ".join("".join(m) for m in s.matchers)]
            for s in self.silences
        )

    def write_down(self, told: list[Said]) -> None:
        for one in told:
            page = self.pages[one.key, one.channel]
            if one.status == "firing":
                page.firing[one.episode].append(self.now)
            else:
                page.resolved.append(one.episode)

    # what must hold whatever happened

    @invariant()
    def each_notice_has_a_name_of_its_own(self):
        keys = [notice.key for notice in getattr(self, "notices", ())]
        assert len(keys) == len(set(keys))

    @invariant()
    def an_episode_begins_and_ends_once(self):
        found = [one for one in said(getattr(self, "notices", [])) if one.number == 0]
        assert len(found) == len(set(found))
        ended = {(s.channel, s.key, s.episode) for s in found if s.status == "resolved"}
        begun = {(s.channel, s.key, s.episode) for s in found if s.status == "firing"}
        assert ended <= begun

    @invariant()
    def one_message_is_about_one_thing(self):
        for notice in getattr(self, "notices", ()):
            assert {told.key.rule for told in notice.alerts} == {notice.rule}
            assert len(set(notice.keys)) == len(notice.keys) > 0

    def teardown(self):
        """In the end all is configured, nothing is muted and nothing fires: every loop is closed."""
        if not hasattr(self, "now"):
            return
        self.broken, self.configured, self.silences = None, CHANNELS, []
        self.now += HOUR
        self.decide("o" * len(KEYS))
        for page in self.pages.values():
            assert sorted(page.resolved) == sorted(page.firing)


def verdict(key: AlertKey, letter: str) -> Verdict:
    status = {"B": VerdictStatus.BREACH, "o": VerdictStatus.OK, "-": VerdictStatus.NO_DATA}[letter]
    return Verdict(key, "mape", status, {"B": 2.0, "o": 0.5, "-": None}[letter], LIMIT)


TestTellingPeople = TellingPeople.TestCase
TestTellingPeople.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
