"""A break-in in a log file becomes an alert of drift's engine, with its evidence, and ends when it is over."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

from drift.config import load_config
from drift.decisions import Decisions
from drift.detect import compile_rules
from drift.domain import AlertStatus
from drift.metrics import load_metrics
from drift.state import State
from drift.statistics import load_statistics
from drift.telling import Telling
from drift.watchers import open_watchers
from drift.watching import Round, Watching

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
CONFIG = """\
watch: {latency: off, model: off, resources: off, logs: {paths: [logs/*.log]}}
alerts:
  break_ins: {detector: failed_auth, severity: high}
  changes: {detector: system_changes, severity: info}
"""


def test_a_burst_in_a_log_is_an_alert_from_its_first_round_to_its_last(made):
    text = made.config.read_text()
    made.config.write_text(text[: text.index("alerts:")] + CONFIG)
    log = made.config.parent / "logs" / "auth.log"
    log.parent.mkdir()
    log.touch()
    config = load_config(made.config)
    rules = compile_rules(config.alerts, load_metrics(), load_statistics(), ())
    decisions, clock = Decisions(config, rules), [NOW]
    with State.open(config.state_url()) as state:
        watchers = open_watchers(config, None, state)
        with (
            closing(Telling(config, decisions, state, lambda: clock[0])) as telling,
            closing(Watching(decisions, state, telling, watchers)) as watching,
        ):

            def rounds(count: int) -> list[Round]:
                done = []
                for _ in range(count):
                    clock[0] += timedelta(seconds=15)
                    done.append(watching.round(clock[0]))
                return done

            rounds(1)
            with log.open("a") as file:
                for n in range(30):
                    when = (clock[0] + timedelta(seconds=n / 2)).isoformat()
                    file.write(
                        f"ts={when} msg=login_failed user=alice ip=203.0.113.7 password=hunter2hunter2\n"
                    )
            told = [transition for done in rounds(60) for transition in done.transitions]
    assert [(each.key.rule, each.key.column, each.after) for each in told] == [
        ("break_ins", "principal alice", AlertStatus.FIRING),
        ("break_ins", "principal alice", AlertStatus.RESOLVED),
    ]
    fired, ended = told
    assert fired.at - NOW <= timedelta(seconds=60)
    assert (fired.threshold.limit, fired.severity) == (10, "high")
    assert "failed log-ins within 5m" in str(fired.evidence["sentences"])
    assert "hunter2" not in str(fired.evidence)
    last = NOW + timedelta(seconds=15 + 29 / 2)
    assert timedelta(0) <= ended.at - (last + timedelta(minutes=5)) < timedelta(seconds=15)
