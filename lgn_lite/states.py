"""States to resume from: a folder each, with a manifest of checksums; an older one is used where the newest fails.

    model.safetensors, optimizer.bin, scheduler.bin, random_states_0.pkl, with fp16 scaler.pt   accelerate's
    progress.json    the step, the history, the losses since the last epoch
    manifest.json    size and SHA-256 of each of them, written last

A state appears whole, by one rename. While a training runs, its newest two are on disk, at its end the last one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import SAFE_WEIGHTS_NAME, broadcast_object_list, gather_object, load

from lgn_lite.errors import InputError
from lgn_lite.support.files import atomic_path, remove_folder, set_aside
from lgn_lite.support.reading import read_json, shown

MANIFEST, PROGRESS, RANDOM = "manifest.json", "progress.json", "random_states_0.pkl"
NEEDED = (SAFE_WEIGHTS_NAME, "optimizer.bin", "scheduler.bin", RANDOM, PROGRESS)
KEPT = 2  # states on disk while a training runs


@dataclass
class Progress:
    """How far a training has come."""

    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)  # an entry per epoch
    losses: list[float] = field(default_factory=list)  # of the steps since the last entry

    def end_step(self, loss: float) -> None:
        """Count a step whose loss over the whole batch was this."""
        self.step += 1
        self.losses.append(loss)

    def end_epoch(self, scores: dict[str, float]) -> None:
        """Add the entry of an epoch: the mean loss of its steps, and its scores on the validation split."""
        loss = sum(self.losses) / len(self.losses)
        self.history.append({"epoch": len(self.history) + 1, "step": self.step, "loss": loss, **scores})
        self.losses = []


def save_state(folder: Path, accelerator: Accelerator, at: Progress, keep: int = KEPT) -> None:
    """Write the state of this step, in the main process, and then remove all but the newest states.

    Args:
        folder: the training's, in which state-0000012 becomes the folder of step 12.
        accelerator: holds the model, the optimiser and the schedule, whose states it writes.
        at: how far the training has come.
        keep: states that stay, this one included.
    """
    target = folder / f"state-{at.step:07d}"
    if not accelerator.is_main_process or target.exists():
        return
    with atomic_path(target) as temporary:
        accelerator.save_state(str(temporary))
        (temporary / PROGRESS).write_text(json.dumps(vars(at), allow_nan=False), encoding="utf-8")
        files = {path.name: _described(path) for path in sorted(temporary.iterdir())}
        (temporary / MANIFEST).write_text(json.dumps({"files": files}, indent=2), encoding="utf-8")
    remove_older(folder, keep)


def load_newest(folder: Path, accelerator: Accelerator, steps_per_epoch: int) -> Progress | None:
    """Load the newest state that holds, in all processes, and return its progress; None for a new training.

    A newer one that does not hold is set aside, with a warning. Raises InputError if none holds, or where the
    folder has the results of a training but no state.
    """
    faults: dict[Path, str] = {}
    for state in from_main(accelerator, lambda: state_folders(folder)):
        fault = from_main(accelerator, lambda state=state: _fault(state, accelerator, steps_per_epoch))
        if fault := fault or _fault_of_loading(state, accelerator):
            faults[state] = fault
            continue
        if accelerator.is_main_process and not (state / MANIFEST).is_file():
            warnings.warn(f"{state}: has no checksums, as those of earlier versions; it could be loaded", stacklevel=2)
        from_main(accelerator, lambda state=state: _give_up(faults, state))
        at = from_main(accelerator, lambda state=state: read_json(state / PROGRESS))
        return Progress(at["step"], at["history"], at["losses"])
    if faults:
        what = "; ".join(f"{state.name}: {fault}" for state, fault in faults.items())
        raise InputError(
            f"{folder}: no state to resume from holds ({what}): copy one back, or choose another folder or remove this "
            "one, to train from the start; the checkpoints in it are untouched"
        )
    if left := [name for name in ("history.json", "best", "last") if (folder / name).exists()]:
        raise InputError(
            f"{folder}: has {', '.join(left)}, but no state to resume from: copy it back, or choose another folder or "
            "remove this one, to train from the start"
        )
    return None


def remove_older(folder: Path, keep: int) -> None:
    """Remove all but the newest states, provided that the very newest holds."""
    newest, *others = state_folders(folder) or [None]
    if len(others) >= keep and _fault_of_files(newest) is None:
        for state in others[keep - 1 :]:
            remove_folder(state)


def state_folders(folder: Path) -> list[Path]:
    """The states, newest first."""
    found = [path for path in folder.glob("state-*") if re.fullmatch(r"state-\d{7,}", path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name[6:]), reverse=True)


def saved_step(folder: Path) -> int:
    """The step of the newest state; 0 if there is none, or only that of the initial weights."""
    return max((int(path.name[6:]) for path in state_folders(folder)), default=0)


def _give_up(faults: dict[Path, str], used: Path) -> None:
    """Set aside the states that do not hold, now that an older one does."""
    for state, fault in faults.items():
        aside = set_aside(state)
        warnings.warn(
            f"{state}: {fault}: it is now {aside.name}, and the training resumes from {used.name}", stacklevel=2
        )


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _fault(state: Path, accelerator: Accelerator, steps_per_epoch: int) -> str | None:
    """What keeps a state from being loaded; None if nothing does. Trouble with reading is no fault, but an error."""
    if fault := _fault_of_files(state):
        return fault
    needed = (*NEEDED, "scaler.pt") if accelerator.scaler is not None else NEEDED
    if missing := [name for name in needed if not (state / name).is_file()]:
        return f"{', '.join(missing)} is missing"
    if not (state / MANIFEST).is_file():
        for name in needed:  # torch raises OSError for a damaged file too: trouble with reading shows here
            _described(state / name)
    try:
        return _fault_of_progress(read_json(state / PROGRESS), int(state.name[6:]), steps_per_epoch)
    except InputError as error:
        return str(error).removeprefix(f"{state}{os.sep}")


def _fault_of_files(state: Path) -> str | None:
    """How the files differ from the manifest; states of earlier versions have none."""
    if not (state / MANIFEST).is_file():
        return None
    try:
        files = read_json(state / MANIFEST)["files"]
        for name, described in files.items():
            if not (state / name).is_file():
                return f"{name} is missing"
            if (state / name).stat().st_size != described["bytes"]:
                return f"{name} has {(state / name).stat().st_size:,} bytes, not {described['bytes']:,}"
            if _described(state / name)["sha256"] != described["sha256"]:
                return f"{name} is damaged or was altered: its checksum differs"
        if missing := sorted(set(NEEDED) - set(files)):
            return f"{MANIFEST} lacks {', '.join(missing)}"
    except (InputError, KeyError, TypeError, AttributeError, ValueError) as error:
        return f"{MANIFEST} is damaged ({type(error).__name__})"
    return None


def _fault_of_progress(at: dict[str, Any], step: int, steps_per_epoch: int) -> str | None:
    numbers, history, losses = [], at.get("history"), at.get("losses")
    if not (isinstance(history, list) and isinstance(losses, list) and all(isinstance(e, dict) for e in history)):
        return f"{PROGRESS} has no history and losses"
    numbers += losses
    for epoch, entry in enumerate(history, start=1):
        if (entry.get("epoch"), entry.get("step")) != (epoch, epoch * steps_per_epoch):
            return f"{PROGRESS}: entry {epoch} of the history is not of step {epoch * steps_per_epoch}"
        numbers += [entry.get(name) for name in ("loss", "R1@0.5", "R1@0.7", "mIoU")]
    if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
        return f"{PROGRESS} holds what is no number"
    if at.get("step") != step or divmod(step, steps_per_epoch) != (len(history), len(losses)):
        return f"{PROGRESS} is of step {shown(at.get('step'))}, {len(history)} epochs and {len(losses)} losses"
    return None


def _fault_of_loading(state: Path, accelerator: Accelerator) -> str | None:
    """Load a state in all processes; what the first one to fail stumbled over, the same in all."""
    fault: str | OSError | None = None
    try:
        accelerator.load_state(str(state))
        if accelerator.is_main_process:  # accelerate itself passes over random states that it cannot set
            random_states = load(state / RANDOM)["torch_manual_seed"]
            if not torch.equal(random_states, torch.get_rng_state()):
                raise ValueError(f"{RANDOM} could not be set")
    except Exception as error:  # a damaged file can make the reader stumble over anything
        fault = f"cannot be loaded ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        if isinstance(error, OSError) and (state / MANIFEST).is_file():
            fault = error  # the files hold: trouble with reading, which may pass
    fault = next(filter(None, gather_object([fault])), None)
    if isinstance(fault, OSError):
        raise fault
    return fault


def from_main(accelerator: Accelerator, call: Callable[[], Any]) -> Any:
    """What `call` returns in the main process, for all; its error is raised in all, so that none waits for ever."""
    result: list[Any] = [None, None]  # value, error
    if accelerator.is_main_process:
        try:
            result[0] = call()
        except Exception as error:
            result[1] = error
    value, error = broadcast_object_list(result)
    if error is not None:
        raise error
    return value
