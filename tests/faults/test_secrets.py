"""A password in a URL is in nothing that drift says: no error, no document, no page, no log, no fingerprint.

The canary's pieces are looked for, not only the whole: half of a password is half of the way in.
"""

from __future__ import annotations

import json
import logging
import re

import pytest

from drift import load_config
from drift.config import Config
from drift.doctor import examine
from drift.document import config_hash
from drift.errors import DriftError
from drift.sinks import open_sinks
from drift.state import State
from drift.stores import open_store

SLOT = "2026-04-01T00:00Z"
CANARIES = ["canary", "cana/sparrow", "cana@sparrow", "cana/spar@row:finch", "cana:sparrow", "cana?sparrow", "cana%2Fsparrow"]  # fmt: skip
PLACES = ["{kind}://user:{canary}@127.0.0.1:9/x", "{kind}://127.0.0.1:9/x?PASSWORD={canary}"]


def leaks(text: str) -> list[str]:
    return re.findall(r"cana|sparrow|spar\b|finch", text)


@pytest.fixture(params=CANARIES)
def canary(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["orakel", "postgresql+psycopg", "sqlite", "postgresql"])
def test_the_state_says_nothing_of_it(tmp_path, monkeypatch, kind: str, place: str, canary: str) -> None:
    monkeypatch.chdir(tmp_path)
    url = place.format(kind=kind, canary=canary)
    if kind == "sqlite" and "?" in url:
        url += "&mode=nonsense&uri=true"
    with pytest.raises(DriftError) as caught:
        State.open(url)
    assert not leaks(str(caught.value))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["memory", "nosuch", "s3", "http"])
def test_a_store_says_nothing_of_it(made, kind: str, place: str, canary: str) -> None:
    made.edit("data/predictions.parquet", f'"{place.format(kind=kind, canary=canary)}"')
    with pytest.raises(DriftError) as caught:
        open_store(load_config(made.config)).cities()
    assert not leaks(str(caught.value))


@pytest.mark.parametrize("place", PLACES)
def test_mlflow_says_nothing_of_it(made, drift, monkeypatch, caplog, place: str, canary: str) -> None:
    """`run --json` tells the failure, and goes on."""
    caplog.set_level(logging.DEBUG, "drift")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    url = place.format(kind="nosuch", canary=canary)
    made.edit("alerts:", f"mlflow: {{tracking_uri: '{url}'}}\nreports: null\nhistory: null\nalerts:")
    answer = drift("run", "-c", made.config, "--slot", SLOT, "--json")
    assert answer.code == 1
    (failure,) = [f for f in answer.json["failures"] if f["what"] == "mlflow"]
    assert "mlflow" in failure["message"]
    assert not leaks(answer.out + answer.err)


@pytest.mark.parametrize("place", PLACES)
def test_neither_the_doctor_nor_a_slot_that_fails_says_anything_of_it(
    made, drift, place: str, canary: str
) -> None:
    state, store = place.format(kind="orakel", canary=canary), place.format(kind="nosuch", canary=canary)
    made.edit("data/predictions.parquet", f'"{store}"')
    made.edit("alerts:", f"state: '{state}'\nalerts:")
    said = [f"{check.found} {check.remedy}" for check in examine(load_config(made.config))]
    assert any("orakel://" in text or "the URL given" in text for text in said)
    answers = [drift("run", "-c", made.config, "--slot", SLOT, "--json"), drift("doctor", "-c", made.config)]
    assert [answer.code for answer in answers] == [1, 1]
    assert not leaks("".join([*said, *(answer.out + answer.err for answer in answers)]))


def test_what_the_config_is_printed_or_dumped_as_has_no_secret(made, canary: str) -> None:
    made.edit("data/predictions.parquet", f'"s3://key:{canary}@bucket/x.parquet"')
    made.edit(
        "alerts:",
        f"state: 'postgresql://u:{canary}@h/d'\nmlflow: {{tracking_uri: 'http://u:{canary}@h'}}\nalerts:",
    )
    config = load_config(made.config)
    for text in (repr(config), str(config), str(config.model_dump()), config.model_dump_json(), json.dumps(config.model_dump(mode="json"))):  # fmt: skip
        assert not leaks(text)
    assert canary in config.state_url()
    assert canary in config.tracking_url()


