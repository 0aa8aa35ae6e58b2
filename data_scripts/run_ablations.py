"""Run the ablation study: python data_scripts/run_ablations.py [--seeds 5] [--rows baseline,late] [--size small].

Trains every row of `lgn_lite.ablation.ROWS` with every seed into runs/ablations/models, two side by side on a
processor, and writes the records to notebooks/results/ablations.json, which notebook 10 draws. Interrupted, the same
command goes on where it stopped. Beforehand the four rows of Table 4 try three learning rates with the first seed;
each keeps the one that is best on the validation split.
"""

from pathlib import Path

import typer

from lgn_lite.ablation import ROWS, choose_learning_rate, collect, compact, run_study
from lgn_lite.catalogue import open_data_set
from lgn_lite.files import project_root, write_json

TABLE_4 = ("baseline", "early", "late", "full")
RATES = (1e-3, 4e-3)  # beside the course's 2e-3


def main(
    seeds: int = 3, rows: str = ",".join(ROWS), size: str = "small", folder: Path = Path("runs/ablations")
) -> None:
    """Train and score what is missing; print which learning rate each row of Table 4 has chosen."""
    root = project_root()
    data, models, asked = open_data_set("toy-sta", size, root / "data"), root / folder / "models", rows.split(",")
    tuned = [row for row in TABLE_4 if row in asked]
    for rate in (None, *RATES):
        run_study(data, models, tuned, [0], learning_rate=rate)
    rates = {row: choose_learning_rate(collect(models), row) for row in tuned}
    print("learning rates chosen on val:", rates)
    for seed in range(seeds):
        run_study(data, models, [row for row in asked if row not in tuned], [seed])
        for row, rate in rates.items():
            run_study(data, models, [row], [seed], learning_rate=rate if rate in RATES else None)
    print(write_json(root / "notebooks" / "results" / "ablations.json", compact(collect(models))))


if __name__ == "__main__":
    typer.run(main)
