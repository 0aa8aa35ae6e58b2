"""Video features on disk: an HDF5 store by video, its interruptible writer, averaging to a fixed length.

The layout is 2D-TAN's: one dataset (T, D) under each video's name; its ActivityNet layout is read too.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lgn_lite.cores import by_processes
from lgn_lite.errors import InputError
from lgn_lite.video import read_frames

if TYPE_CHECKING:  # torchvision is slow to import, and a reader of features never needs it
    from lgn_lite.vgg import VGGFrames

UNFINISHED = ".unfinished"  # name of the one dataset that is being written
ANEW = "delete it to make all anew, or name another file"  # for a file that other settings made


def to_fixed_length(features: Tensor, num_clips: int) -> Tensor:
    """Average features (T, D) into `num_clips` equal spans of time → (num_clips, D), exactly as 2D-TAN does.

    Span i of n holds rows round(i T / n) to before round((i+1) T / n), or one row where that is none.
    The last row counts only where it stands alone. Raises InputError where there are no rows.
    """
    T, _D = features.shape  # frames, channels
    if T < 1 or num_clips < 1:
        raise InputError(f"cannot average {T} rows of features into {num_clips} clips; give one or more of each")
    # float32 as in 2D-TAN: another precision rounds some borders the other way
    border = torch.arange(num_clips + 1, dtype=torch.float32, device=features.device) / num_clips * T
    border = border.round().long().clamp(max=T - 1)  # (num_clips + 1,) row at which each span starts
    first, last = border[:-1], torch.maximum(border[1:], border[:-1] + 1)
    # sums of rows before each row; double, so that their differences keep float32's precision
    sums = torch.cat([features.new_zeros(1, features.shape[1]), features]).double().cumsum(0)  # (T + 1, D)
    return ((sums[last] - sums[first]) / (last - first)[:, None]).to(features.dtype)


class FeatureStore(Mapping):
    """Read-only features by video: `store[video]` is float32 (T, D), one row each 1/rate seconds.

    Reads f[video] (T, D) and ActivityNet's f[video]["c3d_features"]. `attrs` holds what `write_features`
    noted: encoder, layer, rate (Hz), weights; for files of others it is empty. Each process opens the file on
    its first access, so that a store may be handed to DataLoader workers; h5py opens it beside one with
    `locking=False` alone. Raises InputError, naming file and
    video, for a missing video and for features that are unreadable, no numbers, empty, not finite, or not `dim`
    wide (without `dim`: as wide as the first video's).
    """

    def __init__(self, path: str | Path, dim: int | None = None):
        self.path = Path(path)
        self._file, self._process = None, None
        if not self.path.is_file():
            if partial_path(self.path).exists():
                raise InputError(f"{self.path}: is unfinished; run again the command that makes it")
            raise InputError(f"{self.path}: does not exist; extract or fetch the features first")
        attrs = self._open().attrs
        self.attrs = {key: value.item() if isinstance(value, np.generic) else value for key, value in attrs.items()}
        self._videos = dict.fromkeys(self._open())
        if not self._videos:
            raise InputError(f"{self.path}: holds no videos; extract or fetch the features again")
        self.dim = dim or self._dataset(next(iter(self._videos))).shape[1]

    def __getitem__(self, video: str) -> np.ndarray:
        dataset = self._dataset(video)
        if dataset.shape[1] != self.dim:
            raise self._error(video, f"features {dataset.shape[1]} wide instead of {self.dim}")
        try:
            features = dataset.astype(np.float32)[:]
        except OSError as error:  # a damaged block shows only when it is read
            raise self._error(video, f"unreadable ({error})") from error
        if not np.isfinite(features).all():
            row = np.flatnonzero(~np.isfinite(features).all(1))[0]
            raise self._error(video, f"NaN or infinite features, first in row {row}")
        return features

    def __contains__(self, video: object) -> bool:
        return video in self._videos

    def __iter__(self) -> Iterator[str]:
        return iter(self._videos)

    def __len__(self) -> int:
        return len(self._videos)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_file": None, "_process": None}  # an open file does not travel to a worker

    def _open(self) -> h5py.File:
        if self._process != os.getpid():  # first access, or the first after a fork
            try:
                self._file = h5py.File(self.path, "r", locking=False)
            except OSError as error:
                raise InputError(
                    f"{self.path}: is no readable HDF5 file ({error}); extract or fetch it again"
                ) from error
            self._process = os.getpid()
        return self._file

    def _dataset(self, video: str) -> h5py.Dataset:
        if video not in self._videos:
            raise InputError(f"{self.path}: no features of video {video!r}; extract them, or check its name")
        try:
            item = self._open()[video]
        except (KeyError, OSError) as error:  # listed, but what the name leads to is damaged
            raise self._error(video, f"unreadable ({error})") from error
        if isinstance(item, h5py.Group):  # ActivityNet
            item = item.get("c3d_features")
        if not isinstance(item, h5py.Dataset):
            raise self._error(video, "a group without 'c3d_features'")
        if item.ndim != 2 or not item.size:
            raise self._error(video, f"features of shape {item.shape} instead of (T, D)")
        if item.dtype.kind not in "fiu":
            raise self._error(video, f"features of type {item.dtype}, not numbers")
        return item

    def _error(self, video: str, what: str) -> InputError:
        return InputError(f"{self.path}: video {video!r}: {what}; extract or fetch it again")


def partial_path(path: str | Path) -> Path:
    """Where features stand until the last video is written."""
    return Path(f"{path}.partial")


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
    second call keeps what the partial file holds and skips those videos; otherwise it starts anew. Raises
    InputError for features that are not finite, not (T, D), or not as wide as the others, and where the
    partial file has other attributes.
    """
    partial = partial_path(path)
    attrs = {"encoder": encoder, "layer": layer, "rate": float(rate), "weights": weights}
    partial.parent.mkdir(parents=True, exist_ok=True)
    if not resume:
        partial.unlink(missing_ok=True)
    with _partial_file(partial, attrs) as file:
        width = next((dataset.shape[1] for dataset in file.values()), None)
        for video, features in items:
            if video in file:
                continue
            features = _checked(f"{path}: video {video!r}", video, features, width)
            width = features.shape[1]
            file.create_dataset(UNFINISHED, data=features)
            file.move(UNFINISHED, video)  # under its own name only when whole
            file.flush()
        if not len(file):
            raise InputError(f"{path}: no features to write")
    partial.replace(path)


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
    done: set[str] = set()
    if resume and Path(path).exists():
        store = FeatureStore(path)
        _same(path, store.attrs, attrs)
        if missing := [video for video in videos if video not in store]:
            raise InputError(
                f"{path}: complete, but without {len(missing)} of the videos, such as {missing[0]!r}; {ANEW}"
            )
        return store
    if resume and partial_path(path).exists():
        with _partial_file(partial_path(path), attrs) as file:
            done = set(videos) & set(file)
    todo = {video: source for video, source in videos.items() if video not in done}
    with closing(compute(todo)) as items:  # whatever goes wrong, its processes end
        bar = tqdm(items, "features", len(videos), initial=len(done), unit="video", disable=not progress)
        write_features(path, bar, **attrs, resume=resume)
    return FeatureStore(path)


def extract_folder(
    video_paths: Mapping[str, str | Path],
    encoder: "VGGFrames",
    rate: float,
    path: str | Path,
    workers: int = 2,
    progress: bool = True,
    resume: bool = True,
) -> FeatureStore:
    """Features of many videos, {name: file}, `rate` frames a second, into one HDF5 file; returns its store.

    `workers` processes decode while this one encodes; at most workers + 1 videos' frames are in memory. It goes
    on, stops and refuses as `make_features` does. Raises InputError at the first unreadable video, naming it.
    """
    attrs = {"encoder": encoder.name, "layer": encoder.layer, "rate": float(rate), "weights": encoder.fingerprint}

    def encode(todo: dict[str, str | Path]) -> Iterator[tuple[str, np.ndarray]]:
        jobs = {video: (file, rate, encoder.frame_size) for video, file in todo.items()}
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


def _partial_file(partial: Path, attrs: dict) -> h5py.File:
    """Open the partial file to add to, or start one."""
    if partial.exists():
        try:
            file = h5py.File(partial, "r+")
        except BlockingIOError as error:
            raise InputError(f"{partial}: another process writes it; wait for it, or end it") from error
        except OSError as error:
            warnings.warn(f"{partial}: damaged ({error}); starting anew", stacklevel=3)
        else:
            try:
                _same(partial, file.attrs, attrs)
            except InputError:
                file.close()
                raise
            if UNFINISHED in file:
                del file[UNFINISHED]
            return file
    file = h5py.File(partial, "w")
    file.attrs.update(attrs)
    return file


def _checked(where: str, video: str, features: np.ndarray, width: int | None) -> np.ndarray:
    """Features as float32 (T, D), fit to be written, or an InputError."""
    features = np.asarray(features, dtype=np.float32)
    if not video or "/" in video or video in (".", UNFINISHED):
        raise InputError(f"{where}: cannot be a name in HDF5; rename it, without '/'")
    if features.ndim != 2 or not features.size or features.shape[1] != (width or features.shape[1]):
        raise InputError(f"{where}: features of shape {features.shape} instead of (T, {width or 'D'})")
    if not np.isfinite(features).all():
        raise InputError(f"{where}: NaN or infinite features; check the encoder and the video")
    return features


def _same(path: str | Path, found: Mapping, wanted: Mapping) -> None:
    """Raise InputError where a file's attributes are not the wanted ones."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(f"{path}: has {name} {found.get(name)!r}, not {value!r}; {ANEW}")
