"""Which form of the kernel measures, and that the compiled one is neither needed nor loaded unasked."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from drift.engines.kernel import WORTH_COMPILED, choose
from drift.errors import ConfigError

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba (extra fast) is not installed")
WITHOUT_NUMBA = "import sys; sys.modules['numba'] = None  # as if it were not installed\n"


def python(repository: Path, code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_numpy_is_what_runs_once() -> None:
    assert choose().NAME == "numpy"
    assert choose("auto", comparisons=WORTH_COMPILED - 1).NAME == "numpy"
    assert choose("numpy", comparisons=WORTH_COMPILED, long_lived=True).NAME == "numpy"


@needs_numba
def test_the_compiled_form_is_for_much_or_for_long() -> None:
    assert choose("auto", comparisons=WORTH_COMPILED).NAME == "numba"
    assert choose("auto", long_lived=True).NAME == "numba"
    assert choose("numba").NAME == "numba"


def test_another_name_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no kernel 'cuda': use auto, numpy or numba"):
        choose("cuda")  # type: ignore[arg-type]


def test_without_numba_auto_is_numpy_and_asking_for_it_says_what_to_install(repository: Path) -> None:
    code = WITHOUT_NUMBA + (
        "import numpy as np\n"
        "from drift.engines.kernel import choose\n"
        "from drift.errors import ConfigError\n"
        "from drift.statistics import STATISTICS\n"
        "from drift.engines.base import DriftLimits\n"
        "kernel = choose('auto', long_lived=True)\n"
        "reference = kernel.prepare(np.arange(200.0).reshape(1, -1))\n"
        "scores = kernel.drift(reference, np.full((1, 4), 50.0), DriftLimits(), list(STATISTICS.values()))\n"
        "print(kernel.NAME, scores.value[0, 1])\n"
        "try:\n"
        "    choose('numba')\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    used, said = python(repository, code).splitlines()
    assert used == "numpy 0.745"
    assert said.startswith("the kernel numba cannot be loaded (")
    assert said.endswith('): pip install "drift-monitor[fast]", or use the kernel auto or numpy')


def test_the_kernel_and_drift_itself_load_no_numba(repository: Path) -> None:
    code = (
        "import sys, drift, drift.engines, drift.engines.kernel\n"
        "drift.engines.kernel.choose()\n"
        "print([name for name in ('numba', 'llvmlite', 'scipy') if name in sys.modules])"
    )
    assert python(repository, code) == "[]"
