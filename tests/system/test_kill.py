"""Killed anywhere, while it writes too, a training goes on and ends with the same weights, bit for bit.

A process of its own imports torch once and forks the trainings, which then start at once: `python test_kill.py job`.
"""

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import About, Companions, load_checkpoint
from lgn_lite.config import TrainSettings
from lgn_lite.model import LGN
from lgn_lite.text import encode_with
from lgn_lite.training import train
from lgn_lite.video.vgg import VGGFrames

pytestmark = pytest.mark.slow
# 20 queries: two steps an epoch; with this seed the second is the better one by far
# and states at the start, after both epochs, and within the second
SHORT = TrainSettings(epochs=2, batch_size=10, learning_rate=1e-2, save_every=3, seed=4)
LONG = replace(SHORT, epochs=4, save_every=1)


# -- in the process that forks


def serve(job: Path) -> None:
    """For each line of standard input fork a training and tell its process; asked by a second line, how it ended."""
    data, config, vocabulary, encoder = pickle.loads(job.read_bytes())
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:  # imports what is imported late
        run(folder, SHORT, data, config, vocabulary, encoder)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                os.dup2(2, 1)
                os.fsync = lambda _: None  # against power cuts, and slow: a kill loses nothing that is written
                if asked["kill_at"]:
                    kill_at(asked["kill_at"], asked["folder"])
                settings = TrainSettings(**asked["settings"])
                run(asked["folder"], settings, data, config, vocabulary, encoder, asked["kill_step"])
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        print(child, flush=True)
        sys.stdin.readline()  # until then its number is given to no other process
        print(os.waitpid(child, 0)[1], flush=True)


def run(folder, settings, data, config, vocabulary, encoder, kill_step=0) -> None:
    torch.manual_seed(5)

    def on_step(step: int, loss: float) -> None:
        if step == kill_step:
            os.kill(os.getpid(), signal.SIGKILL)

    companions = Companions(vocabulary, About("ten videos"), encoder)
    train(LGN(config), data, data, folder, settings, companions, on_step=on_step, progress=False)


