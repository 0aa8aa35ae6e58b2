"""Downloads and archives against a real HTTP server that breaks, lies and refuses; traps in archives."""

import contextlib
import errno
import functools
import hashlib
import json
import random
import re
import signal
import stat
import tarfile
import threading
import zipfile

import pytest
from helpers.shelf import BODY, SHA256, write_tar, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.downloads import download
from lgn_lite.downloads.archives import remote_members, unpack
from lgn_lite.downloads.download import fetch, readable_size
from lgn_lite.errors import InputError
from lgn_lite.support.files import partial_path

quick = functools.partial(fetch, progress=False, pause=0)


# ── One file ──────────────────────────────────────────────────────────────────────────────────


def test_a_file_arrives_whole_and_is_not_requested_again(shelf, tmp_path):
    path = tmp_path / "deep" / "file"
    assert quick([shelf.address()], path, len(BODY), SHA256) == path
    assert path.read_bytes() == BODY and list(path.parent.iterdir()) == [path]
    quick([shelf.address()], path, len(BODY), SHA256)
    assert len(shelf.sent) == 1


def test_a_broken_connection_is_resumed_and_only_the_rest_is_sent(shelf, tmp_path):
    shelf.faults = [{"cut": 200_000}, {"cut": 200_000}]
    quick([shelf.address()], tmp_path / "file", sha256=SHA256)
    assert (tmp_path / "file").read_bytes() == BODY
    assert [status for _, status, _ in shelf.sent] == [200, 206, 206]
    # what urllib3 held in its buffer is lost with a connection, less than a block each time
    assert sum(count for _, _, count in shelf.sent) < len(BODY) + 2 * download.BLOCK


def test_many_breaks_are_survived_as_long_as_bytes_come_but_not_without_end(shelf, tmp_path):
    shelf.faults = [{"cut": 130_000}] * 8
    quick([shelf.address()], tmp_path / "file", tries=2)
    assert (tmp_path / "file").read_bytes() == BODY
    shelf.sent.clear()
    shelf.faults = [{"cut": 0}] * 9
    with pytest.raises(InputError, match="the connection broke"):
        quick([shelf.address()], tmp_path / "other", tries=3)
    assert len(shelf.sent) == 3


def test_the_next_call_resumes_from_what_an_interruption_left(shelf, tmp_path):
    shelf.faults = [{"cut": 300_000}]
    with pytest.raises(InputError, match="resumes"):
        quick([shelf.address()], tmp_path / "file", tries=1)
    size_before = partial_path(tmp_path / "file").stat().st_size
    assert 200_000 < size_before <= 300_000 and not (tmp_path / "file").exists()
    quick([shelf.address()], tmp_path / "file")
    assert shelf.sent[-1] == (f"bytes={size_before}-", 206, len(BODY) - size_before)
    assert (tmp_path / "file").read_bytes() == BODY


