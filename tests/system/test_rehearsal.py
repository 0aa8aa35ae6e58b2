"""The dress rehearsal: from the upstream files of each real data set to results, by the commands a user types."""

import contextlib
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from helpers.miniature import FEATURES, SPLITS, build_miniature, read, videos

from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.cli import main as cli
from lgn_lite.features import write_features
from lgn_lite.text import tokenize, word_vectors

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

# Full-size features, maps and word vectors; what lies between them is small.
SMALL = ["-s", "hidden=16", "-s", "layers=1", "-s", "guidance=1", "-s", "text_dim=16", "-s", "text_layers=1"]
FRAMES = {"charades-sta": 16, "tacos": 128, "activitynet-captions": 64}  # one step a clip
# Of the variants with 4096 channels only one in this file trains the FC layer, which takes 4096² weights.
VARIANT = {"charades-sta": "late", "tacos": "late", "activitynet-captions": "full"}
THRESHOLDS = {"charades-sta": (0.3, 0.5, 0.7), "tacos": (0.1, 0.3, 0.5, 0.7), "activitynet-captions": (0.3, 0.5, 0.7)}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*pairs kept"),  # the real sets' own slips, told of by the readers
]
each_data_set = pytest.mark.parametrize("data_set", FRAMES)


def lgn_lite(*words: object, code: int = 0) -> str:
    """What `lgn-lite WORDS` prints, run in this process; it must end with the exit code `code`."""
    printed = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patched,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        pytest.raises(SystemExit) as ended,
    ):
        patched.setattr(sys, "argv", ["lgn-lite", *map(str, words)])
        patched.setattr(warnings, "formatwarning", warnings.formatwarning)  # which the command changes
        cli.main()
    assert (ended.value.code or 0) == code, printed.getvalue()
    return printed.getvalue()


def refused(*words: object) -> str:
    """The one line that a command ends with when it is given something wrong."""
    lines = lgn_lite(*words, code=2).splitlines()
    assert lines[-1].startswith("error: ") and not any("Traceback" in line for line in lines), lines
    return lines[-1]


def train(folder: Path, data_set: str, root: Path, *more: object) -> list[object]:
    """The words of a small training."""
    options = ["--data", data_set, "--root", root, "--profile", "smoke", *SMALL, "-s", f"num_frames={FRAMES[data_set]}"]
    variant = [] if "--variant" in more else ["--variant", VARIANT[data_set]]
    return ["train", folder, *options, *variant, *more]


@dataclass
class Rehearsal:
    """The miniature, and what the commands printed on the way from it to results."""

    root: Path
    runs: Path
    printed: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory) -> Rehearsal:
    """A miniature whose features are converted, with real annotations where they are, and a trained model of each set.

    ../shared/data holds those of Charades-STA and TACoS; the others are made up, and so are all of `spare`.
    """
    folder = tmp_path_factory.mktemp("rehearsal")
    done = Rehearsal(folder / "data", folder / "runs")
    build_miniature(done.root, SHARED if SHARED.is_dir() else None, videos=3)
    done.printed["status before"] = lgn_lite("data", "status", "--root", done.root)
    for data_set in ("charades-sta", "tacos"):
        done.printed[f"convert {data_set}"] = lgn_lite("data", "convert", data_set, "--root", done.root, "--workers", 0)
    done.printed["status after"] = lgn_lite("data", "status", "--root", done.root)
    for data_set in FRAMES:
        done.printed[f"train {data_set}"] = lgn_lite(*train(done.runs / data_set, data_set, done.root))
    yield done
    shutil.rmtree(folder)  # some hundred MB


@pytest.fixture(scope="module")
def spare(tmp_path_factory) -> Path:
    """A miniature of two training videos each, made up, with few features in place of the upstream ones."""
    root = tmp_path_factory.mktemp("spare") / "data"
    build_miniature(root, videos=2)
    for data_set in ("charades-sta", "tacos"):
        with h5py.File(root / data_set / FEATURES[data_set], "w") as store:
            for video in videos(root, data_set):
                store[video] = np.ones((3, 4096), np.float32)
        for folder in (root / data_set).glob("*/"):
            shutil.rmtree(folder)
    return root


@pytest.fixture
def root(spare, tmp_path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(spare, tmp_path / "data"))


# ── From files to results ─────────────────────────────────────────────────────────────────────


def state_of(status: str, asset: str) -> str:
    """The words of an asset's line in the output of `lgn-lite data status`."""
    return next(line for line in status.splitlines() if line.split()[:1] == [asset])


