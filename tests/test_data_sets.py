"""The data sets by name, on a miniature of each: splits, features, what is measured, and the registry's paths."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
from helpers.miniature import build_miniature

from lgn_lite import data_sets
from lgn_lite.annotations import Queries, read_activitynet, read_charades_sta
from lgn_lite.checkpoint import About, Checkpoint
from lgn_lite.cli import main as cli
from lgn_lite.config import LGNConfig
from lgn_lite.data_sets import REAL, DataSetMissing, find_data_set, open_data_set
from lgn_lite.downloads.registry import ASSETS
from lgn_lite.errors import InputError
from lgn_lite.toy import encoder as toy_encoder
from lgn_lite.toy.build import VERSION


@pytest.fixture(scope="module")
def miniature(tmp_path_factory) -> Path:
    """All three as they come from upstream: of the features only ActivityNet's can be opened as they are."""
    root = tmp_path_factory.mktemp("miniature") / "data"
    build_miniature(root, videos=9)
    return root


@pytest.fixture
def root(miniature, tmp_path) -> Path:
    """A copy of its annotations, to add to and to damage."""
    return Path(
        shutil.copytree(miniature, tmp_path / "data", ignore=shutil.ignore_patterns("*_rgb", "*_fc6", "*.hdf5"))
    )


def videos(data, split: str) -> set[str]:
    return {query.video for query in data.queries(split)}


def add_features(root: Path, data_set: str, file: str, width: int = 4) -> Path:
    path = root / data_set / file
    with h5py.File(path, "w") as store:
        store["AAAAA"] = [[0.0] * width]
    return path


# ── Splits ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", REAL)
def test_no_video_is_in_two_splits_but_where_the_data_set_is_made_so(root, name):
    data = open_data_set(name, root=root)
    of_split = {split: videos(data, split) for split in ("train", "val", *data.tests)}
    assert all(of_split.values())
    assert not of_split["train"] & (of_split["val"] | of_split["test"])
    assert (of_split["val"] == of_split["test"]) == (name == "activitynet-captions")
    for split in of_split:
        assert {query.split for query in data.queries(split)} == {split}


def test_charades_sta_holds_a_tenth_of_the_training_videos_out(root):
    data = open_data_set("charades-sta", root=root)
    folder = root / "charades-sta"
    asked = read_charades_sta(folder / "charades_sta_train.txt", folder / "Charades_v1_train.csv")
    assert len(videos(data, "val")) == 1 and len(videos(data, "train")) == 8
    assert len(data.queries("train")) + len(data.queries("val")) == len(asked) == 36
    again = open_data_set("charades-sta", root=root)
    assert [again.queries(split) for split in ("train", "val")] == [data.queries(split) for split in ("train", "val")]


def test_activitynet_is_validated_on_val_1_and_tested_on_val_2(root):
    data = open_data_set("activitynet-captions", root=root)
    for split, file in (("val", "val_1"), ("test", "val_2")):
        written = read_activitynet(root / "activitynet-captions" / f"{file}.json", split=split)
        assert data.queries(split) == list(written)
    assert data.queries("val") != data.queries("test")


def test_a_video_in_train_and_test_is_refused(root):
    shutil.copy(root / "tacos" / "test.json", root / "tacos" / "train.json")
    with pytest.raises(InputError, match="splits train and test share 3 videos"):
        open_data_set("tacos", root=root)


@pytest.mark.parametrize(("name", "pairs"), [("charades-sta", 3720), ("tacos", 4001)])
def test_the_real_test_splits_are_whole(shared, name, pairs):
    shared(f"data/{name}")
    with pytest.warns(UserWarning, match="pairs kept"):  # Charades-STA's and TACoS's own slips are told
        assert len(open_data_set(name, root=shared("data")).queries("test")) == pairs


def test_a_split_is_read_once_and_callers_cannot_change_it(root):
    data = open_data_set("tacos", root=root)
    read = []

    def reader(folder, split):
        read.append(split)
        return data.reader(folder, split)

    counted = replace(data, reader=reader)
    first = counted.queries("train")
    assert isinstance(first, Queries) and (first.path, first.written) == (root / "tacos" / "train.json", len(first))
    expected = list(first)
    first.clear()
    assert counted.queries("train") == expected and counted.queries("val") and read == ["train", "val"]
    assert "_splits" not in repr(counted) and counted == replace(counted)
    assert replace(counted, reader=lambda folder, split: expected[:1]).queries("train") == expected[:1]


