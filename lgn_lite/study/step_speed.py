"""Training steps of a full-size network, variant by variant: speed, memory, share of the machine's peak, loss curves.

A variant is a map convolution (2D-TAN's square map, or the list of candidates), a precision, and whether torch.compile
has made one program of the network. Each runs in a process of its own: what it allocates, sets or breaks is gone with
it. `step_speed_report` runs them all, and `lgn-lite study step-speed` is the command.
"""

from __future__ import annotations

import gc
import resource
import statistics
import sys
import timeit
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from lgn_lite.analysis.model_summary import layer_products, meta_model
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.loss import moment_loss
from lgn_lite.model import LGN
from lgn_lite.study.speed import timer

CONVOLUTIONS = {"square": "dense", "list": "list"}  # the names here: those of the model's settings
PRECISIONS = ("fp32", "tf32", "bf16")
WORDS = 10  # of a sentence
WAYS = 4  # that cuDNN tries for a convolution, its own favourites first; each try of a slow one takes seconds
CLASSES = 8  # of moments in the generated data


@dataclass(frozen=True)
class StepVariant:
    """A way to train the same network; its name reads "list-bf16-compiled"."""

    convolution: str
    precision: str
    compiled: bool = False

    def __str__(self) -> str:
        return f"{self.convolution}-{self.precision}" + ("-compiled" if self.compiled else "")

    @classmethod
    def parse(cls, name: str) -> StepVariant:
        """The variant of a name; InputError if there is none."""
        if name not in STEP_VARIANTS:
            raise InputError(f"no variant {name!r}: choose among {', '.join(STEP_VARIANTS)}")
        return STEP_VARIANTS[name]


STEP_VARIANTS = {
    str(variant): variant
    for compiled in (False, True)
    for convolution in CONVOLUTIONS
    for precision in PRECISIONS
    for variant in [StepVariant(convolution, precision, compiled)]
}
STEP_BASELINE = "square-fp32"  # what all others are compared to


class Training:
    """A network, its optimiser and one step as `train.train` takes it. The same initial weights for all variants.

    dropout=False leaves dropout out, which draws differently in every variant, so that loss curves differ by the
    arithmetic alone. Raises InputError if the device has not the precision.
    """

    def __init__(self, config: LGNConfig, variant: StepVariant, device: str, dropout: bool = True):
        check_precision(variant.precision, device)
        torch.manual_seed(0)
        if not dropout:
            config = config.override(frame_dropout=0.0)
        self.model = LGN(config.override(convolution="list"))
        if variant.convolution == "square":
            weights = square_weights(self.model.state_dict(), config.kernel)
            self.model = LGN(config.override(convolution="dense"))
            self.model.load_state_dict(weights)
        self.model.to(device).train()
        self.network = torch.compile(self.model, dynamic=False) if variant.compiled else self.model
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=1e-4)  # 2D-TAN's
        self.autocast = torch.autocast(torch.device(device).type, torch.bfloat16, variant.precision == "bf16")

    def step(self, batch: Mapping[str, Tensor]) -> Tensor:
        """One step; returns its loss, on the device."""
        with self.autocast:
            logits = self.network(batch["video"], batch["words"], batch["word_counts"])
        config = self.model.config
        loss = moment_loss(logits.float(), self.model.moments.iou(batch["span"]), config.t_min, config.t_max)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimiser.step()
        return loss.detach()


def square_weights(state: Mapping[str, Tensor], kernel: int) -> dict[str, Tensor]:
    """The weights of a list network as those of the square one, whose map layers are nn.Conv2d.

    Both lay the same kernel on the map. After one layer they give the same candidates; from the second on the square
    one also sees cells that hold no candidate, and counts them as valid.
    """

    def square(weight: Tensor) -> Tensor:  # (k², C_in, C_out) → (C_out, C_in, k, k)
        return weight.unflatten(0, (kernel, kernel)).permute(3, 2, 0, 1).contiguous()

    layers = "convolutions."
    return {k: square(v) if k.startswith(layers) and k.endswith("weight") else v for k, v in state.items()}


