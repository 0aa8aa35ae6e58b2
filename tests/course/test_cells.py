"""Cells as HTML: what was printed is as a terminal shows it, formulas are drawn, tables and figures have names."""

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from helpers.notebooks import write_notebook
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lgn_lite.course.cells import PLOTLY, render_cells
from lgn_lite.experiments.runner import run_notebooks
from lgn_lite.support.streams import WIDGET

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def rendered(*made) -> BeautifulSoup:
    """Cells as a page has them; a text is a Markdown cell, a dictionary an output of its MIME types and metadata."""
    nodes = []
    for number, each in enumerate(made, start=1):
        if isinstance(each, NotebookNode):
            nodes.append(each)
        elif isinstance(each, str):
            nodes.append(new_markdown_cell(each))
        else:
            output = new_output("display_data", data=each["data"], metadata=each.get("metadata", {}))
            nodes.append(new_code_cell("show", execution_count=number, outputs=[output]))
    return render_cells(new_notebook(cells=nodes))


def png(**about: str) -> dict:
    return {"data": {"image/png": PIXEL, "text/plain": "<Figure>"}, "metadata": {"image/png": about} if about else {}}


def alts(soup: BeautifulSoup) -> list[str]:
    return [picture["alt"] for picture in soup.find_all("img")]


# What was printed -----------------------------------------------------------------------------------------------

BARS = """
import sys, time
from rich.progress import track
from tqdm import tqdm, trange
from tqdm.auto import tqdm as auto
for i in tqdm(range(40), "plain", mininterval=0):
    if i % 10 == 0:
        print("step", i)
for i in trange(3, desc="outer", mininterval=0):
    for j in trange(20, desc="inner", leave=False, mininterval=0):
        time.sleep(0.001)
for i in track(range(5), "rich"):
    time.sleep(0.02)
for i in auto(range(5), desc="widget"):
    time.sleep(0.001)
print("end")
"""
FIGURE = """
import matplotlib.pyplot as plt
from lgn_lite.course import setup
setup()
plt.plot([1, 2, 3], [3, 2, 1], label="loss")
plt.title("Training");
"""


@pytest.mark.slow
def test_a_run_with_bars_leaves_a_line_of_each_and_figures_have_words(tmp_path):
    notebook = write_notebook(tmp_path / "01_bars.ipynb", BARS, FIGURE, parameters="seed = 0\nname = 'x'")
    run_notebooks([notebook], tmp_path / "run", {"seed": 3}, root=tmp_path)
    copy = nbformat.read(tmp_path / "run" / "notebooks" / "01_bars.ipynb", as_version=4)
    streams = [output for output in copy.cells[2].outputs if output.output_type == "stream"]
    printed = "".join(stream.text for stream in streams if stream.name == "stdout")
    assert printed == "step 0\nstep 10\nstep 20\nstep 30\nend\n"
    (lines,) = [stream.text.splitlines() for stream in streams if stream.name == "stderr"]
    assert [line.split(":")[0] for line in lines] == ["plain", "outer"] and "100%" in lines[0] and "3/3" in lines[1]

    soup = render_cells(copy)
    text = soup.get_text()
    assert "Parameters of this run: seed = 3" in " ".join(text.split()) and "# Parameters" not in text
    assert text.count("plain") == 2 and "Output()" not in text  # the code and the bar
    assert alts(soup) == ["Training: line “loss” from 3 to 1"]


def test_what_a_page_cannot_show_is_left_out():
    bar = {WIDGET: {"model_id": "x"}, "text/plain": "  0%|          | 0/5"}
    empty = {"text/html": '<pre style="white-space:pre"></pre>\n', "text/plain": ""}
    soup = rendered({"data": bar}, {"data": empty}, {"data": {"text/html": "<b>kept</b>", "text/plain": ""}})
    assert [output.get_text(strip=True) for output in soup.select(".outputs")] == ["kept"]


def test_colours_of_a_terminal_are_left_out_and_text_is_no_html():
    cell = new_code_cell("x", outputs=[new_output("stream", name="stdout", text="\x1b[31m1 < 2\x1b[0m")])
    assert str(rendered(cell).select_one(".outputs pre")) == '<pre class="stdout">1 &lt; 2</pre>'


# Formulas -------------------------------------------------------------------------------------------------------