def test_a_data_set_reads_its_files_as_it_is_opened_and_never_again(root, monkeypatch):
    data = open_data_set("charades-sta", root=root)
    monkeypatch.setattr(Path, "read_text", None)
    assert all(data.queries(split) for split in ("train", "val", "test"))


# ── Features decide the settings ──────────────────────────────────────────────────────────────


def test_without_features_a_data_set_opens_but_shows_nothing(root):
    for name in REAL:
        data = open_data_set(name, root=root)
        assert data.features is None and data.config == LGNConfig.preset(name)
        with pytest.raises(InputError, match=rf"{data.folder}.*{data.sources[0].file}.*lgn-lite data status"):
            data.require_features()


def test_charades_takes_fc6_where_it_is_and_else_fc7_with_unit_vectors(root):
    fc7 = add_features(root, "charades-sta", "vgg_rgb_features.hdf5")
    data = open_data_set("charades-sta", root=root)
    assert data.require_features().path == fc7 and data.rate == 6.0 and "fc7" in data.encoder
    assert (data.config.feature, data.config.frame_norm) == ("fc7", "l2")

    fc6 = add_features(root, "charades-sta", "vgg16_fc6_features.hdf5")
    data = open_data_set("charades-sta", root=root)
    assert data.require_features().path == fc6 and data.rate == 6.0 and "fc6" in data.encoder
    assert data.config == LGNConfig.preset("charades-sta") and data.config.feature == "fc6"


def test_the_encoder_s_weights_are_known_where_fc7_is_the_model_s(root):
    add_features(root, "charades-sta", "vgg_rgb_features.hdf5")
    weights = root / "charades-sta" / "twostream_rgb.pth.tar"
    weights.touch()
    assert open_data_set("charades-sta", root=root).encoder_file is None  # fc7 is stored: nothing to start from
    add_features(root, "charades-sta", "vgg16_fc6_features.hdf5")
    assert open_data_set("charades-sta", root=root).encoder_file == weights
    weights.unlink()
    assert open_data_set("charades-sta", root=root).encoder_file is None


def test_features_of_tacos_and_activitynet_fit_their_presets(root, miniature):
    add_features(root, "tacos", "tall_c3d_features.hdf5")
    tacos = open_data_set("tacos", root=root)
    assert tacos.require_features().path.name == "tall_c3d_features.hdf5"
    activitynet = open_data_set("activitynet-captions", root=miniature)
    assert activitynet.require_features().dim == activitynet.config.visual_dim == 500
    assert videos(activitynet, "train") | videos(activitynet, "val") == set(activitynet.features)
    for data in (tacos, activitynet):
        assert (data.config.feature, data.config.frame_norm) == ("c3d", "l2")


def test_a_damaged_file_of_features_is_named_when_the_data_set_is_opened(root):
    path = add_features(root, "tacos", "tall_c3d_features.hdf5")
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match=rf"{path}: is not a readable HDF5 file"):
        open_data_set("tacos", root=root)


# ── Names, words, videos ──────────────────────────────────────────────────────────────────────


def test_each_data_set_is_measured_as_in_the_field(root):
    measured = {name: open_data_set(name, root=root).thresholds for name in REAL}
    assert measured == {
        "charades-sta": (0.3, 0.5, 0.7),
        "tacos": (0.1, 0.3, 0.5, 0.7),
        "activitynet-captions": (0.3, 0.5, 0.7),
        "qvhighlights": (0.3, 0.5, 0.7),
    }
    assert all(data.tests == ("test",) for data in REAL.values())


def test_unknown_names_are_told_with_the_known_ones(root):
    with pytest.raises(InputError, match="no data set 'charades': choose one of toy-sta, charades-sta, tacos"):
        open_data_set("charades", root=root)
    with pytest.raises(InputError, match="TACoS has no split 'val_2': choose one of train, val, test"):
        open_data_set("tacos", root=root).queries("val_2")


def test_word_vectors_are_glove_s_in_the_root_or_the_file_given(root):
    usual = root / "glove" / "glove.6B.300d.txt"
    assert open_data_set("tacos", root=root).glove == usual and usual.is_file()
    other = usual.rename(root / "glove.840B.300d.txt")
    assert open_data_set("tacos", root=root, glove=other).glove == other
    with pytest.raises(InputError, match=rf"{usual}: no such file"):
        open_data_set("tacos", root=root, glove=usual)


