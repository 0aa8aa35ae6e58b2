"""The folder of a training: its lock, what it was begun with, its results, and the states to resume from.

    settings.json    what it was begun with; a call with other settings is refused
    best/, last/     checkpoints (`checkpoint.py`)
    history.json     an entry per epoch
    tensorboard/     loss and learning rate per step, validation scores per epoch
    state-*/         to resume from (`states.py`)

However many processes train together, the main one alone writes; the others call the same methods and wait for it.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer

from lgn_lite.checkpoint import (
    DIVERGED,
    About,
    Companions,
    load_checkpoint,
    recover_checkpoint,
    save_checkpoint,
    with_size,
)
from lgn_lite.config import LGNConfig, TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.states import KEPT, Progress, from_main, load_newest, remove_older, save_state, state_folders
from lgn_lite.support.files import atomic_path, hold_folder, remove_leftovers, set_aside, write_json
from lgn_lite.support.reading import parse_json, read_json, read_text, shown
from lgn_lite.support.weights import check_weights

FREE = ("workers", "memory", "save_every")  # settings that do not change the weights
WAIT = 20.0  # seconds: as long as the loader processes of a killed training may live on, and hold its folder


@dataclass
class TrainingFolder:
    """A folder that one training at a time writes, and resumes from."""

    path: Path
    accelerator: Accelerator
    model: LGN
    settings: TrainSettings
    companions: Companions
    queries: int  # of the training split
    selection: Callable[[dict[str, float]], float]  # the best epoch is the one for which this is highest
    optimiser: AcceleratedOptimizer | None = None  # from `resume` on

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.queries / self.settings.batch_size)

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.settings.epochs * self.steps_per_epoch

    @contextmanager
    def hold(self) -> Iterator[TrainingFolder]:
        """Keep other trainings out, and remove what a killed one left half-written.

        Raises InputError if another training runs in the folder, or one of other settings was begun in it.
        """
        with ExitStack() as stack:

            def begin() -> None:
                # the lock first: what follows is true only while nobody else writes here
                stack.enter_context(hold_folder(self.path, "training in it", WAIT, ".training.lock"))
                check_same_training(self.path, self.model.config, self.settings, self.companions.about, self.queries)
                for folder in (self.path, self.path / "best", self.path / "last"):
                    recover_checkpoint(folder)  # killed between two renames, a checkpoint has no name
                    remove_leftovers(folder)

            from_main(self.accelerator, begin)
            yield self

    def resume(self, optimiser: AcceleratedOptimizer) -> Progress:
        """Load the newest state that holds, and make sure that the results are those of that state.

        A new training saves its initial weights first: a later call resumes from them, whatever model it is given.
        Raises InputError as `load_newest` and `_mend_results` do.
        """
        self.optimiser = optimiser  # whose averages are checked with the weights before each save
        at = load_newest(self.path, self.accelerator, self.steps_per_epoch)
        if at is None:
            at = Progress()
            self.save_state(at, self.settings.learning_rate)
        # Results before states: while best/ can still be made from a state or from last/, nothing older is removed.
        from_main(self.accelerator, lambda: self._mend_results(at))
        from_main(self.accelerator, lambda: remove_older(self.path, self._keep(at)))
        if at.step < self.steps:  # steps beyond the state, which the stopped run has logged too, leave its log
            self.accelerator.init_trackers("tensorboard", init_kwargs={"tensorboard": {"purge_step": at.step + 1}})
        return at

    def save_state(self, at: Progress, rate: float) -> None:
        """Save a state to resume from, unless training has diverged; rate: the learning rate of its step."""
        self.check_finite(at, rate)
        save_state(self.path, self.accelerator, at, self._keep(at))

    def save_epoch(self, at: Progress) -> None:
        """Write best/ where the last epoch is the best so far, last/, history.json, and the state."""
        # In this order: killed in between, training resumes from the state before, and writes them again.
        if self.accelerator.is_main_process:
            entry = at.history[-1]
            if entry is max(at.history, key=self.selection):  # ties go to the first
                self._save_checkpoint("best", entry)
            self._save_checkpoint("last", entry)
            write_json(self.path / "history.json", at.history)
        save_state(self.path, self.accelerator, at, self._keep(at))

    def check_finite(self, at: Progress, rate: float) -> None:
        """Raise InputError if weights are not finite: a step can do that whose loss and gradient were finite."""
        # A diverged model would otherwise be saved over a good one, and be resumed from.
        with self.stops_where_refused(at.step, rate):
            check_weights(dict(self.model.named_parameters()), "weights", "")
            averages = [value for state in self.optimiser.state.values() for value in state.values() if value.dim()]
            if not all(torch.isfinite(value).all() for value in averages):
                raise InputError("the optimiser's averages of gradients are not finite")

    def stopped(self, step: int, rate: float, what: str) -> InputError:
        """The error that ends a training at this step, whose learning rate is `rate`."""
        return InputError(
            f"{self.path}: stopped at step {step}, learning rate {rate:.3g}: {what}; {DIVERGED}; train again in "
            "another folder; what was saved here before stays"
        )

    @contextmanager
    def stops_where_refused(self, step: int, rate: float, what: str = "") -> Iterator[None]:
        """Make `stopped` of an InputError, whose text follows `what`."""
        try:
            yield
        except InputError as error:
            raise self.stopped(step, rate, f"{what}{error}".removesuffix("; ")) from error

    def _keep(self, at: Progress) -> int:
        """How many states stay on disk."""
        return KEPT if at.step < self.steps else 1

    def _save_checkpoint(self, kind: str, entry: dict[str, float]) -> None:
        # the weights' metadata, and the figures of the model's card
        trained = {name: round(value, 4) for name, value in entry.items()}
        trained |= {"epochs": self.settings.epochs, "queries": self.queries}
        held = self.companions
        save_checkpoint(self.path / kind, self.model, held.vocabulary, held.about, trained, held.encoder_file)

    def _mend_results(self, at: Progress) -> None:
        """Make sure that best/, last/ and history.json are those of the state that was loaded.

        Raises InputError if best/ is lost and neither the state nor last/ has its weights.
        """
        history = at.history
        if not history:
            return
        _mend_history(self.path / "history.json", history)
        best = max(history, key=self.selection)
        # both are examined before either is written: last/ may be all that is left of the best epoch
        faults = {
            kind: _fault_of_checkpoint(self.path / kind, entry["epoch"], len(history))
            for kind, entry in (("best", best), ("last", history[-1]))
        }
        for kind, entry in (("last", history[-1]), ("best", best)):
            if not (fault := faults[kind]):
                continue
            if entry["step"] == at.step:
                _clear(self.path / kind)
                self._save_checkpoint(kind, entry)
                warnings.warn(f"{fault}: it was written again from the state", stacklevel=2)
            elif (
                kind == "best"
                and _fault_of_checkpoint(self.path / "last", entry["epoch"], entry["epoch"] + 10**9) is None
            ):
                _clear(self.path / kind)
                with atomic_path(self.path / kind) as temporary:
                    shutil.copytree(self.path / "last", temporary)
                warnings.warn(f"{fault}: it was written again from last/, the same epoch", stacklevel=2)
            elif kind == "best":  # to train on would make a later, worse epoch the best
                raise InputError(
                    f"{fault}; epoch {entry['epoch']} is the best so far, and no state has its weights any more: copy "
                    f"{self.path / kind} back, or choose another folder or remove this one, to train from the start"
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


# -- what a folder was begun with


def check_same_training(folder: Path, model: LGNConfig, settings: TrainSettings, about: About, queries: int) -> None:
    """Refuse to resume a folder that was begun with other settings; those in FREE may change, and are recorded again.

    A setting that the folder's version did not know yet had its default then. Another spelling of the same path is the
    same.

    Args:
        folder: the training's; its settings.json is written where the training is new.
        model: the settings of the model.
        settings: the settings of the training.
        about: what its checkpoints say of themselves.
        queries: how many queries the training split has.

    Raises:
        InputError: for other settings, naming them, and where settings.json is damaged, or lost although there is a
            state.
    """
    path = folder / "settings.json"
    about = replace(about, root="")  # the data may move
    requested = {"model": model.to_dict(), "training": asdict(settings), "about": asdict(about)}
    requested = json.loads(json.dumps(requested)) | {"data": {"queries": queries}}
    if not path.exists():
        if state_folders(folder):
            raise InputError(f"{path} is missing, though there is a state: copy it back, or choose another folder")
        write_json(path, requested)
        return
    begun = read_json(path, f"copy it back, or choose another folder than {folder}")
    for part in ("model", "training", "about", "data"):
        if not isinstance(begun.setdefault(part, {}), dict):
            raise InputError(f"{path}: {part} is no object of settings; copy it back, or choose another folder")
    begun["about"] = with_size(begun["about"])
    defaults = {"model": LGNConfig().to_dict(), "training": asdict(type(settings)()), "about": asdict(About())}
    begun = {part: defaults.get(part, requested[part]) | begun[part] for part in requested}
    differing = [
        f"{name}: {shown(begun[part].get(name))} there, {shown(value)} requested"
        for part in requested
        for name, value in requested[part].items()
        if not (part == "training" and name in FREE) and not _alike(begun[part].get(name), value)
    ]
    if differing:
        raise InputError(
            f"{folder} holds a training of other settings ({'; '.join(differing)}): choose another folder or remove it"
        )
    if any(begun["training"].get(name) != requested["training"][name] for name in FREE):
        times = path.stat()
        begun["training"] |= {name: requested["training"][name] for name in FREE}
        write_json(path, begun)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # it also shows when the training began


def _alike(begun: Any, requested: Any) -> bool:
    """Whether two values give the same weights."""
    if isinstance(begun, dict) and isinstance(requested, dict):
        names = (begun.keys() | requested.keys()) - {"profile"}  # only a name: its settings are compared themselves
        return all(_alike(begun.get(name), requested.get(name)) for name in names)
    if isinstance(begun, str) and isinstance(requested, str) and begun != requested:
        # random vectors are the same wherever a file of others was looked for
        begun, requested = (re.sub(r"^(random vectors \(seed -?\d+\)).*", r"\1", text) for text in (begun, requested))
        paths = all("/" in text or os.sep in text for text in (begun, requested))
        return begun == requested or (paths and os.path.realpath(begun) == os.path.realpath(requested))
    return begun == requested and isinstance(begun, bool) == isinstance(requested, bool)
