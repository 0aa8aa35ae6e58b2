"""Who may visit the inspector's page, and how long a visitor's process lives: Voilà's handlers, each of them guarded.

Another site's page can make a visitor's browser send any request to this server; it gets nothing, not even a process.
A process ends when its page is closed, when its visitor leaves while it loads, and soon after nobody has it open; one
that dies is not started again behind the page, which says so.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import shutil
import socket
import tempfile
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

from jupyter_core.utils import ensure_async
from jupyter_server.base.call_context import CallContext
from jupyter_server.base.handlers import FileFindHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, authenticated
from tornado.websocket import WebSocketClosedError
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import MultiStaticFileHandler, TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler
from voila.voila_identity_provider import VoilaLoginHandler

from lgn_lite.support.templates import render

AWAY = 30  # seconds without a connection after which a visitor's process ends; a browser connects again before that
UNSEEN = 60  # the same for a page that has not connected yet, since its last sign of life
VISITORS = 16  # processes at most: each takes up to a gigabyte
PROTOCOL = "v1.kernel.websocket.jupyter.org"  # of the channel between page and process
REFUSED = Path(__file__).with_name("refused.html.jinja")

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Refusal(HTTPError):
    """An HTTPError with a sentence for the visitor."""

    def __init__(self, status: int, sentence: str):
        super().__init__(status)
        self.sentence = sentence


class Door:
    """Who is let in: `refuses(request)` is the sentence for one who is not, "" for others.

    host: where the server listens; secret: the token, "" without one.
    """

    def __init__(self, host: str, secret: str):
        self.secret, self.local = secret, is_local(host)
        # A name that another site lets resolve to this machine is not among these.
        self.names = {"localhost", host.lower()}
        if not self.local:
            own = {socket.gethostname().lower(), socket.getfqdn().lower()}
            self.names |= own | {f"{name.partition('.')[0]}.local" for name in own}

    def refuses(self, request: HTTPServerRequest) -> str:
        if not self._knows(request.host):
            return "This server is not known by that name: use the address that it printed."
        if self._foreign(request) and not (request.path == "/" and self._has_secret(request)):
            return "Another site's page has requested this."
        return ""

    def _knows(self, host: str) -> bool:
        if not self.local and self.secret:  # by another name a page has neither the token nor its cookie
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return ipaddress.ip_address(name).is_loopback or not self.local
        except ValueError:
            return host.rpartition(":")[0].lower() in self.names or host.lower() in self.names

    def _foreign(self, request: HTTPServerRequest) -> bool:
        """Whether, by its headers, another origin sends this: another site, or another port of this machine."""
        headers = request.headers
        if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return True
        origins = [headers.get("Origin"), headers.get("Sec-WebSocket-Origin")]
        if "Sec-Fetch-Site" not in headers:  # an older browser, or an address that is neither https nor this machine
            origins.append(headers.get("Referer"))
        try:
            return any(urlsplit(address).netloc.lower() != request.host.lower() for address in origins if address)
        except ValueError:
            return True

    def _has_secret(self, request: HTTPServerRequest) -> bool:
        given = request.query_arguments.get("token", [b""])[-1]
        return bool(self.secret) and secrets.compare_digest(given, self.secret.encode())


class Visits(AsyncMappingKernelManager):
    """The visitors' processes (kernels), each with the time of its page's last sign of life."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.loading: set[InspectorPage] = set()
        self.connections: Counter[str] = Counter()
        self.connected: set[str] = set()  # that were so once
        self.last_seen: dict[str, float] = {}
        self.folders: dict[str, str] = {}  # of their temporary files, which go with them
        self._ending: set[str] = set()

    def admit(self, page: InspectorPage) -> None:
        """Let a page begin to load; HTTPError if there are too many."""
        if len(self) + sum(page.kernel_id is None for page in self.loading) >= VISITORS:
            raise Refusal(503, f"{VISITORS} visitors have this page open already; try again later.")
        self.loading.add(page)

    def mark_seen(self, kernel_id: str) -> None:
        self.last_seen[kernel_id] = time.monotonic()

    async def start_kernel(self, **options: Any) -> str:
        page = CallContext.get(CallContext.JUPYTER_HANDLER)
        folder = tempfile.mkdtemp(prefix="visitor-", dir=self.connection_dir)  # for a video that is sent, too
        options["env"] |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)
        kernel_id = await super().start_kernel(**options)
        self.folders[kernel_id] = folder
        self.mark_seen(kernel_id)
        page.kernel_id = kernel_id
        if page.left:  # in the meantime
            await self.end(kernel_id)
            raise HTTPError(499)
        return kernel_id

    async def _async_shutdown_kernel(self, kernel_id: str, now: bool = False, restart: bool = False) -> None:
        if kernel_id in self._ending:  # its page was closed, and its connection with it
            return
        self._ending.add(kernel_id)
        if kernel_id in self and getattr(self.get_kernel(kernel_id), "execution_state", "") == "starting":
            now = True  # it has nothing to finish, and would print where it was interrupted
        try:
            await super()._async_shutdown_kernel(kernel_id, now=now, restart=restart)
        finally:
            self._ending.discard(kernel_id)
            self.last_seen.pop(kernel_id, None)
            self.connected.discard(kernel_id)
            shutil.rmtree(self.folders.pop(kernel_id, ""), ignore_errors=True)
            for page in [page for page in self.loading if page.kernel_id == kernel_id]:
                page.end()

    shutdown_kernel = _async_shutdown_kernel

    async def end(self, kernel_id: str, now: bool = False) -> None:
        """End a process, unless it is gone already."""
        if kernel_id in self:
            await self.shutdown_kernel(kernel_id, now=now)

    def _handle_kernel_died(self, kernel_id: str) -> None:
        self.log.warning("A visitor's process has ended by itself, or was killed; its page says so.")
        IOLoop.current().add_callback(self.end, kernel_id, now=True)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End a process whose page nobody has open, and one that nobody has used for long (`cull_idle_timeout`)."""
        if kernel_id not in self or kernel_id in self._ending:
            return
        if self.connections[kernel_id] or any(page.kernel_id == kernel_id for page in self.loading):
            self.mark_seen(kernel_id)
        elif time.monotonic() - self.last_seen.setdefault(kernel_id, time.monotonic()) > (
            AWAY if kernel_id in self.connected else UNSEEN
        ):
            await self.end(kernel_id)
            return
        await super().cull_kernel_if_idle(kernel_id)


class Guarded:
    """A handler that checks the door first, and responds to every failure with one sentence."""

    async def prepare(self) -> None:
        if reason := self.settings["door"].refuses(self.request):
            self.current_user = self._jupyter_current_user = None  # which others would read to render an error
            raise Refusal(403, reason)
        if (prepared := super().prepare()) is not None:
            await ensure_async(prepared)

    def write_error(self, status_code: int, **given: Any) -> None:
        error = given.get("exc_info", (None, None))[1]
        sentence = error.sentence if isinstance(error, Refusal) else f"{status_code}: {self._reason}."
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(render(REFUSED, reason=sentence))

    def log_exception(self, kind: type, error: BaseException, trace: Any) -> None:
        if not isinstance(error, HTTPError):  # the line for the request says it of those
            super().log_exception(kind, error, trace)


class InspectorPage(Guarded, TornadoVoilaHandler):
    """The page itself, whose process ends with the connection for as long as it loads."""

    kernel_id: str | None = None
    left = False
    _writing: asyncio.Future | None = None

    @authenticated
    async def get(self, path: str | None = None) -> None:
        if path:
            raise HTTPError(404)
        if "prefetch" in self.request.headers.get("Sec-Purpose", ""):
            raise Refusal(503, "This page is not open yet.")
        self.kernel_manager.admit(self)
        try:
            self._writing = asyncio.ensure_future(self._write())
            await self._writing
        except asyncio.CancelledError:  # what the visitor sees of the page says that its process has ended
            pass
        finally:
            self.kernel_manager.loading.discard(self)
            if self.kernel_id is not None and self.kernel_id in self.kernel_manager:
                self.kernel_manager.mark_seen(self.kernel_id)

    async def _write(self) -> None:
        try:
            async with aclosing(self.get_generator()) as parts:
                async for part in parts:
                    self.write(part)
                    await self.flush()
        except StreamClosedError:
            pass

    def end(self) -> None:
        """Stop waiting for a process that has ended."""
        if self._writing is not None:
            self._writing.cancel()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.left = True
        if self.kernel_id is not None:  # else `start_kernel` sees to it
            IOLoop.current().add_callback(self.kernel_manager.end, self.kernel_id)


class Process(Guarded, KernelHandler):
    """Whether a visitor's process is there; the page checks again and again."""

    async def get(self, kernel_id: str) -> None:
        await super().get(kernel_id)
        if kernel_id not in self.kernel_manager.connected:
            self.kernel_manager.mark_seen(kernel_id)

    async def delete(self, kernel_id: str) -> None:
        raise HTTPError(405)


