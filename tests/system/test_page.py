"""The inspector as a page, over plain HTTP: who gets in, what is served, what a visitor's process is and when it ends.

What a browser makes of it is in test_browser_page.py; what needs no server in inspector/test_server.py.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

import psutil
import pytest
from helpers.browser import gone, processes, serve, serving

pytestmark = pytest.mark.slow
KERNEL = r'"kernelId": "([-\w]+)"'


class Visitor:
    """A browser without scripts: it keeps its cookies."""

    def __init__(self, address: str):
        self.address = address
        parts = urlsplit(address)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.cookies = CookieJar()
        self.opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.cookies))

    def get(self, path: str, form: dict | None = None, **headers: str) -> tuple[int, str]:
        """The status and the body of an answer, after redirections."""
        url = path if path.startswith("http") else self.origin + path
        content = None if form is None else urlencode(form).encode()
        try:
            with self.opener.open(Request(url, content, headers), timeout=120) as answer:
                self.headers = answer.headers
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def open(self) -> tuple[str, str]:
        """Open the page: its text, and the name of the visitor's process."""
        status, text = self.get(self.address)
        assert status == 200
        return text, re.search(KERNEL, text)[1]


def kernel_of(server, others=()) -> psutil.Process:
    """The process of a visitor, waited for; `others` are those of other visitors."""
    end = time.monotonic() + 120
    while not (found := set(processes(server)).difference(others)):
        assert time.monotonic() < end and server.poll() is None
        time.sleep(0.05)
    (process,) = found
    return process


ABSENT = {"checkpoint": "/absent/<img src=x onerror=alert(1)>"}


@pytest.fixture(scope="module")
def server():
    """A page whose checkpoint is gone."""
    with serving(*serve(ABSENT)) as (process, address):
        process.address = address
        yield process


@pytest.fixture(scope="module")
def visitor(server) -> Visitor:
    """One who has opened that page: a process of its own takes seconds to start, so the tests share it."""
    known = Visitor(server.address)
    known.text, known.kernel = known.open()
    return known


# -- what is served, and to whom ---------------------------------------------------------------------------------


def test_without_the_token_nothing_is_served(server, visitor):
    stranger = Visitor(server.address)
    for path in ("/", "/?token=", "/?token=wrong", "/inspector.ipynb"):
        status, answer = stranger.get(path)
        assert status in (200, 403) and 'name="password"' in answer and "kernelId" not in answer, path
        assert "it ends in <code>?token=…</code>" in answer and "jupyter" not in answer.lower(), path
    assert stranger.get(f"/api/kernels/{visitor.kernel}")[0] == 403
    assert stranger.get(f"/voila/api/shutdown/{visitor.kernel}", form={})[0] == 403
    assert visitor.get(f"/api/kernels/{visitor.kernel}")[0] == 200
    token = server.address.partition("token=")[2]
    assert len(token) >= 32 and token not in visitor.text


def test_a_failure_in_the_page_is_its_sentence_as_text(visitor):
    text = visitor.text
    (output,) = re.findall(r'<script type="application/vnd.voila.cell-output\+json">(.*?)</script>', text, re.DOTALL)
    shown = json.loads(output)["data"]["text/html"]
    assert "no checkpoint folder /absent/&lt;img src=x onerror=alert(1)&gt;: give the folder" in shown
    assert "Traceback" not in text and "InputError" not in text


def test_the_page_shows_no_code_and_names_no_other_host(visitor):
    text = visitor.text
    assert "<title>lgn_lite inspector</title>" in text
    assert "json.loads" not in text and "lgn_lite.inspector.server" not in text
    hosts = re.findall(r"https?://([\w.-]+)", text)
    assert set(hosts) <= {
        "www.w3.org",
        "creativecommons.org",
        "purl.org",
        "cdnjs.cloudflare.com",
    }  # names in SVG; MathJax
    assert not re.search(r"""(src|href)=["']?https?:""", text)


def test_headers_forbid_a_browser_to_ask_anywhere_else(visitor):
    policy = visitor.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'") and "http" not in policy and "*" not in policy


