"""Training: one loop that a reader can hold in the head, and that resumes exactly where it stopped.

It runs in one process, or in several that accelerate has started, each on a device of its own: each batch is then
divided among them, so that they take the same steps as one process would.
"""

from __future__ import annotations

import math
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator, DataLoaderConfiguration, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import SAFE_WEIGHTS_NAME
from safetensors.torch import load_file
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Subset

from lgn_lite.batches import Batch, MomentDataset, collate
from lgn_lite.checkpoint import Companions, own_weights
from lgn_lite.config import TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.evaluation import query_tensors, rank, score_queries
from lgn_lite.loss import moment_loss
from lgn_lite.metrics import mean_iou, recall
from lgn_lite.model import LGN
from lgn_lite.support.bars import bar
from lgn_lite.training_folder import TrainingFolder

DECAY = 0.25  # share of all steps, at the end, in which the schedule "trapezoid" lets the learning rate fall to zero
SKIPPED = 25  # steps in a row that fp16's loss scaling may leave out: from 65,536 it falls by half at each


def train(
    model: LGN,
    data: MomentDataset,
    validation: MomentDataset,
    folder: str | Path,
    settings: TrainSettings,
    companions: Companions,
    on_step: Callable[[int, float], None] | None = None,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train a model, and keep the checkpoints of its best and its last epoch.

    The best epoch has the highest R1@0.5 + R1@0.7 on `validation`, which must not be the test split. Called again
    with the same settings on the same folder, training resumes from the last saved state and ends with the same
    weights as if it had never stopped.

    In several processes, which `accelerate launch` or `accelerate.notebook_launcher` start, all of them call it with
    the same arguments and get the same history; the main process alone writes. Their number may change when training
    resumes. Without dropout the weights are, but for rounding, those of one process; each draws dropout of its own.

    Args:
        model: with its initial weights; trained in place.
        data: the training split.
        validation: the split that chooses the best epoch.
        folder: receives best/ and last/ (checkpoints), history.json, tensorboard/ and state-*/ (`training_folder.py`).
        settings: how to train.
        companions: what the checkpoints hold next to the weights.
        on_step: called after each step with its number, from 1, and the loss of the whole batch.
        progress: show a progress bar.

    Returns:
        The history, one entry per epoch: epoch, step, loss (mean over the epoch's steps), and what `validate` gives.

    Raises:
        InputError: if the folder holds a training of other settings, or another one runs in it; where no state
            of it holds, or its best checkpoint is lost; and at the first step whose loss or gradient is not finite:
            what was saved before stays.
    """
    with (
        _accelerator(folder, settings) as accelerator,
        TrainingFolder(Path(folder), accelerator, model, settings, companions, len(data), selection).hold() as files,
    ):
        show = progress and accelerator.is_main_process
        if settings.workers:  # before they fork: what is prepared now they share
            data.preload(show)
        # `network` is the model, or its wrapper that averages gradients over several processes
        network, optimiser, schedule = accelerator.prepare(model, *_optimiser(model, settings, files.steps_per_epoch))
        torch.manual_seed(settings.seed)  # of dropout; resuming takes the saved state of the generator instead
        at = files.resume(optimiser)
        skipped = 0  # steps in a row that fp16's loss scaling has left out
        with bar(total=files.steps, initial=at.step, unit="step", progress=show) as steps:
            while at.step < files.steps:
                network.train()  # with dropout, which validation switches off
                for batch, weight in _rest_of_epoch(data, settings, accelerator, at.step):
                    # forward: score all candidates of each query, and compare the scores with the overlap (eq. 4, 5)
                    _seed_dropout(settings, accelerator, at.step)
                    with accelerator.autocast():
                        logits = network(batch["video"], batch["words"], batch["word_counts"])  # (B, P)
                    iou = model.moments.iou(batch["span"])  # (B, P)
                    # in single precision: half precision has two or three digits, too few for the logarithms of eq. 5
                    loss = weight * moment_loss(logits.float(), iou, model.config.t_min, model.config.t_max)

                    # backward: the gradient, clipped as in 2D-TAN; over several processes it becomes their mean
                    optimiser.zero_grad()
                    accelerator.backward(loss)
                    norm = accelerator.clip_grad_norm_(network.parameters(), settings.clip)

                    # stop at what is not finite before it reaches the weights: nothing saved so far is lost
                    rate = schedule.get_last_lr()[0]
                    value, norm = _loss_and_norm(accelerator, loss, norm)
                    skipped = 0 if math.isfinite(norm) else skipped + 1
                    if what := _not_finite(value, norm, skipped if accelerator.scaler is None else skipped - SKIPPED):
                        raise files.stopped(at.step + 1, rate, what)

                    # step: the schedule is of steps, not of epochs, so that warm-up may end within the first epoch
                    optimiser.step()
                    schedule.step()

                    # record, and save a state every so often; an epoch ends with one anyway
                    at.end_step(value)
                    steps.update()
                    accelerator.log({"loss": value, "learning_rate": schedule.get_last_lr()[0]}, step=at.step)
                    if on_step is not None:
                        on_step(at.step, value)
                    if settings.save_every and at.step % settings.save_every == 0 and at.step % files.steps_per_epoch:
                        files.save_state(at, rate)

                # validate: the best epoch is chosen on a split of its own, where 2D-TAN uses the test split
                files.check_finite(at, rate)
                with files.stops_where_refused(at.step, rate, "validation: "):
                    scores = validate(model, validation, accelerator)
                at.end_epoch(scores)
                accelerator.log({f"val/{name}": value for name, value in scores.items()}, step=at.step)
                steps.set_postfix_str(_in_short(at.history[-1]))
                if show and steps.disable:  # a line per epoch is what a log needs
                    print(f"epoch {len(at.history)} of {settings.epochs}: {_in_short(at.history[-1])}", file=sys.stderr)
                files.save_epoch(at)
        return at.history


def _loss_and_norm(accelerator: Accelerator, loss: Tensor, norm: Tensor) -> list[float]:
    """The loss of the whole batch, of which this process has a share, and the gradient's norm, as numbers."""
    whole = accelerator.reduce(loss.detach(), "mean")
    return torch.stack([whole, norm.to(whole)]).tolist()  # read together: one wait for the device, not two


def _in_short(entry: dict[str, float]) -> str:
    return f"loss {entry['loss']:.3f}, val R1@0.5 {entry['R1@0.5']:.1f}, R1@0.7 {entry['R1@0.7']:.1f}"


def _not_finite(loss: float, norm: float, skipped: int) -> str | None:
    """Why training must stop: a loss that is not finite, or a gradient in more steps in a row than may be skipped."""
    if not math.isfinite(loss):
        return f"the loss is {loss}"
    return f"the gradient's norm is {norm}" if skipped > 0 else None


def selection(entry: dict[str, float]) -> float:
    """What the best epoch is chosen by: R1@0.5 + R1@0.7 on the validation split."""
    # Both: with the paper's t_max = 0.5 R1@0.5 may rise while R1@0.7 collapses. The paper does not say how it chose.
    return entry["R1@0.5"] + entry["R1@0.7"]


def validate(model: LGN, data: MomentDataset, accelerator: Accelerator | None = None) -> dict[str, float]:
    """R1@0.5, R1@0.7 and mIoU of the first predictions, in percent.

    With an accelerator its processes share the queries, and each of them returns the metrics over all. Raises
    InputError where a score is NaN: then all metrics would be made up.
    """
    targets, durations = query_tensors(data.queries)
    # ranked as in the evaluation, but without NMS, which leaves the first one as it is
    logits = score_queries(model, data) if accelerator is None else _score_together(model, data, accelerator)
    if (bad := logits.isnan().any(dim=1)).any():
        first = data.queries[int(bad.nonzero()[0])]
        raise InputError(
            f"the scores of {int(bad.sum())} of {len(bad)} queries are not numbers (NaN), first those of video "
            f"{first.video!r}, {first.sentence!r}: the features or the weights are damaged; fetch or train them again"
        )
    segments, _ = rank(model, logits, durations, keep=1)
    # m of Charades-STA (4.2), for all data sets: one rule chooses every checkpoint
    found = recall(segments, targets, ks=(1,), thresholds=(0.5, 0.7))
    return {f"R{k}@{m}": value for (k, m), value in found.items()} | {"mIoU": mean_iou(segments, targets)}


def _score_together(model: LGN, data: MomentDataset, accelerator: Accelerator) -> Tensor:
    """`score_queries`, each process for every n-th query, and zeros for the others: their sum is the logits of all."""
    # every n-th, so that the shares are equal but for one query, whatever the order
    mine = range(accelerator.process_index, len(data), accelerator.num_processes)
    logits = torch.zeros(len(data), len(model.moments))  # (Q, P)
    if mine:
        try:
            logits[mine.start :: mine.step] = score_queries(model, Subset(data, mine))
        except InputError:  # NaN: reported by `validate`, in all processes
            logits[mine.start :: mine.step] = math.nan
    return accelerator.reduce(logits.to(accelerator.device), "sum").cpu()


def _optimiser(model: LGN, settings: TrainSettings, steps_per_epoch: int) -> tuple[Optimizer, LambdaLR]:
    """The optimiser, and the schedule of its learning rate over all steps."""
    # Adam is the paper's (4.3), at 2D-TAN's rate; AdamW, which takes weight decay off the weights, the course's
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimiser]
    optimiser = kind(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )  # fused: all weights in one call, which matters where a step is short
    return optimiser, LambdaLR(optimiser, _learning_rate(settings, steps_per_epoch))


def _learning_rate(settings: TrainSettings, steps_per_epoch: int) -> Callable[[int], float]:
    total = settings.epochs * steps_per_epoch
    warmup = round(settings.warmup * total)

    def factor(step: int) -> float:  # of settings.learning_rate
        if step < warmup:  # Adam's first averages are of few gradients: large steps would follow their noise
            return (step + 1) / (warmup + 1)
        if settings.schedule == "constant":  # 2D-TAN's
            return 1.0
        if settings.schedule == "trapezoid":
            return min(1.0, (total - step) / (DECAY * total))
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    return factor


def _rest_of_epoch(
    data: MomentDataset, settings: TrainSettings, accelerator: Accelerator, step: int
) -> Iterator[tuple[Batch, float]]:
    """The batches that an epoch still has after this many steps of the training, on this process's device.

    Their order follows from the seed and the epoch alone: a training that resumes in the middle of an epoch meets the
    batches that it has not seen.

    Args:
        data: the training split.
        settings: batch_size, of all processes together, seed and workers decide.
        accelerator: of this process, which gets its share of each batch.
        step: steps done since the training began.

    Returns:
        Pairs of a batch (`batches.collate`) and the weight that makes the mean over the processes' losses the mean over
        the queries. A process for which no query is left works along with weight 0.
    """
    n, process = accelerator.num_processes, accelerator.process_index
    epoch, skip = divmod(step, math.ceil(len(data) / settings.batch_size))
    # seeded by the epoch: the order is known without having drawn those before
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
    order = torch.randperm(len(data), generator=generator).tolist()
    starts = range(skip * settings.batch_size, len(data), settings.batch_size)
    batches = [order[start : start + settings.batch_size] for start in starts]
    # the loader draws from this generator too, so that it leaves the one of dropout alone
    loader = DataLoader(
        data,
        batch_sampler=[batch[process::n] or batch[:1] for batch in batches],
        collate_fn=collate,
        num_workers=settings.workers,
        generator=generator,
    )
    for batch, share in zip(batches, loader, strict=True):
        weight = len(batch[process::n]) * n / len(batch)
        yield {key: value.to(accelerator.device, non_blocking=True) for key, value in share.items()}, weight


# -- the processes that train together: mostly one


def _seed_dropout(settings: TrainSettings, accelerator: Accelerator, step: int) -> None:
    """Give every process but the main one a dropout of its own.

    Seeded at each step, it leaves nothing to save: the random state of the main process is all that a state holds.
    """
    if process := accelerator.process_index:
        torch.manual_seed(random.Random(f"{settings.seed} {process} {step}").getrandbits(32))


@contextmanager
def _accelerator(folder: str | Path, settings: TrainSettings) -> Iterator[Accelerator]:
    AcceleratorState._reset_state()  # else a second training in this process could not have another precision
    try:
        accelerator = Accelerator(
            cpu=not torch.accelerator.is_available(),  # else processes without a GPU would not find each other
            mixed_precision=settings.precision,
            log_with="tensorboard",
            project_dir=folder,
            dataloader_config=DataLoaderConfiguration(split_batches=True),  # one step of the schedule is one for all
            # what never changes need not be sent at each step
            kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        )
    except ValueError as error:  # fp16 without a GPU, say
        AcceleratorState._reset_state(reset_partial_state=True)
        raise InputError(f"training setting precision={settings.precision!r}: {error}; try bf16 or no") from error
    started = int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else 1
    if accelerator.num_processes != started:
        raise InputError(
            f"{started} processes cannot train together on {accelerator.device}: set ACCELERATE_USE_CPU=1, or start one"
        )

    # states hold the model's own names, without DistributedDataParallel's, and weights in memory of their own: any
    # number of processes, with GPUs or without, can resume from them
    def save_bare(models: list, weights: list, folder: str) -> None:
        weights[:] = [own_weights(accelerator.unwrap_model(network)) for network in models]

    def load_bare(models: list, folder: str) -> None:
        (network,) = models
        accelerator.unwrap_model(network).load_state_dict(load_file(Path(folder) / SAFE_WEIGHTS_NAME))
        models.clear()  # accelerate would load them again, and refuse weights that are parts of one block

    accelerator.register_save_state_pre_hook(save_bare)
    accelerator.register_load_state_pre_hook(load_bare)
    try:
        yield accelerator
        accelerator.end_training()
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)  # `notebook_launcher` wants a clean notebook


def is_main_process() -> bool:
    """Whether this process is the one, of those that accelerate or torchrun have started, that writes and prints."""
    return int(os.environ.get("RANK", 0)) == 0
