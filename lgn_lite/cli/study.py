"""The commands that make the committed study, `lgn-lite study …`; each resumes where it was interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lgn_lite.cli.options import SAY, Device, SettingOptions, console, parse_parameters, print_whole

study_app = typer.Typer(
    help="Make the course's study again: ablations, speed, the README's tables.", no_args_is_help=True
)

Rows = Annotated[list[str] | None, typer.Option("--row", help="Of the study; repeatable.", show_default="all")]


@study_app.command()
def ablation(
    size: Annotated[str, typer.Option(help="Toy-STA's size for the study; the rates are chosen on small.")] = "full",
    epochs: Annotated[int, typer.Option(help="Of each run of the study.")] = 2,
    seeds: Annotated[int, typer.Option(help="Runs of each row.")] = 5,
    precision: Annotated[str, typer.Option(help="no or bf16, of all runs.")] = "bf16",
    row: Rows = None,
    schedule: Annotated[str, typer.Option(help="Of the learning rate: constant, cosine or trapezoid.")] = "cosine",
    folder: Annotated[Path, typer.Option(help="Where the models go, below the project.")] = Path("runs/ablations"),
) -> None:
    """Train and score the rows of the ablation study, and write what notebook 10 and the README show.

    The records go to a file of the folder's name, notebooks/results/ablations.json. Two runs go side by side on a CPU.
    The study ran under cosine decay; whether its main rows hold under the course's schedule, a second one asks:
    --folder runs/ablations_trapezoid --schedule trapezoid --row baseline --row early --row late --row
    late-unconditional --row full.
    """
    from lgn_lite.study.ablation import run_ablation_study

    with stopped_in_one_line():
        path = run_ablation_study(folder, size, epochs, seeds, row, precision, schedule, console.print)
    console.print(path, **SAY)


@study_app.command()
def initialisation(
    size: Annotated[str, typer.Option(help="Toy-STA's size.")] = "small",
    epochs: Annotated[int, typer.Option(help="Of each run.")] = 8,
    seeds: Annotated[int, typer.Option(help="Runs of each row.")] = 3,
    every: Annotated[int, typer.Option(help="Steps between two points of a curve.")] = 78,
    folder: Annotated[Path, typer.Option(help="Where the models go, below the project.")] = Path("runs/starts"),
) -> None:
    """Train LGN and the baseline from each initialisation, and write the curves that notebook 09 shows."""
    from lgn_lite.study.initialisation import run_initialisation_study

    with stopped_in_one_line():
        path = run_initialisation_study(folder, size, epochs, seeds, every)
    console.print(path, **SAY)


@study_app.command("step-speed")
def step_speed(
    preset: Annotated[
        list[str] | None, typer.Option(help="Of the model; repeatable.", show_default="charades-sta, tacos")
    ] = None,
    variants: Annotated[
        list[str] | None, typer.Option(help="Such as list-bf16; repeatable.", show_default="all that are compared")
    ] = None,
    batch: Annotated[int, typer.Option(help="Queries per step.")] = 32,
    steps: Annotated[int, typer.Option(help="Steps that are timed, after a first one.")] = 10,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.", show_default="cuda if there is one")] = None,
    curve_steps: Annotated[int, typer.Option(help="Losses of a curve; 0 leaves the curves out.")] = 200,
    curve_batch: Annotated[int, typer.Option(help="Queries per step of the curves.")] = 8,
    setting: SettingOptions = None,
    profile: Annotated[bool, typer.Option("--profile", help="Show what a step spends its time in.")] = False,
    output: Annotated[Path, typer.Option(help="Where results are stored, as JSON.")] = Path("runs/benchmark_gpu.json"),
) -> None:
    """Train the paper's full-size networks for some steps in every variant, on generated features.

    Square and list convolution; single precision, TF32 and bf16; compiled or not. For each: steps per second, peak
    memory, the share of the machine's measured peak, and the ratio to the square network in single precision; then the
    losses of the main variants, from the same weights on the same data. A variant that fails is a row that says so;
    if a batch does not fit into memory, half of it is tried. A CPU takes minutes for a step of TACoS: --preset tacos
    --batch 1 --steps 2 --curve-steps 0 --variants square-fp32 --variants list-fp32.
    """
    import torch

    from lgn_lite.study.step_speed import STEP_VARIANTS
    from lgn_lite.study.step_speed_report import report, run_benchmark

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    settings = parse_parameters(setting or [])
    options = dict(batch=batch, steps=steps, curve_steps=curve_steps, curve_batch=curve_batch, settings=settings)
    with stopped_in_one_line():
        found = run_benchmark(
            output, preset or ["charades-sta", "tacos"], variants or list(STEP_VARIANTS),
            device=device, profiled=profile,
            **options,
        )  # fmt: skip
    console.print(", ".join(f"{name} {value}" for name, value in found["about"].items()), **SAY)
    for part in report(found):
        if isinstance(part, str):
            console.print(part, **SAY)
        else:
            print_whole(part)
    console.print(output, **SAY)


@study_app.command()
def readme(
    run: Annotated[Path, typer.Argument(help="The folder of `lgn-lite run`.")] = Path("runs/course"),
    no_video: Annotated[
        Path, typer.Argument(help="Of the sweep notebooks/sweeps/no_video.yaml; without it its tables stay.")
    ] = Path("runs/no-video"),
) -> None:
    """Copy a run's results to notebooks/results, and write the README's tables and picture from them."""
    from lgn_lite.study.readme import write_readme

    write_readme(run, no_video)


@study_app.command()
def notebooks(
    run: Annotated[Path, typer.Argument(help="The folder of `lgn-lite run`.")] = Path("runs/course"),
) -> None:
    """Give the notebooks in notebooks/ the outputs of a run, all at once, as they are committed."""
    from lgn_lite.study.notebooks import write_outputs

    for path in write_outputs(run):
        console.print(path, **SAY)


@contextmanager
def stopped_in_one_line() -> Iterator[None]:
    """An interrupt ends the command with one line and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("Stopped. The same command resumes where it was.", **SAY)
        raise typer.Exit(130) from None


