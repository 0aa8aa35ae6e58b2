"""How a check tries a reader's module, loss or step: what passes, and what the messages say."""

import pytest
import torch
import torch.nn.functional as F
from helpers.messages import message
from torch import nn

from lgn_lite.course.check.modules import compare_functions, compare_modules, compare_steps
from lgn_lite.loss import moment_loss
from lgn_lite.map_convolution import ListConvolution
from lgn_lite.model import EarlyModulation, SentenceEncoder
from lgn_lite.moments import Moments


class Right(nn.Module):
    def __init__(self, text_dim, channels):
        super().__init__()
        self.gate = nn.Linear(text_dim, channels)
        nn.init.ones_(self.gate.bias)

    def forward(self, features, sentence):
        return self.gate(sentence).unsqueeze(1) * features


def variant(forward=None, init=None):
    """The right module with another forward, or with something done after its __init__."""

    class Variant(Right):
        def __init__(self, text_dim, channels):
            super().__init__(text_dim, channels)
            if init:
                init(self)

    if forward:
        Variant.forward = forward
    return Variant


def modulation(solution, **options):
    cases = [
        ((2, 3), lambda: (torch.randn(1, 4, 3), torch.randn(1, 2)), "The gate multiplies."),
        ((5, 4), lambda: (torch.randn(3, 2, 4), torch.randn(3, 5)), "Each sentence has its own gate."),
    ]
    compare_modules("Mod", solution, EarlyModulation, cases, "Yes.", initial=("project.bias",), **options)


def test_the_right_module_passes(capsys):
    modulation(Right)
    modulation(EarlyModulation)
    assert capsys.readouterr().out == "Mod: right. Yes.\n" * 2


def test_a_module_without_forward_is_not_written_yet(capsys):
    class Empty(nn.Module):
        def __init__(self, text_dim, channels):
            super().__init__()
            ...

        def forward(self, features, sentence): ...

    class Less(nn.Module):
        pass

    modulation(Empty)
    modulation(Less)
    assert capsys.readouterr().out.count("nothing returned yet") == 2


def in_place(self, features, sentence):
    features *= self.gate(sentence).unsqueeze(1)
    return features


def detached(self, features, sentence):
    return torch.tensor((self.gate(sentence).unsqueeze(1) * features).tolist())


def forgotten(self, features, sentence):
    result = self.gate(sentence).unsqueeze(1) * features  # noqa: F841


