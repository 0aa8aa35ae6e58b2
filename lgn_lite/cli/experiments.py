"""The commands on runs of notebooks: run, sweep, results, site."""

import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from lgn_lite.cli import completion
from lgn_lite.cli.options import (
    MARKUP,
    PROFILE,
    SAY,
    Annotations,
    Features,
    ParameterOptions,
    Profile,
    RunsDir,
    SkipMissing,
    TestQueries,
    Validation,
    console,
    examples,
    folder_name,
    given_path,
    own_data,
    parse_parameters,
    print_whole,
)
from lgn_lite.errors import InputError

experiments_app = typer.Typer(rich_markup_mode=MARKUP)


@experiments_app.command(
    epilog=examples(
        "lgn-lite run",
        "lgn-lite run 09 --name plateau -p t_min=0.0 -p t_max=0.5",
        "lgn-lite run 09 --name mine --annotations train.jsonl --validation val.jsonl --features mine.hdf5",
    )
)
def run(
    notebooks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NOTEBOOKS...",
            help="The notebooks, by number, name or path: 09, 09_train or notebooks/09_train.ipynb; without any, all.",
            show_default=False,
            autocompletion=completion.notebooks,
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The run's name, which is that of its folder.")] = "course",
    parameter: ParameterOptions = None,
    annotations: Annotations = None,
    validation: Validation = None,
    test: TestQueries = None,
    features: Features = None,
    skip_missing: SkipMissing = False,
    profile: Annotated[
        Profile | None,
        typer.Option(help=f"{PROFILE} It is the parameter of this name.", show_default="the notebooks' own"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run also what is done and unchanged.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many notebooks run at a time; 1: each after the one before it.",
            show_default="2 on 2 cores",
        ),
    ] = None,
    runs_dir: RunsDir = "runs",
) -> None:
    """Run the course's notebooks in order; executed copies, results, models and a site of pages go to runs/NAME.

    Where there are two cores or more, two notebooks run at a time; the first, which makes the data, and the one that
    measures time run alone. A notebook that fails stops the run; the same command resumes there. What is done and
    unchanged is not run again.
    """
    from lgn_lite.experiments.progress import show_failure
    from lgn_lite.experiments.runner import NotebookFailed, find_notebooks, run_notebooks
    from lgn_lite.support.files import project_root
    from lgn_lite.support.processes import cpu_count

    folder_name(name)
    parameters = parse_parameters(parameter or [])
    if profile is not None:
        if "profile" in parameters:
            raise InputError("--profile and -p profile=… are the same parameter: give one of them")
        parameters["profile"] = profile.value
    root = project_root()
    run_dir = root / given_path(runs_dir, "--runs-dir") / name
    files = {"train": annotations, "val": validation, "test": test, "features": features}
    parameters |= _own_data(run_dir, files, skip_missing, parameters)
    again = shlex.join(["lgn-lite", *(word for word in sys.argv[1:] if word != "--force")])
    try:
        outcomes = run_notebooks(
            find_notebooks(notebooks or [], root / "notebooks"),
            run_dir,
            parameters,
            force=force,
            root=root,
            console=console,
            workers=workers or min(2, cpu_count()),
        )
    except NotebookFailed as failure:
        show_failure(console, failure, again)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as interrupt:
        console.print(f"Stopped in {interrupt}. What was done before stays; resume with: {again}", **SAY)
        raise typer.Exit(130) from None
    _show_outcomes(outcomes, run_dir)
    _show_site(outcomes, run_dir)
    _show_models(run_dir)


def _own_data(
    folder: Path, files: dict[str, Path | None], skip_missing: bool, parameters: dict[str, Any]
) -> dict[str, str]:
    """The notebooks' parameter `data_set` for files of one's own, described in the folder; nothing without any."""
    found = own_data(folder, parameters.get("data_set"), files, skip_missing)
    return {} if found is None else {"data_set": found}