def test_a_video_is_found_under_its_upstream_name(root):
    data = open_data_set("charades-sta", root=root)
    name = data.queries("test")[0].video
    assert data.video(name) is None
    path = root / "charades-sta" / "Charades_v1_480" / f"{name}.mp4"
    path.parent.mkdir()
    path.touch()
    assert data.video(name) == path
    assert data.video(f"{name}.avi") == data.video(f"{name}.mp4") == path  # a name with another suffix, or the file's
    path.rename(path.with_suffix(".webm"))
    assert data.video(name) == path.with_suffix(".webm")
    assert data.video(name[:-1]) is None


# ── The registry ──────────────────────────────────────────────────────────────────────────────


def test_every_file_that_is_opened_is_in_the_registry_under_the_same_path(root, monkeypatch):
    opened = set()
    read_text = Path.read_text

    def watched(path, *args, **kwargs):
        opened.add(path.relative_to(root).as_posix())
        return read_text(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", watched)
    registered = {asset.path for asset in ASSETS}
    for name, data in REAL.items():
        opened.clear()
        opened_set = open_data_set(name, root=root)
        annotations = {path.relative_to(root).as_posix() for path in (root / name).iterdir()}
        assert opened == annotations and opened <= registered
        files = [file for source in data.sources for file in (source.file, source.weights) if file]
        assert {f"{name}/{file}" for file in files} <= registered
        assert opened_set.glove.relative_to(root).as_posix() in registered
    assert f"charades-sta/{Path(REAL['charades-sta'].video_path).parent}" in registered


@pytest.mark.parametrize("name", REAL)
def test_each_absent_annotation_file_is_named(root, name):
    for path in sorted((root / name).iterdir()):
        hidden = path.rename(path.with_name("hidden"))
        with pytest.raises(InputError, match=rf"{path}: .*lgn-lite data status"):
            open_data_set(name, root=root)
        hidden.rename(path)


def test_each_name_is_that_of_its_preset():
    for name, data in REAL.items():
        assert data.name == name and data.config == LGNConfig.preset(name)


# ── Empty splits ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "split", "file", "content"),
    [
        ("tacos", "val", "val.json", "{}"),
        ("charades-sta", "test", "charades_sta_test.txt", "\n"),
        ("activitynet-captions", "test", "val_2.json", "{}"),
    ],
)
def test_an_empty_split_is_named_with_its_file(root, name, split, file, content):
    (root / name / file).write_text(content, encoding="utf-8")
    data = open_data_set(name, root=root)  # the other splits can be used
    with pytest.raises(InputError, match=rf"{file}: no queries: the split '{split}' of {data.title} is empty"):
        data.queries(split)
    assert data.queries("train")


def test_a_split_that_nothing_is_left_for_is_named(root):
    path = root / "charades-sta" / "charades_sta_train.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    one = [line for line in lines if line.split()[0] == lines[0].split()[0]]  # of one video: none can be held out
    path.write_text("\n".join(one), encoding="utf-8")
    data = open_data_set("charades-sta", root=root)
    with pytest.raises(InputError, match=rf"{path}: no queries: the split 'val' of Charades-STA is empty"):
        data.queries("val")


def test_a_name_of_megabytes_is_quoted_short(root):
    for call in (lambda: open_data_set("x" * 10**6, root=root), lambda: REAL["tacos"].queries("y" * 10**6)):
        with pytest.raises(InputError, match="…") as error:
            call()
        assert len(str(error.value)) < 300