def formulas(soup: BeautifulSoup) -> list[str]:
    return [math.get_text() for math in soup.find_all("math")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_tex_is_left_of_the_course_s_formulas(path):
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    soup = render_cells(notebook)
    for kept in soup.find_all(["code", "pre"]):
        assert not (kept.name == "code" and kept.parent.get("class") == ["scrolls"]), f"not a formula: {kept}"
        kept.extract()
    assert not re.search(r"\\|\$\$|(?<!\w)\$[^\d\s]", soup.get_text())
    source = "\n".join(cell.source for cell in notebook.cells)
    numbers = [f"({number})" for number in re.findall(r"\\tag\{(.*?)\}", source)]
    assert [number.get_text() for number in soup.select(".formula > span")] == numbers
    for math in soup.find_all("math"):
        assert not math.find("mtext", string=re.compile(r"^\(\d+\)$")), "the number sticks to the formula"


def test_functions_and_names_are_upright_and_operators_apart():
    soup = rendered(r"$\arg\max_{V_i ∈ V} σ$, $\mathrm{ReLU}$, $\operatorname{sign}(x)$, $f_s ∘ W_M$, $a_{\text{end}}$")
    names = [name.get_text() for name in soup.find_all(["mi", "mtext"])]
    assert {"arg", "max", "ReLU", "sign", "end", "f", "s", "W", "M"} <= set(names)
    assert {"∈", "∘"} <= {operator.get_text() for operator in soup.find_all("mo")}


def test_a_formula_s_number_is_apart_and_its_parts_may_break():
    soup = rendered("$$a = \\frac{1}{2}, \\qquad b = 3 \\tag{7}$$\n\n$$\\text{a \\quad b}$$\n\n$$x \\tag*{A}$$")
    first, second, third = soup.select(".formula")
    assert len(first.select(".scrolls > math")) == 2 and first.span.get_text() == "(7)"
    assert len(second.find_all("math")) == 1 and second.span is None
    assert third.span.get_text() == "A" and third.math.get_text() == "x"


def test_a_comma_stays_with_its_formula():
    soup = rendered("Of $a$, and $b$ (or $c$).")
    assert [str(whole.contents[-1]) for whole in soup.select(".whole")] == [",", ")."]
    assert soup.get_text().strip() == "Of a, and b (or c)."


def test_an_unknown_command_is_shown_as_it_was_written():
    assert rendered(r"$\nonsense{x} < 1$").find("code").get_text() == r"\nonsense{x} < 1"


# Tables and figures ---------------------------------------------------------------------------------------------


def test_tables_scroll_by_themselves_and_no_head_is_empty():
    head, body = "<thead><tr><th></th><th>a</th></tr></thead>", "<tbody><tr><th>0</th><td>1</td></tr></tbody>"
    frame = {"data": {"text/html": f'<table border="1">{head}{body}</table>'}}
    soup = rendered("|  | x |\n|---|---|\n| 1 | 2 |", frame)
    for table in soup.find_all("table"):
        assert table.parent["class"] == ["scrolls"] and "border" not in table.attrs
        assert all(head.get_text() and head["scope"] for head in table.find_all("th"))
        assert table.find("tr").find(True).name == "td"  # the corner
    assert [head["scope"] for head in soup.select(".outputs th")] == ["col", "row"]


def test_a_figure_s_own_words_are_its_alternative_text():
    assert alts(rendered(png(alt="A line <falls>."))) == ["A line <falls>."]


def test_a_figure_without_words_has_those_around_it_and_never_twice_the_same():
    assert alts(rendered("## A", png(alt="Map"), png(alt="Map"), png(alt="Map"))) == [
        "Map",
        "Map (A)",
        "Map (figure 2)",
    ]
    prose = "## Overlap\n\nSee eq. 4 for it. The star is\nthe best `candidate`:"
    words = "Overlap: The star is the best candidate"
    assert alts(rendered(prose, png(), png())) == [words, f"{words} (figure 2)"]
    assert alts(rendered(png())) == ["a figure: a figure"]
    assert alts(rendered("## A\n\n![](x.png)")) == ["A: a figure"]


def test_a_plotly_figure_is_named():
    figure = {"data": [{"type": "bar", "name": "LGN"}], "layout": {"title": {"text": "Recall"}}}
    box = rendered({"data": {PLOTLY: figure}}).select_one("div.plotly")
    assert box["aria-label"] == "Recall: interactive figure: bars; LGN" and box["role"] == "group"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_of_the_course_has_words_of_its_own(path):
    soup = render_cells(nbformat.read(path, as_version=4))
    found = [figure.get("alt") or figure.get("aria-label") for figure in soup.select("img, div.plotly")]
    assert len(set(found)) == len(found)
    assert all(len(words) > 15 and not re.search(r"(?i)^(figure|image|picture)\b|<Figure", words) for words in found)
