"""The geometry of moment candidates: which exist, when they start and end, what they overlap, the map view.

Candidates are a list, ordered by start, then end; the square 2D temporal map is only a view of that list.
"""

from collections.abc import Iterable, Sequence
from numbers import Integral

import torch
from torch import Tensor, nn

from lgn_lite.errors import InputError
from lgn_lite.support.reading import shown

MOST_CLIPS = 10_000  # of a map's side: the published ones have 16 to 128


def interval_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of intervals (start, end).

    a, b: (..., 2), broadcast against each other, in one unit. Returns (...), from 0 to 1; an interval of no
    length overlaps nothing, not even itself.
    """
    # Where the intervals do not meet the difference is negative, and the intersection empty.
    intersection = (torch.minimum(a[..., 1], b[..., 1]) - torch.maximum(a[..., 0], b[..., 0])).clamp(min=0)
    # The hull is the union wherever the two meet; where they do not, the intersection is 0 anyway.
    hull = torch.maximum(a[..., 1], b[..., 1]) - torch.minimum(a[..., 0], b[..., 0])
    return intersection / hull.clamp(min=torch.finfo(hull.dtype).tiny)  # 0 / tiny, not 0 / 0, for two equal points


def best_iou(segments: Tensor, targets: Tensor) -> Tensor:
    """IoU of segments with their query's target: with several windows, of each segment with the one it overlaps most.

    segments: (B, P, 2); targets: (B, 2), or (B, W, 2) if queries have several windows (`batches.stack_windows`), in
    one unit. Returns (B, P).
    """
    if targets.dim() == 2:
        return interval_iou(segments, targets[:, None])
    return interval_iou(segments[:, :, None], targets[:, None]).amax(dim=2)  # (B, P, 1, 2) and (B, 1, W, 2)


class Moments(nn.Module):
    """The moment candidates of a video cut into N = `num_clips` clips (section 3.3, after 2D-TAN).

    scales: for each scale the number of candidate lengths. The first scale has the lengths 1, 2, 3, … and
    starts at every clip; each further scale doubles the step between lengths and between starts. Candidates
    that would reach past the last clip do not exist. Without parameters; a module so that its index tables
    move with `.to(device)`.

    mask (N, N) bool, [start, end]; start_index, end_index (P,) long, clip indices, the end inclusive.
    Raises InputError for what is no whole number of at least 1, and for a map that fits into no memory.
    """

    mask: Tensor
    start_index: Tensor
    end_index: Tensor

    def __init__(self, num_clips: int, scales: Sequence[int] = (16, 8, 8, 8)) -> None:
        super().__init__()
        # True is an int in Python, and a whole float is a division's result: neither is meant as a size
        sizes = (num_clips, *scales) if isinstance(scales, Sequence) and scales else (None,)
        if not all(isinstance(size, Integral) and not isinstance(size, bool) and size >= 1 for size in sizes):
            given = f"num_clips={shown(num_clips)}, scales={shown(scales)}"
            raise InputError(f"{given}: all must be at least 1, and whole numbers, such as 16 and (16, 8, 8)")
        if num_clips > MOST_CLIPS:
            raise InputError(
                f"num_clips={shown(num_clips)}: a map of its square does not fit; give at most {MOST_CLIPS:,}"
            )
        self.num_clips, self.scales = num_clips, tuple(scales)
        mask = torch.zeros(num_clips, num_clips, dtype=torch.bool)  # [start, end]; below the diagonal always empty
        # All (N + 1) N / 2 moments would be 8,256 for N = 128. Long ones overlap their neighbours almost wholly, so
        # 2D-TAN thins them: each scale doubles the step, and 2,548 remain.
        extent, stride = -1, 1  # extent: end − start of the candidates that are added
        for lengths in scales:
            for _ in range(min(lengths, num_clips)):  # no candidate is longer than the video
                extent += stride
                starts = torch.arange(0, max(num_clips - extent, 0), stride)
                mask[starts, starts + extent] = True
            stride *= 2
        start, end = mask.nonzero(as_tuple=True)  # row-major: by start, then end
        # not persistent: they follow from the settings, and a checkpoint holds weights only
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("start_index", start, persistent=False)
        self.register_buffer("end_index", end, persistent=False)

        # For pool(): level k of the doubling table holds the maxima of all windows of 2^k clips. A candidate
        # of n clips is covered by two of them, of the largest 2^k <= n: from its first clip on, and up to its
        # last one.
        level = torch.tensor([n.bit_length() - 1 for n in (end - start + 1).tolist()])
        sizes = torch.tensor([num_clips - 2**k + 1 for k in range(int(level.max()) + 1)])
        level_begins = (sizes.cumsum(0) - sizes)[level]  # in the flat table
        self.register_buffer("_pool_first", level_begins + start, persistent=False)
        self.register_buffer("_pool_last", level_begins + end + 1 - 2**level, persistent=False)
        self._pool_levels = len(sizes)

    def __len__(self) -> int:
        return len(self.start_index)

    def extra_repr(self) -> str:
        return f"num_clips={self.num_clips}, scales={self.scales}, candidates={len(self)}"

    # Times are derived from the integer tables: model.half() must not round them.
    @property
    def starts(self) -> Tensor:
        """(P,) starts as fractions of the video."""
        return self.start_index / self.num_clips

    @property
    def ends(self) -> Tensor:
        """(P,) ends as fractions of the video."""
        # the end clip is part of the moment, which lasts until the next one begins
        return (self.end_index + 1) / self.num_clips

    def spans(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """(P, 2) starts and ends as fractions of the video."""
        return torch.stack([self.start_index, self.end_index + 1], dim=-1).to(dtype) / self.num_clips

    def segments(self, durations: Tensor) -> Tensor:
        """Starts and ends in seconds: durations (B,) -> (B, P, 2)."""
        return self.spans(durations.dtype) * durations[:, None, None]

    def iou(self, spans: Tensor) -> Tensor:
        """Overlap of every candidate with a target, the best of several: `best_iou`.

        spans: (B, 2), or (B, W, 2) with several windows, fractions of the video. Returns (B, P).
        """
        return best_iou(self.spans(spans.dtype)[None], spans)

    def ceiling(self, spans: Tensor, thresholds: Iterable[float]) -> dict[float, float]:
        """Percent of targets whose best candidate overlaps by more than m: the R1 that no model can pass.

        spans: (Q, 2) or (Q, W, 2), fractions of the video. Returns {m: percent} for the thresholds m.
        """
        # In parts: all of TACoS against 2,548 candidates would fill gigabytes. float64 for a true strict >.
        best = torch.cat([self.iou(part).amax(dim=1) for part in spans.double().split(1024)])
        return {m: 100 * (best > m).double().mean().item() for m in thresholds}

    def to_map(self, x: Tensor) -> Tensor:
        """The list as a map: (B, P, ...) -> (B, N, N, ...), [start, end], zeros if there is no candidate."""
        B, _, *rest = x.shape  # batch, candidates, anything
        grid = x.new_zeros(B, self.num_clips, self.num_clips, *rest)
        grid[:, self.start_index, self.end_index] = x
        return grid

    def from_map(self, grid: Tensor) -> Tensor:
        """The candidates of a map: (B, N, N, ...) -> (B, P, ...)."""
        return grid[:, self.start_index, self.end_index]

    def neighbours(self, kernel: int, dilation: int = 1) -> Tensor:
        """The candidates under a k × k kernel laid on each candidate's map cell.

        Returns (P, k²) long, the kernel row-major (rows: start, columns: end); the number P, one past the
        last candidate, where the cell is outside the map or holds none.
        Raises InputError for an even kernel: it has no middle.
        """
        if kernel < 1 or kernel % 2 == 0 or dilation < 1:
            raise InputError(f"kernel={kernel}, dilation={dilation}: the kernel must be odd, both at least 1")
        P, pad = len(self), kernel // 2 * dilation  # candidates; cells that a kernel reaches past the map
        # The map with padding, each cell with its candidate's number: what lies under a kernel is then looked up
        # without a test whether the kernel leaves the map.
        number = self.mask.new_full([self.num_clips + 2 * pad] * 2, P, dtype=torch.long)
        number[self.start_index + pad, self.end_index + pad] = torch.arange(P, device=number.device)
        steps = torch.arange(kernel, device=number.device) * dilation  # −pad … pad, in the padded map
        rows = self.start_index[:, None, None] + steps[:, None]  # (P, k, 1)
        columns = self.end_index[:, None, None] + steps  # (P, 1, k)
        return number[rows, columns].flatten(1)  # (P, k, k) → (P, k²)

    def anchors(self) -> tuple[Tensor, Tensor, int]:
        """The candidates as a one-dimensional detector has them: a set of lengths around each clip.

        Returns (P,) the clip in the middle of each candidate, (P,) the number of its length among all lengths, short
        ones first, and how many lengths there are. No two candidates share both.
        """
        # The 1D networks of [44], into which section 3.5 would plug late guidance, score a set of lengths at each clip.
        lengths, length = (self.end_index - self.start_index).unique(return_inverse=True)
        return (self.start_index + self.end_index) // 2, length, len(lengths)

    def pool(self, clips: Tensor) -> Tensor:
        """Maximum over the clips of each candidate: (B, N, C) -> (B, P, C) (section 3.3, after 2D-TAN).

        Two reads of a doubling table per candidate, instead of one for each of its clips.
        Raises InputError if clips has another N.
        """
        N = clips.shape[1]  # clips: (batch, clips, channels)
        if self.num_clips != N:
            raise InputError(f"{N} clips were given, the candidates need {self.num_clips}")
        levels = [clips]
        for k in range(1, self._pool_levels):
            half = 2 ** (k - 1)  # a window of 2^k clips is two of 2^(k − 1) next to each other
            levels.append(_maximum(levels[-1][:, :-half], levels[-1][:, half:]))  # (B, N − 2^k + 1, C)
        table = torch.cat(levels, dim=1)  # (B, all windows, C)
        # the two windows may overlap: for a maximum it does not matter that a clip is met twice
        return _maximum(table.index_select(1, self._pool_first), table.index_select(1, self._pool_last))


def _maximum(a: Tensor, b: Tensor) -> Tensor:
    # torch.maximum shares the gradient between equals: backward takes twice the time and keeps both inputs.
    # Here ties go to the first, and only a bool mask is stored.
    return torch.where(a >= b, a, b)
