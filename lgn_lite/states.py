"""States to resume from: a folder each, with a manifest of checksums, tried before an older one is given up.

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
import shutil
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.utils import SAFE_WEIGHTS_NAME, broadcast_object_list, gather_object, load

from lgn_lite.checkpoint import About, load_checkpoint, with_size
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.support.files import atomic_path, remove_folder, set_aside, write_json
from lgn_lite.support.reading import parse_json, read_json, read_text, shown

if TYPE_CHECKING:
    from lgn_lite.config import TrainSettings

Progress = dict[str, Any]  # step, history (an entry an epoch), losses (of the steps since)

MANIFEST, PROGRESS, RANDOM = "manifest.json", "progress.json", "random_states_0.pkl"
NEEDED = (SAFE_WEIGHTS_NAME, "optimizer.bin", "scheduler.bin", RANDOM, PROGRESS)
KEPT = 2  # states on disk while a training runs
FREE = ("workers", "memory", "save_every")  # settings that do not change the weights


def save_state(folder: Path, accelerator: Accelerator, at: Progress, keep: int = KEPT) -> None:
    """Write the state of this step, in the main process; older ones but the newest are removed when it holds."""
    target = folder / f"state-{at['step']:07d}"
    if not accelerator.is_main_process or target.exists():
        return
    with atomic_path(target) as temporary:
        accelerator.save_state(str(temporary))
        (temporary / PROGRESS).write_text(json.dumps(at, allow_nan=False), encoding="utf-8")
        files = {path.name: _described(path) for path in sorted(temporary.iterdir())}
        (temporary / MANIFEST).write_text(json.dumps({"files": files}, indent=2), encoding="utf-8")
    remove_older(folder, keep)


def load_newest(folder: Path, accelerator: Accelerator, steps_per_epoch: int) -> Progress | None:
    """Load the newest state that holds, in all processes, and return its progress; None for a new training.

    A newer one that does not hold is set aside, with a warning. Raises InputError where none holds, or where the
    folder has the results of a training but no state.
    """
    faults: dict[Path, str] = {}
    for state in from_main(accelerator, lambda: _states(folder)):
        fault = from_main(accelerator, lambda state=state: _fault(state, accelerator, steps_per_epoch))
        if fault := fault or _fault_of_loading(state, accelerator):
            faults[state] = fault
            continue
        if accelerator.is_main_process and not (state / MANIFEST).is_file():
            warnings.warn(f"{state}: has no checksums, as those of earlier versions; it could be loaded", stacklevel=2)
        from_main(accelerator, lambda state=state: _give_up(faults, state))
        return from_main(accelerator, lambda state=state: read_json(state / PROGRESS))
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
    newest, *others = _states(folder) or [None]
    if len(others) >= keep and _fault_of_files(newest) is None:
        for state in others[keep - 1 :]:
            remove_folder(state)


def _states(folder: Path) -> list[Path]:
    """The states, newest first."""
    found = [path for path in folder.glob("state-*") if re.fullmatch(r"state-\d{7,}", path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name[6:]), reverse=True)


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
    """What keeps a state from being loaded; None where nothing does. Trouble with reading is no fault, but an error."""
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


def _fault_of_progress(at: Progress, step: int, steps_per_epoch: int) -> str | None:
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
    answer: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            answer[0] = call()
        except Exception as error:
            answer[1] = error
    value, error = broadcast_object_list(answer)
    if error is not None:
        raise error
    return value


# -- what a folder was begun with


def check_same_training(folder: Path, model: LGNConfig, settings: TrainSettings, about: About, queries: int) -> None:
    """Refuse to resume a folder that was begun with other settings; those in FREE may change, and are written anew.

    What the folder's version did not know yet had its default then. Another spelling of the same path is the same.
    """
    path = folder / "settings.json"
    asked = {"model": model.to_dict(), "training": asdict(settings), "about": asdict(about)}
    asked = json.loads(json.dumps(asked)) | {"data": {"queries": queries}}
    if not path.exists():
        if _states(folder):
            raise InputError(f"{path} is missing, though there is a state: copy it back, or choose another folder")
        write_json(path, asked)
        return
    begun = read_json(path, f"copy it back, or choose another folder than {folder}")
    for part in ("model", "training", "about", "data"):
        if not isinstance(begun.setdefault(part, {}), dict):
            raise InputError(f"{path}: {part} is no object of settings; copy it back, or choose another folder")
    begun["about"] = with_size(begun["about"])
    defaults = {"model": LGNConfig().to_dict(), "training": asdict(type(settings)()), "about": asdict(About())}
    begun = {part: defaults.get(part, asked[part]) | begun[part] for part in asked}
    differing = [
        f"{name}: {shown(begun[part].get(name))} there, {shown(value)} asked"
        for part in asked
        for name, value in asked[part].items()
        if not (part == "training" and name in FREE) and not _alike(begun[part].get(name), value)
    ]
    if differing:
        raise InputError(
            f"{folder} holds a training of other settings ({'; '.join(differing)}): choose another folder or remove it"
        )
    if any(begun["training"].get(name) != asked["training"][name] for name in FREE):
        times = path.stat()
        begun["training"] |= {name: asked["training"][name] for name in FREE}
        write_json(path, begun)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # it also tells when the training began


def _alike(begun: Any, asked: Any) -> bool:
    """Whether two values give the same weights."""
    if isinstance(begun, dict) and isinstance(asked, dict):
        names = (begun.keys() | asked.keys()) - {"profile"}  # only a name: its settings are compared themselves
        return all(_alike(begun.get(name), asked.get(name)) for name in names)
    if isinstance(begun, str) and isinstance(asked, str) and begun != asked:
        # random vectors are the same wherever a file of others was looked for
        begun, asked = (re.sub(r"^(random vectors \(seed -?\d+\)).*", r"\1", text) for text in (begun, asked))
        paths = all("/" in text or os.sep in text for text in (begun, asked))
        return begun == asked or (paths and os.path.realpath(begun) == os.path.realpath(asked))
    return begun == asked and isinstance(begun, bool) == isinstance(asked, bool)


# -- what the history promises


def mend_results(
    folder: Path,
    at: Progress,
    selection: Callable[[dict[str, float]], float],
    save: Callable[[str, dict[str, float]], None],
) -> None:
    """Make sure that best/, last/ and history.json are those of the state that was loaded.

    `save(kind, entry)` writes a checkpoint of the model as it is. Raises InputError where best/ is lost and neither
    the state nor last/ has its weights.
    """
    history = at["history"]
    if not history:
        return
    _mend_history(folder / "history.json", history)
    best = max(history, key=selection)
    faults = {
        kind: _fault_of_checkpoint(folder / kind, entry["epoch"], len(history))
        for kind, entry in (("best", best), ("last", history[-1]))
    }
    for kind, entry in (("last", history[-1]), ("best", best)):
        if not (fault := faults[kind]):
            continue
        if entry["step"] == at["step"]:
            _clear(folder / kind)
            save(kind, entry)
            warnings.warn(f"{fault}: it was written again from the state", stacklevel=2)
        elif kind == "best" and _fault_of_checkpoint(folder / "last", entry["epoch"], entry["epoch"] + 10**9) is None:
            _clear(folder / kind)
            with atomic_path(folder / kind) as temporary:
                shutil.copytree(folder / "last", temporary)
            warnings.warn(f"{fault}: it was written again from last/, the same epoch", stacklevel=2)
        elif kind == "best":
            raise InputError(
                f"{fault}; epoch {entry['epoch']} is the best so far, and no state has its weights any more: copy "
                f"{folder / kind} back, or choose another folder or remove this one, to train from the start"
            )


def _clear(folder: Path) -> None:
    if folder.exists():
        set_aside(folder)


def _fault_of_checkpoint(folder: Path, epoch: int, epochs: int) -> str | None:
    """What keeps a checkpoint from being that of an epoch, or of one after the `epochs` of the state; None if nothing.

    A training that was stopped between its checkpoints and its state comes to those epochs once more.
    """
    try:
        with torch.random.fork_rng(devices=[]):  # a new model draws random numbers
            found = load_checkpoint(folder).trained.get("epoch", "")
    except InputError as error:
        return str(error)
    if found == str(epoch) or (found.isdecimal() and int(found) > epochs):
        return None
    return f"{folder} is of epoch {found or 'unknown'}, not of epoch {epoch}"


def _mend_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write history.json again from the state, where it is missing or does not begin with the state's."""
    try:
        found = parse_json(read_text(path), str(path)) if path.exists() else None
    except InputError:
        found = "damaged"
    if isinstance(found, list) and found[: len(history)] == history:
        return
    if found is not None:
        warnings.warn(f"{path}: is not the state's history; it is now {set_aside(path).name}", stacklevel=2)
    write_json(path, history)