def test_status_tells_what_is_missing_and_then_that_it_is_there(rehearsal):
    before, after = (rehearsal.printed[f"status {when}"] for when in ("before", "after"))
    for asset in ("charades-sta/features-fc7", "tacos/features"):
        assert "missing" in state_of(before, asset)
        assert "present" in state_of(after, asset)
    for asset in ("charades-sta/features-tree", "tacos/windows", "activitynet-captions/features"):
        assert "present" in state_of(before, asset)
    assert "missing" in state_of(after, "charades-sta/vgg16")
    assert str(rehearsal.root / "charades-sta" / "twostream_rgb.pth.tar") in after  # where it belongs


@pytest.mark.parametrize("data_set", ["charades-sta", "tacos"])
def test_converted_features_are_those_of_the_upstream_files(rehearsal, data_set):
    path = rehearsal.root / data_set / FEATURES[data_set]
    names = videos(rehearsal.root, data_set)  # those that have a query: Charades has others too
    assert f"{path}: {len(names)} videos" in rehearsal.printed[f"convert {data_set}"]
    with h5py.File(path) as store:
        assert set(store) == names
        for video in names:
            if data_set == "tacos":
                first = np.load(path.parent / "Interval64_128_256_512_overlap0.8_c3d_fc6" / f"{video}_1_65.npy")
            else:
                first = np.loadtxt(path.parent / "Charades_v1_features_rgb" / video / f"{video}-000001.txt")
            np.testing.assert_allclose(store[video][0], first, rtol=1e-6)


@each_data_set
def test_training_says_what_it_reached_and_leaves_a_checkpoint(rehearsal, data_set):
    printed, folder = rehearsal.printed[f"train {data_set}"], rehearsal.runs / data_set
    assert re.search(r"best epoch 1: val R1@0.5 [\d.]+, R1@0.7 [\d.]+", printed)
    assert printed.splitlines()[-1] == str(folder / "best")
    about = load_checkpoint(folder / "best").about
    assert about.data_set == data_set
    assert about.rate == (6.0 if data_set == "charades-sta" else 0.0)


@each_data_set
def test_evaluation_measures_what_the_field_measures(rehearsal, data_set, tmp_path):
    checkpoint, output = rehearsal.runs / data_set / "best", tmp_path / "results.json"
    printed = lgn_lite("evaluate", checkpoint, "--root", rehearsal.root, "--output", output)
    row = json.loads(output.read_text())["all"]
    columns = [f"R{n}@{m}" for n in (1, 5) for m in THRESHOLDS[data_set]]
    assert [name for name in row if name.startswith("R")] == columns
    assert printed.split()[: len(columns) + 2] == ["queries", *columns, "mIoU"]  # whole also in a narrow terminal
    split = SPLITS[data_set][-1]
    assert row["queries"] == len(read(rehearsal.root, data_set, split))
    lgn_lite("evaluate", checkpoint, "--root", rehearsal.root, "--split", "val", "--output", output)
    (entry,) = json.loads((rehearsal.runs / data_set / "history.json").read_text())
    assert json.loads(output.read_text())["all"]["R1@0.5"] == pytest.approx(entry["R1@0.5"])


@each_data_set
def test_glove_s_vectors_are_used_as_they_are_and_stay(rehearsal, data_set):
    root = rehearsal.root
    vectors = {}
    for line in (root / "glove" / "glove.6B.300d.txt").read_text().splitlines():
        word, *numbers = line.split(" ")
        vectors[word] = torch.tensor([float(number) for number in numbers])
    del vectors["<unk>"]  # in the file, but no word of ours
    sentences = [query.sentence for split in SPLITS[data_set] for query in read(root, data_set, split)]
    words = {word for sentence in sentences for word in tokenize(sentence)}
    unknown = words - set(vectors)
    assert unknown
    said = f"glove.6B.300d.txt: {len(unknown)} of {len(words)} words unknown"
    assert said in rehearsal.printed[f"train {data_set}"]

    loaded = load_checkpoint(rehearsal.runs / data_set / "last")
    assert loaded.model.config.word_vectors == "frozen" and loaded.about.training["words"].startswith(said)
    known = set(loaded.vocabulary.words[2:])
    assert words < known < words | set(vectors)  # and GloVe's other words, but not its commas
    table = loaded.model.sentence.embedding.weight
    for word, vector in zip(loaded.vocabulary.words, table, strict=True):  # after training as in the file
        assert torch.equal(vector, vectors.get(word, torch.zeros(300))), word