def test_ctrl_c_keeps_the_partial_file(shelf, tmp_path):
    gone, partial = threading.Event(), partial_path(tmp_path / "file")

    def press():
        while not (partial.exists() and partial.stat().st_size) and not gone.wait(0.01):
            pass
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        gone.wait(10)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
    shelf.faults = [{"cut": 300_000, "then": press}]
    try:
        with pytest.raises(KeyboardInterrupt):
            quick([shelf.address()], tmp_path / "file")
    finally:
        gone.set()
        signal.signal(signal.SIGINT, before)
    assert partial.stat().st_size > 0 and not (tmp_path / "file").exists()
    quick([shelf.address()], tmp_path / "file")
    assert shelf.sent[-1][1] == 206 and (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize("blind", [False, True])
def test_a_file_that_changed_meanwhile_is_not_glued_together(shelf, tmp_path, blind):
    new = BODY[::-1]
    shelf.faults = [{"cut": 300_000, "then": lambda: shelf.files.update(file=new)}, {"blind": blind}]
    quick([shelf.address()], tmp_path / "file")
    # the rest requested, and all given; or, by a server that ignores If-Range, another file's rest
    assert [status for _, status, _ in shelf.sent] == ([200, 206, 200] if blind else [200, 200])
    assert shelf.sent[1][0].startswith("bytes=") and (tmp_path / "file").read_bytes() == new


def test_without_validator_and_checksum_nothing_is_continued(shelf, tmp_path):
    shelf.vouch = False
    shelf.faults = [{"cut": 300_000}]
    quick([shelf.address()], tmp_path / "file")
    assert [requested for requested, _, _ in shelf.sent] == ["", ""]
    shelf.faults = [{"cut": 300_000}]
    quick([shelf.address()], tmp_path / "other", sha256=SHA256)  # a checksum would show it
    assert shelf.sent[-1][1] == 206 and (tmp_path / "other").read_bytes() == BODY


def test_a_server_that_refuses_ranges_starts_from_zero(shelf, tmp_path):
    shelf.faults = [{"cut": 300_000}, {"ranges": False}]
    quick([shelf.address()], tmp_path / "file", sha256=SHA256)
    assert [status for _, status, _ in shelf.sent] == [200, 200]
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_complete_partial_file_is_only_checked(shelf, tmp_path):
    partial_path(tmp_path / "file").write_bytes(BODY)
    quick([shelf.address()], tmp_path / "file", len(BODY), SHA256)
    assert shelf.sent == [] and (tmp_path / "file").read_bytes() == BODY
    partial_path(tmp_path / "other").write_bytes(BODY)
    quick([shelf.address()], tmp_path / "other", None, SHA256)  # of unknown size: the server says 416
    assert shelf.sent == [(f"bytes={len(BODY)}-", 416, 0)] and (tmp_path / "other").read_bytes() == BODY


def test_wrong_bytes_leave_nothing_and_the_message_says_what_was_found(shelf, tmp_path):
    shelf.files["file"] = BODY[::-1]
    found = hashlib.sha256(BODY[::-1]).hexdigest()
    with pytest.raises(InputError, match=rf"file: sha256 {found} found, {SHA256} expected"):
        quick([shelf.address()], tmp_path / "file", len(BODY), SHA256)
    assert list(tmp_path.iterdir()) == [] and len(shelf.sent) == 1  # the same bytes again would not help


def test_wrong_bytes_found_earlier_are_fetched_again_from_the_same_address(shelf, tmp_path):
    partial_path(tmp_path / "file").write_bytes(b"x" * 1000)
    quick([shelf.address()], tmp_path / "file", len(BODY), SHA256)
    assert [status for _, status, _ in shelf.sent] == [206, 200]
    assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize("fault", [{"status": 404}, {"status": 403}, {"body": b"no"}, {"length": 700_000}])
def test_a_mirror_takes_over_at_once_where_trying_again_is_of_no_use(shelf, tmp_path, fault):
    shelf.files["mirror"] = BODY
    shelf.faults = [fault]
    quick([shelf.address(), shelf.address("mirror")], tmp_path / "file", len(BODY), SHA256)
    assert shelf.requested == ["/file", "/mirror"] and (tmp_path / "file").read_bytes() == BODY


def test_a_mirror_continues_another_s_bytes_under_a_checksum(shelf, tmp_path):
    shelf.files["mirror"] = BODY
    shelf.faults = [{"cut": 300_000}, {"status": 404}]
    quick([shelf.address(), shelf.address("mirror")], tmp_path / "file", len(BODY), SHA256)
    assert shelf.sent[-1][1] == 206 and (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_passing_fault_of_the_server_is_waited_for(shelf, tmp_path, status, monkeypatch):
    pauses = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    shelf.faults = [{"status": status}, {"status": status}]
    fetch([shelf.address()], tmp_path / "file", progress=False, pause=1.0)
    assert (tmp_path / "file").read_bytes() == BODY and pauses == [1.0, 2.0]


def test_a_content_length_that_is_too_long_is_no_endless_wait(shelf, tmp_path):
    shelf.faults = [{"length": 700_000}]
    quick([shelf.address()], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_every_address_is_named_with_its_reason(tmp_path, shelf):
    with pytest.raises(InputError) as error:
        quick([shelf.address("none"), "http://127.0.0.1:9/x", "nonsense"], tmp_path / "file", tries=2)
    message = str(error.value)
    assert (
        "none: answers 404 Not Found" in message
        and "9/x: no connection" in message
        and "nonsense: Invalid URL" in message
    )
    with pytest.raises(InputError, match="no address"):
        quick([], tmp_path / "file")


def test_a_disk_without_room_or_permission_is_one_clear_error(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(InputError, match=r"600 kB needed, 1 kB free: make room"):
        quick([shelf.address()], tmp_path / "file", len(BODY))
    monkeypatch.undo()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    for number, message in ((errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission to write")):

        def fails(*_, number=number):
            raise OSError(number, "")  # Python makes it a PermissionError where it is one

        monkeypatch.setattr(download._Partial, "begin", fails)
        with pytest.raises(InputError, match=message):
            quick([shelf.address()], tmp_path / "file")
    (tmp_path / "taken").touch()
    with pytest.raises(InputError, match="taken"):
        quick([shelf.address()], tmp_path / "taken" / "file")


def test_amounts_as_people_say_them():
    said = {0: "0 B", 999: "999 B", 1000: "1 kB", 622_491: "622 kB", 999_600: "1.0 MB", 3_519_822: "3.5 MB"}
    said |= {999_960_000: "1.0 GB", 2_176_768_927: "2.2 GB", 12e9: "12.0 GB"}
    assert {size: readable_size(size) for size in said} == said


# ── Members of a remote zip ───────────────────────────────────────────────────────────────────


@pytest.fixture
def videos(shelf):
    """A remote zip of three videos, far larger than the part that is requested."""
    content = {name: random.Random(name).randbytes(200_000) for name in ("AAAAA", "BBBBB", "CCCCC")}
    shelf.files["videos.zip"] = zipped({f"folder/{name}.mp4": data for name, data in content.items()})
    return content


def test_a_single_member_comes_without_the_rest(shelf, videos, tmp_path):
    path = tmp_path / "videos" / "BBBBB.mp4"
    remote_members([shelf.address("videos.zip")], {"folder/BBBBB.mp4": path}, progress=False)
    assert path.read_bytes() == videos["BBBBB"]
    assert sum(count for _, _, count in shelf.sent) < 300_000  # of 600,000
    shelf.sent.clear()
    remote_members([shelf.address("videos.zip")], {"folder/BBBBB.mp4": path}, progress=False)
    assert len(shelf.sent) == 1  # the zip's index; what is there is left alone


def test_a_broken_member_is_fetched_again_and_never_half_there(shelf, videos, tmp_path):
    paths = {f"folder/{name}.mp4": tmp_path / f"{name}.mp4" for name in videos}
    shelf.faults = [{}, {}, {"cut": 1000}]  # the index, the first video, then a break
    remote_members([shelf.address("videos.zip")], paths, progress=False, pause=0)
    assert {path.stem: path.read_bytes() for path in tmp_path.iterdir()} == videos
    shelf.faults = [{}, {"cut": 1000}] * 2
    target = tmp_path / "again" / "x.mp4"
    with pytest.raises(InputError, match=r"x\.mp4: could not be fetched"):
        remote_members([shelf.address("videos.zip")], {"folder/AAAAA.mp4": target}, False, tries=2, pause=0)
    assert list(target.parent.iterdir()) == []


def test_a_server_without_ranges_or_a_name_that_is_not_there_is_a_clear_error(shelf, videos, tmp_path):
    shelf.faults = [{"ranges": False}]
    with pytest.raises(InputError, match="gives no parts of files"):
        remote_members([shelf.address("videos.zip")], {"folder/AAAAA.mp4": tmp_path / "a"}, progress=False, pause=0)
    with pytest.raises(InputError, match=r"holds no folder/ZZZZZ\.mp4"):
        remote_members([shelf.address("videos.zip")], {"folder/ZZZZZ.mp4": tmp_path / "z"}, progress=False, pause=0)
    with pytest.raises(InputError, match="404"):
        remote_members([shelf.address("none.zip")], {"x": tmp_path / "x"}, progress=False, tries=1)
    assert list(tmp_path.iterdir()) == []


# ── Unpacking ─────────────────────────────────────────────────────────────────────────────────

TREE = {"tree/AAAAA/AAAAA-000001.txt": b"1 2 3", "tree/AAAAA/AAAAA-000005.txt": b"4 5 6", "tree/B/x.txt": b"7"}


def write_zip(path, members):
    path.write_bytes(zipped(members))
    return path


writers = pytest.mark.parametrize("write", [write_zip, write_tar])


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@writers
@pytest.mark.parametrize("first", ["tree/", "./tree/", ""])
def test_all_of_an_archive_lands_in_the_folder_with_its_first_folder_or_without(write, first, tmp_path):
    members = {name.replace("tree/", first): data for name, data in TREE.items()}
    unpack(write(tmp_path / "archive", members), tmp_path / "tree", progress=False)
    assert contents(tmp_path / "tree") == {name.removeprefix("tree/"): data for name, data in TREE.items()}


@writers
def test_an_interrupted_unpacking_resumes_and_keeps_what_is_complete(write, tmp_path):
    archive = write(tmp_path / "archive", TREE)
    whole, short = tmp_path / "tree/AAAAA/AAAAA-000001.txt", tmp_path / "tree/B/x.txt"
    whole.parent.mkdir(parents=True)
    short.parent.mkdir()
    whole.write_bytes(b"x y z")  # of full size: taken for complete, and left
    short.write_bytes(b"")
    unpack(archive, tmp_path / "tree", progress=False)
    assert whole.read_bytes() == b"x y z" and short.read_bytes() == b"7"


@writers
def test_single_members_are_found_by_the_end_of_their_names(write, tmp_path):
    archive = write(tmp_path / "archive", TREE | {"__MACOSX/tree/B/._x.txt": b"?", "tree/ax.txt": b"?"})
    unpack(archive, tmp_path, {"x.txt": tmp_path / "out" / "mine.txt"}, progress=False)
    assert contents(tmp_path / "out") == {"mine.txt": b"7"}
    with pytest.raises(InputError, match=r"holds y\.txt not exactly once"):
        unpack(archive, tmp_path, {"y.txt": tmp_path / "y"}, progress=False)
    twice = write(tmp_path / "twice", TREE | {"other/x.txt": b"?"})
    with pytest.raises(InputError, match=r"holds x\.txt not exactly once"):
        unpack(twice, tmp_path, {"x.txt": tmp_path / "y"}, progress=False)


traps = ["../out.txt", "tree/../../out.txt", "/out.txt", "C:/out.txt", "C:out.txt", "..\\out.txt", "\\\\host\\s\\out"]


@writers
@pytest.mark.parametrize("name", traps)
def test_a_member_that_would_land_outside_is_refused_before_anything_is_written(write, name, tmp_path):
    archive = write(tmp_path / "archive", TREE | {name: b"bad"})
    with pytest.raises(InputError, match=re.escape(repr(name)) + " would land outside"):
        unpack(archive, tmp_path / "tree", progress=False)
    with pytest.raises(InputError, match="outside"):
        unpack(archive, tmp_path / "tree", {"x.txt": tmp_path / "x.txt"}, progress=False)
    assert list(tmp_path.iterdir()) == [archive]


def link(kind, target):
    info = tarfile.TarInfo("tree/link")
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind, tmp_path):
    archive = write_tar(tmp_path / "archive", TREE | {"tree/link": link(kind, "/etc"), "tree/link/x": b"bad"})
    with pytest.raises(InputError, match="'tree/link' is a link or a device"):
        unpack(archive, tmp_path / "tree", progress=False)
    assert list(tmp_path.iterdir()) == [archive]


def test_links_in_a_zip_are_refused(tmp_path):
    path = tmp_path / "archive"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("tree/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc")
    with pytest.raises(InputError, match="'tree/link' is a link"):
        unpack(path, tmp_path / "tree", progress=False)
    assert list(tmp_path.iterdir()) == [path]


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "b", ""]), min_size=1, max_size=6), end=st.just("f"))
@settings(max_examples=30, deadline=None)
def test_no_name_escapes_the_folder(parts, end, tmp_path_factory):
    base = tmp_path_factory.mktemp("traps")
    archive = write_tar(base / "archive", {"/".join([*parts, end]): b"data"})
    with contextlib.suppress(InputError):
        unpack(archive, base / "inner" / "tree", progress=False)
    assert [path for path in base.rglob("f") if not path.is_relative_to(base / "inner" / "tree")] == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "none"])
@writers
def test_a_damaged_archive_is_one_clear_error_and_no_half_file_stays(write, damage, tmp_path):
    archive = write(tmp_path / "archive", {"tree/f": BODY})
    data = bytearray(archive.read_bytes())
    data[300_000] ^= 255
    {
        "cut": lambda: archive.write_bytes(data[:400_000]),
        "flipped": lambda: archive.write_bytes(data),
        "text": lambda: archive.write_text(json.dumps({"error": "no such file"}), encoding="utf-8"),
        "none": archive.unlink,
    }[damage]()
    with pytest.raises(InputError, match="archive"):
        unpack(archive, tmp_path / "tree", progress=False)
    assert not list(tmp_path.rglob("f"))
