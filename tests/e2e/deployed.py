"""The files that deploy drift, as the tools that take them read them: docker-compose, kubectl, hadolint."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
EXAMPLE = REPOSITORY / ".env.example"
LOCAL = "drift:local"
"""The image that is built from the Dockerfile; all others are taken from a registry."""


def tool(name: str) -> str:
    """Where a program of deploy/tools.txt is; without it the test is skipped."""
    found = shutil.which(name, path=os.environ.get("DRIFT_DEPLOY_TOOLS")) or shutil.which(name)
    if found is None:
        pytest.skip(
            f"no {name} here: install deploy/tools.txt, and name its bin folder in DRIFT_DEPLOY_TOOLS"
        )
    return found


def tools_python() -> str:
    """The Python beside those programs, which has their schemas."""
    folder = os.environ.get("DRIFT_DEPLOY_TOOLS")
    if folder is None:
        pytest.skip(
            "no schemas here: install deploy/tools.txt, and name its bin folder in DRIFT_DEPLOY_TOOLS"
        )
    return str(Path(folder) / "python")


def ran(*words: object, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """A program that has ended, whatever it said."""
    return subprocess.run([*map(str, words)], input=text, capture_output=True, text=True, check=False)


def compose(*words: object, env_file: Path = EXAMPLE) -> subprocess.CompletedProcess[str]:
    """docker-compose on our file; it asks no daemon for what is asked here."""
    file = REPOSITORY / "docker-compose.yml"
    return ran(tool("docker-compose"), "--file", file, "--env-file", env_file, *words)


@functools.cache
def composed() -> dict[str, Any]:
    """The whole file as docker-compose understands it: merged, filled in, checked."""
    answer = compose("config", "--format", "json", "--no-path-resolution")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == "", "docker-compose warns of something"
    model: dict[str, Any] = json.loads(answer.stdout)
    return model


def services() -> dict[str, dict[str, Any]]:
    """The services by their name, which is also their host's name."""
    found: dict[str, dict[str, Any]] = composed()["services"]
    return found


def ours() -> list[str]:
    """The services that run drift's own image."""
    return [name for name, service in services().items() if service["image"] == LOCAL]


def binds(service: str) -> dict[str, Path]:
    """What of the repository a service sees: the file or folder by the path it has in there."""
    mounts = services()[service].get("volumes", [])
    return {m["target"]: REPOSITORY / m["source"] for m in mounts if m["type"] == "bind"}


def listening(service: str) -> set[int]:
    """The ports on which a service is published."""
    return {port["target"] for port in services()[service].get("ports", [])}


def is_there(address: str) -> bool:
    """Whether a URL, or `host:port`, leads to a service of ours on a port that it has."""
    place = urlsplit(address if "//" in address else f"//{address}")
    return place.hostname in services() and place.port in listening(place.hostname)


def laid_out(service: str, folder: Path) -> Path:
    """A folder that has what the service sees of the repository where it sees it."""
    for target, source in binds(service).items():
        place = folder / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, place) if source.is_dir() else shutil.copy(source, place)
    return folder


def environment() -> dict[str, str]:
    """What .env.example sets."""
    lines = EXAMPLE.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def documents(file: Path) -> list[dict[str, Any]]:
    """The objects of a manifest."""
    return [*yaml.safe_load_all(file.read_text())]


def built() -> list[dict[str, Any]]:
    """The objects that `kubectl apply -k deploy/kubernetes` would apply."""
    answer = ran(tool("kubectl"), "kustomize", KUBERNETES)
    assert answer.returncode == 0, answer.stderr
    return [*yaml.safe_load_all(answer.stdout)]


def pods() -> Iterator[dict[str, Any]]:
    """The pod of each manifest that starts one."""
    for file in sorted(KUBERNETES.glob("*.yaml")):
        for document in documents(file):
            if document.get("kind") == "Deployment":
                yield document["spec"]["template"]["spec"]
            elif document.get("kind") == "CronJob":
                yield document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
