"""Servers that are odd, slow, endless or lead to nowhere: each call ends within bounds, and leaves nothing wrong."""

import contextlib
import io
import os
import random
import shutil
import socketserver
import subprocess
import sys
import threading
import time
import zipfile
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from helpers.shelf import BODY, SHA256, serving

from lgn_lite.downloads import download, servers
from lgn_lite.downloads.archives import remote_members
from lgn_lite.downloads.download import LONGEST_PAUSE, fetch
from lgn_lite.errors import InputError
from lgn_lite.support.files import partial_path

pytestmark = pytest.mark.timeout(300)
HEAD = b"HTTP/1.1 200 OK\r\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Please log in.</body></html>"


class Raw(socketserver.ThreadingTCPServer):
    """Answers each request with the next of `answers`, the last one again and again.

    An answer is bytes, or a function of the request that gives bytes and, as float, seconds to wait.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list = []
        self.requests: list[str] = []
        self.closing = threading.Event()

    def address(self, name="file"):
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        request = b""
        while not request.endswith(b"\r\n\r\n") and (line := self.rfile.readline()):
            request += line
        self.server.requests.append(request.decode("latin-1"))
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        with contextlib.suppress(OSError):  # the other side may have gone
            for part in [answer] if isinstance(answer, bytes) else answer(request.decode("latin-1")):
                if isinstance(part, float):
                    if self.server.closing.wait(part):
                        return
                    continue
                self.wfile.write(part)
                self.wfile.flush()


def ok(body=BODY, *headers, length=True):
    lines = ["HTTP/1.1 200 OK", *([f"Content-Length: {len(body)}"] if length else []), *headers, "Connection: close"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def status(line, *headers):
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "Connection: close"]).encode() + b"\r\n\r\n"


@pytest.fixture
def server():
    with serving(Raw) as raw:
        yield raw
        raw.closing.set()


@pytest.fixture
def hasty(monkeypatch):
    """The bounds of time, short."""
    monkeypatch.setattr(servers, "PACE_SECONDS", 0.3)
    monkeypatch.setattr(servers, "ANSWER", 0.5)
    monkeypatch.setattr(servers, "TIMEOUT", (1, 0.4))


def refused(server, path, *arguments, **named):
    """What is said where a file cannot be fetched."""
    with pytest.raises(InputError) as error:
        fetch([server.address()], path, *arguments, **{"progress": False, "pause": 0, "tries": 2} | named)
    assert "\n" not in str(error.value) and not path.exists()
    return str(error.value)


# ── Where they lead ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "location",
    [
        *(
            "http://[",
            "http://",
            "http://[::1",
            "http://host:port/x",
            "http://.example/",
            "http://exa mple/",
            "http:///x",
        ),
        *("ftp://127.0.0.1/file", "file:///etc/passwd", "//", "\x00", "http://127.0.0.1:99999/", "javascript:0", "%%%"),
        *("http://127.0.0.1:0/", f"http://{'a' * 70}/", f"http://127.0.0.1/{'x' * 70_000}"),
    ],
    ids=lambda location: ascii(location)[:30],
)
def test_a_redirect_to_a_broken_address_is_one_line(server, tmp_path, location):
    server.answers = [status("302 Found", f"Location: {location}"), status("404 Not Found")]
    said = refused(server, tmp_path / "file")
    assert said.startswith(f"{tmp_path / 'file'}: could not be fetched ({server.address()}: ") and len(said) < 3000
    assert list(tmp_path.iterdir()) == []


def test_redirects_without_end_are_followed_for_a_while(server, tmp_path):
    server.answers = [status("302 Found", "Location: /again")]
    assert "redirects" in refused(server, tmp_path / "file")
    assert len(server.requests) <= 40
    server.answers = [status("302 Found")]  # to nowhere
    assert "answers 302 Found" in refused(server, tmp_path / "file")


@pytest.mark.parametrize(
    "answer",
    [
        *(
            b"",
            b"\r\n",
            b"nonsense\r\n\r\n",
            b"HTTP/9.9 xyz\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n",
            PAGE,
            bytes(range(256)) * 9,
        ),
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(300)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nabc",
    ],
    ids=range(18),
)
def test_a_broken_answer_is_one_line(server, tmp_path, answer):
    server.answers = [answer]
    refused(server, tmp_path / "file", size=12_345)
    assert not (tmp_path / "file").exists() and not partial_path(tmp_path / "file").exists()


@pytest.mark.parametrize("validator", ['"a\xa0b"', 'W/"weak"', '"' + "x" * 5000 + '"', "\tLast", '"a"b"', "é"])
def test_an_odd_validator_is_not_sent_back(server, tmp_path, validator):
    cut = ok(BODY, f"ETag: {validator}", f"Last-Modified: {validator}").replace(BODY, BODY[:300_000])
    server.answers = [cut, ok()]
    fetch([server.address()], tmp_path / "file", progress=False, pause=0)
    assert (tmp_path / "file").read_bytes() == BODY and "Range" not in server.requests[1]


@pytest.mark.parametrize("note", ["[]", "7", '{"address": 1, "validator": {}}', "[" * 100_000, "\udc80"])
def test_a_damaged_note_next_to_a_partial_file_vouches_for_nothing(server, tmp_path, note):
    partial_path(tmp_path / "file").write_bytes(b"x" * 100)
    (tmp_path / "file.partial.json").write_bytes(note.encode("utf-8", "surrogateescape"))
    server.answers = [ok()]
    fetch([server.address()], tmp_path / "file", progress=False, pause=0)
    assert (tmp_path / "file").read_bytes() == BODY and [p.name for p in tmp_path.iterdir()] == ["file"]


# ── How long they take, and how much they give ────────────────────────────────────────────────


def drip(parts, seconds=0.05):
    """An answer in parts, of a list or of a function that gives them, with pauses."""

    def answer(_):
        for part in parts() if callable(parts) else parts:
            yield part
            yield seconds

    return answer


def without_end(part=b"x", head=b""):
    yield head
    while True:
        yield part


@pytest.mark.slow
@pytest.mark.parametrize("where", ["silence", "head", "continue", "body", "chunks"])
def test_a_slow_server_is_left_after_a_while(server, tmp_path, hasty, where):
    bodies = {
        "silence": drip([b"", b""], 30.0),
        "head": drip(lambda: without_end(b"A: b\r\n", HEAD), 0.1),
        "continue": drip(lambda: without_end(b"HTTP/1.1 100 Continue\r\n\r\n"), 0.01),
        "body": drip(lambda: without_end(b"x", HEAD + b"Content-Length: 600000\r\n\r\n")),
        "chunks": drip(lambda: without_end(b"1\r\nx\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n")),
    }
    server.answers = [bodies[where]]
    begun = time.monotonic()
    said = refused(server, tmp_path / "file", tries=4)
    assert "too slow: " in said or "no answer" in said
    assert time.monotonic() - begun < 60


def test_a_slow_server_is_followed_by_the_next(server, tmp_path, hasty):
    slow = drip(lambda: without_end(b"x", HEAD + b"Content-Length: 600000\r\n\r\n"))
    server.answers = [slow, slow, ok()]
    fetch([server.address(), server.address("mirror")], tmp_path / "file", len(BODY), SHA256, progress=False, pause=0)
    assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize(
    "head", [HEAD + b"\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], ids=["close", "chunks"]
)
@pytest.mark.parametrize("bound", ["size", "at most", "nothing"])
def test_a_body_without_end_is_left_at_the_size_that_was_expected(server, tmp_path, monkeypatch, head, bound):
    monkeypatch.setattr(download, "UNKNOWN", 2_000_000)
    piece = b"10000\r\n" + bytes(65536) + b"\r\n" if b"chunked" in head else bytes(65536)
    server.answers = [lambda _: without_end(piece, head)]
    bounds = {"size": {"size": 1_000_000}, "at most": {"at_most": 1_000_000}, "nothing": {}}[bound]
    said = refused(server, tmp_path / "file", **bounds)
    expected = {"size": "1,000,000 expected", "at most": "more than 1.0 MB", "nothing": "more than 2.0 MB"}
    assert expected[bound] in said and list(tmp_path.iterdir()) == []


def test_more_than_is_expected_is_not_even_begun(server, tmp_path):
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"]
    assert "announces 5.0 MB, at most 1.0 MB expected" in refused(server, tmp_path / "file", at_most=1_000_000)
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 900000000000000\r\n\r\n"]
    assert "make room" in refused(server, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_body_without_end_does_not_fill_the_disk(server, tmp_path, monkeypatch):
    free = iter(range(10_000_000, 0, -65_536))
    usage = lambda _: shutil._ntuple_diskusage(30_000_000, 0, next(free))  # noqa: E731
    monkeypatch.setattr(download.shutil, "disk_usage", usage)
    server.answers = [lambda _: without_end(bytes(65536), HEAD + b"\r\n")]
    assert "fills the disk" in refused(server, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.name == "nt" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_disk_that_is_really_full_nothing_stays(server, small_disk, monkeypatch):
    monkeypatch.setattr(download, "_is_filling", lambda _: False)  # other programs fill it at the same time
    monkeypatch.setattr(download, "check_space", lambda *_: None)
    server.answers = [lambda _: without_end(bytes(65536), HEAD + b"\r\n")]
    assert "the disk is full: make room" in refused(server, small_disk / "file")
    assert list(small_disk.iterdir()) == []
    server.answers = [ok(bytes(3_000_000), 'ETag: "a"')]  # this can be continued
    assert "file.partial has 1.0 MB of it" in refused(server, small_disk / "file")
    partial_path(small_disk / "file").unlink()
    (small_disk / "file.partial.json").unlink()


# ── When to come back ─────────────────────────────────────────────────────────────────────────


def in_seconds(seconds):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("line", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("after", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 2, 2),
        (lambda: in_seconds(40), 30, 40),
        (lambda: in_seconds(-100), 2, 2),
        *((odd, 2, 2) for odd in ("soon", "-5", "1.5", "", "²", "Fri, 99 Foo 2099 99:99:99 GMT")),
    ],
)
def test_a_server_that_asks_for_a_pause_gets_it(server, tmp_path, monkeypatch, line, after, least, most, capsys):
    pauses = []
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=pauses.append))
    server.answers = [
        status(line, f"Retry-After: {after() if callable(after) else after}".encode().decode("latin-1")),
        ok(),
    ]
    fetch([server.address()], tmp_path / "file", pause=2)
    assert len(pauses) == 1 and least <= pauses[0] <= most and (tmp_path / "file").read_bytes() == BODY
    assert ("as it asks" in capsys.readouterr().err) == (pauses[0] > 2)


@pytest.mark.parametrize("after", [LONGEST_PAUSE + 1, 10**9, 10**30, "date"])
def test_a_pause_too_long_is_reported_and_not_made(server, tmp_path, monkeypatch, after):
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=lambda _: pytest.fail("waits")))
    after = in_seconds(10**7) if after == "date" else after
    server.answers = [status("503 Service Unavailable", f"Retry-After: {after}")]
    said = refused(server, tmp_path / "file")
    assert "answers 503 Service Unavailable, and asks to come back in " in said and len(server.requests) == 1
    server.answers = [status("503 Service Unavailable", f"Retry-After: {after}"), ok()]
    fetch([server.address(), server.address("mirror")], tmp_path / "file", progress=False)  # the next has it now
    assert (tmp_path / "file").read_bytes() == BODY


# ── What is not what its name says ────────────────────────────────────────────────────────────


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


WHOLE = zipped(a=BODY)
NAMES = [
    "a.zip",
    "a.tar.gz",
    "a.hdf5",
    "a.h5",
    "a.txt",
    "a.json",
    "a.jsonl",
    "a.csv",
    "a.pth",
    "a.pth.tar",
    "a.npy",
    "a.mp4",
    "a",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "page",
    [PAGE, b"\xef\xbb\xbf \n<html>", b"<?xml version='1.0'?>\n<!-- x -->\n<HTML>", b"<Error><Code>No</Code>", b""],
)
def test_a_page_never_gets_the_name_of_a_file(server, tmp_path, name, page):
    server.answers = [ok(page, "Content-Type: text/html")]
    assert ("is a web page" if page else "holds nothing") in refused(server, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    server.answers = [ok(page), ok({"a.zip": WHOLE}.get(name, b"{}"))]
    if name in ("a.zip", "a.txt", "a"):
        fetch([server.address(), server.address("mirror")], tmp_path / name, progress=False, pause=0)
        assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.zip", b'{"error": "log in"}', "is damaged, or not a zip"),
        ("a.zip", WHOLE[:-30], "is damaged, or not a zip"),
        ("a.zip", WHOLE.replace(BODY[:50], BODY[50:100]), "is damaged: a"),
        ("a.zip", zipped(), "is a zip of nothing"),
        ("a.tar.gz", b"\x1f\x8b\x08" + b"x" * 100, "is damaged, or not a tar"),
        ("a.tar", bytes(10240), "is a tar of nothing"),
        ("a.hdf5", b"x" * 3000, "is not an HDF5 file"),
        ("a.json", b'{"a": 1', "is not json"),
        ("a.json", b"\xff\xfe", "is not json"),
        ("a.jsonl", b'{"a": 1}\n\n{"a": ', "is not a json object per line (line 3:1: not json"),
        ("a.jsonl", b'{"a": 1}\n[2]\n', "is not a json object per line (line 2 is none)"),
        ("a.jsonl", b'{"a": 1}\n\xff\xfe', "is not a json object per line"),
        ("a.txt", b"abc\0def", "is not text"),
        ("a.pth", b"x" * 100, "is not a file of PyTorch weights"),
        ("a.npy", b"x" * 100, "is not a NumPy array"),
        ("a.mp4", b"x" * 100, "is not an MP4"),
    ],
)
def test_what_is_damaged_never_gets_its_name(server, tmp_path, name, body, said):
    server.answers = [ok(body)]
    assert f"{name}: {said}" in refused(server, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_an_older_version_has_left_is_renamed_when_the_right_file_is_whole(server, tmp_path, capsys):
    path = tmp_path / "captions.zip"
    path.write_bytes(PAGE)
    server.answers = [status("404 Not Found")]
    with pytest.raises(InputError, match=r"captions\.zip: what is there is a web page.*; could not be fetched"):
        fetch([server.address()], path, progress=False)
    assert path.read_bytes() == PAGE
    server.answers = [ok(WHOLE)]
    fetch([server.address()], path, progress=False)
    assert path.read_bytes() == WHOLE and (tmp_path / "captions.zip.unreadable-1").read_bytes() == PAGE
    assert "it is now captions.zip.unreadable-1" in capsys.readouterr().err


def test_a_folder_instead_of_a_file_is_left_alone(server, tmp_path):
    (tmp_path / "a.zip").mkdir()
    with pytest.raises(InputError, match=r"a\.zip: Is a directory; a folder is in the way of a file"):
        fetch([server.address()], tmp_path / "a.zip", progress=False)


# ── Two at once ───────────────────────────────────────────────────────────────────────────────

FETCH = """
import sys
from lgn_lite.downloads.download import fetch
fetch([sys.argv[1]], sys.argv[2], progress=False)
"""


def test_two_processes_that_fetch_one_file_send_for_it_once(server, tmp_path):
    first, second = threading.Event(), threading.Event()

    def answer(_):
        whole = ok()
        yield whole[:300_000]
        first.set()
        second.wait()
        yield whole[300_000:]

    server.answers = [answer]
    command = [sys.executable, "-c", FETCH, server.address(), str(tmp_path / "file")]
    with (
        subprocess.Popen(command) as one,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(second.set)
        first.wait()
        two = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8"))
        assert two.stderr.readline() == f"{tmp_path / 'file'}: another process is fetching file; waiting for it\n"
        second.set()
        assert (one.wait(), two.wait()) == (0, 0)
    assert len(server.requests) == 1
    assert (tmp_path / "file").read_bytes() == BODY and [path.name for path in tmp_path.iterdir()] == ["file"]


# ── Members of a remote zip ───────────────────────────────────────────────────────────────────

ZIP = zipped(**{name: random.Random(name).randbytes(100_000) for name in ("a.mp4", "b.mp4", "c.mp4")})


def part(request, body=ZIP, claimed=None):
    """The answer to a request for a range; `claimed`: what it says instead that it gives."""
    first, _, last = request.split("bytes=")[1].split("\r\n")[0].partition("-")
    start = int(first) if first else max(0, len(body) - int(last))
    end = min(int(last), len(body) - 1) if first and last else len(body) - 1
    claimed = claimed or f"bytes {start}-{end}/{len(body)}"
    head = f"HTTP/1.1 206 Part\r\nContent-Range: {claimed}\r\nConnection: close\r\n"
    return head, body[start : end + 1]


def member(server, path, **named):
    with pytest.raises(InputError) as error:
        remote_members([server.address()], {"b.mp4": path}, progress=False, pause=0, tries=2, **named)
    assert "\n" not in str(error.value) and not path.exists()
    return str(error.value)


@pytest.mark.parametrize(
    "claimed",
    [
        *("bytes 5-3/10", "bytes 0-99999999999999/100000000000000", "nonsense", "bytes */5"),
        *(f"bytes 0-{'9' * 5000}/{'9' * 5000}", "bytes -5-9/10"),
    ],
)
def test_a_part_that_was_not_requested_is_refused(server, tmp_path, claimed):
    server.answers = [lambda request: [(part(request, claimed=claimed)[0] + "\r\n").encode(), *[bytes(65536)] * 100]]
    assert "gives another part than the one requested" in member(server, tmp_path / "b.mp4")
    assert list(tmp_path.iterdir()) == []


def test_parts_without_end_and_slow_ones_are_left(server, tmp_path, hasty):
    def endless(request):
        head, body = part(request)
        yield from without_end(bytes(65536), (head + "\r\n").encode() + body)

    server.answers = [endless]
    remote_members([server.address()], {"b.mp4": tmp_path / "b.mp4"}, progress=False)  # only what was requested is read
    assert (tmp_path / "b.mp4").read_bytes() == random.Random("b.mp4").randbytes(100_000)

    def slow(request):
        head, body = part(request)
        yield (head + f"Content-Length: {len(body)}\r\n\r\n").encode()
        for n in range(999):
            yield body[n : n + 1]
            yield 0.05

    server.answers = [slow]
    assert "too slow: " in member(server, tmp_path / "other.mp4")


def test_a_member_larger_than_any_video_and_a_busy_server(server, tmp_path, monkeypatch):
    monkeypatch.setattr("lgn_lite.downloads.archives.LARGEST_VIDEO", 50_000)
    server.answers = [lambda request: [(part(request)[0] + "\r\n").encode() + part(request)[1]]]
    assert "b.mp4: 100,000 bytes, at most 50,000 expected" in member(server, tmp_path / "b.mp4")
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=lambda _: pytest.fail("waits")))
    server.answers = [status("503 Service Unavailable", "Retry-After: 4000")]
    assert "asks to come back in 4,000 s" in member(server, tmp_path / "b.mp4")
    server.answers = [status("302 Found", "Location: http://[")]
    assert "b.mp4: could not be fetched" in member(server, tmp_path / "b.mp4")
