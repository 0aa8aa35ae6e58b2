"""A checkpoint as one ONNX file, which scores candidates without this package: `lgn-lite export`.

    inputs     video (B, T, D) float32, prepared features; words (B, W) int64 word numbers, or (B, W, word_dim) float32
               word vectors; word_counts (B,) int64; any B and W
    outputs    scores (B, P) float32 in (0, 1), the predicted scaled IoU of eq. 4; spans (P, 2) float32, starts and ends
               of the candidates as fractions of the video
    metadata   config, vocabulary, about, trained: JSON, as in the checkpoint

    session = onnxruntime.InferenceSession("model.onnx")
    words = json.loads(session.get_modelmeta().custom_metadata_map["vocabulary"])
    scores, spans = session.run(None, {"video": video, "words": numbers, "word_counts": counts})

It needs onnx and onnxscript, which write the file, and onnxruntime, which holds it to PyTorch: the extra `onnx`.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lgn_lite.checkpoint import Checkpoint
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.support.files import atomic_path, check_writable

if TYPE_CHECKING:
    import onnx

NEEDED = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-4  # of a score: single precision, summed in another order, differs by some 1e-6
MOST_BYTES = 2**31 - 2**26  # protobuf, of which the file is made, ends at 2 GB; some of it is for all but the weights
COMPARED = ((1, 1), (3, 7))  # sentences and their words, of the comparison with PyTorch


def export_onnx(checkpoint: Checkpoint, path: str | Path) -> float:
    """Write a checkpoint's model as an ONNX file, whole or not at all, unless it computes other scores than PyTorch.

    Args:
        checkpoint: the model, and what the file's metadata say of it.
        path: of the file, which ends in .onnx; one that exists is replaced.

    Returns:
        The largest difference between a score of onnxruntime's and PyTorch's, on random inputs.

    Raises:
        InputError: for another name, a model that is too large for the format, where a package is missing or cannot
            export the model, and if scores differ by more than `TOLERANCE`.
        OSError: if the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".onnx":
        raise InputError(f"{path}: give a name that ends in .onnx, such as {path.name or 'model'}.onnx")
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(f"ONNX needs {' and '.join(missing)}, not installed here: `pip install {' '.join(missing)}`")
    if (size := 4 * checkpoint.model.config.parameters) > MOST_BYTES:
        raise InputError(f"{checkpoint.folder}: {size / 1e9:.1f} GB of weights, and an ONNX file has room for 2 GB")
    check_writable(path, "the ONNX file")
    import onnx

    scorer = _Scorer(copy.deepcopy(checkpoint.model).cpu())
    with atomic_path(path) as temporary:
        onnx.save_model(_with_notes(_graph(scorer), checkpoint), temporary)
        difference = _difference(scorer, temporary)
        if not difference <= TOLERANCE:  # nor NaN
            raise InputError(
                f"{path}: not written: a score of onnxruntime's differs from PyTorch's by {difference:.2g}, more than "
                f"{TOLERANCE:g}; try other versions of torch, onnxscript and onnxruntime"
            )
    return difference


class _Scorer(nn.Module):
    """What the file computes: scores instead of logits, and the candidates that they are of."""

    def __init__(self, model: LGN):
        super().__init__()
        self.model = model.eval()

    def forward(self, video: Tensor, words: Tensor, word_counts: Tensor) -> tuple[Tensor, Tensor]:
        return self.model(video, words, word_counts).sigmoid(), self.model.moments.spans()


def _graph(scorer: _Scorer) -> onnx.ModelProto:
    """The file's content, without notes."""
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    sizes = {"video": {0: batch}, "words": {0: batch, 1: length}, "word_counts": {0: batch}}
    try:
        with _silence():
            program = torch.onnx.export(
                scorer, _inputs(scorer.model, 2, 3), dynamo=True, verbose=False, input_names=list(sizes),
                output_names=["scores", "spans"], dynamic_shapes=tuple(sizes.values()),
            )  # fmt: skip
        return program.model_proto
    except torch.onnx.OnnxExporterError as error:
        reason = next((line for line in str(error.__cause__ or error).splitlines() if line.strip()), "no reason given")
        raise InputError(f"torch {torch.__version__} cannot export this model ({reason}): try a newer one") from error


def _with_notes(graph: onnx.ModelProto, checkpoint: Checkpoint) -> onnx.ModelProto:
    """The same with all that using it without this package takes."""
    import onnx

    config, about = checkpoint.model.config, checkpoint.about
    T, D, N = config.num_frames, config.visual_dim, config.num_clips
    of = (f" of {about.encoder}" if about.encoder else "") + (f" at {about.rate:g} per second" if about.rate else "")
    numbers = "numbers of the words, their positions in the metadata's vocabulary; 1: unknown, 0: padding"
    vectors = f"word vectors of width {config.word_dim}, zeros for padding"
    norm = ", each row scaled to unit length before" if config.frame_norm == "l2" else ""
    what = {
        "video": "zeros: this model never saw a video" if checkpoint.blind
        else f"{config.feature} features{of}, {D} wide, averaged to {T} steps of equal length{norm}",
        "words": numbers if config.vocabulary_size else vectors,
        "word_counts": "words of each sentence without padding, at least 1",
        "scores": f"of each candidate, in (0, 1): its predicted scaled IoU; apply NMS at {config.nms:g}",
        "spans": f"start and end of each candidate as fractions of the video, multiples of 1/{N}",
    }  # fmt: skip
    for value in (*graph.graph.input, *graph.graph.output):
        value.doc_string = what[value.name]
    graph.doc_string = "Language-guided moment retrieval, exported by lgn-lite.\n" + "\n".join(
        f"{name}: {text}" for name, text in what.items()
    )
    notes = {
        "config": config.to_dict(),
        "vocabulary": checkpoint.vocabulary.words,
        "about": {name: value for name, value in vars(about).items() if name != "root"},  # a path of this machine
        "trained": checkpoint.trained,
    }
    onnx.helper.set_model_props(graph, {name: json.dumps(note, ensure_ascii=False) for name, note in notes.items()})
    return graph


def _inputs(model: LGN, batch: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random inputs of the model: (B, T, D), (B, W) or (B, W, word_dim), (B,); one sentence has all W words."""
    config, random = model.config, torch.Generator().manual_seed(100 * batch + length)
    video = torch.randn(batch, config.num_frames, config.visual_dim, generator=random)
    if config.vocabulary_size:
        words = torch.randint(config.vocabulary_size, (batch, length), generator=random)
    else:
        words = torch.randn(batch, length, config.word_dim, generator=random)
    counts = torch.randint(1, length + 1, (batch,), generator=random)
    counts[0] = length
    return video, words, counts


def _difference(scorer: _Scorer, path: Path) -> float:
    """The largest difference between what onnxruntime and PyTorch compute of random inputs."""
    from onnxruntime import InferenceSession

    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    found = []
    for sizes in COMPARED:
        given = _inputs(scorer.model, *sizes)
        theirs = session.run(None, {name: value.numpy() for name, value in zip(names, given, strict=True)})
        with torch.inference_mode():
            ours = scorer(*given)
        found += [(a - torch.from_numpy(b)).abs().max() for a, b in zip(ours, theirs, strict=True)]
    return torch.stack(found).max().item()  # NaN is handed on


@contextmanager
def _silence() -> Iterator[None]:
    """Without the exporter's warnings and notes, which are for those who develop it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
