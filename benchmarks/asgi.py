"""What does counting every request cost a service, and are the counts right?

    python -m benchmarks.asgi [--small] [--requests 10000] [--rounds 9] [--connections 32]

A FastAPI service in a process of its own, with our middleware, without any, and with those of others that
are installed, is asked a mix on loopback: health, a city, a forecast, a stream, and what ends in 404, 405,
422 and 500. All take turns of five hundred requests, so that what else the machine does meets all alike. What
the client was answered is held against what the service counted. What must hold: the counts are equal, and
the throughput is at least 95 % of that without. Seconds mean little on a machine that is not alone; `added`
is the server's own CPU, and means more.
"""

# ruff: noqa: S603 - it starts the services beside it
from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

import psutil

from benchmarks.asgi_app import MIDDLEWARES
from benchmarks.loopback import Ask, ask_all, get_json
from benchmarks.options import date_of, out_of, parser
from benchmarks.record import Cell, Record, machine, versions
from benchmarks.timing import ROOT

LEAST = 0.95
TURN = 500
BODY = json.dumps({"city": "Pune", "hours": 24}).encode()
COLUMNS = ["middleware", "requests/s", "of none", "server CPU, µs a request", "added, µs", "counts"]
PACKAGES = ("fastapi", "starlette", "uvicorn", "httptools", "uvloop", "prometheus-client")
MIX = (
    (40, Ask("GET", "/health", "/health")),
    (30, Ask("GET", "/cities/{n}", "/cities/{city}")),
    (15, Ask("POST", "/predict", "/predict", BODY)),
    (4, Ask("GET", "/stream", "/stream")),
    (4, Ask("GET", "/nowhere/{n}", "unmatched")),
    (3, Ask("POST", "/predict", "/predict", b"{}")),
    (2, Ask("DELETE", "/health", "/health")),
    (2, Ask("GET", "/broken", "/broken")),
)
"""The share of each kind of request; {n} is another number each time."""


@dataclass(slots=True)
class Served:
    """A service with a middleware, and what it did in each turn."""

    port: int
    process: psutil.Process
    rates: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    asked: int = 0
    answered: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def ask(self, asks: Sequence[Ask], connections: int, *, counts: bool) -> None:
        """One turn."""
        cpu, wall = self._cpu(), time.perf_counter()
        answered = asyncio.run(ask_all(self.port, asks, connections))
        wall, cpu = time.perf_counter() - wall, self._cpu() - cpu
        self.answered += answered
        if counts:
            self.rates.append(len(asks) / wall)
            self.cpus.append(cpu)
            self.asked += len(asks)

    def _cpu(self) -> float:
        used = self.process.cpu_times()
        return used.user + used.system

    def differences(self) -> int | None:
        """How many requests it counted otherwise than we were answered; None: it counts none."""
        counted = Counter({(e, m, s): int(n) for e, m, s, n in asyncio.run(get_json(self.port, "/counts"))})
        if not counted:
            return None
        return ((counted - self.answered) + (self.answered - counted)).total()


def mix(number: int) -> list[Ask]:
    """So many requests, the same ones each time."""
    chance = random.Random(7)  # noqa: S311 - no secret
    kinds = chance.choices([ask for _, ask in MIX], [share for share, _ in MIX], k=number)
    return [replace(ask, path=ask.path.format(n=n)) for n, ask in enumerate(kinds)]


def batched(asks: Sequence[Ask]) -> Iterator[Sequence[Ask]]:
    """A round in short turns: what else the machine does changes by the second."""
    return (asks[start : start + TURN] for start in range(0, len(asks), TURN))


def turned(services: Sequence[Served], at: int) -> Iterator[Served]:
    """Another one begins each time."""
    return (services[(at + each) % len(services)] for each in range(len(services)))


@contextmanager
def served(name: str) -> Iterator[Served]:
    """The service with that middleware, until it is no longer needed."""
    command = [sys.executable, "-m", "benchmarks.asgi_app", name]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the service has no pipes")
        try:
            yield Served(json.loads(process.stdout.readline())["port"], psutil.Process(process.pid))
        finally:
            process.stdin.close()


def cost(options: argparse.Namespace) -> Record:
    """The record."""
    where = machine()
    number, rounds = (
        options.requests or (400 if options.small else 10_000),
        options.rounds or (2 if options.small else 9),
    )
    asks = mix(number)
    with ExitStack() as stack:
        there = {name: need for name, (need, _) in MIDDLEWARES.items() if need is None or find_spec(need)}
        services = {name: stack.enter_context(served(name)) for name in there}
        for turn in range(rounds + 1):
            for at, some in enumerate(batched(asks)):
                for service in turned(list(services.values()), at):
                    service.ask(some, options.connections, counts=turn > 0)
        rows = [_row(name, service, services["none"]) for name, service in services.items()]
    return Record(
        name="asgi",
        title="What counting every request costs a service",
        date=date_of(options),
        where=where,
        settings={"requests": number, "rounds": rounds, "connections": options.connections},
        columns=COLUMNS,
        rows=rows,
        notes=_notes(set(MIDDLEWARES) - set(there)),
        versions=versions((*PACKAGES, *(name for name in MIDDLEWARES if name not in ("none", "drift")))),
    )


def _row(name: str, service: Served, none: Served) -> list[Cell]:
    """Medians of the turns, and of their own ratios; the CPU of all, as it is told in coarse ticks."""
    ratio = statistics.median(ours / bare for ours, bare in zip(service.rates, none.rates, strict=True))
    cpu, bare_cpu = (sum(each.cpus) / each.asked * 1e6 for each in (service, none))
    differ = service.differences()
    counts = "–" if name == "none" else "equal" if differ == 0 else f"{differ:,} differ" if differ else "none"
    rate = statistics.median(service.rates)
    return [name, rate, ratio, cpu, None if name == "none" else cpu - bare_cpu, counts]


def _notes(absent: set[str]) -> list[str]:
    return [
        "of none: requests a second ÷ those of the same turn without a middleware; the median of the turns",
        "counts: by endpoint, method and status, beside what the client was answered",
        "others may label what no route takes by its path, or `none`: a choice of theirs, which differs here",
        *(f"{name} is not installed" for name in sorted(absent)),
    ]


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write; the exit code is 1 where ours counts wrongly or costs too much."""
    made = parser(__doc__)
    made.add_argument("--requests", type=int, help="a round (default: 10000; small: 400)")
    made.add_argument("--rounds", type=int, help="that count (default: 9; small: 2)")
    made.add_argument("--connections", type=int, default=32, help="at once (default: 32)")
    options = made.parse_args(words)
    record = cost(options)
    record.write(out_of(options))
    ours = next(row for row in record.rows if row[0] == "drift")
    costs = not options.small and isinstance(ours[2], float) and ours[2] < LEAST
    return int(ours[-1] != "equal" or costs)


if __name__ == "__main__":
    sys.exit(main())
