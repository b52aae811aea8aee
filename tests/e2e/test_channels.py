"""Channels, each to a real receiver on loopback: Slack's and an SMS gateway's by the way a proxy leads, a mail
server with STARTTLS and AUTH, webhooks, an Alertmanager; and receivers as hostile as they come."""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest
import trustme

from drift.channels.alertmanager import AlertmanagerChannel, posted
from drift.channels.courier import Courier
from drift.channels.url import UrlChannel
from drift.config_channels import ChannelConfig
from drift.domain import AlertKey, Threshold
from drift.errors import ChannelError
from drift.messages import Message, Words, message_of
from drift.notices import Notice, Told

from .receivers import (
    Behaviour,
    Handler,
    Mailbox,
    Receiver,
    alertmanager,
    floods,
    hangs,
    mail_server,
    needs_alertmanager,
    receiving,
    resets,
    says,
    talking,
    trickles,
    trickles_its_header,
)

NOW = datetime.now(UTC).replace(microsecond=0)
SECRET = "Tcanary123/Bsparrow45/finch6789robin"  # noqa: S105 - a made-up one


def told(city: str = "Pune", rule: str = "model_accuracy_drop") -> Told:
    key = AlertKey(rule, "v1", city, None, None)
    since = NOW - timedelta(hours=3)
    mark = hashlib.sha256(city.encode(errors="surrogatepass")).hexdigest()[:16]
    return Told(key, mark, 1, "model_accuracy", 0.71, Threshold(0.85, "below"), since)


def notice(*cities: str, **changed: object) -> Notice:
    alerts = tuple(told(city) for city in cities or ("Pune",))
    made = Notice("x", "firing", "began", NOW, "model_accuracy_drop", "v1", "high", alerts)
    return replace(made, **changed)


FIRING = notice()
MESSAGE = message_of(FIRING, Words())


def channel(url: str, timeout: str = "10s", **more: object) -> UrlChannel:
    return UrlChannel("x", ChannelConfig.model_validate({"url": url, "timeout": timeout, **more}))


@pytest.fixture(scope="module")
def couriers() -> Iterator[dict[str, Courier]]:
    """A process for each environment that tests set up: starting one takes a while."""
    made: dict[str, Courier] = {}
    yield made
    for courier in made.values():
        courier.close()


@pytest.fixture
def opened(couriers: dict[str, Courier]) -> Callable[..., UrlChannel]:
    """A channel whose process runs already: what that takes is no part of what is measured."""

    def call(url: str, timeout: str = "10s", **more: object) -> UrlChannel:
        courier = couriers.setdefault(str([os.environ.get(name) for name in MATTERS]), Courier())
        courier.run({"do": "look", "url": "json://127.0.0.1:9", "form": None}, 60.0)
        made = channel(url, timeout, **more)
        made._courier = courier
        return made

    return call


