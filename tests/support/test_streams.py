"""What cells printed, as a terminal shows it in the end: bars are one line, prints stay between their figures."""

import io

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from rich.console import Console
from rich.progress import track
from tqdm import tqdm

from lgn_lite.support.streams import shown_text, tidy_streams


def tidied(*outputs: tuple[str, str] | str) -> list[tuple[str, str] | str]:
    """Outputs of one cell, (stream, text) or a figure's name, after `tidy_streams`."""
    made = [
        new_output("display_data", data={"text/plain": output})
        if isinstance(output, str)
        else new_output("stream", name=output[0], text=output[1])
        for output in outputs
    ]
    notebook = new_notebook(cells=[new_code_cell(outputs=made)])
    tidy_streams(notebook)
    return [(o.name, o.text) if o.output_type == "stream" else o.data["text/plain"] for o in notebook.cells[0].outputs]


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain\n\n", "plain\n\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("10 %\r100 %\n", "100 %\n"),
        ("long line\rshort\n", "shortline\n"),  # what a carriage return does not cover stays
        ("gone\r    \rnext", "next"),
        ("abc\b\bX", "aXc"),
        ("one\ntwo\x1b[A\rONE\n\n", "ONE\ntwo\n"),
        ("\r\x1b[2K50 %\r\x1b[2K\x1b[32m100\x1b[0m %\n\x1b[?25h", "\x1b[32m100\x1b[0m %\n"),
        ("abcdef\x1b[3D\x1b[K|", "abc|"),
        ("one\ntwo\n\x1b[2J\x1b[Hthree", "three"),
        ("\x1b[99999Aup\x1b[99999C\x1b[99999D\x1b[99999BX", "Xp"),
        ("\x1b]0;title\x07text\x1b", "text"),
    ],
)
def test_text_is_what_a_terminal_shows(text, shown):
    assert shown_text(text) == shown


def test_colours_alone_are_left_as_they_are():
    assert tidied(("stdout", "\x1b[31mred \n")) == [("stdout", "\x1b[31mred \n")]


def drawn(leave: bool) -> str:
    """What tqdm writes for two nested bars of 3 × 5 steps."""
    stream = io.StringIO()
    for _ in tqdm(range(3), "outer", file=stream, mininterval=0, position=0):
        for _ in tqdm(range(5), "inner", file=stream, mininterval=0, position=1, leave=leave):
            pass
    return stream.getvalue()


def test_nested_bars_leave_their_last_lines():
    assert drawn(leave=False).count("\r") > 20
    lines = shown_text(drawn(leave=False)).split()
    assert lines.count("outer:") == 1 and "inner:" not in lines and "3/3" in lines
    lines = shown_text(drawn(leave=True)).split()
    assert lines.count("outer:") == 1 and lines.count("5/5") == 3 and "4/5" not in lines


def test_rich_leaves_one_line():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=60)
    for _ in track(range(30), "steps", console=console):
        console.print("x")
    lines = shown_text(stream.getvalue()).splitlines()
    assert lines[:30] == ["x"] * 30 and lines[30].startswith("steps") and "100%" in lines[30] and len(lines) == 31


def test_a_bar_between_prints_and_figures_is_one_output():
    outputs = [("stderr", "\r0 %"), ("stdout", "one\n"), ("stderr", "\r50 %"), ("stdout", "two\n"), "figure"]
    outputs += [("stderr", "\r100 %"), ("stdout", "three\n"), ("stderr", "\n")]
    assert tidied(*outputs) == [("stderr", "100 %\n"), ("stdout", "one\ntwo\n"), "figure", ("stdout", "three\n")]


def test_a_bar_on_stdout_goes_on_after_a_figure():
    assert tidied(("stdout", "\r0 %"), "figure", ("stdout", "\r100 %\n")) == [("stdout", "100 %\n"), "figure"]
    assert tidied(("stdout", "a: "), "figure", ("stdout", "b\n")) == [("stdout", "a: "), "figure", ("stdout", "b\n")]


def test_a_bar_that_leaves_nothing_is_no_output():
    assert tidied(("stderr", "\r50 %"), ("stderr", "\r    \r")) == []
    assert tidied(("stdout", "\n")) == [("stdout", "\n")]


def test_markdown_cells_have_no_outputs():
    tidy_streams(new_notebook(cells=[new_markdown_cell("text")]))
