"""A small day of the benchmark's own: every attack within a minute, and no false alarm."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from benchmarks.security import watched
from benchmarks.security_logs import ALLOW, Platform
from drift.config_security import SecurityConfig
from drift.watchers.event_stream import SecurityStream

CONFIG = SecurityConfig.model_validate({"allow": ALLOW})


@pytest.mark.slow
def test_every_attack_is_found_within_a_minute_and_nothing_honest_is_called(tmp_path: Path):
    platform = Platform(seed=7, scale=0.02)
    with capture_logs() as said:
        found = watched(platform, tmp_path, CONFIG, psutil.Process().memory_info().rss)
    assert found.missed == []
    assert found.false == []
    assert len(found.delays) == 17
    assert 0 <= min(found.delays.values()) <= max(found.delays.values()) <= 60
    assert found.grown_mb < 200
    assert not [each for each in said if "not judged" in each["event"]]  # rotation lost and repeated nothing


@pytest.mark.slow
def test_an_honest_day_without_a_history_is_quiet():
    stream = SecurityStream(CONFIG, str)
    platform = Platform(seed=8, history=0, scale=0.01, people=60, attacked=False)
    for line in platform.lines():
        stream.take(line.text)
        for _ in stream.ready():
            pass
    assert [subject for _, subject, _ in stream.ledger] == []
    assert stream.counts.events > 10_000
    assert (stream.counts.late, stream.counts.unread) == (0, 0)
