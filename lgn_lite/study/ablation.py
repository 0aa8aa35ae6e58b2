"""The ablation study: the paper's Tables 4 and 5 and what section 4.5 leaves open, each row trained over several seeds.

A row changes one thing of the full model. Each run chooses its epoch on the validation split and is evaluated on the
test splits once; its `scores.json` lies next to its checkpoints, and `collect` reads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from lgn_lite.analysis.model_summary import summarise_model
from lgn_lite.batches import Batch, MomentDataset, collate
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.data_sets import DataSet, find_data_set
from lgn_lite.errors import InputError
from lgn_lite.loss import moment_loss
from lgn_lite.model import LGN
from lgn_lite.recipes import COURSE, Recipe, evaluate_checkpoint, train_side_by_side
from lgn_lite.study.speed import in_turn
from lgn_lite.study.statistics import (
    Record,
    Tried,
    best_rate,
    grid_edge,
    mean_and_std,
    paired_difference,
    plus_minus,
    values,
)
from lgn_lite.support.files import project_root, set_aside, write_json
from lgn_lite.support.reading import read_json
from lgn_lite.text import Vocabulary, encode_with


@dataclass(frozen=True)
class Row:
    """One row of the study: which variant of the model, with which of its settings replaced."""

    question: str  # the table that it belongs to
    label: str
    variant: str = "full"
    model: Mapping[str, Any] = field(default_factory=dict)


COMPONENTS, NEED = "What does each component contribute? (Tables 4 and 5)", "Does late guidance need the sentence?"
MODULES, NORM = "How many modules? (section 4.5)", "Which norm in eq. 3?"
LABELS, POSITION = "Which labels? (eq. 4)", "Where does the early unit sit, and what does it do? (eq. 2)"
SQUARE = "Does the list of candidates learn as well as 2D-TAN's square?"
ORDER = "Does the order of the words matter? (section 3.3)"
LOCALISER = "Does late guidance fit another localiser? (section 3.5)"
DOOR = "Can late guidance alone bring the sentence in? (eq. 3)"
WORDS = "What are pretrained word vectors worth? (section 3.3)"
ENDS = "What do a candidate's two ends add to its maximum? (section 3.3)"
NEIGHBOURS = "Do long candidates need neighbours? (section 3.4)"

# On Toy-STA's map of four layers; a row that is the full model itself (three modules, both units, …) is not repeated
ROWS: dict[str, Row] = {
    "baseline": Row(COMPONENTS, "baseline (2D-TAN)", "baseline"),
    "early": Row(COMPONENTS, "+ early modulation", "early"),
    "late": Row(COMPONENTS, "+ late guidance", "late"),
    "full": Row(COMPONENTS, "LGN"),
    "late-unconditional": Row(NEED, "+ late guidance, α without the sentence", "late", {"guidance_by": "nothing"}),
    "full-unconditional": Row(NEED, "LGN, α without the sentence", "full", {"guidance_by": "nothing"}),
    "modules-1": Row(MODULES, "K = 1", model={"guidance": 1}),
    "modules-2": Row(MODULES, "K = 2", model={"guidance": 2}),
    "modules-4": Row(MODULES, "K = 4", model={"guidance": 4}),
    "norm-cell-unit": Row(NORM, "over a cell's channels, norm 1", model={"guidance_scale": "unit"}),
    "norm-map-rms": Row(NORM, "over a channel's map (eq. 3), times √P", model={"guidance_norm": "map"}),
    "norm-none": Row(NORM, "none: α alone", model={"guidance_norm": "none"}),
    "labels-paper": Row(LABELS, "0 to 0.5 (the paper)", model={"t_min": 0.0, "t_max": 0.5}),
    "labels-tacos": Row(LABELS, "0.3 to 0.7 (2D-TAN, TACoS)", model={"t_max": 0.7}),
    "labels-charades": Row(LABELS, "0.5 to 1 (2D-TAN, Charades-STA)", model={"t_min": 0.5}),
    "early-fc7": Row(POSITION, "one unit, on fc7", model={"early": "fc7"}),
    "early-film": Row(POSITION, "both units, scale and shift", model={"modulation": "scale-shift"}),
    "square": Row(SQUARE, "square convolution", model={"convolution": "dense"}),
    "bag": Row(ORDER, "a bag of words", model={"text_encoder": "bag"}),
    "temporal": Row(LOCALISER, "convolution in time", "baseline", {"convolution": "temporal"}),
    "temporal-late": Row(LOCALISER, "convolution in time + late guidance", "late", {"convolution": "temporal"}),
    "temporal-early": Row(LOCALISER, "convolution in time + early modulation", "early", {"convolution": "temporal"}),
    "late-alone": Row(DOOR, "sentence in late guidance alone", "late", {"fusion_by": "nothing"}),
    "late-and-early": Row(DOOR, "sentence in both units and late guidance", "full", {"fusion_by": "nothing"}),
    "early-alone": Row(DOOR, "sentence in early modulation alone", "early", {"fusion_by": "nothing"}),
    "words-random": Row(WORDS, "word vectors from random ones", model={"word_vectors": "random"}),
    "pooling-max": Row(ENDS, "the maximum alone", model={"pooling": "max"}),
    "scales-one": Row(NEIGHBOURS, "every length and start up to 16 clips", model={"scales": (16,)}),
}
FORMER_NAMES = {"late-deaf": "late-unconditional", "full-deaf": "full-unconditional"}  # of rows; files keep them
# What the rows of a question are compared to, and which rows of Table 4 its table shows as well
REFERENCE = {COMPONENTS: "baseline", NEED: "late", MODULES: "early", NORM: "full", LABELS: "full", POSITION: "full"}
REFERENCE |= {SQUARE: "full", ORDER: "full", LOCALISER: "temporal", DOOR: "baseline", WORDS: "full", ENDS: "full"}
REFERENCE |= {NEIGHBOURS: "full"}
ALSO_SHOWN = {
    NEED: ("baseline", "late", "early", "full"), MODULES: ("early", "full"),
    NORM: ("full",), LABELS: ("full",), POSITION: ("early", "full"), SQUARE: ("full",), ORDER: ("baseline", "full"),
    LOCALISER: ("baseline", "late", "early"), DOOR: ("baseline", "late", "early"), WORDS: ("full",), ENDS: ("full",),
    NEIGHBOURS: ("full",),
}  # fmt: skip


RATES = (2e-3, 4e-3)  # that each row begins with on RATES_SIZE; then half or twice, until worse ones enclose the best
RATE_BOUNDS = (1e-4, 0.1)
RATES_SIZE = "small"


def run_ablation_study(
    folder: str | Path,
    size: str = "full",
    epochs: int = 2,
    seeds: int = 5,
    rows: Sequence[str] | None = None,
    precision: str = "no",
    schedule: str = "cosine",
    root: str | Path = "data",
    say: Callable[[str], None] = print,
) -> Path:
    """The whole study, and its records in notebooks/results/; what is trained already is not trained again.

    1. Learning rates: every row trains at two of them on Toy-STA `small`, for the course's epochs, then at half or
       twice the best, until it lies between two that are worse on the validation split.
    2. Every row trains at its own rate on `size`, seed after seed; each run takes its best validation epoch and
       is evaluated on the test splits once.
    3. What the rows cost: one training step of each, in turn, in this process.

    The file of records grows with the study. What it holds of the same data and settings is not trained again either,
    wherever the models are: a study may be carried from one machine to another, and half of one is of use.

    Args:
        folder: where the models go, below the project: FOLDER/SIZE-EPOCHS-epochs/ROW/seed-N.
        size: Toy-STA's.
        epochs, seeds, rows, precision, schedule: of the runs; all rows by default.
        root: the folder of all data sets, from the project's.
        say: takes the lines to show.

    Returns:
        The file of records, named like the folder.
    """
    project, rows = project_root(), [FORMER_NAMES.get(row, row) for row in (ROWS if rows is None else rows)]
    small, data = (find_data_set("toy-sta", name, project / root) for name in (RATES_SIZE, size))
    path = project / "notebooks" / "results" / f"{Path(folder).name}.json"
    shared = {"precision": precision, "schedule": schedule}
    training = {"epochs": epochs} | shared
    content: dict[str, Any] = {
        "size": size,
        "drawn": read_json(data.folder / "toy_sta.json", "draw the data set again"),
        "queries": {split: len(data.queries(split)) for split in ("train", "val", *data.tests)},
        "training": training | {"batch_size": COURSE.batch_size},
    }
    stored = _stored(path, content)
    content |= {"rates": stored["rates"], "costs": stored["costs"], "records": stored["records"]}
    while tries := [(row, rate) for row in rows for rate in next_rates(content["rates"].get(stored_name(row), {}))]:
        recipe = Recipe(training=shared)
        runs = [(row, 0, rate) for row, rate in tries]
        for record in run_study(small, project / folder / RATES_SIZE, runs, recipe):
            tried = content["rates"].setdefault(stored_name(record["row"]), {})
            tried[f"{record['learning_rate']:g}"] = _rounded(record["val"])
        write_json(path, content)
    chosen = {row: best_rate(content["rates"][stored_name(row)]) for row in rows}
    say(f"learning rates chosen on val: {chosen}")
    models = project / folder / f"{size}-{epochs}-epochs"
    for seed in range(seeds):  # seed by seed: stopped early, all rows have equally many
        known = {(r["row"], r["seed"], r["learning_rate"]) for r in content["records"]}
        runs = [(row, seed, chosen[row]) for row in rows if (stored_name(row), seed, chosen[row]) not in known]
        found = run_study(data, models, runs, Recipe(training=training))
        new = [record | {"row": stored_name(record["row"])} for record in compact(found)]
        content["records"] = sorted([*content["records"], *new], key=_in_order)
        write_json(path, content)
        say(f"seed {seed}: {len(runs)} runs, {len(rows) - len(runs)} were known")
    costs = step_costs(data, rows, COURSE.batch_size)
    content["costs"] |= {stored_name(name): cost for name, cost in costs.items()}
    return write_json(path, content)


def next_rates(tried: Tried) -> list[float]:
    """The learning rates that a row should still try: RATES, then beyond the best one until it is enclosed.

    tried: {rate: validation metrics}. Within RATE_BOUNDS; an empty list at the end.
    """
    if not tried:
        return list(RATES)
    best, edge = best_rate(tried), grid_edge(tried)
    beyond = {"below": [best / 2], "above": [2 * best], "both": [best / 2, 2 * best], "": []}[edge]
    return [float(f"{rate:g}") for rate in beyond if RATE_BOUNDS[0] <= rate <= RATE_BOUNDS[1]]


def _stored(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """What a file of records holds of a study of the same data and settings; a file of others is set aside."""
    empty: dict[str, Any] = {"rates": {}, "costs": {}, "records": []}
    if not path.exists():
        return empty
    stored = read_json(path, "copy it back, or move it away")
    if any(stored.get(name) != value for name, value in content.items()):
        set_aside(path, "former")
        return empty
    return empty | stored


def _in_order(record: Record) -> tuple[int, int, float]:
    names = [stored_name(row) for row in ROWS]
    return names.index(record["row"]), record["seed"], record["learning_rate"]


def run_study(
    data: DataSet,
    folder: str | Path,
    runs: Iterable[tuple[str, int, float | None]],
    recipe: Recipe = Recipe(),  # noqa: B008  (it is frozen)
    workers: int | None = None,
) -> list[Record]:
    """Train and score (row, seed, learning rate) after (row, seed, learning rate); returns the records in that order.

    What is finished is not trained again, what was interrupted resumes.

    Args:
        data: the data set.
        folder: a run is in FOLDER/ROW/seed-N, or in FOLDER/ROW/seed-N-lr-RATE where a rate is given.
        runs: the runs; the rate None is the profile's.
        recipe: what all runs share: the profile, and further settings.
        workers: as of `train_side_by_side`.

    Returns:
        A record per run.

    Raises:
        InputError: for an unknown row.
    """
    runs = [(FORMER_NAMES.get(row, row), seed, rate) for row, seed, rate in runs]
    if unknown := sorted({row for row, _, _ in runs if row not in ROWS}):
        raise InputError(f"no row {', '.join(unknown)} in the study: choose from {', '.join(ROWS)}")
    folder, names, missing = Path(folder), [], {}
    for row, seed, rate in runs:
        name = f"{stored_name(row)}/seed-{seed}" + ("" if rate is None else f"-lr-{rate:g}")
        names.append(name)
        if not (folder / name / "scores.json").exists():
            missing[name] = replace(
                recipe, variant=ROWS[row].variant, seed=seed, model={**recipe.model, **ROWS[row].model},
                training={**recipe.training, **({} if rate is None else {"learning_rate": rate})},
            )  # fmt: skip
    if missing:
        train_side_by_side(data, folder, missing, workers, after=score_run)
    return [_read(folder / name) for name in names]


def score_run(data: DataSet, folder: Path) -> None:
    """Evaluate a finished run's best checkpoint on the test splits and write its scores.json."""
    checkpoint = load_checkpoint(folder / "best")
    settings = read_json(folder / "settings.json", "copy it back, or train again in another folder")
    content: Record = {"row": folder.parent.name, "seed": checkpoint.about.training["seed"]}
    content |= {name: settings["training"][name] for name in ("learning_rate", "precision")}
    content["parameters"] = sum(p.numel() for p in checkpoint.model.parameters())
    content["epoch"] = int(checkpoint.trained["epoch"])
    content["val"] = {name: float(checkpoint.trained[name]) for name in ("R1@0.5", "R1@0.7", "mIoU")}
    content |= {split: evaluate_checkpoint(data, checkpoint, split) for split in data.tests}
    write_json(folder / "scores.json", content)


