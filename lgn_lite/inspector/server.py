"""The inspector as a page of its own: Voilà serves one notebook of one cell, written for this purpose.

Each visitor gets a process with an inspector of their own. Nothing else is served: neither the project's files nor a
way to run code. The page requests nothing from other hosts, and its headers forbid a browser to.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lgn_lite.errors import InputError
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.support.files import hold_folder

TITLE = "lgn_lite inspector"
NOTEBOOK = "inspector.ipynb"
EXTENSIONS = ["anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]
PORT = 8866  # Voilà's own
IDLE = 3600  # seconds after which a process ends that nobody has used, though its page is open
FOLDER = "lgn_lite-page-"  # what the names of the servers' temporary folders begin with
SOCKET = "/voila_12345678/kernel-12345678-1234-1234-1234-123456789012-ipc-1"  # as long as a socket's path in the folder
# What a page may load: itself, and what its scripts make in memory (widgets are blob: modules, videos blob: or data:).
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; frame-ancestors 'self'; object-src 'none'"
# Voilà's page without its icons from a CDN, MathJax and diagrams, in the visitor's choice of light or dark.
TEMPLATE = Path(__file__).with_name("page.html.jinja")


def serve(
    arguments: dict[str, Any],
    host: str = "127.0.0.1",
    port: int | None = None,
    token: bool = True,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve `show(arguments)` to browsers until Ctrl-C or SIGTERM.

    Args:
        arguments: of `Inspector`, as JSON holds them, paths absolute.
        host: where to listen.
        port: None takes 8866, or the next port that is free.
        token: whether a visitor needs the secret that is part of the address.
        ready: called with the address once it can be opened.

    Returns:
        None, once the server has stopped.

    Raises:
        InputError: if the port is not available.
    """
    with _until_signal() as serving, own_folder() as folder:
        sockets = _listen(host, port)
        secret = secrets.token_urlsafe(24) if token else ""
        address = f"http://{_name(host)}:{sockets[0].getsockname()[1]}/"
        address += f"?{urlencode({'token': secret})}" if secret else ""
        write_page(folder, arguments)
        server = _server(folder, host, sockets, secret, lambda: ready(address))
        serving()
        server.start()


@contextmanager
def _until_signal() -> Iterator[Callable[[], None]]:
    """End with exit code 0 at a signal, whatever is being done; from when what this gives is called, the event loop.

    An exception in the middle of whatever a server does would leave visitors' processes behind.
    """
    loop = None

    def end(*_: Any) -> None:
        if loop is None:
            sys.exit(0)
        loop.add_callback_from_signal(loop.stop)

    def serving() -> None:
        nonlocal loop
        from tornado.ioloop import IOLoop

        loop = IOLoop.current()

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield serving
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