class Channels(Guarded, VoilaKernelWebsocketHandler):
    """The page's connection to its process, in the one protocol that Voilà can read without harm.

    Of the older one it takes a picture's bytes for a length and counts up to it.
    """

    _process = ""

    async def get(self, kernel_id: str) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        if PROTOCOL not in map(str.strip, offered):
            raise Refusal(400, f"Only the protocol {PROTOCOL} is spoken here.")
        try:
            await super().get(kernel_id)
        except HTTPError:
            raise
        except Exception as error:  # the process, or the visitor, has gone meanwhile
            self.log.warning("A connection that ended as it was opened: %s", error)
            if self.ws_connection is None and not self._headers_written:
                raise Refusal(404, "That process has ended.") from None
            self.close()

    async def open(self, kernel_id: str) -> None:
        manager = self.kernel_manager
        self._process = kernel_id
        manager.connections[kernel_id] += 1
        manager.connected.add(kernel_id)
        await super().open(kernel_id)

    def on_message(self, message: str | bytes) -> None:
        try:
            _check_message(message)
            super().on_message(message)
        except Exception as error:  # of whatever a stranger sends
            self.log.warning("A message that cannot be read, its connection is closed: %s", error)
            self.close(1003)

    def write_message(self, message: Any, binary: bool = False) -> Any:
        try:
            return super().write_message(message, binary)
        except WebSocketClosedError:
            return None

    def on_close(self) -> None:
        manager = self.kernel_manager
        if self._process:
            manager.connections[self._process] -= 1
            if not manager.connections[self._process]:
                del manager.connections[self._process]
            if self._process in manager:
                manager.mark_seen(self._process)
        super().on_close()


