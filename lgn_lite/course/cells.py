"""A notebook's cells as HTML: nbconvert by the template in template/, and what a page needs beyond it.

Formulas are MathML, which browsers draw themselves, in a font of the site's own (fonts/). The style is in cells.css;
cells.js draws plotly's figures and lets the keyboard reach what scrolls.
"""

from __future__ import annotations

import base64
import html
import io
import re
from functools import cache
from pathlib import Path
from textwrap import shorten

from bs4 import BeautifulSoup, NavigableString, Tag
from math_core import LatexError, LatexToMathML
from nbconvert.exporters import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath, MathInlineParser
from nbformat import NotebookNode
from PIL import Image
from traitlets.config import Config

from lgn_lite.figures.alt import describe_plotly
from lgn_lite.support.streams import WIDGET, tidy_streams

HERE = Path(__file__).parent
PLOTLY = "application/vnd.plotly.v1+json"
# Of an output's MIME types the first of these is shown
MIME_TYPES = ["text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/latex", "text/plain"]
LONGEST_ALT = 500  # characters


def render_cells(notebook: NotebookNode) -> BeautifulSoup:
    """The cells of an executed notebook: sections of the classes prose and code, the outputs in the latter.

    Bars are their last lines, cells that papermill has injected are a line of values, and each picture says what it
    shows. The notebook's outputs are changed.
    """
    tidy_streams(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_empty(output.get("data", {}))]
    soup = BeautifulSoup(_exporter().from_notebook_node(notebook)[0], "html.parser")
    for formula in soup.find_all("math", display=False):
        _join_punctuation(formula)
    for table in soup.find_all("table"):
        _mend_table(table)
    _describe_figures(soup)
    return soup


def _is_empty(data: dict) -> bool:
    """Whether an output says nothing on a page without a kernel: a widget's bar, and the output that rich leaves."""
    if WIDGET in data:
        return set(data) <= {WIDGET, "text/plain"}
    plain, rich = data.get("text/plain"), data.get("text/html")
    return plain == "" and not BeautifulSoup(rich or "", "html.parser").get_text(strip=True)


# nbconvert ------------------------------------------------------------------------------------------------------


@cache
def _exporter() -> TemplateExporter:
    """nbconvert with the site's template; its HTMLExporter would parse each page once more for JupyterLab's classes."""
    return TemplateExporter(
        config=Config(NbConvertBase={"display_data_priority": [PLOTLY, *MIME_TYPES]}),
        extra_template_basedirs=[str(HERE)],
        template_name="template",
        file_extension=".html",
        filters={
            "highlight_code": Highlight2HTML(pygments_lexer="ipython3"),
            "markdown2html": _markdown,
            "picture_size": _picture_size,
            "assignments": _assignments,
            "describe_plotly": describe_plotly,
        },
    )


def _assignments(source: str) -> list[str]:
    """The lines of a cell that papermill has injected, without its comment."""
    return [line for line in source.splitlines() if line.strip() and not line.startswith("#")]


def _picture_size(data: str) -> tuple[int, int]:
    """Width and height of a picture in base64: a page that loads it late keeps its room free."""
    return Image.open(io.BytesIO(base64.b64decode(data))).size


# Formulas -------------------------------------------------------------------------------------------------------


def _markdown(source: str) -> str:
    return MarkdownWithMath(_MathRenderer(escape=False, anchor_link_text=""), inline=_MathParser()).render(source)


class _MathParser(MathInlineParser):
    """nbconvert's, but a dollar before a digit or after a blank is money or a prompt, and no formula holds code."""

    SPECIFICATION = MathInlineParser.SPECIFICATION | {
        "inline_math_tex": r"(?<![\\\w])\$(?P<math_inline_tex>[^\s$`](?:[^$\n`]*[^\s$`])?)\$(?!\d)"
    }


class _MathRenderer(IPythonRenderer):
    """nbconvert's, with formulas as MathML."""

    def inline_math(self, body: str) -> str:
        return _mathml(body)

    def block_math(self, body: str) -> str:
        """A formula on its own: between its \\quad it may break, and its \\tag is set apart from it."""
        tag = re.search(r"\\tag(\*?)\s*\{(.*?)\}", body)
        body = body.replace(tag[0], "") if tag else body
        parts = [_mathml(part, block=True) for part in re.split(r"\\q?quad(?![a-z])", body) if part.strip()]
        if not all(part.startswith("<math") for part in parts):  # a \quad inside of something
            parts = [_mathml(body, block=True)]
        number = f"<span>{html.escape(tag[2] if tag[1] else f'({tag[2]})')}</span>" if tag else ""
        return f'<div class="formula"><div class="scrolls">{"".join(parts)}</div>{number}</div>\n'


def _mathml(latex: str, block: bool = False) -> str:
    try:
        return LatexToMathML(fancy_error=False).convert_with_local_state(latex.strip(), displaystyle=block)
    except LatexError:  # an unknown command: the reader then sees the LaTeX
        return f"<code>{html.escape(latex.strip())}</code>"


def _join_punctuation(formula: Tag) -> None:
    """Keep a formula and the comma after it on one line: browsers would break between them."""
    after = formula.next_sibling
    if isinstance(after, NavigableString) and (mark := re.match(r"[^\w\s(\[{—–]+", after)):
        after.replace_with(after[mark.end() :])
        formula.wrap(BeautifulSoup().new_tag("span", attrs={"class": "whole"})).append(mark[0])


# Tables and figures ---------------------------------------------------------------------------------------------


def _mend_table(table: Tag) -> None:
    """Give a table a box of its own to scroll in, and heads that a screen reader can name."""
    table.attrs.pop("border", None)
    for head in table.find_all("th"):
        if not head.get_text(strip=True):
            head.name = "td"  # an empty corner heads nothing
        else:
            head["scope"] = "col" if head.find_parent("thead") else "row"
    table.wrap(BeautifulSoup().new_tag("div", attrs={"class": "scrolls"}))


def _describe_figures(soup: BeautifulSoup) -> None:
    """Give each picture and each of plotly's figures words of its own: its own ones, or those around it."""
    described: set[str] = set()
    for figure in soup.select("img, div.plotly"):
        key = "alt" if figure.name == "img" else "aria-label"
        own, heading = " ".join(figure.get(key, "").split()), figure.find_previous(["h1", "h2", "h3", "h4"])
        section = heading.get_text() if heading else "a figure"
        text = own or f"{section}: {_sentence_before(figure)}"
        in_section = [f"{text} ({section})"] if own else []
        candidates = [text, *in_section, *(f"{text} (figure {number})" for number in range(2, 1000))]
        words = (shorten(each, LONGEST_ALT, placeholder=" …") for each in candidates)
        figure[key] = next((each for each in words if each not in described), text)
        described.add(figure[key])


def _sentence_before(figure: Tag) -> str:
    """The last sentence of the prose before a figure."""
    paragraph = figure.find_previous(lambda tag: tag.name in ("p", "li") and tag.find_parent("section", "prose"))
    text = " ".join(paragraph.get_text().split()) if paragraph else ""
    return re.split(r"(?<=[.!?])\s+(?=[^\W\d_a-z])", text)[-1].rstrip(":") or "a figure"
