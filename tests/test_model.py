"""The model's parts by hand, its convolution against the obvious loop, and what each setting leaves out."""

import os
import subprocess
import sys
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call

from lgn_lite import map_convolution as list_convolution
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.evaluation import rank
from lgn_lite.loss import moment_loss
from lgn_lite.model import LGN, EarlyModulation, LateGuidance, ListConvolution, SentenceEncoder
from lgn_lite.moments import Moments
from lgn_lite.recipes import VARIANTS


def batch_for(config: LGNConfig, B: int = 3, W: int = 4) -> dict[str, torch.Tensor]:
    """Random videos and sentences of unequal length."""
    counts = torch.arange(B) % W + 1
    words = torch.randint(1, config.vocabulary_size, (B, W))
    words[torch.arange(W) >= counts[:, None]] = 0
    video = torch.randn(B, config.num_frames, config.visual_dim)
    return {"video": video, "words": words, "word_counts": counts}


# ---- the convolution over the candidate list


def convolved_by_a_loop(layer: ListConvolution, moments: Moments, x: torch.Tensor, kernel: int):
    """One candidate after the other, one neighbour after the other."""
    cells = list(zip(moments.start_index.tolist(), moments.end_index.tolist(), strict=True))
    out = torch.zeros(*x.shape[:2], layer.bias.numel())
    for p, (start, end) in enumerate(cells):
        total, count = 0, 0
        for row, column in product(range(kernel), repeat=2):
            neighbour = (start + row - kernel // 2, end + column - kernel // 2)
            if neighbour in cells:
                total = total + x[:, cells.index(neighbour)] @ layer.weight[row * kernel + column]
                count += 1
        out[:, p] = F.relu(total + layer.bias) / count
    return out


@settings(max_examples=50, deadline=None)
@given(
    N=st.integers(1, 9),
    scales=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    kernel=st.sampled_from([1, 3, 5]),
    channels=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_list_convolution_equals_the_loop(N, scales, kernel, channels, seed):
    torch.manual_seed(seed)
    moments = Moments(N, scales)
    layer = ListConvolution(channels, moments, kernel)
    x = torch.randn(2, len(moments), channels)
    with torch.no_grad():
        expected = convolved_by_a_loop(layer, moments, x, kernel)
        torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)


def test_list_convolution_equals_a_padded_square_at_charades_size():
    """The square holds zeros where no candidate is, so each candidate's sum is the same."""
    moments, kernel, C = Moments(16, (16,)), 5, 32
    layer = ListConvolution(C, moments, kernel)
    x = torch.randn(2, len(moments), C)
    weight = layer.weight.unflatten(0, (kernel, kernel)).permute(3, 2, 0, 1)  # (C_out, C_in, k, k)
    square = F.conv2d(moments.to_map(x).permute(0, 3, 1, 2), weight, layer.bias, padding=kernel // 2)
    mask = moments.mask.float()[None, None]
    share = 1 / F.conv2d(mask, torch.ones(1, 1, kernel, kernel), padding=kernel // 2).clamp(min=1)
    torch.testing.assert_close(layer(x), moments.from_map((square.relu() * share).permute(0, 2, 3, 1)))


@pytest.mark.parametrize(("N", "scales", "kernel"), [(4, (4,), 3), (5, (2, 1), 5), (2, (1,), 3)])
def test_gradients_of_the_list_convolution(N, scales, kernel):
    moments = Moments(N, scales)
    layer = ListConvolution(2, moments, kernel).double()
    x = torch.randn(2, len(moments), 2, dtype=torch.float64, requires_grad=True)

    def call(x, weight, bias):
        return functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(call, (x, layer.weight, layer.bias))


@pytest.mark.parametrize("queries_at_once", [1, 3, 100])
@pytest.mark.parametrize(("N", "scales", "kernel"), [(4, (4,), 3), (9, (2, 2), 5), (2, (1,), 1)])
def test_one_gathered_product_is_the_sum_of_products(N, scales, kernel, queries_at_once, monkeypatch):
    """The way of half precision, held in double precision against the way of single precision."""
    moments, C = Moments(N, scales), 3
    neighbours = moments.neighbours(kernel)
    monkeypatch.setattr(list_convolution, "GATHERED", queries_at_once * neighbours.numel() * C)
    layer = ListConvolution(C, moments, kernel).double()
    x = torch.randn(7, len(moments), C, dtype=torch.float64, requires_grad=True)
    gathered = list_convolution._GatheredProduct.apply(x, layer.weight, neighbours)
    summed = list_convolution._NeighbourProduct.apply(
        x.transpose(0, 1), layer.weight, layer.at, layer.neighbour, layer.pairs
    ).transpose(0, 1)
    torch.testing.assert_close(gathered, summed)
    towards = torch.randn_like(gathered)
    for one, other in zip(
        *(torch.autograd.grad(y, (x, layer.weight), towards) for y in (gathered, summed)), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)  # weights' gradients add up in single precision


@pytest.mark.parametrize(("N", "scales", "kernel"), [(4, (4,), 3), (9, (2, 2), 5), (2, (1,), 1)])
def test_what_other_software_gets_is_the_same_product(N, scales, kernel, monkeypatch):
    moments = Moments(N, scales)
    layer = ListConvolution(3, moments, kernel).double()
    x = torch.randn(2, len(moments), 3, dtype=torch.float64)
    ours = layer(x)
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    monkeypatch.setattr(list_convolution._NeighbourProduct, "apply", lambda *_: pytest.fail("not the product for it"))
    torch.testing.assert_close(layer(x), ours)


def test_half_precision_comes_close_to_single():
    """Rounded once: twenty-five rounded partial sums would lie farther off."""
    moments = Moments(16, (16,))
    layer, x = ListConvolution(32, moments, 5), torch.randn(2, 136, 32)
    exact = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = layer(x)
    assert half.dtype == torch.float32 and exact.requires_grad and half.requires_grad
    scale = exact.abs().amax()
    assert 0 < (half - exact).abs().amax() < 0.006 * scale


@pytest.mark.parametrize("settings", [{}, {"guidance": 8, "guidance_scale": "rms"}, {"guidance": 0}])
def test_unit_start_weights_keep_the_signal_s_size(settings):
    """2D-TAN's start shrinks it a hundredfold and more over eight layers of 5 × 5."""
    config = LGNConfig.preset("charades-sta", hidden=48, visual_dim=8, **settings)
    sizes = {}
    for init in ("unit", "torch"):
        model, trace = LGN(config.override(init=init)), {}
        fused = F.normalize(torch.randn(2, len(model.moments), 48), dim=-1)
        model.convolve(fused, torch.ones(2, 48) if config.guidance else None, trace)
        sizes[init] = [trace[f"map_{i}"].square().mean().sqrt().item() for i in range(8)]
    assert all(0.1 < size < 10 for size in sizes["unit"])
    assert min(sizes["torch"]) < 0.01


# ---- shapes


@pytest.mark.parametrize("convolution", ["list", "dense"])
def test_shapes_through_every_stage(tiny_config, convolution):
    config = tiny_config(convolution=convolution, layers=2, guidance=1, num_clips=4, scales=(2, 1))
    model, trace = LGN(config), {}
    B, N, P, C = 3, 4, len(model.moments), config.hidden
    logits = model(**batch_for(config, B), trace=trace)
    assert P == 8  # 4 of one clip, 3 of two, 1 of four
    assert logits.shape == (B, P)
    shapes = {name: tuple(value.shape) for name, value in trace.items()}
    assert {name: shape for name, shape in shapes.items() if not name.startswith(("map", "guided", "share"))} == {
        "sentence": (B, config.text_dim),
        "frames": (B, config.num_frames, config.visual_dim),
        "clips": (B, N, C),
        "proposals": (B, P, C),
        "fused": (B, P, C),
        "alpha": (B, C),
        "features": (B, P, C),
    }
    # the square is padded by two cells and shrinks by two a layer
    maps = [shapes[f"map_{i}"] for i in range(2)]
    assert maps == ([(B, P, C)] * 2 if convolution == "list" else [(B, C, N + 2, N + 2), (B, C, N, N)])
    seen = trace["proposals"].any(-1)  # with so few channels ReLU may leave a candidate nothing, and no direction
    assert seen.sum() >= B * P - 4
    torch.testing.assert_close(trace["fused"].norm(dim=-1), seen.float())
    torch.testing.assert_close(trace["proposals"], model.moments.pool(trace["clips"]))


def test_the_localiser_in_time_scores_each_length_around_each_clip(tiny_config):
    """No score of a clip is another candidate's, and only clips within the kernels' reach matter to it."""
    config = tiny_config(convolution="temporal", layers=1, guidance=1, num_clips=8, scales=(3, 2), frame_dropout=0.0)
    model, trace = LGN(config).eval(), {}
    batch = batch_for(config, 2)
    logits = model(**batch, trace=trace)
    B, N, P = 2, 8, len(model.moments)
    assert "proposals" in trace and trace["proposals"] is trace["clips"] and trace["features"].shape == (B, N, 8)
    scores = model.score(trace["features"])  # (B, N, lengths)
    lengths = sorted({end - start for start, end in zip(*map(list, spans(model.moments)), strict=True)})
    assert scores.shape == (B, N, len(lengths)) and logits.shape == (B, P)
    for p, (start, end) in enumerate(zip(*spans(model.moments), strict=True)):
        torch.testing.assert_close(logits[:, p], scores[:, (start + end) // 2, lengths.index(end - start)])
    batch["video"][:, -1] += 1  # the last clip's last step
    changed = (model(**batch) != logits).any(0).nonzero().flatten().tolist()
    middles = [(start + end) // 2 for start, end in zip(*spans(model.moments), strict=True)]
    assert changed == [p for p in range(P) if middles[p] >= N - 2]


def spans(moments: Moments) -> tuple[list[int], list[int]]:
    return moments.start_index.tolist(), moments.end_index.tolist()


def test_clips_are_means_of_equal_spans_of_frames(tiny_config):
    config = tiny_config(early="none", frame_dropout=0.0)
    model, batch, trace = LGN(config), batch_for(tiny_config()), {}
    model(**batch, trace=trace)
    frames = F.relu(model.frames.reduce(trace["frames"]))
    torch.testing.assert_close(trace["clips"][:, 1], frames[:, 2:4].mean(1))  # 8 frames, 4 clips


# ---- the ablation


def names(config: LGNConfig) -> set[str]:
    return {name for name, _ in LGN(config).named_parameters()}


def test_ablation_rows_differ_by_exactly_the_parts_left_out(tiny_config):
    unit = {f"frames.unit{n}.project.{part}" for n in (1, 2) for part in ("weight", "bias")}
    attention = {"attention.weight", "attention.bias"}
    rows = {name: names(tiny_config().override(**left_out)) for name, left_out in VARIANTS.items()}
    assert rows["full"] - rows["early"] == attention
    assert rows["full"] - rows["late"] == unit
    assert rows["full"] - rows["baseline"] == unit | attention
    assert rows["baseline"] < rows["early"] < rows["full"] > rows["late"] > rows["baseline"]


def test_one_unit_or_two(tiny_config):
    both, fc7 = names(tiny_config(early="both")), names(tiny_config(early="fc7"))
    assert both - fc7 == {"frames.unit1.project.weight", "frames.unit1.project.bias"}
    assert fc7 < both


# ---- early modulation, eq. 2


def test_early_modulation_by_hand():
    unit = EarlyModulation(text_dim=2, channels=3)
    unit.project.weight.data = torch.tensor([[1.0, 0], [0, 1], [1, 1]])
    unit.project.bias.data = torch.tensor([0.0, 0, -1])
    sentence = torch.tensor([[2.0, -1.0]])  # gates 2, −1, 2 + (−1) − 1 = 0
    frames = torch.tensor([[[1.0, 2, 3], [4, 5, 6]]])
    assert unit(frames, sentence).tolist() == [[[2, -2, 0], [8, -5, 0]]]


def test_scale_and_shift_by_hand():
    unit = EarlyModulation(text_dim=1, channels=2, shift=True)
    unit.project.weight.data = torch.tensor([[1.0], [2], [10], [20]])
    unit.project.bias.data = torch.tensor([0.0, 1, 0, 1])
    frames = torch.tensor([[[1.0, -1]]])
    assert unit(frames, torch.tensor([[3.0]])).tolist() == [[[1 * 3 + 30, -1 * 7 + 61]]]


@pytest.mark.parametrize("modulation", ["product", "scale-shift"])
@pytest.mark.parametrize("early", ["none", "fc7", "both"])
@pytest.mark.parametrize("feature", ["fc6", "fc7", "c3d"])
def test_units_sit_where_the_paper_puts_them(tiny_config, feature, early, modulation):
    """fc6: unit, ReLU, fc7, unit, ReLU. Stored after ReLU: unit, new FC, unit, ReLU, or nothing at all."""
    config = tiny_config(feature=feature, early=early, modulation=modulation)
    model, batch, trace = LGN(config).eval(), batch_for(config), {}
    for unit in (model.frames.unit1, model.frames.unit2):
        if unit is not None:
            torch.nn.init.normal_(unit.project.weight)
    model(**batch, trace=trace)

    def modulate(unit, x):
        gate = unit.project(trace["sentence"])[:, None]
        return gate[..., :6] * x + (gate[..., 6:] if modulation == "scale-shift" else 0)

    x = batch["video"]
    if early == "both":
        x = modulate(model.frames.unit1, x)
    if feature == "fc6":
        x = x.relu()
    if feature == "fc6" or early != "none":
        x = model.frames.fc(x)
        if early != "none":
            x = modulate(model.frames.unit2, x)
        x = x.relu()
    torch.testing.assert_close(trace["frames"], x)


def test_the_sentence_reaches_the_frames_only_by_early_modulation(tiny_config):
    for early, same in (("none", True), ("fc7", False), ("both", False)):
        model = LGN(tiny_config(early=early)).eval()
        for unit in (model.frames.unit1, model.frames.unit2):
            if unit is not None:
                torch.nn.init.normal_(unit.project.weight)
        batch, traces = batch_for(model.config, B=1), ({}, {})
        for words, trace in zip(([[1, 2, 3, 4]], [[4, 5, 6, 2]]), traces, strict=True):
            model(batch["video"], torch.tensor(words), torch.tensor([4]), trace)
        assert torch.equal(traces[0]["clips"], traces[1]["clips"]) == same


# ---- late guidance, eq. 3

X = torch.tensor([[[3.0, 4.0], [0.0, 2.0]]])  # one query, two candidates, two channels
ALPHA = torch.tensor([[1.0, -2.0]])  # α ∘ C is [[3, −8], [0, −4]]


@pytest.mark.parametrize(
    ("norm", "scale", "expected"),
    [
        ("none", "unit", [[3, -8], [0, -4]]),
        ("none", "rms", [[3, -8], [0, -4]]),
        ("cell", "unit", [[3 / 73**0.5, -8 / 73**0.5], [0, -1]]),  # each candidate has norm 1
        ("cell", "rms", [[3 * (2 / 73) ** 0.5, -8 * (2 / 73) ** 0.5], [0, -(2**0.5)]]),  # times √C
        ("map", "unit", [[1, -8 / 80**0.5], [0, -4 / 80**0.5]]),  # each channel has norm 1
        ("map", "rms", [[2**0.5, -8 / 40**0.5], [0, -4 / 40**0.5]]),  # times √P
    ],
)
def test_late_guidance_by_hand(norm, scale, expected):
    torch.testing.assert_close(LateGuidance(norm, scale)(X, ALPHA), torch.tensor([expected]).float())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=4, max_size=4), st.integers(0, 3), st.integers(0, 99))
def test_over_a_map_the_size_of_alpha_cancels_and_its_sign_does_not(factors, flipped, seed):
    generator = torch.Generator().manual_seed(seed)
    x, alpha = torch.randn(2, 5, 4, generator=generator), torch.randn(2, 4, generator=generator)
    by_map, by_cell = LateGuidance("map", "unit"), LateGuidance("cell", "unit")
    torch.testing.assert_close(by_map(x, alpha * torch.tensor(factors)), by_map(x, alpha))
    signs = torch.ones(4)
    signs[flipped] = -1
    torch.testing.assert_close(by_map(x, alpha * signs), by_map(x, alpha) * signs)
    # over a cell only a common factor cancels
    torch.testing.assert_close(by_cell(x, alpha * factors[0]), by_cell(x, alpha))
    uneven = torch.tensor([1.0, 1, 1, 5])
    assert not torch.allclose(by_cell(x, alpha * uneven), by_cell(x, alpha), atol=1e-3)


def test_all_modules_share_one_attention(tiny_config):
    one, three = (tiny_config(layers=3, padding=3, guidance=K) for K in (1, 3))
    assert names(one) == names(three)
    model, trace = LGN(three), {}
    model(**batch_for(three), trace=trace)
    torch.testing.assert_close(trace["alpha"], model.attention(trace["sentence"]))
    for i in range(3):
        torch.testing.assert_close(trace[f"guided_{i}"], model.guide(trace[f"map_{i}"], trace["alpha"]))


@pytest.mark.parametrize("convolution", ["list", "dense", "temporal"])
@pytest.mark.parametrize(
    ("at", "K", "expected"),
    [("last", 2, "c c g c g"), ("first", 2, "c g c g c"), ("last", 0, "c c c"), ("first", 3, "c g c g c g")],
)
def test_guidance_follows_the_asked_layers(tiny_config, convolution, at, K, expected):
    model = LGN(tiny_config(convolution=convolution, layers=3, padding=3, guidance=K, guidance_at=at))
    calls = []
    for layer in model.convolutions:
        layer.register_forward_hook(lambda *_: calls.append("c"))
    model.guide.register_forward_hook(lambda *_: calls.append("g"))
    model(**batch_for(model.config))
    assert " ".join(calls) == expected


@pytest.mark.parametrize("convolution", ["list", "dense", "temporal"])
def test_each_module_may_have_an_attention_of_its_own(tiny_config, convolution):
    config = tiny_config(convolution=convolution, layers=3, padding=3, guidance=2)
    model = LGN(config)
    rows = config.num_clips if convolution == "temporal" else len(model.moments)
    fused = F.normalize(torch.randn(2, rows, config.hidden), dim=-1)
    one, other = torch.rand(2, 2, config.hidden) + 0.5
    shared = model.convolve(fused, one)
    torch.testing.assert_close(model.convolve(fused, torch.stack([one, one], 1)), shared)
    trace, mixed = {}, {}
    model.convolve(fused, torch.stack([one, one], 1), trace)
    model.convolve(fused, torch.stack([one, other], 1), mixed)
    torch.testing.assert_close(mixed["guided_1"], trace["guided_1"])  # the first module is as it was
    assert not torch.allclose(mixed["guided_2"], trace["guided_2"])


def test_a_bag_of_words_knows_the_words_and_not_their_order():
    encoder = SentenceEncoder(word_dim=5, text_dim=6, layers=0, vocabulary_size=9)
    words = torch.tensor([[3, 4, 5, 0], [5, 3, 4, 0], [5, 3, 8, 0], [3, 3, 3, 3]])
    f_s = encoder(words, torch.tensor([3, 3, 3, 4]))
    torch.testing.assert_close(f_s[0], f_s[1])
    assert not torch.allclose(f_s[0], f_s[2])
    padded = torch.cat([words, torch.full((4, 2), 7)], dim=1)  # whatever stands after the last word
    torch.testing.assert_close(encoder(padded, torch.tensor([3, 3, 3, 4])), f_s)
    torch.testing.assert_close(f_s[3], encoder.linear(encoder.embedding.weight[3]))


@pytest.mark.parametrize("settings", [{"convolution": "temporal"}, {"text_encoder": "bag"}])
def test_unit_start_weights_of_the_other_parts(settings):
    model, trace = LGN(LGNConfig.preset("toy", vocabulary_size=60, **settings)).eval(), {}
    words = torch.randint(2, 60, (32, 9))
    logits = model(torch.randn(32, model.config.num_frames, 256).relu(), words, torch.full((32,), 9), trace=trace)
    assert 0.3 < trace["sentence"].std() < 3
    assert all(0.3 < trace[f"map_{i}"].square().mean().sqrt() < 3 for i in range(4))
    assert 0.1 < logits.std() < 3


def test_ends_add_what_changes_at_a_candidate_s_start_and_end(tiny_config):
    """Written candidate by candidate; outside the video there is nothing."""
    model = LGN(tiny_config(pooling="ends"))
    clips, f_s = torch.randn(2, model.config.num_clips, model.config.hidden), torch.randn(2, model.config.text_dim)
    trace = {}
    model.localise(clips, f_s, model.alpha(f_s), trace)
    nothing = torch.zeros_like(clips[:, 0])
    at_start, at_end = model.fuse_ends.weight.chunk(2)
    pairs = zip(model.moments.start_index.tolist(), model.moments.end_index.tolist(), strict=True)
    for p, (first, last) in enumerate(pairs):
        before = clips[:, first - 1] if first else nothing
        after = clips[:, last + 1] if last + 1 < clips.shape[1] else nothing
        video = model.fuse_video(clips[:, first : last + 1].amax(1))
        video = video + (clips[:, first] - before) @ at_start.T + (after - clips[:, last]) @ at_end.T
        fused = torch.nn.functional.normalize(model.fuse_text(f_s) * video, dim=-1)
        torch.testing.assert_close(trace["fused"][:, p], fused)


def test_guidance_by_nothing_is_unconditioned(tiny_config):
    """The control of the ablation: α is learned, but no sentence changes it; everything else still hears."""
    conditioned, unconditioned = (LGN(tiny_config(guidance_by=by)) for by in ("sentence", "nothing"))
    sentences = torch.randn(2, 10)
    assert not torch.allclose(*conditioned.alpha(sentences))
    torch.testing.assert_close(*unconditioned.alpha(sentences))
    torch.testing.assert_close(unconditioned.alpha(sentences)[0], unconditioned.attention.bias)
    unconditioned(**batch_for(unconditioned.config)).sum().backward()
    assert unconditioned.attention.bias.grad.any() and not unconditioned.attention.weight.grad.any()


@pytest.mark.parametrize("init", ["torch", "unit"])
def test_fusion_by_nothing_leaves_the_sentence_to_the_other_stages(tiny_config, init):
    """The control: what is fused is the same for all sentences, and late guidance alone still tells them apart."""
    model = LGN(tiny_config(fusion_by="nothing", early="none", init=init)).eval()
    batch = batch_for(model.config)
    batch["video"] = batch["video"][:1].expand_as(batch["video"])  # one video, several sentences
    trace = {}
    logits = model(**batch, trace=trace)
    torch.testing.assert_close(trace["fused"][0], trace["fused"][1])
    assert trace["fused"].any() and not torch.allclose(logits[0], logits[1])
    logits.sum().backward()
    assert model.fuse_text.bias.grad.any() and not model.fuse_text.weight.grad.any()
    blind = LGN(tiny_config(fusion_by="nothing", early="none", guidance=0, init=init)).eval()
    torch.testing.assert_close(*blind(**batch)[:2])


# ---- the sentence


def test_padding_changes_nothing():
    encoder = SentenceEncoder(word_dim=5, text_dim=6, layers=2, vocabulary_size=9)
    words = torch.tensor([[3, 1, 4], [2, 0, 0]])
    counts = torch.tensor([3, 1])
    alone = [encoder(words[i : i + 1, :n], counts[i : i + 1])[0] for i, n in enumerate((3, 1))]
    for padding in (0, 7):  # whatever stands there
        padded = torch.full((2, 6), padding)
        padded[:, :3] = torch.where(words > 0, words, padding)
        torch.testing.assert_close(encoder(padded, counts), torch.stack(alone))
    assert not torch.allclose(encoder(words, torch.tensor([2, 1]))[0], alone[0])  # the last word counts


def test_words_as_numbers_and_as_vectors_agree():
    encoder = SentenceEncoder(word_dim=5, text_dim=6, layers=1, vocabulary_size=9)
    words, counts = torch.tensor([[3, 1, 4], [2, 8, 0]]), torch.tensor([3, 2])
    torch.testing.assert_close(encoder(encoder.embedding(words), counts), encoder(words, counts))


def test_numbers_without_a_vocabulary_are_refused(tiny_config):
    config = tiny_config(vocabulary_size=0)
    model = LGN(config)
    batch = batch_for(tiny_config())
    with pytest.raises(InputError, match=r"built for word vectors .* but got word numbers"):
        model(**batch)
    vectors = torch.randn(3, 4, config.word_dim)
    assert model(**{**batch, "words": vectors}).shape == (3, len(model.moments))


# ---- the whole


@pytest.mark.parametrize("convolution", ["list", "dense"])
@pytest.mark.parametrize("settings", [{}, {"early": "none", "guidance": 0}, {"guidance_norm": "map"}])
def test_every_parameter_gets_a_gradient_and_a_step_helps(tiny_config, convolution, settings):
    config = tiny_config(convolution=convolution, frame_dropout=0.0, hidden=16, **settings)
    model, batch = LGN(config), batch_for(config, B=8)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    iou = model.moments.iou(torch.tensor([[0.0, 0.5], [0.25, 1.0]]).repeat(4, 1))

    def loss():
        return moment_loss(model(**batch), iou, config.t_min, config.t_max)

    before = loss()
    before.backward()
    idle = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert not idle
    optimiser.step()
    assert loss() < before


@pytest.mark.parametrize("feature", ["fc6", "fc7", "c3d"])
def test_queries_of_a_batch_do_not_mix(tiny_config, feature):
    model = LGN(tiny_config(feature=feature)).eval()
    batch = batch_for(model.config, B=5)
    order = torch.tensor([3, 0, 4, 1, 2])
    logits = model(**batch)
    assert logits.std() > 1e-3
    torch.testing.assert_close(model(**{name: value[order] for name, value in batch.items()}), logits[order])
    alone = model(batch["video"][:1], batch["words"][:1, :1], batch["word_counts"][:1])
    torch.testing.assert_close(alone, logits[:1])


@pytest.mark.parametrize("convolution", ["list", "dense"])
def test_half_precision_runs_forward_and_backward(tiny_config, convolution):
    torch.manual_seed(1)  # of a hundred draws some two are farther off, where rounding shuts a ReLU
    config = tiny_config(convolution=convolution, frame_dropout=0.0)
    model, batch = LGN(config), batch_for(config)
    whole = model(**batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(**batch)
    logits.float().sigmoid().sum().backward()
    torch.testing.assert_close(logits.float(), whole, rtol=0.1, atol=0.1)
    assert not torch.equal(logits.float(), whole)
    for parameter in model.parameters():
        assert parameter.grad.dtype == torch.float32 and parameter.grad.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("isa", ["AVX2", "AVX512_CORE"])
def test_half_precision_needs_no_particular_cpu(tiny_config, isa):
    """oneDNN has an LSTM in bf16 for some CPUs only, and chooses as the process starts."""
    code = f"""
import torch
from lgn_lite.config import LGNConfig
from lgn_lite.model import LGN
model = LGN(LGNConfig.from_dict({tiny_config().to_dict()!r}))
with torch.autocast("cpu", dtype=torch.bfloat16):
    logits = model(torch.randn(2, 8, 6), torch.ones(2, 3, dtype=torch.long), torch.tensor([3, 1]))
logits.float().sum().backward()
assert all(p.grad.isfinite().all() for p in model.parameters())
"""
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": isa}  # at most this: a lesser CPU stays what it is
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_dropout_acts_in_training_only(tiny_config):
    model = LGN(tiny_config(frame_dropout=0.5))
    batch = batch_for(model.config)
    assert not torch.equal(model(**batch), model(**batch))
    model.eval()
    assert torch.equal(model(**batch), model(**batch))


def test_saved_for_the_hub_and_read_back(tmp_path, tiny_config):
    model = LGN(tiny_config(scales=(2, 1), guidance_norm="map", nms=0.3)).eval()
    model.save_pretrained(tmp_path / "hub")
    again = LGN.from_pretrained(str(tmp_path / "hub"))
    assert again.config == model.config
    batch = batch_for(model.config)
    assert torch.equal(again.eval()(**batch), model(**batch))


def test_a_checkpoint_folder_is_a_hub_folder(checkpoint_folder):
    ours = load_checkpoint(checkpoint_folder).model
    theirs = LGN.from_pretrained(str(checkpoint_folder)).eval()
    assert theirs.config == ours.config
    batch = batch_for(ours.config)
    assert torch.equal(theirs(**batch), ours(**batch))


def test_ranking_leaves_the_model_where_it_is(monkeypatch):
    model = LGN(LGNConfig.preset("toy", vocabulary_size=5))
    monkeypatch.setattr(type(model.moments), "to", lambda *_: pytest.fail("the model's tables were moved"))
    segments, scores = rank(model, torch.randn(2, len(model.moments)), torch.tensor([10.0, 20.0]))
    assert segments.shape == (2, len(model.moments), 2) and (scores.diff(dim=1) <= 0).all()
