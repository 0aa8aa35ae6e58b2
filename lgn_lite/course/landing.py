"""What the site's first page shows of a run: how long it took, what it measured, and pictures of the project."""

import math
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from lgn_lite.config import VARIANT_LABELS
from lgn_lite.errors import InputError
from lgn_lite.experiments.progress import clock
from lgn_lite.experiments.run_record import read_record, results
from lgn_lite.support.files import project_root

TRAINING, METRICS = "09_train", ("R1@0.5", "R1@0.7", "mIoU")  # the notebook that measures, and what is shown of it


@dataclass
class Landing:
    """What is not known is empty, and the page then leaves it out."""

    checkpoint: str  # path of LGN's, from the project's folder
    times: dict[str, str] = field(default_factory=dict)  # of executing each notebook, by its name
    total: str = ""  # of these times
    table: dict[str, list[float]] = field(default_factory=dict)  # METRICS in percent, by the rows' labels
    measured: dict[str, Any] = field(default_factory=dict)  # on what: data_set, size, seed, profile, queries, margin
    own: bool = True  # whether this run measured it, or the project's committed one
    metrics: tuple[str, ...] = METRICS
    pictures: dict[str, tuple[str, int, int]] = field(default_factory=dict)  # address, width and height, by name


def read_landing(notebooks: Sequence[Path], out: Path) -> Landing:
    """Gather what the first page shows, and copy its pictures to `out`/files.

    `notebooks` lie in the `notebooks` folder of a run, with run.json and results/ next to it, or in the project's own.
    A record or a file of results that cannot be read is left out: the site does not depend on it.
    """
    root, run = project_root(), notebooks[0].resolve().parent.parent
    best = run / "models" / "full" / "best"
    inside = best.is_dir() and best.is_relative_to(root)
    found = Landing(best.relative_to(root).as_posix() if inside else "runs/course/models/full/best")
    names = {path.stem for path in notebooks}
    with suppress(InputError):
        entries = {name: entry for name, entry in read_record(run)["notebooks"].items() if name in names}
        seconds = {name: entry["seconds"] for name, entry in entries.items() if "seconds" in entry}
        found.times = {name: clock(taken) for name, taken in seconds.items()}
        found.total = clock(sum(seconds.values())) if seconds else ""
    for folder in (run, root / "notebooks"):
        with suppress(InputError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError):  # another form
            found.table, found.measured = _table(results(folder)[TRAINING])
            found.own = folder == run
            break
    for name in ("retrieval", "inspector"):
        picture = root / "notebooks" / "images" / f"{name}.png"
        if picture.is_file():
            shutil.copy(picture, out / "files")
            found.pictures[name] = (f"files/{picture.name}", *Image.open(picture).size)
    return found


def _table(result: dict[str, Any]) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """The rows of a training's results on the test split, and what they were measured on."""
    variants, constant = result["variants"], result["constant"]["test"]["all"]
    rows = {label: variants[name]["test"]["all"] for name, label in VARIANT_LABELS.items() if name in variants}
    table = {label: [float(row[name]) for name in METRICS] for label, row in rows.items()}
    table["best constant interval"] = [float(constant[name]) for name in METRICS]
    middle = next(iter(table.values()))[0]
    margin = 1.96 * math.sqrt(middle * (100 - middle) / constant["queries"])
    about = {key: result[key] for key in ("data_set", "size", "seed", "profile")}
    return table, about | {"queries": constant["queries"], "margin": margin}
