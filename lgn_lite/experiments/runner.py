"""Running the notebooks: papermill executes them in order, `run.json` remembers what is done.

A run is a folder: `notebooks/` (executed copies), `results/` (JSON files that the notebooks write) and
`run.json` (parameters, versions, and each notebook's status). A second call resumes where the first stopped.
Several notebooks may run at a time, each in a kernel of its own; one whose parameters cell has the tag `alone` makes
what others share, or measures time, and has the machine for itself.
"""

import contextlib
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from papermill.exceptions import PapermillExecutionError
from rich.console import Console
from traitlets import default

from lgn_lite.errors import InputError
from lgn_lite.experiments.parameters import declared_names, is_injected
from lgn_lite.experiments.progress import NotebookProgress, Position
from lgn_lite.experiments.run_record import commit, read_record, versions, write_entry
from lgn_lite.experiments.values import check_value
from lgn_lite.support.files import atomic_path, hold_folder, project_root, remove_leftovers
from lgn_lite.support.processes import cpu_count
from lgn_lite.support.streams import tidy_streams

# papermill and nbclient log what is reported here anyway; without a handler it would be printed
logging.getLogger("papermill").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did with one notebook: `done` now, or `kept` because an earlier call did it and nothing changed."""

    name: str
    status: str
    seconds: float  # of the execution, be it this or an earlier one
    notebook: Path  # the executed copy


class NotebookFailed(RuntimeError):
    """A notebook stopped with an error: where, the cell's source, and what Python said."""

    def __init__(self, name: str, where: str, source: str, error: str, message: str, traceback: str, copy: Path):
        super().__init__(f"{name}, {where}: {error}: {message}")
        self.name, self.where, self.source = name, where, source
        self.error, self.message, self.traceback = error, message, traceback
        self.copy = copy  # the notebook as far as it came


def run_notebooks(
    notebooks: list[Path],
    run_dir: str | Path,
    parameters: dict[str, Any] | None = None,
    *,
    force: bool = False,
    root: Path | None = None,
    console: Console | None = None,
    progress: NotebookProgress | None = None,
    held: bool = False,
    workers: int = 1,
) -> list[Outcome]:
    """Execute notebooks in the given order into `run_dir`, leaving out those that are done and unchanged.

    A notebook is unchanged if its code cells and its parameters are, and if no notebook before it has been started
    since. With several workers they begin in the given order, and one with a cell of the tag `alone` has nothing beside
    it. After a failure those that are running end, and no others begin.

    Args:
        notebooks: paths, in the order to run.
        run_dir: the run's folder; relative to `root`. Notebooks get it as the parameter `run_dir`.
        parameters: {name: value}; each goes to the notebooks whose parameters cell declares it.
        force: run also what is done and unchanged.
        root: the folder in which kernels start; default: the project's.
        console: where bars or lines are shown, if there is no `progress`.
        progress: gets every notebook and cell.
        held: the caller holds the folder's lock already (`hold_run`).
        workers: how many notebooks run at a time.

    Returns:
        An outcome for each notebook, in the same order.

    Raises:
        InputError: no such notebook, an unknown parameter, a value that JSON cannot hold, an unreadable run.json, or
            another process running notebooks in this folder.
        NotebookFailed: a cell raised an error.
        KeyboardInterrupt: its text is the position. In each case what was done before stays.
    """
    parameters = dict(parameters or {})
    root = (root or project_root()).resolve()
    run_dir = (root / run_dir).resolve()
    notebooks = [Path(notebook).resolve() for notebook in notebooks]
    declared = check_parameters(notebooks, parameters)
    parameters = json.loads(json.dumps(parameters))  # a tuple becomes a list in run.json and in the notebook alike
    if (run_dir / "sweep.json").exists():
        raise InputError(f"{run_dir}: holds a sweep, whose runs a run there would hide; choose another name")
    with contextlib.nullcontext() if held else hold_run(run_dir):
        for folder in (run_dir, run_dir / "notebooks", run_dir / "results"):
            remove_leftovers(folder)
        given = _given(parameters, run_dir, root)
        about = {"parameters": parameters, "versions": versions(), "commit": commit(root)}
        with progress or NotebookProgress(console or Console(), len(notebooks)) as progress:
            run = _Run(run_dir, root, about | {"notebooks": read_record(run_dir)["notebooks"]}, progress)
            jobs = [
                _Job(notebook, {name: given[name] for name in declared[notebook] if name in given})
                for notebook in notebooks
            ]
            return run.all(jobs, force, workers)


