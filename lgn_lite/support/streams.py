"""What a notebook's cells printed, as a terminal shows it in the end: a finished progress bar is one line.

nbconvert and nbclient resolve carriage returns, but not the cursor's way up, which nested bars take; and nbclient moves
what is printed after a figure to before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from nbformat import NotebookNode

TOKEN = re.compile(
    r"""\x1b\[(?P<values>[0-?]{0,20})[ -/]*(?P<kind>[@-~])  # a control sequence: \x1b[2K
    | \x1b\][^\x07\x1b]*(?:\x07|\x1b\\)  # a title or a link
    | \x1b.? | [\r\n\b] | [^\r\n\b\x1b]+""",
    re.DOTALL | re.VERBOSE,
)
MOVES = re.compile(r"\r(?!\n)|\x08|\x1b(?!\[[\d;]*m)")  # more than lines and colours
UP_OR_DOWN, ALONG = {"A": -1, "B": 1, "E": 1, "F": -1}, {"C": 1, "D": -1}  # of the sequences that move the cursor
WIDEST = 1000  # columns that a sequence may skip
WIDGET = "application/vnd.jupyter.widget-view+json"  # an output of a model that no later kernel knows


def tidy_streams(notebook: NotebookNode) -> None:
    """Join what each cell printed, and leave of it what a terminal shows in the end.

    A cell's stderr becomes one output: its order among the others is not guaranteed, and a bar is redrawn there while
    the cell prints and draws. What is printed between two figures stays there.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in _joined(cell.outputs) if _resolved(output)]


def _joined(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}  # the latest of each name
    last = None  # of `kept`, stderr apart
    for output in outputs:
        name = output.get("name")
        before = streams.get(name)
        redraws = before is not None and output.text.startswith("\r") and not before.text.endswith("\n")
        if before is not None and (name == "stderr" or before is last or redraws):
            before.text += output.text
            continue
        kept.append(output)
        if output.output_type == "stream":
            streams[name] = output
        if name != "stderr":
            last = output
    return kept


def _resolved(output: NotebookNode) -> bool:
    """Resolve a stream's control characters in place; False if they leave nothing of it."""
    if output.output_type != "stream" or not MOVES.search(output.text):
        return True
    output.text = shown_text(output.text)
    return bool(output.text.strip())


def shown_text(text: str) -> str:
    """What a terminal shows after it got this text: the lines as they are in the end, with their colours."""
    lines: list[list[tuple[str, str]]] = [[]]  # of (colour's sequence, character)
    row, column, colour = 0, 0, ""
    for token in TOKEN.finditer(text):
        kind, values, line = token["kind"], token["values"], lines[row]
        count = int(values) if values and values.isdigit() else 1
        if token[0] == "\n":
            row, column = row + 1, 0
            if row == len(lines):
                lines.append([])
        elif token[0] == "\r":
            column = 0
        elif token[0] == "\b":
            column = max(0, column - 1)
        elif token[0][0] != "\x1b":
            line += [("", " ")] * (column - len(line))
            line[column : column + len(token[0])] = [(colour, character) for character in token[0]]
            column += len(token[0])
        elif kind == "m":
            colour = "" if values in ("", "0") else token[0] if values.startswith("0;") else colour + token[0]
        elif kind in UP_OR_DOWN or kind in ALONG:
            row = min(max(0, row + count * UP_OR_DOWN.get(kind, 0)), len(lines) - 1)
            column = 0 if kind in "EF" else min(max(0, column + count * ALONG.get(kind, 0)), WIDEST)
        elif kind == "K":  # erases the line: from the cursor on, up to it, or whole
            begin, end = {"1": (0, column + 1), "2": (0, len(line))}.get(values, (column, len(line)))
            line[begin:end] = [("", " ")] * (min(end, len(line)) - begin)
        elif kind == "J" and values in ("2", "3"):
            lines, row, column = [[]], 0, 0
    return "\n".join(map(_line, lines))


def _line(characters: list[tuple[str, str]]) -> str:
    parts = [(colour, "".join(map(itemgetter(1), run))) for colour, run in groupby(characters, itemgetter(0))]
    return "".join(f"{colour}{text}\x1b[0m" if colour else text for colour, text in parts).rstrip()