def _show_outcomes(outcomes: list, run_dir: Path) -> None:
    """The end of a run: a table of the notebooks, and where to find what came out."""
    from rich.table import Table

    from lgn_lite.experiments.progress import clock, here
    from lgn_lite.support.files import is_hidden

    table = Table("notebook", box=None, header_style="dim", pad_edge=False)
    table.add_column("time", justify="right")
    table.add_column("status")
    for outcome in outcomes:
        table.add_row(outcome.name, clock(outcome.seconds), {"kept": "done before"}.get(outcome.status, outcome.status))
    console.print()
    print_whole(table)
    console.print()
    written = sorted(path for path in (run_dir / "results").glob("*.json") if not is_hidden(path))
    for path in [run_dir / "notebooks", *written]:
        console.print(here(path), **SAY)


def _show_site(outcomes: list, run_dir: Path) -> None:
    """The executed notebooks as a site; if that fails, one line says why, and the run is valid."""
    from lgn_lite.course.site import site_or_reason
    from lgn_lite.experiments.progress import here
    from lgn_lite.experiments.runner import hold_run

    index = run_dir / "site" / "index.html"
    line = str(index)
    if any(outcome.status == "done" for outcome in outcomes) or not index.exists():
        try:
            with hold_run(run_dir):
                line = site_or_reason(_copies(run_dir), index.parent)
        except (InputError, OSError) as error:
            line = f"no site: {error}"
    console.print(line if line.startswith("no site") else here(Path(line)), **SAY)


def _show_models(run_dir: Path) -> None:
    """How to look at the predictions of the run's LGN, or of another of its models; nothing where it has none."""
    from lgn_lite.experiments.progress import here

    found = sorted(run_dir.glob("models/*/best/config.json"), key=lambda path: (path.parts[-3] != "full", path))
    if found:
        console.print(f"\nInspect the predictions: lgn-lite inspect {shlex.quote(here(found[0].parent))}", **SAY)


def _copies(run_dir: Path) -> list[Path]:
    """The executed notebooks of a run, without those that failed."""
    from lgn_lite.support.files import is_hidden

    found = sorted((run_dir / "notebooks").glob("*.ipynb"))
    return [path for path in found if not (path.name.endswith(".failed.ipynb") or is_hidden(path))]


@experiments_app.command(epilog=examples("lgn-lite site course", "lgn-lite site runs/mine --output pages --no-browser"))
def site(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="The run's name, or the path of its folder: course or runs/course.",
            autocompletion=completion.runs,
        ),
    ] = "course",
    output: Annotated[
        str | None, typer.Option(metavar="PATH", help="The folder for the pages.", show_default="RUN/site")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the first page in a browser.")] = True,
    runs_dir: RunsDir = "runs",
) -> None:
    """Build the site of a run: its executed notebooks as web pages with a search, which need no network.

    `lgn-lite run` builds it too; this builds it again, or somewhere else.
    """
    import webbrowser

    from lgn_lite.course.site import build_site
    from lgn_lite.experiments.progress import here
    from lgn_lite.support.files import project_root

    out = given_path(output, "--output") if output is not None else None
    folder = given_path(run, "RUN")
    if not folder.is_dir():
        folder = project_root() / given_path(runs_dir, "--runs-dir") / run
    if not (copies := _copies(folder)):
        what = "holds no executed notebooks" if folder.is_dir() else "no such folder"
        raise InputError(f"{here(folder)}: {what}; give a run's name or folder, or make one with `lgn-lite run`")
    index = build_site(copies, out or folder / "site").resolve()
    console.print(here(index), **SAY)
    if browser:
        webbrowser.open(index.as_uri())


