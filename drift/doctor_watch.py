"""What `drift doctor` says of the platform's rules, and of what watches it: which rule is judged by whom, and
whether the Prometheus that is asked answers.
"""

from __future__ import annotations

from collections.abc import Iterator

from drift.config import Config, RuleConfig, format_duration
from drift.config_rules import SECURITY
from drift.detect import WATCHERS
from drift.doctor_check import Check
from drift.errors import WatchError


def platform_rule(config: Config, name: str, rule: RuleConfig, what: str, advice: str = "") -> Check:
    """Who judges a rule on the platform: drift's own watchers, Prometheus, or nobody. `advice` is what there
    is to say of one that drift judges.
    """
    part = WATCHERS[what]
    lasting = f" for {format_duration(rule.duration)}" if rule.duration else ""
    found = f"{rule.words}{lasting}: "
    if config.watch is not None and part in config.watch.on:
        if part == "model" and config.watch.prometheus is None:
            advice = "drift itself makes no predictions: name a Prometheus that has them: watch.prometheus"
        said = f"{found}watched by `drift serve` and `drift watch` (watch.{part})"
        return Check(f"alerts.{name}", said, advice)
    if what in SECURITY:
        advice = "name the log files that are to be followed: watch: {logs: {paths: [/var/log/api/*.log]}}"
        return Check(f"alerts.{name}", f"{found}nothing follows the logs", advice)
    advice = "drift watches it with `watch: on`; or load the platform.yml that `drift export rules` writes"
    return Check(f"alerts.{name}", f"{found}for Prometheus only, as watch.{part} is off", advice)


def watched(config: Config) -> Iterator[Check]:
    """What is watched, and where it is read from."""
    watch = config.watch
    if watch is None:
        return
    if watch.prometheus is None:
        if watch.latency is not None:
            yield Check(
                "watch",
                f"{', '.join(sorted(watch.on))}; of requests those of `drift serve` itself",
                "to watch the services that forecast, name a Prometheus that scrapes them: watch.prometheus",
            )
        else:
            yield Check("watch", ", ".join(sorted(watch.on)) or "every part is off")
        return
    from drift.watchers.promql import Prometheus

    asked = Prometheus(watch.prometheus, config.base)
    try:
        series = asked.vector("count by (job) (api_requests_total)")
    except WatchError as error:
        advice = "latency and models are not watched until it answers; the other parts are"
        yield Check("watch", str(error), advice, bad=True)
        return
    finally:
        asked.close()
    services = ", ".join(sorted(one.labels.get("job", "") for one in series))
    yield Check(
        "watch",
        f"{', '.join(sorted(watch.on))}; Prometheus answers, and has requests of: {services or 'no service'}",
        "" if series else "nothing that it scrapes shows api_requests_total: see docs/telemetry.md",
    )
