"""The card of a model, README.md of its folder: what it was trained on, its results and its limits.

In the form that the Hugging Face hub reads: metadata in YAML, then Markdown. Whatever it says is computed from the
checkpoint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from lgn_lite.config import VARIANT_LABELS, LGNConfig
from lgn_lite.support.error_lines import one_line

if TYPE_CHECKING:
    from lgn_lite.checkpoint import About

# The hub has no task of this kind, so the card names no pipeline. It names no licence either: MIT is that of the code,
# and whose weights these are, and what the licence of their data allows, is not known here.
TAGS = [
    "moment-retrieval", "temporal-grounding", "video", "2d-tan", "lgn", "model_hub_mixin", "pytorch_model_hub_mixin",
]  # fmt: skip


def model_card(
    config: LGNConfig, about: About | None = None, trained: Mapping[str, Any] | None = None, encoder: bool = False
) -> ModelCard:
    """The card of a model.

    Args:
        config: its settings.
        about: what it was trained on; None where that is not known.
        trained: what is stored with its weights: `epoch`, of `epochs`, training `queries`, and validation results such
            as `R1@0.5` and `mIoU`, in percent.
        encoder: whether the frame encoder's weights lie next to its own.

    Returns:
        The card; `str()` is the text of the file.
    """
    trained = trained or {}
    title, results = _title(config, about), _measured(trained)
    data = ModelCardData(library_name="lgn-lite", tags=TAGS)
    if about is not None and results:
        data.model_name = one_line(title)
        data.eval_results = [
            EvalResult(
                task_type="moment-retrieval", dataset_type=one_line(about.data_set) or "unnamed",
                dataset_name=_data(about), dataset_split="val",
                metric_type=name, metric_name=f"{name}, %", metric_value=value,
            )
            for name, value in results.items()
        ]  # fmt: skip
    sections = [
        "<!-- Written with the weights; a training that goes on writes it again. -->",
        f"# {_plain(title)}",
        "Given a video and a sentence, it finds the seconds that the sentence describes: it scores "
        f"{config.candidates:,} candidate moments of the video. It has {config.parameters:,} parameters; `config.json` "
        "holds its settings. Papers: [LGN](https://arxiv.org/abs/2006.10457), "
        "[2D-TAN](https://arxiv.org/abs/1912.03590).",
        _use(config, about, encoder),
        *([_training(about, trained), _results(about, trained, results)] if about is not None else [UNKNOWN]),
        _limits(config, about, trained),
        "## Licence\n\nThe code of lgn_lite is under the MIT licence. For these weights none is set here: whoever "
        "publishes them chooses one (`license:` above), within the terms of the data.",
    ]
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n")


UNKNOWN = (
    "What it was trained on, and its results, were not recorded with these weights; the checkpoints that "
    "`lgn-lite train` writes record both."
)


def _title(config: LGNConfig, about: About | None) -> str:
    """What a model is, by its settings, and the name of its data without what follows in brackets."""
    parts = {(True, True): "full", (True, False): "early", (False, True): "late", (False, False): "baseline"}
    kind = "blind" if _is_blind(about) else parts[config.early != "none", config.guidance > 0]
    label = VARIANT_LABELS[kind][0].upper() + VARIANT_LABELS[kind][1:]
    data = "" if about is None else _data(about).partition(" (")[0]
    return f"{label}, trained on {data}" if data else label


def _is_blind(about: About | None) -> bool:
    return about is not None and about.training.get("variant") == "blind"


def _data(about: About) -> str:
    return one_line(about.data) or one_line(about.data_set) or "unnamed data"


def _measured(trained: Mapping[str, Any]) -> dict[str, float]:
    """The validation results among what is stored with the weights."""
    found = {}
    for name, value in trained.items():
        if re.fullmatch(r"R\d+@[\d.]+|mIoU", name):
            with suppress(TypeError, ValueError):
                found[name] = float(value)
    return {name: value for name, value in sorted(found.items()) if math.isfinite(value)}


def _use(config: LGNConfig, about: About | None, encoder: bool) -> str:
    """How to use it: of a checkpoint with its frame encoder, of one without, of weights alone."""
    if about is None:
        code = 'from lgn_lite import LGN\n\nmodel = LGN.from_pretrained("FOLDER").eval()'
        return f"## Use\n\n```python\n{code}\n```"
    blind = _is_blind(about)
    if encoder and not blind:
        code = """from lgn_lite import predict

for moment in predict("FOLDER", "VIDEO.mp4", "a sentence")[0].moments:
    print(f"{moment.start:.1f} to {moment.end:.1f} s, score {moment.score:.2f}")"""
        command = 'lgn-lite predict FOLDER VIDEO.mp4 "a sentence"'
    else:
        video = f"({config.num_frames}, {config.visual_dim}) {'zeros' if blind else 'prepared features'}"
        code = f"""from lgn_lite import load_checkpoint
