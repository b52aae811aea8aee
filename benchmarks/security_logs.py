"""Days of a platform's logs, made up: hundreds of people and services that mean well, and attacks in between.

Three logs, as a platform has them: a gateway's access log, the API's JSON by ECS, the log-in service's
logfmt. Lines are written up to ten seconds after what they tell of, as requests take time. The days before
the one that is judged have their log-ins, reads and batch jobs whole, and of plain requests five minutes an
hour: so much as shows what is usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

START = datetime(2025, 3, 3, tzinfo=UTC)
DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
OFFICE, NEW_OFFICE = "198.51.100.10", "198.51.100.77"
TABLES = ("load_forecast", "load_actual", "weather", "prices", "meters", "calendar")
CLOSE = "grid_topology"
"""Read by three services only."""
ALLOW = (
    {"why": "the nightly deployment", "principal": "deploy-bot", "between": ["03:00", "04:00"]},
    {"why": "the nightly training", "principal": "svc-train", "change": "model_registry"},
)
"""What the platform's people would allow."""


Line = tuple[float, str, str]
"""When something happened, the log that tells of it, and what that says."""


class Written(NamedTuple):
    """A line, in the order of writing: when it was written, to which log, what it says."""

    at: float
    log: str
    text: str


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: what it is found by, and the moment from which on it can be. `subjects` are whom alarms
    may name for it.
    """

    name: str
    detector: str
    detectable: float
    subjects: frozenset[str]


@dataclass(slots=True)
class Platform:
    """The days: `history` of them before the one with attacks. `scale` is of plain requests: 1 gives more
    than a million events on that day.
    """

    seed: int
    history: int = 7
    scale: float = 1.0
    people: int = 300
    attacked: bool = True
    attacks: list[Attack] = field(default_factory=list)
    events: int = 0
    """How many lines of the last day were written."""
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 - made-up people
        self.start = START.timestamp()
        self.judged = self.start + self.history * DAY

    start: float = field(init=False)
    judged: float = field(init=False)

    def home(self, person: int) -> str:
        """Where a person works: four in ten in the office, behind one address."""
        return OFFICE if person % 5 < 2 else f"203.0.{person // 200}.{person % 200 + 1}"

    def lines(self) -> Iterator[Written]:
        """Every line, in the order of writing."""
        waiting: list[tuple[float, int, str, str]] = []
        count = 0
        schedule = self._attacks() if self.attacked else []
        schedule.sort()
        schedule.reverse()
        for day in range(self.history + 1):
            planned = self._plan(day)
            planned.reverse()
            for minute in range(1440):
                begin = self.start + day * DAY + minute * MINUTE
                said = list(self._minute(begin, minute, whole=day == self.history))
                for source in (planned, schedule):
                    while source and source[-1][0] < begin + MINUTE:
                        said.append(source.pop())
                for at, log, text in said:
                    count += 1
                    delay = min(self.random.expovariate(2.0), 10.0) if log != "auth" else 0.05
                    heappush(waiting, (at + delay, count, log, text))
                self.events += len(said) if day == self.history else 0
                while waiting and waiting[0][0] < begin + MINUTE:
                    at, _, log, text = heappop(waiting)
                    yield Written(at, log, text)
        while waiting:
            at, _, log, text = heappop(waiting)
            yield Written(at, log, text)

    def _minute(self, begin: float, minute: int, *, whole: bool) -> Iterator[Line]:
        """Plain requests of one minute."""
        if not whole and minute % 60 >= 5:
            return
        draw, hour = self.random, minute / 60
        busy = 0.5 + 0.5 * max(0.0, 1 - abs(hour - 13) / 7)
        for at in self._times(begin, 7.0 * busy * self.scale):
            yield (
                at,
                "api",
                api(at, "GET", f"/api/v1/forecast/{draw.randrange(60)}", 200, "svc-dashboard", "10.0.3.7"),
            )
        at_work = 7 <= hour < 19
        for at in self._times(begin, (9.0 if at_work else 0.3) * self.scale):
            person = draw.randrange(self.people)
            status = 200 if draw.random() < 0.985 else draw.choice((404, 403, 422, 500))
            path = f"/api/v1/{draw.choice(TABLES)}/{draw.randrange(400)}"
            yield at, "api", api(at, "GET", path, status, f"user{person:03d}", self.home(person))
        for at in self._times(begin, 3.0 * self.scale):
            status = 200 if draw.random() < 0.97 else 404
            path = (
                f"/public/city/{draw.randrange(80)}" if status == 200 else f"/public/{draw.randrange(9999)}"
            )
            yield at, "gateway", access(at, f"192.0.2.{draw.randrange(250)}", "GET", path, status)
        for at in self._times(begin, 1.5 * self.scale):
            yield (
                at,
                "auth",
                logfmt(at, "ingested", user="svc-meter-gw", ip="10.0.4.2", path="/ingest/v1", status=202),
            )
        for at in self._times(begin, 0.4):
            yield at, "gateway", access(at, "10.0.0.5", "GET", "/healthz", 200)
        if whole:
            yield from self._oddities(begin, minute)

    def _oddities(self, begin: float, minute: int) -> Iterator[Line]:
        """What looks odd and is honest: a crawler of the docs, a client of a path that is no more, one that
        was told to slow down.
        """
        draw = self.random
        if 600 <= minute < 650:
            for at in self._times(begin, 3.0):
                page = draw.randrange(700)
                yield (
                    at,
                    "gateway",
                    access(at, "192.0.3.9", "GET", f"/docs/p{page}", 404 if page % 20 == 0 else 200),
                )
        if 900 <= minute < 960:
            for at in self._times(begin, 0.5):
                yield at, "gateway", access(at, "192.0.3.40", "GET", "/api/v0/forecast", 404)
        if 1000 <= minute < 1006:
            for at in self._times(begin, 20.0):
                yield at, "api", api(at, "GET", "/api/v1/prices/1", 429, "user250", self.home(250))

    def _times(self, begin: float, rate: float) -> list[float]:
        """Times of a minute, at a rate a second."""
        count = rate * MINUTE
        n = int(count) + (self.random.random() < count % 1)
        return [begin + self.random.random() * MINUTE for _ in range(n)]

    def _plan(self, day: int) -> list[Line]:
        """What happens once a day or so, in the order of time: log-ins, reads, jobs, changes."""
        begin, draw = self.start + day * DAY, self.random
        found: list[Line] = []
        for person in range(self.people):
            for hour in (draw.gauss(8.7, 0.5), draw.gauss(13.2, 0.4)):
                found += self._log_in(begin + hour * HOUR, f"user{person:03d}", self.home(person), typos=0.08)
        for n in range(24):
            found.append(log_in(begin + n * HOUR + 600, "success", "svc-forecast", "10.0.5.9"))
        found += self._reads(begin) + self._jobs(begin)
        if day == self.history:
            found += self._bad_days(begin)
        return sorted(found)

    def _log_in(self, at: float, who: str, where: str, typos: float) -> list[Line]:
        """A log-in, after one to three typos of some."""
        found: list[Line] = []
        while self.random.random() < typos and len(found) < 3:
            found.append(log_in(at, "failure", who, where, reason="wrong password"))
            at += self.random.uniform(5, 20)
            typos = 0.4
        return [*found, log_in(at, "success", who, where)]

    def _reads(self, begin: float) -> list[Line]:
        """Analysts read at work, each in a size of their own; three services read what is closely held."""
        draw = self.random
        found: list[Line] = []
        for analyst in range(20):
            usual = 2000 * 1.4**analyst
            for hour in range(8, 18):
                for _ in range(draw.randrange(1, 6)):
                    at, rows = begin + (hour + draw.random()) * HOUR, usual * draw.lognormvariate(0, 0.5)
                    found.append(
                        (
                            at,
                            "api",
                            read(at, f"user{analyst:03d}", self.home(analyst), draw.choice(TABLES), rows),
                        )
                    )
        for service in ("svc-grid", "svc-outage", "svc-plan"):
            at = begin + HOUR + draw.random() * 600
            found.append((at, "api", read(at, service, "10.0.6.1", CLOSE, 50_000)))
        return found

    def _jobs(self, begin: float) -> list[Line]:
        """Batch jobs at night, and the changes that belong to them."""
        draw, found = self.random, []
        for _ in range(int(30_000 * max(self.scale, 0.05))):
            at = begin + 2 * HOUR + draw.random() * 2400
            found.append(
                (at, "api", read(at, "svc-batch", "10.0.7.1", draw.choice(TABLES), draw.uniform(2e3, 6e3)))
            )
        at = begin + 3.1 * HOUR
        found.append((at, "api", api(at, "PUT", "/admin/config/gateway", 200, "deploy-bot", "10.0.8.1")))
        at = begin + 4.2 * HOUR
        found.append(
            (at, "auth", logfmt(at, "model_registered", user="svc-train", ip="10.0.8.2", model="load-v7"))
        )
        return found

    def _bad_days(self, begin: float) -> list[Line]:
        """Honest trouble: retries with a token that has expired, told as such and not; a forgotten password;
        the first day of a new office; the first look at a table that all read.
        """
        found: list[Line] = []
        for n in range(1080):
            at = begin + 13.2 * HOUR + 5 * n
            found.append(log_in(at, "failure", "svc-forecast", "10.0.5.9"))
            found.append(log_in(at, "failure", "svc-new", "10.0.5.10", reason="token expired"))
        at = begin + 11.5 * HOUR
        found += [log_in(at + 30 * n, "failure", "user260", self.home(260)) for n in range(7)]
        found.append(log_in(at + 400, "success", "user260", self.home(260)))
        for person in range(200, 240):
            when = begin + 9 * HOUR + self.random.random() * 2400
            found += self._log_in(when, f"user{person:03d}", NEW_OFFICE, typos=0.15)
        for person in range(100, 130):
            when = begin + (10 + self.random.random() * 6) * HOUR
            found.append((when, "api", read(when, f"user{person}", self.home(person), "prices", 300)))
        return found

    def _attacks(self) -> list[Line]:
        """Every attack, at a time of its own."""
        from benchmarks.security_attacks import attacks

        made = attacks(self.random, self.judged)
        self.attacks = [attack for attack, _ in made]
        return [line for _, lines in made for line in lines]


def stamp(at: float) -> str:
    """A time as ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def access(at: float, ip: str, method: str, path: str, status: int) -> str:
    """A line of the combined access log: to the second, as they are."""
    when = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(at))).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'{ip} - - [{when}] "{method} {path} HTTP/1.1" {status} 512 "-" "client/1.0"'


