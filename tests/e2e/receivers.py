"""Real receivers on loopback for the tests that deliver: a web server that records, and may be as hostile as they
come; a way to it from hosts elsewhere, as Slack's and an SMS gateway's; a mail server with STARTTLS and
AUTH; an Alertmanager.

Nothing here sleeps: what waits, waits for an event, and is let go when its receiver is closed.
"""

from __future__ import annotations

import json
import queue
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

WAIT = 20.0
"""Seconds after which what should have come will not."""


@dataclass(frozen=True)
class Received:
    """One request."""

    host: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Handler(BaseHTTPRequestHandler):
    """Records a request, then behaves as the receiver says."""

    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        host = self.headers.get("Host", "")
        self.server.received.put(Received(host, self.path, dict(self.headers), self.rfile.read(size)))
        self.close_connection = True
        try:
            self.server.behaviour(self)
        except OSError:  # whoever asked has gone
            return

    do_GET = do_PUT = do_POST  # noqa: N815 - the standard library's names

    def do_CONNECT(self) -> None:
        """As a proxy to everywhere, which leads here: with a certificate for whichever host is asked for."""
        host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        context = self.server.context_for(host)
        self.close_connection = True
        try:
            with context.wrap_socket(self.connection, server_side=True) as inner:
                Handler(inner, self.client_address, self.server)
        except OSError:
            return

    def answer(self, status: int = 200, body: bytes = b"ok", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is theirs."""


Behaviour = Callable[[Handler], None]


class Receiver(ThreadingHTTPServer):
    """A web server on loopback. `behaviour` may be changed at any time."""

    daemon_threads = True

    def __init__(self, behaviour: Behaviour, authority: trustme.CA | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour = behaviour
        self.received: queue.Queue[Received] = queue.Queue()
        self.closing = threading.Event()
        self._authority = authority
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def context_for(self, host: str) -> ssl.SSLContext:
        assert self._authority is not None, "this receiver has no certificates"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(host).configure_cert(context)
        return context

    def next(self) -> Received:
        """The next request; fails where none comes."""
        return self.received.get(timeout=WAIT)

    def handle_error(self, *_: object) -> None:
        """Nothing: a broken connection is what these tests are about."""

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


@contextmanager
def receiving(behaviour: Behaviour | None = None, authority: trustme.CA | None = None) -> Iterator[Receiver]:
    receiver = Receiver(behaviour or Handler.answer, authority)
    try:
        yield receiver
    finally:
        receiver.close()


def says(status: int = 200, body: bytes = b"ok", **headers: str) -> Behaviour:
    """Answers so; `Retry_After="7"` is a header."""
    return lambda handler: handler.answer(status, body, **headers)


def hangs(handler: Handler) -> None:
    """Takes the message, and says nothing."""
    handler.server.closing.wait(WAIT)


def trickles(handler: Handler) -> None:
    """Refuses, a byte a second, for as long as anyone listens."""
    handler.wfile.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9000\r\n\r\n")
    _drip(handler)


def trickles_its_header(handler: Handler) -> None:
    """Does not even come to say how it went."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(handler)


def _drip(handler: Handler) -> None:
    while not handler.server.closing.wait(1.0):
        handler.wfile.write(b".")


def floods(handler: Handler) -> None:
    """Refuses, with a body that has no end."""
    handler.wfile.write(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\n\r\n")
    while not handler.server.closing.is_set():
        handler.wfile.write(b"x" * 65536)


def resets(handler: Handler) -> None:
    """Breaks off the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()


@contextmanager
def talking(text: bytes, pause: float) -> Iterator[int]:
    """A port where whoever comes is told the same, over and over, `pause` seconds apart, and is not heard."""
    closing = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while not closing.wait(pause):
                connection.sendall(text)

    def greet(listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                threading.Thread(target=talk, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, args=[listener], daemon=True).start()
        yield listener.getsockname()[1]
        closing.set()
        listener.shutdown(socket.SHUT_RDWR)


@dataclass
class Mailbox:
    """What a mail server took, and how it is to behave: `refusal` is said to every recipient."""

    user: str = "drift"
    password: str = "pass-word/42"  # noqa: S105 - a made-up one
    refusal: str | None = None
    mails: queue.Queue[tuple[Session, Envelope]] = field(default_factory=queue.Queue)

    async def handle_RCPT(self, _s: Any, _x: Any, envelope: Envelope, to: str, _o: list[str]) -> str:  # noqa: N802
        if self.refusal is None:
            envelope.rcpt_tos.append(to)
        return self.refusal or "250 OK"

    async def handle_DATA(self, _server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.put((session, envelope))
        return "250 OK"

    def log_in(self, _s: Any, _x: Any, _e: Any, _mechanism: str, given: LoginPassword) -> AuthResult:
        right = (given.login, given.password) == (self.user.encode(), self.password.encode())
        return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(
    authority: trustme.CA, mailbox: Mailbox, host: str = "localhost", *, starttls: bool = True
) -> Iterator[int]:
    """A mail server that takes nothing without STARTTLS and AUTH, and its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    with socket.socket() as probe:  # aiosmtpd's controller wants to know its port beforehand
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    how: dict[str, Any] = {"tls_context": context, "require_starttls": True} if starttls else {}
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=port, auth_required=starttls, authenticator=mailbox.log_in, **how
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needs_alertmanager = pytest.mark.skipif(
    ALERTMANAGER is None, reason="no Alertmanager (Debian: prometheus-alertmanager) on the path"
)
ROUTES = """\
route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: "http://%s/", send_resolved: true}]}]
"""


@contextmanager
def alertmanager(folder: Path, hook: Receiver, routes: str = ROUTES) -> Iterator[str]:
    """A real Alertmanager, by its URL; what it would tell people, it tells the hook."""
    assert ALERTMANAGER is not None
    folder.mkdir(exist_ok=True)
    (folder / "alertmanager.yml").write_text(routes % hook.place)
    process = subprocess.Popen(
        [ALERTMANAGER, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
         "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield f"http://{_listening(process)}"
    finally:
        process.kill()
        process.wait()


def _listening(process: subprocess.Popen[str]) -> str:
    """Where it listens, as its log says; the log is read on, so that it is never full."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r'Listening on" address=(\S+)', line):
            threading.Thread(target=_read_on, args=[process.stderr], daemon=True).start()
            return found[1]
    raise AssertionError(f"the Alertmanager ended: {''.join(said)}")


def _read_on(log: IO[str]) -> None:
    with log:
        log.read()
