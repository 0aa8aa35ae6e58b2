"""Ranking and NMS for all queries at once: equal to the plain loop over queries, whatever ties and however few."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.annotations import Query
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.evaluation import evaluate_logits, predictions_from_logits, rank, score_predictions, score_sentences
from lgn_lite.model import LGN
from lgn_lite.moments import interval_iou

TINY = dict(visual_dim=8, word_dim=4, text_dim=8, hidden=8, layers=1, guidance=1, scales=(8, 4), num_frames=32)
MODELS = {clips: LGN(LGNConfig.preset("toy", num_clips=clips, **TINY)) for clips in (2, 8, 32)}
thresholds = st.sampled_from([0.0, 0.25, 0.4, 0.45, 0.5, 1.0])


@st.composite
def logits_of(draw):
    """A model and logits (Q, P) with few or many different values; some so high that their sigmoids are equal."""
    model = MODELS[draw(st.sampled_from(list(MODELS)))]
    Q, levels = draw(st.integers(1, 6)), draw(st.sampled_from([1, 3, 1000]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    logits = torch.randint(0, levels, (Q, len(model.moments)), generator=generator) / levels
    durations = torch.randint(1, 400, (Q,), generator=generator).double() / 7
    return model, draw(st.sampled_from([1.0, 50.0])) * logits, durations


def loop_order(scores: list[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


def loop_answers(model, logits, durations, keep, nms):
    """One query after another, one candidate after another."""
    predictions, scores = torch.zeros(len(logits), keep, 2, dtype=torch.float64), logits.sigmoid()
    for q, duration in enumerate(durations):
        segments, kept = (model.moments.spans(torch.float64) * duration).tolist(), []
        for i in loop_order(scores[q].tolist()):
            if nms is None or all(overlap(segments[i], segments[j]) <= nms for j in kept):
                kept.append(i)
        for k, i in enumerate(kept[:keep]):
            predictions[q, k] = torch.tensor(segments[i], dtype=torch.float64)
    return predictions


def overlap(a: list[float], b: list[float]) -> float:
    shared = max(min(a[1], b[1]) - max(a[0], b[0]), 0.0)
    return shared / ((a[1] - a[0]) + (b[1] - b[0]) - shared)


@settings(max_examples=40, deadline=None)
@given(logits_of(), st.integers(1, 200))
def test_the_first_of_a_ranking_are_the_ranking_s_first(case, keep):
    model, logits, durations = case
    segments, scores = rank(model, logits, durations)
    for q, row in enumerate(logits.sigmoid().tolist()):
        order = loop_order(row)
        assert scores[q].tolist() == [row[i] for i in order]
        assert torch.equal(segments[q], (model.moments.spans(torch.float64) * durations[q])[order])
    first, best = rank(model, logits, durations, keep)
    assert torch.equal(first, segments[:, :keep]) and torch.equal(best, scores[:, :keep])


@settings(max_examples=30, deadline=None)
@given(logits_of(), st.integers(1, 6), st.none() | thresholds)
def test_answers_of_all_queries_are_those_of_the_loop(case, keep, nms):
    model, logits, durations = case
    found = predictions_from_logits(model, logits, durations, keep, nms)
    assert torch.equal(found.segments, loop_answers(*case, keep, nms))
    there, numbers = found.candidates >= 0, found.candidates.clamp(min=0)
    spans = model.moments.spans(torch.float64)
    assert torch.equal(found.segments[there], (spans[numbers] * durations[:, None, None])[there])
    assert torch.equal(found.scores, logits.sigmoid().gather(1, numbers) * there)
    assert not found.segments[~there].any() and there[:, 0].all()


def test_answers_are_looked_for_until_enough_are_kept(monkeypatch):
    model = MODELS[32]
    monkeypatch.setattr("lgn_lite.metrics.FIRST", 1)  # begin with `keep` candidates: most queries need more
    logits = torch.stack([-(model.moments.spans() - c).abs().sum(1) for c in torch.rand(30, 2).sort(dim=1).values])
    durations = torch.linspace(10, 300, 30, dtype=torch.float64)
    expected = loop_answers(model, logits, durations, 5, 0.45)
    assert torch.equal(predictions_from_logits(model, logits, durations, 5, 0.45).segments, expected)
    monkeypatch.setattr("lgn_lite.metrics.PART", 1)  # query by query
    assert torch.equal(predictions_from_logits(model, logits, durations, 5, 0.45).segments, expected)


def test_the_table_from_logits_is_that_of_the_ranking():
    model, queries = MODELS[32], []
    for i in range(40):
        queries.append(Query("v", "s", start=i / 2, end=i / 2 + 4 + i % 9, duration=30.0, split="test"))
    logits, durations = torch.randn(40, len(model.moments)), torch.full((40,), 30.0, dtype=torch.float64)
    found = evaluate_logits(model, logits, queries, nms=0.4, discounted=True)
    whole = rank(model, logits, durations)[0]
    assert found == score_predictions(whole, queries, (0.3, 0.5, 0.7), (5.0, 10.0), nms=0.4, discounted=True)
    assert interval_iou(whole[:, 0], torch.tensor([[q.start, q.end] for q in queries])).mean() == pytest.approx(
        found["all"]["mIoU"] / 100
    )
    assert found["all"]["R1@0.3"] < found["all"]["R5@0.3"]


def test_answers_need_a_duration_for_each_query():
    model = MODELS[2]
    with pytest.raises(InputError, match="3 predictions for 2 targets"):
        predictions_from_logits(model, torch.zeros(3, len(model.moments)), torch.ones(2), 5, 0.4)
    with pytest.raises(InputError, match=r"nms=\[1\.5\]: an overlap"):
        predictions_from_logits(model, torch.zeros(2, len(model.moments)), torch.ones(2), 5, 1.5)


def test_sentences_of_different_lengths_are_scored_together():
    model, video = MODELS[8].eval(), torch.randn(32, 8)
    words = [torch.randn(length, 4) for length in (2, 4, 1, 7, 3)]
    together = score_sentences(model, video, words, batch_size=2)
    with torch.no_grad():
        alone = [model(video[None], one[None], torch.tensor([len(one)]))[0] for one in words]
    torch.testing.assert_close(together, torch.stack(alone))
