"""Checkpoint + video file + sentences → moments in seconds, with scores."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from lgn_lite.checkpoint import Checkpoint, load_checkpoint
from lgn_lite.errors import InputError
from lgn_lite.features import prepare_features
from lgn_lite.support.reading import shown
from lgn_lite.video.clip import CLIPFrames, clip_model
from lgn_lite.video.encoder import FrameEncoder, extract_video
from lgn_lite.video.encoder_names import CHOICES, load_encoder
from lgn_lite.video.frames import VideoInfo
from lgn_lite.video.pictures import MAX_LOST
from lgn_lite.video.vgg import LAYERS, VGGFrames
from lgn_lite.windows import Windows, cut, score_windows

# Scores up to here find nothing. LGN scores none of Toy-STA's validation queries that low, the baseline 1 %; with the
# sentence of a query about another video it is 79 % and 60 %.
NOTHING = 0.1


@dataclass(frozen=True)
class Moment:
    """One moment: start and end in seconds, and the predicted scaled IoU in (0, 1)."""

    start: float
    end: float
    score: float


@dataclass(frozen=True)
class Prediction:
    """The moments predicted for one sentence, best first, and what a reader needs to judge them."""

    video: str
    sentence: str
    duration: float  # of the video, seconds
    moments: list[Moment]
    scores: Tensor  # (P,) of all candidates, in the order of `Moments`, for drawing the map; with windows of each one
    unknown_words: list[str]  # words the model has no vector for
    trained_on: str  # the data set of the checkpoint
    notice: str = ""  # why not to trust it with this video: `foreign_video`


def predict(
    checkpoint: Checkpoint | str | Path,
    video: str | Path,
    sentences: str | Sequence[str],
    top: int = 5,
    nms: float | None = None,
    encoder: FrameEncoder | str | Path | None = None,
    device: str | torch.device = "cpu",
    max_lost: float = MAX_LOST,
    window: float | None = None,
    stride: float | None = None,
) -> list[Prediction]:
    """Find the moments of a video file that sentences describe.

    A video much longer than those of the training wants a `window` as long as those: one map for an hour holds no
    moment of some seconds. Memory holds the features of the whole video, and frames of a few seconds.

    Args:
        checkpoint: a folder, or one loaded with `load_checkpoint`.
        video: any file that FFmpeg reads.
        sentences: one sentence or several; the video is decoded once, the sentences are scored together.
        top: moments per sentence.
        nms: drop a moment whose IoU with a better one is larger than this; None: the checkpoint's setting.
        encoder: the frame encoder, or its name (`load_encoder`), where the checkpoint neither carries its own nor
            was trained on CLIP's features.
        device: where the model runs.
        max_lost: share of the video's pictures that may be undecodable before it is refused.
        window: cut the video into windows of this many seconds, and rank the moments of all together; None: do not.
        stride: seconds from one window to the next; None: half a window.

    Returns:
        One Prediction per sentence. Every moment lies inside the video.

    Raises:
        InputError: for an unreadable checkpoint or video, an empty sentence, or features of another width.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = load_checkpoint(checkpoint, device)
    sentences = [sentences] if isinstance(sentences, str) else list(sentences)
    if not sentences or top < 1:
        raise InputError("give at least one sentence, and top >= 1")
    words = [checkpoint.encode(sentence) for sentence in sentences]  # before decoding: an empty sentence fails at once
    windows, model = cut(window, stride), checkpoint.model
    rows, info = extract_video(video, frame_encoder(checkpoint, encoder), checkpoint.about.rate, max_lost=max_lost)
    whole = Windows(info.duration, info.duration)
    found = score_windows(model, rows.numpy(), info.duration, words, windows or whole)
    if not found.logits.isfinite().all():
        raise InputError(f"{checkpoint.folder}: its scores are not finite: the weights are damaged; copy it again")
    predictions = []
    for i, sentence in enumerate(sentences):
        unknown = checkpoint.vocabulary.unknown(sentence)
        if unknown:
            warnings.warn(
                f"{shown(sentence)}: the model has no vector for {', '.join(unknown[:10])}; "
                f"it was trained on {checkpoint.about.data}",
                stacklevel=2,
            )
        best = found.best(i, top, model.config.nms if nms is None else nms)
        predictions.append(
            Prediction(
                video=str(video),
                sentence=sentence,
                duration=info.duration,
                moments=[Moment(*times, score) for times, score in zip(best.windows, best.scores, strict=True)],
                scores=found.scores[i],
                unknown_words=unknown,
                trained_on=checkpoint.about.data,
                notice=foreign_video(checkpoint, video),
            )
        )
    return predictions


