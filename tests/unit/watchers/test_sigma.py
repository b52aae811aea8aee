"""The Sigma rules in config/sigma: sound, as `sigma check` has it, and with the numbers of the config."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from limits import parse

from drift.config_security import SecurityConfig
from drift.config_values import parse_duration

CONFIG = SecurityConfig()
AUTH, API = CONFIG.failed_auth, CONFIG.api_abuse


def rule(repository: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((repository / "config/sigma" / f"{name}.yml").read_text())
    return found


@pytest.mark.slow
def test_sigma_check_finds_nothing_wrong(repository: Path):
    sigma, folder = Path(sys.executable).with_name("sigma"), repository / "config/sigma"
    command = [sigma, "check", "--fail-on-issues", "-c", folder / "checks.yaml", folder]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "No validation issues found" in ran.stdout


@pytest.mark.parametrize(
    ("name", "kind", "rate", "by", "field"),
    [
        ("failed_auth_principal", "event_count", AUTH.principal, "user.name", None),
        ("failed_auth_address", "event_count", AUTH.address, "source.ip", None),
        ("failed_auth_spray", "value_count", AUTH.spray, "source.ip", "user.name"),
        ("failed_auth_distributed", "value_count", AUTH.distributed, "user.name", "source.ip"),
        ("api_abuse_ceiling", "event_count", API.ceiling, "source.ip", None),
        ("api_abuse_scan", "value_count", API.scan, "source.ip", "url.path"),
    ],
)
def test_a_correlation_has_the_numbers_of_the_config(
    repository: Path, name: str, kind: str, rate: str, by: str, field: str | None
):
    said, limit = rule(repository, name)["correlation"], parse(rate)
    assert said["type"] == kind
    assert said["group-by"] == [by]
    assert parse_duration(said["timespan"]).total_seconds() == limit.get_expiry()
    assert said["condition"] == {"gt": limit.amount} | ({"field": field} if field else {})


def test_the_other_correlations_follow_the_config_too(repository: Path):
    broken = rule(repository, "failed_auth_break_in")["correlation"]
    assert parse_duration(broken["timespan"]).total_seconds() == parse(AUTH.principal).get_expiry()
    assert broken["rules"] == ["failed_auth_principal", "login_succeeded"]
    volume = rule(repository, "data_access_bytes")["correlation"]
    assert volume["condition"]["gt"] == CONFIG.data_access.bytes.minimum
    assert volume["timespan"] == "1h"


@pytest.mark.parametrize("kind", CONFIG.system_changes.kinds())
def test_a_rule_of_changes_has_the_paths_of_the_config(repository: Path, kind: str):
    selection = rule(repository, f"system_changes_{kind}")["detection"]["selection"]
    patterns = [path.replace("**", "*") for path in CONFIG.system_changes.kinds()[kind].paths]  # type: ignore[index]
    if "url.path|contains" in selection:
        assert [f"*{path}*" for path in selection["url.path|contains"]] == patterns
    else:
        assert selection["url.path"] == list(dict.fromkeys(patterns))
    assert selection["http.request.method"] == ["POST", "PUT", "PATCH", "DELETE"]


def test_each_rule_is_referred_to_by_its_files_name(repository: Path):
    files = sorted((repository / "config/sigma").glob("*.yml"))
    assert len(files) == 18
    assert [rule(repository, file.stem)["name"] for file in files] == [file.stem for file in files]