def make_batch(config: LGNConfig, batch: int, device: str, seed: int = 0) -> dict[str, Tensor]:
    """Features and sentences in the shapes of the real ones, in which there is something to learn.

    A video is noise; in the moment that the sentence means lies one of a few patterns, and the sentence names it.

    Args:
        config: the sizes.
        batch: B, queries.
        device: of the tensors.
        seed: of what differs between batches; the patterns are always the same.

    Returns:
        {"video": (B, T, D), "words": (B, W, word_dim), "word_counts": (B,), "span": (B, 2) fractions of the video}
    """
    T, D = config.num_frames, config.visual_dim
    fixed, draw = (torch.Generator(device).manual_seed(n) for n in (0, seed + 1))
    patterns = torch.randn(CLASSES, D, generator=fixed, device=device)
    meanings = torch.randn(CLASSES, WORDS, config.word_dim, generator=fixed, device=device)
    which = torch.randint(CLASSES, (batch,), generator=draw, device=device)
    length = 0.1 + 0.3 * torch.rand(batch, generator=draw, device=device)
    start = (1 - length) * torch.rand(batch, generator=draw, device=device)
    at = (torch.arange(T, device=device) + 0.5) / T
    inside = (at >= start[:, None]) & (at < (start + length)[:, None])  # (B, T)
    video = torch.randn(batch, T, D, generator=draw, device=device)
    video += inside[..., None] * patterns[which][:, None]
    return {
        "video": F.normalize(video, dim=2) if config.frame_norm == "l2" else video,
        "words": meanings[which],
        "word_counts": torch.full((batch,), WORDS, device=device),
        "span": torch.stack([start, start + length], dim=1),
    }


def step_multiply_adds(config: LGNConfig, batch: int, words: int = WORDS) -> int:
    """Multiply-adds of the matrix products of a training step: forward, and about twice that on the way back.

    Going back, each product is done once for its weights and once for its inputs, save where the inputs are given and
    want no gradient: word vectors, the LSTM's first states, and stored features that no unit modulates before their
    first layer.
    """
    model, inputs = meta_model(config, batch, words)
    with FlopCounterMode(display=False) as forward:
        logits = model(*inputs)
    with FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    return sum(layer_products(model, forward).values()) + backward.get_total_flops() // 2


def check_precision(precision: str, device: str) -> None:
    """Raise InputError if the device has not this precision."""
    on_gpu = torch.device(device).type == "cuda"
    if precision == "tf32" and not (on_gpu and torch.cuda.get_device_capability(device) >= (8, 0)):
        raise InputError(f"TF32 needs an NVIDIA GPU of compute capability 8.0 or more, not {device}")
    if precision == "bf16" and on_gpu and not torch.cuda.is_bf16_supported():
        raise InputError(f"{device} has no bf16")


@contextmanager
def arithmetic(precision: str, device: str) -> Iterator[None]:
    """Single precision as it is, or rounded to TF32 inside of products; cuDNN takes the fastest of some ways.

    A GPU is the current one meanwhile, which is the one that clocks wait for.
    """
    cudnn = torch.backends.cudnn
    before = torch.get_float32_matmul_precision(), cudnn.allow_tf32, cudnn.benchmark, cudnn.benchmark_limit
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    cudnn.allow_tf32, cudnn.benchmark, cudnn.benchmark_limit = precision == "tf32", True, WAYS
    try:
        with torch.cuda.device(device if torch.device(device).type == "cuda" else -1):  # -1: none
            yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        cudnn.allow_tf32, cudnn.benchmark, cudnn.benchmark_limit = before[1:]


def timed(work: Callable[[], Any], times: int) -> list[float]:
    """Seconds of each of this many runs, the current GPU's work included."""
    return timeit.repeat(work, timer=timer, repeat=times, number=1)


def peak_multiply_adds(precision: str, device: str, side: int | None = None) -> float:
    """Multiply-adds per second of one large matrix product in this precision: what the machine can do at best."""
    side = side or (8192 if torch.device(device).type == "cuda" else 2048)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    with arithmetic(precision, device):
        torch.mm(a, b)  # warm up
        return side**3 / min(timed(lambda: torch.mm(a, b), 10))


