"""Tables that are never cut, and Ctrl-C in one line."""

import io

import pytest
import typer
from rich.console import Console
from rich.table import Table

from lgn_lite.cli import options


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


LONG = "no features: only models that never see the video can be trained, until somebody has fetched them by hand"


@pytest.mark.parametrize(
    ("file", "width", "folds"),
    [(Terminal, 80, True), (Terminal, 200, False), (Terminal, 30, True), (io.StringIO, 80, False)],
)
def test_a_table_is_whole_in_any_terminal_and_in_a_pipe(monkeypatch, file, width, folds):
    table = Table("data set", "R1@0.3", "state", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    table.add_row("two words", "12.3", LONG)
    table.add_row("activitynet-captions-of-a-long-name", "4.5", "ready")
    monkeypatch.setattr(options, "console", Console(file=file(), width=width, color_system=None))
    options.print_whole(table)
    text = options.console.file.getvalue()
    assert "…" not in text and all(word in text for word in ("two words", "R1@0.3", *LONG.split()))
    assert "activitynet-captions-of-a-long-name  4.5 " in text
    assert (LONG not in text) == folds
    if width >= 80 and folds:
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width


def test_numbers_stand_on_the_right_and_words_on_the_left():
    import pandas as pd

    table = options.frame_table(pd.DataFrame({"part": ["score"], "share": [1.5]}), ("part",))
    assert [column.justify for column in table.columns] == ["left", "right"]


def test_ctrl_c_promises_no_more_than_there_is(capsys):
    with pytest.raises(typer.Exit) as ended, options.stoppable():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert capsys.readouterr().out == "Stopped. What is done stays; the same command resumes with the rest.\n"
