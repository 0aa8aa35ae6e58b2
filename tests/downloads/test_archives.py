"""Archives that unpack to gigabytes, are broken, or are unpacked by two at once: none keeps a name unearned."""

import functools
import io
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.processes import end, start
from helpers.shelf import BODY, write_tar, zipped

from lgn_lite.downloads import archives
from lgn_lite.downloads.archives import DamagedArchive, remote_members, unpack
from lgn_lite.downloads.fetch import get, state
from lgn_lite.downloads.registry import ASSETS, Archive, Asset
from lgn_lite.errors import InputError

pytestmark = pytest.mark.timeout(300)
PAGE = b"<!DOCTYPE html><html><body>Log in</body></html>"
quietly = functools.partial(get, progress=False)


def deflated(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def declared(size, data=b"abc"):
    """A zip whose one member says that it has another size."""
    raw = bytearray(zipped({"tree/a": data}))
    for mark, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        struct.pack_into("<L", raw, raw.index(mark) + offset, size)
    return bytes(raw)


def sparse(size):
    """A tar whose one member says that it has that size, and whose data are not there."""
    info = tarfile.TarInfo("tree/a")
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(10240)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# ── Bounds ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content",
    [deflated({"tree/a": bytes(3_000_000)}), deflated({f"tree/{n}": bytes(300_000) for n in range(10)}),
     declared(0xFFFFFFF0), sparse(10**12)],
    ids=["one", "ten", "zip that says so", "tar that says so"],
)  # fmt: skip
def test_what_unpacks_to_more_than_expected_is_refused_before_anything_is_written(tmp_path, monkeypatch, content):
    archive = tmp_path / "archive"
    archive.write_bytes(content)
    said = r"archive: unpacks to more than 2\.0 MB, the most expected: do not trust"
    with pytest.raises(DamagedArchive, match=said):
        unpack(archive, tmp_path / "tree", progress=False, at_most=2_000_000)
    name = "a" if b"tree/a" in content else "1"
    with pytest.raises(DamagedArchive, match="do not trust"):
        unpack(archive, tmp_path, {name: tmp_path / "x"}, progress=False, at_most=200_000)
    monkeypatch.setattr(archives, "FREE", 1_000_000)  # where nobody says how much to expect
    with pytest.raises(DamagedArchive, match="do not trust"):
        unpack(archive, tmp_path / "tree", progress=False)
    assert files(tmp_path) == ["archive"]


def test_a_member_that_holds_more_than_it_says_is_cut_and_refused(tmp_path):
    (tmp_path / "archive").write_bytes(declared(10, BODY))
    with pytest.raises(DamagedArchive):
        unpack(tmp_path / "archive", tmp_path / "tree", progress=False)
    assert files(tmp_path) == ["archive"]


def test_the_number_of_files_is_bounded_too(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 5)
    for write in (lambda path, members: path.write_bytes(zipped(members)), write_tar):
        write(tmp_path / "archive", {f"tree/{n}": b"" for n in range(6)})
        with pytest.raises(DamagedArchive, match="more than 5 files"):
            unpack(tmp_path / "archive", tmp_path / "tree", progress=False)
    assert files(tmp_path) == ["archive"]


def test_what_is_expected_is_unpacked_however_well_it_was_packed(tmp_path):
    (tmp_path / "archive").write_bytes(deflated({"tree/a": bytes(3_000_000)}))
    unpack(tmp_path / "archive", tmp_path / "tree", progress=False)
    assert (tmp_path / "tree" / "a").stat().st_size == 3_000_000


def test_every_archive_of_the_registry_has_its_bounds():
    for archive in {asset.archive for asset in ASSETS if asset.archive}:
        assert archive.unpacked and (archive.size or archive.at_most), archive.path
        assert archive.unpacked >= sum(a.size or 0 for a in ASSETS if a.archive == archive)


@pytest.mark.parametrize("content", [zipped({}), bytes(10240), zipped({"tree/": b""})], ids=["zip", "tar", "folder"])
def test_an_archive_of_nothing_is_no_data_set(tmp_path, content):
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(InputError, match=r"archive: (holds no file|damaged)"):
        unpack(tmp_path / "archive", tmp_path / "tree", progress=False)


# ── Broken archives lose their names ──────────────────────────────────────────────────────────


def captions(shelf, content):
    """An asset that is a member of a zip without checksum."""
    shelf.files["set/captions.zip"] = content
    archive = Archive("set/captions.zip", (shelf.address("set/captions.zip"),), unpacked=2_000_000)
    return Asset("set/train", "captions", "set/train.json", "none", archive=archive, member="train.json")


RIGHT = zipped({"captions/train.json": b'{"a": 1}'})