def test_without_glove_words_are_learned_from_random_vectors_and_that_is_said(root, tmp_path):
    shutil.rmtree(root / "glove")
    printed = lgn_lite(*train(tmp_path / "run", "activitynet-captions", root, "-t", "learning_rate=0.1"))
    assert "random vectors (seed 0): no GloVe file" in printed and "lgn-lite data get glove-6b" in printed
    loaded = load_checkpoint(tmp_path / "run" / "last")
    written = read(root, "activitynet-captions", "train")
    assert set(loaded.vocabulary.words[2:]) == {word for query in written for word in tokenize(query.sentence)}
    assert loaded.model.config.word_vectors == "learned"
    start = word_vectors(loaded.vocabulary, None, seed=0).vectors
    moved = (loaded.model.sentence.embedding.weight - start).abs().amax(1)
    assert moved[0] == 0 and (moved[2:] > 0.01).all()  # all but padding; <unk> is met only later


def test_another_glove_file_is_taken_where_it_is_named(root, tmp_path):
    other = (root / "glove" / "glove.6B.300d.txt").rename(tmp_path / "glove.840B.300d.txt")
    printed = lgn_lite(*train(tmp_path / "run", "activitynet-captions", root, "--glove", other))
    assert "glove.840B.300d.txt: " in printed
    assert str(tmp_path / "no.txt") in refused(
        *train(tmp_path / "run", "activitynet-captions", root, "--glove", tmp_path / "no.txt")
    )


def test_the_paper_s_charades_model_trains_on_stored_fc6(root, tmp_path):
    """fc6 before its ReLU, as our extractor stores it; fc7 and both early units are in the model."""
    path, random = root / "charades-sta" / "vgg16_fc6_features.hdf5", np.random.default_rng(0)
    features = {video: random.normal(size=(6, 4096)) for video in videos(root, "charades-sta")}
    write_features(path, features.items(), encoder="vgg16", layer="fc6", rate=6.0)
    run = tmp_path / "run"
    printed = lgn_lite(*train(run, "charades-sta", root, "--variant", "full"))
    assert "best epoch 1" in printed and "fc7: begins at random" in printed
    model = load_checkpoint(run / "best").model
    assert (model.config.feature, model.config.frame_norm, model.config.early) == ("fc6", "none", "both")
    assert model.frames.fc.weight.shape == (4096, 4096) and len(model.frames.units()) == 2
    assert "mIoU" in lgn_lite("evaluate", run / "best", "--root", root)
    shutil.rmtree(run)  # 4096² weights, several times


def test_a_model_that_never_sees_the_video_needs_no_features(root, tmp_path):
    (root / "tacos" / FEATURES["tacos"]).unlink()
    lgn_lite(*train(tmp_path / "run", "tacos", root, "--variant", "blind"), "-s", "early=none")
    printed = lgn_lite("evaluate", tmp_path / "run" / "best", "--root", root)
    assert "R5@0.1" in printed


def test_an_interrupted_training_ends_as_if_it_had_never_stopped(root, tmp_path, ctrl_c_works):
    more = ["-t", "epochs=3", "-t", "batch_size=1", "-t", "save_every=1"]
    whole, broken = (train(tmp_path / name, "activitynet-captions", root, *more) for name in ("whole", "broken"))
    lgn_lite(*whole)
    program = [Path(sys.executable).with_name("lgn-lite"), *map(str, broken)]
    running = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not list((tmp_path / "broken").glob("state-000000[2-9]")) and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    printed, _ = running.communicate(timeout=100)
    assert running.returncode == 130 and "Traceback" not in printed, printed
    assert "best epoch" not in printed

    assert "best epoch" in lgn_lite(*broken)
    histories = [json.loads((tmp_path / name / "history.json").read_text()) for name in ("whole", "broken")]
    assert [entry["epoch"] for entry in histories[0]] == [1, 2, 3] and histories[0] == histories[1]
    models = [load_checkpoint(tmp_path / name / "last").model.state_dict() for name in ("whole", "broken")]
    torch.testing.assert_close(models[0], models[1])


@each_data_set
def test_prediction_asks_for_the_encoder_that_a_checkpoint_does_not_carry(rehearsal, data_set, clip):
    """Half a gigabyte of VGG16's weights is nothing to predict with in a test: that it is asked for has to do."""
    checkpoint = rehearsal.runs / data_set / "best"
    told = refused("predict", checkpoint, clip, "person opens the door.")
    encoder = "VGG16 trained on Charades, fc7" if data_set == "charades-sta" else "C3D"
    assert f"{checkpoint} carries no frame encoder" in told and encoder in told


# ── The notebook ──────────────────────────────────────────────────────────────────────────────


