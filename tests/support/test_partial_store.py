"""Writing a feature store where things go wrong: locks, damage, two writers, a full disk. Nothing is ever lost."""

import errno
import os
import resource
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pytest

from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore, make_features, write_features
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.support.files import partial_path
from lgn_lite.support.partial_store import UNFINISHED

SETTINGS = {"encoder": "vgg-small", "layer": "fc6", "rate": 2.0, "weights": "0123"}
VIDEOS = {f"v{n}": np.full((4, 3), n, np.float32) for n in range(5)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "f.hdf5"


def stopping(after: int, error: BaseException, add: float = 0):
    for n, (video, features) in enumerate(VIDEOS.items()):
        if n == after:
            raise error
        yield video, features + add


@pytest.fixture
def partial(path):
    """The partial file of three videos."""
    with pytest.raises(KeyboardInterrupt):
        write_features(path, stopping(3, KeyboardInterrupt()), **SETTINGS)
    return partial_path(path)


def assert_whole(path, add: float = 0):
    store = FeatureStore(path)
    assert list(store) == list(VIDEOS)
    for video, features in VIDEOS.items():
        np.testing.assert_array_equal(store[video], features + add)
    store._file.close()


def resumed_whole(path, others=()):
    """The same call again makes the store, and leaves nothing else."""
    write_features(path, VIDEOS.items(), **SETTINGS)
    assert_whole(path)
    assert sorted(file.name for file in path.parent.iterdir()) == sorted([path.name, *others])


# ---- passing errors


def refuse(monkeypatch, error, when=lambda mode, locking: True):
    real = h5py.File

    def file(name, mode="r", locking=None, **settings):
        if when(mode, locking):
            raise error
        return real(name, mode, locking=locking, **settings)

    monkeypatch.setattr(h5py, "File", file)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOLCK, "Unable to open file (unable to lock file, errno = 37)"),
        OSError("Unable to open file (unable to lock file, errno = 37, error message = 'No locks available')"),
        OSError(errno.ENOSYS, "Function not implemented"),
        OSError(errno.EOPNOTSUPP, "Operation not supported"),
        OSError("Unable to open file (unable to lock file, errno = 9, error message = 'Bad file descriptor')"),
    ],
)
def test_without_locks_writing_and_resuming_work(path, monkeypatch, error):
    refuse(monkeypatch, error, lambda mode, locking: locking is not False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyboardInterrupt):
            write_features(path, stopping(3, KeyboardInterrupt()), **SETTINGS)
        resumed_whole(path)


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize(
    ("error", "match"),
    [
        (OSError(errno.ENOLCK, "No locks available"), "its file system has no locks"),
        (BlockingIOError(errno.EAGAIN, "unable to lock file, errno = 11"), "another process has it open"),
        (BlockingIOError(), "another process has it open"),
        (OSError("Unable to open file (unable to lock file, errno = 11)"), "another process has it open"),
        (OSError("Unable to open file (file is already open for read-only)"), "is open in this process"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("(file read failed: time = now\n, errno = 116, error message = 'Stale')"), "Stale file handle"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_what_only_now_is_refused_leaves_the_partial_file_as_it_is(path, partial, monkeypatch, error, match, resume):
    before = partial.read_bytes()
    refuse(monkeypatch, error)
    with warnings.catch_warnings(), pytest.raises((InputError, OSError)) as caught:
        warnings.simplefilter("error")
        write_features(path, VIDEOS.items(), **SETTINGS, resume=resume)
    monkeypatch.undo()
    line = os_error_line(caught.value) if isinstance(caught.value, OSError) else str(caught.value)
    assert line.startswith(f"{partial}: ") and match in line and "\n" not in line
    assert partial.read_bytes() == before
    resumed_whole(path)


def test_a_partial_file_that_another_cell_has_open_is_not_damaged(path, partial):
    before = partial.read_bytes()
    with h5py.File(partial), pytest.raises(InputError, match=r"partial: is open in this process in another way"):
        write_features(path, VIDEOS.items(), **SETTINGS)
    assert partial.read_bytes() == before
    resumed_whole(path)


# ---- damage


@pytest.mark.parametrize("content", [b"half a file", b"\x89HDF\r\n\x1a\n", b"\0" * 5000])
def test_what_is_no_hdf5_file_is_moved_aside(path, content):
    partial = partial_path(path)
    for n in (1, 2):
        partial.write_bytes(content)
        with pytest.warns(UserWarning, match=rf"partial: damaged \(.+\); renamed to .*\.unreadable-{n}, starting"):
            write_features(path, VIDEOS.items(), **SETTINGS)
        assert path.with_name(f"f.hdf5.partial.unreadable-{n}").read_bytes() == content
    assert_whole(path)


def test_a_truncated_partial_file_is_moved_aside(path, partial):
    partial.write_bytes(partial.read_bytes()[:-500])
    with pytest.warns(UserWarning, match=r"damaged \(truncated file.*renamed to"):
        resumed_whole(path, ["f.hdf5.partial.unreadable-1"])


def test_what_is_whole_in_a_damaged_partial_file_is_taken_over(path, partial):
    with h5py.File(partial, "r+") as file:
        at = h5py.h5o.get_info(file["v1"].id).addr
    data = bytearray(partial.read_bytes())
    data[at] = 99  # version of the object's header
    partial.write_bytes(data)
    made = []

    def compute(todo):
        made.extend(todo)
        yield from todo.items()

    with pytest.warns(UserWarning, match=r"'v1': unreadable.*unreadable-1, its 2 readable videos are taken over"):
        make_features(path, VIDEOS, compute, SETTINGS, progress=False)
    assert made == ["v1", "v3", "v4"]
    assert_whole(path)
    assert path.with_name("f.hdf5.partial.unreadable-1").read_bytes() == data


@pytest.mark.parametrize("size", ["empty", "without attributes"])
def test_a_writer_killed_as_it_began(path, size):
    partial_path(path).touch()
    if size != "empty":
        h5py.File(partial_path(path), "w").close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resumed_whole(path)


def test_a_writer_killed_in_the_middle_of_a_video(path, partial):
    with h5py.File(partial, "r+") as file:
        file[UNFINISHED] = np.ones((4, 3), np.float32)
    with partial.open("ab") as raw:
        raw.write(bytes(70_000))  # the space taken for it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resumed_whole(path)


def test_space_taken_in_advance_is_given_back(path, tmp_path):
    write_features(path, VIDEOS.items(), **SETTINGS)
    with h5py.File(tmp_path / "plain.hdf5", "w") as file:
        file.attrs.update(SETTINGS)
        for video, features in VIDEOS.items():
            file[video] = features
    assert path.stat().st_size < (tmp_path / "plain.hdf5").stat().st_size + 2000


# ---- begun from scratch


def test_begun_from_scratch_all_stays_until_the_new_one_is_whole(path, partial):
    content = partial.read_bytes()
    with pytest.raises(RuntimeError):
        write_features(path, stopping(0, RuntimeError()), **SETTINGS, resume=False)
    assert partial.read_bytes() == content  # nothing came of the new one
    with pytest.raises(RuntimeError):
        write_features(path, stopping(2, RuntimeError(), add=1), **SETTINGS, resume=False)
    assert path.with_name("f.hdf5.partial.before-1").read_bytes() == content
    newer = {video: features + 1 for video, features in VIDEOS.items()}
    write_features(path, newer.items(), **SETTINGS)  # resumes with the new one
    assert_whole(path, add=1)
    assert [file.name for file in path.parent.iterdir()] == ["f.hdf5"]
    with pytest.raises(RuntimeError):
        write_features(path, stopping(2, RuntimeError()), **SETTINGS, resume=False)
    assert_whole(path, add=1)


# ---- two writers


def other_writer(path):
    """Another process that holds the store and adds to it until its input ends; the disk shows what it does."""
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from lgn_lite.support.partial_store import hold_store, open_partial\n"
        "path, settings = Path(sys.argv[1]), dict(encoder='vgg-small', layer='fc6', rate=2.0, weights='0123')\n"
        "with hold_store(path), open_partial(path, settings) as store:\n"
        "    for n in range(5):\n"
        "        store.add(f'v{n}', np.full((4, 3), n, np.float32))\n"
        "        if n == 1:\n"
        "            print('writing', flush=True)\n"
        "            sys.stdin.read()\n"
    )
    return subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_of_two_processes_one_writes_and_the_other_says_so(path):
    with other_writer(path) as other:
        try:
            assert other.stdout.readline() == b"writing\n"
            for resume in (True, False):
                with pytest.raises(InputError, match=r"another process is writing f\.hdf5; wait for it") as error:
                    make_features(path, VIDEOS, lambda todo: iter(todo.items()), SETTINGS, False, resume)
                assert "\n" not in str(error.value) and not path.exists()
            other.stdin.close()
            assert other.wait(120) == 0
        finally:
            other.kill()
    assert_whole(path)
    assert [file.name for file in path.parent.iterdir()] == ["f.hdf5"]


def test_a_killed_writer_leaves_the_store_free(path):
    with other_writer(path) as other:
        assert other.stdout.readline() == b"writing\n"
        other.kill()
    resumed_whole(path)


@pytest.mark.parametrize("resume", [True, False])
def test_two_writers_in_one_process(path, resume):
    """Such as two cells' threads; another store of the same folder is free."""

    def items():
        for video, features in VIDEOS.items():
            yield video, features
            with pytest.raises(InputError, match=r"another process is writing f\.hdf5"):
                write_features(path, VIDEOS.items(), **SETTINGS, resume=resume)
            write_features(path.with_name("g.hdf5"), VIDEOS.items(), **SETTINGS, resume=resume)

    write_features(path, items(), **SETTINGS)
    assert_whole(path)
    assert_whole(path.with_name("g.hdf5"))


def test_a_store_that_another_has_just_made_is_taken(path, monkeypatch):
    """The second of two at one instant: between its first check and its lock the other one ended."""
    from contextlib import contextmanager

    from lgn_lite import features

    real = features.hold_store

    @contextmanager
    def late(store):
        monkeypatch.undo()
        write_features(store, VIDEOS.items(), **SETTINGS)
        with real(store):
            yield

    monkeypatch.setattr(features, "hold_store", late)
    made = make_features(path, VIDEOS, lambda todo: pytest.fail("made again"), SETTINGS, progress=False)
    assert list(made) == list(VIDEOS)


# ---- what the system refuses in the middle


def test_a_full_disk_leaves_the_videos_that_are_written(path):
    """A limit on a file's size stands in for it: the system refuses to write in the same way."""
    rows = np.ones((100, 100), np.float32)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            write_features(path, ((f"v{n}", rows * n) for n in range(20)), **SETTINGS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os_error_line(error.value).startswith(f"{partial_path(path)}: ")
    with h5py.File(partial_path(path)) as file:
        assert 2 <= len(file) < 8
        assert all((file[f"v{n}"][:] == n).all() for n in range(len(file)))
    write_features(path, ((f"v{n}", rows * n) for n in range(20)), **SETTINGS)
    store = FeatureStore(path)
    assert all((store[f"v{n}"] == n).all() for n in range(20))


@pytest.mark.parametrize("name", ["f.hdf5", "f.hdf5.partial"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_something_else_under_the_name_of_the_file(path, name, make):
    make(path.with_name(name))
    with pytest.raises(InputError, match=rf"{name}: something other than a file has its name; move it"):
        write_features(path, VIDEOS.items(), **SETTINGS)


@pytest.mark.parametrize("video", ["a/b", ".", "", UNFINISHED, "a\0b", "\udcff"])
def test_names_that_hdf5_cannot_hold_are_reported_before_anything_is_made(path, video):
    with pytest.raises(InputError, match="cannot be a name in HDF5"):
        make_features(path, {"v0": 0, video: 1}, lambda todo: pytest.fail("made"), SETTINGS, progress=False)
    assert not any(path.parent.iterdir())


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -1.0])
def test_a_rate_that_is_none(path, rate):
    with pytest.raises(InputError, match="a rate of"):
        write_features(path, VIDEOS.items(), **{**SETTINGS, "rate": rate})
    assert not any(path.parent.iterdir())