def _check_message(message: str | bytes) -> None:
    """ValueError unless the offsets, with which a message begins, lie within it and ascend."""
    if isinstance(message, str):
        raise ValueError("text, not bytes")
    count = int.from_bytes(message[:8], "little")
    if not 6 <= count <= 10_000 or 8 * (count + 1) > len(message):
        raise ValueError(f"{count} parts in {len(message)} bytes")
    offsets = [int.from_bytes(message[8 * i : 8 * (i + 1)], "little") for i in range(1, count + 1)]
    if offsets != sorted(offsets) or offsets[0] < 8 * (count + 1) or offsets[-1] > len(message):
        raise ValueError("parts that overlap")


class Closing(Guarded, VoilaShutdownKernelHandler):
    """A page that is closed ends its process."""


class Login(Guarded, VoilaLoginHandler):
    """What somebody sees who has not given the token, with a form for it."""

    def _render(self, message: dict[str, str] | None = None) -> None:
        wrong = "That is not the token of this server; it has another one each time it starts." if message else ""
        self.write(render(REFUSED, reason=wrong, xsrf=self.xsrf_token.decode()))


class _Files(Guarded):
    async def get(self, path: str, include_body: bool = True) -> None:
        try:
            await ensure_async(super().get(path, include_body))
        except (ValueError, OSError):  # a name that no file can have
            raise HTTPError(404) from None


class Styles(_Files, TemplateStaticFileHandler):
    """The template's files."""


class Scripts(_Files, MultiStaticFileHandler):
    """Voilà's files."""


class Extensions(_Files, FileFindHandler):
    """The widgets' scripts."""


def routes(application: Any) -> list[tuple]:
    """All that is served, of what Voilà would serve: tornado's (path, handler, options)."""
    kernel = r"(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"
    page = {
        "notebook_path": PurePath(application.notebook_path).name,
        "template_paths": application.template_paths,
        "config": application.config,
        "voila_configuration": application.voila_configuration,
    }
    login = [(r"/login", Login)] if application.identity_provider.login_available else []
    return [
        (rf"/api/kernels/{kernel}", Process),
        (rf"/api/kernels/{kernel}/channels", Channels),
        (rf"/voila/api/shutdown/{kernel}", Closing),
        (r"/voila/templates/(lab/static/.+)", Styles),
        (r"/voila/static/(.+)", Scripts, {"paths": application.static_paths}),
        (r"/voila/labextensions/(.+)", Extensions, {"path": application.labextensions_path, "no_cache_paths": ["/"]}),
        *login,
        (r"/(.*)", InspectorPage, page),
    ]


def is_local(host: str) -> bool:
    """Whether only this machine reaches the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK
