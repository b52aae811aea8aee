"""How long something took and whether it went well, told once at each end: as a decorator or in a `with`.

A decorator that times functions is easy. What is not: one object is used by many tasks and threads at once,
coroutines and generators take their time after they were called, and a cancellation is an end as well.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from functools import wraps
from threading import Lock, get_ident
from time import perf_counter
from types import TracebackType
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
Told: TypeAlias = Callable[[float, bool], None]
"""Is told how many seconds it took, and whether it failed."""
Again: TypeAlias = "Callable[[], Tracked]"


class Tracked:
    """Something while it is done, in a `with` or an `async with`, or whenever a function does it.

    It may be entered again before it was left, by the same task, by others and by other threads: each keeps
    its own time. What raises failed, and is raised on, cancellations too. As a decorator it takes functions,
    coroutine functions, and generators of both kinds, which are one doing from the first item asked for to
    the last. Who stops asking earlier has had what was wanted: that is no failure.

    >>> with Tracked(lambda seconds, failed: print(seconds < 60, failed)):
    ...     pass
    True False
    """

    def __init__(self, told: Told, clock: Callable[[], float] = perf_counter) -> None:
        self._told, self._clock = told, clock
        self._begun: list[tuple[object, float]] = []
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._begun.append((_who(), self._clock()))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        well = kind is None or issubclass(kind, GeneratorExit)
        self._told(self._clock() - self._begin_of_this(), not well)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _begin_of_this(self) -> float:
        """When this task or thread entered last. One that leaves for another, as where a server runs the two
        halves of a dependency in two threads, leaves for whoever entered last.
        """
        who = _who()
        with self._lock:
            own = (at for at in range(len(self._begun) - 1, -1, -1) if self._begun[at][0] == who)
            return self._begun.pop(next(own, -1))[1]

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, tracked at each call: one of the same kind, name and signature."""
        tracked = cast("Callable[..., Any]", function)

        def again() -> Tracked:
            return Tracked(self._told, self._clock)

        if inspect.isasyncgenfunction(function):
            return cast("Callable[P, R]", _async_items(again, tracked))
        if inspect.isgeneratorfunction(function):
            return cast("Callable[P, R]", _items(again, tracked))
        if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
            return cast("Callable[P, R]", _awaited(again, tracked))

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with again():
                return function(*args, **kwargs)

        return call


def _awaited(again: Again, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def call(*args: object, **kwargs: object) -> object:
        with again():
            return await function(*args, **kwargs)

    return call


def _items(again: Again, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: object, **kwargs: object) -> Generator[Any, Any, Any]:
        with again():
            return (yield from function(*args, **kwargs))

    return call


def _async_items(again: Again, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def call(*args: object, **kwargs: object) -> AsyncGenerator[Any, None]:
        with again():
            async with aclosing(function(*args, **kwargs)) as items:
                async for item in items:
                    yield item

    return call


def _who() -> object:
    """The task that runs, or the thread where no loop does."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs here
        task = None
    return task or get_ident()