def collect(folder: str | Path) -> list[Record]:
    """The records of all finished runs below a folder, by row in the study's order, seed and learning rate.

    Raises InputError, naming the file, for one that is broken.
    """
    found = [_read(path.parent) for path in Path(folder).glob("*/seed-*/scores.json")]
    order = {row: i for i, row in enumerate(ROWS)}
    found = [record for record in found if record["row"] in order]
    return sorted(found, key=lambda record: (order[record["row"]], record["seed"], record["learning_rate"]))


def _read(folder: Path) -> Record:
    path = folder / "scores.json"
    advice = "remove it, and its run is scored again"
    record = read_json(path, advice)
    if lacking := [name for name, kind in RECORD.items() if not isinstance(record.get(name), kind)]:
        raise InputError(f"{path}: {', '.join(lacking)} is missing or of another type; {advice}")
    return _renamed(record)


def stored_name(row: str) -> str:
    """The name of a row in folders and files: the former one, so that files of all versions are alike."""
    return next((former for former, present in FORMER_NAMES.items() if present == row), row)


def _renamed(record: Record) -> Record:
    return record | {"row": FORMER_NAMES.get(record["row"], record["row"])}


def with_present_names(study: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file of `run_ablation_study` with its rows' present names, and the version of its Toy-STA."""
    named = {
        part: {FORMER_NAMES.get(row, row): value for row, value in study[part].items()} for part in ("rates", "costs")
    }
    drawn = study.get("drawn", {"version": 3})  # files of that version do not name it
    return {**study, **named, "drawn": drawn, "records": [_renamed(record) for record in study["records"]]}


RECORD = {"row": str, "seed": int, "learning_rate": int | float, "val": dict}  # what a record must have


def compact(records: Iterable[Record]) -> list[Record]:
    """The records as the file holds them: rounded, and of the test splits the groups that its tables show."""

    def short(value: Any) -> Any:  # a test split is what holds a row "all"
        split = isinstance(value, dict) and "all" in value
        return _rounded({key: value[key] for key in ("all", "kind", "length") if key in value} if split else value)

    return [{key: short(value) for key, value in record.items()} for record in records]


def _rounded(value: Any) -> Any:
    """All floats to four digits: a query more or less moves a percentage by 0.03."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def step_costs(
    data: DataSet, rows: Sequence[str] = tuple(ROWS), batch: int = 16, rounds: int = 7
) -> dict[str, dict[str, float]]:
    """What each row costs, timed in turn, in one process and single precision, so that a busy machine slows all.

    Args:
        data: the data set of the batch.
        rows: of the study.
        batch: queries.
        rounds: training steps of each row.

    Returns:
        {row: {"parameters", "multiply_adds": forward, of the batch, "milliseconds": of a training step, the median,
        "ratio": the median of the rounds' ratios to the first row}}
    """
    queries = data.queries("train")[:batch]
    vocabulary = Vocabulary.from_sentences(query.sentence for query in queries)
    steps, costs = {}, {}
    for row in rows:
        config = Recipe(ROWS[row].variant, model=ROWS[row].model).model_config(data)
        config = config.override(vocabulary_size=len(vocabulary))
        items = MomentDataset(queries, data.require_features(), encode_with(vocabulary), config)
        steps[row] = _training_step(LGN(config), collate([items[i] for i in range(len(items))]))
        total = summarise_model(config, batch=len(queries), words=10).loc["total"]
        costs[row] = {"parameters": int(total["parameters"]), "multiply_adds": int(total["multiply_adds"])}
    seconds = in_turn(steps, rounds)
    for row, cost in costs.items():
        cost["milliseconds"] = round(1e3 * float(np.median(seconds[row])), 1)
        cost["ratio"] = round(float(np.median(np.array(seconds[row]) / np.array(seconds[rows[0]]))), 3)
    return costs


def _training_step(model: LGN, batch: Batch) -> Callable[[], None]:
    optimiser = torch.optim.AdamW(model.parameters())

    def step() -> None:
        logits = model(batch["video"], batch["words"], batch["word_counts"])
        iou = model.moments.iou(batch["span"])
        optimiser.zero_grad()
        moment_loss(logits, iou, model.config.t_min, model.config.t_max).backward()
        optimiser.step()

    return step


# -- statistics over seeds


def rows_of(question: str) -> list[str]:
    """The rows that a question's table shows, in the study's order: its own, and some of Table 4 with them."""
    shown = ALSO_SHOWN.get(question, ())
    own = [name for name, row in ROWS.items() if row.question == question]
    return [name for name in ROWS if name in shown] + own


def study_table(
    records: Iterable[Record], question: str, metrics: Sequence[str] = ("R1@0.5", "R1@0.7"), split: str = "test"
) -> pd.DataFrame:
    """A question's table: mean ± standard deviation of each metric, and the paired difference of the first one.

    Args:
        records: of the runs; rows without a run are left out.
        question: of one of ROWS.
        metrics: names of metrics, percent.
        split: of the data set.

    Returns:
        A table with a line per row; the difference is to the question's REFERENCE, with its 95 % interval, in points.
    """
    records = list(records)
    table, against = {}, REFERENCE[question]
    reference = values(records, against, metrics[0], split)
    for name in rows_of(question):
        found = {metric: values(records, name, metric, split) for metric in metrics}
        if not found[metrics[0]]:
            continue
        row: dict[str, Any] = {"seeds": len(found[metrics[0]])}
        row |= {metric: plus_minus(*mean_and_std(of_metric)) for metric, of_metric in found.items()}
        mean, low, high, _ = paired_difference(found[metrics[0]], reference)
        known = "" if np.isnan(low) else f" [{low:+.1f}, {high:+.1f}]"
        title = f"{metrics[0]} − {ROWS[against].label}"
        row[title] = "" if name == against or np.isnan(mean) else f"{mean:+.1f}{known}"
        table[ROWS[name].label] = row
    return pd.DataFrame(table).T


def whole_table(
    records: Iterable[Record],
    metrics: Sequence[str] = ("R1@0.3", "R1@0.5", "R1@0.7", "R5@0.5", "R5@0.7", "mIoU"),
    split: str = "test",
) -> pd.DataFrame:
    """All rows: mean ± standard deviation of each metric, and a paired t-test of the second one against the baseline.

    The last two columns are the mean difference to the baseline, in points, and p of the two-sided test. Rows without
    a run are left out.
    """
    records, tested = list(records), metrics[1]
    base, table = values(records, "baseline", tested, split), {}
    for name, row in ROWS.items():
        found = {metric: values(records, name, metric, split) for metric in metrics}
        if not found[tested]:
            continue
        entry: dict[str, Any] = {"seeds": len(found[tested])}
        entry |= {metric: plus_minus(*mean_and_std(of_metric)) for metric, of_metric in found.items()}
        shared = sorted(set(found[tested]) & set(base))
        pairs = [(found[tested][seed], base[seed]) for seed in shared]
        if name != "baseline" and pairs:
            entry[f"{tested} − baseline"] = f"{np.mean([a - b for a, b in pairs]):+.1f}"
            entry["p"] = f"{stats.ttest_rel(*zip(*pairs, strict=True)).pvalue:.3f}" if len(pairs) > 1 else ""
        table[row.label] = entry
    return pd.DataFrame(table).T.fillna("")
