"""Initialisation: 2D-TAN's, and what each fix gains, by the step at which val R1@0.5 passes a level.

Also the cause, without any training: how much of a sentence and a video is left after each map layer, at step one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lgn_lite.batches import MomentDataset
from lgn_lite.config import LGNConfig
from lgn_lite.data_sets import DataSet, find_data_set
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.recipes import VARIANTS, Recipe, train_side_by_side
from lgn_lite.support.files import project_root, write_json
from lgn_lite.support.reading import read_json
from lgn_lite.training import selection, validate

# Of one run: start (its initialisation), variant, seed, learning_rate, best (val metrics), curve {step: val R1@0.5}
CurveRecord = dict[str, Any]

LEVEL = 60.0  # percent of val R1@0.5


@dataclass(frozen=True)
class Initialisation:
    """Initial weights and the settings of the first steps, as what they replace of the course's."""

    label: str
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


_PLAIN = {"optimiser": "adam", "weight_decay": 0.0, "schedule": "constant", "warmup": 0.0}  # 2D-TAN's
# Each with one fix more than the one before it, but for the last, another schedule
INITIALISATIONS: dict[str, Initialisation] = {
    "published": Initialisation("as published", {"init": "torch"}, _PLAIN),
    "unit": Initialisation("+ weights of unit size", {}, _PLAIN),
    "warmup": Initialisation("+ warm-up", {}, {name: value for name, value in _PLAIN.items() if name != "warmup"}),
    "course": Initialisation("+ AdamW, falling at the end (the course)"),
    "cosine": Initialisation("the course with cosine decay", {}, {"schedule": "cosine"}),
}


COMPARED = ("full", "baseline")
RATES = (1e-3, 2e-3, 4e-3)


def run_initialisation_study(
    folder: str | Path = "runs/starts", size: str = "small", epochs: int = 8, seeds: int = 3, every: int = 78
) -> Path:
    """The whole study, and its curves in notebooks/results/starts.json; what is trained already is not trained again.

    1. Learning rates: each initialisation trains at three of them, LGN and the baseline, and takes the one that is best
       on the validation split.
    2. The other seeds at that rate. All curves are of the validation split; the test split is not touched.
    3. The signal at step one: one forward pass of the course's network and of the paper's, no training.

    Args:
        folder: where the models go, below the project.
        size: Toy-STA's.
        epochs, seeds: of each row.
        every: steps between two points of a curve.

    Returns:
        The file of curves.
    """
    root = project_root()
    data = find_data_set("toy-sta", size, root / "data")
    pairs = [(name, variant) for name in INITIALISATIONS for variant in COMPARED]

    def run(runs: list[tuple[str, str, int, float]]) -> list[CurveRecord]:
        return run_initialisations(data, root / folder, runs, every, Recipe(training={"epochs": epochs}))

    tried = run([(*pair, 0, rate) for rate in RATES for pair in pairs])
    chosen = {pair: choose_rate(tried, *pair) for pair in pairs}
    records = [record for record in tried if record["learning_rate"] == chosen[record["start"], record["variant"]]]
    records += run([(*pair, seed, chosen[pair]) for seed in range(1, seeds) for pair in pairs])
    content = {
        "size": size,
        "level": LEVEL,
        "epochs": epochs,
        "every": every,
        "tried": [{key: value for key, value in record.items() if key != "curve"} for record in tried],
        "records": records,
        "signal": start_signals(),
    }
    return write_json(root / "notebooks" / "results" / "starts.json", content)