def hold_run(run_dir: Path, wait: float = 0.0) -> contextlib.AbstractContextManager[None]:
    """Hold a run's folder against other processes; InputError if one is running notebooks in it."""
    return hold_folder(run_dir, "running notebooks in it", wait)


class _ThisPython(AsyncKernelManager):
    """Starts the kernel in the Python that runs now, whatever kernelspec a reader's home folder holds.

    Without folders to search, jupyter_client's `python3` is ipykernel's own, whose command begins with
    sys.executable.
    """

    log_file: Path
    name: str  # of the notebook
    run: "_Run"
    threads: int | None

    @default("kernel_spec_manager")
    def _only_native(self) -> KernelSpecManager:
        return KernelSpecManager(parent=self, kernel_dirs=[])

    async def start_kernel(self, **options: Any) -> None:
        # What libraries and child processes print past Python would tear the progress bar.
        if self.threads is not None:
            options["env"] = {"OMP_NUM_THREADS": str(self.threads), **(options.get("env") or os.environ)}
        with self.log_file.open("wb") as stream:
            await super().start_kernel(stdout=stream, stderr=stream, **options)
        self.run.kernels[self.name] = self
        if self.run.stopping.is_set():
            self.end()

    def end(self) -> None:
        """Kill the kernel and what it has started, from another thread."""
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            kernel = psutil.Process(self.provisioner.pid)
            for process in [*kernel.children(recursive=True), kernel]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


@dataclass(frozen=True, slots=True)
class _Job:
    notebook: Path
    injected: dict[str, Any]  # the parameters that its parameters cell declares

    @property
    def name(self) -> str:
        return self.notebook.stem


