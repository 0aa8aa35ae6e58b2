"""Replacing what a stage is given: the model as it is without a replacement, by hand with one, and paired intervals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from lgn_lite.analysis.interventions import PairedDifference, hits, other_queries, paired_by_video, replaced_logits
from lgn_lite.annotations import Query
from lgn_lite.errors import InputError
from lgn_lite.evaluation import evaluate_logits, score_queries
from lgn_lite.model import LGN


@pytest.fixture
def model(tiny_config, vocabulary) -> LGN:
    return LGN(tiny_config(vocabulary_size=len(vocabulary))).eval()


@pytest.fixture
def vectors(training_set) -> torch.Tensor:
    """A sentence vector (Q, H) for each query, drawn at random."""
    return torch.randn(len(training_set), 10)


@pytest.mark.parametrize("settings", [{}, {"convolution": "dense"}, {"convolution": "temporal"}, {"guidance": 0}])
def test_nothing_replaced_is_the_model_as_it_is(tiny_config, vocabulary, training_set, settings):
    model = LGN(tiny_config(vocabulary_size=len(vocabulary), **settings))
    own = score_queries(model, training_set)
    for batch_size in (3, 64):
        torch.testing.assert_close(replaced_logits(model, training_set, batch_size=batch_size), own)


def test_each_stage_gets_what_it_is_given_and_the_others_their_own(model, training_set, vectors):
    i, words = 7, training_set[7]["words"][None]
    with torch.no_grad():
        own = model.sentence(words, torch.tensor([words.shape[1]]))
        for changed in ("early", "fusion", "alpha"):
            given = {name: vectors[i : i + 1] if name == changed else own for name in ("early", "fusion", "alpha")}
            proposals = model.moments.pool(model.frames(training_set[i]["video"][None], given["early"]))
            product = model.fuse_text(given["fusion"])[:, None] * model.fuse_video(proposals)
            features = model.convolve(F.normalize(product, dim=-1), model.alpha(given["alpha"]))
            by_hand = model.score(features)[0, :, 0]
            value = model.alpha(vectors) if changed == "alpha" else vectors
            found = replaced_logits(model, training_set, **{changed: value}, batch_size=6)
            torch.testing.assert_close(found[i], by_hand)
            assert not torch.allclose(found, score_queries(model, training_set))


def test_one_vector_serves_all_queries(model, training_set, vectors):
    alpha = model.alpha(vectors)[0].detach()
    found = replaced_logits(model, training_set, early=vectors[0], alpha=alpha)
    many = {"early": vectors[:1].expand(20, -1), "alpha": alpha.expand(20, -1)}
    torch.testing.assert_close(found, replaced_logits(model, training_set, **many))


def test_what_cannot_be_replaced_is_refused(tiny_config, vocabulary, training_set, model, vectors):
    with pytest.raises(InputError, match="no α to replace"):
        bare = LGN(tiny_config(vocabulary_size=len(vocabulary), guidance=0))
        replaced_logits(bare, training_set, alpha=torch.ones(8))
    with pytest.raises(InputError, match="early: 3 rows for 20 queries"):
        replaced_logits(model, training_set, early=vectors[:3])


def test_the_mean_of_hits_is_recall(model, training_set):
    logits = score_queries(model, training_set)
    table = evaluate_logits(model, logits, training_set.queries)["all"]
    found = hits(model, logits, training_set.queries)
    assert 100 * found.double().mean().item() == pytest.approx(table["R1@0.5"])
    assert 100 * hits(model, logits, training_set.queries, 0.3).double().mean().item() == pytest.approx(table["R1@0.3"])


def query(video: str, start: float, end: float) -> Query:
    return Query(video, "a light", start, end, 20.0, "test")


def test_another_query_is_the_next_of_its_video_at_another_time():
    queries = [query("a", 0, 4), query("b", 5, 9), query("a", 0, 5), query("a", 10, 14), query("c", 1, 3)]
    # 0 and 2 overlap; b and c have one query each
    assert other_queries(queries) == [3, 2, 3, 0, 0]
    with pytest.raises(InputError, match="no other query"):
        other_queries([query("a", 0, 4), query("a", 0, 5)])


def test_equal_groups_give_students_interval_of_the_video_means():
    rng = np.random.default_rng(0)
    queries = [query(f"v{n // 5}", 0, 4) for n in range(40)]
    found, reference = torch.from_numpy(rng.random((2, 40)) < 0.6)
    mean, low, high, videos = paired_by_video(found, reference, queries)
    of_video = 100 * (found.double() - reference.double()).view(8, 5).mean(1).numpy()
    expected = stats.ttest_1samp(of_video, 0).confidence_interval(0.95)
    assert (mean, low, high, videos) == pytest.approx((of_video.mean(), expected.low, expected.high, 8))


def test_queries_of_one_video_are_no_more_certain_than_one():
    queries = [query(f"v{n}", 0, 4) for n in range(6)]
    found, reference = torch.tensor([1, 1, 0, 1, 0, 1]), torch.tensor([0, 1, 0, 0, 1, 0])
    once = paired_by_video(found, reference, queries)
    assert paired_by_video(found.repeat(9), reference.repeat(9), queries * 9) == pytest.approx(once)


def test_the_interval_holds_the_difference_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        sizes = rng.integers(1, 12, 30)
        queries = [query(f"v{n}", 0, 4) for n, size in enumerate(sizes) for _ in range(size)]
        chance = np.repeat(rng.beta(2, 2, 30), sizes)  # of a hit: alike within a video
        found, reference = (torch.from_numpy(rng.random(len(queries)) < c) for c in (0.2 + 0.8 * chance, chance))
        # hits are 0.2 · (1 − chance) more probable, 0.1 on average
        low, high = paired_by_video(found, reference, queries)[1:3]
        held += low <= 10 <= high
    assert 0.91 <= held / 300 <= 0.98


@pytest.mark.parametrize(
    "numbers, verdict, text",
    [
        ((3.0, 1.0, 5.0), "clearly higher", "+3.0 points [+1.0, +5.0]"),
        ((-3.0, -5.0, -1.0), "clearly lower", "−3.0 points [−5.0, −1.0]"),
        ((-1.0, -2.5, 0.5), "open: the interval includes 0", "−1.0 points [−2.5, +0.5]"),
        ((0.0, 0.0, 0.0), "open: the interval includes 0", "+0.0 points [+0.0, +0.0]"),
    ],
)
def test_a_verdict_is_no_stronger_than_the_interval(numbers, verdict, text):
    found = PairedDifference(*numbers, videos=9)
    assert (found.verdict, str(found)) == (verdict, text)


def test_one_video_has_no_interval():
    queries = [replace(query("v", 0, 4), sentence=str(n)) for n in range(3)]
    found = paired_by_video(torch.tensor([1, 1, 1]), torch.tensor([0, 1, 0]), queries)
    assert found.mean == pytest.approx(200 / 3) and np.isnan(found.low) and "two videos" in found.verdict
    with pytest.raises(InputError, match="for 3 queries"):
        paired_by_video(torch.ones(2), torch.ones(3), queries)