@contextmanager
def own_folder() -> Iterator[Path]:
    """A temporary folder that is this server's alone, and goes with it; those of killed servers go first.

    Here are the page, and the files and sockets of the visitors' processes. A lock shows whose server still runs.
    """
    base = Path(tempfile.gettempdir())
    for folder in base.glob(f"{FOLDER}*"):
        _remove_dead(folder)
    folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=base))
    try:
        with hold_folder(folder, "serving a page from it"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_dead(folder: Path) -> None:
    """Remove the folder of a server that was killed; another user's, and a running server's, stay."""
    try:
        there = folder.lstat()
        if not stat.S_ISDIR(there.st_mode) or (hasattr(os, "getuid") and there.st_uid != os.getuid()):
            return
        if not (folder / ".lock").exists() and time.time() - there.st_mtime < 60:  # a server that starts now
            return
        with hold_folder(folder, "serving a page from it"):
            pass
    except (InputError, OSError):
        return
    shutil.rmtree(folder, ignore_errors=True)


def write_page(folder: Path, arguments: dict[str, Any]) -> Path:
    """Write the notebook of the page, and its template, into a folder.

    The arguments are in the cell as a literal of JSON, so that no path or sentence can be read as code.
    """
    source = f"import json\nfrom lgn_lite.inspector.server import show\nshow(json.loads({json.dumps(arguments)!r}))"
    cell = {"cell_type": "code", "id": "page", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    metadata = {"title": TITLE, "kernelspec": kernel}
    notebook = {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (folder / "index.html.j2").write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / NOTEBOOK).write_text(json.dumps(notebook), encoding="utf-8")
    return folder / NOTEBOOK


def show(arguments: dict[str, Any]) -> None:
    """Display an inspector, or the one sentence that says why there is none; called by the page's cell."""
    import warnings

    from IPython.display import HTML, display

    warnings.simplefilter("ignore")  # the page says itself what there is to say
    try:
        shown = inspector(arguments)
        shown.own_page = True  # its address, too, shows what is looked at
        display(shown)
    except (InputError, OSError) as error:
        reason = os_error_line(error) if isinstance(error, OSError) else str(error)
        display(HTML(f'<p role="alert"><b>The inspector cannot be shown:</b> {escape(reason)}</p>'))


def inspector(arguments: dict[str, Any]) -> Any:
    """The `Inspector` of `serve`'s arguments; its errors."""
    from lgn_lite.inspector.widget import Inspector

    return Inspector(live=True, **arguments)


def free_port(host: str, port: int | None = None) -> int:
    """The port, if it is free; for None, 8866 or the first free one above it. InputError if there is none."""
    for candidate in [port] if port is not None else [*range(PORT, PORT + 20), 0]:
        try:
            family, kind, *_, address = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                if sys.platform != "win32":
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does
                probe.bind(address)
                return probe.getsockname()[1]
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
    raise InputError(f"cannot listen on {host}, port {candidate}: {reason}; give another --port or --host")


def _listen(host: str, port: int | None) -> list[socket.socket]:
    """The sockets of `free_port`'s port, even if another server takes it in the same instant."""
    from tornado.netutil import bind_sockets

    for _ in range(20):
        found = free_port(host, port)
        try:
            return bind_sockets(found, host)
        except OSError as error:
            reason = error.strerror
    raise InputError(f"cannot listen on {host}, port {found}: {reason}; give another --port or --host")


def _server(folder: Path, host: str, sockets: list[socket.socket], secret: str, opened: Callable[[], None]) -> Any:
    """Voilà, set up so that it serves this page and nothing else; `opened` is called once it does."""
    # Here: a visitor's process imports this file too, and waits for nothing that it does not need.
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_core.utils import run_sync
    from tornado.httpserver import HTTPServer
    from tornado.ioloop import IOLoop
    from traitlets import default
    from traitlets.config import Config
    from voila.app import Voila
    from zmq import IPC_PATH_MAX_LEN

    from lgn_lite.inspector.visits import LOOPBACK, Door, Visits, is_local, routes

    class ThisPython(KernelSpecManager):
        """Visitors' processes run the Python that runs now, whatever kernelspec a home folder holds."""

        @default("kernel_dirs")
        def _none(self) -> list[str]:
            return []

    class Server(Voila):
        def init_handlers(self) -> list:
            return routes(self)

        def listen(self) -> None:
            server = HTTPServer(self.app, max_body_size=10**6, body_timeout=60)  # nobody has a file to send
            server.add_sockets(sockets)
            opened()
            try:
                IOLoop.current().start()
            finally:
                run_sync(self.kernel_manager.shutdown_all)()

        def _handle_signal_stop(self, *_: Any) -> None:
            sys.exit(0)  # in the instant before `serving` is called

    def with_cookie(request, notebook, cwd) -> None:
        _ = request.xsrf_token  # sets the cookie without which a page that closes may not end its process

    config = Config()
    config.VoilaConfiguration.update(
        allow_template_override="NO",
        allow_theme_override="NO",
        file_allowlist=[],
        kernel_spec_manager_class=ThisPython,
        extension_allowlist=EXTENSIONS,
        multi_kernel_manager_class=Visits,
        prelaunch_hook=with_cookie,
    )
    config.MappingKernelManager.update(cull_idle_timeout=IDLE, cull_interval=min(5, IDLE), cull_connected=True)
    # One that dies is not started again: it would not know the page, which would wait for it.
    config.KernelRestarter.update(restart_limit=0, time_to_dead=1.0)
    config.VoilaExecutor.cell_error_instruction = "See the terminal that serves this page for more."
    if sys.platform != "win32" and len(os.fsencode(folder)) + len(SOCKET) <= IPC_PATH_MAX_LEN:
        config.KernelManager.transport = "ipc"  # files of this user, not ports that all can reach
    settings: dict[str, Any] = {
        "headers": {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"},
        "ws_ping_timeout": 30_000,  # ms; the server's own default is more than it allows
        "door": Door(host, secret),
        "log_function": lambda handler: _log_refused(server.log, handler),
    }
    if is_local(host):  # then a page of another site cannot reach it either, by a name that resolves to this machine
        settings |= {"allow_remote_access": False, "local_hostnames": list(LOOPBACK)}
    server = Server(
        config=config,
        config_file_paths=[],  # a voila.json that lies about could open what is closed here
        notebook_path=str(folder / NOTEBOOK),
        root_dir=str(folder),
        connection_dir_root=str(folder),
        ip=host,
        port=sockets[0].getsockname()[1],
        token=secret,
        tornado_settings=settings,
        log_level=logging.WARNING,
    )
    server.initialize([])
    server.template_paths.insert(0, str(folder))
    for log in (server.log, logging.getLogger("asyncio")):
        log.addFilter(_is_news)
    return server


def _log_refused(log: logging.Logger, handler: Any) -> None:
    """A line for a request that was refused or failed; its address may be long, and hold the token."""
    if handler.get_status() >= 400:
        log.warning("%d: %s %.80s", handler.get_status(), handler.request.method, handler.request.path)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the log is news.

    Neither trust in a notebook's saved outputs is, since this one has none, nor what Voilà, in the middle of
    a page, makes of the end of its process: the visitor has left, or a line of `Visits` says so.
    """
    error = record.exc_info[1] if record.exc_info else None
    ended = type(error).__name__ == "DeadKernelError" or str(error).startswith("Kernel died")
    return "is not trusted" not in record.getMessage() and not ended


def _name(host: str) -> str:
    """The host as written in an address that can be opened."""
    if host in ("", "0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