@dataclass
class _Run:
    """What the notebooks of one call share."""

    run_dir: Path
    root: Path
    record: dict[str, Any]  # of run.json
    progress: NotebookProgress
    at: dict[str, Position] = field(default_factory=dict)  # of the notebooks that are running, by name
    kernels: dict[str, "_ThisPython"] = field(default_factory=dict)  # theirs
    stopping: threading.Event = field(default_factory=threading.Event)
    writing: threading.Lock = field(default_factory=threading.Lock)

    def copy(self, name: str) -> Path:
        return self.run_dir / "notebooks" / f"{name}.ipynb"

    def all(self, jobs: list[_Job], force: bool, workers: int) -> list[Outcome]:
        """Execute what is new or changed, and everything after it; the outcomes of all."""
        outcomes: dict[str, Outcome] = {}
        before = ""  # when the latest notebook before this one was started; ISO times of one zone compare as text
        for job in jobs:
            entry = self.record["notebooks"].get(job.name, {})
            done = _done(entry, _digest(job.notebook, job.injected), self.copy(job.name))
            if not done or force or before > entry.get("started", ""):
                break
            before = entry["started"]
            self.progress.unchanged(job.name)
            outcomes[job.name] = Outcome(job.name, "kept", entry.get("seconds", 0.0), self.copy(job.name))
        for together in _side_by_side(jobs[len(outcomes) :]):
            outcomes |= {outcome.name: outcome for outcome in self.execute(together, workers)}
        return [outcomes[job.name] for job in jobs]

    def execute(self, jobs: list[_Job], workers: int) -> list[Outcome]:
        """Execute notebooks, so many at a time."""
        workers = min(workers, len(jobs))
        if workers == 1:  # in the main thread, where Ctrl-C reaches nbclient
            return [self.one(job) for job in jobs]
        threads, failed = max(1, cpu_count() // workers), threading.Event()

        def next_one(job: _Job) -> Outcome | None:
            if failed.is_set() or self.stopping.is_set():
                return None
            try:
                return self.one(job, threads)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(next_one, job) for job in jobs]
            try:
                while wait(futures, 1.0).not_done:  # a wait without end would keep Ctrl-C out on Windows
                    pass
            except KeyboardInterrupt as interrupt:
                where = "; ".join(f"{name}, {at.where}" for name, at in sorted(self.at.items()))
                self.stop()
                raise KeyboardInterrupt(where) from interrupt
        return [future.result() for future in futures]  # those that did not begin come after the one that failed

    def stop(self) -> None:
        """End the kernels of all running notebooks."""
        self.stopping.set()
        for kernel in list(self.kernels.values()):
            kernel.end()

    def one(self, job: _Job, threads: int | None = None) -> Outcome:
        """Execute one notebook, whose kernel computes with so many threads where they are given."""
        name, copy = job.name, self.copy(job.name)
        digest, source = _digest(job.notebook, job.injected), _read_notebook(job.notebook)
        # of an executed copy: papermill replaces it if it injects, and would leave it to act if it does not
        source.cells = [cell for cell in source.cells if not is_injected(cell)]
        entry = {"status": "running", "sha256": digest, "parameters": job.injected, "started": _now()}
        self.write(name, entry)
        start = time.perf_counter()
        at = self.at[name] = self.progress.start(name, sum(1 for cell in source.cells if _counts(cell)))
        try:
            self.execute_cells(job, source, copy, at, threads)
            entry["status"] = "done"
        except NotebookFailed as failure:
            entry |= {"status": "failed", "where": failure.where}
            entry["error"] = f"{failure.error}: {failure.message}"
            raise
        except KeyboardInterrupt as interrupt:
            entry |= {"status": "interrupted", "where": at.where}
            raise KeyboardInterrupt(f"{name}, {at.where}") from interrupt
        finally:
            entry |= {"seconds": round(time.perf_counter() - start, 2), "finished": _now()}
            del self.at[name]
            self.kernels.pop(name, None)
            self.write(name, entry)
            self.progress.end(at, entry["status"], entry["seconds"])
        return Outcome(name, "done", entry["seconds"], copy)

    def execute_cells(
        self, job: _Job, source: nbformat.NotebookNode, copy: Path, at: Position, threads: int | None
    ) -> None:
        """Execute a notebook's cells; `copy` appears when all are done, or NAME.failed.ipynb with NotebookFailed."""
        failed, log_file = copy.with_suffix(".failed.ipynb"), copy.with_suffix(".log")
        stopped: PapermillExecutionError | RuntimeError | None = None
        with atomic_path(copy) as temporary:
            # nbclient takes a class of kernel managers and makes the object itself
            about = {"log_file": log_file, "name": job.name, "run": self, "threads": threads}
            kernel = type("ThisPython", (_ThisPython,), about)
            try:
                papermill.execute_notebook(
                    source,
                    _plain(temporary),
                    job.injected,
                    cwd=self.root,  # the course's paths are written from the project's folder
                    kernel_name="python3",  # with the next line: this Python, whatever the notebook names
                    kernel_manager_class=kernel,
                    language="python",
                    extra_arguments=["--log-level=ERROR"],
                    progress_bar=False,  # ours shows all notebooks
                    on_cell_start=at.cell,  # nbclient's hook
                    log_output=False,
                    request_save_on_cell_execute=True,  # the only way to keep the cells before a kernel's death
                )
            except (PapermillExecutionError, RuntimeError) as error:
                # RuntimeError: the kernel died, or never started
                stopped = error
            finally:
                if not isinstance(stopped, RuntimeError) or self.stopping.is_set():
                    log_file.unlink(missing_ok=True)  # of use only if the kernel itself failed
            if self.stopping.is_set():  # which killed the kernel, or soon will
                raise KeyboardInterrupt
            executed = nbformat.read(temporary, as_version=4) if temporary.exists() else _read_notebook(job.notebook)
            about = executed.metadata.setdefault("papermill", {})
            about |= {"input_path": job.notebook.name, "output_path": copy.name}  # no folders of this machine
            if isinstance(stopped, PapermillExecutionError) and not about.get("exception"):
                # papermill counts the errors of cells tagged `raises-exception`, which are meant to raise.
                executed = papermill.execute.remove_error_markers(executed)
                stopped = None
            tidy_streams(executed)
            nbformat.write(executed, temporary)
            if stopped is not None:
                temporary.replace(failed)
                raise _failure(job.name, stopped, at, log_file, failed) from None
        failed.unlink(missing_ok=True)

    def write(self, name: str, entry: dict[str, Any]) -> None:
        with self.writing:
            write_entry(self.record, self.run_dir, name, entry)


