"""Run the ablation study: python data_scripts/run_ablations.py [--seeds 3] [--table-4-seeds 5] [--size small].

Trains every row of `lgn_lite.ablation.ROWS` with every seed into runs/ablations/models, two side by side on a
processor, and writes the records to notebooks/results/ablations.json, which notebook 10 draws. Interrupted, the same
command goes on where it stopped. All rows train at the course's learning rate. The four rows of Table 4, to which the
others are compared, get more seeds; they also try two other rates with the first seed, and train all their seeds at
the one that is best on the validation split.
"""

from pathlib import Path

import typer

from lgn_lite.ablation import ROWS, choose_learning_rate, collect, compact, run_study
from lgn_lite.catalogue import open_data_set
from lgn_lite.files import project_root, write_json

TABLE_4 = ("baseline", "early", "late", "full")
RATES = (1e-3, 4e-3)  # beside the course's 2e-3


def main(seeds: int = 3, table_4_seeds: int = 5, size: str = "small", folder: Path = Path("runs/ablations")) -> None:
    """Train and score what is missing; print which learning rate each row of Table 4 has chosen."""
    root = project_root()
    data, models = open_data_set("toy-sta", size, root / "data"), root / folder / "models"
    run_study(data, models, TABLE_4, [0])
    for rate in RATES:
        run_study(data, models, TABLE_4, [0], learning_rate=rate)
    chosen = {row: choose_learning_rate(collect(models), row) for row in TABLE_4}
    print("learning rates chosen on val:", chosen)
    run_study(data, models, [row for row in ROWS if row not in TABLE_4], range(seeds))
    run_study(data, models, TABLE_4, range(table_4_seeds))
    for rate in RATES:
        rows = [row for row in TABLE_4 if chosen[row] == rate]
        run_study(data, models, rows, range(table_4_seeds), learning_rate=rate)
    print(write_json(root / "notebooks" / "results" / "ablations.json", compact(collect(models))))


if __name__ == "__main__":
    typer.run(main)
