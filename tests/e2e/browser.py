"""A real Chromium for tests, spoken to over its own debugging pipe: no driver, no port, no sleep.

A test asks for the `browser` fixture: one page, kept for the tests of a module. What the page asked of the
network, what it complained of and which dialogs it opened are lists, emptied by `open`. Whatever is waited
for is waited for by the protocol's own events, never by the clock alone.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LONGEST_S = 30.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",  # as telephones do: a picture is as wide as the window
    "--remote-debugging-pipe",
)
# Chromium reads commands from descriptor 3 and answers on 4
LAUNCH = """
import fcntl, os, sys
down, up = (fcntl.fcntl(int(end), fcntl.F_DUPFD_CLOEXEC, 64) for end in sys.argv[1:3])
os.dup2(down, 3), os.dup2(up, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
KEYS = {
    "Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), " ": (32, " "), "End": (35, ""), "Home": (36, ""),
    **{f"Arrow{way}": (37 + i, "") for i, way in enumerate(("Left", "Up", "Right", "Down"))},
}  # fmt: skip
"""The code of a key that writes no character of its own, and the text that it enters."""
MIDDLE = """(e => { e.scrollIntoView({block: "center", behavior: "instant"}); const b = e.getBoundingClientRect();
return [b.left + b.width / 2, b.top + b.height / 2]; })(document.querySelector(%s))"""
SETTLED = """new Promise(done => {
    const frame = left => requestAnimationFrame(() => innerWidth !== %d ? frame(3) : left ? frame(left - 1) : done());
    frame(3);
})"""
"""When a page has its new width, and three frames more: one to lay it out, one to draw what is drawn to measure."""
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
"""How wide the page is, and the room it has: more is a page that must be scrolled sideways."""


class Pipe:
    """The process and its messages: JSON, each ended by a zero byte."""

    def __init__(self, profile: Path) -> None:
        down, self.down = os.pipe()
        self.up, up = os.pipe()
        start = [sys.executable, "-c", LAUNCH, str(down), str(up), str(CHROMIUM), *FLAGS]
        with (profile.parent / f"{profile.name}.log").open("w") as log:
            self.process = subprocess.Popen(
                [*start, f"--user-data-dir={profile}"], pass_fds=(down, up), stdout=log, stderr=log
            )
        os.close(down)
        os.close(up)
        self.rest = b""

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        os.close(self.down)
        os.close(self.up)

    def write(self, message: dict[str, Any]) -> None:
        os.write(self.down, json.dumps(message).encode() + b"\0")

    def read(self, within_s: float = LONGEST_S) -> dict[str, Any] | None:
        """The next message; None when there was none in time."""
        end = time.monotonic() + within_s
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.up], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            part = os.read(self.up, 1 << 16)
            assert part, "Chromium went away"
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)


