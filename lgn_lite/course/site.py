"""The static site of an executed course: a page a notebook, a search, links between them, no network needed.

Markdown and code are rendered by nbconvert's filters, formulas become MathML (which browsers draw themselves), and
plotly's script lies in the site. The look is in site.css, the search and the figures' start in site.js.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import mimetypes
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
from bs4 import BeautifulSoup, Tag
from latex2mathml.converter import convert as latex_to_mathml
from nbconvert.filters import ansi2html, markdown2html
from nbconvert.filters.highlight import Highlight2HTML
from pygments.formatters import HtmlFormatter

from lgn_lite.errors import InputError
from lgn_lite.support.files import atomic_path, is_hidden, project_root, remove_folder

TITLE = "Language-guided moment retrieval, the course"
HERE = Path(__file__).parent
PLOTLY = "application/vnd.plotly.v1+json"
# Code first, so that a dollar in it is none of a formula; a dollar before a digit or a blank is money or a prompt
FORMULA = re.compile(
    r"(?P<code>```.*?```|`[^`\n]*`)|\$\$(?P<block>.+?)\$\$"
    r"|(?<![\\\w])\$(?P<inline>[^\s$`](?:[^$\n`]*[^\s$`])?)\$(?!\d)",
    flags=re.DOTALL,
)
FETCHED = ("script", "link", "img", "iframe", "video", "audio", "source", "embed", "object")  # what a browser loads


@dataclass
class Page:
    """One notebook on its way to HTML."""

    path: Path
    title: str
    promise: str
    body: str = ""
    contents: list[tuple[str, str]] = field(default_factory=list)  # anchor, heading
    sections: list[dict[str, str]] = field(default_factory=list)  # of the search index
    figures: int = 0  # plotly's

    @property
    def name(self) -> str:
        return f"{self.path.stem}.html"


def build_site(notebooks: Sequence[Path], out: Path) -> Path:
    """Build the site of executed notebooks, in their order, into the folder `out`; returns its index.html.

    The folder is replaced as a whole once the new site is complete, so that an error leaves the old one as it was.
    Raises InputError where there is no notebook, one is unreadable, or `out` holds something that is no such site.
    """
    notebooks, out = [Path(path) for path in notebooks if not is_hidden(Path(path))], Path(out)
    if not notebooks:
        raise InputError("no notebooks: a site needs at least one")
    if out.exists() and any(out.iterdir()) and not (out / "search.js").exists():
        raise InputError(f"{out}: holds something else than a site; give another folder")
    with atomic_path(out) as new:
        (new / "files").mkdir(parents=True)
        _write(notebooks, new)
        if out.exists():
            remove_folder(out)
    return out / "index.html"


def site_or_reason(notebooks: Sequence[Path], out: Path) -> str:
    """Build the site and return its index's path, or one line that tells why there is none.

    The site is an extra of a run: whatever goes wrong with it, the run has succeeded.
    """
    try:
        return str(build_site(notebooks, out))
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        return f"no site: {type(error).__name__}: {first}"


def _write(notebooks: list[Path], out: Path) -> None:
    pages, read = [], []
    for path in notebooks:
        try:
            notebook = nbformat.read(path, as_version=4)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not a notebook ({error})") from error
        first = notebook.cells[0].source if notebook.cells else ""
        title = re.search(r"^# (.+)$", first, flags=re.MULTILINE)
        promise = re.search(r"^\*(.+)\*$", first, flags=re.MULTILINE)
        pages.append(Page(path, title[1] if title else path.stem, promise[1] if promise else ""))
        read.append(notebook)
    known = {page.path.name for page in pages}
    for page, notebook in zip(pages, read, strict=True):
        _Renderer(page, known, out).run(notebook)
    for i, page in enumerate(pages):
        text = _frame(pages, page, page.body, pages[i - 1] if i else None, *pages[i + 1 : i + 2])
        (out / page.name).write_text(text, encoding="utf-8")
    (out / "index.html").write_text(_frame(pages, None, _index(pages)), encoding="utf-8")
    index = [section for page in pages for section in page.sections]
    script = (HERE / "site.js").read_text(encoding="utf-8")
    # A script and not JSON: a page that is opened as a file may load the one, but not fetch the other
    found = json.dumps(index, ensure_ascii=False).replace("</", "<\\/")
    (out / "search.js").write_text(f"const INDEX = {found};\n{script}", encoding="utf-8")
    dark = HtmlFormatter(style="github-dark").get_style_defs(":root[data-theme=dark] .highlight")
    light = HtmlFormatter(style="friendly").get_style_defs(".highlight")
    style = (HERE / "site.css").read_text(encoding="utf-8")
    (out / "site.css").write_text("\n".join([light, dark, style]), encoding="utf-8")
    if any(page.figures for page in pages):
        from plotly.offline import get_plotlyjs

        (out / "plotly.js").write_text(get_plotlyjs(), encoding="utf-8")


# One notebook ---------------------------------------------------------------------------------------------------


class _Renderer:
    """Renders the cells of one notebook into its page, and writes the files that the page shows."""

    def __init__(self, page: Page, known: set[str], out: Path) -> None:
        self.page, self.known, self.out = page, known, out
        self.highlight = Highlight2HTML(pygments_lexer="ipython3")
        self.anchor, self.heading = "", page.title

    def run(self, notebook: nbformat.NotebookNode) -> None:
        parts = []
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                parts.append(f'<section class="prose">{self.prose(cell.source)}</section>')
            elif cell.cell_type == "code" and cell.source.strip():
                parts.append(self.code(cell))
        self.page.body = "\n".join(parts)

    def prose(self, source: str) -> str:
        """Markdown as HTML: formulas as MathML, links to pages, headings into the contents and the search."""
        source, formulas = _take_formulas(source)
        soup = BeautifulSoup(_put_formulas(markdown2html(source), formulas), "html.parser")
        self.local(soup)
        for anchor in soup.select("a.anchor-link"):
            anchor.decompose()
        for element in soup.find_all(recursive=False):
            if element.name in ("h1", "h2", "h3"):
                self.anchor, self.heading = element.get("id", ""), element.get_text()
                if element.name == "h2":
                    self.page.contents.append((self.anchor, self.heading))
            self.index(element.get_text(" "))
        return str(soup)

    def code(self, cell: nbformat.NotebookNode) -> str:
        self.index(cell.source)
        count = cell.execution_count or " "
        shown = self.highlight(cell.source)
        outputs = "".join(self.output(output, count) for output in cell.outputs)
        return (
            f'<section class="code"><span class="count">[{count}]</span><div>{shown}'
            f'<div class="outputs">{outputs}</div></div></section>'
        )

    def output(self, output: nbformat.NotebookNode, count: int | str) -> str:
        if output.output_type == "stream":
            return f'<pre class="{output.name}">{ansi2html(output.text)}</pre>'
        if output.output_type == "error":
            return f'<pre class="stderr">{ansi2html(chr(10).join(output.traceback))}</pre>'
        data = output.data
        if PLOTLY in data:
            return self.plotly(data[PLOTLY])
        if "text/html" in data:
            soup = BeautifulSoup(data["text/html"], "html.parser")
            self.local(soup)
            self.page.figures += "Plotly.newPlot" in data["text/html"]
            return f'<div class="html">{soup}</div>'
        if "image/svg+xml" in data:
            return f'<div class="html">{data["image/svg+xml"]}</div>'
        for kind in ("image/png", "image/jpeg"):
            if kind in data:
                raw = base64.b64decode(data[kind])
                size = ""
                if kind == "image/png":
                    width, height = struct.unpack(">II", raw[16:24])
                    size = f' width="{width}" height="{height}"'
                source = self.keep(raw, mimetypes.guess_extension(kind))
                return f'<img src="{source}" alt="figure of cell {count}" loading="lazy"{size}>'
        if "text/markdown" in data:
            return self.prose(data["text/markdown"])
        if "text/latex" in data:
            return self.prose(data["text/latex"])
        return f"<pre>{ansi2html(data.get('text/plain', ''))}</pre>"

    def plotly(self, figure: dict) -> str:
        """A living figure: its data beside an empty box, which site.js fills by plotly."""
        self.page.figures += 1
        height = figure.get("layout", {}).get("height", 450)
        kept = {key: figure.get(key, {}) for key in ("data", "layout", "frames")}
        kept["frames"] = kept["frames"] or []
        data = json.dumps(kept).replace("</", "<\\/")
        return f'<div class="plotly" style="height:{height}px"></div><script type="application/json">{data}</script>'

    def index(self, text: str) -> None:
        """Add text to the section of the search index that the reader would be sent to."""
        sections, url = self.page.sections, f"{self.page.name}#{self.anchor}"
        if not sections or sections[-1]["url"] != url:
            sections.append({"url": url, "page": self.page.title, "heading": self.heading, "text": ""})
        sections[-1]["text"] += " ".join(text.split()) + " "

    def keep(self, raw: bytes, suffix: str | None) -> str:
        """Write a file of the page; returns its address."""
        name = f"{self.page.path.stem}-{hashlib.sha256(raw).hexdigest()[:12]}{suffix or ''}"
        (self.out / "files" / name).write_bytes(raw)
        return f"files/{name}"

    def local(self, soup: BeautifulSoup) -> None:
        """Point links at the site's pages and files; take out what a browser would fetch from elsewhere."""
        for tag in soup.find_all(FETCHED):
            key = next((key for key in ("src", "href", "data") if tag.get(key)), None)
            if key is None:
                continue
            if tag[key].startswith("data:"):
                self.unpack(tag, key)
            elif (copied := self.copied(tag[key])) is not None:
                tag[key] = copied
            elif tag.name == "script":
                tag.decompose()
            else:
                tag.replace_with(tag.get("alt", ""))
        for link in soup.find_all("a", href=True):
            target, fragment = urldefrag(link["href"])
            if not target or re.match(r"[a-z]+:", target):
                continue
            if Path(target).name in self.known:
                link["href"] = f"{Path(target).stem}.html" + (f"#{fragment}" if fragment else "")
            elif (copied := self.copied(target)) is not None:
                link["href"] = copied
            else:
                link.unwrap()  # a notebook that is not in this run: its name stays

    def unpack(self, tag: Tag, key: str) -> None:
        """A picture or a film that was written into the page becomes a file of its own."""
        if found := re.match(r"data:((?:image|video|audio)/[\w.+-]+);base64,", tag[key]):
            raw = base64.b64decode(tag[key][found.end() :])
            tag[key] = self.keep(raw, mimetypes.guess_extension(found[1]))

    def copied(self, target: str) -> str | None:
        """The address of a local file's copy in the site; None where there is none, or for another host's."""
        if re.match(r"[a-z]+:|//", target) or target.endswith(".ipynb"):
            return None
        for folder in (self.page.path.parent, project_root() / "notebooks"):
            path = folder / unquote(target)
            if path.is_file():
                return self.keep(path.read_bytes(), path.suffix)
        return None


