"""The commented config that `drift init` writes, for people to fill in with their own data."""

from __future__ import annotations

from pathlib import Path

from drift.errors import ConfigError
from drift.files import write_atomically

STARTER = """\
# drift: what is monitored, and how. Relative paths are relative to this file; ${NAME} is taken from the
# environment. A length of time is a number and a unit: 30s, 15m, 1h, 90d. Ratios are fractions: 0.1 is 10 %.
# `drift doctor` says what is wrong with it.

store:
  kind: parquet                 # a file, a folder, a glob, or an fsspec URL a table
  unit: MW                      # shown beside every load
  # interval: 1h                # the distance of target times; found from the data when left out
  predictions:
    path: data/predictions.parquet
    columns:                    # our name: yours. A column left out is called the same there
      city: city
      target_time: target_time  # the hour a prediction is for
      predicted: predicted
      # model_version: version
      # issue_time: issued      # when it was made; gives horizons
      # lower: p10              # the ends of the prediction interval
      # upper: p90
    # model_version: day-ahead  # for a table that has no such column
    # marks: end                # when a timestamp marks the end of its interval; the start is the default
    # timezone: Asia/Kolkata    # for timestamps that carry no zone
  actuals:
    path: data/actuals.parquet  # predictions and actuals may be the same file
    columns: {city: city, target_time: target_time, actual: actual}
    # columns: {available_time: arrived}   # when an actual became known, if the store knows
  # features:                   # every other numeric column is a feature
  #   path: data/weather.parquet
  #   columns: {city: city, target_time: target_time}

cities: all                     # or a list
timezone: UTC                   # the zone that times are shown in; by city: timezones: {Mumbai: Asia/Kolkata}

windows:
  current: 24h                  # what is judged
  reference: 90d                # what it is judged against; or
                                # {start: 2025-01-01T00:00Z, end: 2025-07-01T00:00Z}
  gap: 0h                       # between the two
  lag: 0h                       # how long before the slot the current window ends, for actuals that come late
  revise_for: 7d                # so long hours are watched: slots that saw them otherwise are measured anew

schedule:
  cron: "5 * * * *"
  timezone: UTC
  catch_up: 24h                 # how far back a missed slot is made up for

accuracy:
  tolerance: 0.10               # within_tolerance: the share of hours this close to the actual
  floor: auto                   # 5 % of a city's 28-day median load; or a number in the store's unit
  min_coverage: 0.6             # below this share of pairs nothing is said
  interval_level: 0.8           # the nominal level of lower and upper
  season: 168h                  # MASE and skill compare with the actual this long before
  leave_out_faults: true        # hours whose actual cannot be a load are counted, and judge no forecast
  # horizon: 24h                # judge the latest issue at least this long before the target time
  # bands: [0h, 6h, 24h, 48h]   # the edges of horizon bands

statistics:
  bins: 10
  min_reference: 100

state: sqlite:///state/drift.db # a password belongs in ${NAME}, or in a file: state_file: /run/secrets/state
history: {dir: history}
reports:
  dir: reports
  cities: alerting              # all gives every city a page each slot
  keep: 30d
  # deep: {timeout: 60s, max_size: 10MB, max_cities: 20, max_rows: 20000}   # bounds of `drift report --deep`
mlflow: {tracking_uri: "sqlite:///mlflow.db", experiment: drift}   # or tracking_uri_file, as for the state
# mlflow.cities: metrics | all | none; mlflow.registered_model: NAME tags its versions (docs/mlflow.md)
serve: {host: 127.0.0.1, port: 9109}   # token_file: secrets/drift_token lets its holders silence alerts
# traces: {endpoint: "http://jaeger:4318"}   # what a slot does, step by step: docs/traces.md
logs: {format: auto, level: info}      # ecs for Elastic, console for people: docs/logs.md
# security:                     # what is looked for in the files of watch.logs: docs/security.md
#   failed_auth: {principal: 10/5 minutes, address: 50/5 minutes}   # `drift logs watch` tries it on a log
#   allow: [{why: the nightly deployment, principal: deploy-bot, between: ["03:00", "04:00"], timezone: UTC}]

detection:                      # what is normal for each city, hour and season, learnt from its own past
  history: 365d                 # before the fit; with less, limits that come with drift are used
  refit: 91d
  # country: IN                 # its holidays are no evidence; by city: countries: {Boston: US}
  late_after: 6h                # so late (after windows.lag) an actual is a fault
# groups: {Mumbai: west, Pune: west}   # cities that may fall together: said in an alert

# Where alerts go; until a channel is here, only the log has them. URLs as Apprise writes them;
# `drift alerts test` sends a marked test through each. A secret belongs in ${NAME}, or in a file: url_file.
# channels:
#   slack: {url: "${SLACK_URL}"}                        # https://hooks.slack.com/services/…
#   email: {url_file: secrets/mail}                     # mailtos://user:password@smtp.example.org?to=ops@example.org
#   sms: {url: "${SMS_URL}"}                            # twilio://…, and others
#   alertmanager: {kind: alertmanager, url: "http://localhost:9093"}
watch:                          # the platform; off where Prometheus pages for it: docs/watchers.md
  latency: {every: 1m}          # drift's own requests; with prometheus those of all services
  resources: {every: 5m}        # cpu, memory, disk, network of this host
  # prometheus: {url: "http://localhost:9090"}
  # logs: {paths: [/var/log/api/*.log]}                   # for the detectors of security
notify:                                                 # base_url, runbooks, stale_after: see docs/alerts.md
  repeat: 24h
  no_data_after: 6h
  late_for: 3h                                          # actuals later than is usual in their city
  # runbook_folder: https://wiki.example/drift          # with a page a kind of alert, as docs/runbooks has
  # command: kubectl exec deploy/drift -- drift         # how people call drift: stands in messages
  # ping_url_file: secrets/ping                         # a dead man's switch, called after each good slot

alerts:
  forecast_worse:               # the error is worse than is normal for this city, these hours, this season
    detector: profile
    budget: 0.5 per city-year   # false alarms; fewer cost some days of delay
    severity: high
    channels: [slack, email]
  fleet_worse:                  # all cities of a model version together, within hours
    detector: fleet
    budget: 0.35 per year
    severity: critical
    channels: [slack, email, sms]
  data_fault:                   # missing, zero or negative, stuck, at the wrong scale
    detector: faults
    severity: warning
    channels: [slack]
  high_latency:                 # the platform's own: see watch; or for Prometheus, by `drift export rules`
    {metric: api_latency_seconds, threshold: 2.0, duration: 5m, severity: critical, channels: [slack, email]}
  resource_usage:
    {metric: resource_usage, threshold: 80.0, duration: 10m, severity: warning, channels: [slack]}
  # errors: {metric: error_rate, threshold: 0.05, duration: 5m, severity: critical}
  # failed_log_ins: {detector: failed_auth, severity: critical}   # in the logs that watch.logs names
  # slowly: {detector: slow, severity: info}                # weeks against the year before: a notice
  # interval_off: {detector: interval, severity: warning}   # lower and upper do not hold what they promise
  # input_off: {detector: features, severity: info}          # one city's input is not as its peers'
  # The platform's own rule, a fixed threshold. `drift replay` says how often it would have called last year:
  # model_accuracy_drop: {metric: model_accuracy, threshold: 0.85, duration: 1h, severity: high}
  # Any metric or statistic may have a rule:
  # temperature_out_of_range: {metric: psi, column: temperature, threshold: 0.5, duration: 6h, severity: info}
"""


def with_store(section: str) -> str:
    """The config with another `store` section."""
    start, end = STARTER.index("store:\n"), STARTER.index("\ncities: all")
    return STARTER[:start] + section + STARTER[end:]


def write_starter(folder: Path, *, force: bool, text: str = STARTER) -> Path:
    """Write `config/drift.yaml` below the folder.

    Raises:
        ConfigError: there is one already and `force` is not set.
    """
    path = folder / "config" / "drift.yaml"
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already: name another folder, or overwrite it with --force")
    write_atomically(path, text.encode())
    return path
