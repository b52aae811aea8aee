"""A PrometheusRule has the very groups of the rule file of its part."""

import pytest
import yaml

from drift.exports import GROUPS, kubernetes, rules


@pytest.mark.parametrize("part", GROUPS)
def test_a_part_is_the_same_for_the_operator_as_for_prometheus(config, part):
    made = yaml.safe_load(kubernetes(config, part))
    assert (made["apiVersion"], made["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert made["metadata"] == {
        "name": f"drift-{part}",
        "labels": {"app.kubernetes.io/name": "drift", "app.kubernetes.io/part-of": "drift"},
    }
    assert made["spec"] == yaml.safe_load(rules(config, [part]))


def test_what_is_left_out_is_said_there_too(config):
    assert "# Not here, but in drift's own engine: day_ahead_of_a_city (" in kubernetes(config, "forecasts")
    assert "Not here" not in kubernetes(config, "monitor")


def test_runbooks_are_found_where_they_are_said_to_be(config):
    made = yaml.safe_load(kubernetes(config, "monitor", "https://wiki.example/drift/"))
    alerts = [rule for rule in made["spec"]["groups"][0]["rules"] if "alert" in rule]
    assert {alert["annotations"]["runbook_url"].rsplit("/", 1)[0] for alert in alerts} == {
        "https://wiki.example/drift"
    }
