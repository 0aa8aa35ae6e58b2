"""Train the paper's full-size networks for some steps, in every variant: python data_scripts/benchmark_gpu.py.

Square and list convolution; single precision, TF32 and bf16; compiled by torch.compile or not; on generated features in
the shapes of Charades-STA (N = 16) and TACoS (N = 128), 32 queries a step. For each it prints steps a second, peak
memory, the share of the machine's measured peak (one large matrix product in the same precision, in the same process),
and the ratio to the square network in single precision. Then 200 losses of the square network, of the list in single
precision and of the fastest list variant of each precision, from the same start weights on the same data, without
dropout.

The aim, checked at the end: on TACoS the fastest list variant takes at least 8 times as many queries a second as the
square network in single precision, with the loss curve of the list in single precision, and last losses no worse than
the square network's.

The share of the peak counts the multiply-adds of the sum as it is written. cuDNN may know a way with fewer, and pass
100 %; on TACoS it looks for one for minutes, in the square network's first step.

A variant that fails is told in its row, and the others go on; where memory does not hold a batch, half of it is tried.
Interrupted, the same command goes on where it stopped. A processor without GPU takes minutes a step on TACoS:
--preset tacos --batch 1 --steps 2 --curve-steps 0 --variants square-fp32 --variants list-fp32.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer

from lgn_lite.benchmark_run import report, run_benchmark
from lgn_lite.benchmark_step import VARIANTS
from lgn_lite.cli_options import SAY, Settings, console, parse_parameters, print_whole
from lgn_lite.errors import errors_as_lines


@errors_as_lines()
def main(
    preset: Annotated[list[str], typer.Option(help="Of the model; repeatable.")] = ["charades-sta", "tacos"],  # noqa: B006
    variants: Annotated[list[str], typer.Option(help="Repeatable; their names are the default.")] = list(VARIANTS),  # noqa: B006
    batch: Annotated[int, typer.Option(help="Queries a step.")] = 32,
    steps: Annotated[int, typer.Option(help="Steps that are timed, after a first one.")] = 10,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.", show_default="cuda where there is one")] = None,
    curve_steps: Annotated[int, typer.Option(help="Losses of a curve; 0 leaves the curves out.")] = 200,
    curve_batch: Annotated[int, typer.Option(help="Queries a step of the curves.")] = 8,
    setting: Settings = None,
    profile: Annotated[bool, typer.Option("--profile", help="Show what a step spends its time in.")] = False,
    output: Annotated[Path, typer.Option(help="Where results are kept, as JSON.")] = Path("runs/benchmark_gpu.json"),
) -> None:
    """Measure every variant, and print the tables and whether the aim is reached."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    settings = parse_parameters(setting or [])
    options = dict(batch=batch, steps=steps, curve_steps=curve_steps, curve_batch=curve_batch, settings=settings)
    try:
        found = run_benchmark(output, preset, variants, device=device, profiled=profile, **options)
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on where it was.", **SAY)
        raise typer.Exit(130) from None
    console.print(", ".join(f"{name} {value}" for name, value in found["about"].items()), **SAY)
    for part in report(found):
        if isinstance(part, str):
            console.print(part, **SAY)
        else:
            print_whole(part)
    console.print(output, **SAY)


if __name__ == "__main__":
    typer.run(main)
