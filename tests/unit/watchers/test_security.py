"""The security watcher as `drift serve` has it: log files in, readings out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from drift.config_security import SecurityConfig
from drift.telemetry.readings import Reading
from drift.watchers.base import Watcher
from drift.watchers.event_stream import SecurityStream
from drift.watchers.security import SecurityWatcher
from drift.watchers.tail import Tail

NOW = datetime(2025, 3, 3, 10, 0, tzinfo=UTC)
EVERY = timedelta(seconds=15)


def failure(at: float, who: str = "alice", where: str = "203.0.113.7", more: str = "") -> str:
    when = (NOW + timedelta(seconds=at)).isoformat()
    return f"ts={when} msg=login outcome=failure user={who} ip={where}{more}\n"


class Logs:
    """A log in a folder, and a watcher of it."""

    def __init__(self, folder: Path, config: SecurityConfig | None = None) -> None:
        self.folder, self.file, self.config = folder, folder / "auth.log", config or SecurityConfig()
        self.file.touch()
        self.opened: list[SecurityWatcher] = []
        self.watcher = self.open()
        self.watcher.readings(NOW)

    def open(self) -> SecurityWatcher:
        tail = Tail([str(self.file)], self.folder / "position.json")
        self.opened.append(SecurityWatcher(self.config, tail, EVERY, self.folder / "learnt.json"))
        return self.opened[-1]

    def write(self, *lines: str) -> None:
        with self.file.open("a") as file:
            file.writelines(lines)

    def at(self, seconds: float) -> list[Reading]:
        return list(self.watcher.readings(NOW + timedelta(seconds=seconds)))


LogsOf = Callable[..., Logs]


@pytest.fixture
def logs_of(tmp_path: Path) -> Iterator[LogsOf]:
    """Logs watched by a config, closed in the end."""
    made: list[Logs] = []

    def of(config: SecurityConfig | None = None) -> Logs:
        made.append(Logs(tmp_path, config))
        return made[-1]

    yield of
    for watcher in [watcher for each in made for watcher in each.opened]:
        watcher.close()


@pytest.fixture
def logs(logs_of: LogsOf) -> Logs:
    return logs_of()


def over(readings: list[Reading]) -> list[tuple[str, str | None]]:
    return [
        (each.metric, each.column)
        for each in readings
        if each.value is not None and each.threshold is not None and each.value > each.threshold.limit
    ]


def test_the_guides_security_violation_is_handled(logs: Logs):
    """Scenario 4 of the guide: failed_auth, api_abuse, data_access, system_changes; violations are handled."""
    logs.write(*(failure(n) for n in range(11)))
    [found] = logs.at(30) or logs.at(45)
    assert (found.metric, found.column, found.value) == ("failed_auth", "principal alice", 11)
    assert found.threshold is not None
    assert (found.threshold.limit, found.threshold.side, found.threshold.basis) == (10, "above", "fixed")
    said = found.evidence["sentences"]
    assert isinstance(said, list)
    assert said[0] == "principal alice: 11 failed log-ins within 5m; the limit is 10."
    assert "addresses: 203.0.113.7" in said[-1]


def test_it_is_a_watcher(logs: Logs):
    watcher: Watcher = logs.watcher
    assert (watcher.name, watcher.every) == ("logs", EVERY)


def test_a_violation_stands_until_its_window_is_quiet_and_is_well_then_and_forgotten(logs: Logs):
    logs.write(*(failure(n) for n in range(15)))
    logs.at(15)
    stands = [bool(over(logs.at(15.0 * n))) for n in range(2, 40)]
    assert stands == sorted(stands, reverse=True)  # it ends once
    quiet = 15.0 * (2 + stands.index(False))
    assert quiet == 315  # 300 s after the last, at 14 s, and at the first round then
    [well] = logs.at(330)
    assert (well.column, well.value) == ("principal alice", 0)
    assert well.evidence == {}
    assert logs.at(330 + 3600) == []


def test_who_comes_back_is_a_violation_anew(logs: Logs):
    logs.write(*(failure(n) for n in range(11)))
    assert over(logs.at(15) + logs.at(30))
    assert not over(logs.at(600))
    logs.write(*(failure(700 + n) for n in range(11)))
    [again] = logs.at(730) and logs.at(745)
    assert over([again])
    assert again.n == 1


def test_lines_of_a_break_in_raise_the_severity(logs: Logs):
    logs.write(*(failure(n) for n in range(11)), failure(12).replace("failure", "success"))
    logs.at(15)
    [found] = logs.at(30)
    assert found.evidence["severity"] == "critical"
    assert "then alice logged in from 203.0.113.7" in str(found.evidence["sentences"])


def test_evidence_has_a_few_lines_and_no_secret(logs: Logs):
    hidden = ' password=hunter2hunter2 authorization="Bearer abcdefghijklmnopqrstuvwxyz012345"'
    logs.write(*(failure(n, more=hidden) for n in range(30)))
    logs.at(15)
    [found] = logs.at(45)
    lines = found.evidence["lines"]
    assert isinstance(lines, list)
    assert len(lines) == 5
    shown = json.dumps(found.evidence)
    assert "hunter2" not in shown
    assert "abcdefghijkl" not in shown
    assert "alice" in shown


def test_a_name_from_the_log_ends_no_line_and_moves_no_cursor(logs: Logs):
    at = [(NOW + timedelta(seconds=n)).isoformat() for n in range(11)]
    logs.write(
        *(
            json.dumps({"timestamp": when, "event": "login_failed", "user": "a\x1b[2Jb\n", "ip": "10.0.0.1"})
            + "\n"
            for when in at
        )
    )
    logs.at(15)
    [found] = logs.at(30)
    assert found.column is not None
    assert found.column.isprintable()
    assert str(found.evidence["sentences"]).isprintable()


def test_a_change_of_the_platform_is_told_in_the_round_that_reads_it_however_late_it_is(logs: Logs):
    logs.write(failure(600, "bob"))
    logs.at(600)
    logs.write(f"ts={NOW.isoformat()} msg=role.granted user=mallory role=admin\n")
    assert over(logs.at(615)) == [("system_changes", "permissions by principal mallory")]


def test_what_is_allowed_is_passed_by(logs_of: LogsOf):
    config = SecurityConfig.model_validate({"allow": [{"principal": "scanner", "address": "10.0.0.0/8"}]})
    logs = logs_of(config)
    logs.write(*(failure(n, "scanner", "10.9.9.9") for n in range(30)))
    logs.write(*(failure(n, "scanner", "203.0.113.7") for n in range(11)))
    logs.at(15)
    assert over(logs.at(30)) == [("failed_auth", "principal scanner")]


def test_one_line_from_a_wrong_clock_does_not_blind_it(logs: Logs):
    logs.write(failure(10 * 365 * 86400, "time-traveller"))
    logs.write(*(failure(n) for n in range(11)))
    logs.at(15)
    assert over(logs.at(30)) == [("failed_auth", "principal alice")]
    assert logs.watcher.stream.counts.ahead == 1


def test_logs_that_are_shipped_late_are_judged_by_their_own_time(logs: Logs):
    for batch in range(4):  # each minute's lines come when it is over, an hour late
        logs.write(*(failure(60 * batch + 5 * n - 3600) for n in range(3)))
        logs.at(60.0 * batch)
    assert over(logs.at(300)) == [("failed_auth", "principal alice")]
    assert logs.watcher.stream.counts.late == 0


def test_files_far_apart_are_read_in_the_order_of_their_times(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.log").write_text("".join(failure(2.0 * n, name) for n in range(9)))
    big = "".join(
        failure(n / 10, f"user{n}", f"192.0.2.{n % 250}", " pad=" + "x" * 1000) for n in range(1500)
    )
    (tmp_path / "big.log").write_text(big)
    config = SecurityConfig.model_validate({"read_at_once": 1_000_000})
    watcher = SecurityWatcher(config, Tail([f"{tmp_path}/*.log"], start="beginning"), EVERY)
    for n in range(20):
        watcher.readings(NOW + timedelta(hours=1, seconds=15 * n))
    watcher.close()
    counts = watcher.stream.counts
    assert (counts.late, counts.hurried, counts.lines) == (0, 0, 1518)


def test_a_restart_loses_no_line_and_forgets_no_one(logs: Logs):
    logs.write(failure(0).replace("failure", "success"))
    logs.at(15)
    logs.at(45)
    logs.watcher.close()
    logs.write(*(failure(60 + n) for n in range(60)))
    logs.watcher = logs.open()
    logs.at(120)
    assert over(logs.at(135)) == []  # alice has logged in from there before
    assert logs.watcher.stream.counts.lines == 60


def test_all_that_was_learnt_survives_a_restart():
    from drift.watchers import learnt

    stream = SecurityStream(SecurityConfig(), str)
    for n in range(100):
        at = (NOW + timedelta(hours=n)).isoformat()
        stream.take(
            f"ts={at} msg=query dataset=grid user=svc rows=9000 status=200 path=/api/data/grid bytes=7000"
        )
        stream.take(f"ts={at} msg=login outcome=success user=svc ip=10.0.0.1")
    for _ in stream.rest():
        pass
    said = learnt.kept(stream)
    other = SecurityStream(SecurityConfig(), str)
    learnt.restore(other, json.loads(json.dumps(said)))
    assert learnt.kept(other) == said | {"at": None}
    assert said["familiar"] == ["10.0.0.1 svc"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"version": 9}', b'{"version": 1, "at": "x"}'])
def test_what_was_learnt_and_is_damaged_is_named_and_learnt_anew(
    tmp_path: Path, logs_of: LogsOf, content: bytes
):
    (tmp_path / "learnt.json").write_bytes(content)
    with capture_logs() as said:
        logs = logs_of()
    assert "learnt anew" in said[0]["event"]
    assert logs.at(15) == []


def test_what_could_not_be_judged_is_said_once_an_hour(logs: Logs):
    with capture_logs() as said:
        for n in range(1, 500):
            if n in (5, 10):
                logs.write("what is this?\n" if n == 5 else "", failure(60 if n == 5 else -3000))
            logs.at(15.0 * n)
    [once] = [each for each in said if "not judged" in each["event"]]
    assert (once["unread"], once["late"]) == (1, 1)


@given(
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from("ab"), st.booleans()), max_size=60), st.randoms()
)
def test_the_order_of_reading_within_the_lateness_changes_nothing(
    events: list[tuple[int, str, bool]], random: object
):
    from random import Random

    assert isinstance(random, Random)
    texts = [
        (at, failure(at, who).replace("failure", "success") if good else failure(at, who))
        for at, who, good in events
    ]
    config = SecurityConfig.model_validate({"failed_auth": {"principal": "3/minute"}})

    def judged(lines: list[tuple[int, str]]) -> list[tuple[str, int, float]]:
        stream = SecurityStream(config, str)
        for _, text in lines:
            stream.take(text.rstrip())
            list(stream.ready())
        list(stream.rest())
        return [(subject, each.total, each.last) for _, subject, all_ in stream.ledger for each in all_]

    late = sorted(texts, key=lambda line: line[0] + random.uniform(0, 14.9))
    assert sorted(judged(late)) == sorted(judged(sorted(texts)))


def test_who_floods_the_log_with_names_floods_no_ones_mail():
    config = SecurityConfig.model_validate({"failed_auth": {"principal": "1/minute"}})
    stream = SecurityStream(config, str)
    for n in range(6000):
        stream.take(failure(0.001 * n, f"user{n // 2}", f"10.0.{n // 250}.{n % 250}").rstrip())
    for _ in stream.rest():
        pass
    assert len(stream.readings(stream.newest)) == 1000
    assert stream.counts.let_go > 0