from lgn_lite.evaluation import score_sentences

checkpoint = load_checkpoint("FOLDER")  # video: a tensor of {video}
scores = score_sentences(checkpoint.model, video, [checkpoint.encode("a sentence")]).sigmoid()"""
        command = "lgn-lite evaluate FOLDER"
    return f"## Use\n\nFOLDER is this folder.\n\n```python\n{code}\n```\n\n```sh\n{command}\n```"


def _training(about: About, trained: Mapping[str, Any]) -> str:
    rows = {
        "data": _data(about),
        "training queries": _count(trained.get("queries")),
        "epoch": " of ".join(str(trained[name]) for name in ("epoch", "epochs") if name in trained),
        "features": _features(about),
        **{str(name): value for name, value in about.training.items() if name != "words"},
        # random ones name the file that was looked for, a path of the machine that trained
        "word vectors": re.sub(r"(?s): no GloVe file .*", "", str(about.training.get("words", ""))),
    }
    return "## Trained on\n\n| | |\n|---|---|\n" + "\n".join(
        f"| {_plain(name)} | {_plain(value)} |" for name, value in rows.items() if value not in ("", None)
    )


def _results(about: About, trained: Mapping[str, Any], results: dict[str, float]) -> str:
    if not results:
        return "## Results\n\nNone: no validation result is stored with the weights."
    of = f" after epoch {_plain(trained['epoch'])}" if "epoch" in trained else ""
    return (
        f"## Results\n\nOn the validation split of {_plain(_data(about))}{of}, in percent:\n\n"
        f"| {' | '.join(results)} |\n|{'---|' * len(results)}\n"
        f"| {' | '.join(f'{value:.1f}' for value in results.values())} |\n\n"
        "R1@m is the share of queries whose first prediction overlaps the ground truth by an IoU of more than m; mIoU "
        "is the mean IoU of the first predictions. On this split the best epoch of a training is chosen, so these are "
        "not results on unseen data: `lgn-lite evaluate FOLDER` measures those of the test split, which are not known "
        "here."
    )


def _limits(config: LGNConfig, about: About | None, trained: Mapping[str, Any]) -> str:
    N, lengths = config.num_clips, config.lengths
    lines = []
    if _is_blind(about):
        lines += ["It was trained on zeros instead of videos: it predicts from the sentence alone, and wants zeros."]
    elif about is not None and about.drawn:
        lines += [f"It was trained on {_plain(about.world)}: on a real video its predictions mean nothing."]
    elif about is not None:
        lines += [f"It was trained on {_plain(about.world)} alone; how it does on other videos was not measured."]
    if "queries" in trained:
        lines += [f"Its results are those of one training, on {_count(trained['queries'])} queries."]
    if config.vocabulary_size:
        words, file = max(config.vocabulary_size - 2, 0), " (`vocabulary.json`)" if about is not None else ""
        lines += [f"It knows {words:,} words{file}; all others are one and the same to it."]
    else:
        lines += [f"It knows no words: it takes a vector of {config.word_dim} numbers for each."]
    lines += [
        f"It ranks {config.candidates:,} candidates of {min(lengths)}/{N} to {max(lengths)}/{N} of the video, with "
        f"starts and ends at multiples of 1/{N}: nothing in between can be found.",
        "It ranks them for any sentence, also for one that is true of nothing in the video: look at the score, which "
        "is a predicted overlap, not a probability.",
        _wanted(config, about),
    ]
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _wanted(config: LGNConfig, about: About | None) -> str:
    """A sentence on the features that a model takes."""
    of = _plain(_features(about)) if about is not None and about.encoder else config.feature
    unit = ", each scaled to unit length before" if config.frame_norm == "l2" else ""
    return (
        f"Its features are {of}: rows of {config.visual_dim:,} numbers, averaged to {config.num_frames} steps of "
        f"equal length{unit} (`lgn_lite.features.prepare_features`). Features of another network mean nothing to it."
    )


def _features(about: About) -> str:
    rate = f", {about.rate:g} frames per second" if about.rate else ""
    return f"{about.encoder} {about.layer}".strip() + rate if about.encoder else ""


def _count(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"{int(text):,}" if text.isdecimal() and text.isascii() else text


def _plain(value: Any) -> str:
    """A value as one line of Markdown that shows it as it is: no markup, no HTML, no end of a table's cell."""
    return "".join(f"\\{c}" if c in "\\`*[]<>|&" else c for c in one_line(str(value)))
