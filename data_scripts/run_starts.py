"""Run the study of how training starts: python data_scripts/run_starts.py [--seeds 3] [--epochs 8].

1. Learning rates: each start of `lgn_lite.starts.STARTS` trains at three of them, on Toy-STA `small`, the LGN and the
   baseline, and takes the one that is best on the validation split.
2. The other seeds at that rate. All curves are of the validation split; the test split is not touched.
3. The signal at step one: one forward pass of the course's network and of the paper's, no training.

Models go to runs/starts, the curves to notebooks/results/starts.json, which notebook 09 draws. Two runs go side by side
on a processor. Interrupted, the same command goes on where it stopped.
"""

from pathlib import Path
from typing import Annotated

import typer

from lgn_lite.catalogue import open_data_set
from lgn_lite.errors import errors_as_lines
from lgn_lite.files import project_root, write_json
from lgn_lite.starts import LEVEL, STARTS, choose_rate, run_starts, start_signals

VARIANTS = ("full", "baseline")
RATES = (1e-3, 2e-3, 4e-3)


def main(
    size: Annotated[str, typer.Option(help="Toy-STA's size.")] = "small",
    epochs: Annotated[int, typer.Option(help="Of each run.")] = 8,
    seeds: Annotated[int, typer.Option(help="Runs of each row.")] = 3,
    every: Annotated[int, typer.Option(help="Steps between two points of a curve.")] = 78,
    folder: Annotated[Path, typer.Option(help="Where the models go, below the project.")] = Path("runs/starts"),
) -> None:
    """Train what is missing, and write the curves."""
    root = project_root()
    data = open_data_set("toy-sta", size, root / "data")
    pairs = [(start, variant) for start in STARTS for variant in VARIANTS]

    def run(runs: list[tuple[str, str, int, float]]) -> list[dict]:
        return run_starts(data, root / folder, runs, every, training={"epochs": epochs})

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
    print(write_json(root / "notebooks" / "results" / "starts.json", content))


if __name__ == "__main__":
    with errors_as_lines():
        typer.run(main)
