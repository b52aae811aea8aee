"""Where does a warm slot's time go? The function of drift that each thread is in, seen 500 times a second.

    python -m benchmarks.anatomy [--cities 1000] [--looks 3]

Samples rather than a profiler's hooks, because an engine's threads count too and small functions would pay
for being watched. Time in NumPy or Arrow is the time of the function of drift that called them. Threads that
only wait for others are left out; seconds are a place's share of the samples times the look's seconds.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Self

import drift
from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.workload import LAYOUTS, Fleet, write_config, write_fleet
from drift import Monitor, load_config

EVERY = 0.002
SHOWN = 25
HOUSE = str(Path(drift.__file__).parent) + "/"
WAITING = ("/threading.py", "/concurrent/futures/", "/queue.py")


class Watch:
    """Looks at what all other threads do, until it is closed."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        own = threading.get_ident()
        while not self._done.wait(EVERY):
            for thread, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way to see them
                where = None if thread == own else place_of(frame)
                if where is not None:
                    self.seen[where] += 1


def place_of(frame: FrameType | None) -> str | None:
    """The innermost function of drift in a stack, `file: function`; None if there is none, or it waits."""
    if frame is None or any(word in frame.f_code.co_filename for word in WAITING):
        return None
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(HOUSE):
            return f"{code.co_filename.removeprefix(HOUSE)}: {code.co_name}"
        frame = frame.f_back
    return None


def anatomy(options: argparse.Namespace) -> Record:
    """The record."""
    where = machine()
    looks = options.looks or (1 if options.small else 3)
    fleet = Fleet(options.cities or (4 if options.small else 1000), later_hours=max(24, looks))
    with work_folder(options) as folder:
        write_fleet(fleet, folder / "store", options.layout)
        config = write_config(fleet, folder / "store", folder, extra=options.extra.replace("\\n", "\n"))
        monitor = Monitor(load_config(config), sinks=())
        monitor.look(fleet.slot())
        started = time.perf_counter()
        with Watch() as watch:
            for later in range(looks):
                monitor.look(fleet.slot(later + 1))
        wall = (time.perf_counter() - started) / looks
    samples = max(watch.seen.total(), 1)
    rows: list[list[Cell]] = [
        [place, many / samples * wall, 100 * many / samples] for place, many in watch.seen.most_common(SHOWN)
    ]
    settings = {"cities": fleet.cities, "looks": looks, "layout": options.layout, "s a look": wall}
    title = f"Where a warm slot of {fleet.cities:,} cities spends its time"
    notes = [f"{samples:,} samples; the {SHOWN} places where most of them fell"]
    columns = ("file: function", "s of a look", "% of the samples")
    return Record("anatomy", title, date_of(options), where, settings, columns, rows, notes)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, help="how many (default: 1000; small: 4)")
    made.add_argument("--looks", type=int, help="warm looks (default: 3; small: 1)")
    made.add_argument(
        "--layout", choices=LAYOUTS, default="sorted", help="how the store's files are laid out"
    )
    made.add_argument("--extra", default="", help="more YAML for the config, such as 'engine: {kind: local}'")
    options = made.parse_args(words)
    anatomy(options).write(out_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
