"""The inspector as a page of its own: Voilà serves one notebook of one cell, written for the occasion.

Each visitor gets a process with an inspector of their own. Nothing else is served: neither the project's files nor a
way to run code. The page asks no other host for anything, and its headers forbid a browser to.
"""

from __future__ import annotations

import json
import logging
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lgn_lite.errors import InputError

TITLE = "lgn_lite inspector"
NOTEBOOK = "inspector.ipynb"
EXTENSIONS = ["anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]
PORT = 8866  # Voilà's own
IDLE = 3600  # seconds after which a visitor's process ends; a closed page ends its own at once
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What a page may load: itself, and what its scripts make in memory (widgets are blob: modules, films blob: or data:).
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; frame-ancestors 'self'; object-src 'none'"
# Voilà's page without its icons from a CDN, MathJax and diagrams, in the visitor's choice of light or dark.
TEMPLATE = """\
{%- extends 'voila/templates/lab/index.html.j2' -%}
{% import "spinner.macro.html.j2" as spinner %}
{%- block notebook_css -%}
{{ resources.include_js("static/voila-style.js") }}
{{ spinner.css() }}
{{ resources.include_css("static/index.css") }}
<link rel="stylesheet" href="{{ resources.include_url("static/theme-light.css") }}">
<link rel="stylesheet" href="{{ resources.include_url("static/theme-dark.css") }}"
      media="(prefers-color-scheme: dark)">
<style>
  :root { color-scheme: light dark; }
  /* a document that scrolls and prints as a whole, not JupyterLab's window of fixed panes */
  html, body.jp-Notebook, #main, #jp-main-content-panel, #rendered_cells {
    position: static !important; width: auto !important; height: auto !important; overflow: visible !important;
    contain: none !important;
  }
  html, body.jp-Notebook { background: var(--jp-layout-color1); }
  body.jp-Notebook { padding: 8px; }
  .jp-Collapser, .jp-OutputPrompt, .jp-mod-noOutputs.jp-mod-noInput { display: none; }
  .jp-Cell, .jp-OutputArea-output { padding: 0; margin: 0; }
  #gone { position: fixed; inset: auto 0 0 0; z-index: 1000; padding: 12px; text-align: center;
          font: 15px system-ui, sans-serif; color: white; background: #a33d00; }
  #gone a { color: inherit; }
  .spinner-container { width: 64px; }
</style>
{%- endblock notebook_css -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block body_header -%}
{{ super() }}
<script>
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => { document.body.dataset.jpThemeLight = String(!dark.matches); };
  follow();
  dark.addEventListener("change", follow);
</script>
{%- endblock body_header -%}
{%- block body_footer -%}
{{ super() }}
<script>
  // A page whose process has ended would look alive and answer nothing.
  const { kernelId, baseUrl } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const watch = setInterval(async () => {
    const answer = await fetch(`${baseUrl}api/kernels/${kernelId}`).catch(() => null);
    if (answer?.ok) return;
    clearInterval(watch);
    const note = document.createElement("div");
    note.id = "gone";
    note.setAttribute("role", "alert");
    note.innerHTML = 'This page is no longer connected. <a href="">Load it again</a>';
    document.body.append(note);
  }, 15000);
</script>
{%- endblock body_footer -%}
"""


def serve(
    arguments: dict[str, Any],
    host: str = "127.0.0.1",
    port: int | None = None,
    token: bool = True,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve `show(arguments)` to browsers until Ctrl-C or SIGTERM.

    arguments: of `Inspector`, as JSON holds them, paths absolute; `encoder` is the file of VGG16's weights.
    host, port: where to listen; None is 8866, or the next port that is free. token: whether a visitor needs the
    secret that is part of the address. `ready` is called with the address once it can be opened.
    Raises InputError where the port cannot be had.
    """
    from tornado.ioloop import IOLoop

    port = free_port(host, port)
    secret = secrets.token_urlsafe(24) if token else ""
    address = f"http://{_name(host)}:{port}/" + (f"?{urlencode({'token': secret})}" if secret else "")
    with tempfile.TemporaryDirectory(prefix="lgn_lite-page-") as folder:
        write_page(Path(folder), arguments)
        server = _server(Path(folder), host, port, secret, lambda: ready(address))
        loop = IOLoop.current()
        # An exception in the middle of whatever the server does would leave visitors' processes behind.
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda *_: loop.add_callback_from_signal(loop.stop))
        server.start()


def write_page(folder: Path, arguments: dict[str, Any]) -> Path:
    """Write the notebook of the page, and its template, into a folder.

    The arguments stand in the cell as a literal of JSON, so that no path or sentence can be read as code.
    """
    source = f"import json\nfrom lgn_lite.page import show\nshow(json.loads({json.dumps(arguments)!r}))"
    cell = {"cell_type": "code", "id": "page", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    metadata = {"title": TITLE, "kernelspec": kernel}
    notebook = {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (folder / "index.html.j2").write_text(TEMPLATE, encoding="utf-8")
    (folder / NOTEBOOK).write_text(json.dumps(notebook), encoding="utf-8")
    return folder / NOTEBOOK


def show(arguments: dict[str, Any]) -> None:
    """Display an inspector, or the one sentence that says why there is none; called by the page's cell."""
    import warnings

    from IPython.display import HTML, display

    warnings.simplefilter("ignore")  # the page says itself what there is to say
    try:
        display(inspector(arguments))
    except InputError as error:
        display(HTML(f'<p role="alert"><b>The inspector cannot be shown:</b> {escape(str(error))}</p>'))


def inspector(arguments: dict[str, Any]) -> Any:
    """The `Inspector` of `serve`'s arguments; its errors."""
    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.inspector import Inspector
    from lgn_lite.vgg import VGGFrames

    options = dict(arguments)
    checkpoint = load_checkpoint(options.pop("checkpoint"))
    if options.get("encoder"):
        options["encoder"] = VGGFrames.vgg16(checkpoint.about.layer, options["encoder"])
    return Inspector(checkpoint, **options)


def free_port(host: str, port: int | None = None) -> int:
    """The port, if it is free; for None, 8866 or the first free one above it. InputError where there is none."""
    for wanted in [port] if port is not None else [*range(PORT, PORT + 20), 0]:
        try:
            family, kind, *_, address = socket.getaddrinfo(host, wanted, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                if sys.platform != "win32":
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does
                probe.bind(address)
                return probe.getsockname()[1]
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
    raise InputError(f"cannot listen on {host}, port {wanted}: {reason}; give another --port or --host")


def _server(folder: Path, host: str, port: int, secret: str, opened: Callable[[], None]) -> Any:
    """Voilà, set up so that it serves this page and nothing else; `opened` is called once its port is."""
    # Here: a visitor's process imports this file too, and waits for nothing that it does not need.
    from jupyter_client.kernelspec import KernelSpecManager
    from traitlets import default
    from traitlets.config import Config
    from voila.app import Voila

    class ThisPython(KernelSpecManager):
        """Visitors' processes run the Python that runs now, whatever kernelspec a home folder holds."""

        @default("kernel_dirs")
        def _none(self) -> list[str]:
            return []

    class Server(Voila):
        def launch_browser(self) -> None:
            opened()

    def with_cookie(request, notebook, cwd) -> None:
        _ = request.xsrf_token  # sets the cookie without which a page that closes may not end its process

    config = Config()
    config.VoilaConfiguration.update(
        allow_template_override="NO",
        allow_theme_override="NO",
        file_allowlist=[],
        kernel_spec_manager_class=ThisPython,
        extension_allowlist=EXTENSIONS,
        prelaunch_hook=with_cookie,
    )
    config.MappingKernelManager.update(cull_idle_timeout=IDLE, cull_interval=min(60, IDLE), cull_connected=True)
    config.VoilaExecutor.cell_error_instruction = "The terminal that serves this page tells more."
    if sys.platform != "win32":
        config.KernelManager.transport = "ipc"  # files of this user, not ports that all can reach
    settings: dict[str, Any] = {
        "headers": {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"},
        "ws_ping_timeout": 30_000,  # ms; the server's own default is more than it allows
    }
    if host in LOOPBACK:  # then a page of another site cannot reach it either, by a name that resolves to this machine
        settings |= {"allow_remote_access": False, "local_hostnames": list(LOOPBACK)}
    server = Server(
        config=config,
        config_file_paths=[],  # a voila.json that lies about could open what is closed here
        notebook_path=str(folder / NOTEBOOK),
        root_dir=str(folder),
        ip=host,
        port=port,
        port_retries=0,
        token=secret,
        open_browser=True,
        tornado_settings=settings,
        log_level=logging.WARNING,
    )
    server.initialize([])
    server.template_paths.insert(0, str(folder))
    # Trust is about outputs that a notebook brings along: this one brings none.
    server.log.addFilter(lambda record: "is not trusted" not in record.getMessage())
    return server


def _name(host: str) -> str:
    """The host as it stands in an address that can be opened."""
    if host in ("", "0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