MATTERS = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def trusted(authority: trustme.CA, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The authority, trusted by the processes that send."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(bundle))
    return authority


@pytest.fixture(scope="module")
def everywhere(authority: trustme.CA) -> Iterator[Receiver]:
    with receiving(authority=authority) as receiver:
        yield receiver


@pytest.fixture
def elsewhere(everywhere: Receiver, trusted: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """All hosts there are: whoever is asked for, this receiver answers, with the right certificate."""
    assert trusted
    assert everywhere.received.empty()
    everywhere.behaviour = says(200)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://{everywhere.place}")
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return everywhere


# What each service is sent


def test_slack_is_sent_mrkdwn_as_it_stands(opened, elsewhere: Receiver) -> None:
    token = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"  # noqa: S105 - Apprise's own example
    opened(f"slack://{token}").send(FIRING, MESSAGE)
    received = elsewhere.next()
    assert (received.host, received.path) == ("hooks.slack.com", f"/services/{token}")
    (attachment,) = received.json["attachments"]
    assert attachment["blocks"][0] == {"type": "section", "text": {"type": "mrkdwn", "text": MESSAGE.slack}}
    assert "http" not in json.dumps(
        {**attachment, "blocks": attachment["blocks"][1:]}
    )  # no icon from elsewhere


def test_slacks_own_hook_url_will_do(opened, elsewhere: Receiver) -> None:
    hook = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert opened(hook).check() == "Slack; messages as slack; nothing was sent"
    opened(hook).send(FIRING, MESSAGE)
    assert elsewhere.next().path == hook.removeprefix("https://hooks.slack.com")


def test_an_sms_gateway_is_sent_one_short_text(opened, elsewhere: Receiver) -> None:
    elsewhere.behaviour = says(201, b'{"sid": "SM1"}', Content_Type="application/json")
    account = "AC" + "a" * 32
    opened(f"twilio://{account}:{'b' * 32}@15551230000/15551230001").send(FIRING, MESSAGE)
    received = elsewhere.next()
    assert received.host == "api.twilio.com"
    (body,) = parse_qs(received.body.decode())["Body"]
    assert body == MESSAGE.sms
    assert len(body) <= 160


def test_a_webhook_is_sent_text_and_the_key_that_tells_duplicates(opened) -> None:
    with receiving() as receiver:
        opened(f"json://{receiver.place}/hook").send(FIRING, MESSAGE)
        received = receiver.next()
    assert received.json["title"] == MESSAGE.title
    assert received.json["message"] == MESSAGE.text.rstrip()
    assert received.headers["Idempotency-Key"] == FIRING.key


def test_a_receiver_in_slacks_manner_needs_no_slack(opened) -> None:
    """What Mattermost, Rocket.Chat and others take: `{"text": …}`."""
    with receiving() as receiver:
        renamed = ":message=text&:title=&:version=&:type=&:attachments="
        opened(f"json://{receiver.place}/services/T/B/X?{renamed}", form="slack").send(FIRING, MESSAGE)
        assert receiver.next().json == {"text": MESSAGE.slack}


HOSTILE = Message(
    "[firing] Pune\r\nBcc: evil@example.org <b>",
    "Pune <!channel> <img src=x> ${HOME} :smile: \\n {{ 7*7 }}",
    "<p>Pune &lt;img src=x&gt;</p>",
    "Pune",
    "`‹!channel›` &lt;!channel&gt; <https://drift.example/r|report>",
)


def test_what_is_escaped_is_sent_as_it_is(opened, elsewhere: Receiver) -> None:
    """No service's own syntax is applied to it once more: not Slack's, Apprise's templates, emojis, escapes."""
    opened("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ").send(FIRING, HOSTILE)
    (attachment,) = elsewhere.next().json["attachments"]
    assert attachment["blocks"][0]["text"]["text"] == HOSTILE.slack
    with receiving() as receiver:
        opened(f"json://{receiver.place}").send(FIRING, HOSTILE)
        assert receiver.next().json["message"] == HOSTILE.text


# Mail


def mail_url(mailbox: Mailbox, port: int, host: str = "localhost") -> str:
    login = f"{mailbox.user}:{quote(mailbox.password, safe='')}"
    return f"mailtos://{login}@{host}:{port}?mode=starttls&from=drift@example.org&to=ops@example.org"


def test_mail_goes_by_starttls_and_auth_in_both_forms(opened, trusted: trustme.CA) -> None:
    mailbox = Mailbox()
    with mail_server(trusted, mailbox) as port:
        mail = opened(mail_url(mailbox, port))
        assert mail.check() == "E-Mail, logged in; messages as html; nothing was sent"
        assert mailbox.mails.empty()
        mail.send(FIRING, MESSAGE)
        session, envelope = mailbox.mails.get(timeout=20)
    assert session.ssl is not None
    assert session.authenticated
    assert envelope.rcpt_tos == ["ops@example.org"]
    parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert parsed["Subject"] == MESSAGE.title
    assert parsed["Idempotency-Key"] == FIRING.key
    html = parsed.get_body(("html",)).get_content()
    assert html.strip().replace("\r\n", "\n") == MESSAGE.html.strip()
    assert "Pune" in parsed.get_body(("plain",)).get_content()


def test_no_text_becomes_a_header_or_a_tag_of_a_mail(opened, trusted: trustme.CA) -> None:
    mailbox = Mailbox()
    with mail_server(trusted, mailbox) as port:
        opened(mail_url(mailbox, port), form="text").send(FIRING, HOSTILE)
        opened(mail_url(mailbox, port)).send(FIRING, HOSTILE)
        mails = [mailbox.mails.get(timeout=20)[1] for _ in range(2)]
    for mail in mails:
        parsed = email.message_from_bytes(mail.content, policy=email.policy.default)
        assert parsed["Bcc"] is None
        assert mail.rcpt_tos == ["ops@example.org"]
    plain = email.message_from_bytes(mails[0].content, policy=email.policy.default)
    assert plain.get_content_type() == "text/plain"
    assert plain.get_content().strip() == HOSTILE.text


def failed(send: Callable[[], object]) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send()
    return caught.value


def test_a_wrong_password_is_for_good_and_is_not_told(opened, trusted: trustme.CA) -> None:
    mailbox = Mailbox()
    with mail_server(trusted, mailbox) as port:
        url = mail_url(replace(mailbox, password="wrong-canary"), port)  # noqa: S106
        mail = opened(url)
        for attempt in (mail.check, lambda: mail.send(FIRING, MESSAGE)):
            error = failed(attempt)
            assert error.permanent
            assert "localhost replied 535" in str(error)
            assert "canary" not in str(error)


@pytest.mark.parametrize(("refusal", "permanent"), [("550 no such user", True), ("451 try later", False)])
def test_a_refused_recipient_is_for_good_by_the_servers_word(opened, trusted, refusal, permanent) -> None:
    mailbox = Mailbox(refusal=refusal)
    with mail_server(trusted, mailbox) as port:
        error = failed(lambda: opened(mail_url(mailbox, port)).send(FIRING, MESSAGE))
    assert (error.permanent, str(error)) == (permanent, f"x: localhost replied {refusal[:3]} ({refusal[4:]})")


def test_no_mail_is_sent_in_the_clear_where_tls_was_asked_for(opened, trusted: trustme.CA) -> None:
    mailbox = Mailbox()
    with mail_server(trusted, mailbox, starttls=False) as port:
        error = failed(lambda: opened(mail_url(mailbox, port)).send(FIRING, MESSAGE))
    assert not error.permanent
    assert "STARTTLS" in str(error)
    assert mailbox.mails.empty()


def test_no_mail_goes_to_a_server_whose_certificate_is_anothers(opened, trusted: trustme.CA) -> None:
    mailbox = Mailbox()
    with mail_server(trusted, mailbox, host="other.example") as port:
        error = failed(lambda: opened(mail_url(mailbox, port)).send(FIRING, MESSAGE))
    assert not error.permanent
    assert "certificate cannot be trusted" in str(error)
    assert mailbox.mails.empty()


# Hostile receivers


@pytest.mark.parametrize(
    ("behaviour", "permanent", "retry_after", "words"),
    [
        (says(503, b"busy"), False, None, "answered 503 Service Unavailable (busy)"),
        (says(503, b"busy", Retry_After="30"), False, 30.0, "answered 503"),
        (says(429, b"slow down", Retry_After="7"), False, 7.0, "answered 429 Too Many Requests (slow down)"),
        (says(408), False, None, "answered 408"),
        (says(404, b"no_service"), True, None, "answered 404 Not Found (no_service)"),
        (says(403, b"", Retry_After="7"), True, None, "answered 403 Forbidden"),
        (says(999), False, None, "answered 999"),
        (resets, False, None, "cannot be reached"),
        (hangs, False, None, "did not answer within 2 s"),
        (trickles, False, None, "answered 503 Service Unavailable"),
        (trickles_its_header, False, None, "did not answer within 2 s"),
        (floods, False, 3.0, "answered 503 Service Unavailable (xxxx"),
    ],
)  # fmt: skip
def test_a_hostile_receiver_is_given_up_in_time(
    opened, behaviour: Behaviour, permanent: bool, retry_after: float | None, words: str
) -> None:
    with receiving(behaviour) as receiver:
        hook = opened(f"json://{receiver.place}/{SECRET}", "2s")
        begun = time.monotonic()
        error = failed(lambda: hook.send(FIRING, MESSAGE))
        took = time.monotonic() - begun
        receiver.next()
        assert receiver.received.empty(), "it was asked twice"
    assert took < 3.0
    assert (error.permanent, error.retry_after) == (permanent, retry_after)
    assert words in str(error)
    assert "x: 127.0.0.1 " in str(error)


MAIL = "mailto://127.0.0.1:{}?from=drift@example.org&to=ops@example.org"


@pytest.mark.parametrize(
    ("url", "text", "pause"),
    [
        (MAIL, b"", 1.0),
        (MAIL, b"2", 0.5),
        (MAIL, b"220-" + b"x" * 500 + b"\r\n", 0.0),
        ("jsons://127.0.0.1:{}/", b"", 1.0),
        ("jsons://127.0.0.1:{}/", b"\x16", 0.5),
        ("json://127.0.0.1:{}/", b"x", 0.5),
    ],
    ids=["silent mail", "trickling mail", "endless mail", "silent TLS", "trickling TLS", "trickling HTTP"],
)
def test_one_that_never_comes_to_the_point_is_given_up_in_time(opened, url, text, pause) -> None:
    with talking(text, pause) as port:
        slow = opened(url.format(port), "2s")
        begun = time.monotonic()
        error = failed(lambda: slow.send(FIRING, MESSAGE))
        assert time.monotonic() - begun < 3.0
    assert not error.permanent


def accepts_and_trickles(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
    while not handler.server.closing.wait(0.5):
        handler.wfile.write(b".")


def test_what_was_accepted_is_sent_even_if_the_rest_of_the_answer_never_comes(opened) -> None:
    """Else it would be sent again and again for a day."""
    with receiving(accepts_and_trickles) as receiver:
        hook = opened(f"json://{receiver.place}/", "2s")
        begun = time.monotonic()
        hook.send(FIRING, MESSAGE)
        assert time.monotonic() - begun < 3.0


def test_a_process_that_answers_to_nothing_is_killed(opened) -> None:
    """As one would be that hangs in a call of the system's, such as looking up a name."""
    hook = opened("json://127.0.0.1:9/", "1s")
    process = hook._courier._process
    process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    error = failed(lambda: hook.send(FIRING, MESSAGE))
    assert time.monotonic() - begun < 2.0
    assert process.returncode == -signal.SIGKILL
    assert (error.permanent, "did not answer within 1 s" in str(error)) == (False, True)


def test_a_process_that_something_else_ended_is_replaced(opened) -> None:
    with receiving() as receiver:
        hook = opened(f"json://{receiver.place}/", "60s")
        hook._courier._process.kill()
        hook._courier._process.wait()
        hook.send(FIRING, MESSAGE)


def test_a_flood_fills_no_memory(opened) -> None:
    with receiving(floods) as receiver:
        hook = opened(f"json://{receiver.place}/")
        failed(lambda: hook.send(FIRING, MESSAGE))
        status = Path(f"/proc/{hook._courier._process.pid}/status").read_text()
    kilobytes = int(re.search(r"VmHWM:\s*(\d+)", status)[1])
    assert kilobytes < 200_000


def test_a_process_that_was_given_up_is_replaced(opened) -> None:
    with receiving(hangs) as receiver:
        hook = opened(f"json://{receiver.place}/", "1s")
        failed(lambda: hook.send(FIRING, MESSAGE))
        receiver.behaviour = says(200)
        hook._seconds = 60.0
        hook.send(FIRING, MESSAGE)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("url", ["json://{0}/hook", "json://{0}/hook?redirect=yes"])
def test_no_message_is_sent_after_a_redirect(opened, status: int, url: str) -> None:
    with receiving() as thief, receiving() as receiver:
        receiver.behaviour = says(status, Location=f"http://localhost:{thief.server_port}/{SECRET}")
        error = failed(lambda: opened(url.format(receiver.place)).send(FIRING, MESSAGE))
        receiver.next()
        assert receiver.received.empty()
        assert thief.received.empty()
    assert not error.permanent
    assert "127.0.0.1 leads elsewhere (localhost)" in str(error)
    assert "put the right URL into the config" in str(error)


def test_a_receiver_that_refuses_tls_is_named_and_may_mend(opened) -> None:
    with receiving() as receiver:  # it speaks HTTP in the clear, and is spoken to in TLS
        error = failed(lambda: opened(f"jsons://{receiver.place}/{SECRET}").send(FIRING, MESSAGE))
        assert receiver.received.empty()
    assert not error.permanent
    assert "refuses TLS" in str(error)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(opened, elsewhere, monkeypatch) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name)
    error = failed(lambda: opened("jsons://drift.example/hook").send(FIRING, MESSAGE))
    assert not error.permanent
    assert "its certificate cannot be trusted" in str(error)
    assert elsewhere.received.empty()


def test_a_dead_port_is_named(opened) -> None:
    with receiving() as receiver:
        place = receiver.place
    error = failed(lambda: opened(f"json://{place}/{SECRET}").send(FIRING, MESSAGE))
    assert str(error) == "x: 127.0.0.1 cannot be reached: ConnectionRefusedError (Connection refused)"
    assert not error.permanent


def test_a_url_that_apprise_does_not_take_is_for_good(opened) -> None:
    for url in (f"nosuch://{SECRET}", f"slack://{SECRET.replace('/', '-')}"):
        made = opened(url)
        for attempt in (made.check, lambda made=made: made.send(FIRING, MESSAGE)):
            error = failed(attempt)
            assert error.permanent
            assert "its URL is none that Apprise takes" in str(error)
            assert leaks(str(error)) == []


def leaks(text: str) -> list[str]:
    return [piece for piece in ("canary", "sparrow", "finch", "robin") if piece in text]


def quotes(handler: Handler) -> None:
    """Tells in its refusal what it was asked, as many do."""
    handler.answer(400, f"no such hook: {handler.path} {handler.headers.get('Authorization')}".encode())


@pytest.mark.parametrize(
    "url",
    [
        "json://{0}/" + SECRET,
        "json://user:sparrow-canary@{0}/x",
        "json://{0}/x?-token=finch6789",
        "json://{0}/x?+Authorization=robin%20canary",
    ],
)
@pytest.mark.parametrize("behaviour", [quotes, resets, says(302, Location=f"http://127.0.0.1:9/{SECRET}")])
def test_no_error_quotes_the_url(opened, behaviour: Behaviour, url: str) -> None:
    with receiving(behaviour) as receiver:
        hook = opened(url.format(receiver.place))
        assert leaks(hook.check()) == []
        assert leaks(str(failed(lambda: hook.send(FIRING, MESSAGE)))) == []


def test_the_process_that_sends_shows_no_url_and_ends_with_us() -> None:
    """Its errands come over a pipe. Where the one who asked is killed, it reads the pipe's end."""
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from drift.channels.url import UrlChannel; from drift.config_channels import ChannelConfig\n"
        "made = UrlChannel('x', ChannelConfig(url=sys.stdin.readline().strip(), timeout='60s')); made.check()\n"
        "print(made._courier._process.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(f"json://127.0.0.1:9/{SECRET}\n")
    parent.stdin.flush()
    child = int(parent.stdout.readline())
    watched = os.pidfd_open(child)
    assert leaks(Path(f"/proc/{child}/cmdline").read_text()) == []
    assert leaks(Path(f"/proc/{child}/environ").read_text()) == []
    parent.kill()
    parent.communicate()
    assert select.select([watched], [], [], 20)[0], "the process outlived the one that it worked for"
    os.close(watched)


# Alertmanager


@needs_alertmanager
def test_a_real_alertmanager_tells_of_the_alert_and_of_its_end(tmp_path: Path) -> None:
    with receiving() as hook, alertmanager(tmp_path / "am", hook) as url:
        ours = AlertmanagerChannel("am", ChannelConfig(kind="alertmanager", url=url), Words())
        assert ours.check() == "an Alertmanager, ready; nothing was sent"
        ours.send(notice("Pune", "Delhi"), MESSAGE)
        fired = hook.next().json
        ours.send(notice("Pune", "Delhi", number=1), MESSAGE)  # told once more, it is the same alert
        ended = notice("Pune", "Delhi", status="resolved", why="resolved")
        ours.send(ended, message_of(ended, Words()))
        resolved = hook.next().json
        ours.close()
    assert (fired["status"], resolved["status"]) == ("firing", "resolved")
    assert {alert["labels"]["city"] for alert in fired["alerts"]} == {"Pune", "Delhi"}
    assert fired["groupLabels"] == {"alertname": "model_accuracy_drop"}
    assert hook.received.empty()


@needs_alertmanager
def test_an_alert_that_it_refuses_sinks_no_other(tmp_path: Path) -> None:
    with receiving() as hook, alertmanager(tmp_path / "am", hook) as url:
        ours = AlertmanagerChannel("am", ChannelConfig(kind="alertmanager", url=url), Words())
        alerts = posted(notice(*(f"city {n}" for n in range(9))), Words(), timedelta(hours=1))
        alerts[4] = {**alerts[4], "labels": {**alerts[4]["labels"], "no-label": "x"}}
        error = failed(lambda: ours.post(alerts))
        cities: set[str] = set()
        while len(cities) < 8:
            cities |= {alert["labels"]["city"] for alert in hook.next().json["alerts"]}
        ours.close()
    assert cities == {f"city {n}" for n in range(9)} - {"city 4"}
    assert error.permanent
    assert "am: 1 of 9 alerts refused, the others posted: model_accuracy_drop of city 4: " in str(error)
    assert "answered 400" in str(error)


@needs_alertmanager
def test_names_as_data_may_hold_them_are_taken(tmp_path: Path) -> None:
    names = ['Mün"chen\n{{.}}', "x" * 9000, "a\ud800b", "\u202egnp.exe", "🏙️", "' OR 1=1"]
    with receiving() as hook, alertmanager(tmp_path / "am", hook) as url:
        ours = AlertmanagerChannel("am", ChannelConfig(kind="alertmanager", url=url), Words())
        ours.send(notice(*names), MESSAGE)
        cities: set[str] = set()
        while len(cities) < len(names):
            cities |= {alert["labels"]["city"] for alert in hook.next().json["alerts"]}
        ours.close()


def test_an_alertmanager_that_is_away_or_another_thing_is_named() -> None:
    with receiving(says(502, b"bad gateway", Retry_After="4")) as receiver:
        url = f"http://user:sparrow-canary@{receiver.place}/prefix/"
        ours = AlertmanagerChannel("am", ChannelConfig(kind="alertmanager", url=url), Words())
        for attempt in (ours.check, lambda: ours.send(FIRING, MESSAGE)):
            error = failed(attempt)
            assert str(error) == "am: 127.0.0.1 answered 502 Bad Gateway (bad gateway)"
            assert (error.permanent, error.retry_after) == (False, 4.0)
        assert [receiver.next().path for _ in range(2)] == ["/prefix/-/ready", "/prefix/api/v2/alerts"]
        ours.close()


def test_an_alertmanager_that_refuses_each_alert_slowly_is_given_up_in_time() -> None:
    """Looking for the bad one takes no longer than a send may."""

    def slowly(handler: Handler) -> None:
        handler.server.closing.wait(0.4)
        handler.answer(400, b"no")

    with receiving(slowly) as receiver:
        config = ChannelConfig(kind="alertmanager", url=f"http://{receiver.place}", timeout="60s")
        ours = AlertmanagerChannel("am", config, Words())
        failed(ours.check)
        ours._seconds = 2.0
        begun = time.monotonic()
        error = failed(lambda: ours.send(notice(*(f"city {n}" for n in range(64))), MESSAGE))
        assert time.monotonic() - begun < 3.0
        assert not error.permanent
        ours.close()
