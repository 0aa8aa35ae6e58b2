"""The static site: nothing comes from the network, links resolve, the search knows the words, figures are alive."""

import base64
import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
import plotly.graph_objects as go
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lgn_lite.course.cells import PLOTLY
from lgn_lite.course.site import build_site, site_or_reason
from lgn_lite.errors import InputError
from lgn_lite.support.files import remove_leftovers

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FIRST = """# The first page

*One promise.*

A formula $y_i = \\frac{a}{b}$, a price of $5 and $6, code `$x$`, and a [link](02_second.ipynb#Deeper).

$$\\sum_{i=1}^P x_i$$

Not in this run: [another](77_absent.ipynb). Elsewhere: [arXiv](https://arxiv.org/abs/2006.10457).

![far](https://example.org/far.png) ![near](near.png)"""


def code(source: str, *data: dict) -> nbformat.NotebookNode:
    outputs = [new_output("display_data", data=kinds) for kinds in data]
    return new_code_cell(source, execution_count=1, outputs=outputs)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two executed notebooks, a picture beside them."""
    (tmp_path / "near.png").write_bytes(base64.b64decode(PIXEL))
    figure = json.loads(go.Figure(go.Scatter(y=[1, 2], text="</script>")).to_json())
    film = f'<video><source src="data:video/mp4;base64,{PIXEL}"></video>'
    cdn = '<script src="https://cdn.plot.ly/plotly.min.js"></script><b>kept</b>'
    first = [new_markdown_cell(FIRST), code("x = 1 < 2", {"image/png": PIXEL, "text/plain": "<Figure>"})]
    second = [
        new_markdown_cell("# The second\n\n## Deeper\n\nA zebra crosses. [Back](01_first.ipynb)"),
        code("figure", {PLOTLY: figure, "text/html": cdn}),
        code("film", {"text/html": film}, {"text/html": cdn}),
        new_code_cell("print()", outputs=[new_output("stream", name="stdout", text="\x1b[31m1 < 2\x1b[0m")]),
    ]
    for name, cells in (("01_first", first), ("02_second", second)):
        nbformat.write(new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    return tmp_path


@pytest.fixture
def built(folder) -> Path:
    return build_site(sorted(folder.glob("*.ipynb")), folder / "run" / "site").parent


each_site = pytest.mark.parametrize("which", ["built", pytest.param("course_site", marks=pytest.mark.slow)])


@cache
def pages(folder: Path) -> dict[str, BeautifulSoup]:
    return {path.name: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in folder.glob("*.html")}


def fetched(soup: BeautifulSoup) -> list[str]:
    """Every address that a browser loads by itself."""
    found = [
        tag[key]
        for tag in soup.find_all(True)
        if tag.name != "a"
        for key in ("src", "href", "data", "poster", "srcset")
        if tag.get(key)
    ]
    return found + re.findall(r"(?:@import|url\()\s*['\"]?([^'\")]+)", str(soup.find_all("style")))


def index(folder: Path) -> list[dict]:
    line = (folder / "search.js").read_text(encoding="utf-8").splitlines()[0]
    return json.loads(line.removeprefix("const INDEX = ").removesuffix(";"))


@each_site
def test_a_page_loads_only_files_of_the_site(which, request):
    folder = request.getfixturevalue(which)
    for name, soup in pages(folder).items():
        assert "site.css" in fetched(soup), name
        for address in fetched(soup):
            assert (folder / unquote(address)).is_file(), f"{name} loads {address}"
    addresses = re.findall(r"(?:@import|url\()\s*['\"]?([^'\")]+)", (folder / "site.css").read_text())
    assert addresses == ["files/math.woff2"] and (folder / addresses[0]).is_file()


@each_site
def test_links_lead_somewhere(which, request):
    folder = request.getfixturevalue(which)
    anchors = {name: {tag["id"] for tag in soup.find_all(id=True)} for name, soup in pages(folder).items()}
    for name, soup in pages(folder).items():
        for link in soup.find_all("a", href=True):
            target, fragment = urldefrag(link["href"])
            if target.startswith("https:"):
                continue
            assert not target or (folder / target).is_file(), f"{name}: {link['href']}"
            if fragment:
                assert {fragment, unquote(fragment)} & anchors[target or name], f"{name}: {link['href']}"


@each_site
def test_the_search_sends_to_places_that_exist(which, request):
    folder = request.getfixturevalue(which)
    anchors = {name: {tag["id"] for tag in soup.find_all(id=True)} for name, soup in pages(folder).items()}
    for section in index(folder):
        target, fragment = urldefrag(section["url"])
        assert not fragment or fragment in anchors[target]


def test_the_search_knows_words_of_prose_and_code(built):
    found = [section for section in index(built) if "zebra" in section["prose"]]
    assert [(s["url"], s["page"], s["heading"]) for s in found] == [
        ("02_second.html#Deeper", "The second", "Deeper"),
    ]
    assert [section["code"] for section in index(built) if section["code"]] == ["x = 1 < 2 ", "figure film print() "]


def test_code_in_prose_is_searched_as_code_and_an_exercise_by_its_name_alone(folder):
    solution = "<details><summary>Solution</summary>\n\n```python\ncount(3)\n```\n\n</details>"
    prose = f"# Page\n\n### 1. Count ●●○ 5 minutes\n\nTry.\n\n{solution}"
    nbformat.write(new_notebook(cells=[new_markdown_cell(prose)]), folder / "01_first.ipynb")
    built = build_site([folder / "01_first.ipynb"], folder / "run" / "site").parent
    section = index(built)[-1]
    assert (section["heading"], section["prose"], section["code"]) == ("1. Count", "Try. Solution ", "count(3) ")


def test_each_notebook_can_be_downloaded_as_it_was_executed(built, folder):
    for name, soup in pages(built).items():
        links = [link["href"] for link in soup.find_all("a", download=True)]
        assert len(links) == (2 if name == "index.html" else 1)
        for link in links:
            assert (built / link).read_bytes() == (folder / Path(link).name).read_bytes()
            nbformat.validate(nbformat.read(built / link, as_version=4))


def test_formulas_become_mathml_and_money_stays(built):
    soup = pages(built)["01_first.html"]
    assert [math.get("display", "inline") for math in soup.find_all("math")] == ["inline", "block"]
    assert soup.find("mfrac") and "a price of $5 and $6" in soup.get_text()
    assert "$x$" in [tag.get_text() for tag in soup.find_all("code")]


def test_links_to_absent_notebooks_and_far_pictures_are_words(built):
    soup = pages(built)["01_first.html"]
    assert "Not in this run: another." in soup.get_text()
    assert [tag.get("src", "")[:14] for tag in soup.find_all("img")] == ["files/01_first"] * 2  # near, and the output
    assert "far" in soup.get_text()


def test_plotly_is_alive_and_lies_in_the_site(built):
    soup = pages(built)["02_second.html"]
    data = json.loads(soup.select_one("div.plotly + script").string)
    assert data["data"][0]["text"] == "</script>" and soup.select_one('script[src="plotly.js"]')
    assert (built / "plotly.js").stat().st_size > 1_000_000
    assert not pages(built)["01_first.html"].select('script[src="plotly.js"]')
    assert "kept" in soup.get_text()


def test_films_and_pictures_are_files(built):
    source = pages(built)["02_second.html"].find("source")["src"]
    assert (built / source).read_bytes() == base64.b64decode(PIXEL)
    picture = pages(built)["01_first.html"].select_one(".outputs img")
    assert (picture["width"], picture["height"]) == ("1", "1")


@pytest.mark.slow
def test_the_index_names_every_notebook_with_its_promise(course_site):
    items = pages(course_site)["index.html"].select(".course li")
    assert len(items) == len(NOTEBOOKS) and all(item.p.get_text() for item in items)


def test_a_second_build_follows_the_notebooks(folder, built):
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Changed\n\nA gnu.")]), folder / "01_first.ipynb")
    build_site([folder / "01_first.ipynb"], built)
    assert "gnu" in (built / "01_first.html").read_text()
    assert not (built / "02_second.html").exists() and not (built / "plotly.js").exists()
    assert [path.name for path in built.parent.iterdir()] == ["site"]  # nothing left over


def test_an_error_is_one_line_and_leaves_the_old_site(folder, built):
    before = (built / "01_first.html").read_bytes()
    (folder / "02_second.ipynb").write_text("no notebook\nat all")
    reason = site_or_reason(sorted(folder.glob("*.ipynb")), built)
    assert reason.startswith("no site: InputError: ") and "02_second.ipynb" in reason and "\n" not in reason
    assert (built / "01_first.html").read_bytes() == before
    assert site_or_reason([folder / "01_first.ipynb"], built) == str(built / "index.html")


def test_hidden_notebooks_are_passed_by_and_a_killed_build_s_folder_can_be_told(folder, leftover):
    (folder / "._01_first.ipynb").write_bytes(b"\xff")
    hidden = leftover(folder / "01_first.ipynb")
    hidden.write_text((folder / "01_first.ipynb").read_text(encoding="utf-8"), encoding="utf-8")
    out = folder.parent / "out" / "site"
    build_site(sorted(folder.glob("*.ipynb")), out)
    assert not [path for path in out.glob("*.html") if path.name.startswith(".")]
    with pytest.raises(InputError, match="no notebooks"):
        build_site([hidden], out)
    leftover(out).mkdir()  # as a kill leaves it
    remove_leftovers(out.parent)
    assert [path.name for path in out.parent.iterdir()] == ["site"]


def test_a_folder_with_something_else_is_not_replaced(folder):
    with pytest.raises(InputError, match="something other"):
        build_site([folder / "01_first.ipynb"], folder)
    with pytest.raises(InputError, match="no notebooks"):
        build_site([], folder / "site")
