"""The static site of an executed course: a page per notebook, a search, links between them, no network needed.

cells.py renders the cells. Here are the links between pages, the files that pages show, the search index and the page
around the cells (site.html.jinja, with site.css and site.js).
"""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
from bs4 import BeautifulSoup, Tag
from markupsafe import Markup
from pygments.formatters import HtmlFormatter

from lgn_lite.course.cells import HERE, render_cells
from lgn_lite.course.landing import read_landing
from lgn_lite.errors import InputError
from lgn_lite.support.files import atomic_path, is_hidden, notebook_number, project_root, remove_folder
from lgn_lite.support.templates import render

TITLE = "Language-guided moment retrieval, the course"
FETCHED = ("script", "link", "img", "iframe", "video", "audio", "source", "embed", "object")  # what a browser loads


@dataclass
class Page:
    """One notebook as HTML."""

    path: Path
    title: str
    promise: str
    body: Markup
    plotly: bool  # whether it shows one of plotly's figures
    minutes: int = 0  # of reading, as it says itself; 0 if it does not
    contents: list[tuple[str, str, str]] = field(default_factory=list)  # h2 or h3, anchor, heading
    sections: list[dict[str, str]] = field(default_factory=list)  # of the search index

    @property
    def name(self) -> str:
        return f"{self.path.stem}.html"

    @property
    def download(self) -> str:
        return f"files/{self.path.name}"

    @property
    def number(self) -> str:
        return notebook_number(self.path)


def build_site(notebooks: Sequence[Path], out: Path) -> Path:
    """Build the site of executed notebooks, in their order, into the folder `out`; returns its index.html.

    The folder is replaced as a whole once the new site is complete, so that an error leaves the old one as it was.
    Raises InputError if there is no notebook, one is unreadable, or `out` holds something other than such a site.
    """
    notebooks, out = [Path(path) for path in notebooks if not is_hidden(Path(path))], Path(out)
    if not notebooks:
        raise InputError("no notebooks: a site needs at least one")
    if out.exists() and any(out.iterdir()) and not (out / "search.js").exists():
        raise InputError(f"{out}: holds something other than a site; give another folder")
    with atomic_path(out) as new:
        (new / "files").mkdir(parents=True)
        _write(notebooks, new)
        if out.exists():
            remove_folder(out)
    return out / "index.html"


def site_or_reason(notebooks: Sequence[Path], out: Path) -> str:
    """Build the site and return its index's path, or one line that says why there is none.

    The site is an extra of a run: whatever goes wrong with it, the run has succeeded.
    """
    try:
        return str(build_site(notebooks, out))
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        return f"no site: {type(error).__name__}: {first}"


def _write(notebooks: list[Path], out: Path) -> None:
    known = {path.name for path in notebooks}
    pages = [_page(path, known, out) for path in notebooks]
    for before, page, after in zip([None, *pages[:-1]], pages, [*pages[1:], None], strict=True):
        text = render(HERE / "site.html.jinja", title=TITLE, pages=pages, page=page, before=before, after=after)
        (out / page.name).write_text(text, encoding="utf-8")
        shutil.copy(page.path, out / page.download)  # as executed: what the page shows
    index = render(HERE / "site.html.jinja", title=TITLE, pages=pages, page=None, landing=read_landing(notebooks, out))
    (out / "index.html").write_text(index, encoding="utf-8")
    sections = [section for page in pages for section in page.sections]
    # A script and not JSON: a page that is opened as a file may load the one, but not fetch the other
    found = json.dumps(sections, ensure_ascii=False).replace("</", "<\\/")
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in ("site.js", "cells.js")]
    (out / "search.js").write_text("\n".join([f"const INDEX = {found};", *scripts]), encoding="utf-8")
    light = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    dark = HtmlFormatter(style="a11y-high-contrast-dark").get_style_defs(":root[data-theme=dark] .highlight")
    styles = [(HERE / name).read_text(encoding="utf-8") for name in ("site.css", "cells.css")]
    (out / "site.css").write_text("\n".join([light, f"@media screen {{\n{dark}\n}}", *styles]), encoding="utf-8")
    shutil.copy(HERE / "fonts" / "STIXTwoMath.woff2", out / "files" / "math.woff2")
    if any(page.plotly for page in pages):
        from plotly.offline import get_plotlyjs

        (out / "plotly.js").write_text(get_plotlyjs(), encoding="utf-8")