def test_no_file_is_served_but_those_of_voila(visitor):
    for path in (
        "/voila/files/inspector.ipynb", "/voila/files/index.html.j2", "/inspector.ipynb", "/voila/tree/",
        "/voila/files/../../../etc/passwd", "/voila/static/../../../../../../../etc/passwd", "/api/contents/",
        "/voila/templates/lab/static/../../../../../../../../../etc/passwd", "/README.md",
    ):  # fmt: skip
        status, text = visitor.get(path)
        assert status >= 400 and "root:" not in text and "show(" not in text, path


def test_another_site_that_resolves_to_this_machine_is_turned_away(server):
    status, _ = Visitor(server.address).get(server.address, Host="evil.example")
    assert status == 403


def test_each_visit_has_a_process_that_ends_with_its_page(server, visitor):
    first = Visitor(server.address)
    _, one = first.open()
    assert one != visitor.kernel
    before = len(processes(server))
    assert first.get(f"/voila/api/shutdown/{one}", form={})[0] == 403  # what another site could send
    xsrf = next(cookie.value for cookie in first.cookies if cookie.name == "_xsrf")
    assert first.get(f"/voila/api/shutdown/{one}", form={"_xsrf": xsrf})[0] == 204  # what the page sends as it closes
    assert first.get(f"/api/kernels/{one}")[0] == 404
    assert visitor.get(f"/api/kernels/{visitor.kernel}")[0] == 200
    assert len(processes(server)) == before - 1
    assert len(list(server.folder.rglob("visitor-*"))) == before - 1  # its temporary files went with it


V1 = "v1.kernel.websocket.jupyter.org"


def talk(visitor, *messages: str | bytes, until: str | None = None, protocols=(V1,), **headers: str) -> list | int:
    """Send messages to the visitor's process: the types of what it says up to `until`, or to the end (None).

    The status of the answer where the connection is refused.
    """
    from tornado.httpclient import HTTPClientError, HTTPRequest
    from tornado.ioloop import IOLoop
    from tornado.websocket import websocket_connect
    from voila.tornado.kernel_websocket_handler import read_header_from_binary_message

    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.cookies)
    url = f"{visitor.origin.replace('http', 'ws')}/api/kernels/{visitor.kernel}/channels"
    asked = HTTPRequest(url, headers={"Cookie": cookies, "Origin": visitor.origin} | headers)

    async def converse() -> list | int:
        try:
            socket = await websocket_connect(asked, subprotocols=list(protocols))
        except HTTPClientError as error:
            return error.code
        for message in messages:
            await socket.write_message(message, binary=isinstance(message, bytes))
        heard = []
        while until is None or until not in heard:
            answer = await socket.read_message()
            if answer is None:
                break
            heard.append(read_header_from_binary_message(answer)["msg_type"])
        socket.close()
        return heard

    return IOLoop().run_sync(converse, timeout=120)


def message(kind: str, content: dict) -> bytes:
    from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1

    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": "s",
        "username": "",
        "version": "5.3",
        "date": "",
    }
    return serialize_msg_to_ws_v1([json.dumps(part).encode() for part in (header, {}, {}, content)], "shell")


def test_a_visitor_cannot_run_code(visitor, tmp_path):
    """The channel of the page's widgets takes no message that executes."""
    code = {"code": f"open({str(tmp_path / 'ran')!r}, 'w')", "silent": False, "allow_stdin": False}
    sent = [message("execute_request", code), message("kernel_info_request", {})]
    heard = talk(visitor, *sent, until="kernel_info_reply")
    assert "execute_reply" not in heard
    assert not (tmp_path / "ran").exists()


def test_the_old_protocol_is_refused(visitor):
    for protocols in ((), ("v0", "other")):
        assert talk(visitor, protocols=protocols) == 400
    assert talk(visitor, message("kernel_info_request", {}), until="kernel_info_reply")


