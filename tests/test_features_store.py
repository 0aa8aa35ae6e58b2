"""Feature files of others: names that meet, what else a file holds, numbers that are elsewhere, files in use."""

import errno
import os
import pickle
import time

import h5py
import numpy as np
import pytest

from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore, without_suffix

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "f.hdf5"


def stored(path, *names: str, **settings) -> FeatureStore:
    with h5py.File(path, "w") as file:
        for name in names:
            file[name] = ROWS
    return FeatureStore(path, **settings)


# ---- names


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("s13-d21", "s13-d21.avi"),
        ("s13-d21.avi", "s13-d21"),
        ("s13-d21.avi", "s13-d21.mp4"),
        ("s13-d21", "s13-d21.AVI"),
        ("v_abc", "v_abc.mkv"),
        ("a.b", "a.b.webm"),
        ("cafe\u0301", "caf\u00e9.mp4"),  # as macOS writes it, and as others do
    ],
)
def test_names_meet_with_and_without_a_video_s_suffix(path, held, asked):
    store = stored(path, held, "other")
    assert asked in store
    np.testing.assert_array_equal(store[asked], ROWS)
    assert list(store) == sorted([held, "other"])
    store.check([asked])


@pytest.mark.parametrize("asked", ["s13-d2", "S13-D21", "s13-d21.txt", "abc", "s13-d21.avi.avi", "", ".avi", 3, None])
def test_other_names_do_not_meet(path, asked):
    store = stored(path, "s13-d21", "v_abc")
    assert asked not in store
    if isinstance(asked, str):
        rule = r"no features of video .*, with or without a suffix .* \(the file's names are like 's13-d21'\); extract"
        with pytest.raises(InputError, match=rule):
            store[asked]


def test_the_exact_name_comes_first_and_two_others_are_an_error(path):
    with h5py.File(path, "w") as file:
        for n, name in enumerate(["a", "a.avi", "b.avi", "b.mp4"]):
            file[name] = ROWS + n
    store = FeatureStore(path)
    assert [store["a"][0, 0], store["a.avi"][0, 0], store["b.mp4"][0, 0]] == [0, 1, 3]
    for asked, names in (("a.mp4", "'a' or 'a.avi'"), ("b", "'b.avi' or 'b.mp4'")):
        for ask in (store.__getitem__, store.__contains__, lambda video: store.check([video])):
            with pytest.raises(InputError, match=f"{asked}.* may be {names}"):
                ask(asked)


def test_one_name_does_not_serve_two_videos(path):
    store = stored(path, "a", "b")
    store.check(["a.avi", "b", "b"])
    with pytest.raises(
        InputError, match=r"1 of 2 videos cannot be used: 'a\.mp4': 'a' may be this video's or 'a\.avi''s"
    ):
        store.check(["a.avi", "a.mp4"])


def test_the_names_of_a_large_data_set_are_found_fast(path):
    """20,000 names, as of ActivityNet Captions, each asked for as another source writes it."""
    names = [f"v_{n:05}.mp4" for n in range(20_000)]
    with h5py.File(path, "w") as file:
        for name in names:
            file[name] = h5py.SoftLink("/rows")
        file["rows"] = ROWS
    store = FeatureStore(path)
    begin = time.process_time()
    assert all(name.removesuffix(".mp4") in store for name in names)
    assert time.process_time() - begin < 5  # a search through the list for each would take minutes


def test_a_closed_store_opens_again(path):
    store = stored(path, "a")
    store.close()
    store.close()
    np.testing.assert_array_equal(store["a"], ROWS)


def test_suffixes():
    assert without_suffix("a.tar.mp4") == "a.tar" and without_suffix(".mp4") == ".mp4" and without_suffix("a.") == "a."


# ---- something else in the file


def test_what_else_a_file_holds_is_let_be(path):
    with h5py.File(path, "w") as file:
        file["A note"] = "made in spring"
        file["Rate"] = 2.0
        file["Widths"] = np.ones((2, 7))
        file.create_group("Metadata")["x"] = 1
        file["empty"] = h5py.Empty("f4")
        file["type"] = np.dtype("f4")
        file["Link"] = h5py.SoftLink("/nowhere")
        file.attrs["array"] = np.ones(3)
        for n in range(3):
            file[f"v{n}"] = ROWS
    store = FeatureStore(path)
    assert store.dim == 3
    np.testing.assert_array_equal(store["v1"], ROWS)
    store.check(["v0", "v1", "v2"], 3)
    with pytest.raises(InputError, match=r"6 of 7 videos cannot be used: 'A note': features of shape \(\)"):
        store.check(["A note", "Rate", "Metadata", "empty", "type", "Link", "v0"])


