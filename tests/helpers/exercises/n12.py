"""What the tests know of 12_what_does_it_really_use: a wrong answer to each exercise, and its key numbers."""

import torch

WRONG = {
    "other_video": lambda videos: videos,
    "same_mix": lambda recall, counts: sum(recall.values()) / len(recall) + 0.5,
    "tied_hit": lambda scores, hits: float(hits[scores.index(max(scores))]),
}

EXPECTED = {  # of one epoch on Toy-STA tiny as of the course's training on small
    "constant": (5.0, 20.0),
    "other_video": (0.0, 20.0),
    "words_alone": (3.0, 30.0),
    "blind_spread": (-0.001, 0.001),
    "strongest": (5.0, 35.0),
}


def _attributed(score, x, reduce=lambda scores: scores.sum()):
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(reduce(score(x)), x)
    return gradient.detach(), x.detach()


def _removed(score, x):
    without = []
    for w in range(x.shape[1]):
        changed = x.clone()
        changed[:, w] = 0
        without.append(score(x) - score(changed))
    return torch.stack(without, dim=1)


def _product(how, reduce=lambda scores: scores.sum()):
    def answer(score, x):
        gradient, x = _attributed(score, x, reduce)
        return how(gradient, x)

    return answer


WRONG["gradient_times_input"] = [
    (_product(lambda gradient, x: gradient.sum(dim=2)), "the gradient alone"),  # the gradient alone
    _product(lambda gradient, x: gradient.norm(dim=2)),  # its length, as in saliency maps
    (_product(lambda gradient, x: (gradient * x).sum(dim=2).abs()), "Keep the sign"),
    (_product(lambda gradient, x: (gradient * x).mean(dim=2)), "the mean would depend on the width"),
    (_product(lambda gradient, x: (gradient * x).sum(dim=1)), "not over the words"),  # over the words
    (_product(lambda gradient, x: gradient * x), "One number per word"),
    (_product(lambda gradient, x: (gradient * x).sum(dim=2), lambda scores: scores.mean()), "not their mean"),
    (
        _product(lambda gradient, x: (gradient * x).sum(dim=2), lambda scores: scores[0]),
        "Each sentence has its own score",
    ),  # of the first sentence only
    _product(lambda gradient, x: (gradient * x).sum(dim=2).softmax(dim=1)),
    _product(lambda gradient, x: (gradient * x).sum(dim=(0, 2))),  # one row for the batch
    _product(lambda gradient, x: gradient.sum(dim=2) * x.sum(dim=2)),  # the sums multiplied
    (_removed, "setting each word to zero"),  # sets to zero instead
    lambda score, x: score(x),
]
