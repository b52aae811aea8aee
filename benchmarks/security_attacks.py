"""The attacks that the benchmark of security hides in a day, each with the moment from which it can be found.

That moment is the event by which a limit of the defaults is passed: nothing that counts can know sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from benchmarks.security_logs import CLOSE, HOUR, Attack, Line, access, api, log_in, logfmt, read

Made = tuple[Attack, list[Line]]


def _failure(at: float, who: str, where: str) -> Line:
    return log_in(at, "failure", who, where, reason="wrong password")


def _train(begin: float, gaps: Callable[[], float], n: int) -> list[float]:
    """Times one after another."""
    times = [begin]
    while len(times) < n:
        times.append(times[-1] + gaps())
    return times


def attacks(random: Random, day: float) -> list[Made]:
    """One of each kind, each at a time of its own in the day that begins at `day`."""
    hours = random.sample(
        [5, 6, 7.5, 8.5, 9.5, 10.5, 11.2, 12, 15.2, 15.8, 16.4, 17, 18, 19, 20, 21, 22, 23], 18
    )
    times = iter(day + (hour + random.uniform(0, 0.15)) * HOUR for hour in hours)
    made = [kind(random, next(times)) for kind in KINDS]
    return made + [_change(kind, random, next(times)) for kind in CHANGES]


def _found(name: str, detector: str, at: float, *subjects: str) -> Attack:
    return Attack(name, detector, at, frozenset(subjects))


def _burst(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(2, 6), random.randint(30, 90))
    lines = [_failure(t, "user042", "45.9.1.7") for t in times]
    return _found("burst", "failed_auth", times[10], "principal user042", "address 45.9.1.7"), lines


def _break_in(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(1, 3), 40)
    lines = [_failure(t, "user055", "45.9.2.7") for t in times[:-1]]
    lines.append(log_in(times[-1], "success", "user055", "45.9.2.7"))
    return _found("break-in", "failed_auth", times[10], "principal user055", "address 45.9.2.7"), lines


def _spray(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(2, 12), 60)
    lines = [_failure(t, f"user{100 + n:03d}", "45.9.3.7") for n, t in enumerate(times)]
    return _found("spray", "failed_auth", times[10], "address 45.9.3.7"), lines


def _slow_spray(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(40, 50), 40)
    lines = [_failure(t, f"user{160 + n:03d}", "45.9.4.7") for n, t in enumerate(times)]
    return _found("slow spray", "failed_auth", times[10], "address 45.9.4.7"), lines


def _distributed(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(40, 55), 60)
    lines = [_failure(t, "user077", f"45.10.{n}.1") for n, t in enumerate(times)]
    return _found("distributed", "failed_auth", times[10], "principal user077"), lines


def _stuffing(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(0.5, 2), 200)
    lines = [(t, "gateway", access(t, "45.9.5.7", "POST", "/auth/login", 401)) for t in times]
    return _found("stuffing", "failed_auth", float(int(times[50])), "address 45.9.5.7"), lines


def _flood(random: Random, at: float) -> Made:
    rate = random.uniform(40, 120)
    times = _train(at, lambda: random.expovariate(rate), int(rate * 360))
    lines = [(t, "gateway", access(t, "45.9.6.7", "GET", "/public/city/1", 200)) for t in times]
    return _found("flood", "api_abuse", times[3000], "address 45.9.6.7"), lines


def _stolen_key(random: Random, at: float) -> Made:
    rate = random.uniform(10, 20)
    times = _train(at, lambda: random.expovariate(rate), int(rate * 480))
    lines = [
        (t, "api", api(t, "GET", f"/api/v1/meters/{n % 90}", 200, "user017", "45.9.7.7"))
        for n, t in enumerate(times)
    ]
    return _found("stolen key", "api_abuse", times[1500], "principal user017"), lines


def _scan(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(0.5, 3), 90)
    lines = [(t, "gateway", access(t, "45.9.8.7", "GET", f"/wp-{n}.php", 404)) for n, t in enumerate(times)]
    return _found("scan", "api_abuse", float(int(times[20])), "address 45.9.8.7"), lines


def _slow_scan(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(6, 10), 70)
    lines = [
        (t, "api", api(t, "POST", f"/admin/x{n}", random.choice((403, 405)), "user033", "45.9.9.7"))
        for n, t in enumerate(times)
    ]
    return _found("slow scan", "api_abuse", times[20], "address 45.9.9.7"), lines


def _first_access(_random: Random, at: float) -> Made:
    lines = [(at, "api", read(at, "user099", "45.9.10.7", CLOSE, 400))]
    return _found("first access", "data_access", at, f"user099 on {CLOSE}"), lines


def _exfiltration(random: Random, at: float) -> Made:
    times = _train(at, lambda: random.uniform(5, 20), 30)
    lines = [(t, "api", read(t, "user007", "45.9.11.7", "meters", 2_000_000)) for t in times]
    return _found("exfiltration", "data_access", times[0], "principal user007"), lines


KINDS: tuple[Callable[[Random, float], Made], ...] = (
    *(_burst, _break_in, _spray, _slow_spray, _distributed, _stuffing),
    *(_flood, _stolen_key, _scan, _slow_scan, _first_access, _exfiltration),
)
CHANGES = ("configuration", "model_registry", "permissions", "users", "secrets")


def _change(kind: str, _random: Random, at: float) -> Made:
    who, where = "user066", "45.9.12.7"
    said = {
        "configuration": ("api", api(at, "PUT", "/admin/config/limits", 200, who, where)),
        "model_registry": ("auth", logfmt(at, "model_promoted", user=who, ip=where, model="load-v1")),
        "permissions": ("auth", logfmt(at, "role.granted", user=who, ip=where, role="admin")),
        "users": ("api", api(at, "POST", "/admin/users", 201, who, where)),
        "secrets": ("auth", logfmt(at, "secret_rotated", user=who, ip=where, key="db")),
    }[kind]
    return _found(f"{kind} changed", "system_changes", at, f"{kind} by principal {who}"), [(at, *said)]
