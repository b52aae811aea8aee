"""`drift alerts …` and `drift export …`: what fires and why, silences that hold, a test of each channel."""

from __future__ import annotations

import re

import pytest

from .receivers import receiving

DRIFTED, NEXT, LATER = "2026-04-01T00:00Z", "2026-04-01T01:00Z", "2026-04-01T02:00Z"


@pytest.fixture
def told(made):
    """The made store with a channel, and all that the channel was told."""
    with receiving() as receiver:
        made.edit("severity: high}", "severity: high, channels: [ops]}")
        made.edit(
            "alerts:", f'reports: null\nchannels: {{ops: {{url: "json://{receiver.place}/in"}}}}\nalerts:'
        )
        yield receiver


def run(drift, made, slot: str):
    answer = drift("run", "-c", made.config, "--slot", slot, "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_an_alert_is_listed_shown_and_was_told(drift, made, told):
    run(drift, made, DRIFTED)
    assert told.received.empty(), "pending is told to nobody"
    run(drift, made, NEXT)
    message = told.next().json
    assert "Surat" in message["title"]
    listed = drift("alerts", "list", "-c", made.config)
    assert "● firing" in listed.out
    (alert,) = drift("alerts", "list", "-c", made.config, "--json").json["alerts"]
    assert (alert["city"], alert["status"], alert["silenced_by"]) == ("Surat", "firing", None)
    shown = drift("alerts", "show", alert["fingerprint"][:10], "-c", made.config)
    assert "× what is normal for these hours" in shown.out
    assert "told ops: firing (began), sent" in shown.out
    history = drift("alerts", "show", alert["fingerprint"], "-c", made.config, "--json").json
    assert [t["to"] for t in history["transitions"]] == ["pending", "firing"]


def test_what_is_silenced_is_told_to_nobody_until_the_silence_ends(drift, made, told):
    silenced = drift(
        "alerts", "silence", "city=Surat", "rule=~model_.*", "--for", "4h", "--comment", "a new meter",
        "--author", "asha", "-c", made.config,
    )  # fmt: skip
    assert silenced.code == 0, silenced.err
    identity = re.search(r"silence (\w{12})", silenced.out)[1]
    run(drift, made, DRIFTED)
    run(drift, made, NEXT)
    assert told.received.empty()
    (alert,) = drift("alerts", "list", "-c", made.config, "--json").json["alerts"]
    assert alert["silenced_by"] == identity
    assert "by asha: a new meter" in drift("alerts", "list", "-c", made.config).out
    assert drift("alerts", "expire", identity, "-c", made.config).code == 0
    run(drift, made, LATER)
    assert "Surat" in told.next().json["title"]
    again = drift("alerts", "expire", identity, "-c", made.config)
    assert (again.code, f"there is no silence '{identity}' to end" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cty=Surat"], "alerts have no label 'cty'; did you mean `city`?"),
        (["Surat"], "'Surat' is no matcher"),
        (["city=~("], "matcher city=~("),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(drift, made, words, said):
    answer = drift("alerts", "silence", *words, "--for", "1h", "--comment", "x", "-c", made.config)
    assert answer.code == 2
    assert said in answer.err


def test_a_silence_is_not_for_ever(drift, made):
    answer = drift("alerts", "silence", "city=Surat", "--for", "90d", "--comment", "x", "-c", made.config)
    assert answer.code == 2
    assert "at most 30d long (notify.longest_silence)" in answer.err


def test_every_channel_can_be_tested(drift, made, told):
    made.edit("channels: {", 'channels: {away: {url: "json://127.0.0.1:9/in", timeout: 2s}, ')
    answer = drift("alerts", "test", "-c", made.config)
    assert answer.code == 1
    assert "✓ ops: taken by the receiver" in answer.out
    assert "✗ away: " in answer.out
    assert "away: away" not in answer.out
    assert "this is a test" in told.next().json["title"]
    one = drift("alerts", "test", "ops", "-c", made.config, "--json")
    assert (one.code, one.json["channels"]) == (
        0,
        [{"channel": "ops", "sent": True, "said": "taken by the receiver"}],
    )
    assert (
        "there is no channel 'opps'; did you mean `ops`?"
        in drift("alerts", "test", "opps", "-c", made.config).err
    )


@pytest.mark.usefixtures("told")
def test_exports_are_written_and_checked(drift, made, tmp_path):
    for what, file in (("rules", "rules/forecasts.yml"), ("alertmanager", "alertmanager/alertmanager.yml")):
        missing = drift("export", what, "-c", made.config, "--out", tmp_path / "out", "--check")
        assert (missing.code, f"not current: {tmp_path / 'out' / file}" in missing.out) == (1, True)
        assert drift("export", what, "-c", made.config, "--out", tmp_path / "out").code == 0
        assert (tmp_path / "out" / file).read_text().startswith("# Generated from drift's config")
        assert drift("export", what, "-c", made.config, "--out", tmp_path / "out", "--check").code == 0


def test_the_doctor_looks_at_each_channel_and_sends_nothing(drift, made, told):
    made.edit("channels: [ops]", "channels: [ops, sms]")
    answer = drift("doctor", "-c", made.config)
    assert "channel ops: JSON" in answer.out
    assert "sms: not configured, so nobody is told there" in answer.out
    assert told.received.empty()