def kill_at(number: int, folder: str) -> None:
    """Be killed just before the number-th act of writing: a file or folder made, renamed, removed, a file filled."""
    left = [number]

    def act() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple) -> None:
        if event == "open":
            path, mode, flags = arguments
            if str(path).startswith(folder) and flags & os.O_CREAT:
                act()
        elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir"):
            act()

    def counted(write):
        def writing(*arguments, **named):
            act()
            result = write(*arguments, **named)
            act()  # filled, but not yet what comes after
            return result

        return writing

    import accelerate.utils.other

    torch.save = counted(torch.save)
    accelerate.utils.other.safe_save_file = counted(accelerate.utils.other.safe_save_file)
    write_bytes = Path.write_bytes

    def in_halves(path: Path, content: bytes) -> int:
        write_bytes(path, content[: len(content) // 2])
        act()
        return write_bytes(path, content)

    Path.write_bytes = in_halves  # weights
    sys.addaudithook(audit)


# -- in the tests


class Trainings:
    """The process that forks trainings."""

    def __init__(self, job: Path):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, __file__, str(job)]
        self.server = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def start(self, folder: Path, settings: TrainSettings, kill_at: int = 0, kill_step: int = 0) -> int:
        asked = {"folder": str(folder), "settings": vars(settings), "kill_at": kill_at, "kill_step": kill_step}
        self.server.stdin.write(json.dumps(asked) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def end(self) -> bool:
        """Wait for the training; whether it came to its end, else it was killed."""
        self.server.stdin.write("\n")
        self.server.stdin.flush()
        status = int(self.server.stdout.readline())
        assert status in (0, signal.SIGKILL), "the training failed: see standard error"
        return status == 0

    def run(self, folder: Path, settings: TrainSettings, **kill: int) -> bool:
        self.start(folder, settings, **kill)
        return self.end()


@pytest.fixture(scope="module")
def trainings(tmp_path_factory, queries, store, vocabulary, tiny_config):
    root = tmp_path_factory.mktemp("kill")
    config = tiny_config(vocabulary_size=len(vocabulary))
    VGGFrames.small(2, width=6, image_size=16).save(root / "encoder.safetensors")
    data = MomentDataset(queries, store, encode_with(vocabulary), config)
    (root / "job.pickle").write_bytes(pickle.dumps((data, config, vocabulary, root / "encoder.safetensors")))
    made = Trainings(root / "job.pickle")
    yield made
    made.server.stdin.close()
    made.server.wait()


@pytest.fixture(scope="module")
def whole(trainings, tmp_path_factory):
    """`whole(settings)`: the folder of a training that nobody kills, and its seconds."""
    made = {}

    def find(settings: TrainSettings) -> tuple[Path, float]:
        if settings not in made:
            folder, begun = tmp_path_factory.mktemp("whole"), time.perf_counter()
            assert trainings.run(folder, settings)
            made[settings] = folder, time.perf_counter() - begun
        return made[settings]

    return find


def check_whole(folder: Path) -> None:
    """Whatever has its name is whole: checkpoints, states, settings, history."""
    for kind in ("best", "last"):
        if (folder / kind).exists():
            assert load_checkpoint(folder / kind).encoder_file is not None
            assert len(ModelCard.load(folder / kind / "README.md").data.eval_results) == 3
    for state in folder.glob("state-*"):
        json.loads((state / "progress.json").read_text())
        assert load_file(state / "model.safetensors")
        for name in ("optimizer.bin", "scheduler.bin", "random_states_0.pkl"):
            torch.load(state / name, weights_only=False)
    for path in folder.glob("*.json"):
        json.loads(path.read_text())


def files(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(str(path) for path in found if path.parts[0] != "tensorboard")


def check_same(folder: Path, uninterrupted: Path) -> None:
    """The same files, no others beside them, and the same weights and history."""
    check_whole(folder)
    assert files(folder) == files(uninterrupted)
    assert (folder / "history.json").read_text() == (uninterrupted / "history.json").read_text()
    for kind in ("best", "last"):
        ours, theirs = (load_file(place / kind / "model.safetensors") for place in (folder, uninterrupted))
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
        assert load_checkpoint(folder / kind).trained == load_checkpoint(uninterrupted / kind).trained
        cards = [place / kind / "README.md" for place in (folder, uninterrupted)]
        assert cards[0].read_bytes() == cards[1].read_bytes()


def test_killed_at_each_act_of_writing(trainings, whole, tmp_path):
    uninterrupted, _ = whole(SHORT)
    assert load_checkpoint(uninterrupted / "best").trained["epoch"] == "2"  # best/ was written, then written anew
    number = 1
    while not trainings.run(tmp_path / str(number), SHORT, kill_at=number):
        folder = tmp_path / str(number)
        check_whole(folder)
        assert trainings.run(folder, SHORT), number
        check_same(folder, uninterrupted)
        number += 1
    assert number > 60  # so many were there when this was written


def test_killed_at_ten_random_moments(trainings, whole, tmp_path):
    uninterrupted, seconds = whole(LONG)
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    moments, kills, rounds = random.Random(seed), 0, 0
    while kills < 10:
        folder, ended = tmp_path / str(rounds), False
        rounds += 1
        while not ended:
            process = trainings.start(folder, LONG)
            if kills < 10:
                time.sleep(moments.uniform(0, seconds))
                os.kill(process, signal.SIGKILL)
            ended = trainings.end()
            kills += not ended
            check_whole(folder)
        check_same(folder, uninterrupted)


SIDE_BY_SIDE = """
import sys
from lgn_lite.recipes import Recipe, train_side_by_side
from lgn_lite.data_sets import open_data_set
data = open_data_set("toy-sta", "tiny", sys.argv[1], progress=False)
recipes = {name: Recipe(name, "smoke", training=dict(epochs=1000)) for name in ("full", "baseline")}
train_side_by_side(data, sys.argv[2], recipes, 2)
"""


def test_trainings_side_by_side_end_with_the_process_that_started_them(tiny_toy, tmp_path):
    command = [sys.executable, "-c", SIDE_BY_SIDE, str(tiny_toy.folder.parents[1]), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while len(list(tmp_path.glob("*/history.json"))) < 2:
            assert process.poll() is None
            time.sleep(0.1)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert len(workers) >= 2 and not alive


def test_each_step_stands_once_in_the_log(trainings, tmp_path):
    """Killed after a step is logged and before its state is saved, the step comes again."""
    settings = replace(SHORT, save_every=0)
    assert not trainings.run(tmp_path, settings, kill_step=3)
    time.sleep(1.1)  # the names of tensorboard's files tell the second
    assert trainings.run(tmp_path, settings)
    log = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in log.Scalars("loss")] == [1, 2, 3, 4]
    assert [event.step for event in log.Scalars("val/mIoU")] == [2, 4]


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