class Benchmark(StrEnum):
    """What can be timed."""

    convolution = "convolution"
    evaluation = "evaluation"


@study_app.command()
def benchmark(
    what: Annotated[
        Benchmark, typer.Argument(help="The map convolution, or ranking, NMS and recall of a test split.")
    ] = Benchmark.convolution,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Whose map: charades-sta, tacos, activitynet-captions or toy.",
            show_default="charades-sta; tacos for the evaluation",
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Convolution: queries per pass.")] = 8,
    queries: Annotated[int, typer.Option(help="Evaluation: queries in all.")] = 4001,
    rounds: Annotated[int, typer.Option(help="Times each is measured, in turn.")] = 3,
    device: Device = "cpu",
) -> None:
    """Time the list convolution against 2D-TAN's square map, or the evaluation against a loop over the queries."""
    from lgn_lite.study.speed import convolution_benchmark, evaluation_benchmark

    if what == Benchmark.convolution:
        found = convolution_benchmark(preset or "charades-sta", batch, rounds, device)
        line = f"batch {batch}: list {found['list_seconds']:.2f} s, square {found['dense_seconds']:.2f} s"
    else:
        found = evaluation_benchmark(preset or "tacos", queries, rounds)
        parts = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in found["seconds"].items())
        same = "the same predictions" if found["equal"] else "OTHER PREDICTIONS"
        line = f"{queries} queries × {found['candidates']} candidates: {parts}"
        line += f"; query by query {found['naive_seconds']:.2f} s, {same}"
    console.print(f"{found['preset']}, {line}; {found['ratio']:.1f} times faster", **SAY)