@each_data_set
def test_the_training_notebook_runs_on_each_data_set(root, data_set, tmp_path):
    """Without early modulation: its FC layer of 4096 channels takes long on a processor."""
    parameters = {"data_set": data_set, "root": root, "profile": "smoke", "variants": "[baseline, full]"}
    parameters |= {"hidden": 16, "layers": 1, "guidance": 1, "early": "none", "num_frames": FRAMES[data_set]}
    words = [word for key, value in parameters.items() for word in ("-p", f"{key}={value}")]
    printed = lgn_lite("run", "09", "--name", data_set, "--runs-dir", tmp_path / "runs", *words)
    results = tmp_path / "runs" / data_set / "results" / "09_train.json"
    assert "results/09_train.json" in printed and printed.split()[-1].endswith("site/index.html")
    content = json.loads(results.read_text())
    assert content["data_set"] == data_set
    row = content["variants"]["full"]["test"]["all"]
    assert [name for name in row if name.startswith("R1")] == [f"R1@{m}" for m in THRESHOLDS[data_set]]
    assert row["queries"] == len(read(root, data_set, SPLITS[data_set][-1]))


# ── Damage ────────────────────────────────────────────────────────────────────────────────────


def absent_csv(root: Path) -> Path:
    path = root / "charades-sta" / "Charades_v1_train.csv"
    path.unlink()
    return path


def cut_short(root: Path) -> Path:
    path = root / "tacos" / FEATURES["tacos"]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def no_features(root: Path) -> Path:
    path = root / "activitynet-captions" / FEATURES["activitynet-captions"]
    path.unlink()
    return path


def of_another_width(root: Path) -> Path:
    path = root / "tacos" / FEATURES["tacos"]
    with h5py.File(path, "w") as store:
        for video in videos(root, "tacos"):
            store[video] = np.ones((3, 500), np.float32)
    return path


def without_a_video(root: Path) -> Path:
    path = root / "charades-sta" / FEATURES["charades-sta"]
    with h5py.File(path, "r+") as store:
        for query in read(root, "charades-sta", "train")[:1]:
            del store[query.video]
    return path


def not_finite(root: Path) -> Path:
    path = root / "tacos" / FEATURES["tacos"]
    with h5py.File(path, "r+") as store:
        store[read(root, "tacos", "train")[0].video][1, 7] = np.nan
    return path


def in_two_splits(root: Path) -> Path:
    path = root / "tacos" / "test.json"
    shutil.copy(root / "tacos" / "train.json", path)
    return path


def words_of_200_numbers(root: Path) -> Path:
    path = root / "glove" / "glove.6B.300d.txt"
    path.write_text("".join(f"{' '.join(line.split(' ')[:201])}\n" for line in path.read_text().splitlines()))
    return path


@pytest.mark.parametrize(
    ("data_set", "damage", "message"),
    [
        ("charades-sta", absent_csv, "No such file"),
        ("tacos", cut_short, "HDF5"),
        ("activitynet-captions", no_features, "lgn-lite data status"),
        ("tacos", of_another_width, "500 wide, but visual_dim=4096"),
        ("charades-sta", without_a_video, "no features"),
        ("tacos", not_finite, "NaN or infinite"),
        ("tacos", in_two_splits, "splits train and test share 2 videos"),
        ("tacos", words_of_200_numbers, "200 numbers, not 300"),
    ],
)
def test_damage_ends_training_with_one_line_that_names_the_file(root, tmp_path, data_set, damage, message):
    path = damage(root)
    told = refused(*train(tmp_path / "run", data_set, root))
    assert message in told
    assert path.name in told or damage is in_two_splits
    assert not (tmp_path / "run" / "best").exists()


def test_damaged_upstream_features_end_the_conversion_with_one_line_that_names_the_file(tmp_path):
    root = tmp_path / "data"
    build_miniature(root, videos=2)
    window = next((root / "tacos").glob("Interval64*/*_13_77.npy"))
    window.write_bytes(window.read_bytes()[:1000])
    assert str(window) in refused("data", "convert", "tacos", "--root", root, "--workers", 0)
    window.unlink()
    assert str(window) in refused("data", "convert", "tacos", "--root", root, "--workers", 0)

    text = next((root / "charades-sta").glob("Charades_v1_features_rgb/*/*-000009.txt"))
    text.write_text(text.read_text()[:1000])
    assert str(text) in refused("data", "convert", "charades-sta", "--root", root, "--workers", 0)
    shutil.rmtree(text.parents[1])
    told = refused("data", "convert", "charades-sta", "--root", root)
    assert "Charades_v1_features_rgb" in told and "lgn-lite data get" in told


def test_a_checkpoint_is_not_evaluated_on_features_of_another_width(root, tmp_path):
    lgn_lite(*train(tmp_path / "run", "tacos", root))
    path = of_another_width(root)
    told = refused("evaluate", tmp_path / "run" / "best", "--root", root)
    assert f"{path}: features 500 wide, but visual_dim=4096" in told
    path.unlink()
    assert "lgn-lite data status" in refused("evaluate", tmp_path / "run" / "best", "--root", root)
    assert str(tmp_path / "nowhere") in refused("evaluate", tmp_path / "run" / "best", "--root", tmp_path / "nowhere")