def run_initialisations(
    data: DataSet,
    folder: str | Path,
    runs: Iterable[tuple[str, str, int, float]],
    every: int,
    recipe: Recipe = Recipe(),  # noqa: B008  (it is frozen)
    workers: int | None = None,
) -> list[CurveRecord]:
    """Train (initialisation, variant, seed, learning rate) one after another; the records in order.

    What is finished is not trained again, what was interrupted resumes.

    Args:
        data: the data set; the model is validated on its validation split every `every` steps.
        folder: a run is in FOLDER/INITIALISATION/VARIANT/seed-N-lr-RATE.
        runs: the runs.
        every: steps between two points of a curve.
        recipe: what all runs share: the profile, and further settings.
        workers: as of `train_side_by_side`.

    Returns:
        A record per run.

    Raises:
        InputError: for an unknown initialisation.
    """
    runs, recipes = list(runs), {}
    for initialisation, variant, seed, rate in runs:
        if initialisation not in INITIALISATIONS:
            raise InputError(f"no initialisation {initialisation!r}: choose from {', '.join(INITIALISATIONS)}")
        name = f"{initialisation}/{variant}/seed-{seed}-lr-{rate:g}"
        recipes[name] = replace(
            recipe, variant=variant, seed=seed, model={**recipe.model, **INITIALISATIONS[initialisation].model},
            training={**recipe.training, **INITIALISATIONS[initialisation].training, "learning_rate": rate},
        )  # fmt: skip
    histories = train_side_by_side(data, folder, recipes, workers, on_step=partial(_follow, every=every))
    records = []
    for (initialisation, variant, seed, rate), name in zip(runs, recipes, strict=True):
        best = max(histories[name], key=selection)
        records.append({"start": initialisation, "variant": variant, "seed": seed, "learning_rate": rate})
        records[-1]["best"] = {metric: round(best[metric], 4) for metric in ("R1@0.5", "R1@0.7", "mIoU")}
        records[-1]["curve"] = _read(Path(folder) / name / "curve.json")
    return records


def _follow(model: LGN, validation: MomentDataset, step: int, folder: Path, every: int) -> None:
    """Add a point to a run's curve; a step that comes again after an interruption gets the same value once more."""
    if step % every == 0:
        path = folder / "curve.json"
        with torch.random.fork_rng(devices=[]):  # the loader would draw from dropout's random numbers
            value = validate(model, validation)["R1@0.5"]
        write_json(path, _read(path) | {str(step): round(value, 4)})


def _read(path: Path) -> dict[str, float]:
    return read_json(path, "remove the run's folder, and it is trained again") if path.exists() else {}


def choose_rate(records: Iterable[CurveRecord], initialisation: str, variant: str) -> float:
    """The learning rate with the highest R1@0.5 + R1@0.7 on the validation split, among the runs of the first seed.

    Raises InputError if there is no run.
    """
    runs = [r for r in records if (r["start"], r["variant"]) == (initialisation, variant)]
    if not runs:
        raise InputError(f"no run of initialisation {initialisation!r}, variant {variant!r}: train it first")
    first = min(r["seed"] for r in runs)
    return max((r for r in runs if r["seed"] == first), key=lambda r: selection(r["best"]))["learning_rate"]


def steps_to(curve: Mapping[str, float], level: float = LEVEL) -> int | None:
    """The first measured step with a val R1@0.5 above the level; None if no step has one."""
    return min((int(step) for step, value in curve.items() if value > level), default=None)


# -- the cause, at step one


@torch.no_grad()
def signal_at_start(config: LGNConfig, queries: int = 2, seed: int = 0) -> dict[str, dict[str, float]]:
    """Size and signal of the fused map, after each map layer and of the scores, in a new model: {stage: {…}}.

    `size` is the root mean square of all values. `signal` is that of their differences from the mean over the queries:
    what differs between one sentence and video and the next. Inputs are random, of unit size; in double precision, so
    that a small signal is not lost by rounding. Stages: "fused", "map_0", "map_1", …, "scores".
    """
    # the map does not depend on the number of frames
    config = config.override(num_frames=config.num_clips, vocabulary_size=0)
    torch.manual_seed(seed)
    model = LGN(config).double().eval()
    words = 8
    video = torch.randn(queries, config.num_frames, config.visual_dim, dtype=torch.float64)
    sentences = torch.randn(queries, words, config.word_dim, dtype=torch.float64)
    trace: dict[str, torch.Tensor] = {}
    trace["scores"] = model(video, sentences, torch.full((queries,), words), trace)
    stages = ["fused", *(f"map_{i}" for i in range(config.layers)), "scores"]
    return {
        stage: {"size": _rms(trace[stage]), "signal": _rms(trace[stage] - trace[stage].mean(0))} for stage in stages
    }


def _rms(x: torch.Tensor) -> float:
    return x.square().mean().sqrt().item()


def start_signals(variants: Iterable[str] = ("baseline", "full")) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """`signal_at_start` of the course's network and of the paper's: {preset: {"VARIANT, INIT": {stage: {…}}}}."""
    variants = list(variants)
    return {
        preset: {
            f"{variant}, {init}": signal_at_start(LGNConfig.preset(preset, init=init, **VARIANTS[variant]))
            for variant in variants
            for init in ("torch", "unit")
        }
        for preset in ("toy", "charades-sta")
    }