def _side_by_side(jobs: list[_Job]) -> Iterator[list[_Job]]:
    """The notebooks in parts of which the members may run at the same time; one with the tag `alone` is a part."""

    def tagged(job: _Job) -> bool:
        return any("alone" in cell.metadata.get("tags", []) for cell in _read_notebook(job.notebook).cells)

    for alone, part in groupby(jobs, tagged):
        members = list(part)
        yield from ([job] for job in members) if alone else [members]


def run_state(
    notebook: Path, run_dir: str | Path, parameters: dict[str, Any], root: Path
) -> tuple[str, dict[str, Any]]:
    """The state of a run of one notebook, without running it.

    Args:
        notebook: its path.
        run_dir: the run's folder; relative to `root`.
        parameters: {name: value} that the run would get.
        root: the project's folder.

    Returns:
        The state, and the notebook's entry in run.json ({} if it has none). The state is `done` (`run_notebooks` would
        skip it), `changed` (done, but with other code or parameters), `failed`, `interrupted`, `running` (or killed),
        or `new`.

    Raises:
        InputError: as `run_notebooks`.
    """
    run_dir, notebook = (root / run_dir).resolve(), notebook.resolve()
    entry = read_record(run_dir)["notebooks"].get(notebook.stem, {})
    if not entry:
        return "new", {}
    given, declared = _given(parameters, run_dir, root), _declared_parameters([notebook])[notebook]
    digest = _digest(notebook, {key: given[key] for key in declared if key in given})
    done = _done(entry, digest, run_dir / "notebooks" / notebook.name)
    return ("done" if done else "changed" if entry["status"] == "done" else entry["status"]), entry


def _done(entry: dict[str, Any], digest: str, copy: Path) -> bool:
    return entry.get("status") == "done" and entry.get("sha256") == digest and copy.exists()


def _given(parameters: dict[str, Any], run_dir: Path, root: Path) -> dict[str, Any]:
    """The parameters with run_dir; a path inside the project is written without the folders of this machine."""
    inside = run_dir.is_relative_to(root)
    return parameters | {"run_dir": run_dir.relative_to(root).as_posix() if inside else run_dir.as_posix()}


def _failure(
    name: str,
    error: PapermillExecutionError | RuntimeError,
    at: Position,
    log_file: Path,
    copy: Path,
) -> NotebookFailed:
    if isinstance(error, PapermillExecutionError):
        what, message, traceback = error.ename, error.evalue, "\n".join(error.traceback)
        where = f"{at.where} (In [{error.exec_count}] of {copy.name})"
    else:
        what, where = type(error).__name__, at.where
        message = f"{error}; a kernel that dies has often run out of memory"
        traceback = log_file.read_text(encoding="utf-8", errors="replace") if log_file.exists() else ""
    return NotebookFailed(name, where, at.source, what, message, traceback, copy)


