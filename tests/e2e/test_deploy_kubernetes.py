"""deploy/kubernetes: valid by the schemas of Kubernetes and of the Prometheus operator, and true of what drift does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from drift.config import Config, load_config
from drift.exports import GROUPS, stale, texts

from .deployed import KUBERNETES, REPOSITORY, built, documents, pods, ran, tool, tools_python
from .serving import serving

VERSIONS = ("1.29", "1.37")
"""The oldest that the manifests are for, and the newest whose schemas there are."""
OPERATOR = "monitoring.coreos.com/v1"
KEPT = """\
import json, sys
from cloudcoil.models.prometheus_operator import v1
for there in json.load(sys.stdin):
    read = getattr(v1, there["kind"]).model_validate(there)
    kept = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    sys.exit(f"{there['kind']}: has keys that its definition does not know") if kept != there else None
"""
"""Reads objects by their definition, which drops what it does not know, and compares."""


def manifests() -> list[dict[str, Any]]:
    """All objects: those that are applied, and those that may be."""
    return [*built(), *documents(KUBERNETES / "cronjob.yaml")]


def validated(objects: list[dict[str, Any]], version: str, folder: Path) -> str:
    """What is wrong with the objects by the schemas of a Kubernetes, keys that are not known included."""
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    answer = ran(tool("kubernetes-validate"), "-k", version, "--strict", folder / "objects.yaml")
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Config:
    """drift's config there, with a Secret mounted."""
    secrets = tmp_path_factory.mktemp("secrets")
    for name in ("store", "state"):
        (secrets / name).write_text("postgresql+psycopg://drift:word@db.internal/energy\n")
    (secrets / "token").write_text("a" * 32)
    (secrets / "slack").write_text("https://hooks.slack.com/services/T00/B00/none")
    monkeypatch.setenv("DRIFT_SECRETS", str(secrets))
    return load_config(KUBERNETES / "drift.yaml")


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_key(version: str, tmp_path: Path):
    ours = [document for document in manifests() if document["apiVersion"] != OPERATOR]
    assert {"Deployment", "CronJob", "Service", "NetworkPolicy", "PodDisruptionBudget"} <= {
        d["kind"] for d in ours
    }
    assert validated(ours, version, tmp_path) == ""


def test_a_misspelt_key_is_found(tmp_path: Path):
    (job,) = documents(KUBERNETES / "cronjob.yaml")
    job["spec"]["concurencyPolicy"] = job["spec"].pop("concurrencyPolicy")
    assert "concurencyPolicy" in validated([job], VERSIONS[-1], tmp_path)


def test_the_prometheus_operator_knows_every_key():
    theirs = [document for document in manifests() if document["apiVersion"] == OPERATOR]
    assert [d["kind"] for d in theirs].count("PrometheusRule") == 3
    assert "ServiceMonitor" in {d["kind"] for d in theirs}
    answer = ran(tools_python(), "-c", KEPT, text=json.dumps(theirs))
    assert answer.returncode == 0, answer.stderr
    theirs[-1]["spec"]["endpoint"] = []
    refused = ran(tools_python(), "-c", KEPT, text=json.dumps(theirs))
    assert "keys that its definition does not know" in refused.stderr


def test_the_rules_are_those_of_the_config_and_of_the_rule_files(config: Config):
    old = stale(config, "kubernetes", KUBERNETES.parent)
    assert not old, "DRIFT_SECRETS=… drift export kubernetes -c deploy/kubernetes/drift.yaml --out deploy"
    files = texts(config, "rules")
    for part in GROUPS:
        (rule,) = documents(KUBERNETES / "rules" / f"{part}.yml")
        assert rule["metadata"]["name"] == f"drift-{part}"
        assert rule["spec"]["groups"] == yaml.safe_load(files[f"rules/{part}.yml"])["groups"]


def test_nobody_is_paged_twice_for_a_forecast(config: Config):
    """drift has a channel of its own there, so Prometheus is not given the rules on forecasts."""
    assert config.channels
    applied = {document["metadata"]["name"] for document in built()}
    assert "drift-monitor" in applied
    assert "drift-forecasts" not in applied


def test_kustomize_has_every_manifest_or_says_why_not():
    text = (KUBERNETES / "kustomization.yaml").read_text()
    files = {path.relative_to(KUBERNETES).as_posix() for path in KUBERNETES.rglob("*.y*ml")}
    assert {name for name in files if name not in text} == {"kustomization.yaml"}
    assert {document["metadata"].get("namespace", "drift") for document in built()} == {"drift"}


def test_two_schedules_are_one(config: Config):
    (job,) = documents(KUBERNETES / "cronjob.yaml")
    assert job["spec"]["schedule"] == config.schedule.cron
    assert job["spec"]["timeZone"] == f"Etc/{config.schedule.timezone}"
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["spec"]["startingDeadlineSeconds"] < 3600
    assert job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 3600


def test_every_pod_keeps_to_the_restricted_standard():
    found = [*pods()]
    assert len(found) == 2
    for pod in found:
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert f"--uid {pod['securityContext']['runAsUser']}" in (REPOSITORY / "Dockerfile").read_text()
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod["automountServiceAccountToken"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_every_folder_that_is_written_is_a_volume_and_every_secret_a_key_of_the_secret():
    text = (KUBERNETES / "drift.yaml").read_text()
    page = (REPOSITORY / "docs" / "deploy.md").read_text()
    for pod in pods():
        assert {"name": "DRIFT_SECRETS", "value": "/run/secrets/drift"} in pod["containers"][0]["env"]
        places = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert {"/tmp", "/etc/drift", "/run/secrets/drift", "/var/lib/drift"} == places  # noqa: S108 - in a pod
    assert set(re.findall(r"dir: (/var/lib/drift)/", text)) == {"/var/lib/drift"}
    keys = set(re.findall(r"\$\{DRIFT_SECRETS\}/(\w+)", text))
    assert keys == set(re.findall(r"> secrets/(\w+)", page))
    assert "--from-file=secrets" in page


def test_probes_ask_for_what_drift_serves(made, config: Config):
    (deployment, service, _) = documents(KUBERNETES / "serve.yaml")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": config.serve.port}]
    assert service["spec"]["ports"][0]["port"] == config.serve.port
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert {probe["port"] for probe in probes} == {"http"}
    (monitor,) = documents(KUBERNETES / "servicemonitor.yaml")
    paths = [probe["path"] for probe in probes] + [end["path"] for end in monitor["spec"]["endpoints"]]
    with serving(made.config) as server:
        assert [server.get(path)[0] for path in paths] == [200] * 4


def test_the_service_finds_the_pods_and_prometheus_the_service():
    objects = {(d["kind"], d["metadata"]["name"]): d for d in built()}
    labels = objects["Deployment", "drift"]["spec"]["template"]["metadata"]["labels"]
    for kind, path in {"Service": ("selector",), "PodDisruptionBudget": ("selector", "matchLabels")}.items():
        chosen: Any = objects[kind, "drift"]["spec"]
        for key in path:
            chosen = chosen[key]
        assert chosen.items() <= labels.items()
    there = objects["Service", "drift"]["metadata"]["labels"]
    assert objects["ServiceMonitor", "drift"]["spec"]["selector"]["matchLabels"].items() <= there.items()
    assert objects["NetworkPolicy", "drift"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