@pytest.mark.parametrize(
    "solution, words",
    [
        (variant(lambda self, f, s: self.gate(s).unsqueeze(1) + f), "The gate multiplies"),
        (variant(lambda self, f, s: self.gate(s) * f), "Each sentence has its own gate"),
        (variant(lambda self, f, s: (self.gate(s).unsqueeze(1) * f).mT), "dimensions are in another order"),
        (variant(lambda self, f, s: (self.gate(s).unsqueeze(1) * f).unsqueeze(0)), "size 1 is left over"),
        (variant(lambda self, f, s: self.gate(s).detach().unsqueeze(1) * f), "no gradient reaches"),
        (variant(lambda self, f, s: self.gate(s).unsqueeze(1) * f.detach()), "no gradient reaches f from"),
        (variant(detached), "no gradient reaches"),
        (variant(in_place), "by changing an input"),
        (variant(lambda self, f, s: F.dropout(self.gate(s).unsqueeze(1) * f)), "in evaluation mode"),
        (variant(lambda self, f, s: F.dropout(self.gate(s).unsqueeze(1) * f, 0.5, self.training)), "in training mode"),
        (variant(forgotten), "is a return missing?"),
        (variant(lambda self, f, s: s.matmul(f)), "raised RuntimeError"),
        (variant(lambda self, f: f), "raised TypeError"),
        (variant(init=lambda m: nn.init.zeros_(m.gate.bias)), "gate.bias the first values"),
        (variant(init=lambda m: setattr(m, "more", nn.Linear(1, 1))), "made in __init__"),
        (variant(init=lambda m: setattr(m, "gate", nn.Linear(3, 2))), "(outputs, inputs)"),
        (variant(init=lambda m: m.gate.requires_grad_(False)), "no gradient reaches gate.weight"),
        (variant(init=lambda m: 1 / 0), "raised ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_a_module_is_named(solution, words):
    assert words in message(modulation, solution)


def test_a_module_is_a_class_that_calls_its_parent():
    class Orphan(nn.Module):
        def __init__(self, text_dim, channels):
            self.gate = nn.Linear(text_dim, channels)

        def forward(self, features, sentence):
            return features

    assert "super().__init__()" in message(modulation, Orphan)
    assert "should be a class" in message(modulation, lambda features, sentence: features)


def test_a_check_leaves_the_random_numbers_as_they_are(capsys):
    torch.manual_seed(3)
    first = torch.rand(2)
    torch.manual_seed(3)
    modulation(Right)
    loss(moment_loss)
    step(right_step)
    assert torch.equal(torch.rand(2), first)


def test_the_course_s_modules_written_otherwise_pass(capsys):
    class Encoder(nn.Module):
        def __init__(self, word_dim, text_dim, layers, vocabulary_size):
            super().__init__()
            self.words = nn.Embedding(vocabulary_size, word_dim, padding_idx=0)
            self.rnn = nn.LSTM(word_dim, text_dim, layers, batch_first=True)
            self.out = nn.Linear(text_dim, text_dim)

        def forward(self, words, counts):
            packed = nn.utils.rnn.pack_padded_sequence(self.words(words), counts, True, enforce_sorted=False)
            return self.out(self.rnn(packed)[1][0][-1])

    class ByGather(nn.Module):
        def __init__(self, channels, moments, kernel):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(kernel**2, channels, channels))
            self.bias = nn.Parameter(torch.zeros(channels))
            self.neighbours = moments.neighbours(kernel)

        def forward(self, x):
            padded = F.pad(x, (0, 0, 0, 1))
            total = sum(padded[:, at] @ w for at, w in zip(self.neighbours.T, self.weight, strict=True))
            return F.relu(total + self.bias) / (self.neighbours < x.shape[1]).sum(1, keepdim=True)

    def sentences():
        return torch.randint(1, 9, (3, 6)), torch.tensor([6, 2, 4])

    moments = Moments(6, (4, 1))
    compare_modules("Encoder", Encoder, SentenceEncoder, [((3, 4, 1, 9), sentences, "Padding.")], "Yes.")
    cases = [((2, moments, 3), lambda: (torch.randn(2, len(moments), 2),), "Neighbours.")]
    compare_modules("ByGather", ByGather, ListConvolution, cases, "Yes.")

    def pool(clips):
        pairs = zip(moments.start_index, moments.end_index, strict=True)
        return torch.stack([clips[:, first : last + 1].amax(1) for first, last in pairs], 1)

    inputs = [(lambda: (torch.randn(2, 6, 3),), "Maximum.")]
    compare_functions("pool", pool, moments.pool, inputs, "Yes.")
    assert capsys.readouterr().out.count("right. Yes.") == 3
    assert "one result" in message(compare_functions, "f", lambda clips: list(pool(clips)), moments.pool, inputs, "")


def test_a_known_mistake_of_a_module_is_named():
    mistakes = [(variant(lambda self, f, s: self.gate(s).unsqueeze(1) + f), "It is a product.")]
    added = variant(lambda self, f, s: f + self.gate(s)[:, None])
    assert message(modulation, added, mistakes=mistakes).endswith("It is a product.")


def test_dropout_that_the_reference_has_is_demanded(capsys):
    class Dropped(Right):
        def forward(self, features, sentence):
            return F.dropout(super().forward(features, sentence), 0.5, self.training)

    cases = [((2, 3), lambda: (torch.randn(2, 8, 3), torch.randn(2, 2)), "Why.")]
    compare_modules("Mod", Dropped, Dropped, cases, "Yes.")
    assert "right" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="same result twice in training mode"):
        compare_modules("Mod", Right, Dropped, cases, "Yes.")


def loss(solution, **options):
    cases = [
        (lambda: (torch.randn(1, 6), torch.rand(1, 6), 0.3, 0.9), "Cross entropy of the scaled IoU."),
        (lambda: (torch.randn(4, 6) * 200, torch.rand(4, 6), 0.0, 0.5), "From logits: log(1 − p) overflows."),
    ]
    compare_functions("loss", solution, moment_loss, cases, "Yes.", gradients=(0,), **options)


def labels(iou, low, high):
    return ((iou - low) / (high - low)).clamp(0, 1)


@pytest.mark.parametrize(
    "solution, words",
    [
        (lambda z, o, a, b: F.binary_cross_entropy_with_logits(z, (o - a) / (b - a)), "Cross entropy of"),
        (lambda z, o, a, b: F.binary_cross_entropy_with_logits(z, labels(o, a, b), reduction="none"), "one number"),
        (lambda z, o, a, b: F.binary_cross_entropy_with_logits(z, labels(o, a, b)).item(), "no gradient reaches z"),
        (lambda z, o, a, b: F.binary_cross_entropy_with_logits(z.detach(), labels(o, a, b)), "no gradient reaches z"),
        (
            lambda z, o, a, b: (
                -(labels(o, a, b) * z.sigmoid().log() + (1 - labels(o, a, b)) * (1 - z.sigmoid()).log()).mean()
            ),
            "From logits",
        ),
    ],
)
def test_what_is_wrong_with_a_loss_is_named(solution, words):
    assert words in message(loss, solution)


def test_the_right_loss_passes(capsys):
    loss(lambda z, o, a, b: F.binary_cross_entropy_with_logits(z, labels(o, a, b)))
    loss(lambda z, o, a, b: ...)
    out = capsys.readouterr().out
    assert (
        out == "loss: right. Yes.\nloss: nothing returned yet. Replace the dots by your code and run the cell again.\n"
    )


def right_step(model, optimizer, x, y):
    optimizer.zero_grad()
    value = F.mse_loss(model(x), y)
    value.backward()
    optimizer.step()
    return value.item()


def step(solution):
    def inputs():
        model = nn.Linear(3, 2)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1), torch.randn(5, 3), torch.randn(5, 2)

    compare_steps("step", solution, right_step, [(inputs, "Clear, backward, step.")], "Yes.")


