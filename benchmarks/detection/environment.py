"""The rivals' libraries, each in an environment of its own, called with arrays."""

# ruff: noqa: S603 - it starts Python
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.environments import PEERS, MissingError, Peer, python_of

ROOT = Path(__file__).resolve().parents[2]
RIVER = Peer("river", "river, ADWIN, Page–Hinkley and KSWIN", ("river==0.26.1",))
KNOWN = {peer.package: peer for peer in (*PEERS, RIVER)}
QUIET = {
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Libraries:
    """Where their environments are, or are made when first asked for; None: no library is run."""

    folder: Path | None

    def call(self, package: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
        """What the package's program makes of the arrays, and its `version`.

        Raises:
            MissingError: it is not to be run, does not install, or fails.
        """
        if self.folder is None:
            raise MissingError(f"{package}: not asked for (--venv FOLDER)")
        python = python_of(KNOWN[package], self.folder)
        print(f"… {package}", file=sys.stderr)  # noqa: T201 - it takes a while
        with tempfile.TemporaryDirectory(prefix="drift-benchmark-") as folder:
            given, found = Path(folder) / "in.npz", Path(folder) / "out.npz"
            np.savez(given, allow_pickle=False, **arrays)
            module = f"benchmarks.detection.libraries.with_{package}"
            command = [str(python), "-m", module, str(given), str(found)]
            environment = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT)}
            ran = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            if ran.returncode:
                last = (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1:]
                raise MissingError(f"{package} does not run: {''.join(last)}")
            with np.load(found, allow_pickle=False) as read:
                return {name: read[name] for name in read.files}