def _read_notebook(path: Path) -> nbformat.NotebookNode:
    broken = f"{path}: not a notebook; open and save it in JupyterLab"
    if path.exists() and not path.is_file():
        raise InputError(broken)
    try:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            cell.metadata.get("tags", [])
            if not isinstance(cell.source, str) or cell.cell_type not in ("code", "markdown", "raw"):
                raise InputError(broken)
    except OSError as error:
        raise InputError(f"{path}: no such notebook, or it cannot be read ({error.strerror})") from error
    except Exception as error:  # nbformat has errors of many kinds
        raise InputError(broken) from error
    return notebook


def _counts(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell is executed and is one that the reader sees in the notebook's own numbering."""
    return cell.cell_type == "code" and bool(cell.source.strip()) and not is_injected(cell)


def _declared_parameters(notebooks: list[Path]) -> dict[Path, list[str]]:
    """The names in each notebook's parameters cell; InputError for what is not a notebook, or is given twice."""
    declared: dict[Path, list[str]] = {}
    for path in notebooks:
        if any(path.stem == other.stem for other in declared):
            raise InputError(f"{path}: a notebook named {path.stem} is in this run already")
        declared[path] = declared_names(_read_notebook(path), path)
    return declared


def check_parameters(notebooks: list[Path], parameters: Mapping[str, Any]) -> dict[Path, list[str]]:
    """The names in each notebook's parameters cell; InputError for a name in `parameters` that none declares.

    And for a value that run.json and the notebook cannot both hold: one check for runs and sweeps.
    """
    declared = _declared_parameters(notebooks)
    check_names(declared, parameters)
    for name, value in parameters.items():
        check_value(value, f"the parameter {name}")
    return declared


def check_names(declared: dict[Path, list[str]], parameters: Iterable[str]) -> None:
    """InputError for a parameter that no notebook declares."""
    known = sorted({name for names in declared.values() for name in names} - {"run_dir"})
    if "run_dir" in parameters:
        raise InputError("the parameter run_dir is the run's own folder: choose it by the run's name")
    for name in parameters:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise InputError(f"no notebook of this run has a parameter {name!r}; known parameters: {listed}")


def _digest(notebook: Path, injected: dict[str, Any]) -> str:
    """sha256 of what decides the outputs: the code cells' source and the injected parameters."""
    sources = [cell.source for cell in _read_notebook(notebook).cells if _counts(cell)]
    return hashlib.sha256(json.dumps([sources, injected], sort_keys=True, default=str).encode()).hexdigest()


def _plain(path: Path) -> str:
    """papermill formats paths with the parameters; doubled braces stay what they are."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def find_notebooks(requested: list[str], folder: Path) -> list[Path]:
    """Paths of the requested notebooks in the requested order, or all of `folder` by name.

    `requested` holds paths, names, numbers, or the beginning of a name. InputError lists the known ones.
    """
    from lgn_lite.experiments.values import short
    from lgn_lite.support.files import is_hidden, notebook_number

    known = sorted(path for path in folder.glob("*.ipynb") if not is_hidden(path))
    if not known and not requested:
        raise InputError(f"{folder}: no notebooks in this folder")
    found = []
    for word in requested:
        matches = [path for path in known if word in (path.stem, path.name, notebook_number(path)) and word]
        matches = matches or [path for path in known if path.stem.startswith(word) and word]
        if Path(word).is_file():
            matches = [Path(word)]
        if len(matches) != 1:
            problem = "no notebook" if not matches else f"{len(matches)} notebooks"
            listed = ", ".join(path.stem for path in matches or known)
            raise InputError(f"{problem} named {short(word)}; name one of: {listed}")
        found += matches
    return found or known
