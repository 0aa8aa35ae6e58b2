"""Why a model predicts what it does: what the sentence did at each of the three stages, for one video and one sentence.

`explain` runs the model once with its trace, and once more for each guidance module that gets the sentence;
`word_effects` leaves out one word at a time. For whole splits: interventions.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident

import torch
from torch import Tensor

from lgn_lite.batches import pad_words
from lgn_lite.checkpoint import Checkpoint
from lgn_lite.errors import InputError
from lgn_lite.evaluation import predictions_from_scores, score_sentences
from lgn_lite.model import LGN, Trace
from lgn_lite.text import tokenize


@dataclass(frozen=True)
class Gates:
    """One early modulation unit (eq. 2): what the sentence multiplies and adds, and the features around it."""

    gate: Tensor  # (D,) W_M f_s
    shift: Tensor | None  # (D,) with modulation="scale-shift", else None
    before: Tensor  # (T, D) features that enter
    after: Tensor  # (T, D) features that leave, before the ReLU

    @property
    def moved(self) -> Tensor:
        """(T,) how far the unit moves each frame: ‖after − before‖ / ‖before‖."""
        return (self.after - self.before).norm(dim=1) / self.before.norm(dim=1).clamp(min=1e-12)

    def most_changed(self, count: int) -> Tensor:
        """Numbers of the channels that the unit changes most over the video, most first."""
        change = (self.after - self.before).norm(dim=0)
        return change.topk(min(count, len(change))).indices


@dataclass(frozen=True)
class Explanation:
    """All that the views of the inspector draw; tensors on the CPU, P candidates in the order of `Moments`."""

    scores: Tensor  # (P,) sigmoid of the logits: the predicted scaled IoU (eq. 4)
    alpha: Tensor | None  # (C,) late guidance (eq. 3); None without modules
    neutral: Tensor | None  # (C,) the α that modules without the sentence get in `steps`; None without modules
    steps: Tensor  # (K + 1, P) scores where only the first 0 … K modules depend on the sentence
    features: Tensor  # (P, C) the map that the scores are read off
    readout: Tensor  # (C,) weight of each of its channels in the score
    gates: list[Gates]  # the early units, in order

    def strongest(self, count: int) -> tuple[Tensor, Tensor]:
        """Numbers of the channels that the sentence raises most and lowers most, each strongest first.

        Raised and lowered against `neutral`: a channel may have a large α for every sentence, and then it is not this
        sentence that raises it. Raises InputError for a model without late guidance.
        """
        if self.alpha is None:
            raise InputError("this model has no late guidance: it raises and lowers no channel")
        order = (self.alpha - self.neutral).argsort(descending=True)
        count = min(count, len(order) // 2)
        return order[:count], order.flip(0)[:count]


@torch.inference_mode()
def explain(model: LGN, video: Tensor, words: Tensor, neutral: Tensor | None = None) -> Explanation:
    """Take one prediction apart.

    Args:
        model: any LGN.
        video: (T, D) prepared features.
        words: (W,) numbers, or (W, word_dim) vectors, of a sentence.
        neutral: (C,) the α of the modules without the sentence in `steps`: best the mean over many sentences
            (`mean_alpha`); None: W_M′'s bias, the α of no sentence, which the model has never met.

    Returns:
        What the views of the inspector draw.

    Raises:
        InputError: for a model with the one-dimensional localiser, which has no map to show.
    """
    if model.temporal:
        raise InputError('convolution="temporal": this model scores clips, not a map; explain one with a map')
    model.eval()
    device = next(model.parameters()).device
    video, words = video[None].to(device), words[None].to(device)
    trace: Trace = {}
    with _catching_gates(model) as gates:
        logits = model(video, words, torch.tensor([words.shape[1]], device=device), trace=trace)[0]
    if model.attention is not None and neutral is None:
        neutral = model.alpha(torch.zeros_like(trace["sentence"]))[0]
    return Explanation(
        scores=logits.sigmoid().cpu(),
        alpha=trace["alpha"][0].cpu() if "alpha" in trace else None,
        neutral=neutral.cpu() if "alpha" in trace else None,
        steps=_steps(model, trace, neutral).cpu(),
        features=trace["features"][0].cpu(),
        readout=model.score.weight[0].detach().cpu(),
        gates=gates,
    )


def _steps(model: LGN, trace: Trace, neutral: Tensor | None) -> Tensor:
    """(K + 1, P) scores of a traced prediction, where only the first 0, 1, … K modules depend on the sentence."""
    K, fused = model.config.guidance, trace["fused"]  # modules, (1, P, C)
    if not K:
        return model.score(trace["features"]).squeeze(-1).sigmoid()
    guided = torch.ones(K + 1, K, device=fused.device).tril(-1)[..., None]  # (K + 1, K, 1), row j: the first j modules
    alphas = guided * trace["alpha"][:, None] + (1 - guided) * neutral.to(fused.device)  # (K + 1, K, C)
    return model.score(model.convolve(fused.expand(K + 1, -1, -1), alphas)).squeeze(-1).sigmoid()


@torch.inference_mode()
def sentence_vectors(checkpoint: Checkpoint, sentences: Sequence[str]) -> Tensor:
    """f_s of each sentence (section 3.3): (S, H), on the model's device."""
    model = checkpoint.model.eval()
    device = next(model.parameters()).device
    words, counts = pad_words([checkpoint.encode(sentence) for sentence in sentences])
    return model.sentence(words.to(device), counts.to(device))


