"""Several processes that train together take the steps of one; here two (or three) on the processor, over gloo."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import notebook_launcher
from safetensors.torch import load_file
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

import lgn_lite.training as training
from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import About, Companions
from lgn_lite.config import TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.recipes import Recipe, train_variant
from lgn_lite.text import encode_with
from lgn_lite.training import is_main_process, train

pytestmark = pytest.mark.slow
# 20 queries: a batch of 13, which 2 and 3 do not divide, and one of 7
SETTINGS = TrainSettings(epochs=2, batch_size=13, learning_rate=3e-3, optimiser="adamw", save_every=1)
LEFT_OVER = replace(SETTINGS, batch_size=19)  # the last batch is one query: the second process has none


def train_one(folder, data, config, vocabulary, settings, kill_at=0) -> list[dict[str, float]]:
    """What each process does; at step `kill_at` all but the main one are killed."""
    torch.manual_seed(5 if is_main_process() else 6)  # the main process's weights count

    def on_step(step, loss):
        if step == kill_at and not is_main_process():
            os.kill(os.getpid(), signal.SIGKILL)

    model = LGN(config)
    companions = Companions(vocabulary, About("ten videos"))
    return train(model, data, data, folder, settings, companions, on_step=on_step, progress=True)


def notebook(root: Path) -> None:
    """What a reader would do in a notebook, in a process of its own: it forks, and must not have used a GPU."""
    data, blank, config, vocabulary = pickle.loads((root / "job.pickle").read_bytes())
    still = config.override(frame_dropout=0.0)
    told = {}

    def launch(name, config, settings=SETTINGS, processes=2, kill_at=0):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        try:
            arguments = (root / name, data, config, vocabulary, settings, kill_at)
            notebook_launcher(train_one, arguments, num_processes=processes, use_port=port)
        except ChildFailedError as error:
            told[name] = [failure.exitcode for failure in error.failures.values()]

    train_one(root / "alone first", data, still, vocabulary, replace(SETTINGS, epochs=1))  # leaves a clean notebook
    launch("two", still)
    launch("three", still, processes=3)
    launch("left over", still, LEFT_OVER)
    launch("dropout", config)
    launch("interrupted", config, kill_at=3)
    assert told.pop("interrupted"), "the training went through its own interruption"
    launch("interrupted", config)
    launch("two, then one", still, kill_at=3)
    assert told.pop("two, then one")
    train_one(root / "two, then one", data, still, vocabulary, SETTINGS)
    launch("two", still, replace(SETTINGS, seed=3))
    launch("diverging", still, replace(SETTINGS, learning_rate=1e20))
    (root / "told.json").write_text(json.dumps(told))


@pytest.fixture(scope="module")
def job(queries, store, vocabulary, tiny_config):
    config = tiny_config(vocabulary_size=len(vocabulary))
    return MomentDataset(queries, store, encode_with(vocabulary), config), None, config, vocabulary


@pytest.fixture(scope="module")
def launched(job, tmp_path_factory) -> Path:
    """The folder of all trainings of `notebook`."""
    root = tmp_path_factory.mktemp("processes")
    (root / "job.pickle").write_bytes(pickle.dumps(job))
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, __file__, root], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    (root / "out.txt").write_text(ended.stdout)
    (root / "err.txt").write_text(ended.stderr)
    return root


def weights(folder: Path, kind: str = "last") -> dict[str, torch.Tensor]:
    return load_file(folder / kind / "model.safetensors")


def history(folder: Path) -> list[dict[str, float]]:
    return json.loads((folder / "history.json").read_text())


def same(ours: Path, theirs: Path) -> bool:
    """Bit for bit."""
    a, b = weights(ours), weights(theirs)
    return all(torch.equal(a[name], b[name]) for name in b) and history(ours) == history(theirs)


def close(ours: list[dict], theirs: list[dict]) -> bool:
    """The same metrics, and losses that differ by rounding alone."""
    losses = [[entry["loss"] for entry in entries] for entries in (ours, theirs)]
    others = [[{**entry, "loss": 0} for entry in entries] for entries in (ours, theirs)]
    return losses[0] == pytest.approx(losses[1], rel=1e-5) and others[0] == others[1]


@pytest.mark.parametrize(
    ("name", "settings"),
    [("two", SETTINGS), ("three", SETTINGS), ("left over", LEFT_OVER), ("two, then one", SETTINGS)],
)
def test_they_take_the_steps_of_one(launched, job, tmp_path, name, settings):
    data, _, config, vocabulary = job
    torch.manual_seed(5)
    model = LGN(config.override(frame_dropout=0.0))
    alone = train(model, data, data, tmp_path, settings, Companions(vocabulary, About("ten videos")), progress=False)
    together = history(launched / name)
    assert close(together, alone)
    ours, theirs = weights(launched / name), weights(tmp_path)
    assert all(torch.allclose(ours[key], theirs[key], atol=2e-5) for key in theirs)


def test_only_the_main_process_writes_and_shows_progress(launched):
    folder = launched / "two"
    assert sorted(path.name for path in folder.glob("[!.]*")) == [
        "best", "history.json", "last", "settings.json", "state-0000004", "tensorboard",
    ]  # fmt: skip
    assert len(list((folder / "tensorboard").iterdir())) == 1
    assert not [path for path in folder.rglob(".*") if path.name != ".training.lock"]
    ended = ["two", "three", "left over", "dropout", "interrupted", "two, then one"]
    log = (launched / "err.txt").read_text()  # no terminal: a line per epoch instead of a bar
    assert log.count("epoch 2 of 2: loss ") == len(ended) and "it/s" not in log and "\r" not in log


def test_dropout_differs_between_processes(launched, job, tmp_path):
    """Both would drop the same units of the same places if they shared a stream: seen by a batch of one query twice."""
    assert history(launched / "dropout") != history(launched / "two")


def test_interrupted_with_dropout_they_end_with_the_same_weights(launched):
    assert same(launched / "interrupted", launched / "dropout")


def test_an_error_at_the_start_reaches_all(launched):
    """Nobody waits for ever: the launcher came back, and told of a process that ended with an error."""
    told = json.loads((launched / "told.json").read_text())
    assert set(told) == {"two", "diverging"} and all(told["two"])
    assert "holds a training of other settings (seed: 0 there, 3 requested)" in (launched / "err.txt").read_text()


def test_training_that_is_not_finite_stops_in_all(launched):
    """At the same step, each by itself: none waits for the others for ever."""
    told = json.loads((launched / "told.json").read_text())["diverging"]
    assert len(told) >= 1 and all(told)
    errors = (launched / "err.txt").read_text()
    assert "stopped at step 1, learning rate 1e+20: weights: " in errors and "lower learning_rate" in errors
    folder = launched / "diverging"
    assert not (folder / "best").exists() and not (folder / "history.json").exists()
    assert [path.name for path in folder.glob("state-*")] == ["state-0000000"]


def test_processes_that_cannot_find_each_other_are_refused(job, tmp_path, monkeypatch):
    """As on a device for which accelerate starts no group: each process believes that it is alone."""
    data, _, config, vocabulary = job
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(training, "Accelerator", lambda **_: SimpleNamespace(num_processes=1, device="mps"))
    with pytest.raises(InputError, match="2 processes cannot train together on mps"):
        train_one(tmp_path / "x", data, config, vocabulary, SETTINGS)
    assert not (tmp_path / "x").exists()


def test_accelerate_launch(tiny_toy, tmp_path):
    """The command of the README, with the launcher that GPUs get."""
    config = {"hidden": 16, "text_dim": 16, "frame_dropout": 0.0}
    recipe = Recipe("full", "smoke", model=config, training={"batch_size": 75})  # 221 queries: the last batch of 71
    alone = train_variant(tiny_toy, tmp_path / "one", recipe, progress=False)
    words = ["train", tmp_path / "two", "--size", "tiny", "--root", tiny_toy.folder.parents[1], "--profile", "smoke"]
    words += [word for key, value in config.items() for word in ("-s", f"{key}={value}")] + ["-t", "batch_size=75"]
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launcher += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [str(word) for word in [*launcher, "-m", "lgn_lite", *words]]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("best epoch 1: val R1@0.5") == 1
    assert close(history(tmp_path / "two"), alone)


if __name__ == "__main__":
    notebook(Path(sys.argv[1]))
