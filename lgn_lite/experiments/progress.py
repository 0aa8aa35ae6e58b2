"""What the terminal shows of a run: progress bars for people, plain lines for a log, a failure's report."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Column
from rich.text import Text

from lgn_lite.experiments.parameters import is_injected

TRACEBACK_LINES = 25  # the last ones; the whole traceback is in the failed copy


def new_bars(console: Console) -> Progress:
    """Bars with a description, what is done of how much, and the time; they vanish, what stays are lines."""
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
        BarColumn(bar_width=24),
        MofNCompleteColumn(table_column=Column(justify="right", no_wrap=True)),
        TimeElapsedColumn(),
        console=console,
        expand=True,
        transient=True,
    )


def is_live(console: Console) -> bool:
    """Whether bars can be drawn: a terminal. isatty as well: FORCE_COLOR makes rich take a CI log for one."""
    return console.is_interactive and console.file.isatty()


MARKS = {"done": ("✓", "green"), "failed": ("✗", "red")}


class _Progress:
    """Bars on a terminal, lines elsewhere; a `with` shows the bars."""

    def __init__(self, console: Console):
        self.console = console
        self.live = is_live(console)
        self._bars = new_bars(console)

    def __enter__(self) -> Self:
        if self.live:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self._bars.stop()

    def _line(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


class Position:
    """How far the execution of one notebook has come: `where` and `source` are those of the current cell."""

    def __init__(self, name: str, number: int, cells: int, moved: Callable[["Position"], None]):
        self.name, self.cells = name, cells
        self.number_of_notebook = number
        self.heading, self.source, self.number = "", "", 0
        self._moved = moved

    @property
    def where(self) -> str:
        """The current cell in words, counted as in the notebook's own code cells."""
        if self.number == 0:
            return "before the first code cell"
        under = f" under “{self.heading}”" if self.heading else ""
        return f"code cell {self.number} of {self.cells}{under}"

    def cell(self, cell: Any, cell_index: int) -> None:
        """nbclient's hook: a cell, Markdown or code, is about to be executed."""
        if cell.cell_type == "markdown":
            if heading := re.search(r"^#{1,6}\s+(.+?)\s*$", cell.source, re.MULTILINE):
                self.heading = re.sub(r"[*`]", "", heading[1])
        elif cell.cell_type == "code" and cell.source.strip():
            self.source = cell.source
            if not is_injected(cell):
                self.number += 1
        self._moved(self)


class NotebookProgress(_Progress):
    """Progress over notebooks and over the cells of those that are running.

    On a terminal a bar for all notebooks, and one for the code cells of each that is running, with their heading. In a
    file or a CI log one line at each notebook's start and end.
    """

    def __init__(self, console: Console, notebooks: int):
        super().__init__(console)
        self.notebooks, self.begun = notebooks, 0
        self._all = self._bars.add_task("notebooks", total=notebooks)
        self._ones: dict[str, TaskID] = {}

    def __exit__(self, *_: object) -> None:
        self._bars.stop()  # in a log this prints an empty line

    def start(self, name: str, cells: int) -> Position:
        """A notebook of `cells` code cells starts."""
        self.begun += 1
        self._ones[name] = self._bars.add_task(name, total=cells)
        if not self.live:
            self._line(f"[{self.begun}/{self.notebooks}] {name}: started, {cells} code cells")
        return Position(name, self.begun, cells, self.moved)

    def moved(self, at: Position) -> None:
        """A cell of a running notebook starts."""
        description = f"{at.name} · {at.heading}" if at.heading else at.name
        self._bars.update(self._ones[at.name], completed=max(at.number - 1, 0), description=description)

    def end(self, at: Position, status: str, seconds: float) -> None:
        """A running notebook is done, failed or interrupted."""
        self._bars.remove_task(self._ones.pop(at.name))
        self._bars.advance(self._all, 1 if status == "done" else 0)
        mark, style = MARKS.get(status, ("–", "yellow"))
        if self.live:
            self.console.print(Text.assemble((mark, style), f" {at.name}  ", (clock(seconds), "dim")))
        else:
            self._line(f"[{at.number_of_notebook}/{self.notebooks}] {at.name}: {status} after {clock(seconds)}")

    def unchanged(self, name: str) -> None:
        """A notebook is done and unchanged, and is skipped."""
        self.begun += 1
        self._bars.advance(self._all)
        if self.live:
            self.console.print(Text.assemble(("✓", "dim"), f" {name}  ", ("done before, unchanged", "dim")))
        else:
            self._line(f"[{self.begun}/{self.notebooks}] {name}: done before, unchanged")


