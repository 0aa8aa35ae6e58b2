"""States to resume from: damaged, altered or lost, they are found out before anything is trained or deleted."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from lgn_lite import states
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.config import TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.training import selection

# 20 queries: two steps an epoch; a state after each step, the newest two of them kept
SHORT = TrainSettings(epochs=3, batch_size=10, learning_rate=1e-2, save_every=1, seed=4)
FILES = [*states.NEEDED, states.MANIFEST]


@pytest.fixture(scope="module")
def run(train_tiny):
    """`run(folder, stop=3)` is interrupted after the third step, before its state is saved."""

    def call(folder, settings=SHORT, stop=0):
        def on_step(step, loss):
            if step == stop:
                raise KeyboardInterrupt

        return train_tiny(folder, settings, on_step)

    return call


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder)


@pytest.fixture(scope="module")
def stopped_at(run, tmp_path_factory):
    """`stopped_at(step)`: the folder of a training that was interrupted after a step, before its state was saved."""
    made = {}

    def find(step):
        if step not in made:
            made[step] = tmp_path_factory.mktemp("stopped")
            with pytest.raises(KeyboardInterrupt):
                run(made[step], stop=step)
        return made[step]

    return find


@pytest.fixture
def stopped(stopped_at, tmp_path):
    """Interrupted after step 5: the states of steps 3 and 4, the latter at the end of an epoch."""
    return Path(shutil.copytree(stopped_at(5), tmp_path / "run"))


@pytest.fixture
def finished(whole, tmp_path):
    return Path(shutil.copytree(whole[0], tmp_path / "finished"))


def names(folder: Path, pattern: str = "state-*") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def same(folder: Path, history: list, whole) -> bool:
    for kind in ("best", "last"):
        ours, theirs = (load_file(place / kind / "model.safetensors") for place in (folder, whole[0]))
        if not all(torch.equal(ours[name], theirs[name]) for name in theirs):
            return False
    return history == whole[1] == json.loads((folder / "history.json").read_text(encoding="utf-8"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one bit": flip,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
}


def test_two_states_while_it_runs_and_one_at_the_end(stopped, whole, run):
    assert names(stopped) == ["state-0000003", "state-0000004"]
    assert names(whole[0]) == ["state-0000006"]
    manifest = json.loads((whole[0] / "state-0000006" / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) == set(states.NEEDED)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # nothing to report
        assert same(stopped, run(stopped), whole)
    assert names(stopped) == ["state-0000006"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_any_damage_to_any_file_is_found(stopped, name, damage):
    state = stopped / "state-0000004"
    accelerator = SimpleNamespace(scaler=None)
    assert states._fault(state, accelerator, 2) is None
    DAMAGE[damage](state / name)
    fault = states._fault(state, accelerator, 2)
    if (name, damage) == (states.MANIFEST, "missing"):
        assert fault is None  # then what it says is not known: it is tried
    else:
        assert (name in fault or name == states.MANIFEST) and "\n" not in fault


@pytest.mark.parametrize("name", ["random_states_0.pkl", "progress.json", "optimizer.bin", "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_the_older_state_is_resumed_from_with_the_same_weights(stopped, whole, run, name, damage):
    if (name, damage) == ("manifest.json", "missing"):
        pytest.skip("accepted, see below")
    DAMAGE[damage](stopped / "state-0000004" / name)
    with pytest.warns(UserWarning, match=rf"state-0000004: {name} .*unreadable-1, .* resumes from state-0000003"):
        history = run(stopped)
    assert same(stopped, history, whole)
    assert names(stopped) == ["state-0000004.unreadable-1", "state-0000006"]  # nothing is thrown away


def alter(path: Path, **changes) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | changes), encoding="utf-8")


@pytest.mark.parametrize(
    "changes",
    [
        {"step": 6},
        {"step": 0, "history": []},
        {"step": "4"},
        {"history": []},
        {"history": [{"epoch": 1}, {"epoch": 2}]},
        {"history": [3, 4]},
        {"losses": [1.0]},
        {"losses": None},
    ],
)
@pytest.mark.parametrize("manifest", [True, False])
def test_an_altered_progress_is_not_believed(stopped, whole, run, changes, manifest):
    """Neither with a manifest nor, where it contradicts itself, without."""
    alter(stopped / "state-0000004" / "progress.json", **changes)
    if not manifest:
        (stopped / "state-0000004" / "manifest.json").unlink()
    with pytest.warns(UserWarning, match=r"state-0000004: progress\.json"):
        assert same(stopped, run(stopped), whole)


def test_not_a_number_in_the_progress(stopped, whole, run):
    """As an earlier version wrote it when its loss was NaN."""
    state = stopped / "state-0000004"
    (state / "manifest.json").unlink()
    (state / "progress.json").write_text('{"step": 4, "history": [], "losses": [NaN, NaN, NaN, NaN]}')
    with pytest.warns(UserWarning, match="NaN is not a number"):
        assert same(stopped, run(stopped), whole)


def test_a_state_of_an_earlier_version_is_taken_with_a_note(stopped, whole, run):
    for state in stopped.glob("state-*"):
        (state / "manifest.json").unlink()
    with pytest.warns(UserWarning, match="state-0000004: has no checksums"):
        assert same(stopped, run(stopped), whole)
    assert names(stopped) == ["state-0000006"]


@pytest.mark.parametrize("name", ["random_states_0.pkl", "optimizer.bin", "scheduler.bin", "model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_state_without_checksums_is_tried(stopped, whole, run, name, damage):
    """accelerate itself passes over random states that are missing or damaged, and goes on with others."""
    (stopped / "state-0000004" / "manifest.json").unlink()
    DAMAGE[damage](stopped / "state-0000004" / name)
    with pytest.warns(UserWarning, match=r"state-0000004: .*resumes from state-0000003"):
        assert same(stopped, run(stopped), whole)


def test_weights_of_a_state_that_are_not_finite_are_not_resumed_from(stopped, whole, run):
    from safetensors.torch import save_file

    state = stopped / "state-0000004"
    (state / "manifest.json").unlink()
    weights = load_file(state / "model.safetensors")
    weights["score.bias"].fill_(float("nan"))
    save_file(weights, state / "model.safetensors")
    with pytest.warns(UserWarning, match=r"state-0000004: .*score\.bias holds numbers that are not finite"):
        assert same(stopped, run(stopped), whole)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_without_a_state_that_holds_nothing_is_trained_or_touched(stopped, run, damage):
    for state in stopped.glob("state-*"):
        DAMAGE[damage](state / "random_states_0.pkl")
    before = content(stopped)
    for _ in range(2):  # nor is a second call a new training
        with pytest.raises(
            InputError, match=r"no state to resume from holds \(state-0000004: ran.*; state-0000003"
        ) as error:
            run(stopped)
        assert "\n" not in str(error.value)
        assert content(stopped) == before


def test_results_without_any_state_are_not_written_over(finished, run):
    shutil.rmtree(finished / "state-0000006")
    before = content(finished)
    with pytest.raises(InputError, match=r"has history\.json, best, last, but no state to resume from"):
        run(finished)
    assert content(finished) == before


def test_what_is_no_state_is_passed_by(stopped, whole, run):
    for name in ("state-0000009.unreadable-1", "state-backup", "state-0000005x"):
        (stopped / name).mkdir()
    (stopped / "state-0000009").write_text("a file")
    assert same(stopped, run(stopped), whole)
    assert (stopped / "state-0000009").read_text() == "a file"


def test_trouble_with_reading_is_told_and_not_taken_for_damage(stopped, run, monkeypatch):
    """A passing error of the file system: the state stays, and nothing older is gone back to."""
    before = content(stopped)

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(states, "_described", fail)
    with pytest.raises(OSError, match="Input/output error"):
        run(stopped)
    assert content(stopped) == before


def test_older_states_stay_while_the_newest_does_not_hold(stopped):
    (stopped / "state-0000004" / "optimizer.bin").write_bytes(b"")
    states.remove_older(stopped, 1)
    assert names(stopped) == ["state-0000003", "state-0000004"]
    shutil.rmtree(stopped / "state-0000004")
    states.remove_older(stopped, 1)
    assert names(stopped) == ["state-0000003"]


# ---- best/, last/ and history.json


@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", None])
def test_a_lost_last_checkpoint_is_written_again_from_the_state(finished, whole, run, name, damage):
    if name:
        DAMAGE[damage](finished / "last" / name)
    else:
        shutil.rmtree(finished / "last")
    with pytest.warns(UserWarning, match="last.*written again from the state"):
        assert same(finished, run(finished), whole)
    assert names(finished, "last*") == (["last", "last.unreadable-1"] if name else ["last"])


def best_epoch(folder: Path) -> int:
    return int(load_checkpoint(folder / "best").trained["epoch"])


def test_a_lost_best_checkpoint_is_written_again_where_its_weights_are_there(stopped_at, whole, run, tmp_path):
    """After each epoch in turn: by the state at its end, and by last/ in the middle of the next."""
    for step in (3, 4, 5):
        folder = Path(shutil.copytree(stopped_at(step), tmp_path / str(step)))
        history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        best = max(history, key=selection)["epoch"]
        there = best == len(history)
        assert best == best_epoch(folder)
        shutil.rmtree(folder / "best")
        if there:
            with pytest.warns(UserWarning, match="best.*written again from"):
                assert same(folder, run(folder), whole)
        else:
            with pytest.raises(InputError, match=f"best.*epoch {best} is the best so far, .*copy .*best back"):
                run(folder)


@pytest.mark.parametrize("how", ["removed", "cut", "of another epoch"])
def test_a_best_checkpoint_that_cannot_be_made_again_is_an_error(finished, run, how):
    """Not "best epoch 1" of something that is not there."""
    path = finished / "state-0000006" / "progress.json"
    at = json.loads(path.read_text(encoding="utf-8"))
    at["history"][0] |= {"R1@0.5": 100.0, "R1@0.7": 100.0}  # as if the first epoch had been the best
    path.write_text(json.dumps(at), encoding="utf-8")
    (path.parent / "manifest.json").unlink()
    (finished / "history.json").write_text(json.dumps(at["history"]), encoding="utf-8")
    if how == "removed":
        shutil.rmtree(finished / "best")
    elif how == "cut":
        DAMAGE["cut"](finished / "best" / "model.safetensors")
    elif best_epoch(finished) == 1:
        shutil.rmtree(finished / "best")
        shutil.copytree(finished / "last", finished / "best")
    before = content(finished)
    with (
        pytest.warns(UserWarning, match="no checksums"),
        pytest.raises(InputError, match="epoch 1 is the best") as error,
    ):
        run(finished)
    assert "\n" not in str(error.value) and str(finished / "best") in str(error.value)
    assert content(finished) == before


@pytest.mark.parametrize("text", [None, "", "{", "{}", "[1, 2]", "[NaN]", "[" * 100_000, "\x00"])
def test_history_is_written_again_from_the_state(finished, whole, run, text):
    path = finished / "history.json"
    path.unlink()
    if text is None:
        assert same(finished, run(finished), whole)
        return
    path.write_text(text, encoding="utf-8")
    with pytest.warns(UserWarning, match=r"history\.json: is not the state's history; it is now .*unreadable-1"):
        assert same(finished, run(finished), whole)
    assert (finished / "history.json.unreadable-1").read_text(encoding="utf-8") == text


# ---- settings.json


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"a": 1, "a": 2}', '{"model": NaN}', "[" * 100_000, '{"model": 3}', '{"about": []}']
)
def test_damaged_settings_are_one_line(stopped, run, text):
    before = content(stopped / "state-0000004")
    (stopped / "settings.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"settings\.json.*(copy it back|twice)") as error:
        run(stopped)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    assert content(stopped / "state-0000004") == before


def test_lost_settings_are_not_replaced_by_others(stopped, run):
    (stopped / "settings.json").unlink()
    with pytest.raises(InputError, match=r"settings\.json is missing, though there is a state: copy it back"):
        run(stopped, replace(SHORT, seed=9))
    assert not (stopped / "settings.json").exists()


@pytest.mark.parametrize("changes", [{"workers": 1}, {"memory": 0.5}, {"memory": 32}, {"save_every": 0}])
def test_settings_that_do_not_change_the_weights_may_change(stopped, whole, run, changes):
    path = stopped / "settings.json"
    begun = path.stat().st_mtime_ns
    assert same(stopped, run(stopped, replace(SHORT, **changes)), whole)
    recorded = json.loads(path.read_text(encoding="utf-8"))["training"]
    assert recorded == vars(replace(SHORT, **changes))
    assert path.stat().st_mtime_ns == begun  # it tells when the training began


@pytest.mark.parametrize(
    "changes",
    [{"learning_rate": 2e-2}, {"epochs": 4}, {"clip": 1.0}, {"precision": "bf16"}, {"seed": 5}],
)
def test_settings_that_change_the_weights_may_not(stopped, run, changes):
    before = content(stopped)
    with pytest.raises(InputError, match=f"other settings \\({next(iter(changes))}: "):
        run(stopped, replace(SHORT, **changes))
    assert content(stopped) == before


LOCALE = """
import sys, warnings
warnings.filterwarnings("error", category=EncodingWarning, module=r"lgn_lite\\..*")
import torch
from lgn_lite.annotations import Query
from lgn_lite.checkpoint import About, Companions
from lgn_lite.config import LGNConfig
from lgn_lite.batches import MomentDataset
from lgn_lite.text import encode_with
from lgn_lite.model import LGN
from lgn_lite.text import Vocabulary
from lgn_lite.config import TrainSettings
from lgn_lite.training import train
config = LGNConfig(
    visual_dim=2, num_frames=4, num_clips=4, scales=(4,), hidden=4, word_dim=2, text_dim=4, text_layers=1, layers=1,
    kernel=3, guidance=1, vocabulary_size=4,
)
queries = [Query("é", "été où", 0.0, 1.0, 2.0, "train")]
words = Vocabulary.from_sentences(["été où"])
companions = Companions(words, About("d’été"))
data = MomentDataset(queries, None, encode_with(words), config, blind=True)
for _ in range(2):
    torch.manual_seed(0)
    train(LGN(config), data, data, sys.argv[1], TrainSettings(epochs=1), companions, progress=False)
"""


@pytest.mark.slow
def test_files_are_utf_8_in_any_locale(tmp_path):
    (tmp_path / "script.py").write_text(LOCALE, encoding="utf-8")
    command = [sys.executable, "-X", "warn_default_encoding", "-X", "utf8=0", tmp_path / "script.py", tmp_path / "run"]
    ended = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=os.environ | {"LC_ALL": "C"})
    assert ended.returncode == 0, ended.stderr
    assert "d’été" in (tmp_path / "run" / "settings.json").read_text(encoding="utf-8")
