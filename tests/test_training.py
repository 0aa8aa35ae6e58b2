"""Training: it learns, and goes on exactly where it stopped."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lgn_lite import training, training_folder
from lgn_lite.checkpoint import About, load_checkpoint
from lgn_lite.config import TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.evaluation import evaluate
from lgn_lite.model import LGN
from lgn_lite.training import selection, validate

QUICK = TrainSettings(
    epochs=3,
    batch_size=6,
    learning_rate=3e-3,
    optimiser="adamw",
    schedule="cosine",
    warmup=0.2,
    weight_decay=0.01,
)  # 20 queries: four steps an epoch, the last of two queries


@pytest.fixture(scope="module")
def run(train_tiny):
    return lambda folder, settings=QUICK, *rest, **named: train_tiny(folder, settings, *rest, **named)


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    """An uninterrupted training."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder)


def same_training(folder, history, whole) -> bool:
    weights = [[load_file(f / kind / "model.safetensors") for kind in ("best", "last")] for f in (folder, whole[0])]
    equal = all(torch.equal(a[name], b[name]) for a, b in zip(*weights, strict=True) for name in b)
    written = json.loads((folder / "history.json").read_text())
    return equal and history == written == whole[1]


@pytest.mark.slow
def test_it_learns_an_easy_data_set(run, training_set, tmp_path):
    losses, longer = [], replace(QUICK, epochs=60, learning_rate=1e-2)
    history = run(tmp_path, longer, lambda step, loss: losses.append((step, loss)), hidden=16)
    assert [step for step, _ in losses] == list(range(1, 241))
    assert history[-1]["loss"] < history[0]["loss"] - 0.1
    assert history[-1]["loss"] == pytest.approx(sum(loss for _, loss in losses[-4:]) / 4)
    assert max(entry["R1@0.5"] for entry in history) > 80  # a blind answer gets less than half
    found = evaluate(load_checkpoint(tmp_path / "best").model, training_set)
    assert set(found["kind"]) == {"red", "blue"}
    assert found["all"]["R1@0.5"] == max(history, key=selection)["R1@0.5"]


def test_history_has_one_entry_an_epoch(whole):
    folder, history = whole
    assert [(entry["epoch"], entry["step"]) for entry in history] == [(1, 4), (2, 8), (3, 12)]
    assert all({"loss", "R1@0.5", "R1@0.7", "mIoU"} <= set(entry) for entry in history)
    assert json.loads((folder / "history.json").read_text()) == history
    assert sorted(path.name for path in folder.glob("state-*")) == ["state-0000012"]


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.integers(1, 12), min_size=1, max_size=3), save_every=st.sampled_from([0, 1, 3]))
def test_interrupted_anywhere_it_ends_with_the_same_weights(run, whole, tmp_path_factory, stops, save_every):
    folder, asked = tmp_path_factory.mktemp("interrupted"), replace(QUICK, save_every=save_every)
    left = list(stops)

    def on_step(step, loss):
        if left and step >= left[0]:
            left.pop(0)
            raise KeyboardInterrupt

    for _ in stops:
        with pytest.raises(KeyboardInterrupt):
            run(folder, asked, on_step)
    history = run(folder, asked, on_step)
    assert same_training(folder, history, whole)