class Browser:
    """A headless Chromium with one page, what it asked of the network, and what it complained of."""

    def __init__(self, profile: Path) -> None:
        self.numbers, self.session = itertools.count(1), None
        self.loaded = 0
        self.hush()
        self.pipe = Pipe(profile)
        try:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Runtime", "Log", "Network", "Page"):
                self.ask(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def hush(self) -> None:
        """Forget what was asked of the network, blocked, complained of and opened as a dialog."""
        self.requests: list[str] = []
        self.blocked: list[str | None] = []
        self.complaints: list[Any] = []
        self.dialogs: list[str] = []

    def close(self) -> None:
        self.pipe.close()

    # -- the protocol

    def send(self, method: str, **params: object) -> int:
        """A command whose answer nobody waits for; its number."""
        number = next(self.numbers)
        to = {"sessionId": self.session} if self.session else {}
        self.pipe.write({"id": number, "method": method, "params": params, **to})
        return number

    def answer(self, method: str, **params: object) -> dict[str, Any]:
        """What Chromium answers a command, an error too."""
        number = self.send(method, **params)
        while (answer := self.hear()).get("id") != number:
            pass
        return answer

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """The result of a command, which must succeed."""
        answer = self.answer(method, **params)
        assert "error" not in answer, answer
        return answer["result"]

    def hear(self, within_s: float = LONGEST_S) -> dict[str, Any]:
        """The next message, noted; empty when a shorter time than the longest has passed without one."""
        said = self.pipe.read(within_s)
        assert said is not None or within_s < LONGEST_S, f"Chromium said nothing for {LONGEST_S:.0f} s"
        if said is None:
            return {}
        self.note(said.get("method"), said.get("params", {}))
        return said

    def note(self, method: str | None, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.loadingFailed":
            self.blocked.append(params.get("blockedReason"))
        elif method in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.complaints.append(params)
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(params["args"])
        elif method == "Page.loadEventFired":
            self.loaded += 1
        elif method == "Page.javascriptDialogOpening":  # nothing goes on while it is open
            self.dialogs.append(params["message"])
            self.send("Page.handleJavaScriptDialog", accept=True)

    # -- a page

    def open(
        self,
        page: Path | str,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        media: str = "",
        *,
        still: bool = False,
        scripts: bool = True,
    ) -> None:
        """Open a file or an address. `media` may be `print`; `still` asks for reduced motion."""
        self._size(width, height)
        self.look(scheme, media, still=still)
        self.ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.hush()
        with self.loading():
            self.ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())

    def resize(self, width: int, height: int = 900) -> None:
        """Another size of the window, and what the page draws anew for it."""
        self._size(width, height)
        self.js(SETTLED % width)

    def _size(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        self.ask("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)

    def look(self, scheme: str = "light", media: str = "", *, still: bool = False) -> None:
        """Light or dark, on a screen or on paper, with reduced motion or without."""
        motion = "reduce" if still else "no-preference"
        features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", motion)]
        asked = [{"name": name, "value": value} for name, value in features]
        self.ask("Emulation.setEmulatedMedia", media=media, features=asked)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Wait, after what is done inside, until another page has loaded: a link, a form that is sent."""
        before = self.loaded
        yield
        while self.loaded == before:
            self.hear()

    def forget(self) -> None:
        """Drop every cookie: nobody is logged in any more."""
        self.ask("Network.clearBrowserCookies")

    def js(self, expression: str) -> Any:
        """The value of an expression in the page, or what its promise comes to."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression: str, within_s: float = LONGEST_S) -> Any:
        """The expression's value as soon as it is truthy, over however many pages that takes."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            found = self.answer("Runtime.evaluate", expression=expression, returnByValue=True)
            value = found.get("result", {}).get("result", {}).get("value")
            if value and "exceptionDetails" not in found["result"]:
                return value
            self.hear(0.05)  # whatever happens next, or a moment: a page may change without a word
        raise AssertionError(f"not true within {within_s} s: {expression}")

    # -- hands and eyes

    def click(self, selector: str) -> None:
        """A real click on the middle of the first element of the selector, scrolled to."""
        x, y = self.js(MIDDLE % json.dumps(selector))
        self.drag(x, x, y)

    def hover(self, x: float, y: float) -> None:
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def drag(self, start: float, end: float, y: float) -> None:
        mouse = {"button": "left", "clickCount": 1, "buttons": 1}
        self.ask("Input.dispatchMouseEvent", type="mousePressed", x=start, y=y, **mouse)
        if end != start:
            self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=end, y=y, **mouse)
        self.ask("Input.dispatchMouseEvent", type="mouseReleased", x=end, y=y, **mouse)

    def type(self, text: str) -> None:
        """Text into whatever has the focus."""
        self.ask("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key down and up: Tab, Enter, Escape, an arrow, or a character."""
        code, text = KEYS.get(key, (ord(key.upper()[0]), key))
        held = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 * shift}
        typed = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.ask("Input.dispatchKeyEvent", **held, **typed)
        self.ask("Input.dispatchKeyEvent", **held, type="keyUp")

    def focused(self) -> str:
        """The element that has the focus, in short: tag, id, class, and its first words."""
        return self.js(
            "(e => [e.tagName.toLowerCase(), e.id && '#' + e.id, e.getAttribute('class'),"
            " (e.getAttribute('aria-label') || e.textContent).trim().slice(0, 30)].join(' '))(document.activeElement)"
        )

    def picture(self, file: Path, *, whole: bool = True) -> Path:
        """A PNG of the page, to its end or as far as the window shows it."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize" if whole else "cssLayoutViewport"]
        width, height = (size.get(k, size.get(f"client{k.title()}")) for k in ("width", "height"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))
        return file