def test_the_needed_videos_decide_the_width(path):
    with h5py.File(path, "w") as file:
        file["1 mean of all"], file["v"] = np.ones((1, 9)), ROWS
    store = FeatureStore(path)
    store.check(["v"], 3)
    assert store.dim == 3
    np.testing.assert_array_equal(store["v"], ROWS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store))["v"], ROWS)


# ---- numbers that are not in the file, or too many


def external(file, folder):
    (folder / "raw.bin").write_bytes(os.urandom(48))
    file.create_dataset("v", (4, 3), "f4", external=[(str(folder / "raw.bin"), 0, 48)])


def virtual(source, part=slice(None), shape=(4, 3)):
    def make(file, folder):
        with h5py.File(folder / "there.hdf5", "w") as other:
            other["x"] = ROWS
        file["rows"] = ROWS
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[part] = h5py.VirtualSource(source.format(folder), "x" if "/" in source else "rows", shape)[part]
        file.create_virtual_dataset("v", layout)

    return make


def link(target):
    def make(file, folder):
        with h5py.File(folder / "there.hdf5", "w") as other:
            other["x"] = ROWS
        file["out"] = h5py.ExternalLink(str(folder / "there.hdf5"), "/")
        file["v"] = target(folder)

    return make


def in_a_group(file, folder):
    with h5py.File(folder / "there.hdf5", "w") as other:
        other["x"] = ROWS
    file.create_group("v")["c3d_features"] = h5py.ExternalLink(str(folder / "there.hdf5"), "x")


def half_written(file, folder):
    file.create_dataset("v", (40, 3), "f4", chunks=(10, 3))[:20] = 1


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (external, r"numbers in another file, '.*raw\.bin'"),
        (virtual("{}/gone.hdf5"), r"numbers in another file, '.*gone\.hdf5'"),
        (virtual("{}/there.hdf5"), r"numbers in another file, '.*there\.hdf5'"),
        (virtual(".", slice(0, 2)), r"12 numbers, of which 6 have no source"),
        (
            lambda file, folder: (virtual(".")(file, folder), file.move("rows", "away")),
            r"link to '/?rows', which is not",
        ),
        (link(lambda folder: h5py.ExternalLink(str(folder / "there.hdf5"), "x")), r"link into another file, '.*there"),
        (link(lambda folder: h5py.ExternalLink("gone.hdf5", "x")), r"link into another file, 'gone\.hdf5'"),
        (link(lambda folder: h5py.SoftLink("/out/x")), r"link into another file, '.*there"),
        (link(lambda folder: h5py.SoftLink("/nothing")), r"link to '/nothing', which is not there"),
        (link(lambda folder: h5py.SoftLink("/v")), r"a link that leads in a circle"),
        (in_a_group, r"link into another file, '.*there"),
        (half_written, r"only 2 of 4 chunks were ever written"),
        (lambda file, _: file.create_dataset("v", (40, 3), "f4"), r"only 0 of 480 bytes were ever written"),
        (lambda file, _: file.create_dataset("v", (10**7, 2000), "f4"), r"take 80\.0 GB, over the 4 GB of max_bytes"),
        (
            lambda file, _: file.create_dataset("v", (10**7, 2000), "f4", chunks=(1000, 2000), compression="gzip"),
            r"\(10000000, 2000\) in chunks of \(1000, 2000\) take 80\.0 GB",
        ),
        (
            lambda file, _: file.create_dataset("v", (4, 3), "f4", chunks=(60000, 15000), maxshape=(None, None)),
            r"3\.6 GB",
        ),
        (lambda file, _: file.create_dataset("v", (4, 3), "f4", data=ROWS, compression="gzip", shuffle=True), None),
        (link(lambda folder: h5py.SoftLink("rows")), r"link to 'rows'"),
        (virtual("."), None),
        (lambda file, _: file.create_dataset("v", data=ROWS.astype(">f8"), chunks=(3, 2)), None),
        (lambda file, _: (file.create_dataset("rows", data=ROWS), file.__setitem__("v", h5py.SoftLink("/rows"))), None),
    ],
)
def test_numbers_elsewhere_or_never_written_are_told_before_reading(tmp_path, path, make, match):
    with h5py.File(path, "w") as file:
        file["good"] = ROWS
        make(file, tmp_path)
    store = FeatureStore(path, max_bytes=3e9 if match and "3\\.6" in match else 4e9)
    np.testing.assert_array_equal(store["good"], ROWS)
    if match is None:
        np.testing.assert_array_equal(store["v"], ROWS)
        assert store.faults(["v"]) == {}
        return
    for ask in (store.__getitem__, lambda video: store.check([video])):
        with pytest.raises(InputError, match=rf"f\.hdf5: .*'v': .*{match}") as error:
            ask("v")
        assert "\n" not in str(error.value)


