"""What every answer says to the browser, and for whom we answer at all.

A page may load its own style and nothing else, runs no script unless it brought it along, is shown in no
frame, and tells no other site where one came from. A server that listens on this machine alone answers to
this machine's names alone: a page elsewhere could else give its own name our address (DNS rebinding), and
read what it gets.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from starlette.datastructures import Headers as Read
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of what is no page of ours."""
ALWAYS = {
    "Content-Security-Policy": NOTHING,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What an answer says that says nothing else."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OPEN_TO_ALL = ("/healthz", "/readyz")
"""Answered under any name: whoever probes asks by address, and learns nothing."""
_HOST = re.compile(r"(?P<name>[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Guarded:
    """An application behind these headers. `names`: the hosts it answers for; none of them for any."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app, self._names = app, frozenset(name.lower().strip("[]") for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse where the request is for another host."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            # a browser would put the policy of a 304 in the place of the one that the page it keeps came with
            if message["type"] == "http.response.start" and message["status"] != 304:
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._app if self._ours(scope) else _MISDIRECTED
        await app(scope, receive, send_with_headers)

    def _ours(self, scope: Scope) -> bool:
        if not self._names or scope["path"] in OPEN_TO_ALL:
            return True
        return host_name(Read(scope=scope).get("host", "")) in self._names


_MISDIRECTED = PlainTextResponse(
    "drift does not answer for this host. If people see it under this name, add it to serve.hosts in the "
    "config.\n",
    status_code=421,
)


def host_name(host: str) -> str:
    """The name in a Host header or an address, in lower case and without the port; empty where it is none.

    >>> host_name("Localhost:9109"), host_name("[::1]:9109"), host_name("a@b")
    ('localhost', '::1', '')
    """
    found = _HOST.fullmatch(host)
    return found["name"].lower().strip("[]") if found else ""


def is_loopback(host: str) -> bool:
    """Whether who listens there is reached from this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("::1")
    (True, True, False, True)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def answered_for(host: str, hosts: Collection[str], base_url: str) -> tuple[str, ...]:
    """The names that a server listening at `host` answers for; none of them: any.

    On loopback those of this machine, what the config names, and that of `notify.base_url`. Elsewhere what
    the config names and loopback; where it names none, any: which names lead here only its people know.

    >>> answered_for("0.0.0.0", (), ""), answered_for("127.0.0.1", (), "https://drift.example/city")[-1]
    ((), 'drift.example')
    """
    if not hosts and not is_loopback(host):
        return ()
    public = host_name(base_url.partition("://")[2].partition("/")[0])
    return tuple(dict.fromkeys((*LOOPBACK, host_name(host), *hosts, *((public,) if public else ()))))
