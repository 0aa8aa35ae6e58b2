"""What the terminal shows of a run that failed."""

import io
from pathlib import Path

from rich.console import Console

from lgn_lite.experiments.progress import show_failure
from lgn_lite.experiments.runner import NotebookFailed


def test_a_failed_cell_and_the_way_on_are_whole_in_a_narrow_terminal():
    source = f"values = [{', '.join(f'number_{n}' for n in range(30))}]"
    copy = Path(f"/a/long/path/{'x' * 80}/09_train.failed.ipynb")
    failure = NotebookFailed("09_train", "code cell 3 of 9", source, "ValueError", "no value", "a\nb", copy)
    console = Console(file=io.StringIO(), width=60, color_system=None)
    show_failure(console, failure, f"lgn-lite run 09 --name {'y' * 80}")
    shown = console.file.getvalue()
    assert all(f"number_{n}" in shown for n in range(30))
    assert f"{copy}\n" in shown and f"lgn-lite run 09 --name {'y' * 80}\n" in shown
