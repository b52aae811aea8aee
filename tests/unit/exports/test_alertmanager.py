"""The exported routes and receivers, checked and asked with Alertmanager's own `amtool`."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from drift.exports import Receivers, alertmanager, rules

MAIL = Receivers(smarthost="mail.example:587", mail_from="drift@mail.example", mail_to="on-call@mail.example")


def receivers_of(text: str) -> dict[str, dict]:
    return {receiver.pop("name"): receiver for receiver in yaml.safe_load(text)["receivers"]}


@pytest.fixture
def route(config, amtool, tmp_path):
    """Where an alert with these labels goes."""
    (tmp_path / "alertmanager.yml").write_text(alertmanager(config))

    def ask(**labels: str) -> str:
        words = [f"{name}={value}" for name, value in labels.items()]
        ran = amtool("config", "routes", "test", f"--config.file={tmp_path / 'alertmanager.yml'}", *words)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    return ask


@pytest.mark.parametrize("receivers", [Receivers(), MAIL, Receivers(dead_man="https://ping.example/drift")])
def test_amtool_takes_it(config, amtool, tmp_path, receivers):
    (tmp_path / "alertmanager.yml").write_text(alertmanager(config, receivers))
    ran = amtool("check-config", tmp_path / "alertmanager.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_amtool_takes_that_of_a_config_without_rules(make_config, amtool, tmp_path):
    (tmp_path / "alertmanager.yml").write_text(alertmanager(make_config({})))
    ran = amtool("check-config", tmp_path / "alertmanager.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("rule", "receiver"),
    [
        ("model_accuracy_drop", "slack+email"),
        ("high_latency", "slack+email"),
        ("resource_usage", "slack"),
        ("fleet_worse", "slack+email+sms"),
        ("pooled_mape", "sms"),
        ("day_ahead_of_a_city", "nobody"),  # from drift's own engine it may come, and has no channel
        ("watchdog", "dead-man"),
        ("monitor_late", "nobody"),
        ("monitor_stale", "default"),
        ("delivery_failed", "default"),
        ("no_data", "default"),
        ("of somebody else", "default"),
    ],
)
def test_an_alert_goes_where_its_rule_says(route, rule, receiver):
    assert route(alertname=rule, severity="high", model_version="v1", city="Pune") == receiver


def test_a_rule_is_routed_whatever_its_name(config, hostile):
    """By the text: amtool takes no line feed on its command line, but it has checked the file above."""
    routes = yaml.safe_load(alertmanager(config))["route"]["routes"]
    (found,) = [route for route in routes if route["receiver"] == hostile]
    value = re.fullmatch(r'alertname="(.*)"', found["matchers"][0])[1]
    assert value.replace(r"\n", "\n").replace(r"\"", '"').replace(r"\\", "\\") == hostile


def test_what_is_told_to_all_channels_is_told_to_each_once(config):
    default = receivers_of(alertmanager(config, MAIL))["default"]
    assert [len(default[kind]) for kind in ("slack_configs", "email_configs")] == [1, 1]
    (sms, hostile) = (config["url"] for config in default["webhook_configs"])
    assert sms == "http://127.0.0.1:9109/api/bridge/alertmanager?channel=sms"
    assert hostile.endswith(
        "?channel=worse%20%22now%22%0A%7B%7B%20%24value%20%7D%7D%20%7C%20%5C%20%60x%60%20%C3%A9"
    )


def test_groups_are_a_rule_and_a_model_version_and_repeat_as_in_the_config(make_config, config):
    root = yaml.safe_load(alertmanager(config))["route"]
    assert root["group_by"] == ["alertname", "model_version"]
    waits = {route["matchers"][0]: route.get("group_wait") for route in root["routes"]}
    assert (waits['alertname="fleet_worse"'], waits['alertname="temperature"']) == ("10s", "30s")
    assert root["repeat_interval"] == "1d"
    often = make_config({}, notify={"repeat": "4h"})
    assert yaml.safe_load(alertmanager(often))["route"]["repeat_interval"] == "4h"


def test_a_monitor_that_is_late_stale_or_absent_mutes_alerts_on_forecasts(config):
    muting = {
        rule["source_matchers"][0]: (rule["target_matchers"], rule.get("equal"))
        for rule in yaml.safe_load(alertmanager(config))["inhibit_rules"]
    }
    forecasts = ['about="forecast"']
    assert muting == {
        'alertname="monitor_late"': (forecasts, ["job"]),
        'alertname="monitor_stale"': (forecasts, ["job"]),
        'alertname="monitor_absent"': (forecasts, None),
        'alertname="no_data"': (['alertname="late_actuals"'], ["job", "city"]),  # it says so already
    }


def test_without_a_mail_server_mail_goes_through_drift(config):
    bridged = receivers_of(alertmanager(config))["slack+email"]
    assert [config["url"] for config in bridged["webhook_configs"]] == [
        "http://127.0.0.1:9109/api/bridge/alertmanager?channel=email"
    ]
    own = receivers_of(alertmanager(config, MAIL))["slack+email"]
    assert (own["email_configs"][0]["to"], "webhook_configs" in own) == ("on-call@mail.example", False)


def test_secrets_are_named_and_not_held(config):
    text = alertmanager(config, Receivers(secrets="/run/secrets", **_fields(MAIL)))
    assert "api_url_file: /run/secrets/slack_url" in text
    assert "auth_password_file: /run/secrets/mail_password" in text
    assert not re.search(r"^\s*(api_url|auth_password|credentials):", text, re.MULTILINE)


def _fields(receivers: Receivers) -> dict[str, str | None]:
    return {name: getattr(receivers, name) for name in ("smarthost", "mail_from", "mail_to")}


def test_neither_the_log_nor_an_alertmanager_is_told_what_alertmanager_knows(make_config):
    pair = {"kind": "alertmanager", "url": "http://localhost:9093"}
    rule = {"metric": "mape", "threshold": 1, "channels": ["log", "pair", "sms"]}
    made = make_config({"x": rule}, channels={"pair": pair})
    urls = re.findall(r"channel=(\w+)", alertmanager(made))
    assert set(urls) == {"sms"}
    assert receivers_of(alertmanager(make_config({"x": rule | {"channels": ["log"]}})))["default"] == {}


def test_the_file_says_itself_whom_it_does_not_tell(make_config, config):
    header = alertmanager(make_config({})).partition("route:")[0]
    assert ("It tells nobody" in header, "No dead man's switch" in header) == (True, True)
    header = alertmanager(config, Receivers(dead_man="https://ping.example/drift")).partition("route:")[0]
    assert header.count("\n") == 1


def test_alerts_on_drift_itself_go_where_the_config_says_or_to_all_channels(make_config):
    channels = {name: {"url": "json://localhost"} for name in ("ops", "sms")}
    rule = {"metric": "mape", "threshold": 1, "channels": ["sms"]}
    urls = [
        [config["url"] for config in receivers_of(alertmanager(made))["default"]["webhook_configs"]]
        for made in (
            make_config({"x": rule}, channels=channels),
            make_config({"x": rule}, channels=channels, notify={"channels": ["ops"]}),
        )
    ]
    assert [[url.rpartition("=")[2] for url in each] for each in urls] == [["sms", "ops"], ["ops"]]


def test_no_secret_of_the_config_is_in_what_is_exported(make_config):
    url = "slack://TokenAAAA/TokenBBBB/TokenCCCC"
    made = make_config(
        {"x": {"metric": "mape", "threshold": 1, "channels": ["slack"]}}, channels={"slack": {"url": url}}
    )
    assert "Token" not in alertmanager(made) + rules(made)


@pytest.mark.parametrize(
    ("host", "bridge"),
    [
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - what a person may write
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("drift.internal", "drift.internal"),
    ],
)
def test_the_bridge_is_where_drift_listens(make_config, host, bridge):
    made = make_config(
        {"x": {"metric": "mape", "threshold": 1, "channels": ["sms"]}}, serve={"host": host, "port": 9200}
    )
    assert f"http://{bridge}:9200/api/bridge/alertmanager?channel=sms" in alertmanager(made)
    elsewhere = alertmanager(made, Receivers(bridge="https://drift.example/api/bridge/alertmanager"))
    assert "https://drift.example/api/bridge/alertmanager?channel=sms" in elsewhere


def alert(city: str, version: str = "v1") -> dict:
    labels = {"alertname": "model_accuracy_drop", "city": city, "model_version": version}
    return {
        "status": "firing", "labels": labels, "startsAt": "2026-03-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
        "annotations": {"summary": f"{city} · {version}: accuracy is 80%", "description": "What to do: look."},
        "generatorURL": "", "fingerprint": "",
    }  # fmt: skip


def rendered(config, amtool, folder, part: str, *cities: str) -> str:
    """The Slack message as Alertmanager's own templates make it."""
    template = receivers_of(alertmanager(config))["slack"]["slack_configs"][0][part]
    alerts = [alert(city) for city in cities]
    data = {
        "receiver": "slack", "status": "firing", "alerts": alerts, "externalURL": "",
        "groupLabels": {"alertname": "model_accuracy_drop", "model_version": "<v1>"},
        "commonLabels": {}, "commonAnnotations": {"description": "What to do: look."},
    }  # fmt: skip
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "empty.tmpl").write_text("")
    ran = amtool(
        "template", "render", f"--template.glob={folder / 'empty.tmpl'}",
        f"--template.text={template}", f"--template.data={folder / 'data.json'}",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_slack_shows_names_and_does_not_obey_them(config, amtool, tmp_path):
    text = rendered(config, amtool, tmp_path, "text", "Pune", "<!channel> & {{ .Status }}")
    assert text.splitlines() == [
        "• Pune · v1: accuracy is 80%",
        "• &lt;!channel&gt; &amp; {{ .Status }} · v1: accuracy is 80%",
        "What to do: look.",
    ]
    assert (
        rendered(config, amtool, tmp_path, "title", "Pune").strip() == "FIRING model_accuracy_drop &lt;v1&gt;"
    )


def test_slack_lists_ten_of_forty_cities_and_counts_them(config, amtool, tmp_path):
    text = rendered(config, amtool, tmp_path, "text", *(f"city{n}" for n in range(40)))
    assert text.count("•") == 10
    assert "city9 " in text
    assert "… 40 in all" in text