@pytest.mark.parametrize("when", ["save_checkpoint", "write_json", "save_state", "validate"])
def test_interrupted_between_epochs_it_ends_with_the_same_weights(run, whole, tmp_path, monkeypatch, when):
    module = training if when == "validate" else training_folder
    original, calls = getattr(module, when), []

    def interrupted(*arguments, **named):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments, **named)

    monkeypatch.setattr(module, when, interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert same_training(tmp_path, run(tmp_path), whole)


def test_weights_in_one_block_of_memory_are_stopped_and_gone_on_with(run, whole, tmp_path, tiny_config, vocabulary):
    """As on a GPU, where cuDNN keeps an LSTM's weights so."""

    def in_one_block(seed):
        torch.manual_seed(seed)
        model = LGN(tiny_config(vocabulary_size=len(vocabulary)))
        weights = list(model.sentence.lstm.parameters())
        block = torch.cat([weight.detach().flatten() for weight in weights])
        for weight, part in zip(weights, block.split([weight.numel() for weight in weights]), strict=True):
            weight.data = part.view(weight.shape)
        return model

    def interrupt(step, loss):
        if step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", on_step=interrupt, model=in_one_block(5))
    assert same_training(tmp_path / "run", run(tmp_path / "run", model=in_one_block(6)), whole)


def test_an_interrupted_state_is_not_taken_for_a_whole_one(run, whole, tmp_path, monkeypatch):
    """Stopped while the second state is written: the first is gone on from."""
    from accelerate import Accelerator

    save, calls = Accelerator.save_state, []

    def interrupted(self, folder, **named):
        save(self, folder, **named)
        calls.append(folder)
        if len(calls) == 2:  # all is written but its name
            raise KeyboardInterrupt

    monkeypatch.setattr(Accelerator, "save_state", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    (saved,) = (path.name for path in tmp_path.glob("*state-*"))
    assert saved in ("state-0000000", "state-0000004")
    steps = []
    history = run(tmp_path, on_step=lambda step, loss: steps.append(step))
    assert steps == list(range(int(saved[-7:]) + 1, 13))
    assert same_training(tmp_path, history, whole)


def test_a_model_that_the_first_call_has_changed_starts_anew(run, whole, tmp_path, tiny_config, vocabulary):
    """In a notebook the second call may bring the model that the first has already changed."""
    torch.manual_seed(5)
    model = LGN(tiny_config(vocabulary_size=len(vocabulary)))

    def stop(step, loss):
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_step=stop, model=model)
    assert same_training(tmp_path, run(tmp_path, model=model), whole)


def test_a_finished_training_is_found_again(run, whole):
    folder, history = whole
    steps = []
    assert run(folder, on_step=lambda step, loss: steps.append(step)) == history
    assert not steps


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"settings": replace(QUICK, learning_rate=1.0)}, r"learning_rate: 0\.003 there, 1\.0 requested"),
        ({"settings": replace(QUICK, seed=3)}, "seed: 0 there, 3 requested"),
        ({"guidance": 0}, "guidance: 1 there, 0 requested"),
        (
            {"about": About(data="ten other videos")},
            "data: 'ten made-up videos' there, 'ten other videos' requested",
        ),
        ({"about": About(data="ten made-up videos", training={"variant": "blind"})}, "training: .*blind"),
    ],
)
def test_a_folder_of_another_training_is_refused(run, whole, changed, message):
    folder, _ = whole
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(InputError, match=message) as error:
        run(folder, **changed)
    assert str(folder) in str(error.value)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_best_is_the_epoch_with_the_best_validation(run, training_set, tmp_path, monkeypatch):
    results = iter([(10.0, 5.0), (40.0, 20.0), (45.0, 1.0), (40.0, 19.0)])

    def made_up(model, validation, accelerator):
        half, most = next(results)
        return {"R1@0.5": half, "R1@0.7": most, "mIoU": 0.0}

    monkeypatch.setattr(training, "validate", made_up)
    seen = {}
    history = run(tmp_path, replace(QUICK, epochs=4))
    assert max(history, key=selection)["epoch"] == 2
    for kind in ("best", "last"):
        with safe_open(tmp_path / kind / "model.safetensors", "pt") as file:
            seen[kind] = file.metadata()["epoch"]
    assert seen == {"best": "2", "last": "4"}


def test_a_later_epoch_as_good_does_not_replace_the_best(run, tmp_path, monkeypatch):
    """The first of equals: `max(history, key=selection)` and the folder best/ then mean the same epoch."""
    monkeypatch.setattr(training, "validate", lambda *_: {"R1@0.5": 30.0, "R1@0.7": 10.0, "mIoU": 0.0})
    history = run(tmp_path)
    trained = load_checkpoint(tmp_path / "best").trained
    assert int(trained["epoch"]) == max(history, key=selection)["epoch"]


def test_checkpoints_of_training_are_those_of_the_epochs(whole, training_set):
    folder, history = whole
    best, last = (load_checkpoint(folder / kind) for kind in ("best", "last"))
    for checkpoint, entry in ((last, history[-1]), (best, history[int(best.trained["epoch"]) - 1])):
        assert {name: entry[name] for name in ("R1@0.5", "R1@0.7", "mIoU")} == validate(checkpoint.model, training_set)
        assert float(checkpoint.trained["loss"]) == pytest.approx(entry["loss"], abs=1e-4)


