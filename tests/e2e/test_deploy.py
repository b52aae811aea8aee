"""docker-compose.yml and the Dockerfile: taken by the tools that read them, and true of what drift does.

No container runs here. What stands in the files is held against what is there: the mounts against the
repository, ports and health paths against a real `drift serve`, configs against the programs that load them.
`test_deploy_stack.py` runs what the containers would run, as processes.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

import pytest
import yaml

from drift.config import Config, load_config
from drift.exports import Receivers, stale

from .deployed import (
    LOCAL,
    REPOSITORY,
    binds,
    compose,
    composed,
    environment,
    is_there,
    laid_out,
    listening,
    ours,
    ran,
    services,
    tool,
)
from .serving import serving

NOT_PROBED = {"jaeger": "its image has no program to probe with", "demo": "it ends", "elastic": "it ends"}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    """drift's config in the stack, with what .env.example sets."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return load_config(REPOSITORY / "deploy" / "compose" / "drift.yaml")


def test_docker_compose_takes_the_file():
    assert {"drift", "postgres", "mlflow", "prometheus", "alertmanager", "grafana", "jaeger"} <= set(
        services()
    )
    assert {"elasticsearch", "kibana", "filebeat"} <= set(services())


def test_a_misspelt_key_is_refused_by_docker_compose(tmp_path: Path):
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(
        (REPOSITORY / "docker-compose.yml").read_text().replace("mem_limit: 512m", "memlimit: 1", 1)
    )
    answer = ran(
        tool("docker-compose"), "--file", broken, "--env-file", REPOSITORY / ".env.example", "config"
    )
    assert answer.returncode != 0
    assert "memlimit" in answer.stderr


def test_without_passwords_nothing_starts_and_the_remedy_is_said(tmp_path: Path):
    (tmp_path / "empty").write_text("")
    answer = compose("config", "--quiet", env_file=tmp_path / "empty")
    assert answer.returncode != 0
    assert "copy .env.example to .env" in answer.stderr


def test_what_the_example_sets_is_used_and_no_more_is_asked_for():
    text = (REPOSITORY / "docker-compose.yml").read_text()
    text += (REPOSITORY / "deploy" / "compose" / "drift.yaml").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+)", text)) | {
        s["environment"] for s in composed()["secrets"].values()
    }
    assert asked == set(environment())


def test_every_image_is_pinned_by_version():
    images = {name: service["image"] for name, service in services().items() if service["image"] != LOCAL}
    loose = {name: image for name, image in images.items() if not re.search(r":v?\d+\.\d+(\.\d+)?$", image)}
    assert not loose
    assert all("build" in services()[name] for name in ours())


def test_ports_are_published_on_loopback_only():
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert len(ports) >= 9
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert len({port["published"] for port in ports}) == len(ports)


def test_every_service_has_a_limit_of_memory_and_is_probed():
    assert all("mem_limit" in service for service in services().values())
    total = sum(int(service["mem_limit"]) for service in services().values())
    assert total < 12 * 2**30  # a laptop's; docs/deploy.md says how much
    probed = {
        name for name, service in services().items() if not service.get("healthcheck", {}).get("disable")
    }
    probed -= {name for name in probed if name not in ours() and "healthcheck" not in services()[name]}
    assert set(services()) - probed == set(NOT_PROBED)


def test_whoever_is_waited_for_can_say_that_it_is_well():
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            condition = how["condition"]
            assert (condition == "service_healthy") == (other not in NOT_PROBED), (name, other, condition)


def test_every_file_that_is_mounted_is_in_the_repository_and_cannot_be_written():
    mounts = [m for service in services().values() for m in service.get("volumes", []) if m["type"] == "bind"]
    assert len(mounts) > 8
    assert [m["source"] for m in mounts if not (REPOSITORY / m["source"]).exists()] == []
    assert all(m["read_only"] for m in mounts)
    named = {
        m["source"]
        for service in services().values()
        for m in service.get("volumes", [])
        if m["type"] == "volume"
    }
    assert named == set(composed()["volumes"])


