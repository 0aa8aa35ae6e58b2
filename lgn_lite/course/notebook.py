"""What the notebooks share: the set-up, trained models, files below a run's folder, and words for a difference."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import plotly.io
from IPython import get_ipython
from matplotlib.figure import Figure

from lgn_lite.annotations import Query
from lgn_lite.checkpoint import Checkpoint, load_checkpoint
from lgn_lite.data_sets import REAL, DataSet
from lgn_lite.errors import InputError
from lgn_lite.figures.alt import describe
from lgn_lite.figures.style import small_png, style
from lgn_lite.recipes import Recipe, train_variants
from lgn_lite.support.bars import bar
from lgn_lite.support.files import project_root, wait_for_folder, write_json
from lgn_lite.support.reading import read_json, shown


def setup() -> None:
    """Make a notebook ready; called in the first cell of each.

    Goes to the project's folder, so that `data/` and `runs/` mean the same everywhere, and silences a warning about
    the machine. Figures get the course's style and become PNG files of 256 colours, a third of the size, with words for
    who cannot see them; tables show their sentences whole. Outside a notebook figures stay as they are.
    """
    os.chdir(project_root())
    warnings.filterwarnings("ignore", message=".*pynvml.*")
    style()
    pd.set_option("display.max_colwidth", None)
    plotly.io.renderers.default = "plotly_mimetype"  # the figure as data, not with plotly's own script of megabytes
    shell = get_ipython()
    if shell is not None:
        plt.close(plt.figure())  # the notebook's own way of showing figures sets itself up with the first one
        shell.display_formatter.formatters["image/png"].for_type(Figure, _described_png)


def _described_png(figure: Figure) -> tuple[bytes, dict[str, str]]:
    """The figure as PNG, and its alternative text, where IPython's own pictures and JupyterLab have it too."""
    try:
        words = describe(figure)
    except Exception:  # a reader's own figure may hold anything, and is shown all the same
        words = ""
    return small_png(figure), {"alt": words} if words else {}


def released(name: str, root: str | Path) -> dict[str, list[Query]]:
    """The splits of a real data set as released, without the readers' warnings, which notebook 01 shows.

    Where its annotations are missing below `root`, prints how to get them and returns {}.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            return REAL[name].released(root)
    except InputError:
        print(f"{REAL[name].title}: no annotations below {root}/; `lgn-lite data get {name}` fetches them")
        return {}


def work_folder(run_dir: str | Path, name: str = "") -> Path:
    """RUN_DIR/NAME, or RUN_DIR itself, for a notebook's own files; made if it does not exist."""
    folder = Path(run_dir) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def save_results(run_dir: str | Path, name: str, content: Mapping[str, Any]) -> Path:
    """Write key numbers to RUN_DIR/results/NAME.json, where `lgn-lite results` finds them; returns the path."""
    return write_json(Path(run_dir) / "results" / f"{name}.json", content)


def read_results(path: str | Path) -> dict[str, Any]:
    """The content of a results file, a run's or a stored study's. Raises InputError if it cannot be read."""
    return read_json(Path(path), "give the path of a results file")


def models_folder(run_dir: str | Path, title: str, seed: int = 0, settings: dict[str, Any] | None = None) -> Path:
    """The folder of a run's models: RUN_DIR/models, or one of its own for another seed or other settings.

    Raises InputError where the folder's models were trained on another data set than the one of this title.
    """
    changes = ([f"seed{seed}"] if seed else []) + [
        f"{name}={value}" for name, value in sorted((settings or {}).items())
    ]
    folder = Path(run_dir) / "-".join(["models", *changes])
    for about in sorted(folder.glob("*/best/about.json")):
        data = read_json(about, "remove the model's folder, which is then trained again").get("data", "")
        if data != title:
            known = data if isinstance(data, str) and len(data) <= 80 else shown(data)
            raise InputError(
                f"{about.parents[1]} was trained on {known}, not on {title}: give another run_dir, as "
                "`lgn-lite run --name` does"
            )
    return folder


def trained_models(
    data: DataSet, run_dir: str | Path, variants: Sequence[str], profile: str = "cpu", seed: int = 0
) -> dict[str, Checkpoint]:
    """The checkpoints of some variants at their best epoch, by name; what does not exist yet is trained first.

    Trains side by side, but for the profile "smoke": its single epoch is not worth starting processes.
    """
    folder = models_folder(run_dir, data.title, seed)
    train_in_turn(data, folder, variants, Recipe(profile=profile, seed=seed), 1 if profile == "smoke" else None)
    return {name: load_checkpoint(folder / name / "best") for name in variants}


def train_in_turn(
    data: DataSet, folder: Path, variants: Sequence[str], recipe: Recipe, workers: int | None = None
) -> dict[str, list[dict[str, float]]]:
    """What `train_variants` does; while another notebook trains in the folder, it waits and shows a bar that says so.

    Two notebooks of a run may be executed at a time, and both may need a model that is not there yet.
    """
    erased = partial(bar, bar_format="{desc}", leave=False)  # no line of it stays in the notebook
    with wait_for_folder(folder, "training in it", ".notebook.lock", show=lambda message: erased(desc=message)):
        return train_variants(data, folder, variants, recipe, workers)


def training_seconds(folder: str | Path) -> float | None:
    """Seconds from the first file that a training wrote to its last epoch; None where one is missing."""
    begun, last = Path(folder) / "settings.json", Path(folder) / "history.json"
    if not (begun.exists() and last.exists()):
        return None
    return round(last.stat().st_mtime - begun.stat().st_mtime, 1)


def gap(value: float, other: float) -> str:
    """How one percentage stands to another: "3.2 points above", "0.4 points below", "level with"."""
    difference = round(value - other, 1)
    if difference == 0:
        return "level with"
    return f"{abs(difference):.1f} points {'above' if difference > 0 else 'below'}"
