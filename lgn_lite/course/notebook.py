"""What the lessons share: small figures, a strip of frames, a place for models, words for a difference."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import plotly.io
from IPython import get_ipython
from matplotlib.figure import Figure
from PIL import Image

from lgn_lite.errors import InputError
from lgn_lite.figures.style import style
from lgn_lite.support.files import project_root
from lgn_lite.support.reading import read_json, shown


def small_outputs() -> None:
    """Show figures as PNG of 256 colours, a third of the size, and tables with their whole sentences.

    Called in the first cell, after setup(). Does nothing to figures outside a notebook.
    """
    style()
    pd.set_option("display.max_colwidth", None)
    plotly.io.renderers.default = "plotly_mimetype"  # the figure as data, not with plotly's own script of megabytes
    shell = get_ipython()
    if shell is not None:
        plt.close(plt.figure())  # the notebook's own way of showing figures sets itself up with the first one
        shell.display_formatter.formatters["image/png"].for_type(Figure, _small_png)


def _small_png(figure: Figure) -> bytes:
    large, small = io.BytesIO(), io.BytesIO()
    figure.savefig(large, format="png", bbox_inches="tight", facecolor="white")
    # The palette that keeps small things' colours, moved to the middle of what each colour stands for
    method = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 3, "dither": Image.Dither.NONE}
    palette = Image.open(large).convert("RGB").quantize(256, **method)
    palette.save(small, format="png", optimize=True)
    return small.getvalue()


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
            raise InputError(f"{about.parents[1]} was trained on {known}, not on {title}: give another run_dir")
    return folder


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


def setup() -> Path:
    """Go to the project's folder, so that `data/` and `runs/` mean the same everywhere, and quieten known noise.

    Returns that folder, `.` as seen from there. Called in the first cell of every notebook.
    """
    os.chdir(project_root())
    warnings.filterwarnings("ignore", message=".*pynvml.*")
    return Path()
