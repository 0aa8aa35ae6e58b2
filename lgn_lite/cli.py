"""The command line, `lgn-lite`: the program itself and the course; `cli_model`, `cli_see`, `cli_data` hold the rest.

One function a command. Each imports what it needs inside, so that `--help` is instant.
"""

import shlex
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from .cli_data import data_app
from .cli_model import model_app
from .cli_options import SAY, Parameters, Profile, RunsDir, console, folder_name, given_path, parse_parameters
from .cli_see import see_app
from .cli_sweep import sweep_app
from .errors import InputError, errors_as_lines

app = typer.Typer(
    help="Language-guided moment retrieval: the course, training and prediction.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def main() -> None:
    """The console script: an error of input or of the system is one red line and exit code 2; a warning one line."""
    warnings.formatwarning = lambda message, *_, **__: f"note: {message}\n"
    with errors_as_lines():
        app()


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
    parameter: Parameters = None,
    profile: Annotated[
        Profile | None, typer.Option(help="Short for -p profile=…", show_default="the notebooks' own")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run also what is done and unchanged.")] = False,
    runs_dir: RunsDir = "runs",
) -> None:
    """Run the notebooks in order; executed copies and results go to runs/NAME.

    A notebook that fails stops the run; the same command goes on from there.
    """
    from .experiments import NotebookFailed, run_notebooks
    from .files import project_root
    from .progress import show_failure

    folder_name(name)
    parameters = parse_parameters(parameter or [])
    if profile is not None:
        if "profile" in parameters:
            raise InputError("--profile and -p profile=… are the same parameter: give one of them")
        parameters["profile"] = profile.value
    root = project_root()
    run_dir = root / given_path(runs_dir, "--runs-dir") / name
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
    _show_site(outcomes, run_dir)


def find_notebooks(asked: list[str], folder: Path) -> list[Path]:
    """Paths of the asked notebooks in the asked order, or all of `folder` by name.

    `asked` holds paths, names, or the beginning of a name. InputError lists the known ones.
    """
    from .files import is_hidden
    from .values import short

    known = sorted(path for path in folder.glob("*.ipynb") if not is_hidden(path))
    if not known and not asked:
        raise InputError(f"{folder}: no notebooks in this folder")
    found = []
    for word in asked:
        matches = [path for path in known if path.stem == word or path.name == word]
        matches = matches or [path for path in known if path.stem.startswith(word) and word]
        if Path(word).is_file():
            matches = [Path(word)]
        if len(matches) != 1:
            problem = "no notebook" if not matches else f"{len(matches)} notebooks"
            listed = ", ".join(path.stem for path in matches or known)
            raise InputError(f"{problem} named {short(word)}; name one of: {listed}")
        found += matches
    return found or known


def _show_outcomes(outcomes: list, run_dir: Path) -> None:
    """The end of a run: a table of the notebooks, and where to find what came out."""
    from rich.table import Table

    from .files import is_hidden
    from .progress import clock, here

    table = Table("notebook", box=None, header_style="dim", pad_edge=False)
    table.add_column("time", justify="right")
    table.add_column("status")
    for outcome in outcomes:
        table.add_row(outcome.name, clock(outcome.seconds), {"kept": "done before"}.get(outcome.status, outcome.status))
    console.print()
    console.print(table)
    console.print()
    written = sorted(path for path in (run_dir / "results").glob("*.json") if not is_hidden(path))
    for path in [run_dir / "notebooks", *written]:
        console.print(here(path), **SAY)


def _show_site(outcomes: list, run_dir: Path) -> None:
    """The executed notebooks as a site; where that fails, one line says why, and the run stands."""
    from .experiments import hold_run
    from .files import is_hidden
    from .progress import here
    from .site import site_or_reason

    site = run_dir / "site"
    line = str(site / "index.html")
    if any(outcome.status == "done" for outcome in outcomes) or not (site / "index.html").exists():
        copies = sorted((run_dir / "notebooks").glob("*.ipynb"))
        copies = [path for path in copies if not (path.name.endswith(".failed.ipynb") or is_hidden(path))]
        try:
            with hold_run(run_dir):
                line = site_or_reason(copies, site)
        except (InputError, OSError) as error:
            line = f"no site: {error}"
    line = line if line.startswith("no site") else here(Path(line))
    console.print(line, **SAY)


app.add_typer(model_app)
app.add_typer(see_app)
app.add_typer(sweep_app)
app.add_typer(data_app, name="data")


if __name__ == "__main__":
    main()