# One page -------------------------------------------------------------------------------------------------------


def _page(path: Path, known: set[str], out: Path) -> Page:
    """Render a notebook, and write the files that it shows; `known` are the names of the site's notebooks."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a notebook ({error})") from error
    first = notebook.cells[0].source if notebook.cells else ""
    title = re.search(r"^# (.+)$", first, flags=re.MULTILINE)
    promise = re.search(r"^\*(.+)\*$", first, flags=re.MULTILINE)
    soup = render_cells(notebook)
    _Links(path, known, out).localise(soup)
    plotly = soup.find("div", ["plotly", "plotly-graph-div"]) is not None
    reading = re.search(r"(\d+) minutes of reading", "\n".join(cell.source for cell in notebook.cells[:2]))
    page = Page(path, title[1] if title else path.stem, promise[1] if promise else "", Markup(soup), plotly)
    page.minutes = int(reading[1]) if reading else 0
    _index(page, soup)
    return page


def _index(page: Page, soup: BeautifulSoup) -> None:
    """Collect the page's contents, and the text of prose and code by the heading that a search leads to."""
    section = {"url": page.name, "page": page.title, "heading": page.title, "prose": "", "code": ""}
    page.sections = [section]
    for element in chain.from_iterable(map(_texts, soup.find_all("section", ["prose", "code"]))):
        if element.name in ("h1", "h2", "h3"):
            anchor = element.get("id", "")
            heading = re.sub(r"\s*[●○]{3}.*", "", element.get_text())  # no exercise's difficulty and minutes
            section = section | {"url": f"{page.name}#{anchor}", "heading": heading, "prose": "", "code": ""}
            page.sections.append(section)
            if element.name != "h1":
                page.contents.append((element.name, anchor, heading))
        else:
            text, code = element.get_text(), [pre.get_text() for pre in element.find_all("pre")]
            for block in code:
                text = text.replace(block, " ", 1)
            section["prose"] += " ".join([*text.split(), ""])
            section["code"] += " ".join([*" ".join(code).split(), ""])
    page.sections = [each for each in page.sections if "#" in each["url"] or each["prose"] or each["code"]]


def _texts(section: Tag) -> list[Tag]:
    """What is searched of a cell: each element of prose, and code without its outputs."""
    is_prose = "prose" in section["class"]
    return section.find_all(recursive=False) if is_prose else section.find_all(class_="highlight", limit=1)


class _Links:
    """Points what a notebook's page links and loads at the site's pages and files, and writes those files."""

    def __init__(self, notebook: Path, known: set[str], out: Path) -> None:
        self.notebook, self.known, self.out = notebook, known, out

    def localise(self, soup: BeautifulSoup) -> None:
        """Rewrite links and addresses; remove what a browser would fetch from elsewhere."""
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
            local = target and not re.match(r"[a-z]+:", target)
            if "anchor-link" in link.get("class", ()):
                link.decompose()  # nbconvert's, next to each heading
            elif local and Path(target).name in self.known:
                link["href"] = f"{Path(target).stem}.html" + (f"#{fragment}" if fragment else "")
            elif local and (copied := self.copied(target)) is not None:
                link["href"] = copied
            elif local:
                link.unwrap()  # a notebook that is not in this run: its name stays

    def unpack(self, tag: Tag, key: str) -> None:
        """Make a file of a picture or a video that is written into the page."""
        if found := re.match(r"data:((?:image|video|audio)/[\w.+-]+);base64,", tag[key]):
            raw = base64.b64decode(tag[key][found.end() :])
            tag[key] = self.keep(raw, mimetypes.guess_extension(found[1]))

    def copied(self, target: str) -> str | None:
        """The address of a local file's copy in the site; None if there is no such file, or for another host's."""
        if re.match(r"[a-z]+:|//", target) or target.endswith(".ipynb"):
            return None
        for folder in (self.notebook.parent, project_root() / "notebooks"):
            path = folder / unquote(target)
            if path.is_file():
                return self.keep(path.read_bytes(), path.suffix)
        return None

    def keep(self, raw: bytes, suffix: str | None) -> str:
        """Write a file of the page; returns its address."""
        name = f"{self.notebook.stem}-{hashlib.sha256(raw).hexdigest()[:12]}{suffix or ''}"
        (self.out / "files" / name).write_bytes(raw)
        return f"files/{name}"