def no_zero(model, optimizer, x, y):
    value = F.mse_loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


def no_step(model, optimizer, x, y):
    optimizer.zero_grad()
    value = F.mse_loss(model(x), y)
    value.backward()
    return value


def summed(model, optimizer, x, y):
    optimizer.zero_grad()
    value = F.mse_loss(model(x), y, reduction="sum")
    value.backward()
    optimizer.step()
    return value


def in_evaluation(model, optimizer, x, y):
    model.eval()
    return right_step(model, optimizer, x, y)


def returns_nothing(model, optimizer, x, y):
    right_step(model, optimizer, x, y)


@pytest.mark.parametrize(
    "solution, words",
    [
        (no_zero, "after 2 steps"),
        (no_step, "after 1 step but"),
        (summed, "the value returned after 1 step"),
        (in_evaluation, "as the mode of the Linear after 1 step but it should be 'training'"),
        (returns_nothing, "is a return missing?"),
        (lambda m, o, x, y: m(y), "raised RuntimeError"),
    ],
)
def test_what_is_wrong_with_a_step_is_named(solution, words):
    assert words in message(step, solution)


def test_the_right_step_passes(capsys):
    step(right_step)
    step(lambda *arguments: torch.tensor(right_step(*arguments)))
    assert capsys.readouterr().out.count("right") == 2


def test_modules_optimisers_and_other_objects_among_the_arguments_are_not_taken_for_changed(capsys):
    def inputs():
        model = nn.Linear(2, 1)
        return model, torch.optim.SGD(model.parameters()), Moments(3, (3,)), {"x": torch.randn(4, 2)}

    def total(model, optimizer, moments, batch):
        return model(batch["x"]).sum() + len(moments)

    compare_functions("total", total, total, [(inputs, "Sum.")], "Yes.")
    assert capsys.readouterr().out == "total: right. Yes.\n"

    def scales(model, optimizer, moments, batch):
        value = total(model, optimizer, moments, batch)
        batch["x"] *= 2
        return value

    def detached_weight(model, optimizer, moments, batch):
        return F.linear(batch["x"], model.weight.detach(), model.bias).sum() + len(moments)

    text = message(compare_functions, "total", detached_weight, total, [(inputs, "Sum.")], "Yes.")
    assert "no gradient reaches model.weight from" in text

    def spoils(model, optimizer, moments, batch):
        value = total(model, optimizer, moments, batch)
        nn.init.zeros_(model.weight)
        return value

    for wrong in (scales, spoils):
        text = message(compare_functions, "total", wrong, total, [(inputs, "Sum.")], "Yes.")
        assert "model: Linear" in text and "{x: tensor(4, 2)}) gave its result by changing an input" in text
