"""A web server that hands out files with the faults that a test asks for, and archives to hand out."""

import contextlib
import hashlib
import io
import random
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = random.Random(0).randbytes(600_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


class Shelf(ThreadingHTTPServer):
    """Serves `files` {path: bytes}; each request takes one of `faults`, in order, and is noted in `sent`."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: list[dict] = []
        self.sent: list[tuple[str, int, int]] = []  # range requested, status, bytes of the body
        self.requested: list[str] = []  # paths
        self.vouch = True  # with an ETag

    def address(self, name="file"):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        shelf = self.server
        shelf.requested.append(self.path)
        fault = shelf.faults.pop(0) if shelf.faults else {}
        body = fault.get("body", shelf.files.get(self.path.lstrip("/")))
        status = fault.get("status", 404 if body is None else 200)
        if status != 200:
            shelf.sent.append((self.headers.get("Range", ""), status, 0))
            return self.send_error(status)
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        requested = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(body) - 1
        vouched = fault.get("blind") or self.headers.get("If-Range", etag) == etag
        if requested and vouched and fault.get("ranges", True):
            status = 206
            first = int(requested[1]) if requested[1] else max(0, len(body) - int(requested[2]))
            last = min(int(requested[2]), last) if requested[1] and requested[2] else last
        if first > last:
            shelf.sent.append((self.headers["Range"], 416, 0))
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        part = body[first : last + 1]
        self.send_response(status)
        self.send_header("Content-Length", str(fault.get("length", len(part))))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        if shelf.vouch:
            self.send_header("ETag", etag)
        self.end_headers()
        part = part[: fault.get("cut", len(part))]
        shelf.sent.append((self.headers.get("Range", ""), status, len(part)))
        with contextlib.suppress(ConnectionError):  # the other side may have gone
            self.wfile.write(part)
            self.wfile.flush()
        if "then" in fault:
            fault["then"]()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(kind=None):
    """A server of this kind, by default a Shelf, at work in a thread."""
    with (kind or Shelf)() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def write_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return path
