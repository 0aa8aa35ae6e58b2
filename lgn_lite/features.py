"""Video features: made and written to an HDF5 store by video, interruptible; averaged to a fixed length."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lgn_lite.cores import by_processes
from lgn_lite.errors import InputError
from lgn_lite.feature_store import FeatureStore, partial_path
from lgn_lite.partial_store import ANEW, UNFINISHED, PartialStore, check_attrs, hold_store, open_partial
from lgn_lite.pictures import MAX_LOST
from lgn_lite.reading import shown
from lgn_lite.video import read_frames

if TYPE_CHECKING:  # torchvision is slow to import, and a reader of features never needs it
    from lgn_lite.vgg import VGGFrames

MOST_CLIPS = 1_000_000  # that features are averaged into: the published models have 256

__all__ = [
    "FeatureStore", "extract_folder", "make_features", "partial_path", "to_fixed_length", "write_features",
]  # fmt: skip


def to_fixed_length(features: Tensor, num_clips: int) -> Tensor:
    """Average features (T, D) into `num_clips` equal spans of time → (num_clips, D), exactly as 2D-TAN does.

    Span i of n holds rows round(i T / n) to before round((i+1) T / n), or one row where that is none.
    The last row counts only where it stands alone. Raises InputError for another shape, and where there are no rows.
    """
    if not isinstance(features, Tensor) or features.ndim != 2:
        found = f"shape {tuple(features.shape)}" if isinstance(features, Tensor) else f"type {type(features).__name__}"
        raise InputError(f"features of {found}: give a tensor (T, D), a row for each frame")
    T, _D = features.shape  # frames, channels
    if T < 1 or not 1 <= num_clips <= MOST_CLIPS:
        raise InputError(
            f"cannot average {T} rows of features into {shown(num_clips)} clips; give one or more of each, and at most "
            f"{MOST_CLIPS:,} clips"
        )
    # float32 as in 2D-TAN: another precision rounds some borders the other way
    border = torch.arange(num_clips + 1, dtype=torch.float32, device=features.device) / num_clips * T
    border = border.round().long().clamp(max=T - 1)  # (num_clips + 1,) row at which each span starts
    first, last = border[:-1], torch.maximum(border[1:], border[:-1] + 1)
    # sums of rows before each row; double, so that their differences keep float32's precision
    sums = torch.cat([features.new_zeros(1, features.shape[1]), features]).double().cumsum(0)  # (T + 1, D)
    return ((sums[last] - sums[first]) / (last - first)[:, None]).to(features.dtype)


def write_features(
    path: str | Path,
    items: Iterable[tuple[str, np.ndarray]],
    *,
    encoder: str,
    layer: str,
    rate: float,
    weights: str = "",
    resume: bool = True,
) -> None:
    """Write (video, features (T, D)) pairs to an HDF5 file; what is written survives an interruption.

    `encoder`, `layer`, `rate` (Hz; 0: unknown) and `weights` (a fingerprint) become the file's attributes. Videos go
    into `path.partial`, each whole or not at all, and the file gets its name after the last. With `resume` a
    second call keeps what the partial file holds and skips those videos; otherwise it starts anew, and what was there
    is kept until the new file is whole. A damaged partial file is moved aside, with a warning. Raises InputError for
    features that are not finite, not (T, D), or not as wide as the others, where the partial file has other
    attributes, and where another process writes the same file; OSError, which names the file, for a full disk and
    whatever else the system refuses.
    """
    path, attrs = Path(path), _attributes(encoder, layer, rate, weights)
    with hold_store(path), open_partial(path, attrs, resume) as store:
        _add(path, items, store)


def _attributes(encoder: str, layer: str, rate: float, weights: str = "") -> dict[str, Any]:
    if not 0 <= rate < math.inf:  # NaN neither
        raise InputError(f"a rate of {rate} rows per second; give one above 0, or 0 where it is unknown")
    return {"encoder": encoder, "layer": layer, "rate": float(rate), "weights": weights}


def _add(path: Path, items: Iterable[tuple[str, np.ndarray]], store: PartialStore) -> None:
    for video, features in items:
        where = f"{path}: video {video!r}"
        _check_name(where, video)
        if video not in store.widths:
            store.add(video, _checked(where, features, store.width))


def make_features(
    path: str | Path,
    videos: Mapping[str, Any],
    compute: Callable[[dict[str, Any]], Iterator[tuple[str, np.ndarray]]],
    attrs: Mapping[str, Any],
    progress: bool = True,
    resume: bool = True,
) -> FeatureStore:
    """Bring a file of features to hold all `videos`, {name: source}, with the `attrs` of `write_features`.

    `compute`, a generator function, takes the part of `videos` that is still missing and yields (video, features
    (T, D)). After Ctrl-C or an error the next call goes on where it stopped; a complete file is returned as it
    is; `resume=False` makes all anew. Raises InputError where the file has other attributes or lacks videos.
    """
    path = Path(path)
    for video in videos:
        _check_name(f"{path}: video {video!r}", video)
    if resume and (store := _complete(path, videos, attrs)) is not None:
        return store
    with hold_store(path):
        if resume and (store := _complete(path, videos, attrs)) is not None:  # another process has just made it
            return store
        with open_partial(path, _attributes(**attrs), resume) as unfinished:
            todo = {video: source for video, source in videos.items() if video not in unfinished.widths}
            with closing(compute(todo)) as items:  # whatever goes wrong, its processes end
                done = len(videos) - len(todo)
                bar = tqdm(items, "features", len(videos), initial=done, unit="video", disable=not progress)
                _add(path, bar, unfinished)
    return FeatureStore(path)


def _complete(path: Path, videos: Mapping[str, Any], attrs: Mapping[str, Any]) -> FeatureStore | None:
    """The finished store, if there is one: InputError where it is of other attributes, or lacks videos."""
    if not path.exists():
        return None
    store = FeatureStore(path)
    check_attrs(path, store.attrs, attrs)
    held = set(store)
    if missing := [video for video in videos if video not in held]:
        raise InputError(f"{path}: complete, but without {len(missing)} of the videos, such as {missing[0]!r}; {ANEW}")
    return store


def extract_folder(
    video_paths: Mapping[str, str | Path],
    encoder: "VGGFrames",
    rate: float,
    path: str | Path,
    workers: int = 2,
    progress: bool = True,
    resume: bool = True,
    max_lost: float = MAX_LOST,
) -> FeatureStore:
    """Features of many videos, {name: file}, `rate` frames a second, into one HDF5 file; returns its store.

    `workers` processes decode while this one encodes; at most workers + 1 videos' frames are in memory. It goes
    on, stops and refuses as `make_features` does. Raises InputError at the first video that is unreadable, or of
    whose pictures more than the share `max_lost` is, naming it, and for a rate that is not above 0.
    """
    if not 0 < rate < math.inf:  # here, once: decoding would blame the first video
        raise InputError(f"a rate of {rate} frames per second; give one above 0")
    attrs = {"encoder": encoder.name, "layer": encoder.layer, "rate": float(rate), "weights": encoder.fingerprint}

    def encode(todo: dict[str, str | Path]) -> Iterator[tuple[str, np.ndarray]]:
        jobs = {video: (file, rate, encoder.frame_size, 1, max_lost) for video, file in todo.items()}
        with closing(by_processes(read_frames, jobs, workers)) as decoded, _leave_cores_to(workers):
            for video, (frames, _times) in decoded:
                yield video, encoder.extract(frames).numpy()

    return make_features(path, video_paths, encode, attrs, progress, resume)


@contextmanager
def _leave_cores_to(workers: int) -> Iterator[None]:
    """Torch computes on the cores that decoding leaves: more threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads - workers))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check_name(where: str, video: str) -> None:
    try:
        fit = video not in ("", ".", UNFINISHED) and not {"/", "\0"} & set(video) and video.encode()
    except UnicodeEncodeError:  # a file name that is not UTF-8
        fit = False
    if not fit:
        raise InputError(f"{where}: cannot be a name in HDF5; rename it, without '/', in UTF-8")


def _checked(where: str, features: np.ndarray, width: int | None) -> np.ndarray:
    """Features as float32 (T, D), fit to be written, or an InputError."""
    features = np.asarray(features, dtype=np.float32)
    if features.ndim != 2 or not features.size or features.shape[1] != (width or features.shape[1]):
        raise InputError(f"{where}: features of shape {features.shape} instead of (T, {width or 'D'})")
    if not np.isfinite(features).all():
        raise InputError(f"{where}: NaN or infinite features; check the encoder and the video")
    return features
