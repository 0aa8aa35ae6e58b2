"""Features of a folder of videos, into one HDF5 file."""

import math
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore, make_features
from lgn_lite.support.processes import by_processes
from lgn_lite.video.frames import read_frames
from lgn_lite.video.pictures import MAX_LOST

if TYPE_CHECKING:  # torchvision is slow to import, and a reader of features never needs it
    from lgn_lite.video.encoder import FrameEncoder


def extract_folder(
    video_paths: Mapping[str, str | Path],
    encoder: "FrameEncoder",
    rate: float,
    path: str | Path,
    workers: int = 2,
    progress: bool = True,
    resume: bool = True,
    max_lost: float = MAX_LOST,
) -> FeatureStore:
    """Features of many videos, {name: file}, `rate` frames per second, into one HDF5 file; returns its store.

    `workers` processes decode while this one encodes; at most workers + 1 videos' frames are in memory. It goes
    on, stops and refuses as `make_features` does. Raises InputError at the first video that is unreadable, or of
    whose pictures more than the share `max_lost` is, naming it, and for a rate that is not above 0.
    """
    if not 0 < rate < math.inf:  # here, once: decoding would blame the first video
        raise InputError(f"a rate of {rate} frames per second; give one above 0")
    attrs = {"encoder": encoder.name, "layer": encoder.layer, "rate": float(rate), "weights": encoder.fingerprint}

    def encode(todo: dict[str, str | Path]) -> Iterator[tuple[str, np.ndarray]]:
        how = (rate, encoder.frame_size, 1, max_lost, encoder.phase)
        jobs = {video: (file, *how) for video, file in todo.items()}
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
