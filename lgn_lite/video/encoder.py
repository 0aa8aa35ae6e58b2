"""What every frame encoder is: frames → features, however the network between them works.

`VGGFrames` and `CLIPFrames` are the two; `encoder_names.load_encoder` makes one of what a user writes. Drawn and
filmed videos take one path: `extract_video`. Many videos at a time: `extraction.extract_folder`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from lgn_lite.video.frames import VideoInfo, iter_frames
from lgn_lite.video.pictures import MAX_LOST


class FrameEncoder(nn.Module):
    """A network that gives each frame of a video its features; a subclass says how, in `encode`."""

    layer = ""  # whose output the features are, where there is a choice
    rate = 1.0  # frames per second, where nothing else is said
    phase = 0.0  # where in its 1/rate seconds a frame is taken: 0 at their beginning, 0.5 in their middle
    dim: int  # D, width of the features

    def __init__(
        self,
        name: str,  # what feature files and checkpoints say of their features
        image_size: int,  # pixels of the square input
        mean: Sequence[float],  # of red, green, blue in 0 … 1
        std: Sequence[float],
        shorter_side: int | None = None,  # resize to this, then crop the centre; None: squeeze all in
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    ):
        super().__init__()
        self.name, self.image_size, self.shorter_side = name, image_size, shorter_side
        self.mean, self.std, self.interpolation = tuple(mean), tuple(std), interpolation

    @property
    def frame_size(self) -> tuple[int, int] | int:
        """The size to ask of the decoder, so that `preprocess` need not resize."""
        return self.shorter_side or (self.image_size, self.image_size)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any weight, so that features are never mixed up."""
        digest = hashlib.sha256()
        for key, value in self.state_dict().items():
            digest.update(key.encode())
            digest.update(value.detach().cpu().contiguous().numpy().data)
        return digest.hexdigest()[:16]

    def preprocess(self, frames: np.ndarray | Tensor) -> Tensor:
        """Frames uint8 (T, h, w, 3) → network input float (T, 3, s, s), normalised."""
        _T, h, w, _ = frames.shape  # frames, height, width, RGB
        x = torch.as_tensor(frames).to(next(self.parameters()).device).permute(0, 3, 1, 2)
        # x is (T, 3, h, w) with the channels still last in memory, which convolves fastest
        if self.shorter_side is None:
            if (h, w) != self.frame_size:
                x = transforms.resize(x, list(self.frame_size), self.interpolation, antialias=True)
        else:
            if min(h, w) != self.shorter_side:
                x = transforms.resize(x, [self.shorter_side], self.interpolation, antialias=True)
            x = self.crop(x)
        mean, std = (torch.tensor(value, device=x.device).view(3, 1, 1) for value in (self.mean, self.std))
        return (x.float() / 255 - mean) / std

    def crop(self, x: Tensor) -> Tensor:
        """Pictures (T, 3, h, w) → their centre (T, 3, s, s), as torchvision has it."""
        return transforms.center_crop(x, [self.image_size])

    def encode(self, x: Tensor) -> Tensor:
        """Preprocessed frames (T, 3, s, s) → features (T, D)."""
        raise NotImplementedError

    @torch.no_grad()
    def extract(self, frames: np.ndarray | Tensor, batch: int = 64) -> Tensor:
        """Frames uint8 (T, h, w, 3) → features (T, D) float32 on the CPU, `batch` frames at a time."""
        pieces = [frames[i : i + batch] for i in range(0, len(frames), batch)]
        return torch.cat([self.encode(self.preprocess(piece)).float().cpu() for piece in pieces])


def extract_video(
    path: str | Path, encoder: FrameEncoder, rate: float, batch: int = 64, max_lost: float = MAX_LOST
) -> tuple[Tensor, VideoInfo]:
    """Any video file → its features (T, D) float32, `rate` frames per second, and what `probe` says of it.

    Row i belongs to the 1/rate seconds from i / rate on. Only `batch` frames are in memory at a time. Warns, and
    raises InputError, naming the file, as `iter_frames` does.
    """
    info = None

    def decoded() -> Iterator[tuple[float, np.ndarray]]:
        nonlocal info
        info = yield from iter_frames(path, rate, encoder.frame_size, 0, max_lost, encoder.phase)

    frames = decoded()
    pieces = []
    while piece := [frame for _, frame in islice(frames, batch)]:
        pieces.append(encoder.extract(np.stack(piece), batch))
    return torch.cat(pieces), info
