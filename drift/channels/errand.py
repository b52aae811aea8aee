"""One send, in a process of its own: run by `drift.channels.courier`, never imported by drift.

A receiver may take a connection and then trickle a byte a second, or flood, or lead elsewhere. Apprise knows
time limits only between such bytes, says True or False, and keeps what the receiver answered to itself. So
sends happen here, where they can be watched, bounded and, if need be, killed: an errand is a line of JSON on
stdin, its answer a line on stdout. Nothing of drift is imported, so that it starts quickly, and answers hold
facts only: what they mean, and what of them people may see, is settled by who asked.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import smtplib
import ssl
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

BODY_BYTES = 1 << 20
"""So much of an answer is read, however long it is."""
MEMORY_BYTES = 1 << 30
SHOWN = 300
TEXTS = {"text": "text", "sms": "text", "html": "html", "slack": None}
"""What Apprise is told each form of a message is; None: sent as it stands."""

Facts = dict[str, Any]
"""What JSON has. `Any`: it comes from and goes to JSON."""


class Overdue(requests.Timeout):
    """The errand's time is up. Plugins take it for an ordinary time-out, of HTTP as of a socket."""


class Watch:
    """What was seen of one errand, and when it must end."""

    def __init__(self) -> None:
        self.begin(0.0)

    def begin(self, seconds: float) -> None:
        """Another errand: forget the one before."""
        self.facts: Facts = {}
        self._ends = time.monotonic() + seconds
        self._rung = False

    def left(self) -> float:
        """Seconds until it must end. Raises `Overdue` where there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Overdue
        return left

    def ring(self, *_: object) -> None:
        """The alarm: first the send may still say what it knows; then whoever asked has ended or given up."""
        if self._rung:
            os._exit(1)
        self._rung = True
        raise Overdue

    def answered(self, response: requests.Response) -> None:
        """Note an HTTP answer; one that was no success is not forgotten over one that was."""
        if response.status_code >= 300 or self.facts.get("status", 0) < 300:
            headers = response.headers
            self.facts |= {
                "status": response.status_code,
                "body": response.content[: 4 * SHOWN].decode("utf-8", "replace"),
                "retry_after": headers.get("Retry-After"),
                "date": headers.get("Date"),
                "elsewhere": urlsplit(headers.get("Location", "")).hostname,
            }

    def failed(self, error: BaseException) -> None:
        """Note why there was no answer, by what lies at the bottom of it: what is above quotes URLs."""
        while (below := _below(error)) is not None:
            error = below
        said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
        if isinstance(error, smtplib.SMTPException):
            said = said or str(error)
        self.facts |= {"error": type(error).__name__, "said": str(said or "")[:SHOWN]}
        self.facts |= {"tls": isinstance(error, ssl.SSLError)}


def _below(error: BaseException) -> BaseException | None:
    """What an error came from; urllib3 hands some on as an argument."""
    held = (argument for argument in error.args if isinstance(argument, BaseException))
    return error.__cause__ or error.__context__ or next(held, None)


def watch_http(watch: Watch) -> None:
    """From now on every HTTP request leads nowhere else, reads so much and no more, and is noted."""

    class Watched(requests.Session):
        def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
            watch.facts["host"] = urlsplit(request.url).hostname
            how |= {"allow_redirects": False, "stream": True, "timeout": watch.left()}
            response = super().send(request, **how)
            # where requests itself keeps what it has read; the status is there, even where the body is not
            vars(response).update(_content=_read(response), _content_consumed=True)
            response.close()
            watch.answered(response)
            return response

    # where `requests.post` and its like, which plugins call, look for it
    vars(requests.sessions)["Session"] = vars(requests)["Session"] = Watched


def _read(response: requests.Response) -> bytes:
    """As much of the body as there is in time, up to the limit."""
    body = b""
    try:
        while len(body) < BODY_BYTES and (more := response.raw.read1(1 << 16, decode_content=True)):
            body += more
    except Exception:  # noqa: BLE001 - whatever became of the rest, there is an answer
        return body
    return body


def watch_smtp(watch: Watch) -> None:
    """From now on every SMTP reply that is no success is noted."""
    plain = smtplib.SMTP.getreply

    def getreply(self: smtplib.SMTP) -> tuple[int, bytes]:
        code, text = plain(self)
        if code >= 400:
            watch.facts |= {"smtp": code, "reply": text.decode("utf-8", "replace")[:SHOWN]}
        return code, text

    smtplib.SMTP.getreply = getreply  # type: ignore[method-assign]  # Apprise keeps replies to itself


class Listener(logging.Handler):
    """Apprise tells its log of an error while it handles it: so the error itself is still to be had."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        """Note the error, or else the first warning."""
        error = sys.exc_info()[1]
        if error is not None:
            self._watch.failed(error)
        elif record.levelno >= logging.WARNING:
            self._watch.facts.setdefault("warning", record.getMessage()[:SHOWN])


def plugin_of(url: str) -> Any:
    """Apprise's plugin for the URL: without icons from elsewhere, files, templates or tries of its own.

    Raises:
        ValueError: no service of Apprise takes the URL.
    """
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(
        app_id="drift", app_desc="drift", app_url="", image_url_mask=None, image_url_logo=None,
        async_mode=False, http_redirects=False, interpret_emojis=False, pgp_autogen=False, pem_autogen=False,
        storage_mode="memory", allow_templates=False, service_timeout=0,
    )  # fmt: skip
    plugin = Apprise.instantiate(url, asset=asset, suppress_exceptions=False)
    if plugin is None:
        raise ValueError("no service takes such a URL")
    return plugin


def form_of(plugin: Any) -> str:
    """The form of message that a service is best sent."""
    formats = plugin.notify_format
    first = formats[0] if isinstance(formats, tuple) else formats
    if plugin.service_name == "Slack":
        return "slack"
    if plugin.title_maxlen <= 0 and plugin.body_maxlen <= 160:
        return "sms"
    return "html" if first == "html" and plugin.title_maxlen > 0 else "text"


def look(errand: Mapping[str, Any], watch: Watch) -> None:
    """What the URL leads to; a mail server is greeted and logged in to. Nothing is sent."""
    plugin = plugin_of(errand["url"])
    watch.facts |= {"service": str(plugin.service_name), "form": errand["form"] or form_of(plugin)}
    if not plugin.schema.startswith("mailto"):
        return
    watch.facts["host"] = plugin.smtp_host
    context = ssl.create_default_context()
    if not plugin.verify_certificate:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if plugin.secure_mode == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(plugin.smtp_host, plugin.port, context=context)
    else:
        server = smtplib.SMTP(plugin.smtp_host, plugin.port)
    with server:
        if plugin.secure_mode == "starttls":
            server.starttls(context=context)
        if plugin.user and plugin.password:
            server.login(plugin.user, plugin.password)
    watch.facts["service"] += ", logged in" if plugin.user else ", greeted"


def notify(errand: Mapping[str, Any], watch: Watch) -> None:
    """Send a message by Apprise, in the form that is asked for or best."""
    from apprise import Apprise

    plugin = plugin_of(errand["url"])
    if plugin.schema.startswith("mailto"):
        watch.facts["host"] = plugin.smtp_host
    if isinstance(getattr(plugin, "headers", None), dict):
        plugin.headers = {**plugin.headers, "Idempotency-Key": errand["key"]}
    form = errand["form"] or form_of(plugin)
    if plugin.service_name == "Slack" and form == "slack":
        plugin.use_blocks = True  # else Apprise would escape, and unescape in part, what is escaped
    title = "" if form in ("sms", "slack") else errand["title"]  # those begin with it
    services = Apprise()
    services.add(plugin)
    sent = services.notify(
        errand["message"][form], title, notify_type=errand["type"], body_format=TEXTS[form]
    )
    watch.facts["sent"] = bool(sent)


def request(errand: Mapping[str, Any], watch: Watch) -> None:
    """One HTTP request with JSON, or with none, and with the headers of a trace."""
    method, url, headers = errand["method"], errand["url"], errand.get("headers")
    answer = requests.request(method, url, json=errand["json"], headers=headers)  # noqa: S113 - see Watched
    watch.facts["sent"] = answer.ok and not answer.is_redirect


ERRANDS = {"look": look, "notify": notify, "request": request}


def run(errand: Mapping[str, Any], watch: Watch) -> Facts:
    """Do the errand within its seconds; what is known of how it went."""
    watch.begin(errand["seconds"])
    try:
        signal.setitimer(signal.ITIMER_REAL, errand["seconds"], 2.0)
        ERRANDS[errand["do"]](errand, watch)
    except (TypeError, ValueError) as error:  # what Apprise raises for a URL that it does not take
        watch.facts |= {"refused": str(error)[:SHOWN]}
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        watch.failed(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return watch.facts


def main() -> None:
    """Errands from stdin until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a plugin prints is no answer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    watch = Watch()
    watch_http(watch)
    watch_smtp(watch)
    logger = logging.getLogger("apprise")
    logger.addHandler(Listener(watch))
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    signal.signal(signal.SIGALRM, watch.ring)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line), watch)), file=answers, flush=True)


if __name__ == "__main__":
    main()
