"""What the terminal shows of a sweep: bars for people, plain lines for a log."""

from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import TaskID
from rich.text import Text

from .progress import clock, is_live, new_bars

MARKS = {"done": ("✓", "green"), "failed": ("✗", "red")}


class SweepProgress:
    """Progress over all runs of a sweep, and over the cells of those that are running.

    On a terminal a bar for all and one for each running notebook; in a file or a CI log one line at each run's start
    and end. `total` counts all runs, `kept` those that were done before.
    """

    def __init__(self, console: Console, total: int, kept: int = 0):
        self.console, self.total, self.finished = console, total, kept
        self.live = is_live(console)
        self._bars = new_bars(console)
        self._all = self._bars.add_task("runs", total=total, completed=kept)
        self._ones: dict[str, TaskID] = {}
        self._places: int | None = None

    def __enter__(self) -> Self:
        if self.live:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self._bars.stop()

    def places(self, count: int) -> None:
        """So many runs go at once on the workers that are there now."""
        if count == 0 and self._places != 0:
            self._line("no worker has a place for a run: waiting for one (Ctrl-C stops)")
        self._bars.update(self._all, description=f"runs, {count} at once")
        self._places = count

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

    def _line(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
