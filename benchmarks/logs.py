"""How many log lines a second does `drift logs process` make ready for Elastic, on one core?

    python -m benchmarks.logs [--small] [--lines 200000]

Lines of six forms in turn (structlog, ECS, logfmt, an access log, plain, JSON with a traceback in Docker's
wrapper), a third of them with something to strip. The command reads a file of them, in a process of its own:
what counts is its CPU time, start and end included, so that what else the machine does costs the figure
little. Then each form and each step by itself, in this process.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import drift_command, measure
from drift.telemetry.ecs_document import document, json_line
from drift.telemetry.log_processor import LogProcessor
from drift.telemetry.log_stream import Line

AT = datetime(2026, 4, 2, tzinfo=UTC)
COLUMNS = ["what", "lines", "µs a line", "lines a second"]
ROUNDS = 3
FORMS = ("structlog", "ECS", "logfmt", "access log", "plain", "a traceback in Docker's wrapper")
In = TypeVar("In")
Out = TypeVar("Out")


def lines(count: int, seed: int = 1) -> list[str]:
    """So many lines, the forms of `FORMS` in turn; the same seed gives the same lines."""
    rng = random.Random(seed)  # noqa: S311 - made-up logs
    return [_MAKERS[n % len(FORMS)](rng, n) for n in range(count)]


def _when(rng: random.Random, n: int) -> str:
    return f"2026-04-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}.{rng.randrange(10**6):06}Z"


def _address(rng: random.Random) -> str:
    return f"10.0.{rng.randrange(20)}.{rng.randrange(250)}"


def _structlog(rng: random.Random, n: int) -> str:
    said = {
        "event": "forecast made",
        "level": "info",
        "timestamp": _when(rng, n),
        "rows": rng.randrange(9999),
    }
    model = {"city": rng.choice(["Delhi", "Mumbai"]), "model_version": "day-ahead", "took": rng.random()}
    return json.dumps(said | model | {"trace_id": f"{rng.getrandbits(128):032x}"})


def _ecs(rng: random.Random, n: int) -> str:
    name = f"user{rng.randrange(500)}"
    return json.dumps(
        {
            "@timestamp": _when(rng, n),
            "log": {"level": "warning", "logger": "api.auth"},
            "message": f"login of {name}@example.com failed",
            "user": {"name": name},
            "source": {"ip": _address(rng)},
            "event": {"action": "login", "outcome": "failure"},
            "http": {"request": {"headers": {"authorization": f"Bearer {rng.getrandbits(64):x}"}}},
        }
    )


def _logfmt(rng: random.Random, n: int) -> str:
    took, samples = rng.random(), rng.randrange(9999)
    target = f"http://{_address(rng)}:9100/metrics"
    return (
        f'ts={_when(rng, n)} level=info msg="scrape done" target={target} took={took:.4f}s samples={samples}'
    )


def _access(rng: random.Random, n: int) -> str:
    clock = f"{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}"
    request = f"GET /forecast/{rng.randrange(99)}?horizon=24 HTTP/1.1"
    end = f'{rng.choice([200, 200, 404, 500])} {rng.randrange(9999)} "-" "python-requests/2.32"'
    return f'{_address(rng)} - user{rng.randrange(500)} [01/Apr/2026:{clock} +0530] "{request}" {end}'


def _plain(rng: random.Random, n: int) -> str:
    when = _when(rng, n)[:19].replace("T", " ")
    return f"{when},123 INFO drift.monitor: slot done in {rng.random():.2f} s, load=123456.789"


def _wrapped(rng: random.Random, n: int) -> str:
    when, secret = _when(rng, n), f"pw{rng.getrandbits(32):x}"
    trace = f'Traceback (most recent call last):\n  File "/app/x.py", line 3, in read\nE: password={secret}'
    said = {"asctime": when, "levelname": "ERROR", "name": "drift.stores", "exc_info": trace}
    said["message"] = f"cannot read postgresql://bob:{secret}@db:5432/x"
    return json.dumps({"log": json.dumps(said) + "\n", "stream": "stderr", "time": when})


_MAKERS: Sequence[Callable[[random.Random, int], str]] = (
    _structlog,
    _ecs,
    _logfmt,
    _access,
    _plain,
    _wrapped,
)


def timed(do: Callable[[In], Out], given: Sequence[In]) -> tuple[float, list[Out]]:
    """The CPU seconds of one, the best of some rounds, and what came of all."""
    best, made = float("inf"), []
    for _ in range(ROUNDS):
        start = time.process_time()
        made = [do(one) for one in given]
        best = min(best, time.process_time() - start)
    return best / len(given), made


def rows(given: Sequence[str]) -> list[list[Cell]]:
    """Each form through all steps, and each step with all forms."""
    made = LogProcessor(lambda: AT, host="web-1")
    found: list[tuple[str, int, float]] = []
    for n, form in enumerate(FORMS):
        of_form = [Line(text, "/var/log/app.log", 1) for text in given[n :: len(FORMS)]]
        found.append(
            (form, len(of_form), timed(lambda line: json_line(made.documents_of([line])[0]), of_form)[0])
        )
    parse, events = timed(made.parse_log, given)
    enrich, fields = timed(made.enrich_log, events)
    strip, clean = timed(made.filter_sensitive_data, fields)
    place = Line("", "/var/log/app.log", 1)
    metadata, whole = timed(lambda one: made.add_metadata(dict(one), place, AT), clean)
    nest, documents = timed(document, whole)
    write, _ = timed(json_line, documents)
    steps = {"parse": parse, "enrich": enrich, "strip": strip, "metadata": metadata, "write": nest + write}
    found += [(f"step: {step}", len(given), seconds) for step, seconds in steps.items()]
    return [[name, count, seconds * 1e6, 1 / seconds] for name, count, seconds in found]


def processed(options: argparse.Namespace) -> Record:
    """The record."""
    where, count = machine(), 600 if options.small else options.lines
    given = lines(count)
    with work_folder(options) as folder:
        file, out = folder / "mixed.log", folder / "out.ndjson"
        file.write_text("\n".join(given) + "\n", encoding="utf-8")
        ran = measure(drift_command("logs", "process", file, "--out", out))
        if ran.code:
            raise RuntimeError(ran.err)
        documents = out.read_text(encoding="utf-8").count("\n")
    if documents != count:
        raise RuntimeError(f"{count} lines gave {documents} documents")
    command: list[Cell] = ["the command, start to end", count, ran.cpu / count * 1e6, count / ran.cpu]
    return Record(
        name="logs",
        title="Log lines made ready for Elastic, on one core",
        date=date_of(options),
        where=where,
        settings={"lines": count, "bytes a line": sum(map(len, given)) / count},
        columns=COLUMNS,
        rows=[command, *rows(given[:30_000])],
        notes=["CPU time", "forms go through all steps line by line, the command takes batches of all forms"],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The benchmark from the command line."""
    made = parser(__doc__)
    made.add_argument("--lines", type=int, default=200_000, help="how many lines (default: 200,000)")
    options = made.parse_args(arguments)
    processed(options).write(out_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