def api(at: float, method: str, path: str, status: int, user: str, ip: str) -> str:
    """A request in ECS, as the platform's own API writes it."""
    return (
        f'{{"@timestamp":"{stamp(at)}","log.level":"info","message":"request","service":{{"name":"api"}},'
        f'"http":{{"request":{{"method":"{method}"}},"response":{{"status_code":{status},'
        f'"body":{{"bytes":512}}}}}},'
        f'"url":{{"path":"{path}"}},"user":{{"name":"{user}"}},"source":{{"ip":"{ip}"}}}}'
    )


def read(at: float, user: str, ip: str, table: str, rows: float) -> str:
    """A read of data, in ECS, of 80 bytes a row."""
    return (
        f'{{"@timestamp":"{stamp(at)}","log.level":"info","message":"data read","service":{{"name":"api"}},'
        f'"event":{{"category":["database"],"outcome":"success"}},"dataset":"{table}","rows":{rows:.0f},'
        f'"http":{{"request":{{"method":"GET"}},"response":{{"status_code":200,'
        f'"body":{{"bytes":{80 * rows:.0f}}}}}}},'
        f'"url":{{"path":"/api/v1/data/{table}"}},"user":{{"name":"{user}"}},"source":{{"ip":"{ip}"}}}}'
    )


def log_in(at: float, outcome: str, user: str, ip: str, **more: str) -> Line:
    """A log-in as the log-in service has it."""
    return at, "auth", logfmt(at, "login", outcome, user=user, ip=ip, **more)


def logfmt(at: float, event: str, outcome: str = "", **more: str | int) -> str:
    """A line of the log-in service."""
    said = "".join(
        f' {name}="{value}"' if " " in str(value) else f" {name}={value}" for name, value in more.items()
    )
    return f"ts={stamp(at)} level=info msg={event}" + (f" outcome={outcome}" if outcome else "") + said