def clock(seconds: float) -> str:
    """Seconds as people say them: 12.3 s, 4 min 05 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def show_failure(console: Console, failure: Any, again: str) -> None:
    """Print a NotebookFailed: the position, the cell, the end of the traceback, the error, and how to resume."""
    lines = list(Text.from_ansi(failure.traceback).split("\n"))
    if lines and lines[0].plain.startswith("---"):
        lines = lines[2:-1]  # IPython's frame around the calls: a rule, a title, and the error printed below
    while lines and not lines[-1].plain.strip():
        lines.pop()
    if len(lines) > TRACEBACK_LINES:
        lines = [Text("…", style="dim"), *lines[-TRACEBACK_LINES:]]
    console.print(Text.assemble(("✗ ", "red"), (failure.name, "bold"), f" stopped in {failure.where}"))
    source = Syntax(failure.source, "python", line_numbers=True, word_wrap=True, theme="ansi_dark")
    console.print(Padding(source, (1, 2)))
    console.print(Padding(Text("\n").join(lines), (0, 2, 1, 2)))
    console.print(Text.assemble((failure.error, "bold red"), f": {failure.message}"))
    # unwrapped, so that a path and a command can be copied
    console.print(Text.assemble("\nThe notebook as far as it came: ", (here(failure.copy), "bold")), soft_wrap=True)
    console.print(Text.assemble("When the cause is fixed, resume with: ", (again, "bold")), soft_wrap=True)


def here(path: Path) -> str:
    """A path as seen from the current folder, if it lies inside."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


class SweepProgress(_Progress):
    """Progress over all runs of a sweep, and over the cells of those that are running.

    On a terminal a bar for all and one for each running notebook; in a file or a CI log one line at each run's start
    and end. `total` counts all runs, `done_before` those that an earlier call has done.
    """

    def __init__(self, console: Console, total: int, done_before: int = 0):
        super().__init__(console)
        self.total, self.finished = total, done_before
        self._all = self._bars.add_task("runs", total=total, completed=done_before)
        self._ones: dict[str, TaskID] = {}
        self._slots: int | None = None

    def slots(self, count: int) -> None:
        """`count` runs go at once on the workers that are connected now."""
        if count == 0 and self._slots != 0:
            self._line("no worker has a free slot for a run: waiting for one (Ctrl-C stops)")
        self._bars.update(self._all, description=f"runs, {count} at once")
        self._slots = count

    def started(self, name: str) -> None:
        """A run starts on a worker."""
        if not self.live:
            self._line(f"{name}: started")
        self._remove(name)
        self._ones[name] = self._bars.add_task(name, total=None)

    def lost(self, name: str) -> None:
        """A run has lost its worker, and waits for another."""
        self._remove(name)
        self._line(f"{name}: its worker is gone; it will start again on another")

    def cell(self, name: str, event: Mapping[str, Any]) -> None:
        """A cell of a running notebook starts."""
        description = f"{name} · {event['heading']}" if event["heading"] else name
        if name in self._ones:
            done = max(event["cell"] - 1, 0)
            self._bars.update(self._ones[name], description=description, total=event["cells"], completed=done)

    def ended(self, name: str, record: Mapping[str, Any]) -> None:
        """A run is done, failed or interrupted."""
        status, seconds = record["status"], record.get("seconds", 0.0)
        self.finished += status in MARKS
        self._bars.update(self._all, completed=self.finished)
        self._remove(name)
        first = record.get("error", "").partition("\n")[0][:300]  # a notebook's error may be long
        error = f": {first}" if status == "failed" and first else ""
        if self.live:
            mark, style = MARKS.get(status, ("–", "yellow"))
            self.console.print(Text.assemble((mark, style), f" {name}  ", (clock(seconds), "dim"), error))
        else:
            self._line(f"[{self.finished}/{self.total}] {name}: {status} after {clock(seconds)}{error}")

    def stopping(self, count: int) -> None:
        """The sweep is stopped; `count` notebooks are running."""
        if count:
            self._line(f"stopping {count} running notebook{'s' * (count != 1)} …")

    def _remove(self, name: str) -> None:
        if name in self._ones:
            self._bars.remove_task(self._ones.pop(name))
