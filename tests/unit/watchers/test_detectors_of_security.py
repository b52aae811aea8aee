"""Each detector against answers worked out by hand: what it calls, by which event, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import pytest

from drift.config_security import SecurityConfig
from drift.watchers.api_abuse import ApiAbuse
from drift.watchers.data_access import DataAccess
from drift.watchers.events import Kind, Outcome, SecurityEvent
from drift.watchers.failed_auth import FailedAuth
from drift.watchers.system_changes import SystemChanges
from drift.watchers.violations import Violation

HOUR, DAY = 3600.0, 86400.0
CONFIG = SecurityConfig()


class Sees(Protocol):
    def see(self, event: SecurityEvent) -> Iterator[Violation]: ...


def log_in(at: float, who: str | None, where: str | None, *, good: bool = False) -> SecurityEvent:
    return SecurityEvent(at, Kind.LOGIN, Outcome.SUCCESS if good else Outcome.FAILURE, who, where)


def request(
    at: float, path: str = "/x", status: int = 200, who: str | None = None, where: str | None = "203.0.113.7"
) -> SecurityEvent:
    return SecurityEvent(at, Kind.REQUEST, Outcome.SUCCESS, who, where, path=path, status=status)


def read(at: float, who: str, resource: str, rows: float = 0.0, volume: float = 0.0) -> SecurityEvent:
    return SecurityEvent(
        at, Kind.ACCESS, Outcome.SUCCESS, who, "10.0.0.1", resource=resource, rows=rows, bytes=volume
    )


def called(detector: Sees, events: Iterable[SecurityEvent]) -> list[tuple[float, str, str, float]]:
    return [(v.at, v.kind, v.subject, v.value) for event in events for v in detector.see(event)]


def test_the_eleventh_failure_within_five_minutes_is_a_burst():
    found = called(FailedAuth(CONFIG), [log_in(10.0 * n, "alice", "203.0.113.7") for n in range(12)])
    assert found == [(100.0, "burst", "principal alice", 11), (110.0, "burst", "principal alice", 12)]


def test_ten_failures_in_any_five_minutes_are_borne():
    assert called(FailedAuth(CONFIG), [log_in(30.0 * n, "alice", "203.0.113.7") for n in range(200)]) == []


def test_an_address_that_fails_without_names_is_a_burst():
    found = called(FailedAuth(CONFIG), [log_in(float(n), None, "203.0.113.7") for n in range(51)])
    assert found == [(50.0, "burst", "address 203.0.113.7", 51)]


def test_one_address_that_fails_for_many_is_spraying():
    found = called(FailedAuth(CONFIG), [log_in(45.0 * n, f"user{n}", "203.0.113.7") for n in range(12)])
    assert found == [(450.0, "spray", "address 203.0.113.7", 11), (495.0, "spray", "address 203.0.113.7", 12)]


def test_who_logs_in_after_a_typo_was_not_sprayed():
    office = [
        event
        for n in range(100)
        for event in (
            log_in(20.0 * n, f"user{n}", "198.51.100.1"),
            log_in(20.0 * n + 9, f"user{n}", "198.51.100.1", good=True),
        )
    ]
    assert called(FailedAuth(CONFIG), office) == []


def test_one_principal_that_fails_from_many_addresses_is_distributed():
    found = called(FailedAuth(CONFIG), [log_in(100.0 * n, "alice", f"203.0.113.{n}") for n in range(11)])
    assert found == [(1000.0, "distributed", "principal alice", 11)]


def test_a_log_in_after_a_burst_is_a_break_in_and_grave():
    burst = [log_in(float(n), "alice", "203.0.113.7") for n in range(11)]
    detector = FailedAuth(CONFIG)
    called(detector, burst)
    assert called(detector, [log_in(11.0, "alice", "10.0.0.5", good=True)]) == []  # from where nothing failed
    broken = list(detector.see(log_in(12.0, "alice", "203.0.113.7", good=True)))
    assert [(v.kind, v.subject, v.grave) for v in broken] == [("break_in", "principal alice", True)]
    again = called(detector, [log_in(13.0 + n, "alice", "203.0.113.7") for n in range(3)])
    assert [kind for _, kind, _, _ in again] == ["burst"] * 3  # who broke in is not familiar by that


def test_who_is_familiar_from_there_may_mistype_twelve_times_as_often():
    first = log_in(0.0, "svc", "10.0.0.9", good=True)
    retries = [log_in(5.0 + 5 * n, "svc", "10.0.0.9") for n in range(1000)]
    assert called(FailedAuth(CONFIG), [first, *retries]) == []
    brute = [log_in(5.0 + n, "svc", "10.0.0.9") for n in range(121)]
    assert called(FailedAuth(CONFIG), [first, *brute]) == [(125.0, "burst", "principal svc", 121)]
    elsewhere = [log_in(5.0 + n, "svc", "203.0.113.7") for n in range(11)]
    assert called(FailedAuth(CONFIG), [first, *elsewhere]) == [(15.0, "burst", "principal svc", 11)]


def test_more_requests_than_anyone_may_send():
    config = SecurityConfig.model_validate(
        {"api_abuse": {"ceiling": "2000/5 minutes", "newcomer": "2000/5 minutes"}}
    )
    found = called(ApiAbuse(config), [request(n / 8) for n in range(2002)])
    assert found == [
        (250.0, "ceiling", "address 203.0.113.7", 2001),
        (250.125, "ceiling", "address 203.0.113.7", 2002),
    ]


def test_a_ceiling_below_what_is_usual_of_anyone_holds_too():
    config = SecurityConfig.model_validate({"api_abuse": {"ceiling": "10/minute", "newcomer": "10/minute"}})
    found = called(ApiAbuse(config), [request(float(n)) for n in range(11)])
    assert found == [(10.0, "ceiling", "address 203.0.113.7", 11)]


def hours_of(who: str, rate: float, hours: int, begin: float = 0.0) -> Iterator[SecurityEvent]:
    """Five minutes of requests in each hour."""
    for hour in range(hours):
        for n in range(int(rate * 300)):
            yield request(begin + hour * HOUR + n / rate, who=who)


def test_far_more_requests_than_is_usual_for_who_sends_them():
    detector = ApiAbuse(SecurityConfig.model_validate({"api_abuse": {"usual": {"hours": 1, "minimum": 50}}}))
    assert called(detector, hours_of("busy", 0.5, 30)) == []  # 150 in 5 minutes, each hour
    found = called(detector, (request(30 * HOUR + n / 4, who="busy") for n in range(4 * 300)))
    assert found[0][1:] == ("unusual_rate", "principal busy", 451)  # 3 times 150, and one more


def test_in_the_first_day_no_one_is_new_and_afterwards_who_is_new_may_send_less():
    detector = ApiAbuse(CONFIG)
    assert called(detector, (request(n / 20) for n in range(6000))) == []
    later = [request(2 * DAY + n / 20, where="192.0.2.1") for n in range(3002)]
    assert [kind for _, kind, _, _ in called(detector, later)] == ["newcomer", "newcomer"]


def test_a_job_of_every_night_is_no_newcomer_though_its_second_night_begins_early():
    nights = [DAY * night + 7000 - night + n / 20 for night in range(4) for n in range(6000)]
    assert called(ApiAbuse(CONFIG), (request(at, who="batch") for at in [0.0, *nights])) == []


def test_many_people_behind_one_address_are_each_held_against_themselves():
    office = (request(DAY * 2 + n / 20, who=f"user{n % 100}", where="198.51.100.1") for n in range(20 * 300))
    assert called(ApiAbuse(CONFIG), office) == []


@pytest.mark.parametrize(("status", "path"), [(429, "/x"), (200, "/healthz"), (200, "/-/ready")])
def test_what_was_stopped_and_what_probes_is_not_counted(status: int, path: str):
    config = SecurityConfig.model_validate(
        {"api_abuse": {"ceiling": "1600/5 minutes", "newcomer": "1600/5 minutes"}}
    )
    assert called(ApiAbuse(config), (request(0.01 * n, path, status) for n in range(5000))) == []


def test_the_twenty_first_path_that_is_refused_is_a_scan():
    found = called(ApiAbuse(CONFIG), [request(float(n), f"/wp-{n}.php", 404) for n in range(21)])
    assert found == [(20.0, "scan", "address 203.0.113.7", 21)]


def test_a_crawler_with_some_dead_links_is_no_scan():
    pages = [request(0.3 * n, f"/docs/{n}", 404 if n % 10 == 0 else 200) for n in range(1000)]
    assert called(ApiAbuse(CONFIG), pages) == []


def test_one_path_that_is_gone_is_no_scan():
    assert called(ApiAbuse(CONFIG), [request(float(n), "/v0/old", 404) for n in range(1000)]) == []


def test_the_first_read_of_what_few_read_is_told():
    detector = DataAccess(CONFIG)
    begin = [read(n * HOUR, f"svc{n}", "grid") for n in range(3)]
    assert called(detector, begin) == []  # it is not known for long enough
    assert called(detector, [read(8 * DAY, "alice", "grid")]) == [
        (8 * DAY, "first_access", "alice on grid", 1.0)
    ]
    assert called(detector, [read(8 * DAY + 1, "alice", "grid"), read(9 * DAY, "svc1", "grid")]) == []


def test_the_first_read_of_what_all_read_is_not():
    detector = DataAccess(CONFIG)
    called(detector, [read(float(n), f"user{n}", "prices") for n in range(6)])
    assert called(detector, [read(8 * DAY, "alice", "prices")]) == []


def test_who_makes_a_resource_is_its_first_reader_and_no_stranger():
    assert called(DataAccess(CONFIG), [read(8 * DAY, "alice", "my_new_table")]) == []


def volumes(hours: int, rows: float) -> list[SecurityEvent]:
    return [read(hour * HOUR, "alice", "prices", rows) for hour in range(hours)]


def test_twice_the_highest_hour_is_borne_and_more_is_not():
    detector = DataAccess(CONFIG)
    called(detector, volumes(80, 200_000))
    at = 80 * HOUR
    assert called(detector, [read(at, "alice", "prices", 400_000)]) == []
    assert called(detector, [read(at + 1, "alice", "prices", 1)]) == [
        (at + 1, "rows", "principal alice", 400_001)
    ]


def test_volumes_below_the_minimum_and_of_a_short_history_are_nothing():
    small, short = DataAccess(CONFIG), DataAccess(CONFIG)
    called(small, volumes(80, 10))
    assert (
        called(small, [read(80 * HOUR, "alice", "prices", 100_000)]) == []
    )  # 10,000 times as much, and little
    called(short, volumes(71, 200_000))
    assert called(short, [read(71 * HOUR, "alice", "prices", 90_000_000)]) == []


def test_a_job_of_the_night_is_usual_though_all_other_hours_are_quiet():
    detector = DataAccess(CONFIG)
    nights = [
        read(day * DAY + hour * HOUR, "batch", "prices", 3e6 if hour == 2 else 100)
        for day in range(10)
        for hour in range(24)
    ]
    assert called(detector, nights) == []


def test_what_was_called_is_not_learnt_as_usual():
    detector = DataAccess(CONFIG)
    called(detector, volumes(80, 200_000))
    thefts = [read((80 + n) * HOUR, "alice", "prices", 1e7) for n in range(3)]
    assert [(kind, value) for _, kind, _, value in called(detector, thefts)] == [("rows", 1e7)] * 3


def test_each_change_is_called_and_counted():
    change = SecurityEvent(
        0.0, Kind.CHANGE, Outcome.SUCCESS, "bob", "10.0.0.1", change="permissions", target="admin"
    )
    detector = SystemChanges(CONFIG)
    found = called(detector, [change, change._replace(at=10.0), change._replace(at=HOUR + 1)])
    assert [(kind, subject, value) for _, kind, subject, value in found] == [
        ("permissions", "permissions by principal bob", 1.0),
        ("permissions", "permissions by principal bob", 2.0),
        ("permissions", "permissions by principal bob", 2.0),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_detectors_keep_no_more_names_than_they_may(seed: int):
    config = SecurityConfig.model_validate({"names": 100})
    auth, api, data = FailedAuth(config), ApiAbuse(config), DataAccess(config)
    for n in range(3000):
        at, name = float(n), f"{seed}-{n}"
        called(auth, [log_in(at, name, name), log_in(at, name, name, good=True)])
        called(api, [request(at, name, 404, where=name)])
        called(data, [read(at, name, name, 5.0, 5.0)])
    assert len(auth.familiar) <= 400
    assert len(api.usual) <= 100
    assert len(data.readers) <= 100
    assert min(auth.let_go, api.let_go, data.let_go) > 0