def test_the_fingerprint_knows_no_secret(made) -> None:
    def fingerprint(secret: str, bucket: str = "bucket") -> str:
        content = made_text.replace("data/predictions.parquet", f'"s3://key:{secret}@{bucket}/x.parquet"')
        made.config.write_text(f"state: 'postgresql://u:{secret}@h/d'\n{content}")
        return config_hash(load_config(made.config))

    made_text = made.config.read_text()
    assert fingerprint("one") == fingerprint("two") != fingerprint("one", "other")


def test_a_config_that_is_no_yaml_is_not_quoted(made) -> None:
    for line, where in [
        ('password: "cana\n  x: [', "line 2"),
        ("password: @sparrow", "line 1, column 11"),
        ("password: !sparrow", "line 1, column 11"),
        (
            "password: !it's-a-sparrow",
            "line 1, column 11: could not determine a constructor for the tag there",
        ),
        ("{password: cana, sparrow", "line"),
        ("password: 'cana'sparrow", "line 1, column 17"),
        ("url: {sparrow: x", "line"),
    ]:
        made.config.write_text(line)
        with pytest.raises(DriftError, match=where) as caught:
            load_config(made.config)
        assert not leaks(str(caught.value))


def test_a_secret_may_stand_in_a_file_beside_the_config(made, monkeypatch) -> None:
    (made.folder / "secrets").mkdir()
    (made.folder / "secrets" / "state").write_text("sqlite:///elsewhere/drift.db\n")
    (made.folder / "secrets" / "mlflow").write_text("  http://u:canary@h  \n")
    made.edit(
        "alerts:", "state_file: secrets/state\nmlflow: {tracking_uri_file: '${DRIFT_DIR}/mlflow'}\nalerts:"
    )
    monkeypatch.setenv("DRIFT_DIR", "secrets")
    config = load_config(made.config)
    assert config.state_url() == f"sqlite:///{made.folder}/elsewhere/drift.db"
    assert config.database_url(config.state) == config.state_url()
    assert config.tracking_url() == "http://u:canary@h"
    assert not leaks(repr(config))


@pytest.mark.parametrize(
    ("content", "lines", "text"),
    [
        (b"sqlite:///x", "state: sqlite:///y\nstate_file: s", "both state and state_file are given: take one of them out"),
        (b"x", "mlflow: {tracking_uri: x, tracking_uri_file: s}", "both mlflow.tracking_uri and mlflow.tracking_uri_file"),
        (b"canary\nsparrow\n", "state_file: s", "should hold one URL on one line"),
        (b" \n", "state_file: s", "should hold one URL on one line"),
        (b"cana\xff", "state_file: s", "is no text"),
        (b"canary\nsparrow\n", "serve: {token_file: s}", "serve.token_file: "),
        (b"canary\nsparrow\n", "serve: {token_file: s}", "should hold one token on one line"),
        (b"x", "state_file: none", "none cannot be read: No such file or directory"),
        (b"x", "state_fil: s", "state_fil: unknown key; did you mean `state_file`?"),
    ],
)  # fmt: skip
def test_a_secret_file_that_does_not_fit_is_named_and_not_quoted(made, content, lines, text) -> None:
    (made.folder / "s").write_bytes(content)
    made.edit("alerts:", f"{lines}\nalerts:")
    with pytest.raises(DriftError) as caught:
        load_config(made.config)
    assert text in str(caught.value)
    assert not leaks(str(caught.value))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("mlruns", "{base}/mlruns"),
        ("./x", "{base}/x"),
        ("file:./mlruns", "file://{base}/mlruns"),
        ("file:///var/mlruns", "file:///var/mlruns"),
        ("sqlite:///rel.db", "sqlite:///{base}/rel.db"),
        ("sqlite+pysqlite:///rel.db?timeout=3", "sqlite+pysqlite:///{base}/rel.db?timeout=3"),
        ("sqlite:////abs.db", "sqlite:////abs.db"),
        ("/abs/mlruns", "/abs/mlruns"),
        ("databricks", "databricks"),
        ("databricks://profile", "databricks://profile"),
        ("http://mlflow:5000", "http://mlflow:5000"),
        ("postgresql://h/d", "postgresql://h/d"),
    ],
)
def test_a_relative_tracking_uri_starts_at_the_config(made, monkeypatch, given: str, meant: str) -> None:
    made.edit("alerts:", f"mlflow: {{tracking_uri: '{given}'}}\nhistory: null\nalerts:")
    config: Config = load_config(made.config)
    monkeypatch.chdir("/")
    assert config.tracking_url() == meant.format(base=made.folder).replace("/./", "/")
    assert [sink.name for sink in open_sinks(config)] == ["mlflow"]
