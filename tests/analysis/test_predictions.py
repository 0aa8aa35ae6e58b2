"""The predictions of a split: those of `rank`, cached next to the weights, made again when something has changed."""

from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lgn_lite.analysis.predictions import SplitPredictions, cached_predictions, split_predictions
from lgn_lite.checkpoint import load_checkpoint, save_checkpoint
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.evaluation import query_tensors, rank, score_queries
from lgn_lite.moments import interval_iou
from lgn_lite.recipes import evaluation_set


@pytest.fixture
def data(queries, store, tmp_path, tiny_config) -> DataSet:
    return DataSet(
        "made-up", "Made up", tmp_path, tiny_config(), lambda folder, split: queries, "{name}.mp4", (), store
    )


@pytest.fixture
def counted(monkeypatch):
    """How often queries were scored."""
    calls = []

    def count(*given, **named):
        calls.append(given)
        return score_queries(*given, **named)

    monkeypatch.setattr("lgn_lite.analysis.predictions.score_queries", count)
    return calls


def test_first_predictions_are_those_of_rank(checkpoint_folder, data):
    checkpoint = load_checkpoint(checkpoint_folder)
    found = split_predictions(checkpoint, data, progress=False)
    ground_truth, durations = query_tensors(found.queries)
    logits = score_queries(checkpoint.model, evaluation_set(data, checkpoint, "test"))
    segments, _ = rank(checkpoint.model, logits, durations)
    torch.testing.assert_close(found.segments, segments[:, 0])
    torch.testing.assert_close(found.iou, interval_iou(segments[:, 0], ground_truth))


def test_ties_go_to_the_first_candidate(queries):
    logits = torch.tensor([[0.0, 2.0, 2.0, 1.0], [40.0, 50.0, 30.0, 0.0]])  # sigmoid(40) = sigmoid(50) = 1 in float32
    spans = torch.tensor([[0.0, 0.25], [0.25, 0.5], [0.5, 0.75], [0.75, 1.0]], dtype=torch.float64)
    predictions = SplitPredictions(queries[:2], logits, spans)
    assert predictions.best.tolist() == [1, 0]
    assert predictions.disagreement(replace(predictions, logits=logits.flip(1))).tolist() == [0.0, 1.0]
    assert predictions.disagreement(predictions).tolist() == [0.0, 0.0]


def test_they_are_computed_once(checkpoint_folder, data, counted):
    first = split_predictions(load_checkpoint(checkpoint_folder), data, progress=False)
    again = split_predictions(load_checkpoint(checkpoint_folder), data, progress=False)
    assert len(counted) == 1 and torch.equal(first.logits, again.logits)
    assert [path.name for path in (checkpoint_folder / "answers").iterdir()] == ["made-up-test.safetensors"]


def test_other_weights_or_queries_or_a_broken_file_are_computed_again(checkpoint_folder, data, counted, queries):
    checkpoint = load_checkpoint(checkpoint_folder)
    before = split_predictions(checkpoint, data, progress=False)
    with torch.no_grad():
        checkpoint.model.score.weight.mul_(-1)
    save_checkpoint(checkpoint_folder, checkpoint.model, checkpoint.vocabulary, checkpoint.about, checkpoint.trained)
    after = split_predictions(checkpoint, data, progress=False)
    assert len(counted) == 2 and not torch.allclose(before.logits, after.logits)
    fewer = replace(data, reader=lambda folder, split: queries[:3])
    assert split_predictions(checkpoint, fewer, progress=False).logits.shape[0] == 3
    cached = checkpoint_folder / "answers" / "made-up-test.safetensors"
    cached.write_bytes(cached.read_bytes()[:100])
    with pytest.warns(UserWarning, match=r"made-up-test\.safetensors: damaged: the predictions are computed again"):
        assert split_predictions(checkpoint, fewer, progress=False).logits.shape[0] == 3
    assert len(counted) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda logits: {"logits": logits[:, :-1]},
        lambda logits: {"logits": logits[:-1]},
        lambda logits: {"logits": logits.fill_(float("nan"))},
        lambda logits: {"logits": logits.long()},
        lambda logits: {"other": logits},
    ],
)
def test_predictions_that_cannot_be_these_are_computed_again(checkpoint_folder, data, counted, damage):
    checkpoint = load_checkpoint(checkpoint_folder)
    logits = split_predictions(checkpoint, data, progress=False).logits
    path = checkpoint_folder / "answers" / "made-up-test.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file({name: value.contiguous() for name, value in damage(logits.clone()).items()}, path, metadata)
    with pytest.warns(UserWarning, match=r"made-up-test\.safetensors: damaged: the predictions are computed again"):
        assert cached_predictions(checkpoint, data, "test", data.queries("test")) is None
    with pytest.warns(UserWarning, match=r"made-up-test\.safetensors: damaged"):
        assert torch.equal(split_predictions(checkpoint, data, progress=False).logits, logits)
    assert len(counted) == 2
    assert torch.equal(cached_predictions(checkpoint, data, "test", data.queries("test")).logits, logits)


def test_other_settings_make_other_predictions(checkpoint_folder, data, counted):
    split_predictions(load_checkpoint(checkpoint_folder), data, progress=False)
    config = checkpoint_folder / "config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert cached_predictions(load_checkpoint(checkpoint_folder), data, "test", data.queries("test")) is None
    split_predictions(load_checkpoint(checkpoint_folder), data, progress=False)
    assert len(counted) == 2


def test_scores_that_are_not_numbers_are_an_error(checkpoint_folder, data):
    checkpoint = load_checkpoint(checkpoint_folder)
    with torch.no_grad():
        checkpoint.model.score.bias.fill_(float("nan"))
    with pytest.raises(InputError, match=r"the scores of 20 of 20 queries are not numbers \(NaN\), first .* query 0"):
        split_predictions(checkpoint, data, progress=False)
    assert not (checkpoint_folder / "answers").exists()


def test_a_folder_that_cannot_be_written_to_costs_a_warning(checkpoint_folder, data, monkeypatch):
    def full(path, tensors, metadata):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lgn_lite.analysis.predictions.write_tensors", full)
    with pytest.warns(UserWarning, match=r"made-up-test\.safetensors: cannot be written .*No space"):
        assert len(split_predictions(load_checkpoint(checkpoint_folder), data, progress=False).iou) == 20
