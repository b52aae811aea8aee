"""The local engine: blocks of whole cities over threads of this process.

Reading, sorting and the compiled kernel let other threads run; a block is in memory only while it is
worked on, so the memory needed does not grow with the fleet. A thread knows the context of whoever asked,
what is bound to the log and the trace, as the work would without threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

T = TypeVar("T")
Block = tuple[str, ...]


class Engine(Protocol):
    """What carries work to blocks of cities."""

    def __call__(self, work: Callable[[Block], T], blocks: Sequence[Block], /) -> Iterable[T]:
        """What the work gives for each block, in the blocks' order; an error that it raises is raised."""
        ...


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """So many threads of this process; None: as many as there are cores."""

    workers: int | None = None

    def __call__(self, work: Callable[[Block], T], blocks: Sequence[Block], /) -> Iterator[T]:
        """See `Engine`."""
        return map_blocks(work, blocks, self.workers)


def map_blocks(
    work: Callable[[Block], T], blocks: Sequence[Block], workers: int | None = None
) -> Iterator[T]:
    """The work done on each block, in the blocks' order; no more than twice as many at once as workers."""
    workers = min(workers or os.cpu_count() or 1, len(blocks))
    if workers < 2:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="drift-engine") as pool:
        rest = iter(blocks)
        running = [pool.submit(copy_context().run, work, block) for block in islice(rest, 2 * workers)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(copy_context().run, work, block) for block in islice(rest, 1)]
