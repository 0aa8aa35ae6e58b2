"""Chromium for the tests of pages and widgets: `pytest_plugins = ["helpers.browser"]` brings the fixtures.

Without Playwright or Chromium these tests skip and say so; under CI they fail, so that they cannot vanish unseen.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from urllib.parse import urlsplit

import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without a sandbox it also runs as root, as in a container; the rest keeps it from calling home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The browser's path: LGN_LITE_CHROMIUM, or the first of its usual names; None where there is none."""
    return os.environ.get("LGN_LITE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def screenshots() -> Path:
    """The folder for screenshots, which people look at: LGN_LITE_SCREENSHOTS, else runs/screenshots."""
    folder = Path(os.environ.get("LGN_LITE_SCREENSHOTS") or PROJECT / "runs" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _missing(reason: str) -> None:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{reason}, and under CI the browser's tests have to run")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser():
    """Playwright's browser, one a module: its event loop runs as long as it does, and other tests have their own."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("needs Playwright: uv sync")
    path = chromium()
    if path is None:
        _missing("needs Chromium: apt-get install chromium, or name a browser by LGN_LITE_CHROMIUM")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@dataclass
class Watch:
    """What a browser's context complained of, and what it asked the network for."""

    errors: list[str] = field(default_factory=list)  # of the console, uncaught exceptions, failed answers
    requests: list[str] = field(default_factory=list)  # addresses, data: and blob: too

    def foreign(self, host: str = "127.0.0.1") -> list[str]:
        """The requests, also of web sockets, to any other host."""
        asked = [url for url in self.requests if urlsplit(url).scheme in ("http", "https", "ws", "wss", "ftp")]
        return [url for url in asked if urlsplit(url).hostname != host]


def watch(context) -> Watch:
    """Write down the console's errors and the requests of all pages that a context opens from now on."""
    seen = Watch()

    def console(message):
        if message.type == "error":
            seen.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def answer(response):
        if response.status >= 400:
            seen.errors.append(f"{response.status} {response.url}")

    context.on("console", console)
    context.on("weberror", lambda error: seen.errors.append(str(error.error)))
    context.on("request", lambda request: seen.requests.append(request.url))
    context.on("response", answer)
    context.on("page", lambda page: page.on("websocket", lambda socket: seen.requests.append(socket.url)))
    return seen


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """Python with these arguments, once it has printed the address of the page that it serves; Ctrl-C at the end.

    It has a temporary folder of its own: `process.folder`, and afterwards `process.left`, the names of what it left
    there. All that it prints is in the list `process.said`.
    """
    with tempfile.TemporaryDirectory(prefix="s-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT,
            env=os.environ | {"TMPDIR": folder} | environment,
        )  # fmt: skip
        process.folder, process.said, process.left = Path(folder), [], None
        found: Queue[str | None] = Queue()

        def listen() -> None:  # to the end: a server whose pipe is full would stand still
            for line in process.stdout:
                process.said.append(line)
                if address := re.search(r"http://\S+", line):
                    found.put(address[0])
            found.put(None)

        listening = Thread(target=listen, daemon=True)
        listening.start()
        try:
            try:
                address = found.get(timeout=180)
            except Empty:
                address = None
            if address is None:
                process.kill()
                listening.join(10)
                pytest.fail(f"no address was printed:\n{''.join(process.said)}")
            yield process, address
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            finally:
                listening.join(10)
                process.left = sorted(path.name for path in Path(folder).iterdir())


def processes(server) -> list[psutil.Process]:
    children = psutil.Process(server.pid).children(recursive=True)
    return [child for child in children if "ipykernel_launcher" in " ".join(child.cmdline())]


def serve(arguments: dict, settings: str = "pass", **options) -> list[str]:
    """Arguments of Python for `page.serve`, which is quicker than the command: it loads no model beforehand.

    `settings` are assignments, such as "page.IDLE = 2".
    """
    begin = "from lgn_lite.inspector import server as page, visits"
    return ["-u", "-c", f"{begin}; {settings}; page.serve({arguments!r}, **{options!r})"]


def gone(process: psutil.Process, seconds: float = 120) -> bool:
    psutil.wait_procs([process], timeout=seconds)
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