@pytest.mark.parametrize(
    "damaged",
    [
        b"", "{}", b"{}", b"\xff" * 8,
        (2**40).to_bytes(8, "little") + bytes(1000), (6).to_bytes(8, "little") + bytes(100),
        message("kernel_info_request", {})[:-20],
        message("kernel_info_request", {}).replace(b'{"msg_id"', b"[[[[[[[[["),
    ],
)  # fmt: skip
def test_a_damaged_message_ends_its_connection_and_nothing_else(visitor, damaged):
    assert "kernel_info_reply" not in talk(visitor, damaged)
    assert visitor.get(f"/api/kernels/{visitor.kernel}")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Referer": "http://evil.example/page"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:1"}, {"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example:8866"},
    ],
)  # fmt: skip
def test_another_site_gets_nothing(visitor, headers):
    """Not even with a visitor's cookies, which a browser may send along; what it would start is in the next tests."""
    paths = ["/", "/login", f"/api/kernels/{visitor.kernel}", "/voila/static/voila.js"]
    for path in paths:
        status, text = visitor.get(path, **headers)
        assert status == 403 and "kernelId" not in text and "password" not in text, path
    assert visitor.get(f"/voila/api/shutdown/{visitor.kernel}", form={}, **headers)[0] == 403
    assert talk(visitor, **headers) == 403
    assert visitor.get(f"/api/kernels/{visitor.kernel}")[0] == 200


def test_no_path_fails(server, visitor):
    """Whatever is asked for, in whatever way, the answer is no 5xx; and what the page does not need is not there."""
    before = len(server.said)
    long, odd = "a" * 3000, ("%00", "%ff", "%2e%2e%2f", "\\", "//x", "x?x=%ff")
    paths = [
        "/logout",
        "/login/",
        "/api",
        "/api/kernels",
        "/api/kernelspecs",
        "/api/status",
        "/terminals",
        "/?token=%ff",
    ]
    for folder in (
        "/", "/voila/", "/voila/static/", "/voila/templates/", "/voila/templates/lab/", "/voila/templates/lab/static/",
        "/voila/api/shutdown/", "/voila/labextensions/", "/voila/api/themes/", "/voila/files/", "/api/kernels/",
        "/static/",
    ):  # fmt: skip
        paths += [folder + name for name in ("x", long, *odd)]
    for path in paths:
        status, text = visitor.get(path)
        assert 400 <= status < 500 and "Traceback" not in text, path
    for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "POST", "TRACE"):
        for path in ("/", f"/api/kernels/{visitor.kernel}", "/voila/static/voila.js", "/login"):
            with socket.create_connection(("127.0.0.1", urlsplit(server.address).port), timeout=60) as plain:
                plain.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode())
                assert re.match(rb"HTTP/1.1 [234]\d\d", plain.recv(100)), (method, path)
    assert visitor.get(f"/api/kernels/{visitor.kernel}")[0] == 200
    assert "Traceback" not in "".join(server.said[before:])


# -- its beginning and its end -----------------------------------------------------------------------------------


def test_ctrl_c_ends_it_with_all_processes_and_leaves_no_file():
    """Served without a token here: then anybody on this machine is let in, but no other site's page."""
    with serving(*serve(ABSENT, token=False)) as (server, address):
        assert "token" not in address and urlsplit(address).hostname == "127.0.0.1"
        with socket.socket() as other:  # this machine by another of its addresses
            assert other.connect_ex(("127.0.0.2", urlsplit(address).port)) != 0
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
            for path in ("/", "/?token="):
                status, text = Visitor(address).get(path, **headers)
                assert status == 403 and 'href="/"' in text  # a click there is this site's own
        assert Visitor(address).get("/", **{"Sec-Purpose": "prefetch;prerender"})[0] == 503
        assert processes(server) == []
        assert "no checkpoint folder" in Visitor(address).open()[0]
        (kernel,) = processes(server)
        assert len(list(server.folder.iterdir())) == 1
    assert server.returncode == 0
    assert gone(kernel) and server.left == []
    assert "Traceback" not in "".join(server.said)


def test_a_process_that_nobody_uses_ends():
    with serving(*serve(ABSENT, "page.IDLE = 2")) as (server, address):
        Visitor(address).open()
        assert gone(kernel_of(server))


