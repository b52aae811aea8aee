"""Everything drift raises on purpose, so that a caller can catch by cause.

DriftError                 the root: its text names the thing and the remedy
├── ConfigError            the config, or a word on the command line, is wrong
├── StoreError             the feature store cannot be read as asked
│   ├── StoreAwayError         it does not answer: nothing of it can be read now, and later it may be
│   ├── StoreNotFoundError     there is nothing at that path
│   ├── EmptyStoreError        there is a table, and it has no rows
│   ├── ColumnError            a column is missing, or is of the wrong type
│   └── TimestampError         a timestamp cannot be placed in UTC
├── WindowError            a window does not fit the data or the slot
├── UndefinedError         a metric or a statistic has no value, with the reason
├── StateError             the state database cannot be read or written
├── SinkError              a run could not be published
├── WatchError             a watcher cannot read what it watches
├── ReportError            a page could not be written
└── ChannelError           a message was not delivered; `permanent` says whether to retry
"""

from __future__ import annotations

from drift.reasons import Undefined


class DriftError(Exception):
    """The root of every error that drift raises on purpose."""


class ConfigError(DriftError):
    """The config, or a word on the command line, is wrong."""


class StoreError(DriftError):
    """The feature store cannot be read as asked."""


class StoreAwayError(StoreError):
    """The store does not answer: no city of it can be read now, and the slot is worth another try."""


class StoreNotFoundError(StoreError):
    """There is nothing at the path, glob or URL of a table."""


class EmptyStoreError(StoreError):
    """A table is there and has no rows."""


class ColumnError(StoreError):
    """A column is missing, or holds another type than the mapping says."""


class TimestampError(StoreError):
    """A timestamp cannot be placed in UTC."""


class WindowError(DriftError):
    """A window does not fit the data or the slot."""


class UndefinedError(DriftError):
    """A metric or a statistic has no value; `reason` says why."""

    def __init__(self, name: str, reason: Undefined) -> None:
        super().__init__(f"{name} is undefined: {reason.text}")
        self.name = name
        self.reason = reason


class StateError(DriftError):
    """The state database cannot be read or written."""


class SinkError(DriftError):
    """A run could not be published to a sink."""


class WatchError(DriftError):
    """A watcher cannot read what it watches."""


class ReportError(DriftError):
    """A page could not be written."""


class ChannelError(DriftError):
    """A message was not delivered. `permanent` is True where trying again cannot help; `retry_after` is how
    many seconds the receiver asked to be left alone, where it did.
    """

    def __init__(self, message: str, *, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
