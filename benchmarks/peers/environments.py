"""An environment of its own for each peer: their pins exclude each other's, and drift's."""

# ruff: noqa: S603 - it starts Python
from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer: the package, what is asked of it, and what its environment needs."""

    package: str
    label: str
    requires: Sequence[str]

    @property
    def module(self) -> str:
        """What runs in its environment."""
        return f"benchmarks.peers.{self.package}_drift"


PEERS = (
    Peer("evidently", "Evidently, drift preset", ("evidently==0.7.23", "pandas>=2.2,<3.1", "pyarrow>=18")),
    Peer("nannyml", "NannyML, KS, Wasserstein and JS", ("nannyml==0.13.1", "statsmodels", "pyarrow>=18")),
    Peer("whylogs", "whylogs, profiles and KS", ("whylogs[viz]==1.6.4", "pandas>=2.2,<3", "pyarrow>=18")),
)


class MissingError(Exception):
    """A peer is not to be had; the text says why."""


def python_of(peer: Peer, folder: Path | None) -> Path:
    """The interpreter that has the peer: this one, or that of an environment made in the folder if need be.

    Raises:
        MissingError: it is not installed here, or does not install.
    """
    if folder is None:
        if find_spec(peer.package) is None:
            raise MissingError(f"{peer.package} is not installed here")
        return Path(sys.executable)
    place = folder.absolute() / peer.package
    python, done = place / "bin" / "python", place / "requirements.txt"
    wanted = "\n".join(peer.requires) + "\n"
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        _run([sys.executable, "-m", "venv", "--clear", str(place)], peer)
        _run([str(python), "-m", "pip", "install", "--quiet", *peer.requires], peer)
        done.write_text(wanted, encoding="utf-8")
    return python


def _run(command: Sequence[str], peer: Peer) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        last = (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1:]
        raise MissingError(f"{peer.package} does not install: {''.join(last)}")
