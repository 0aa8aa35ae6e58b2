"""Training: one loop that a reader can hold in the head, and that goes on exactly where it stopped.

It runs in one process, or in several that accelerate has started, each on a device of its own: each batch is then
divided among them, so that they take the same steps as one process would.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator, DataLoaderConfiguration, DistributedDataParallelKwargs
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState
from accelerate.utils import SAFE_WEIGHTS_NAME
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from lgn_lite.batches import Batch, MomentDataset, collate
from lgn_lite.checkpoint import DIVERGED, About, own_weights, recover_checkpoint, save_checkpoint
from lgn_lite.config import TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.evaluation import query_tensors, rank, score_queries
from lgn_lite.loss import moment_loss
from lgn_lite.metrics import mean_iou, recall
from lgn_lite.model import LGN
from lgn_lite.states import KEPT, check_same_training, from_main, load_newest, mend_results, remove_older, save_state
from lgn_lite.support.files import hold_folder, remove_leftovers, write_json
from lgn_lite.support.weights import check_weights
from lgn_lite.text import Vocabulary

DECAY = 0.25  # share of all steps at the end, in which the schedule "trapezoid" lets the learning rate fall to zero
SKIPPED = 25  # steps in a row that fp16's loss scaling may leave out: from 65,536 it falls by half at each
WAIT = 20.0  # seconds: as long as the loader processes of a killed training may live on, and hold its folder


def train(
    model: LGN,
    data: MomentDataset,
    validation: MomentDataset,
    folder: str | Path,
    settings: TrainSettings,
    vocabulary: Vocabulary,
    about: About,
    encoder_file: str | Path | None = None,
    on_step: Callable[[int, float], None] | None = None,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train a model, keep the best and the last checkpoint, and return the history, one entry an epoch.

    The best epoch has the highest R1@0.5 + R1@0.7 on `validation`, which must not be the test split. Called again
    with the same settings on the same folder, training goes on from the last saved state and ends with the same
    weights as if it had never stopped. `on_step(step, loss)` is called after each step.

    In several processes, which `accelerate launch` or `accelerate.notebook_launcher` start, all of them call it with
    the same arguments and get the same history; the main process alone writes. Their number may change when training
    goes on. Without dropout the weights are, but for rounding, those of one process; dropout is drawn for each anew.

    Folder: best/ and last/ (checkpoints), history.json, tensorboard/, state-*/ (to resume from, `states.py`).
    Raises InputError where the folder holds a training of other settings, or another one runs in it; where no state
    of it holds, or its best checkpoint is lost; and at the first step whose loss or gradient is not finite: what was
    saved before is kept.
    """
    folder = Path(folder)
    with ExitStack() as stack:
        accelerator = stack.enter_context(_accelerator(folder, settings))
        main, process = accelerator.is_main_process, accelerator.process_index

        def begin() -> None:
            stack.enter_context(hold_folder(folder, "training in it", WAIT, ".training.lock"))
            check_same_training(folder, model.config, settings, about, len(data))
            for place in (folder, folder / "best", folder / "last"):
                recover_checkpoint(place)
                remove_leftovers(place)

        from_main(accelerator, begin)
        if settings.workers:
            data.preload(progress and main)
        optimiser = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimiser](
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        steps_per_epoch = math.ceil(len(data) / settings.batch_size)
        steps = settings.epochs * steps_per_epoch
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _learning_rate(settings, steps_per_epoch))
        network, optimiser, schedule = accelerator.prepare(model, optimiser, schedule)
        torch.manual_seed(settings.seed)  # dropout; a resumed run takes the saved state instead
        at = load_newest(folder, accelerator, steps_per_epoch)
        if at is None:
            at = {"step": 0, "history": [], "losses": []}
            _check_finite(folder, model, optimiser, 0, settings.learning_rate)
            save_state(folder, accelerator, at)  # the start weights too are this training's, whatever model comes next

        def save(kind: str, entry: dict[str, float]) -> None:
            trained = {name: round(value, 4) for name, value in entry.items()}
            save_checkpoint(folder / kind, model, vocabulary, about, trained, encoder_file)

        from_main(accelerator, lambda: mend_results(folder, at, selection, save))
        from_main(accelerator, lambda: remove_older(folder, KEPT if at["step"] < steps else 1))
        if at["step"] < steps:  # steps beyond the state, which the stopped run has logged too, are dropped from its log
            accelerator.init_trackers("tensorboard", init_kwargs={"tensorboard": {"purge_step": at["step"] + 1}})

        skipped = 0  # steps in a row that fp16's loss scaling has left out
        with tqdm(total=steps, initial=at["step"], unit="step", disable=not (progress and main)) as bar:
            for epoch in range(at["step"] // steps_per_epoch, settings.epochs):
                network.train()
                skip = at["step"] % steps_per_epoch
                for batch, weight in _epoch_batches(data, settings, accelerator, epoch, skip):
                    if process:  # its own dropout, seeded at each step: the main process's state is all to save
                        torch.manual_seed(random.Random(f"{settings.seed} {process} {at['step']}").getrandbits(32))
                    with accelerator.autocast():
                        logits = network(batch["video"], batch["words"], batch["word_counts"])
                    iou = model.moments.iou(batch["span"])  # (B, P)
                    loss = weight * moment_loss(logits.float(), iou, model.config.t_min, model.config.t_max)
                    optimiser.zero_grad()
                    accelerator.backward(loss)  # and the gradient becomes the mean over the processes
                    rate = schedule.get_last_lr()[0]
                    norm = accelerator.clip_grad_norm_(network.parameters(), settings.clip)
                    whole = accelerator.reduce(loss.detach(), "mean")  # the loss of the whole batch
                    value, norm = torch.stack([whole, norm.to(whole)]).tolist()  # read at once: one wait for the device
                    skipped = 0 if math.isfinite(norm) else skipped + 1
                    if what := _not_finite(value, norm, skipped if accelerator.scaler is None else skipped - SKIPPED):
                        raise _stopped(folder, at["step"] + 1, rate, what)
                    optimiser.step()
                    schedule.step()
                    at["step"] += 1
                    at["losses"].append(value)
                    bar.update()
                    logged = {"loss": at["losses"][-1], "learning_rate": schedule.get_last_lr()[0]}
                    accelerator.log(logged, step=at["step"])
                    if on_step is not None:
                        on_step(at["step"], at["losses"][-1])
                    if settings.save_every and at["step"] % settings.save_every == 0 and at["step"] % steps_per_epoch:
                        _check_finite(folder, model, optimiser, at["step"], rate)
                        save_state(folder, accelerator, at)
                _check_finite(folder, model, optimiser, at["step"], rate)
                try:
                    scores = validate(model, validation, accelerator)
                except InputError as error:  # scores beyond the numbers
                    raise _stopped(folder, at["step"], rate, f"validation: {error}") from error
                entry = {
                    "epoch": epoch + 1,
                    "step": at["step"],
                    "loss": sum(at["losses"]) / len(at["losses"]),
                    **scores,
                }
                at["history"].append(entry)
                at["losses"] = []
                accelerator.log({f"val/{name}": value for name, value in scores.items()}, step=at["step"])
                bar.set_postfix_str(
                    f"loss {entry['loss']:.3f}, val R1@0.5 {scores['R1@0.5']:.1f}, R1@0.7 {scores['R1@0.7']:.1f}"
                )
                if main:
                    if entry is max(at["history"], key=selection):  # of equals the first
                        save("best", entry)
                    save("last", entry)
                    write_json(folder / "history.json", at["history"])
                save_state(folder, accelerator, at, keep=KEPT if at["step"] < steps else 1)
        return at["history"]


def _not_finite(loss: float, norm: float, skipped: int) -> str | None:
    """Why training must stop: a loss that is not finite, or a gradient in more steps in a row than may be skipped."""
    if not math.isfinite(loss):
        return f"the loss is {loss}"
    return f"the gradient's norm is {norm}" if skipped > 0 else None


def _stopped(folder: Path, step: int, rate: float, what: str) -> InputError:
    return InputError(
        f"{folder}: stopped at step {step}, learning rate {rate:.3g}: {what}; {DIVERGED}; train again in another "
        "folder; what was saved here before is kept"
    )


def _check_finite(folder: Path, model: LGN, optimiser: AcceleratedOptimizer, step: int, rate: float) -> None:
    """Before anything is saved: weights may leave the numbers in a step whose gradient was finite."""
    try:
        check_weights(dict(model.named_parameters()), "weights", "")
        averages = [value for state in optimiser.state.values() for value in state.values() if value.dim()]
        if not all(torch.isfinite(value).all() for value in averages):
            raise InputError("the optimiser's averages of gradients are not finite")
    except InputError as error:
        raise _stopped(folder, step, rate, str(error).removesuffix("; ")) from error


def selection(entry: dict[str, float]) -> float:
    """What the best epoch is chosen by: R1@0.5 + R1@0.7 on the validation split."""
    return entry["R1@0.5"] + entry["R1@0.7"]


def validate(model: LGN, data: MomentDataset, accelerator: Accelerator | None = None) -> dict[str, float]:
    """R1@0.5, R1@0.7 and mIoU of the first answers, in percent.

    With an accelerator its processes share the queries, and each of them returns the numbers of all. Raises
    InputError where a score is NaN: then all figures would be made up.
    """
    truth, durations = query_tensors(data.queries)
    logits = score_queries(model, data) if accelerator is None else _score_together(model, data, accelerator)
    if (bad := logits.isnan().any(dim=1)).any():
        first = data.queries[int(bad.nonzero()[0])]
        raise InputError(
            f"the scores of {int(bad.sum())} of {len(bad)} queries are not numbers (NaN), first those of video "
            f"{first.video!r}, {first.sentence!r}: the features or the weights are damaged; fetch or train them again"
        )
    segments, _ = rank(model, logits, durations)
    found = recall(segments[:, :1], truth, ks=(1,), thresholds=(0.5, 0.7))
    return {f"R{k}@{m}": value for (k, m), value in found.items()} | {"mIoU": mean_iou(segments[:, :1], truth)}


def _score_together(model: LGN, data: MomentDataset, accelerator: Accelerator) -> Tensor:
    """`score_queries`, each process for every n-th query; added to the zeros of the others, each has its place."""
    mine = range(accelerator.process_index, len(data), accelerator.num_processes)
    logits = torch.zeros(len(data), len(model.moments))  # (Q, P)
    if mine:
        try:
            logits[mine.start :: mine.step] = score_queries(model, Subset(data, mine))
        except InputError:  # NaN: said by `validate`, in all processes
            logits[mine.start :: mine.step] = math.nan
    return accelerator.reduce(logits.to(accelerator.device), "sum").cpu()


def _learning_rate(settings: TrainSettings, steps_per_epoch: int) -> Callable[[int], float]:
    total = settings.epochs * steps_per_epoch
    warmup = round(settings.warmup * total)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if settings.schedule == "constant":
            return 1.0
        if settings.schedule == "trapezoid":
            return min(1.0, (total - step) / (DECAY * total))
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    return factor


def _epoch_batches(
    data: MomentDataset, settings: TrainSettings, accelerator: Accelerator, epoch: int, skip: int
) -> Iterator[tuple[Batch, float]]:
    """The batches of one epoch from the `skip`-th on: their order follows from the seed and the epoch alone.

    Of each, this process gets its share, with the weight that makes the mean over the processes' losses the mean
    over the queries. A process for which no query is left works along with weight 0.
    """
    n, process = accelerator.num_processes, accelerator.process_index
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


@contextmanager
def _accelerator(folder: Path, settings: TrainSettings) -> Iterator[Accelerator]:
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
    # number of processes, with GPUs or without, can go on from them
    def save_bare(models: list, weights: list, folder: str) -> None:
        weights[:] = [own_weights(accelerator.unwrap_model(network)) for network in models]

    def load_bare(models: list, folder: str) -> None:
        (network,) = models
        accelerator.unwrap_model(network).load_state_dict(load_file(Path(folder) / SAFE_WEIGHTS_NAME))
        models.clear()  # accelerate would load them anew, and refuse weights that are parts of one block

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