def test_a_process_ends_soon_after_nobody_looks():
    """Its page loaded and never connected; connected, and the browser was killed. Then another visitor's is let in."""
    settings = "visits.AWAY = 1; visits.UNSEEN = 4; visits.VISITORS = 1"
    with serving(*serve(ABSENT, settings)) as (server, address):
        first, second = Visitor(address), Visitor(address)
        first.open()
        kernel = kernel_of(server)
        status, text = second.get(address)
        assert status == 503 and "1 visitors have this page open already; try again later." in text
        assert gone(kernel)
        end = time.monotonic() + 60
        while (answer := second.get(address))[0] == 503:  # until the server, too, knows that there is room
            assert time.monotonic() < end
            time.sleep(0.2)
        second.kernel = re.search(KERNEL, answer[1])[1]
        kernel = kernel_of(server)
        assert talk(second, message("kernel_info_request", {}), until="kernel_info_reply")
        assert gone(kernel)


def test_a_visitor_who_leaves_while_it_loads_takes_the_process_along(server):
    """At once, whether it was starting or at work; a visitor who comes back is served as before."""
    said, others, parts = len(server.said), processes(server), urlsplit(server.address)
    for until in (b"", b"HTTP/1.1 200", b"kernelId"):
        with socket.create_connection((parts.hostname, parts.port), timeout=120) as plain:
            plain.sendall(f"GET /?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            seen = b""
            while until not in seen:
                seen += plain.recv(2**16)
            kernel = kernel_of(server, others)
        assert gone(kernel, 60), until
    assert "no checkpoint folder" in Visitor(server.address).open()[0]
    assert "Traceback" not in "".join(server.said[said:])


def test_a_killed_process_is_not_started_again(server):
    """Loaded or still loading: its page ends and learns that it is gone, instead of waiting for another's answers."""
    visitor, others = Visitor(server.address), processes(server)
    _, kernel_id = visitor.open()
    kernel_of(server, others).kill()
    end = time.monotonic() + 60
    while visitor.get(f"/api/kernels/{kernel_id}")[0] == 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert set(processes(server)) <= set(others)
    with ThreadPoolExecutor(1) as other:
        loading = other.submit(visitor.get, server.address)
        kernel_of(server, others).kill()
        status, text = loading.result(timeout=60)
    assert status == 200 and "Traceback" not in text
    for kernel_id in re.findall(KERNEL, text):  # if it came to that
        assert visitor.get(f"/api/kernels/{kernel_id}")[0] == 404
    assert "no checkpoint folder" in visitor.open()[0]


def test_what_a_killed_server_leaves_is_cleared_by_the_next(server):
    """Its visitors' processes end with it. Here its folder's path is too long for sockets, which it does without."""
    with tempfile.TemporaryDirectory() as short:
        long = Path(short, "a" * 100)
        long.mkdir()
        (long / "lgn_lite-page-notes.txt").write_text("a user's")
        (long / "lgn_lite-page-link").symlink_to(server.folder)
        with serving(*serve(ABSENT), TMPDIR=str(long)) as (first, address):
            assert "no checkpoint folder" in Visitor(address).open()[0]
            kernel = kernel_of(first)
            first.kill()
            assert gone(kernel)
        left = {path.name for path in long.iterdir()}
        assert len(left) == 3
        with serving(*serve(ABSENT), TMPDIR=str(long)):
            now = {path.name for path in long.iterdir()}
            assert len(now) == 3 and len(now & left) == 2  # another folder, and what is none of its
            with serving(*serve(ABSENT), TMPDIR=str(long)):  # leaves a running server's alone
                assert now < {path.name for path in long.iterdir()}
        assert {path.name for path in long.iterdir()} == now & left
        assert len(list(server.folder.iterdir())) == 1


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_at_any_time_leaves_no_file(name, tmp_path):
    """Before it serves, too: here as it writes the page."""
    code = f"""
import os, signal
from lgn_lite.inspector import server as page
page.write_page = lambda *_: os.kill(os.getpid(), signal.{name})
page.serve({{}})
raise AssertionError("it went on")"""
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(tmp_path)}, timeout=120)
    assert done.returncode == 0 and list(tmp_path.iterdir()) == []


def test_a_visitor_s_process_waits_for_no_server():
    heavy = "('voila', 'torch', 'nbformat')"
    code = f"import sys, lgn_lite.inspector.server; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