# ── Found, and never drawn unasked ────────────────────────────────────────────────────────────


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """Another folder, in which nothing may be drawn; the project's own data are not there either."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(data_sets, "project_root", lambda: tmp_path / "project")
    monkeypatch.setattr(toy_encoder, "make_toy", lambda *_: pytest.fail("drawn unasked"))
    return folder


def copied(data, root: Path) -> Path:
    """The tiny Toy-STA of a data set below another root, as links."""
    folder = root / "toy-sta" / "tiny"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(data.folder)
    return root


def of(about: About, folder: Path) -> Checkpoint:
    return Checkpoint(folder, None, None, about, {})


def test_the_checkpoint_the_current_folder_and_the_project_are_looked_through(tiny_toy, elsewhere, tmp_path):
    best = tmp_path / "run" / "models" / "full" / "best"
    trained = of(About(data_set="toy-sta", size="tiny", root="../../../../trained"), best)
    with pytest.raises(DataSetMissing) as caught:
        find_data_set(checkpoint=trained)
    said = str(caught.value)
    for folder in (tmp_path / "trained", Path("data"), tmp_path / "project" / "data"):
        assert str(folder / "toy-sta" / "tiny") in said
    assert "--root" in said and "root=" in said and "`lgn-lite data toy --size tiny --root data`" in said
    for root in (tmp_path / "project" / "data", elsewhere / "data", tmp_path / "trained"):  # the later, the better
        found = find_data_set(checkpoint=trained) if copied(tiny_toy, root) else None
        assert found.folder.resolve() == tiny_toy.folder.resolve() and found.root.resolve() == root
        assert len(found.queries("test")) == len(tiny_toy.queries("test"))
    assert find_data_set(checkpoint=of(About(size="tiny"), best)).root == Path("data")  # of an earlier version
    assert list(elsewhere.iterdir()) == [elsewhere / "data"]


def test_a_folder_that_is_given_is_the_only_one_looked_at(tiny_toy, elsewhere, tmp_path, root):
    copied(tiny_toy, elsewhere / "data")
    with pytest.raises(DataSetMissing, match=r"is not in \S+ nowhere/toy-sta/tiny: .*--root '\S+ nowhere'`$"):
        find_data_set("toy-sta", "tiny", tmp_path / "a nowhere")
    with pytest.raises(DataSetMissing, match=r"^TACoS is not in data/tacos or .*`lgn-lite data get tacos --root data`"):
        find_data_set("tacos")
    assert find_data_set("tacos", root=root).root == root
    assert find_data_set("charades-sta", root=root, checkpoint=of(About(size="tiny"), tmp_path)).size == ""
    for wrong in ({"name": "toy-sta", "size": "huge"}, {"name": "toys"}, {"name": "toy-sta", "glove": "no/file"}):
        with pytest.raises(InputError, match=r"choose one of|no such file"):
            find_data_set(**wrong)


@pytest.mark.parametrize("missing", ["features_fc6.hdf5", "frames.safetensors", "toy_sta.json"])
def test_a_toy_sta_that_is_not_whole_is_not_resumed_unasked(tiny_toy, elsewhere, missing):
    folder = elsewhere / "data" / "toy-sta" / "tiny"
    folder.mkdir(parents=True)
    for path in tiny_toy.folder.iterdir():
        if path.name != missing:
            (folder / path.name).symlink_to(path)
    with pytest.raises(DataSetMissing, match="draw it with"):
        find_data_set("toy-sta", "tiny")


def test_a_toy_sta_of_another_version_or_seed(tiny_toy, elsewhere):
    folder = copied(tiny_toy, elsewhere / "data") / "toy-sta" / "tiny"
    folder.unlink()
    folder.mkdir()
    for path in tiny_toy.folder.iterdir():
        if path.name != "toy_sta.json":
            (folder / path.name).symlink_to(path)
    about = json.loads((tiny_toy.folder / "toy_sta.json").read_text())
    (folder / "toy_sta.json").write_text(json.dumps(about | {"seed": 7}))
    assert find_data_set("toy-sta", "tiny").size == "tiny"
    (folder / "toy_sta.json").write_text(json.dumps(about | {"version": VERSION - 1}))
    with pytest.raises(InputError, match=f"version={VERSION - 1}"):
        find_data_set("toy-sta", "tiny")


@pytest.mark.parametrize(
    "words",
    [["evaluate", "CHECKPOINT"], ["report", "CHECKPOINT"], ["inspect", "CHECKPOINT", "--no-browser"],
     ["evaluate", "CHECKPOINT", "--data", "tacos"], ["blind", "toy-sta"], ["study", "initialisation"],
     ["study", "ablation"]],
)  # fmt: skip
def test_commands_from_another_folder_stop_in_one_line(elsewhere, checkpoint_folder, monkeypatch, capsys, words):
    from lgn_lite.study import ablation, initialisation

    for module in (ablation, initialisation):
        monkeypatch.setattr(module, "project_root", lambda: elsewhere.parent / "project")
    words = [str(checkpoint_folder) if word == "CHECKPOINT" else word for word in words]
    monkeypatch.setattr(sys, "argv", ["lgn-lite", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("error: ") == 1
    said = said.splitlines()[-1]  # torch may have a word on the machine's CUDA
    assert said.startswith("error: ") and "is not in " in said and "--root" in said and "`lgn-lite data " in said
    assert not list(elsewhere.iterdir())
