"""Checkpoint + video file + sentences → moments in seconds, with scores."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lgn_lite.checkpoint import Checkpoint, load_checkpoint
from lgn_lite.errors import InputError
from lgn_lite.evaluation import predictions_from_logits, score_sentences
from lgn_lite.features import prepare_features
from lgn_lite.support.reading import shown
from lgn_lite.video.frames import VideoInfo
from lgn_lite.video.pictures import MAX_LOST
from lgn_lite.video.vgg import LAYERS, VGGFrames, extract_video


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
    scores: Tensor  # (P,) of all candidates, in the order of `Moments`, for drawing the map
    unknown_words: list[str]  # words the model has no vector for
    trained_on: str  # the data set of the checkpoint


def predict(
    checkpoint: Checkpoint | str | Path,
    video: str | Path,
    sentences: str | Sequence[str],
    top: int = 5,
    nms: float | None = None,
    encoder: VGGFrames | None = None,
    device: str | torch.device = "cpu",
    max_lost: float = MAX_LOST,
) -> list[Prediction]:
    """Find the moments of a video file that sentences describe.

    Args:
        checkpoint: a folder, or one loaded with `load_checkpoint`.
        video: any file that FFmpeg reads.
        sentences: one sentence or several; the video is decoded once, the sentences are scored together.
        top: moments per sentence.
        nms: drop a moment whose IoU with a better one is larger than this; None: the checkpoint's setting.
        encoder: the frame encoder, where the checkpoint does not carry its own.
        device: where the model runs.
        max_lost: share of the video's pictures that may be undecodable before it is refused.

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
    features, info = video_features(checkpoint, video, encoder, max_lost)
    model = checkpoint.model
    logits = score_sentences(model, features, words)  # (S, P)
    if not logits.isfinite().all():
        raise InputError(f"{checkpoint.folder}: its scores are not finite: the weights are damaged; copy it again")
    durations = torch.full((len(sentences),), info.duration, dtype=torch.float64)
    ranked = predictions_from_logits(
        model, logits, durations, min(top, logits.shape[1]), model.config.nms if nms is None else nms
    )
    predictions = []
    for i, sentence in enumerate(sentences):
        unknown = checkpoint.vocabulary.unknown(sentence)
        if unknown:
            warnings.warn(
                f"{shown(sentence)}: the model has no vector for {', '.join(unknown[:10])}; "
                f"it was trained on {checkpoint.about.data}",
                stacklevel=2,
            )
        found = ranked.candidates[i] >= 0
        times, scores = ranked.segments[i, found].tolist(), ranked.scores[i, found].tolist()
        predictions.append(
            Prediction(
                video=str(video),
                sentence=sentence,
                duration=info.duration,
                moments=[Moment(start, end, score) for (start, end), score in zip(times, scores, strict=True)],
                scores=logits[i].sigmoid(),
                unknown_words=unknown,
                trained_on=checkpoint.about.data,
            )
        )
    return predictions


def video_features(
    checkpoint: Checkpoint, video: str | Path, encoder: VGGFrames | None = None, max_lost: float = MAX_LOST
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


def frame_encoder(checkpoint: Checkpoint, encoder: VGGFrames | None = None) -> VGGFrames:
    """The frame encoder for a checkpoint: the given one, or the one that it carries.

    Raises InputError if the checkpoint can see no video file: there is no encoder, or one of another width, or it
    is unknown at how many frames per second its features were made.
    """
    about, config = checkpoint.about, checkpoint.model.config
    encoder = encoder or _own_encoder(checkpoint)
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


def _own_encoder(checkpoint: Checkpoint) -> VGGFrames:
    if checkpoint.encoder_file is None:
        raise InputError(
            f"{checkpoint.folder} carries no frame encoder: give the one that made its training features "
            f"({checkpoint.about.encoder or 'unknown'}), on the command line by --encoder; only VGG16 can be given"
        )
    if checkpoint.about.layer not in ("", *LAYERS):
        wrong = f"layer={shown(checkpoint.about.layer)}: choose one of {', '.join(LAYERS)}"
        raise InputError(f"{checkpoint.folder / 'about.json'}: {wrong}")
    return VGGFrames.load(checkpoint.encoder_file, layer=checkpoint.about.layer or None)
