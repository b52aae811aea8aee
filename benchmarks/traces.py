"""What do traces cost a slot, with a collector that takes them and with dead ones?

    python -m benchmarks.traces [--small] [--cities 200] [--rounds 7]

`drift run` as cron starts it, a process a slot, slots an hour apart: without traces, with a collector on
loopback, with one that nobody listens at and with one that takes connections and never answers, in turn. And
a span by itself: where nothing is recorded, and where it is.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import TO_KEEP, drift_command, interleave, measure
from benchmarks.workload import Fleet, write_config, write_fleet
from drift.domain import iso
from drift.telemetry import traces

SPANS = 1_000
"""Fewer than wait in memory at most: one that finds no room costs a line of a log."""
COLUMNS = ["collector", "wall, s", "CPU, s", "more CPU, s", "waits at the end, s"]


class _Taker(BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read it, and say so."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def collectors() -> Iterator[dict[str, str | None]]:
    """The collectors by name, and where they are."""
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), _Taker) as taker,
        socket.create_server(("127.0.0.1", 0)) as hole,
    ):
        taker.daemon_threads = True
        threading.Thread(target=taker.serve_forever, daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as gone:
            refused = gone.getsockname()[1]
        yield {
            "none: traces are off": None,
            "takes them": f"http://127.0.0.1:{taker.server_port}",
            "nobody listens": f"http://127.0.0.1:{refused}",
            "never answers": f"http://127.0.0.1:{hole.getsockname()[1]}",
        }
        taker.shutdown()


def seconds_a_span() -> float:
    """Of one span with three attributes and one more."""

    def one() -> None:
        with traces.span("read", cities=128, first="a city", start="2026-03-01T00:00:00Z") as reading:
            reading.set(rows=1234)

    return min(timeit.repeat(one, number=SPANS, repeat=5)) / SPANS


def later(config: Path, fleet: Fleet) -> Callable[[], None]:
    """The next slot, in a process of its own, whenever called."""
    hours = count(1)

    def run() -> None:
        ran = measure(drift_command("run", "-c", config, "--slot", iso(fleet.slot(next(hours)))))
        if ran.code:
            raise RuntimeError(ran.err)

    return run


def seconds_at_the_end(endpoint: str | None) -> float:
    """So long the end of a process waits for the collector to take a slot's spans."""
    if endpoint is None:
        return 0.0
    traces.set_up(endpoint=endpoint)
    for _ in range(60):
        with traces.span("read", cities=128):
            pass
    began = time.perf_counter()
    traces.shut_down()
    return time.perf_counter() - began


def cost(options: argparse.Namespace) -> Record:
    """The record."""
    where, rounds = machine(), options.rounds or (1 if options.small else 7)
    fleet = Fleet(options.cities or (8 if options.small else 200), current_hours=24, later_hours=24)
    off = seconds_a_span()
    with work_folder(options) as folder, collectors() as places:
        write_fleet(fleet, folder / "store")
        cases = {}
        for n, (name, endpoint) in enumerate(places.items()):
            extra = "" if endpoint is None else f"traces: {{endpoint: {json.dumps(endpoint)}}}"
            config = write_config(fleet, folder / "store", folder / str(n), extra=extra)
            cases[name] = later(config, fleet)
        timed = interleave(cases, runs=rounds, warm=TO_KEEP)
        ends = {name: seconds_at_the_end(endpoint) for name, endpoint in places.items()}
        traces.set_up(endpoint=places["takes them"])
        on = seconds_a_span()
        traces.shut_down()
    plain = timed["none: traces are off"]
    rows: list[list[Cell]] = [
        [name, each.wall, each.cpu, each.cpu - plain.cpu, ends[name]] for name, each in timed.items()
    ]
    return Record(
        name="traces",
        title="What traces cost a slot",
        date=date_of(options),
        where=where,
        settings={"cities": fleet.cities, "rounds": rounds},
        columns=COLUMNS,
        rows=rows,
        notes=[
            f"a span takes {off * 1e9:,.0f} ns where nothing is recorded, {on * 1e6:,.0f} µs where it is",
            "whole processes, start included; medians; references are kept between slots",
        ],
    )


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, help="default: 200")
    made.add_argument("--rounds", type=int, help="default: 7")
    options = made.parse_args(words)
    cost(options).write(out_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