@pytest.mark.parametrize(
    "wrong",
    [PAGE, b"", b"{}", RIGHT[:-20], zipped({}), zipped({"captions/other.json": b"{}"}), zipped({"train.json": PAGE}),
     zipped({"train.json": b""}), deflated({"train.json": bytes(9_000_000)}), RIGHT.replace(b'{"a": 1}', b'{"b": 2}')],
    ids=["page", "empty", "text", "cut", "nothing", "other", "page inside", "empty inside", "bomb", "flipped"],
)  # fmt: skip
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_wrong_archive_does_not_make_every_later_call_fail(shelf, tmp_path, wrong, by_hand, capsys):
    asset, there = captions(shelf, wrong), tmp_path / "set" / "captions.zip"
    if by_hand:  # or by an older version, which left it
        there.parent.mkdir()
        there.write_bytes(wrong)
    else:
        with pytest.raises(InputError, match=r"captions\.zip") as error:
            quietly([asset], tmp_path)
        assert "\n" not in str(error.value)
    shelf.files["set/captions.zip"] = RIGHT
    quietly([asset], tmp_path)
    assert (tmp_path / "set/train.json").read_bytes() == b'{"a": 1}'
    assert set(files(tmp_path)) <= {"set/train.json", "set/captions.zip.unreadable-1"}
    if by_hand:  # it may be somebody's
        assert (tmp_path / "set/captions.zip.unreadable-1").read_bytes() == wrong
        assert "it is now captions.zip.unreadable-1" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [PAGE, b""])
def test_a_page_instead_of_a_file_is_found_and_named(shelf, tmp_path, wrong):
    asset = Asset("set/a", "a file", "set/a.hdf5", "none", (shelf.address("set/a.hdf5"),))
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.hdf5").write_bytes(wrong)
    assert state(asset, tmp_path, verify=True).kind == "differs"
    with pytest.raises(InputError, match=r"a\.hdf5 is not the released file \((is a web page|holds nothing).*move it"):
        quietly([asset], tmp_path)


# ── Killed, and two at once ───────────────────────────────────────────────────────────────────


def test_what_a_killed_unpacking_left_is_cleared(shelf, tmp_path):
    code = """
from pathlib import Path
from lgn_lite.support.files import atomic_path, scratch_folder
folder = Path(sys.argv[1])
with atomic_path(folder / "tree" / "a" / "1") as one, scratch_folder(folder) as two, atomic_path(folder / "x") as three:
    one.touch(); (two / "train.json").touch(); three.touch()
    print("ready", flush=True)
    sys.stdin.read()
"""
    end(start(code, tmp_path / "set"))
    assert len(files(tmp_path)) == 3
    shelf.files["set/tree.tar.gz"] = write_tar(tmp_path / "t", {"tree/a/1": b"1", "tree/b/1": b"2"}).read_bytes()
    tree = Archive("set/tree.tar.gz", (shelf.address("set/tree.tar.gz"),))
    quietly([Asset("set/tree", "a folder", "set/tree", "none", archive=tree, files=2)], tmp_path)
    assert files(tmp_path) == ["set/tree/a/1", "set/tree/b/1", "t"]

    shelf.files["videos.zip"] = zipped({"v/B.mp4": BODY})
    end(start(code, tmp_path / "out"))
    remote_members([shelf.address("videos.zip")], {"v/B.mp4": tmp_path / "out" / "B.mp4"}, progress=False)
    assert files(tmp_path / "out")[0] == "B.mp4" and [p.name for p in (tmp_path / "out").glob(".*")] == []


GET = """
import sys
from pathlib import Path
from lgn_lite.downloads.registry import Archive, Asset
from lgn_lite.downloads.fetch import get
archive = Archive("set/captions.zip", (sys.argv[1],))
assets = [
    Asset(f"set/{name}", "captions", f"set/{name}.json", "none", archive=archive, member=f"{name}.json")
    for name in ("train", "val")
]
get(assets, Path(sys.argv[2]), progress=False)
"""


def test_two_processes_that_get_one_archive_both_end_well(shelf, tmp_path):
    both = threading.Event()
    shelf.files["set/captions.zip"] = zipped({"train.json": b"{}", "val.json": b'{"v": 1}'})
    shelf.faults = [{"cut": 10, "then": both.wait}]
    command = [sys.executable, "-c", GET, shelf.address("set/captions.zip"), str(tmp_path)]
    one = subprocess.Popen(command)
    try:
        while not shelf.sent:
            assert one.poll() is None
            time.sleep(0.01)
        two = subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8")
        assert "another process is unpacking captions.zip; waiting for it" in two.stderr.readline()
        both.set()
        assert (two.wait(), one.wait()) == (0, 0)
        two.stderr.close()
    finally:
        both.set()
        one.wait()
    assert files(tmp_path) == ["set/train.json", "set/val.json"]
    assert (tmp_path / "set/val.json").read_bytes() == b'{"v": 1}'


def test_a_command_that_finds_all_there_writes_nothing(shelf, tmp_path):
    asset = captions(shelf, RIGHT)
    quietly([asset], tmp_path)
    before = [path.stat().st_mtime_ns for path in (tmp_path, tmp_path / "set")]
    quietly([asset], tmp_path)
    assert [path.stat().st_mtime_ns for path in (tmp_path, tmp_path / "set")] == before and len(shelf.sent) == 1
    quietly([replace(asset, archive=replace(asset.archive, addresses=()))], Path(tmp_path))
