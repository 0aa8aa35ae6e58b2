"""Writing whole or not at all, leftovers of killed processes, and one lock per folder, also without locks."""

import errno
import fcntl
import json
import os
import threading
import time

import psutil
import pytest
from helpers.processes import end, start

from lgn_lite.errors import InputError
from lgn_lite.support import files
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.support.files import (
    NO_LOCKS,
    atomic_path,
    hold_folder,
    remove_folder,
    remove_leftovers,
    scratch_folder,
    set_aside,
    wait_for_folder,
    write_json,
)

pytestmark = pytest.mark.timeout(300)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ── Whole, or not at all ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("error", [InputError, OSError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupted_write_leaves_what_was_there_and_nothing_else(tmp_path, error):
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    for name in ("a.txt", "new.txt", "folder"):
        with pytest.raises(error), atomic_path(tmp_path / name) as temporary:
            if name == "folder":
                (temporary / "deep").mkdir(parents=True)
            else:
                temporary.write_text("half", encoding="utf-8")
            raise error
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    "name", ["x" * 255, "x" * 250 + ".json", "é" * 125 + ".txt", "a." + "b" * 253, "." + "x" * 200, "a b\nc.d"]
)
def test_every_name_that_the_file_system_takes_can_be_written(tmp_path, name):
    with atomic_path(tmp_path / name) as temporary:
        temporary.write_text("whole", encoding="utf-8")
    assert names(tmp_path) == [name]


def test_a_name_too_long_is_reported_before_the_work_is_done(tmp_path):
    begun = False
    with pytest.raises(OSError) as error, atomic_path(tmp_path / ("x" * 256)):
        begun = True
    assert not begun and os_error_line(error.value).endswith("File name too long; choose a shorter name")


def test_the_temporary_name_keeps_the_suffix_and_is_hidden(tmp_path):
    with atomic_path(tmp_path / "a.tar.gz") as temporary:
        temporary.touch()
        assert temporary.suffix == ".gz" and files.is_hidden(temporary) and temporary.parent == tmp_path
        assert files.final_name(f"file:{temporary}") == str(tmp_path / "a.tar.gz")
    assert files.final_name("/a/.b.2024.txt") == "/a/.b.2024.txt"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_an_error_of_the_disk_names_the_file_that_was_to_be_written(tmp_path, number):
    for inside in (None, "{}", "{}/deep/b"):  # as write says it, which knows no name, and as open does
        with pytest.raises(OSError) as error, atomic_path(tmp_path / "a.txt") as temporary:
            raise OSError(number, os.strerror(number), *([inside.format(temporary)] if inside else []))
        assert os_error_line(error.value).startswith(
            f"{tmp_path / 'a.txt'}{'/deep/b' if inside == '{}/deep/b' else ''}: "
        )
    with pytest.raises(OSError) as error, atomic_path(tmp_path / "a.txt"):
        raise OSError(number, os.strerror(number), "/elsewhere")
    assert error.value.filename == "/elsewhere"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_refuses_fsync_is_written_to_all_the_same(tmp_path, monkeypatch, number):
    def refuse(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with atomic_path(tmp_path / "folder") as temporary:
        temporary.mkdir()
        (temporary / "a").touch()
        (temporary / "link").symlink_to("nowhere")
    assert names(tmp_path / "folder") == ["a", "link"]


def test_a_file_that_does_not_reach_the_disk_is_an_error(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError) as error:
        write_json(tmp_path / "a.json", {})
    assert os_error_line(error.value).startswith(f"{tmp_path / 'a.json'}: ") and names(tmp_path) == []


def test_the_first_error_is_reported_even_if_the_half_file_cannot_be_removed(tmp_path, monkeypatch):
    def fail(_):
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(files, "_remove", fail)
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a"):
        raise ZeroDivisionError


def test_json_is_written_with_any_name_in_it_but_no_nan(tmp_path):
    odd = os.fsdecode(b"caf\xe9.mp4")
    assert json.loads(write_json(tmp_path / "a.json", {odd: "≥"}).read_text(encoding="utf-8")) == {odd: "≥"}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert names(tmp_path) == ["a.json"]


def test_what_cannot_be_read_is_set_aside_and_nothing_is_overwritten(tmp_path):
    (tmp_path / "a.hdf5.unreadable-2").symlink_to("nowhere")
    for content in ("one", "two"):
        (tmp_path / "a.hdf5").write_text(content, encoding="utf-8")
        set_aside(tmp_path / "a.hdf5")
    assert names(tmp_path) == ["a.hdf5.unreadable-1", "a.hdf5.unreadable-2", "a.hdf5.unreadable-3"]
    assert (tmp_path / "a.hdf5.unreadable-3").read_text(encoding="utf-8") == "two"
    (tmp_path / ("x" * 255)).mkdir()
    assert set_aside(tmp_path / ("x" * 255)).is_dir()


# ── Leftovers ─────────────────────────────────────────────────────────────────────────────────

WRITER = """
from lgn_lite.support.files import atomic_path, scratch_folder
from pathlib import Path
folder = Path(sys.argv[1])
with atomic_path(folder / "video.mp4") as one, atomic_path(folder / "v1.5") as two, scratch_folder(folder) as three:
    one.touch()
    (two / "deep").mkdir(parents=True)
    (three / "half").touch()
    print("ready", flush=True)
    sys.stdin.read()
"""
USERS = [
    *(".notes.2024.txt", ".notes.20240101.txt", ".backup.1732900000.tar", ".DS_Store", "._A.mp4", ".env.123", ".lock"),
    *(".config.12.yaml", ".lgn_lite-12", ".x.lgn_lite-12-abc-def.txt", ".my.json", ".best.of.2024", "a.99.mp4"),
]


def test_leftovers_of_a_killed_process_go_and_those_of_one_that_lives_stay(tmp_path):
    process = start(WRITER, tmp_path)
    written = names(tmp_path)
    assert len(written) == 3
    with atomic_path(tmp_path / "mine") as mine:  # another thread of this process may be writing, too
        mine.touch()
        remove_leftovers(tmp_path)
        assert names(tmp_path) == sorted([*written, mine.name])
        end(process)
        remove_leftovers(tmp_path)
        assert names(tmp_path) == [mine.name]
    assert names(tmp_path) == ["mine"]


def test_the_next_write_in_a_folder_clears_it(tmp_path):
    for _ in range(2):  # the second clears what the first has left
        end(start(WRITER, tmp_path))
    assert len(names(tmp_path)) == 3
    for name in USERS:
        (tmp_path / name).touch()
    write_json(tmp_path / "a.json", {})
    assert names(tmp_path) == sorted([*USERS, "a.json"])


def test_a_user_s_hidden_files_are_never_leftovers(tmp_path):
    for name in USERS:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted(USERS)


@pytest.mark.parametrize(
    "name", [".toy-train-0008.{}.mp4", ".09_train.{}.ipynb", ".best.{}", ".state-12.{}", ".history.{}.json"]
)
def test_leftovers_of_older_versions_go_when_their_process_has_gone(tmp_path, name):
    process = start("print('ready', flush=True); sys.stdin.read()")
    for chance in ("", "123456"):  # older versions had the process alone, or chance's six digits behind it
        (tmp_path / name.format(f"{process.pid}{chance}")).touch()
    remove_leftovers(tmp_path)
    assert len(names(tmp_path)) == 2
    end(process)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_another_machine_s_files_stay_for_a_day(tmp_path, monkeypatch):
    (tmp_path / f".a.lgn_lite-{os.getpid()}-00000000-00000000.mp4").mkdir()
    remove_leftovers(tmp_path)
    assert len(names(tmp_path)) == 1
    monkeypatch.setattr(files, "LONG_AGO", -1)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_a_process_number_that_was_given_again_is_another_process(tmp_path, monkeypatch):
    left = tmp_path / f".a.lgn_lite-{os.getpid()}-{files._machine()}-00000000"
    left.touch()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: time.time() + 60)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_a_leftover_that_cannot_be_removed_stops_nobody(tmp_path, monkeypatch):
    left, tried = tmp_path / f".a.lgn_lite-4194305-{files._machine()}-00000000", []
    left.touch()

    def fail(path):
        tried.append(path)
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(files, "_remove", fail)
    remove_leftovers(tmp_path)
    assert tried == [left]
    remove_leftovers(tmp_path / "no such folder")


def test_folders_vanish_whole(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    remove_folder(tmp_path / "a")
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path) as scratch:
        (scratch / "half").touch()
        raise ZeroDivisionError
    assert names(tmp_path) == []


# ── One lock a folder ─────────────────────────────────────────────────────────────────────────

HOLDER = """
import errno, fcntl, os
from lgn_lite.support.files import hold_folder
if number := int(sys.argv[2]):
    def flock(*_):
        raise OSError(number, os.strerror(number))
    fcntl.flock = flock
with hold_folder(sys.argv[1], "training in it"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def without_locks(monkeypatch, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    if number:
        monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.filterwarnings("ignore:flock not supported")
@pytest.mark.parametrize("number", [0, *sorted(NO_LOCKS)])
def test_a_folder_is_held_until_its_process_ends_with_locks_and_without(tmp_path, monkeypatch, number):
    without_locks(monkeypatch, number)
    for _ in range(2):
        with hold_folder(tmp_path / "new", "training in it"):
            pass
    process = start(HOLDER, tmp_path / "new", number)
    try:
        with pytest.raises(InputError, match=r"new: another process is training in it.*; wait for it, end it") as error:
            hold_folder(tmp_path / "new", "training in it").__enter__()
        assert number in (0, errno.ENOSYS) or "if none is, remove " in str(error.value)
    finally:
        end(process)
    with hold_folder(tmp_path / "new", "training in it", wait=20):  # killed, it holds nothing
        pass


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EIO])
def test_other_trouble_with_a_lock_is_reported_as_it_is(tmp_path, monkeypatch, number):
    real = os.open

    def fail(path, *arguments, **named):
        if str(path).endswith(".lock"):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError) as error:
        hold_folder(tmp_path, "training in it").__enter__()
    assert error.value.errno == number and str(tmp_path) in os_error_line(error.value)


def test_who_waits_gets_the_folder_when_it_is_free_and_no_lock_stays(tmp_path, capsys):
    held, done = threading.Event(), threading.Event()

    def hold():
        with hold_folder(tmp_path, "fetching a", lock=".a.lock", leave=False):
            held.set()
            while "waiting for it" not in printed():
                time.sleep(0.01)
        done.set()

    said = []

    def printed():
        said.append(capsys.readouterr().err)
        return "".join(said)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with wait_for_folder(tmp_path, "fetching a", ".a.lock", leave=False, of=tmp_path / "a"):
        done.wait()
    thread.join()
    assert printed() == f"{tmp_path / 'a'}: another process is fetching a; waiting for it\n" and names(tmp_path) == []


def test_many_that_wait_for_a_lock_that_is_removed_hold_it_one_by_one(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(5):
            with hold_folder(tmp_path, "counting", wait=-1, lock=".a.lock", leave=False):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20 and names(tmp_path) == []
