"""The committed notebooks' outputs, from the executed copies of a run."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lgn_lite.errors import InputError
from lgn_lite.experiments.parameters import is_injected
from lgn_lite.support.files import atomic_path, notebook_number, project_root
from lgn_lite.support.streams import WIDGET, tidy_streams

COURSE = "runs/course"  # the run that readers have


def write_outputs(run: str | Path, folder: str | Path = "notebooks") -> list[Path]:
    """Give the notebooks of a folder the outputs of a run's executed copies; returns those that have changed.

    Cells are numbered from 1 to n. Not taken are what papermill adds, what was printed as a warning or a progress bar
    (stderr), and widgets, beside which a picture stays; the run's folder becomes the one of `lgn-lite run`. Paths are
    below the project. Raises InputError, before anything is written, for a notebook that the run has not executed, or
    whose code has changed since.
    """
    root = project_root()
    run, folder = root / run, root / folder
    name = run.relative_to(root).as_posix() if run.is_relative_to(root) else run.as_posix()
    paths = sorted(folder.glob("*.ipynb"))
    updated = {path: _with_outputs(path, run / "notebooks" / path.name, name) for path in paths}
    changed = [path for path, notebook in updated.items() if notebook != nbformat.read(path, as_version=4)]
    for path in changed:
        with atomic_path(path) as temporary:
            nbformat.write(updated[path], temporary)
    return changed


def _with_outputs(path: Path, executed: Path, name: str) -> NotebookNode:
    if not executed.is_file():
        raise InputError(
            f"{path.stem}: not executed in {name}; `lgn-lite run {notebook_number(path) or path.stem}` does it"
        )
    notebook, copy = nbformat.read(path, as_version=4), nbformat.read(executed, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    copies = [cell for cell in copy.cells if cell.cell_type == "code" and not is_injected(cell)]
    if [cell.source for cell in cells] != [cell.source for cell in copies]:
        raise InputError(f"{path.stem}: its code has changed since {name} executed it; run it again")
    for number, (cell, done) in enumerate(zip(cells, copies, strict=True), start=1):
        cell.execution_count = number
        cell.outputs = [kept for output in done.outputs if (kept := _kept(output, number, name)) is not None]
        cell.metadata.pop("execution", None)
    tidy_streams(notebook)
    return notebook


def _kept(output: NotebookNode, number: int, name: str) -> NotebookNode | None:
    """An output as it is committed; None for one that is not."""
    output = nbformat.from_dict(json.loads(json.dumps(output).replace(name, COURSE)))  # in texts of every kind
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if output.output_type == "execute_result":
        output.execution_count = number
    if output.get("data", {}).pop(WIDGET, None) is not None and not {"image/png", "text/html"} & set(output.data):
        return None
    return output
