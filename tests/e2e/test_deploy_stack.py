"""What docker-compose.yml starts, started without containers: the very commands of the services `demo`, `drift` and
`mlflow`, as processes on loopback, with a real PostgreSQL and the stack's own config.

Only names of hosts and folders are changed, as a container has its own. The last hours are caught up and not three
days; traces go to a port where nobody listens, which must hold nothing up.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .. import throwaway  # noqa: TID252 - tests are no package
from .deployed import REPOSITORY, environment, services

pytestmark = pytest.mark.slow
PATIENCE = 240.0
"""Seconds until what must come is given up, on a machine that is busy."""
FIRST = "2008-01-05T09:05:00Z"
LAST = "2008-01-05T12:05:00Z"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as there:
        return int(there.getsockname()[1])


def get(port: int, path: str, host: str) -> tuple[int, str]:
    """What a server on loopback answers to a request for `host`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


class Stack:
    """The services' commands, with this folder and these ports for theirs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.drift, self.mlflow = folder, free_port(), free_port()
        self.states = {name: throwaway.database() for name in ("drift", "mlflow")}
        for name in ("data", "log", "artifacts", "tmp"):
            (folder / name).mkdir()
        config = (REPOSITORY / "deploy" / "compose" / "drift.yaml").read_text()
        (folder / "drift.yaml").write_text(self.here(config))
        self.log = folder / "log" / "drift.ndjson"

    def here(self, text: str) -> str:
        """The text with what a container calls otherwise by the names it has here."""
        text = re.sub(r"postgresql\+psycopg://\S+@postgres/(\w+)", lambda found: self.states[found[1]], text)
        text = re.sub(
            r"(?<![\w.])/data/", f"{self.folder}/data/", text
        )  # not the second one in /data/demo/data/
        for there, place in {
            "/etc/drift/drift.yaml": f"{self.folder}/drift.yaml",
            "--artifacts-destination=/data": f"--artifacts-destination={self.folder}/artifacts",
            "/var/log/drift/": f"{self.folder}/log/",
            "http://mlflow:5000": f"http://127.0.0.1:{self.mlflow}",
            "mlflow:5000": f"mlflow:{self.mlflow}",
            "127.0.0.1:5000": f"127.0.0.1:{self.mlflow}",
            "--port=5000": f"--port={self.mlflow}",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - taken away
            "http://jaeger:4318": "http://127.0.0.1:9",
            "drift serve": f"drift serve --port {self.drift}",
            "2008-01-02T00:05:00Z": FIRST,
        }.items():
            text = text.replace(there, place)
        return text

    def started(self, service: str) -> subprocess.Popen[bytes]:
        """The process of a service, as its container would start it; what it says is in a file."""
        said = services()[service]
        words = [self.here(word) for word in (*said["entrypoint"], *said["command"])]
        given = {name: self.here(value) for name, value in said["environment"].items()}
        beside = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        own = {"PATH": beside, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(self.folder / "tmp")}
        with (self.folder / f"{service}.said").open("wb") as out:
            return subprocess.Popen(
                words, cwd=self.folder / "tmp", stdout=out, stderr=out, start_new_session=True,
                env={**os.environ, **given, **own, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip

    def said(self, service: str) -> str:
        return (self.folder / f"{service}.said").read_text(errors="replace")[-3000:]


def ended(process: subprocess.Popen[bytes]) -> int:
    """How a process and whatever it started end when they are told to."""
    process.terminate()
    try:
        return process.wait(60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def soon(found: Callable[[], object], process: subprocess.Popen[bytes], what: str) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if found():
                return
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come; the process ended with {process.poll()}")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """MLflow is up, and the demo is done."""
    made = Stack(tmp_path_factory.mktemp("stack"))
    server = made.started("mlflow")
    try:
        soon(
            lambda: get(made.mlflow, "/health", "localhost")[0] == 200,
            server,
            f"MLflow ({made.said('mlflow')})",
        )
        demo = made.started("demo")
        assert demo.wait(PATIENCE) == 0, made.said("demo")
        yield made
    finally:
        ended(server)


def test_mlflow_answers_under_the_names_it_has_in_the_stack(stack: Stack):
    path = "/api/2.0/mlflow/experiments/search?max_results=9"
    status, text = get(stack.mlflow, path, f"mlflow:{stack.mlflow}")
    assert status == 200
    assert "drift" in {experiment["name"] for experiment in json.loads(text)["experiments"]}
    assert get(stack.mlflow, path, f"elsewhere:{stack.mlflow}")[0] == 403


def test_drift_catches_up_serves_logs_where_filebeat_reads_and_stops_when_told(stack: Stack):
    process = stack.started("drift")
    try:
        soon(
            lambda: LAST in get(stack.drift, "/readyz", "drift")[1],
            process,
            f"the last slot ({stack.said('drift')})",
        )
        status, gauges = get(stack.drift, "/metrics", f"drift:{stack.drift}")
        assert status == 200
        assert 'model_accuracy{metric="accuracy",model_version="v2"}' in gauges
        assert get(stack.drift, "/", f"localhost:{stack.drift}")[0] == 200
        assert get(stack.drift, "/", "elsewhere")[0] == 421
    finally:
        code = ended(process)
    assert code == 0, stack.said("drift")
    lines = [json.loads(line) for line in stack.log.read_text().splitlines()]
    assert sum("slot done" in str(line) for line in lines) == 3
    assert "stopped" in str(lines[-1])
    told = stack.said("drift") + stack.log.read_text()
    assert not any(secret in told for name, secret in environment().items() if name != "SLACK_URL")