@torch.inference_mode()
def mean_alpha(checkpoint: Checkpoint, sentences: Sequence[str]) -> Tensor | None:
    """(C,) the mean α over sentences, what late guidance does on average; None for a model without it.

    α is a linear function of f_s and a bias: this is also the α of the mean of the sentence vectors.
    """
    model = checkpoint.model
    if model.attention is None:
        return None
    return model.alpha(sentence_vectors(checkpoint, sentences)).mean(0).cpu()


@contextmanager
def _catching_gates(model: LGN) -> Iterator[list[Gates]]:
    """What each early unit is given and gives, caught by hooks while the model runs."""
    caught: list[Gates] = []
    D, this_thread = model.config.visual_dim, get_ident()

    def catch(unit, given, result):
        if get_ident() != this_thread:  # the model may be at work in another thread too
            return
        scale = unit.project(given[1])[0].cpu()  # (D,) or (2·D,)
        shift = scale[D:] if len(scale) > D else None
        caught.append(Gates(scale[:D], shift, given[0][0].cpu(), result[0].cpu()))

    hooks = [unit.register_forward_hook(catch) for unit in model.frames.units()]
    try:
        yield caught
    finally:
        for hook in hooks:
            hook.remove()


def top_predictions(model: LGN, scores: Tensor, keep: int = 5, nms: float | None = None) -> tuple[list[int], list[int]]:
    """The first predictions and what NMS removes among them: numbers of candidates, best first.

    Args:
        model: whose candidates the scores are of.
        scores: (P,), of any monotone kind.
        keep: predictions.
        nms: threshold of NMS; None: the model's setting.

    Returns:
        At most `keep` predictions, and the candidates that rank before the last of them but overlap a better one by
        more than `nms`.
    """
    whole = torch.ones(1, dtype=torch.float64)  # fractions of the video overlap as seconds do
    nms = model.config.nms if nms is None else nms
    found = predictions_from_scores(
        model.moments.spans(torch.float64), scores[None], whole, min(keep, len(scores)), nms
    )
    best = [p for p in found.candidates[0].tolist() if p >= 0]
    order = scores.sort(descending=True, stable=True).indices.tolist()
    last = order.index(best[-1]) if len(best) == keep else len(order) - 1
    return best, [p for p in order[: last + 1] if p not in best]


@dataclass(frozen=True)
class WordEffect:
    """What leaving one word out does."""

    word: str
    score: float  # of the whole sentence's prediction, without this word
    change: float  # that score minus the whole sentence's
    prediction: tuple[float, float]  # the prediction without this word, fractions of the video


@torch.inference_mode()
def word_effects(checkpoint: Checkpoint, video: Tensor, sentence: str) -> list[WordEffect]:
    """For each word of a sentence: how the score of its prediction changes, and what is predicted, without the word.

    video: (T, D) prepared features. A sentence of one word has nothing to leave out and gives [].
    Raises InputError for a sentence without a word.
    """
    tokens = tokenize(sentence)
    if len(tokens) < 2:
        return []
    shorter = [" ".join(tokens[:i] + tokens[i + 1 :]) for i in range(len(tokens))]
    words = [checkpoint.encode(text) for text in (" ".join(tokens), *shorter)]
    scores = score_sentences(checkpoint.model, video, words).sigmoid()  # (1 + W, P)
    best = int(scores[0].argmax())
    spans = checkpoint.model.moments.spans().cpu()
    return [
        WordEffect(word, row[best].item(), (row[best] - scores[0, best]).item(), tuple(spans[row.argmax()].tolist()))
        for word, row in zip(tokens, scores[1:], strict=True)
    ]
