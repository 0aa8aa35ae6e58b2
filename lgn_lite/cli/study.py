"""The commands that make the committed study, `lgn-lite study …`; each resumes where it was interrupted."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lgn_lite.cli import completion
from lgn_lite.cli.options import (
    MARKUP,
    SAY,
    Device,
    SettingOptions,
    Size,
    console,
    examples,
    parse_parameters,
    print_whole,
    stoppable,
)

study_app = typer.Typer(
    help="Make the course's study again: ablations, speed, the README's tables. Begin with `lgn-lite study benchmark`, "
    "which takes a minute; the others take hours, or a GPU.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)

Rows = Annotated[
    list[str] | None,
    typer.Option(
        "--row", help="A row of the study, such as late; may be given several times.", show_default="all of them"
    ),
]


@study_app.command(
    epilog=examples(
        "lgn-lite study ablation",
        "lgn-lite study ablation --folder runs/ablations_trapezoid --schedule trapezoid --row baseline --row full",
        "lgn-lite study ablation --folder runs/course_rates --schedule trapezoid --size small --epochs 8 --seeds 0 "
        "--row baseline --row early --row late --row full",
    )
)
def ablation(
    size: Annotated[
        str,
        typer.Option(
            help="Toy-STA's size for the study; the learning rates are chosen on small.",
            autocompletion=completion.sizes,
        ),
    ] = "full",
    epochs: Annotated[int, typer.Option(help="The epochs of each run.")] = 2,
    seeds: Annotated[int, typer.Option(help="How many runs each row gets, one per seed.")] = 5,
    precision: Annotated[
        str, typer.Option(help="The arithmetic of all runs: no (float32), or bf16, which not every CPU does fast.")
    ] = "no",
    row: Rows = None,
    schedule: Annotated[
        str, typer.Option(help="The schedule of the learning rate: constant, cosine or trapezoid.")
    ] = "cosine",
    folder: Annotated[Path, typer.Option(help="The folder for the models, from the project's.")] = Path(
        "runs/ablations"
    ),
    root: Annotated[Path, typer.Option(help="The folder of all data sets, from the project's.")] = Path("data"),
) -> None:
    """Train and score the rows of the ablation study, and write what notebook 10 and the README show.

    It needs Toy-STA small and full (`lgn-lite data toy`). The records go to notebooks/results, to a file of the
    folder's name: ablations.json. It grows with the study, and what it holds of the same data and settings is not
    trained again. Two runs go side by side on a CPU. The study ran under cosine decay; whether its main
    rows hold under the course's schedule is asked by a second one: the rows baseline, early, late, late-unconditional
    and full, as in the second example. The third gives the course's learning rates, and no runs over seeds.
    """
    from lgn_lite.study.ablation import run_ablation_study

    with stoppable():
        path = run_ablation_study(folder, size, epochs, seeds, row, precision, schedule, root, console.print)
    console.print(path, **SAY)


@study_app.command(epilog=examples("lgn-lite study initialisation --seeds 1"))
def initialisation(
    size: Size = "small",
    epochs: Annotated[int, typer.Option(help="The epochs of each run.")] = 8,
    seeds: Annotated[int, typer.Option(help="How many runs each row gets, one per seed.")] = 3,
    every: Annotated[int, typer.Option(help="The steps between two points of a curve.")] = 78,
    folder: Annotated[Path, typer.Option(help="The folder for the models, from the project's.")] = Path("runs/starts"),
) -> None:
    """Train LGN and the baseline from each initialisation, and write the curves that notebook 09 shows."""
    from lgn_lite.study.initialisation import run_initialisation_study

    with stoppable():
        path = run_initialisation_study(folder, size, epochs, seeds, every)
    console.print(path, **SAY)


@study_app.command(
    "step-speed",
    epilog=examples(
        "lgn-lite study step-speed",
        "lgn-lite study step-speed --preset tacos --variants list-bf16 --device cpu --batch 1 --steps 2",
    ),
)
def step_speed(
    preset: Annotated[
        list[str] | None,
        typer.Option(
            help="A preset of the model; may be given several times.",
            show_default="charades-sta and tacos",
            autocompletion=completion.presets,
        ),
    ] = None,
    variants: Annotated[
        list[str] | None,
        typer.Option(
            help="What is timed, such as list-bf16; may be given several times.", show_default="all that are compared"
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="The queries of a step.")] = 32,
    steps: Annotated[int, typer.Option(help="How many steps are timed, after a first one.")] = 10,
    device: Annotated[
        str | None, typer.Option(help="Where the networks run: cpu or cuda.", show_default="cuda if there is one")
    ] = None,
    curve_steps: Annotated[int, typer.Option(help="The steps of a loss curve; 0 leaves the curves out.")] = 200,
    curve_batch: Annotated[int, typer.Option(help="The queries of a step of the curves.")] = 8,
    setting: SettingOptions = None,
    profile: Annotated[bool, typer.Option("--profile", help="Show what a step spends its time in.")] = False,
    output: Annotated[Path, typer.Option(help="The file for the results, as JSON.")] = Path("runs/benchmark_gpu.json"),
) -> None:
    """Train the paper's full-size networks for some steps in every variant, on generated features.

    Square and list convolution; single precision, TF32 and bf16; compiled or not. For each: steps per second, peak
    memory, the share of the machine's measured peak, and the ratio to the square network in single precision; then the
    losses of the main variants, from the same weights on the same data. A variant that fails is a row that says so;
    if a batch does not fit into memory, half of it is tried. A CPU takes minutes for a step of TACoS: try a small batch
    and few steps there, and --curve-steps 0.
    """
    import torch

    from lgn_lite.study.step_speed import STEP_VARIANTS
    from lgn_lite.study.step_speed_report import report, run_benchmark

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    settings = parse_parameters(setting or [])
    options = dict(batch=batch, steps=steps, curve_steps=curve_steps, curve_batch=curve_batch, settings=settings)
    with stoppable():
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


@study_app.command(epilog=examples("lgn-lite study readme runs/course"))
def readme(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a run, as `lgn-lite run` leaves it.")
    ] = Path("runs/course"),
    no_video: Annotated[
        Path,
        typer.Argument(
            help="The folder of the sweep notebooks/sweeps/no_video.yaml; if it is not there, its tables stay."
        ),
    ] = Path("runs/no-video"),
) -> None:
    """Copy a run's results to notebooks/results, and write the README's tables and picture from them."""
    from lgn_lite.study.readme import write_readme

    write_readme(run, no_video)


@study_app.command(epilog=examples("lgn-lite study notebooks runs/course"))
def notebooks(
    run: Annotated[Path, typer.Argument(help="The folder of `lgn-lite run`.")] = Path("runs/course"),
) -> None:
    """Give the notebooks in notebooks/ the outputs of a run, all at once, as they are committed."""
    from lgn_lite.study.notebooks import write_outputs

    for path in write_outputs(run):
        console.print(path, **SAY)


class Benchmark(StrEnum):
    """What can be timed."""

    convolution = "convolution"
    evaluation = "evaluation"


@study_app.command(
    epilog=examples("lgn-lite study benchmark", "lgn-lite study benchmark evaluation --preset tacos --queries 500")
)
def benchmark(
    what: Annotated[
        Benchmark,
        typer.Argument(help="What is timed: the map convolution; or ranking, NMS and recall of a test split."),
    ] = Benchmark.convolution,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Whose map it is: charades-sta, tacos, activitynet-captions or toy.",
            autocompletion=completion.presets,
            show_default="charades-sta; tacos for the evaluation",
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="For the convolution: the queries of a pass.")] = 8,
    queries: Annotated[int, typer.Option(help="For the evaluation: the queries in all.")] = 4001,
    rounds: Annotated[int, typer.Option(help="How often each is measured, in turn.")] = 3,
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