@experiments_app.command(
    epilog=examples(
        "lgn-lite sweep 12 notebooks/sweeps/no_video.yaml --name no-video",
        "lgn-lite sweep 09 grid.yaml --name guidance --dry-run",
    )
)
def sweep(
    notebook: Annotated[
        str,
        typer.Argument(
            metavar="NOTEBOOK",
            help="The notebook, by number, name or path: 09, 09_train or notebooks/09_train.ipynb.",
            autocompletion=completion.notebooks,
        ),
    ],
    grid: Annotated[
        Path,
        typer.Argument(
            metavar="GRID",
            help="A YAML file with grid: {seed: [0, 1], …} or list: [{seed: 0}, …]; and fixed: {…} for all runs.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="The sweep's name, which is that of its folder.", show_default="the notebook's name"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="How many runs go at once.", show_default="one per GPU, else one per core")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="The address of a running dask scheduler.", show_default="a local one"),
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option(min=0, help="The GPUs that a run takes (dask's resource GPU).", show_default="1 if there are any"),
    ] = None,
    tls_ca_file: Annotated[
        str, typer.Option(metavar="PEM", help="With a scheduler at tls://…: the file of the trusted certificates.")
    ] = "",
    tls_cert: Annotated[
        str, typer.Option(metavar="PEM", help="With a scheduler at tls://…: the file of this side's certificate.")
    ] = "",
    tls_key: Annotated[
        str, typer.Option(metavar="PEM", help="With a scheduler at tls://…: the file of this side's key.")
    ] = "",
    parameter: ParameterOptions = None,
    annotations: Annotations = None,
    validation: Validation = None,
    test: TestQueries = None,
    features: Features = None,
    skip_missing: SkipMissing = False,
    force: Annotated[bool, typer.Option("--force", help="Run also what is done and unchanged.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the runs and their status.")] = False,
    runs_dir: RunsDir = "runs",
) -> None:
    """Run a notebook over a grid or a list of parameters, several runs at once; each is a folder in runs/NAME.

    What is done stays, a run that fails is listed and the others continue; the same command resumes with the rest.
    Toy-STA is drawn by the first run that needs it; other data have to be there before. On a cluster all machines have
    to see the project's folder at the same path.
    """
    from lgn_lite.experiments.grid import read_grid
    from lgn_lite.experiments.progress import SweepProgress
    from lgn_lite.experiments.runner import check_names, check_parameters, find_notebooks
    from lgn_lite.experiments.schedule import slots
    from lgn_lite.experiments.sweep import Sweep, gpu_ids, local_cluster, running_cluster
    from lgn_lite.support.files import project_root

    root = project_root()
    path = find_notebooks([notebook], root / "notebooks")[0].resolve()
    name = path.stem if name is None else name
    folder = given_path(runs_dir, "--runs-dir") / folder_name(name)
    tls = (tls_ca_file, tls_cert, tls_key)
    if scheduler is None and any(tls):
        raise InputError("--tls-…: these are for a --scheduler; the local one makes its own certificate")
    if scheduler is not None and workers is not None:
        raise InputError("--workers is for the local cluster; with --scheduler, those that it has are taken")
    fixed = parse_parameters(parameter or [])
    files = {"train": annotations, "val": validation, "test": test, "features": features}
    runs = read_grid(grid, fixed | _own_data(root / folder, files, skip_missing, fixed))
    declared = check_parameters([path], {})
    try:
        check_names(declared, {key: None for parameters in runs.values() for key in parameters})
    except InputError as error:
        raise InputError(f"{grid}: {error}") from error
    plan = Sweep(path, runs, folder, root=root, force=force)
    waiting = plan.waiting()
    _say_plan(plan, waiting)
    if dry_run:
        for run, record in plan.records.items():
            console.print(f"  {run}: {record['status']}", **SAY)
        return
    again = shlex.join(["lgn-lite", *(word for word in sys.argv[1:] if word != "--force")])
    if waiting:
        ids = [] if scheduler is not None or gpus == 0 else gpu_ids()
        if scheduler is None and (gpus or 0) > 1:
            raise InputError("--gpus: a local run takes one GPU or none; start dask workers that offer more")
        if scheduler is None and gpus and not ids:
            raise InputError("--gpus 1: this machine has no GPU; leave the option out")
        cluster = local_cluster(workers, ids) if scheduler is None else running_cluster(scheduler, *tls)
        try:
            with cluster as client:
                if scheduler is not None and gpus is None:
                    offered = client.scheduler_info()["workers"].values()
                    gpus = int(any(slots(worker, 1) for worker in offered))
                progress = SweepProgress(console, len(runs), len(runs) - len(waiting))
                plan.run(client, progress, gpus if gpus is not None else int(bool(ids)))
        except KeyboardInterrupt:
            console.print(f"Stopped. What is done stays; resume with: {again}", **SAY)
            raise typer.Exit(130) from None
        except BrokenPipeError:  # of the terminal: `| head`
            raise
        except ConnectionError as error:
            console.print(f"Stopped: {error}. What is done stays; resume with: {again}", **SAY)
            raise typer.Exit(1) from None
    else:
        plan.save()
    _show_end(plan, again)
    if plan.failed():
        raise typer.Exit(1)


def _say_plan(plan: Any, waiting: list[str]) -> None:
    from lgn_lite.experiments.progress import here

    states = Counter(record["status"] for record in plan.records.values())
    words = {
        "changed": "done with other code or parameters", "failed": "failed before", "interrupted": "interrupted before",
        "running": "cut off before",
    }  # fmt: skip
    before = ", ".join(f"{states[state]} {said}" for state, said in words.items() if states[state])
    total = len(plan.records)
    done = total - len(waiting)
    console.print(
        f"{here(plan.folder)}: {total} run{'s' * (total != 1)}, {done} done, {len(waiting)} to do"
        + (f" ({before})" if before else ""),
        **SAY,
    )


def _show_end(plan: Any, again: str) -> None:
    """The end of a sweep: the runs that failed, where they stopped, and how to resume."""
    from lgn_lite.experiments.progress import here

    failed = plan.failed()
    for name, record in failed.items():
        where = f", {record['where']}" if "where" in record else ""
        error = record.get("error", "")
        error = error if len(error) < 2000 else f"{error[:2000]} …"  # whole in the notebook's copy
        console.print(f"\n✗ {name}{where}\n  {error}", **SAY)
        copy = plan.folder / name / "notebooks" / f"{plan.notebook.stem}.failed.ipynb"
        if copy.exists():
            console.print(f"  the notebook as far as it came: {here(copy)}", **SAY)
    done = sum(record["status"] == "done" for record in plan.records.values())
    console.print(f"\n{done} of {len(plan.records)} runs done, {len(failed)} failed", **SAY)
    if failed:
        console.print(f"When the cause is fixed, run them again with: {again}", **SAY)
    console.print(f"The numbers: lgn-lite results {shlex.quote(here(plan.folder))}", **SAY)


@experiments_app.command(
    epilog=examples(
        "lgn-lite results runs",
        "lgn-lite results runs/guidance --over seed --csv table.csv",
        "lgn-lite results runs/course --metric 'variants.*.test.all.R1@0.5'",
    )
)
def results(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="FOLDERS...", help="The folders of runs or sweeps, or folders that hold some."),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="The numbers to show by their dotted names, such as `'variants.*.test.all.R1@0.5'`; may be given "
            "several times.",
            show_default="the test split's",
        ),
    ] = None,
    over: Annotated[
        list[str] | None,
        typer.Option(
            help="Show mean ± standard deviation over this parameter, such as seed; may be given several times.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        str | None, typer.Option(metavar="PATH", help="A file for the table, as CSV.", show_default=False)
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="PATH", help="A file for the table, as a web page.", show_default=False)
    ] = None,
) -> None:
    """Collect runs into a table: a row for each, the parameters that differ, and the numbers of its results."""
    from lgn_lite.experiments.results import results_table, rich_table, write_html
    from lgn_lite.support.files import atomic_path

    csv_path = given_path(csv, "--csv", file=True) if csv is not None else None
    html_path = given_path(html, "--html", file=True) if html is not None else None
    table = results_table([given_path(folder, "FOLDERS") for folder in folders], metric or [], over or [])
    print_whole(rich_table(table))
    if table.about:
        console.print(f"\n{table.about}", **SAY)
    if csv_path is not None:
        with atomic_path(csv_path) as temporary:
            table.frame.to_csv(temporary, index=False, encoding="utf-8", errors="replace")
        console.print(csv_path, **SAY)
    if html_path is not None:
        console.print(write_html(html_path, table), **SAY)
