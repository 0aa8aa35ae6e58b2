"""Training: one loop that a reader can hold in the head, and that goes on exactly where it stopped."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.utils.data import BatchSampler, DataLoader
from tqdm import tqdm

from lgn_lite.checkpoint import About, save_checkpoint
from lgn_lite.dataset import MomentDataset, collate
from lgn_lite.errors import InputError
from lgn_lite.evaluate import query_tensors, rank, score_queries
from lgn_lite.files import atomic_path, write_json
from lgn_lite.loss import moment_loss
from lgn_lite.metrics import mean_iou, recall
from lgn_lite.model import LGN
from lgn_lite.text import Vocabulary


@dataclass(frozen=True)
class TrainSettings:
    """How to train. The defaults are 2D-TAN's (its configuration files); the course's stand in `course.py`."""

    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-4
    optimiser: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.0  # share of all steps in which the learning rate rises from zero
    clip: float = 10.0  # largest norm of the gradient
    seed: int = 0  # of the order of the queries and of dropout
    precision: Literal["no", "bf16", "fp16"] = "no"
    save_every: int = 0  # steps between states to resume from; 0: after each epoch
    workers: int = 0  # DataLoader processes
    memory: float = 4.0  # gigabytes of prepared features that the training split may keep

    def __post_init__(self) -> None:
        for field in fields(self):
            value, wanted = getattr(self, field.name), {"int": int, "float": int | float}.get(field.type)
            if wanted and (isinstance(value, bool) or not isinstance(value, wanted)):
                raise InputError(f"training setting {field.name}={value!r}: must be of type {field.type}")
        if self.optimiser not in ("adam", "adamw") or self.schedule not in ("constant", "cosine"):
            raise InputError(
                f"optimiser={self.optimiser!r}, schedule={self.schedule!r}: adam | adamw, constant | cosine"
            )
        if self.precision not in ("no", "bf16", "fp16"):
            raise InputError(f"precision={self.precision!r}: no | bf16 | fp16")
        if min(self.epochs, self.batch_size) < 1 or self.learning_rate <= 0 or not 0 <= self.warmup < 1:
            raise InputError(f"epochs and batch_size >= 1, learning_rate > 0, 0 <= warmup < 1 must hold; got {self}")


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

    Folder: best/ and last/ (checkpoints), history.json, tensorboard/, state-*/ (to resume from).
    Raises InputError where the folder holds a training of other settings.
    """
    folder = Path(folder)
    _check_same_training(folder, model, settings, about)
    if settings.workers:
        data.preload(progress)
    AcceleratorState._reset_state()  # else a second training in this process could not have another precision
    accelerator = Accelerator(mixed_precision=settings.precision, log_with="tensorboard", project_dir=folder)
    accelerator.init_trackers("tensorboard")
    optimiser = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimiser](
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps_per_epoch = math.ceil(len(data) / settings.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _learning_rate(settings, steps_per_epoch))
    network, optimiser, schedule = accelerator.prepare(model, optimiser, schedule)
    torch.manual_seed(settings.seed)  # dropout; a resumed run takes the saved state instead
    at = _resume(folder, accelerator)
    if at is None:
        at = {"step": 0, "history": [], "losses": []}
        _save_state(folder, accelerator, at)  # the start weights too are this training's, whatever model comes next

    with tqdm(total=settings.epochs * steps_per_epoch, initial=at["step"], unit="step", disable=not progress) as bar:
        for epoch in range(at["step"] // steps_per_epoch, settings.epochs):
            network.train()
            for batch in _epoch_batches(data, settings, accelerator, epoch, skip=at["step"] % steps_per_epoch):
                with accelerator.autocast():
                    logits = network(batch["video"], batch["words"], batch["word_counts"])
                iou = model.moments.iou(batch["span"])  # (B, P)
                loss = moment_loss(logits.float(), iou, model.config.t_min, model.config.t_max)
                optimiser.zero_grad()
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(network.parameters(), settings.clip)
                optimiser.step()
                schedule.step()
                at["step"] += 1
                at["losses"].append(loss.item())
                bar.update()
                accelerator.log({"loss": at["losses"][-1], "learning_rate": schedule.get_last_lr()[0]}, step=at["step"])
                if on_step is not None:
                    on_step(at["step"], at["losses"][-1])
                if settings.save_every and at["step"] % settings.save_every == 0 and at["step"] % steps_per_epoch:
                    _save_state(folder, accelerator, at)
            scores = validate(model, validation)
            entry = {"epoch": epoch + 1, "step": at["step"], "loss": sum(at["losses"]) / len(at["losses"]), **scores}
            at["history"].append(entry)
            at["losses"] = []
            accelerator.log({f"val/{name}": value for name, value in scores.items()}, step=at["step"])
            bar.set_postfix_str(
                f"loss {entry['loss']:.3f}, val R1@0.5 {scores['R1@0.5']:.1f}, R1@0.7 {scores['R1@0.7']:.1f}"
            )
            if accelerator.is_main_process:
                trained = {name: round(value, 4) for name, value in entry.items()}
                if entry is max(at["history"], key=selection):  # of equals the first
                    save_checkpoint(folder / "best", model, vocabulary, about, trained, encoder_file)
                save_checkpoint(folder / "last", model, vocabulary, about, trained, encoder_file)
                write_json(folder / "history.json", at["history"])
            _save_state(folder, accelerator, at)
    accelerator.end_training()
    return at["history"]


def selection(entry: dict[str, float]) -> float:
    """What the best epoch is chosen by: R1@0.5 + R1@0.7 on the validation split."""
    return entry["R1@0.5"] + entry["R1@0.7"]


def validate(model: LGN, data: MomentDataset) -> dict[str, float]:
    """R1@0.5, R1@0.7 and mIoU of the first answers, in percent."""
    truth, durations = query_tensors(data.queries)
    segments, _ = rank(model, score_queries(model, data), durations)
    found = recall(segments[:, :1], truth, ks=(1,), thresholds=(0.5, 0.7))
    return {f"R{k}@{m}": value for (k, m), value in found.items()} | {"mIoU": mean_iou(segments[:, :1], truth)}


def _learning_rate(settings: TrainSettings, steps_per_epoch: int) -> Callable[[int], float]:
    total = settings.epochs * steps_per_epoch
    warmup = round(settings.warmup * total)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if settings.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    return factor


def _epoch_batches(data: MomentDataset, settings: TrainSettings, accelerator: Accelerator, epoch: int, skip: int):
    """The batches of one epoch from the `skip`-th on: their order follows from the seed and the epoch alone."""
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
    order = torch.randperm(len(data), generator=generator).tolist()[skip * settings.batch_size :]
    # the loader draws from this generator too, so that it leaves the one of dropout alone
    loader = DataLoader(
        data,
        batch_sampler=BatchSampler(order, settings.batch_size, drop_last=False),
        collate_fn=collate,
        num_workers=settings.workers,
        generator=generator,
    )
    return accelerator.prepare_data_loader(loader) if accelerator.num_processes > 1 else _on_device(loader, accelerator)


def _on_device(loader: DataLoader, accelerator: Accelerator):
    for batch in loader:
        yield {key: value.to(accelerator.device, non_blocking=True) for key, value in batch.items()}


# -- states to resume from: a folder appears whole, by one rename, and older ones go afterwards


def _save_state(folder: Path, accelerator: Accelerator, at: dict[str, Any]) -> None:
    target = folder / f"state-{at['step']:07d}"
    if target.exists():
        return
    with atomic_path(target) as temporary:
        accelerator.save_state(str(temporary))
        (temporary / "progress.json").write_text(json.dumps(at))
    for older in sorted(folder.glob("state-*"))[:-1]:
        shutil.rmtree(older)


def _resume(folder: Path, accelerator: Accelerator) -> dict[str, Any] | None:
    states = sorted(folder.glob("state-*"))
    if not states:
        return None
    accelerator.load_state(str(states[-1]))
    return json.loads((states[-1] / "progress.json").read_text())


def _check_same_training(folder: Path, model: LGN, settings: TrainSettings, about: About) -> None:
    """Refuse to go on with a folder that was begun with other settings."""
    path = folder / "settings.json"
    asked = json.loads(
        json.dumps({"model": model.config.to_dict(), "training": asdict(settings), "about": asdict(about)})
    )
    if path.exists():
        begun = json.loads(path.read_text())
        differing = [
            f"{name}: {begun.get(part, {}).get(name)!r} there, {value!r} asked"
            for part in asked
            for name, value in asked[part].items()
            if begun.get(part, {}).get(name) != value
        ]
        if differing:
            raise InputError(
                f"{folder} holds a training of other settings ({'; '.join(differing)}): "
                "choose another folder or remove it"
            )
    else:
        write_json(path, asked)
