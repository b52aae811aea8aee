"""The Spark engine: the same work on the same blocks of cities, in executors instead of threads.

Why: a fleet that is read from an object store, or is larger than one machine likes, is measured where there
are more cores; and a platform that runs Spark anyway need run nothing else.

How: the blocks are numbered, the numbers become a DataFrame whose partitions keep every core busy, and
`mapInArrow` does the work of each number where it lies. The manifest of blocks and the work travel once,
pickled. Only what the work gives comes back, as binary, in parallel, past the JVM's heap (`toArrow`).
Executors need drift installed, in the driver's version, and must reach the store under the config's paths.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self, TypeVar, cast

from drift.config import SparkConfig
from drift.engines.local import Block
from drift.errors import ConfigError, DriftError
from drift.redact import redact_in
from drift.text import printable

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

T = TypeVar("T")

INSTALL = 'pip install "drift-monitor[spark]"'
_SETTINGS = {
    "spark.app.name": "drift",
    "spark.driver.maxResultSize": "0",  # results go past the JVM's heap to Python, whose memory limits them
    "spark.log.level": "ERROR",  # what fails is told by the error that is raised
    "spark.ui.enabled": "false",  # it would listen on every address of the machine
    "spark.ui.showConsoleProgress": "false",
}
_LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
_BLOCKS_A_TASK = 8  # at most, so that what a lost executor had done is soon done again; a task costs 30 ms


@dataclass(frozen=True)
class SparkEngine:
    """Maps blocks over a Spark cluster: see `Engine`."""

    config: SparkConfig

    @classmethod
    def of(cls, config: SparkConfig) -> Self:
        """The engine; Spark is not started yet.

        Raises:
            ConfigError: pyspark is not installed.
        """
        if find_spec("pyspark") is None:
            raise ConfigError(f"engine.kind: spark needs pyspark: {INSTALL}, or set engine.kind to local")
        return cls(config)

    @cached_property
    def session(self) -> SparkSession:
        """The session there is, as in a notebook or under spark-submit; else one of the config's.

        Raises:
            ConfigError: Spark does not start.
        """
        from pyspark.sql import SparkSession

        there = SparkSession.getActiveSession()
        if there is not None:
            return there
        with _told("Spark does not start", ConfigError, "it needs Java 17 or newer; see engine.spark"):
            builder = SparkSession.builder
            for key, value in self._settings().items():
                builder = builder.config(key, value)
            started = builder.getOrCreate()
        if str(started.sparkContext.master).startswith("local"):  # the python3 on the path may be another
            started.sparkContext.pythonExec = os.environ.get("PYSPARK_PYTHON", sys.executable)
        return started

    def _settings(self) -> dict[str, str]:
        """Spark's settings in plain text, the config's before ours: show them to no one but Spark."""
        given = {key: value.get_secret_value() for key, value in self.config.conf.items()}
        if self.config.master is None:
            return _SETTINGS | given
        here = _LOCAL if self.config.master.startswith("local") else {}
        return _SETTINGS | here | {"spark.master": self.config.master} | given

    def __call__(self, work: Callable[[Block], T], blocks: Sequence[Block], /) -> Iterator[T]:
        """See `Engine`."""
        return map_blocks(work, blocks, self.session)


def map_blocks(work: Callable[[Block], T], blocks: Sequence[Block], session: SparkSession) -> Iterator[T]:
    """The work done on each block by the session's executors, in the blocks' order.

    Raises:
        DriftError: what the work raised; or executors failed, with what they said and the remedy.
    """
    if not blocks:
        return
    answer = partial(_answers, pickle.dumps(work), tuple(blocks))
    tasks = session.range(0, len(blocks), 1, numPartitions=_tasks(session, len(blocks)))
    remedy = (
        "every executor needs this version of drift and of what extends it; if one died, it may have been "
        "short of memory: make engine.block smaller, or spark.executor.memoryOverhead larger"
    )
    with _told("an executor of Spark failed", DriftError, remedy):
        answers = tasks.mapInArrow(answer, "block long, raised boolean, found binary").toArrow()
    order = answers["block"].to_numpy().argsort()
    for row in order.tolist():
        found = pickle.loads(answers["found"][row].as_buffer())  # noqa: S301 - our own executors'
        if answers["raised"][row].as_py():
            raise found
        yield cast("T", found)


def _tasks(session: SparkSession, blocks: int) -> int:
    """One a core, or more where a task would have more blocks than may be lost with an executor."""
    cores: int = session.sparkContext.defaultParallelism
    return min(blocks, max(cores, -(-blocks // _BLOCKS_A_TASK)))


def _answers(
    sent: bytes, blocks: Sequence[Block], numbers: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """On an executor: the work done on the blocks of these numbers, a row each."""
    import pyarrow as pa

    for batch in numbers:
        for number in batch.column("id").to_pylist():
            raised, found = _answer(sent, blocks[number])
            rows = [[number], [raised], pa.array([pickle.dumps(found, protocol=5)], pa.binary())]
            yield pa.record_batch(rows, names=["block", "raised", "found"])


def _answer(sent: bytes, block: Block) -> tuple[bool, object]:
    """What the work gives, or, with True, the error of ours that it raised: retrying would not mend it."""
    try:
        return False, pickle.loads(sent)(block)  # noqa: S301 - our own driver's
    except DriftError as error:
        return True, error


@contextmanager
def _told(what: str, kind: type[DriftError], remedy: str) -> Iterator[None]:
    """Errors of Spark as ours, in one line instead of two stacks."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise kind(f"{what} ({_gist(str(error))}): {remedy}") from error


def _gist(text: str) -> str:
    """The line of a Python or a Java stack that says what happened."""
    lines = [line.strip() for line in text.splitlines() if not re.match(r"\s*(at |File |\^|\.\.\. )", line)]
    causes = [line for line in lines if line.startswith("Caused by:")]
    telling = causes[0] if causes else next((line for line in reversed(lines) if line), "nothing was said")
    return printable(redact_in(telling.rpartition("SparkException: ")[2]), 300)
