"""What needs no video: predictions from the training annotations alone.

Here are two ways to rank candidates by where training moments lie (densest first, most hits first), the verbs of
sentences, `compare`, which scores the resulting predictions, and the results that others have published.

The two rankings differ, and it matters. The density (Otani et al., "Uncovering Hidden Challenges in Query-Based
Video Moment Retrieval", BMVC 2020) is highest where moments start and end alike. R1@0.5 rewards something else: one
interval that overlaps many moments by more than half, however much those differ among themselves. In Charades-STA
moments crowd at the beginning, and [0.03, 0.23] of the video is densest: R1@0.5 = 23.8 on test. The longer [0, 0.31]
also hits moments that start with the video and last up to 0.62 of it: 30.7.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import snowballstemmer
import torch
from torch import Tensor

from lgn_lite.annotations import Query
from lgn_lite.errors import InputError
from lgn_lite.evaluation import query_tensors
from lgn_lite.metrics import summarise, temporal_nms
from lgn_lite.moments import interval_iou
from lgn_lite.text import tokenize

MAX_VERBS = 50  # as Otani et al. take
MIN_QUERIES = 10  # per verb; from 5 to 20 do equally well on held-out videos

OTANI, LGN_PAPER = "Otani et al., BMVC 2020", "Liu et al., 2020"
PUBLISHED_RESULTS: dict[str, dict[str, dict[str, Any]]] = {  # test splits, percent, by the data set's name
    "charades-sta": {
        "prior only": {"R1@0.5": 23.6, "source": OTANI},  # the densest of 100 samples of the density
        "action aware": {"R1@0.5": 28.1, "source": OTANI},  # verbs by a part-of-speech tagger
        "2D-TAN": {"R1@0.5": 42.2, "source": OTANI},
        "2D-TAN, video features shuffled": {"R1@0.5": 38.7, "source": OTANI},
        "LGN, as its paper reports": {
            "R1@0.5": 48.15, "R1@0.7": 26.67, "R5@0.5": 86.80, "R5@0.7": 53.01, "source": f"{LGN_PAPER}, Table 2",
        },
        "human annotators, lowest": {"R1@0.5": 42.7, "source": OTANI},
        "human annotators, highest": {"R1@0.5": 52.1, "source": OTANI},
    },
    "tacos": {  # Otani et al. did not use it
        "2D-TAN": {
            "R1@0.1": 47.59, "R1@0.3": 37.29, "R1@0.5": 25.32,
            "R5@0.1": 70.31, "R5@0.3": 57.81, "R5@0.5": 45.04, "source": f"{LGN_PAPER}, Table 3",
        },
        "LGN, as its paper reports": {
            "R1@0.1": 52.46, "R1@0.3": 41.71, "R1@0.5": 30.57,
            "R5@0.1": 76.86, "R5@0.3": 63.06, "R5@0.5": 50.76, "source": f"{LGN_PAPER}, Table 3",
        },
    },
}  # fmt: skip

Ranking = Callable[[Tensor], Tensor]  # training spans (T, 2) → candidates (P, 2) best first, fractions of the video


def compare(
    train: Sequence[Query],
    test: Sequence[Query],
    ks: Sequence[int] = (1, 5),
    thresholds: Sequence[float] = (0.5, 0.7),
    nms: float | None = 0.45,
) -> dict[str, dict[str, Any]]:
    """Score on `test` what is learned from `train` without a video.

    Two rows see neither video nor sentence, two see the sentence's verb. Of each pair, one ranks by hits at IoU 0.5
    and one by density; "prior only" and "action aware" are the names of Otani et al.

    Args:
        train: queries to learn from.
        test: queries to score.
        ks, thresholds: n and m of R@n,IoU=m.
        nms: threshold of NMS; None leaves it out.

    Returns:
        {name of the row: metrics}, the metrics those of `metrics.summarise` for all queries. The same input gives the
        same numbers.

    Raises:
        InputError: if there is no training or no test query.
    """
    verbs = frequent_verbs(query.sentence for query in train)
    if not verbs:
        warnings.warn("no verbs found in the training sentences: the rows by verb repeat the others", stacklevel=2)
    rankings = {
        "best constant interval": (most_hits_first, ()),
        "prior only": (densest_first, ()),
        "best interval for the verb": (most_hits_first, verbs),
        "action aware": (densest_first, verbs),
    }
    ground_truth, _ = query_tensors(test)
    rows = {}
    for name, (ranking, known) in rankings.items():
        predictions = blind_predictions(train, test, ranking, known, max(ks), nms)
        rows[name] = summarise(predictions, ground_truth, None, ks, thresholds, nms=None)["all"]  # NMS is done
    return rows


def blind_predictions(
    train: Sequence[Query],
    test: Sequence[Query],
    ranking: Ranking,
    verbs: Collection[str] = (),
    keep: int = 5,
    nms: float | None = 0.45,
) -> Tensor:
    """Predict moments of the test queries from the training annotations, after NMS.

    Args:
        train: T queries to learn from.
        test: Q queries to predict.
        ranking: `densest_first` or `most_hits_first`; it sees the training queries with the sentence's verb, or all of
            them if the sentence has none of `verbs`.
        verbs: stems, such as those of `frequent_verbs`.
        keep: predictions per query; copies of the first fill up if NMS leaves fewer.
        nms: threshold of NMS; None leaves it out.

    Returns:
        (Q, keep, 2) in seconds, best first.

    Raises:
        InputError: if there is no training or no test query.
    """
    if not train or not test:
        raise InputError(f"{len(train)} training and {len(test)} test queries: predictions need at least one of each")
    spans = torch.tensor([query.span for query in train], dtype=torch.float64)
    members = defaultdict(list)
    for i, query in enumerate(train):
        members[first_verb(query.sentence, verbs)].append(i)

    @cache  # predictions depend on the verb alone, and NMS on no unit: once per verb, not per query
    def best(verb: str | None) -> Tensor:
        ranked = ranking(spans if verb is None or verb not in members else spans[members[verb]])
        first = ranked[:keep] if nms is None else ranked[temporal_nms(ranked, nms, keep)]
        return torch.cat([first, first[:1].expand(keep - len(first), 2)])

    fractions = torch.stack([best(first_verb(query.sentence, verbs)) for query in test])  # (Q, keep, 2)
    return fractions * torch.tensor([query.duration for query in test], dtype=torch.float64)[:, None, None]


def densest_first(spans: Tensor, grid: int = 64, bandwidth: str | float = "scott") -> Tensor:
    """Candidates by the density of the training spans (Otani et al.), a Gaussian kernel on each.

    spans: (T, 2), fractions of the video. Returns (P, 2): all intervals between `grid` equal steps, densest first.
    bandwidth: as in scipy.stats.gaussian_kde; Scott's rule is that of Otani et al. They sample, which a fine grid
    replaces without randomness (48 to 128 steps give R1@0.5 of 22.7 to 24.0 on Charades-STA test), and take that of
    (start, length), which is the same: the kernel has the shape of the spans, so a linear map changes no ranking.
    Raises InputError if there is no span.
    """
    from scipy.stats import gaussian_kde  # half a second

    candidates, spans = _candidates(spans, grid), spans.double()
    points = spans.numpy()
    spread = np.linalg.eigvalsh(np.cov(points.T, bias=True))[0]  # variance in the narrowest direction
    if spread > 1e-9:
        # the logarithm, since far from a narrow density all candidates would tie at zero
        score = torch.from_numpy(gaussian_kde(points.T, bandwidth).logpdf(candidates.numpy().T))
    else:  # one span, equal ones or spans on one line have no density: a round kernel, as wide as a step
        square = torch.cdist(candidates, spans).square()  # (P, T)
        score = (-square / 2 * grid**2).logsumexp(dim=1)
    return candidates[score.argsort(descending=True, stable=True)]


def most_hits_first(spans: Tensor, grid: int = 16, threshold: float = 0.5) -> Tensor:
    """Candidates by the number of training spans that they overlap by more than the threshold.

    spans: (T, 2), fractions of the video. Returns (P, 2): all intervals between `grid` equal steps, most hits
    first, ties go to the earlier; the first is `metrics.best_constant_interval`.
    Raises InputError if there is no span.
    """
    candidates = _candidates(spans, grid)
    hits = (interval_iou(candidates[:, None], spans.double()) > threshold).sum(dim=1)  # (P, T) → (P)
    return candidates[hits.argsort(descending=True, stable=True)]


def _candidates(spans: Tensor, grid: int) -> Tensor:
    """(P, 2): all intervals between `grid` equal steps, by start, then end; fractions of the video."""
    if len(spans) == 0:
        raise InputError("no training spans: candidates are ranked by at least one")
    return torch.combinations(torch.arange(grid + 1)).double() / grid


# Verbs without a part-of-speech tagger, which would have to be downloaded. Among the frequent ones of Charades-STA
# and TACoS only "end" (the ends of a carrot) is not a verb.
STEMMER = snowballstemmer.stemmer("english")
ARTICLES = frozenset({"a", "an", "the", "his", "her", "its", "their"})
IRREGULAR = {  # no stemmer knows these; TACoS has "took out" 730 times
    "took": "take", "taken": "take", "threw": "throw", "thrown": "throw", "got": "get", "began": "begin", "sat": "sit",
    "stood": "stand", "brought": "bring", "went": "go",
}  # fmt: skip


def frequent_verbs(sentences: Iterable[str], count: int = MAX_VERBS, least: int = MIN_QUERIES) -> list[str]:
    """Stems of the most frequent verbs, each the first verb of at least `least` sentences; most frequent first.

    A stem is a verb if some form of it ends in -ing or -ed and another does not: "opens, opening" but not
    "something". What follows an article is not a verb: "the clothes, the clothing".
    Raises InputError for a sentence without a word.
    """
    split = [_stems(sentence) for sentence in sentences]
    forms = defaultdict(set)
    for words in split:
        for stem, word in words:
            forms[stem].add(word)
    verbs = {stem for stem, words in forms.items() if len({_ends_as_verb(stem, word) for word in words}) == 2}
    first = Counter(next((stem for stem, _ in words if stem in verbs), None) for words in split)
    first.pop(None, None)
    ordered = sorted(first, key=lambda stem: (-first[stem], stem))
    return [stem for stem in ordered[:count] if first[stem] >= least]


def first_verb(sentence: str, verbs: Collection[str]) -> str | None:
    """The first stem of a sentence that is one of `verbs` (stems too), None if there is none."""
    return next((stem for stem, _ in _stems(sentence) if stem in verbs), None) if verbs else None


def _ends_as_verb(stem: str, word: str) -> bool:
    return word != stem and word.endswith(("ing", "ings", "ed"))  # -ings too: ceiling and ceilings are not a verb


def _stems(sentence: str) -> list[tuple[str, str]]:
    """(stem, word) of each word that follows no article."""
    return [(_stem(word), word) for before, word in pairwise(["", *tokenize(sentence)]) if before not in ARTICLES]


@cache
def _stem(word: str) -> str:
    return STEMMER.stemWord(IRREGULAR.get(word, word))