def test_tensorboard_holds_losses_and_results(run, tmp_path):
    losses = []
    history = run(tmp_path, on_step=lambda step, loss: losses.append(loss))
    log = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in log.Scalars("loss")] == list(range(1, 13))
    assert [event.value for event in log.Scalars("loss")] == pytest.approx(losses)
    assert [event.value for event in log.Scalars("val/R1@0.5")] == pytest.approx([e["R1@0.5"] for e in history])


def rates(folder):
    return [event.value for event in EventAccumulator(str(folder / "tensorboard")).Reload().Scalars("learning_rate")]


def test_the_learning_rate_rises_and_falls(run, whole, tmp_path):
    cosine = rates(whole[0])  # of twelve steps two are warm-up; what is logged is the next step's rate
    assert cosine.index(max(cosine)) <= 2 and max(cosine) == pytest.approx(3e-3)
    assert cosine[2:] == sorted(cosine[2:], reverse=True) and cosine[-1] < 1e-4
    run(tmp_path / "constant", replace(QUICK, schedule="constant", warmup=0.0))
    assert rates(tmp_path / "constant") == pytest.approx([3e-3] * 12)
    run(tmp_path / "trapezoid", replace(QUICK, schedule="trapezoid"))  # falls over the last quarter
    assert rates(tmp_path / "trapezoid") == pytest.approx([2e-3] + [3e-3] * 8 + [2e-3, 1e-3, 0.0])


def test_the_optimiser_is_the_asked_one(run, whole, tmp_path):
    """Adam adds weight decay to the gradient, AdamW takes it off the weights."""
    run(tmp_path, replace(QUICK, optimiser="adam"))
    ours, theirs = (load_file(f / "last" / "model.safetensors") for f in (tmp_path, whole[0]))
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_seed_decides_order_and_dropout(run, whole, tmp_path):
    history = run(tmp_path, replace(QUICK, seed=1))
    assert history[0]["loss"] != whole[1][0]["loss"]


def test_another_precision_in_the_same_process(run, whole, tmp_path):
    """As in a notebook: first a training in full precision, then one in bfloat16."""
    history = run(tmp_path, replace(QUICK, epochs=1, precision="bf16"))
    assert history[0]["loss"] == pytest.approx(whole[1][0]["loss"], rel=0.2)


def test_a_setting_of_the_model_newer_than_the_training_had_its_default(run, whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "older")
    path = tmp_path / "older" / "settings.json"
    begun = json.loads(path.read_text())
    del begun["model"]["text_encoder"]
    path.write_text(json.dumps(begun))
    assert run(tmp_path / "older", QUICK) == whole[1]


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("optimiser", "sgd", "choose one of 'adam', 'adamw'"),
        ("optimiser", None, "choose one of"),
        ("schedule", "linear", "choose one of 'constant', 'cosine', 'trapezoid'"),
        ("precision", "fp8", "choose one of 'no', 'bf16', 'fp16'"),
        ("precision", False, "choose one of"),
        ("precision", ["no"], "choose one of"),
        *[("epochs", value, "a whole number from 1 to 1,000,000") for value in (0, -1, "ten", 2.0, True, 10**400)],
        *[("batch_size", value, "a whole number from 1 to") for value in (0, 2.5, None, 10**12, NAN)],
        *[("learning_rate", value, "a finite number above 0") for value in (0.0, -1e-3, NAN, INFINITY, True, "1e-3")],
        *[("learning_rate", value, "a finite number above 0") for value in (10**400, 1e300)],
        *[("weight_decay", value, "a finite number from 0 on") for value in (-0.1, NAN, INFINITY, True)],
        *[("warmup", value, "a finite number from 0 to below 1") for value in (1.0, -0.1, NAN, INFINITY, 2)],
        *[("clip", value, "a finite number above 0") for value in (-1, 0, NAN, INFINITY, -INFINITY, "10", [10])],
        *[("seed", value, "a whole number from") for value in (0.0, True, 2**64, -(2**63), None)],
        *[("save_every", value, "a whole number from 0 to") for value in (-1, 0.5, NAN, True)],
        *[("workers", value, "a whole number from 0 to") for value in (-1, 10**6, 1.0)],
        *[("memory", value, "a finite number from 0 to") for value in (-1.0, NAN, INFINITY, "4")],
    ],
)
def test_settings_that_cannot_be_are_refused(name, value, allowed):
    with pytest.raises(InputError, match=f"training setting {name}=") as error:
        TrainSettings(**{name: value})
    assert allowed in str(error.value) and len(str(error.value)) < 200


