"""The config's `security`: what it takes, what it refuses and in which words, and that reading it is cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from limits import parse
from pydantic import ValidationError

from drift.config_security import SecurityConfig


def test_rates_are_written_as_the_limits_library_reads_them():
    config = SecurityConfig.model_validate({"failed_auth": {"principal": "7 per 2 minutes"}})
    rate = parse(config.failed_auth.principal)
    assert (rate.amount, rate.get_expiry()) == (7, 120)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"failed_auth": {"principal": "often"}}, "'often' is no rate"),
        ({"failed_auth": {"principal": "0/minute"}}, "a rate of none"),
        ({"api_abuse": {"ceiling": "100/minute"}}, "newcomer: is counted in the time of the ceiling"),
        ({"api_abuse": {"scan_share": 1.5}}, "less than or equal to 1"),
        ({"names": 5}, "greater than or equal to 100"),
        ({"read_at_once": "1kB"}, "greater than or equal to 1000000"),
        ({"lateness": "0s"}, "longer than zero"),
        ({"failed_auths": {}}, "failed_auths"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        SecurityConfig.model_validate(given)


def test_a_config_that_says_nothing_of_rates_waits_for_no_library(repository: Path):
    code = "import sys; from drift.config import SecurityConfig; print('limits' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
