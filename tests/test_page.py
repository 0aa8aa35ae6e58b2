"""The inspector as a page, over plain HTTP: who gets in, what is served, what a visitor's process is and when it ends.

What a browser makes of it is in test_browser_page.py.
"""

import json
import re
import socket
import sys
import tempfile
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

import psutil
import pytest
from browser import serving
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lgn_lite import cli, page
from lgn_lite.errors import InputError
from lgn_lite.files import write_json

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


def processes(server) -> list[psutil.Process]:
    children = psutil.Process(server.pid).children(recursive=True)
    return [child for child in children if "ipykernel_launcher" in " ".join(child.cmdline())]


def folders() -> set[Path]:
    found = Path(tempfile.gettempdir())
    return {*found.glob("lgn_lite-page-*"), *found.glob("voila_*")}


def serve(arguments: dict, idle: int = 3600, **options) -> list[str]:
    """Arguments of Python for `page.serve`, which is quicker than the command: it loads no model beforehand."""
    code = f"from lgn_lite import page; page.IDLE = {idle}; page.serve({arguments!r}, **{options!r})"
    return ["-u", "-c", code]


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
    assert "json.loads" not in text and "lgn_lite.page" not in text
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


def test_a_visitor_cannot_run_code(visitor, tmp_path):
    """The channel of the page's widgets takes no message that executes."""
    from tornado.httpclient import HTTPRequest
    from tornado.ioloop import IOLoop
    from tornado.websocket import websocket_connect

    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.cookies)
    url = f"{visitor.origin.replace('http', 'ws')}/api/kernels/{visitor.kernel}/channels"

    def message(kind: str, content: dict) -> str:
        header = {"msg_id": kind, "msg_type": kind, "session": "s", "username": "", "version": "5.3", "date": ""}
        return json.dumps(
            {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        )

    async def talk() -> list[str]:
        socket = await websocket_connect(HTTPRequest(url, headers={"Cookie": cookies, "Origin": visitor.origin}))
        code = {"code": f"open({str(tmp_path / 'ran')!r}, 'w')", "silent": False, "allow_stdin": False}
        await socket.write_message(message("execute_request", code))
        await socket.write_message(message("kernel_info_request", {}))
        heard = []
        while "kernel_info_reply" not in heard:
            heard.append(json.loads(await socket.read_message())["header"]["msg_type"])
        socket.close()
        return heard

    assert "execute_reply" not in IOLoop().run_sync(talk, timeout=60)
    assert not (tmp_path / "ran").exists()


# -- its beginning and its end -----------------------------------------------------------------------------------


def test_ctrl_c_ends_it_with_all_processes_and_leaves_no_file():
    """Served without a token here: then anybody on this machine is let in, and nobody else."""
    before = folders()
    with serving(*serve(ABSENT, token=False)) as (server, address):
        assert "token" not in address and urlsplit(address).hostname == "127.0.0.1"
        with socket.socket() as other:  # this machine by another of its addresses
            assert other.connect_ex(("127.0.0.2", urlsplit(address).port)) != 0
        assert "no checkpoint folder" in Visitor(address).open()[0]
        (kernel,) = processes(server)
        assert len(folders()) > len(before)
    assert server.returncode == 0
    assert not kernel.is_running() and not folders() - before
    assert "Traceback" not in server.stdout.read()


def test_a_process_that_nobody_uses_ends():
    with serving(*serve(ABSENT, idle=2)) as (server, address):
        Visitor(address).open()
        (kernel,) = processes(server)
        psutil.wait_procs([kernel], timeout=60)
        assert not kernel.is_running()


def test_a_taken_port_is_told_or_passed_by():
    with socket.create_server(("127.0.0.1", page.free_port("127.0.0.1"))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}: .*give another --port"):
            page.free_port("127.0.0.1", port)
        assert page.free_port("127.0.0.1") > port
    with pytest.raises(InputError, match=r"cannot listen on no\.such\.host\.invalid"):
        page.free_port("no.such.host.invalid")


# -- what it is made of ------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(max_size=5), st.text() | st.none() | st.integers(), max_size=3))
def test_no_argument_can_be_read_as_code(arguments):
    with tempfile.TemporaryDirectory() as folder:
        notebook = json.loads(page.write_page(Path(folder), arguments).read_text(encoding="utf-8"))
    (cell,) = notebook["cells"]
    *imports, call = cell["source"].splitlines()
    assert imports == ["import json", "from lgn_lite.page import show"]
    got = []
    exec(call, {"json": json, "show": got.append})
    assert got == [arguments]


def test_the_notebook_is_one_that_others_can_read(tmp_path):
    import nbformat

    nbformat.validate(nbformat.read(page.write_page(tmp_path, {"video": "a 'b' \\ c"}), as_version=4))


def test_a_visitor_s_process_waits_for_no_server():
    import subprocess

    code = "import sys, lgn_lite.page; print([name for name in ('voila', 'torch', 'nbformat') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


# -- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch):
    """What the command would serve."""
    calls = []
    monkeypatch.setattr(page, "serve", lambda *given: calls.append(given))
    return calls


def inspect(*arguments) -> object:
    return CliRunner().invoke(cli.app, ["inspect", *map(str, arguments)])


def test_bad_input_is_told_before_anything_is_served(served, checkpoint_folder, tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    for arguments, reason in (
        ([tmp_path / "absent"], "no checkpoint folder"),
        ([checkpoint_folder, "--baseline", tmp_path / "absent"], "no checkpoint folder"),
        ([checkpoint_folder, "--video", tmp_path / "absent.mp4"], "check the path"),
        ([checkpoint_folder, "--video", tmp_path / "notes.mp4"], "not a video"),
        ([checkpoint_folder, "--data", "kitchens"], "no data set 'kitchens'"),
        ([checkpoint_folder, "--data", "tacos", "--root", tmp_path], "tacos"),
    ):
        done = inspect(*arguments)
        assert isinstance(done.exception, InputError) and reason in str(done.exception), arguments
    assert served == []


def test_the_command_passes_on_what_it_was_given(served, checkpoint_folder, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(checkpoint_folder.parent)
    done = inspect(checkpoint_folder.name, "--video", clip, "--sentence", 'it\'s "red"', "--no-token", "--port", 1234)
    assert done.exit_code == 0, done.output
    (arguments, host, port, token, _) = served[0]
    assert (host, port, token) == ("127.0.0.1", 1234, False)
    assert json.loads(json.dumps(arguments)) == arguments
    assert Path(arguments["checkpoint"]).is_absolute() and Path(arguments["checkpoint"]) == checkpoint_folder
    assert arguments["sentence"] == 'it\'s "red"' and arguments["video"] == str(clip)


def test_the_address_is_printed_and_a_warning_where_others_can_come(served, checkpoint_folder, clip, capsys):
    for host, said in (("127.0.0.1", False), ("0.0.0.0", True)):
        inspect(checkpoint_folder, "--video", clip, "--host", host, "--no-browser")
        ready = served[-1][-1]
        capsys.readouterr()
        ready("http://here:1/?token=abc")
        printed = capsys.readouterr().out
        assert "http://here:1/?token=abc\n" in printed and ("Everybody" in printed) == said


def test_a_broken_file_of_the_checkpoint_is_one_sentence(served, checkpoint_folder):
    write_json(checkpoint_folder / "about.json", {"colour": "red"})
    done = inspect(checkpoint_folder)
    assert isinstance(done.exception, InputError) and "about.json" in str(done.exception)
