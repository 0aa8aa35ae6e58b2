"""The command line, `lgn-lite`: one function a command.

Each command imports what it needs inside its function, so that `--help` is instant.
"""

import re
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from .cli_data import data_app
from .errors import InputError

app = typer.Typer(
    help="Language-guided moment retrieval: the course, training and prediction.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(data_app, name="data")
console = Console()


class Profile(StrEnum):
    """How much the notebooks compute."""

    smoke = "smoke"
    cpu = "cpu"
    gpu = "gpu"


def main() -> None:
    """The console script: bad input becomes one red line and exit code 2, never a traceback."""
    try:
        app()
    except InputError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"lgn-lite {version('lgn-lite')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


# ── The course ────────────────────────────────────────────────────────────────────────────────


@app.command()
def run(
    notebooks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names or paths, such as 09 or notebooks/09_train.ipynb; without any, all by name.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The run's name: its folder.")] = "course",
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="KEY=VALUE",
            help="A notebook parameter, its value in YAML; repeatable.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        Profile | None, typer.Option(help="Short for -p profile=…", show_default="the notebooks' own")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run also what is done and unchanged.")] = False,
    runs_dir: Annotated[Path, typer.Option(help="Folder of all runs, from the project's folder.")] = Path("runs"),
) -> None:
    """Run the notebooks in order; executed copies and results go to runs/NAME.

    A notebook that fails stops the run; the same command goes on from there.
    """
    from .experiments import NotebookFailed, run_notebooks
    from .files import project_root
    from .progress import show_failure

    if Path(name).name != name or name == "..":
        raise InputError(f"--name {name!r} has to be the name of a folder, not a path")
    parameters = parse_parameters(parameter or [])
    if profile is not None:
        if "profile" in parameters:
            raise InputError("--profile and -p profile=… are the same parameter: give one of them")
        parameters["profile"] = profile.value
    root = project_root()
    run_dir = root / runs_dir / name
    again = shlex.join(["lgn-lite", *(word for word in sys.argv[1:] if word != "--force")])
    try:
        outcomes = run_notebooks(
            find_notebooks(notebooks or [], root / "notebooks"),
            run_dir,
            parameters,
            force=force,
            root=root,
            console=console,
        )
    except NotebookFailed as failure:
        show_failure(console, failure, again)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as interrupt:
        console.print(
            f"Stopped in {interrupt}. What was done before is kept; go on with: {again}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(130) from None
    _show_outcomes(outcomes, run_dir)


def find_notebooks(asked: list[str], folder: Path) -> list[Path]:
    """Paths of the asked notebooks in the asked order, or all of `folder` by name.

    `asked` holds paths, names, or the beginning of a name. InputError lists the known ones.
    """
    known = sorted(folder.glob("*.ipynb"))
    if not known and not asked:
        raise InputError(f"{folder}: no notebooks in this folder")
    found = []
    for word in asked:
        matches = [path for path in known if path.stem == word or path.name == word]
        matches = matches or [path for path in known if path.stem.startswith(word)]
        if Path(word).is_file():
            matches = [Path(word)]
        if len(matches) != 1:
            problem = "no notebook" if not matches else f"{len(matches)} notebooks"
            listed = ", ".join(path.stem for path in matches or known)
            raise InputError(f"{problem} named {word!r}; name one of: {listed}")
        found += matches
    return found or known


def parse_parameters(words: list[str]) -> dict[str, Any]:
    """`key=value` words as a dict, the values read as YAML; InputError for any other word.

    1e-3 is a number here, as everywhere but in YAML 1.1.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    number = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    parameters = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"--parameter {word!r} has to be KEY=VALUE, such as seed=1")
        try:
            parameters[key] = yaml.load(value, Loader)
        except yaml.YAMLError as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"--parameter {word!r}: the value is not YAML ({reason}); quote it") from error
    return parameters


def _show_outcomes(outcomes: list, run_dir: Path) -> None:
    """The end of a run: a table of the notebooks, and where to find what came out."""
    from rich.table import Table

    from .progress import clock, here

    table = Table("notebook", box=None, header_style="dim", pad_edge=False)
    table.add_column("time", justify="right")
    table.add_column("status")
    for outcome in outcomes:
        table.add_row(outcome.name, clock(outcome.seconds), {"kept": "done before"}.get(outcome.status, outcome.status))
    console.print()
    console.print(table)
    console.print()
    for path in [run_dir / "notebooks", *sorted((run_dir / "results").glob("*.json"))]:
        console.print(here(path), markup=False, highlight=False, soft_wrap=True)


# ── Training, evaluation, prediction ────────────────────────────────────────────────────

Device = Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1, mps.")]


@app.command()
def train(
    folder: Annotated[Path, typer.Argument(help="Where checkpoints and logs go, e.g. runs/mine.")],
    variant: Annotated[str, typer.Option(help="full, baseline, early, late or blind.")] = "full",
    size: Annotated[str, typer.Option(help="Toy-STA's size: tiny, small or full.")] = "small",
    profile: Annotated[Profile, typer.Option(help="How much to compute.")] = Profile.cpu,
    seed: Annotated[int, typer.Option(help="Of the weights, the order and dropout.")] = 0,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting", "-s", metavar="KEY=VALUE", help="A model setting in YAML; repeatable.", show_default=False
        ),
    ] = None,
) -> None:
    """Train a model on Toy-STA; interrupted, the same command goes on where it stopped."""
    from .course import train_variant
    from .prepare import prepare_toy

    data = prepare_toy(size)
    history = train_variant(data, folder, variant, profile.value, seed, parse_parameters(setting or []))
    best = max(history, key=lambda entry: entry["R1@0.5"] + entry["R1@0.7"])
    console.print(f"best epoch {best['epoch']}: val R1@0.5 {best['R1@0.5']:.1f}, R1@0.7 {best['R1@0.7']:.1f}")
    console.print(folder / "best", markup=False, highlight=False, soft_wrap=True)


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder, e.g. runs/mine/best.")],
    split: Annotated[str, typer.Option(help="val, test or test-composition.")] = "test",
    size: Annotated[str, typer.Option(help="Toy-STA's size: tiny, small or full.")] = "small",
    output: Annotated[Path | None, typer.Option(help="Also write the results here, as JSON.")] = None,
    device: Device = "cpu",
) -> None:
    """Rank the candidates of every query of a split, and print R@n and mIoU by caption kind and moment length."""
    from .checkpoint import load_checkpoint
    from .course import evaluate_checkpoint
    from .files import write_json
    from .prepare import prepare_toy

    results = evaluate_checkpoint(prepare_toy(size), load_checkpoint(checkpoint, device), split)
    console.print(results_table(results))
    if output is not None:
        write_json(output, results)


@app.command()
def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder, e.g. runs/course/models/full/best.")],
    video: Annotated[Path, typer.Argument(help="Any video file that FFmpeg reads.")],
    sentences: Annotated[list[str], typer.Argument(help="What to look for; quote each sentence.")],
    top: Annotated[int, typer.Option(help="Answers a sentence.")] = 5,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    device: Device = "cpu",
) -> None:
    """Find the moments of a video that sentences describe."""
    import json
    import warnings
    from dataclasses import asdict

    from .prediction import predict as find

    with warnings.catch_warnings():  # said below, in the command's own words
        warnings.simplefilter("ignore")
        predictions = find(checkpoint, video, sentences, top=top, device=device)
    if json_output:
        kept = ("video", "sentence", "duration", "moments", "unknown_words", "trained_on")
        rows = [{key: value for key, value in asdict(p).items() if key in kept} for p in predictions]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    first = predictions[0]
    say = dict(markup=False, highlight=False, soft_wrap=True)
    console.print(f"{first.video}: {first.duration:.1f} s", **say)
    console.print(f"The model was trained on {first.trained_on}.", **say)
    for prediction in predictions:
        console.print(f"\n“{prediction.sentence}”", **say)
        if prediction.unknown_words:
            console.print(f"  words it never saw: {', '.join(prediction.unknown_words)}", **say)
        for moment in prediction.moments:
            console.print(f"  {moment.start:7.1f} – {moment.end:5.1f} s   score {moment.score:.2f}", **say)


@app.command()
def benchmark(
    preset: Annotated[
        str, typer.Option(help="Whose map: charades-sta, tacos, activitynet-captions or toy.")
    ] = "charades-sta",
    batch: Annotated[int, typer.Option(help="Queries a pass.")] = 8,
    rounds: Annotated[int, typer.Option(help="Times each is measured, in turn.")] = 3,
    device: Device = "cpu",
) -> None:
    """Time the candidate-list convolution against 2D-TAN's square map, forward and backward."""
    from .benchmark import convolution_benchmark

    found = convolution_benchmark(preset, batch, rounds, device)
    console.print(
        f"{preset}, batch {batch}: list {found['list_seconds']:.2f} s, square {found['dense_seconds']:.2f} s, "
        f"{found['ratio']:.1f} times faster",
        highlight=False,
    )


def results_table(results: dict) -> Any:
    """The table of `metrics.summarise`, a row for each group."""
    from rich.table import Table

    names = [name for name in results["all"] if name != "queries"]
    table = Table("", "queries", *names, box=None, header_style="dim", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    groups = {"all": {"": results["all"]}} | {name: rows for name, rows in results.items() if name != "all"}
    for group, rows in groups.items():
        for label, row in rows.items():
            table.add_row(f"{group} {label}".strip(), str(row["queries"]), *(f"{row[name]:.1f}" for name in names))
    return table


if __name__ == "__main__":
    main()