def test_drift_runs_without_rights_it_does_not_need():
    for name in ours():
        service = services()[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_prometheus_takes_its_config_and_our_rules(tmp_path: Path):
    folder = laid_out("prometheus", tmp_path) / "etc" / "prometheus"
    answer = ran("promtool", "check", "config", folder / "prometheus.yml")
    assert answer.returncode == 0, answer.stderr
    assert "rule files found" in answer.stdout
    assert len([*(folder / "rules").iterdir()]) >= 2
    loaded = yaml.safe_load((folder / "prometheus.yml").read_text())
    scraped = {job["job_name"]: job["static_configs"][0]["targets"] for job in loaded["scrape_configs"]}
    told = loaded["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    elsewhere = [*scraped["drift"], *scraped["alertmanager"], *told]
    assert all(is_there(target) for target in elsewhere), elsewhere
    assert scraped["prometheus"] == ["localhost:9090"]


@pytest.mark.skipif(
    shutil.which("amtool") is None, reason="amtool (Debian: prometheus-alertmanager) is not installed"
)
def test_alertmanager_takes_its_config_and_has_a_way_for_each_of_our_alerts():
    file = binds("alertmanager")["/etc/alertmanager/alertmanager.yml"]
    answer = ran("amtool", "check-config", file)
    assert answer.returncode == 0, answer.stderr
    rules = [path for target, path in binds("prometheus").items() if "/rules/" in target]
    groups = [group for path in rules for group in yaml.safe_load(path.read_text())["groups"]]
    alerts = {rule["alert"]: rule["labels"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert "fleet_worse" in alerts
    for name, labels in alerts.items():
        words = [f"{key}={value}" for key, value in {"alertname": name, **labels}.items()]
        chosen = ran("amtool", "config", "routes", "test", "--config.file", file, *words)
        assert chosen.stdout.strip() in ("slack", "default"), (name, chosen.stdout)


def test_alertmanagers_config_is_what_the_stacks_config_exports(config: Config):
    receivers = Receivers(bridge="http://drift:9109")
    old = stale(config, "alertmanager", None, receivers)
    assert not old, "drift export alertmanager -c deploy/compose/drift.yaml --bridge http://drift:9109"


def test_each_secret_that_alertmanager_reads_is_a_file_it_has():
    text = binds("alertmanager")["/etc/alertmanager/alertmanager.yml"].read_text()
    wanted = set(re.findall(r"_file: (\S+)", text))
    assert wanted == {secret["target"] for secret in services()["alertmanager"]["secrets"]}
    assert not re.search(r"hooks\.slack\.com/services/\w", text)


def test_grafana_finds_its_dashboards_and_its_prometheus(tmp_path: Path):
    folder = laid_out("grafana", tmp_path)
    provisioning = folder / "etc" / "grafana" / "provisioning"
    (provider,) = provisioning.glob("dashboards/*.yaml")
    (path,) = [p["options"]["path"] for p in yaml.safe_load(provider.read_text())["providers"]]
    assert [*(folder / path.lstrip("/")).glob("*.json")]
    (source,) = provisioning.glob("datasources/*.yaml")
    assert all(is_there(s["url"]) for s in yaml.safe_load(source.read_text())["datasources"])


def test_filebeat_reads_the_file_that_drift_writes():
    settings = services()["filebeat"]["environment"]
    (command,) = services()["drift"]["command"]
    (written,) = re.findall(r"tee -a (\S+)", command)
    filebeat = yaml.safe_load(binds("filebeat")["/usr/share/filebeat/filebeat.yml"].read_text())
    (pattern,) = filebeat["filebeat.inputs"][0]["paths"]
    assert PurePosixPath(written).match(re.sub(r"\$\{LOGS:[^}]*\}", settings["LOGS"], pattern))
    assert is_there(settings["ELASTICSEARCH"])
    volumes = {
        name: {m["target"] for m in services()[name]["volumes"] if m["source"] == "drift-logs"}
        for name in ("drift", "filebeat")
    }
    assert volumes == {"drift": {settings["LOGS"]}, "filebeat": {settings["LOGS"]}}


@pytest.fixture
def elasticsearch() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """What listens in Elasticsearch's place and keeps what it is told; it refuses what is no JSON."""
    told: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((self.path, body))
            self.send_response(200 if body.startswith(b"{") else 400)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_elasticsearch_is_told_all_that_is_exported_for_it_under_the_names_they_call_each_other(
    tmp_path: Path, elasticsearch: tuple[str, list[tuple[str, bytes]]]
):
    url, told = elasticsearch
    folder = laid_out("elastic", tmp_path) / "elastic"
    (command,) = services()["elastic"]["command"]
    # docker-compose hands the file's `$$` on as `$`, and prints it as `$$`
    script = (
        command.replace("$$", "$")
        .replace("http://elasticsearch:9200", url)
        .replace("@/elastic", f"@{folder}")
    )
    answer = ran(*services()["elastic"]["entrypoint"], script)
    assert answer.returncode == 0, answer.stderr
    assert {body for _, body in told} == {path.read_bytes() for path in folder.glob("*.json")}
    settings = json.loads((folder / "component-template.json").read_text())["template"]["settings"]
    (part,) = json.loads((folder / "index-template.json").read_text())["composed_of"]
    assert [path for path, _ in told] == [
        f"/_ilm/policy/{settings['index.lifecycle.name']}",
        f"/_ingest/pipeline/{settings['index.default_pipeline']}",
        f"/_component_template/{part}",
        "/_index_template/drift",
    ]
    (folder / "ilm-policy.json").write_text("none")
    assert ran(*services()["elastic"]["entrypoint"], script).returncode != 0
    assert len(told) == 5  # it stops at what is refused, and Filebeat does not start


def test_drifts_config_leads_to_services_of_the_stack(config: Config):
    assert "@postgres/drift" in config.state_url()
    assert services()["postgres"]["environment"]["POSTGRES_DB"] == "drift"
    assert is_there(config.tracking_url())
    assert config.traces is not None
    assert is_there(str(config.traces.endpoint))
    assert config.serve.token is not None
    assert "drift" in config.serve.hosts  # the name by which Prometheus asks
    assert str(config.notify.base_url) == "http://localhost:9109"
    assert config.store.predictions.path.startswith("/data/demo/")


def test_each_rule_is_told_by_alertmanager_and_by_nobody_twice(config: Config):
    assert config.channels == {}
    assert {channel for rule in config.alerts.values() for channel in rule.channels} == {"slack"}


def test_health_is_asked_for_where_drift_answers(made, config: Config):
    text = (REPOSITORY / "Dockerfile").read_text()
    probe = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", text)
    assert probe is not None
    assert int(probe[1]) == config.serve.port
    assert config.serve.port in listening("drift")
    assert f"EXPOSE {probe[1]}" in text
    with serving(made.config) as server:
        for path in (probe[2], "/readyz", "/metrics"):
            assert server.get(path)[0] == 200


def test_hadolint_finds_nothing_in_the_dockerfile(tmp_path: Path):
    answer = ran(tool("hadolint"), REPOSITORY / "Dockerfile")
    assert answer.returncode == 0, answer.stdout
    (tmp_path / "Dockerfile").write_text("FROM python:latest\n")
    assert ran(tool("hadolint"), tmp_path / "Dockerfile").returncode == 1


def test_the_image_holds_what_it_is_told_to_and_nothing_that_lies_about():
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for line in copied for name in line.split()} == let_in
    assert all((REPOSITORY / name).exists() for name in let_in)


def test_the_image_is_of_a_python_and_of_extras_that_drift_has():
    text = (REPOSITORY / "Dockerfile").read_text()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    (python,) = set(re.findall(r"^FROM python:(\d+\.\d+)\.\d+-slim", text, re.MULTILINE))
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]
    assert (
        set(re.findall(r"--extra (\w+)", text))
        == {"postgres", "fast"}
        <= set(project["optional-dependencies"])
    )
    assert "--require-hashes --constraints requirements.lock" in text
    assert 'ENTRYPOINT ["drift"]' in text
    assert "drift" in project["scripts"]
    assert "USER 10001:10001" in text
