"""What all that speaks with MLflow shares: a quiet client of our own, and its faults as errors of ours.

No global of MLflow is set but environment variables that the user has not set: MLflow calls nobody, prints
nothing to stdout (which is `--json`'s), and gives a server that is away or hangs up soon.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drift.errors import SinkError
from drift.redact import UNSEEN, redact, redact_in
from drift.text import printable

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # DO_NOT_TRACK=1 is not enough
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # by default a slot would be held up for minutes
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow and Alembic from telling their progress on stderr; warnings and errors are still told.

    MLflow reads its environment and sets up its logger when it is imported, so that comes in between.
    """
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    import mlflow  # noqa: F401 - see above

    with ExitStack() as restore:
        for name in ("mlflow", "alembic"):
            logger = logging.getLogger(name)
            restore.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.WARNING)
        yield


@contextmanager
def explained(uri: str, who: str = "mlflow") -> Iterator[None]:
    """Turn what MLflow, its database and its network raise into a `SinkError` with the remedy."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise _failed(uri, who, error) from error
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if not isinstance(error, MlflowException):
            raise
        raise _failed(uri, who, error) from error


def _failed(uri: str, who: str, error: Exception) -> SinkError:
    lines = redact_in(str(error), uri).strip().splitlines() or [type(error).__name__]
    return SinkError(
        f"{who} {redact(uri)}: {printable(lines[0], 300)}; see that mlflow.tracking_uri is right, that "
        f"the server is up or the file can be written, and run `mlflow db upgrade` if its schema is older "
        f"than the MLflow installed"
    )


def open_experiment(uri: str, experiment: str) -> tuple[MlflowClient, str]:
    """A client, and the id of the experiment, made when it is not there.

    Raises:
        SinkError: the experiment is deleted.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    place = _artifacts_beside(uri)
    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        try:
            return client, client.create_experiment(experiment, place)
        except MlflowException:
            found = client.get_experiment_by_name(experiment)  # another process was first
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise SinkError(
            f"mlflow {redact(uri)}: the experiment {experiment!r} is deleted: restore it with `mlflow "
            f"experiments restore -x {found.experiment_id}`, or give another name in mlflow.experiment"
        )
    return client, found.experiment_id


def database_of(uri: str) -> Path | None:
    """The file of a SQLite tracking store; None for a server.

    >>> print(database_of("sqlite:////srv/mlflow.db?timeout=5"), database_of("http://mlflow:5000"))
    /srv/mlflow.db None
    """
    if not uri.startswith("sqlite"):
        return None
    return Path(uri.partition(":///")[2].partition("?")[0].removeprefix("file:"))


def _artifacts_beside(uri: str) -> str | None:
    """For a SQLite file a folder beside it, whatever folder drift was started in; else the server's own."""
    database = database_of(uri)
    if database is None:
        return None
    folder = database.absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "mlartifacts").as_uri()


def server_of(uri: str) -> str | None:
    """Where people find the server; None where there is none, or it can't be said without a secret.

    >>> print(server_of("http://me:word@mlflow:5000/?a=b"), server_of("sqlite:///mlflow.db"))
    http://mlflow:5000 None
    """
    if not uri.startswith(("http://", "https://")):
        return None
    server = redact(uri.partition("?")[0]).rstrip("/")
    return None if server == UNSEEN else server


def run_link(uri: str, experiment: str, identity: str) -> str:
    """Where a person finds the run: the server's page, or its id where there is no server.

    >>> run_link("http://mlflow:5000", "4", "a1"), run_link("sqlite:///mlflow.db", "4", "a1")
    ('http://mlflow:5000/#/experiments/4/runs/a1', 'runs:/a1')
    """
    server = server_of(uri)
    return f"{server}/#/experiments/{experiment}/runs/{identity}" if server else f"runs:/{identity}"


def milliseconds(moment: datetime) -> int:
    """The moment as MLflow counts it: milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