def test_a_filter_that_is_missing_is_told_before_reading(path):
    with h5py.File(path, "w") as file:
        file["good"] = ROWS
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((4, 3))
        plan.set_filter(4242, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((4, 3))
        h5py.h5d.create(file.id, b"v", h5py.h5t.IEEE_F32LE, space, plan)
    with pytest.raises(InputError, match=r"'v': compressed by a filter .* lacks here \(4242.*`import hdf5plugin`"):
        FeatureStore(path).check(["good", "v"])


# ---- all at once


def test_faults_are_counted_and_the_first_ten_named(path):
    with h5py.File(path, "w") as file:
        for n in range(30):
            file[f"v{n:02}"] = ROWS if n % 2 else ROWS[0]
    store = FeatureStore(path)
    videos = [f"v{n:02}" for n in range(30)] + ["gone"]
    with pytest.raises(InputError, match=r"f\.hdf5: 16 of 31 videos cannot be used: 'v00': features of shape") as error:
        store.check(videos)
    assert "'v18'" in str(error.value) and "'v20'" not in str(error.value) and "; and 6 more; " in str(error.value)
    assert list(store.faults(videos)) == [*videos[:30:2], "gone"]
    store.check(videos[1:30:2])


def test_no_numbers_are_read(path, monkeypatch):
    store = stored(path, "a", "b")

    def read(*_):
        raise AssertionError("read")

    monkeypatch.setattr(h5py.Dataset, "__getitem__", read)
    store.check(["a", "b"])


# ---- files in use, and what the system refuses


@pytest.mark.parametrize("mode", ["r", "r+"])
@pytest.mark.parametrize("locking", [None, True, False, "best-effort"])
def test_a_file_that_another_cell_has_open_can_be_read(path, mode, locking):
    stored(path, "a")._file.close()
    with h5py.File(path, mode, locking=locking):
        np.testing.assert_array_equal(FeatureStore(path)["a"], ROWS)


@pytest.mark.parametrize(
    ("error", "match"),
    [
        (OSError("Unable to open file (file is already open for read-only)"), "is open in this process in another way"),
        (OSError("Unable to open file (file close degree doesn't match)"), "is open in this process in another way"),
        (OSError("Unable (file is already open for write (may use <h5clear file> to clear file consistency flags))"),
         "another program is writing it, or was stopped"),
        (BlockingIOError(errno.EAGAIN, "Unable (unable to lock file, errno = 11)"), "another process has it open"),
        (OSError("Unable to open file (unable to lock file, errno = 37, error message = 'x')"), "has no locks"),
        (OSError(errno.ENOLCK, "No locks available"), "has no locks .*HDF5_USE_FILE_LOCKING=FALSE"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied; check the permissions"),
        (OSError("Unable (file read failed: time = now\n, errno = 5, error message = 'x')"), "Input/output error"),
        (OSError(errno.ESTALE, "Stale file handle"), "Stale file handle"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_opened_now_is_not_called_unreadable(path, monkeypatch, error, match):
    stored(path, "a")

    def refuse(*_args, **_settings):
        raise error

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(InputError, match=rf"f\.hdf5: .*{match}") as told:
        FeatureStore(path)
    assert "fetch it again" not in str(told.value) and "\n" not in str(told.value)


def test_a_pipe_is_no_file(path):
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"f\.hdf5: does not exist as a file, but as something else"):
        FeatureStore(path)


def test_damage_in_the_list_of_names_is_one_line(path):
    stored(path, *(f"v{n}" for n in range(20)))._file.close()
    data = bytearray(path.read_bytes())
    for signature in (b"HEAP", b"TREE", b"SNOD"):
        at = data.index(signature)
        path.write_bytes(data[:at] + b"XXXX" + data[at + 4 :])
        with pytest.raises(InputError, match=r"f\.hdf5: .*; extract or fetch it again") as error:
            store = FeatureStore(path, dim=3)
            store["v3"]
        assert "\n" not in str(error.value)