def nothing_found(scores: Tensor) -> str:
    """A sentence for scores (P,) of which none is above `NOTHING`; "" if one is.

    A model ranks its candidates for any sentence, also for one that is true of nothing in the video: then all scores
    are low.
    """
    return "" if scores.max() > NOTHING else f"Nothing scores above {NOTHING}: the model finds no such moment."


def written_score(score: float) -> str:
    """A score as text, small ones with more digits so that they can be told apart: "0.83", "0.021", "< 0.001"."""
    return f"{score:.2f}" if score >= 0.1 else f"{score:.3f}" if score >= 0.001 else "< 0.001"


def foreign_video(checkpoint: Checkpoint, video: str | Path) -> str:
    """A sentence for a video file that is not of the data set of the training; "" for one that lies in its folder."""
    about = checkpoint.about
    # …/charades-sta/videos/AO8RW.mp4; the videos of a data set of one's own may lie anywhere
    if about.data_set in Path(video).absolute().parts or about.data_set.endswith(".json"):
        return ""
    drawn = ": on a real video its predictions mean nothing" if about.drawn else ""
    return f"The model was trained on {about.world}, and this video is not one of theirs{drawn}."


def unknown_words(checkpoint: Checkpoint, words: Sequence[str]) -> str:
    """A sentence for words that the model has no vector for; "" for none."""
    if not words:
        return ""
    known = len(checkpoint.vocabulary.words) - 2  # without padding and <unk>
    few = f", and knows {known:,} words" if known < 2000 else ""
    return f"Unknown to the model, which was trained on {checkpoint.about.world}{few}: {', '.join(words)}"


def video_features(
    checkpoint: Checkpoint,
    video: str | Path,
    encoder: FrameEncoder | str | Path | None = None,
    max_lost: float = MAX_LOST,
) -> tuple[Tensor, VideoInfo]:
    """The prepared features of a video file for a checkpoint, and what `probe` says of the file.

    Args:
        checkpoint: the model, with the rate and the width of its features.
        video, encoder, max_lost, errors: as of `predict`.

    Returns:
        (T, D) features, and what `probe` found.
    """
    encoder = frame_encoder(checkpoint, encoder)
    config = checkpoint.model.config
    features, info = extract_video(video, encoder, checkpoint.about.rate, max_lost=max_lost)
    return prepare_features(features.numpy(), config.num_frames, config.frame_norm), info


def frame_encoder(checkpoint: Checkpoint, encoder: FrameEncoder | str | Path | None = None) -> FrameEncoder:
    """The frame encoder for a checkpoint: the given one, by name or as it is, or its own.

    Its own is the one that it carries, or CLIP, where that made the features of its training and is in the hub's
    cache: nothing is downloaded unasked. Raises InputError if the checkpoint can see no video file: there is no
    encoder, or one of another width, or it is unknown at how many frames per second its features were made.
    """
    about, config = checkpoint.about, checkpoint.model.config
    if not isinstance(encoder, FrameEncoder):
        encoder = _own_encoder(checkpoint) if encoder is None else load_encoder(encoder, about.layer)
        encoder = encoder.to(next(checkpoint.model.parameters()).device)
    if encoder.dim != config.visual_dim:
        raise InputError(
            f"{checkpoint.folder}: the model wants features of width {config.visual_dim}, "
            f"but the encoder {encoder.name} gives {encoder.dim}: "
            f"use the one it was trained with ({about.encoder})"
        )
    if about.rate <= 0:
        raise InputError(
            f"{checkpoint.folder / 'about.json'}: rate={about.rate}: at how many frames per second the "
            "features of its training were made is unknown, so that none can be made for a video"
        )
    return encoder


def _own_encoder(checkpoint: Checkpoint) -> FrameEncoder:
    about, width = checkpoint.about, checkpoint.model.config.visual_dim
    if checkpoint.encoder_file is None and (model := clip_model(about.encoder)) is not None:
        return _cached_clip(model)
    if checkpoint.encoder_file is None:
        raise InputError(
            f"{checkpoint.folder} carries no frame encoder: give the one that made its training features "
            f"({about.encoder or 'unknown'}, {width} wide) by --encoder, in Python encoder=: {CHOICES}; CLIP ViT-B/32 "
            "gives 512, VGG16 4096, and a model on features of other networks, or of several, can see no video file"
        )
    if about.layer not in ("", *LAYERS):
        wrong = f"layer={shown(about.layer)}: choose one of {', '.join(LAYERS)}"
        raise InputError(f"{checkpoint.folder / 'about.json'}: {wrong}")
    return VGGFrames.load(checkpoint.encoder_file, layer=about.layer or None)


@lru_cache(maxsize=1)  # the inspector asks for each of its models, and for each video
def _cached_clip(model: str) -> CLIPFrames:
    return CLIPFrames.load(model, fetch=False)
