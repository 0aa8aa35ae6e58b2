"""How fast the candidate-list convolution is against 2D-TAN's square map: ratios, taken in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from lgn_lite.config import LGNConfig
from lgn_lite.model import LGN


def convolution_benchmark(preset: str = "charades-sta", batch: int = 8, rounds: int = 3, device: str = "cpu") -> dict:
    """Forward and backward of all map layers, list against dense, for the preset's map and channels.

    The two are timed in turn, so that a busy machine slows both; the ratio is the median of the rounds' ratios.
    Returns seconds a pass for each, and the ratio dense / list.
    """
    passes = {name: _map_pass(preset, name, batch, device) for name in ("list", "dense")}
    for run in passes.values():
        run()  # warm up
    seconds = {name: [] for name in passes}
    for _ in range(rounds):
        for name, run in passes.items():
            seconds[name].append(run())
    ratios = [dense / listed for dense, listed in zip(seconds["dense"], seconds["list"], strict=True)]
    return {
        "preset": preset,
        "batch": batch,
        "list_seconds": statistics.median(seconds["list"]),
        "dense_seconds": statistics.median(seconds["dense"]),
        "ratio": statistics.median(ratios),
    }


def _map_pass(preset: str, convolution: str, batch: int, device: str) -> Callable[[], float]:
    config = LGNConfig.preset(preset, convolution=convolution, early="none", guidance=0, visual_dim=8)
    model = LGN(config).to(device)
    fused = torch.randn(batch, len(model.moments), config.hidden, device=device, requires_grad=True)

    def run() -> float:
        start = time.perf_counter()
        model.convolve(fused).square().mean().backward()
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    return run
