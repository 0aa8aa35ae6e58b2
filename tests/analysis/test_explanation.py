"""What explains a prediction: each view is checked against the model run by hand."""

import pytest
import torch
import torch.nn.functional as F

from lgn_lite.analysis.explanation import explain, mean_alpha, sentence_vectors, top_predictions, word_effects
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.errors import InputError
from lgn_lite.metrics import temporal_nms
from lgn_lite.model import LGN


@pytest.fixture
def asked():
    """A video (T, D) and a sentence (W,) for the tiny settings."""
    return torch.randn(8, 6), torch.tensor([2, 5, 3])


def lively(config) -> LGN:
    """A model whose attention and gates depend on the sentence as strongly as a trained one's."""
    model = LGN(config).eval()
    with torch.no_grad():
        for layer in (model.attention, *(unit.project for unit in model.frames.units())):
            if layer is not None:
                layer.weight.normal_(0, 1)
    return model


@pytest.mark.parametrize("convolution", ["list", "dense"])
def test_scores_are_the_model_s_and_read_off_the_features(tiny_config, asked, convolution):
    model = lively(tiny_config(convolution=convolution, layers=3, padding=3, guidance=2))
    found = explain(model, *asked)
    with torch.no_grad():
        logits = model(asked[0][None], asked[1][None], torch.tensor([3]))[0]
    torch.testing.assert_close(found.scores, logits.sigmoid())
    read = found.features @ found.readout + model.score.bias.detach()
    torch.testing.assert_close(read.sigmoid(), found.scores)


@pytest.mark.parametrize("convolution", ["list", "dense"])
def test_steps_give_one_module_after_the_other_the_sentence(tiny_config, asked, convolution):
    model = lively(tiny_config(convolution=convolution, layers=3, padding=3, guidance=2))
    found = explain(model, *asked)
    assert found.steps.shape == (3, len(model.moments))
    torch.testing.assert_close(found.steps[-1], found.scores)  # with the sentence in all: the model as it is
    with torch.no_grad():
        trace = {}
        model(asked[0][None], asked[1][None], torch.tensor([3]), trace=trace)
        bias = model.attention.bias
        unconditioned = model.score(model.convolve(trace["fused"], bias[None])).squeeze().sigmoid()
        # the first module gets the sentence, the second does not
        half = torch.stack([trace["alpha"], bias[None]], dim=1)
        half = model.score(model.convolve(trace["fused"], half)).squeeze().sigmoid()
    torch.testing.assert_close(found.steps[0], unconditioned)
    torch.testing.assert_close(found.steps[1], half)
    assert not torch.allclose(unconditioned, half) and not torch.allclose(half, found.scores)


def test_modules_without_the_sentence_may_get_another_alpha(tiny_config, asked):
    model = lively(tiny_config(layers=3, padding=3, guidance=2))
    neutral = torch.rand(8) + 0.5
    found = explain(model, *asked, neutral=neutral)
    with torch.no_grad():
        trace = {}
        model(asked[0][None], asked[1][None], torch.tensor([3]), trace=trace)
        unconditioned = model.score(model.convolve(trace["fused"], neutral[None])).squeeze().sigmoid()
    torch.testing.assert_close(found.steps[0], unconditioned)
    torch.testing.assert_close(found.steps[-1], found.scores)
    torch.testing.assert_close(found.neutral, neutral)


def test_mean_alpha_is_the_mean_over_sentences(checkpoint_folder):
    checkpoint = load_checkpoint(checkpoint_folder)
    sentences, model = ["red light", "the blue light shines"], checkpoint.model
    with torch.no_grad():
        one_by_one = [
            model.alpha(model.sentence(words[None], torch.tensor([len(words)])))[0]
            for words in map(checkpoint.encode, sentences)
        ]
    torch.testing.assert_close(mean_alpha(checkpoint, sentences), torch.stack(one_by_one).mean(0))
    vectors = sentence_vectors(checkpoint, sentences)
    torch.testing.assert_close(model.alpha(vectors.mean(0)), mean_alpha(checkpoint, sentences))


