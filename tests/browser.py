"""Chromium, driven over a pipe by its DevTools protocol: no server, no port, no library."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next((found for name in NAMES if (found := shutil.which(name))), None)
"""The path of Chromium; None where there is none."""

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # it opens our own page, and refuses to run as root with one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-pipe",
)
_ON_3_AND_4 = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)
"""Chromium reads what it shall do from the file 3, and answers in the file 4."""

KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "Space": (" ", 32, " "),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
}
HELD = {"Alt": 1, "Ctrl": 2, "Shift": 8}
"""The bits of the protocol for keys that are held down."""


class Page:
    """One open page."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.pressed = 0
        """Keys that were pressed since it was set to 0."""
        self.send("Page.enable")
        self.send("Runtime.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.send(method, parameters, self._session)

    def open(self, path: Path, fragment: str = "") -> None:
        """Open a file, and wait until it is loaded."""
        self.visit(path.as_uri() + fragment)

    def visit(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        self._browser.events.clear()
        self.send("Page.navigate", url=address)
        self._browser.wait_for("Page.loadEventFired")

    def logged(self) -> list[str]:
        """Warnings and errors of the browser since the page was opened."""
        entries = [e["params"] for e in self._browser.events if e.get("method") == "Log.entryAdded"]
        return [entry["entry"]["text"] for entry in entries]

    def run(self, script: str) -> Any:
        """The value of an expression, which may be a promise."""
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def resize(self, width: int, height: int = 900) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def emulate(self, medium: str = "", **features: str) -> None:
        """Print or screen, and media features: ``prefers_color_scheme="dark"``."""
        named = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.send("Emulation.setEmulatedMedia", media=medium, features=named)

    def press(self, key: str) -> None:
        """Press a key once: its name or a letter, with others held: "Shift+Enter", "Alt+m"."""
        self.pressed += 1
        *held, name = key.split("+") if len(key) > 1 else [key]
        bits = sum(HELD[one] for one in held)
        letter = name if len(name) == 1 else ""
        shown, code, text = KEYS.get(name) or (name, ord(letter.upper()), letter)
        place = {"Space": "Space"}.get(name, f"Key{letter.upper()}" if letter.isalpha() else shown)
        event = {"key": shown, "code": place, "windowsVirtualKeyCode": code, "modifiers": bits}
        typed = {} if bits & ~HELD["Shift"] else {"text": text}
        self.send("Input.dispatchKeyEvent", type="keyDown", **typed, **event)
        self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    def press_all(self, text: str) -> None:
        """Press the keys of a text one by one; a capital is one key, with Shift held."""
        for letter in text:
            self.press(f"Shift+{letter}" if letter.isupper() else letter)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def settle(self) -> None:
        """Wait until two frames are drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def picture(self) -> bytes:
        """PNG of what is in the window."""
        return base64.b64decode(self.send("Page.captureScreenshot")["data"])

    def pdf(self) -> bytes:
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])


class Browser:
    """A running Chromium."""

    def __init__(self, process: subprocess.Popen[bytes], into: int, out: int) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._into, self._out, self._read, self._last = into, out, b"", 0

    def page(self) -> Page:
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        return Page(self, attached["sessionId"])

    def send(
        self, method: str, parameters: dict[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        self._last += 1
        call = {"id": self._last, "method": method, "params": parameters}
        message = json.dumps(call | ({"sessionId": session} if session else {})).encode() + b"\0"
        while message:
            message = message[os.write(self._into, message) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def wait_for(self, event: str) -> dict[str, Any]:
        while True:
            for seen in self.events:
                if seen.get("method") == event:
                    return seen
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            part = os.read(self._out, 1 << 20)
            assert part, "Chromium has ended"
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a profile in ``folder``, and end it."""
    assert PROGRAM is not None
    theirs_in, ours_in = _pipe()
    ours_out, theirs_out = _pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _ON_3_AND_4, str(theirs_in), str(theirs_out)),
            *(PROGRAM, *_ARGUMENTS, f"--user-data-dir={folder}"),
        ],
        pass_fds=(theirs_in, theirs_out),
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(process, ours_in, ours_out)
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours_in)
        os.close(ours_out)


def _pipe() -> list[int]:
    """Both ends of a pipe, with numbers that leave 3 and 4 free."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high