def test_settings_at_the_ends_of_their_ranges():
    TrainSettings(epochs=1, batch_size=1, weight_decay=0, warmup=0, save_every=0, workers=0, memory=0, seed=-3)
    TrainSettings(learning_rate=1, clip=1e9, memory=10**6)  # whole numbers will do


# ---- training that is no longer training


def spoilt(at: int, how):
    """`moment_loss` as it is, but for the at-th call, of whose loss `how` makes another."""
    calls, original = [], training.moment_loss

    def loss(logits, *others):
        calls.append(1)
        found = original(logits, *others)
        return how(found, logits) if len(calls) == at else found

    return loss


@pytest.mark.parametrize(
    ("how", "what"),
    [
        (lambda loss, logits: loss * NAN, "the loss is nan"),
        (lambda loss, logits: loss + INFINITY, "the loss is inf"),
        (lambda loss, logits: loss - INFINITY, "the loss is -inf"),
        (lambda loss, logits: loss + (0 * logits.sum()).sqrt(), "the gradient's norm is nan"),  # 0, but of slope ∞·0
        (lambda loss, logits: loss + 1e38 * (logits - logits.detach()).sum(), "the gradient's norm is (inf|nan)"),
    ],
)
@pytest.mark.parametrize("step", [1, 6])
def test_training_stops_at_the_first_step_that_is_not_finite(run, whole, tmp_path, monkeypatch, how, what, step):
    steps, settings = [], replace(QUICK, save_every=1)
    for _ in range(2):  # and once more where it resumes
        with monkeypatch.context() as patch:
            patch.setattr(training, "moment_loss", spoilt(step - len(steps), how))
            with pytest.raises(
                InputError, match=f"stopped at step {step}, learning rate 0[.]0.*: {what}; .*lower"
            ) as error:
                run(tmp_path, settings, lambda step, loss: steps.append(step))
        assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
        assert steps == list(range(1, step))
    for kind in ("best", "last") if step > 4 else ():
        load_checkpoint(tmp_path / kind)  # finite
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert same_training(tmp_path, run(tmp_path, settings), whole)  # from the last good state


@pytest.mark.parametrize("rate", [1e10, 1e20, 1e29])
def test_a_learning_rate_far_too_high_leaves_nothing_behind_that_is_not_finite(run, tmp_path, rate):
    """Weights may leave the numbers in a step whose loss and gradient were finite, the last one of an epoch, say."""
    for batch_size in (20, 6):
        folder = tmp_path / str(batch_size)
        asked = replace(QUICK, learning_rate=rate, batch_size=batch_size, schedule="constant", warmup=0.0)
        with pytest.raises(InputError, match=r"stopped at step .*, learning rate \de\+\d\d: .* lower learning_rate"):
            run(folder, asked)
        for path in folder.rglob("*.safetensors"):
            assert all(value.isfinite().all() for value in load_file(path).values())


def test_fp16_may_skip_some_steps_in_a_row():
    """Loss scaling leaves a step out whose gradient overflows, and goes on with a smaller factor."""
    assert training._not_finite(1.0, 2.0, 0) is None
    assert training._not_finite(1.0, INFINITY, 25 - training.SKIPPED) is None
    assert "gradient" in training._not_finite(1.0, INFINITY, 26 - training.SKIPPED)
    assert "loss" in training._not_finite(NAN, 1.0, 0 - training.SKIPPED)


def test_scores_that_are_not_numbers_have_no_metrics(training_set, tiny_config, vocabulary):
    model = LGN(tiny_config(vocabulary_size=len(vocabulary)))
    model.score.bias.data.fill_(NAN)
    with pytest.raises(InputError, match="NaN"):
        validate(model, training_set)


def test_weights_that_are_not_finite_are_not_trained_from(run, tmp_path, tiny_config, vocabulary):
    model = LGN(tiny_config(vocabulary_size=len(vocabulary)))
    model.score.weight.data[0, 0] = NAN
    with pytest.raises(InputError, match=r"stopped at step 0.*score\.weight holds numbers that are not finite"):
        run(tmp_path, model=model)
    assert not list(tmp_path.glob("state-*"))
