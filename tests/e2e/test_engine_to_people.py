"""From the store to people, all of it real: a slot fires, and Slack, mail, SMS and an Alertmanager have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme

from .receivers import Mailbox, Receiver, alertmanager, mail_server, needs_alertmanager, receiving

DRIFTED, NEXT = "2026-04-01T00:00Z", "2026-04-01T01:00Z"
CHANNELS = """
channels:
  slack: {{url: "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"}}
  email: {{url: "mailtos://drift:pass-word%2F42@localhost:{mail}?mode=starttls&from=drift@example.org&to=ops@example.org"}}
  sms: {{url: "twilio://AC{account}:{token}@15551230000/15551230001"}}
  pager: {{kind: alertmanager, url: "{pager}"}}
reports: null
alerts:"""


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that the processes which send trust."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    return made


@needs_alertmanager
@pytest.mark.slow
def test_a_slot_that_fires_reaches_everybody_once(made, drift, authority, tmp_path, monkeypatch) -> None:
    mailbox = Mailbox()
    with (
        receiving(authority=authority) as world,
        receiving() as hook,
        mail_server(authority, mailbox) as mail,
        alertmanager(tmp_path / "am", hook) as pager,
    ):
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://{world.place}")
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        made.edit("severity: high}", "severity: high, channels: [slack, email, sms, pager]}")
        words = {"mail": mail, "pager": pager, "account": "a" * 32, "token": "b" * 32}
        made.edit("\nalerts:", CHANNELS.format(**words))
        for slot in (DRIFTED, NEXT, "2026-04-01T02:00Z"):
            answer = drift("run", "-c", made.config, "--slot", slot, "--json")
            assert (answer.code, answer.json["failures"]) == (0, []), answer.err
        told = {world.next().host: None for _ in range(2)}
        assert set(told) == {"hooks.slack.com", "api.twilio.com"}
        session, envelope = mailbox.mails.get(timeout=20)
        assert session.ssl is not None
        assert session.authenticated
        assert b"Surat" in envelope.content
        paged = [alert for alert in _until_city(hook) if alert["labels"].get("city") == "Surat"]
        assert [alert["status"] for alert in paged] == ["firing"]
        assert world.received.empty(), "the third slot told nobody again"
        outbox = drift("alerts", "list", "-c", made.config, "--json").json["outbox"]
        assert {name: each["sent"] for name, each in outbox.items()} == dict.fromkeys(
            ("slack", "email", "sms", "pager"), 1
        )


def _until_city(hook: Receiver) -> list[dict[str, Any]]:
    """What the Alertmanager tells people, up to the first notification about a city: the watchdog has its own."""
    alerts: list[dict[str, Any]] = []
    while not any("city" in alert["labels"] for alert in alerts):
        alerts += hook.next().json["alerts"]
    return alerts