def test_without_guidance_there_is_one_step_and_no_alpha(tiny_config, asked):
    found = explain(LGN(tiny_config(guidance=0)), *asked)
    assert found.alpha is None and found.neutral is None and found.steps.shape[0] == 1
    torch.testing.assert_close(found.steps[0], found.scores)
    with pytest.raises(InputError, match="no late guidance"):
        found.strongest(3)


def test_strongest_channels_are_those_raised_and_lowered_most_against_the_neutral_alpha(tiny_config, asked):
    found = explain(lively(tiny_config()), *asked, neutral=3 * torch.randn(8))
    raised, lowered = found.strongest(3)
    order = sorted(range(len(found.alpha)), key=lambda c: found.neutral[c] - found.alpha[c])
    assert raised.tolist() == order[:3] and lowered.tolist() == order[:-4:-1]


def test_gates_are_equation_2(tiny_config, asked):
    model = lively(tiny_config(early="both"))
    video, words = asked
    first, second = explain(model, video, words).gates
    with torch.no_grad():
        f_s = model.sentence(words[None], torch.tensor([3]))
        torch.testing.assert_close(first.gate, model.frames.unit1.project(f_s)[0])
        torch.testing.assert_close(first.before, video)
        torch.testing.assert_close(first.after, first.gate * video)
        fc7 = model.frames.fc(F.relu(first.after))
    torch.testing.assert_close(second.before, fc7)
    torch.testing.assert_close(second.after, second.gate * fc7)
    assert first.shift is None
    by_hand = [(first.after[t] - video[t]).norm() / video[t].norm() for t in range(8)]
    torch.testing.assert_close(first.moved, torch.stack(by_hand))
    change = (first.after - first.before).square().sum(0)
    assert first.most_changed(2).tolist() == change.topk(2).indices.tolist()
    assert len(explain(lively(tiny_config(early="none")), video, words).gates) == 0


def test_a_shift_is_distinguished_from_a_gate(tiny_config, asked):
    (found,) = explain(lively(tiny_config(early="fc7", modulation="scale-shift")), *asked).gates
    torch.testing.assert_close(found.after, found.gate * found.before + found.shift)


def test_top_answers_are_those_of_nms(tiny_config):
    model = LGN(tiny_config(num_clips=8, scales=(8,)))
    scores = torch.rand(len(model.moments))
    kept, dropped = top_predictions(model, scores, keep=3)
    order = scores.argsort(descending=True)
    spans = model.moments.spans(torch.float64)[order]
    assert kept == order[temporal_nms(spans, model.config.nms, 3)].tolist()
    assert not set(kept) & set(dropped)
    worse = scores[kept[-1]]
    assert set(kept) | set(dropped) == {p for p in range(len(scores)) if scores[p] >= worse}
    everything, none = top_predictions(model, scores, keep=len(scores), nms=1.0)
    assert everything == order.tolist() and none == []


def test_word_effects_leave_out_one_word_at_a_time(checkpoint_folder):
    checkpoint = load_checkpoint(checkpoint_folder)
    video, sentence = torch.randn(8, 6), "The red light, shines!"
    effects = word_effects(checkpoint, video, sentence)
    assert [effect.word for effect in effects] == ["the", "red", "light", "shines"]
    model = checkpoint.model
    with torch.no_grad():
        words = checkpoint.encode(sentence)
        whole = model(video[None], words[None], torch.tensor([4]))[0].sigmoid()
        without = model(video[None], words[None, [0, 2, 3]], torch.tensor([3]))[0].sigmoid()
    best = whole.argmax()
    assert effects[1].score == pytest.approx(without[best].item(), abs=1e-6)
    assert effects[1].change == pytest.approx((without[best] - whole[best]).item(), abs=1e-6)
    assert effects[1].prediction == pytest.approx(model.moments.spans()[without.argmax()].tolist())
    assert word_effects(checkpoint, video, "light") == []
    with pytest.raises(InputError, match="no words"):
        word_effects(checkpoint, video, "?!")