# -- one variant, in the process that it has to itself


def measure_variant(config: LGNConfig, name: str, batch: int, steps: int, device: str, profiled: bool = False) -> dict:
    """A row of the table: a variant's training step. If memory does not hold the batch, half of it is tried.

    Args:
        config: the network.
        name: of STEP_VARIANTS.
        batch: queries of a step.
        steps: timed ones.
        device: where it runs.
        profiled: list the operations that take most of a step.

    Returns:
        The row, ready for JSON.

    Raises:
        InputError: if the device has not the precision; else whatever stops the variant.
    """
    variant, requested = StepVariant.parse(name), batch
    with arithmetic(variant.precision, device):
        while True:
            row = _measure(config, variant, batch, steps, device, profiled)
            if row is not None:
                break
            gc.collect()
            if torch.device(device).type == "cuda":
                torch.cuda.empty_cache()
            if batch == 1:
                raise MemoryError("out of memory with a batch of one query")
            batch //= 2
    peak = peak_multiply_adds(variant.precision, device)
    own = config.override(convolution=CONVOLUTIONS[variant.convolution])
    products = step_multiply_adds(own, batch)
    return row | {
        "out_of_memory_at": None if batch == requested else 2 * batch,
        "multiply_adds": products,
        "peak_multiply_adds_per_second": peak,
        "share_of_peak": products / row["seconds"] / peak,
    }


def _measure(
    config: LGNConfig, variant: StepVariant, batch: int, steps: int, device: str, profiled: bool
) -> dict[str, Any] | None:
    """None if memory ends."""
    try:
        training, data = Training(config, variant, device), make_batch(config, batch, device)
        if torch.device(device).type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        # the first compiles, chooses algorithms, makes Adam's state
        first, *seconds = timed(lambda: training.step(data), 1 + steps)
        median = statistics.median(seconds)
        return {
            "batch": batch,
            "steps": steps,
            "first_seconds": first,
            "seconds": median,
            "steps_per_second": 1 / median,
            "queries_per_second": batch / median,
            "peak_memory_bytes": _peak_memory(device),
            "largest_terms": _largest_terms(training, data, device) if profiled else None,
        }
    except torch.OutOfMemoryError:
        return None
    except RuntimeError as error:  # on a CPU it has no type of its own
        if "can't allocate memory" not in str(error):
            raise
        return None


def _peak_memory(device: str) -> int:
    """Bytes: tensors on a GPU; on a CPU all of the process, which begins with some hundred megabytes."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _largest_terms(training: Training, data: Mapping[str, Tensor], device: str, most: int = 12) -> list[dict]:
    """What one step spends its time in, by operation, without what each calls in turn."""
    on_gpu = torch.device(device).type == "cuda"
    time_of = "self_device_time_total" if on_gpu else "self_cpu_time_total"  # microseconds
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_gpu else [])
    with profile(activities=activities) as seen:
        timed(lambda: training.step(data), 1)
    # kernels are events too; their time is counted at the operation that starts them
    events = [e for e in seen.key_averages() if e.device_type == torch.autograd.DeviceType.CPU]
    total = sum(getattr(event, time_of) for event in events) or 1
    events.sort(key=lambda event: -getattr(event, time_of))
    return [
        {"name": e.key, "calls": e.count, "seconds": getattr(e, time_of) / 1e6, "share": getattr(e, time_of) / total}
        for e in events[:most]
    ]


def loss_curve(config: LGNConfig, name: str, batch: int, steps: int, device: str) -> list[float]:
    """The losses of a variant's first steps, each on new data; the same data and initial weights for all variants.

    Args:
        config, name, batch, device: as of `measure_variant`.
        steps: losses.

    Returns:
        `steps` losses.
    """
    variant = StepVariant.parse(name)
    with arithmetic(variant.precision, device):
        training = Training(config, variant, device, dropout=False)
        losses = [training.step(make_batch(config, batch, device, seed)) for seed in range(steps)]
    return torch.stack(losses).tolist()