def _take_formulas(source: str) -> tuple[str, list[str]]:
    """The Markdown with a mark in place of each formula, and the formulas as MathML; code stays as it is."""
    formulas: list[str] = []

    def take(match: re.Match) -> str:
        if match["code"]:
            return match[0]
        block = match["block"] is not None
        latex = match["block"] if block else match["inline"]
        try:
            formulas.append(latex_to_mathml(latex.strip(), display="block" if block else "inline"))
        except Exception:  # of many kinds; the reader then sees the LaTeX
            formulas.append(f"<code>{html.escape(latex.strip())}</code>")
        return f"formula{len(formulas) - 1}x"

    return FORMULA.sub(take, source), formulas


def _put_formulas(text: str, formulas: list[str]) -> str:
    text = re.sub(r'(id|href)="[^"]*"', lambda found: re.sub(r"formula\d+x", "formula", found[0]), text)
    return re.sub(r"formula(\d+)x", lambda found: formulas[int(found[1])], text)


# The pages around -----------------------------------------------------------------------------------------------


def _frame(
    pages: list[Page], page: Page | None, body: str, before: Page | None = None, after: Page | None = None
) -> str:
    """A whole HTML page: the course on the left, the search on top, the way back and on below."""
    rows = []
    for other in pages:
        current = ' aria-current="page"' if other is page else ""
        rows.append(f'<li><a href="{other.name}"{current}>{_number(other)}{html.escape(other.title)}</a>')
        if other is page:
            parts = (f'<li><a href="#{html.escape(a)}">{html.escape(name)}</a></li>' for a, name in page.contents)
            rows.append(f"<ul>{''.join(parts)}</ul>")
        rows.append("</li>")
    way = "".join(
        f'<a class="{side}" href="{other.name}">{html.escape(other.title)}</a>'
        for side, other in (("before", before), ("after", after))
        if other
    )
    title = f"{page.title} · {TITLE}" if page else TITLE
    plotly = '<script src="plotly.js"></script>\n' if page and page.figures else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="stylesheet" href="site.css">
{plotly}<script src="search.js" defer></script>
</head>
<body>
<header>
<a class="home" href="index.html">{TITLE}</a>
<input id="search" type="search" placeholder="search the course" aria-label="search the course" autocomplete="off">
<button id="theme" type="button" aria-label="light or dark">◐</button>
</header>
<div id="found" hidden></div>
<nav aria-label="notebooks"><ol>{"".join(rows)}</ol></nav>
<main>
{body}
<footer>{way}</footer>
</main>
</body>
</html>
"""


def _number(page: Page) -> str:
    found = re.match(r"\d\d", page.path.stem)
    return f"<b>{found[0]}</b> " if found else ""


def _index(pages: list[Page]) -> str:
    rows = "".join(
        f'<li><a href="{page.name}">{_number(page)}{html.escape(page.title)}</a><p>{html.escape(page.promise)}</p></li>'
        for page in pages
    )
    return f'<section class="prose"><h1>{TITLE}</h1></section>\n<ol class="course">{rows}</ol>'
