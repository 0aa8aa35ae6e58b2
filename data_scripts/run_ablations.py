"""Run the ablation study: python data_scripts/run_ablations.py [--size full] [--epochs 2] [--seeds 5] [--row full …].

1. Learning rates: every row of `lgn_lite.ablation.ROWS` trains at three of them on Toy-STA `small`, for eight epochs,
   and takes the one that is best on the validation split.
2. The study: every row trains at its own rate on Toy-STA `full`, seed after seed; each run takes its best validation
   epoch and answers the test splits once.
3. What the rows cost: one training step of each, in turn, in this process.

Models go to FOLDER/SIZE, the records to a file of the folder's name, notebooks/results/ablations.json, which notebook
10 and the README draw. Two runs go side by side on a processor. Interrupted, the same command goes on where it stopped.

The study ran under cosine decay. Whether its main rows stand under the course's schedule, a second one asks:
--folder runs/ablations_trapezoid --schedule trapezoid --row baseline --row early --row late --row late-deaf --row full.
"""

from pathlib import Path
from typing import Annotated

import typer

from lgn_lite.ablation import ROWS, choose_learning_rate, collect, compact, run_study, step_costs
from lgn_lite.catalogue import open_data_set
from lgn_lite.course import COURSE
from lgn_lite.errors import errors_as_lines
from lgn_lite.files import project_root, write_json

RATES = (1e-3, None, 4e-3)  # None: the course's 2e-3
RATES_SIZE = "small"


def main(
    size: Annotated[str, typer.Option(help="Toy-STA's size for the study; the rates are chosen on small.")] = "full",
    epochs: Annotated[int, typer.Option(help="Of each run of the study.")] = 2,
    seeds: Annotated[int, typer.Option(help="Runs of each row.")] = 5,
    precision: Annotated[str, typer.Option(help="no or bf16, of all runs.")] = "bf16",
    row: Annotated[list[str], typer.Option(help="Of the study; repeatable.", show_default="all")] = list(ROWS),  # noqa: B006
    schedule: Annotated[str, typer.Option(help="Of the learning rate: constant, cosine or trapezoid.")] = "cosine",
    folder: Annotated[Path, typer.Option(help="Where the models go, below the project.")] = Path("runs/ablations"),
) -> None:
    """Train and score what is missing, and write the records."""
    root = project_root()
    small, data = (open_data_set("toy-sta", name, root / "data") for name in (RATES_SIZE, size))
    runs = [(name, 0, rate) for rate in RATES for name in row]
    tried = run_study(small, root / folder / RATES_SIZE, runs, training={"precision": precision, "schedule": schedule})
    chosen = {name: choose_learning_rate(tried, name) for name in row}
    print("learning rates chosen on val:", chosen)
    training = {"epochs": epochs, "precision": precision, "schedule": schedule}
    models = root / folder / f"{size}-{epochs}-epochs"
    for seed in range(seeds):  # seed by seed: stopped early, all rows have equally many
        run_study(data, models, [(name, seed, chosen[name]) for name in row], training=training)
    content = {
        "size": size,
        "queries": {split: len(data.queries(split)) for split in ("train", "val", *data.tests)},
        "training": training | {"batch_size": COURSE.batch_size},
        "rates": {name: {f"{r['learning_rate']:g}": r["val"] for r in tried if r["row"] == name} for name in row},
        "costs": step_costs(data, row, COURSE.batch_size),
        "records": compact(collect(models)),
    }
    print(write_json(root / "notebooks" / "results" / f"{folder.name}.json", content))


if __name__ == "__main__":
    with errors_as_lines():
        typer.run(main)
