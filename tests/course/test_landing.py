"""The first page of a site: times, results and pictures come from a run's own files; what is unknown is left out."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from nbformat import write
from nbformat.v4 import new_markdown_cell, new_notebook

from lgn_lite.config import VARIANT_LABELS
from lgn_lite.course.site import build_site

PROJECT = Path(__file__).resolve().parents[2]
LGN = VARIANT_LABELS["full"]
COMMITTED = json.loads((PROJECT / "notebooks" / "results" / "09_train.json").read_text(encoding="utf-8"))


@pytest.fixture
def run(tmp_path) -> Path:
    """A run of two notebooks, without a record or results."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "results").mkdir()
    for name, minutes in (("00_start", "15 minutes of reading"), ("10_more", "an hour")):
        cells = [new_markdown_cell(f"# {name}\n\n*Why.*"), new_markdown_cell(f"**Time**: {minutes}; seconds to run.")]
        write(new_notebook(cells=cells), tmp_path / "notebooks" / f"{name}.ipynb")
    return tmp_path


def first_page(run: Path) -> BeautifulSoup:
    index = build_site(sorted((run / "notebooks").glob("*.ipynb")), run / "site")
    return BeautifulSoup(index.read_text(encoding="utf-8"), "html.parser")


def rows(soup: BeautifulSoup) -> dict[str, list[str]]:
    return {row.th.get_text(): [cell.get_text() for cell in row.find_all("td")] for row in soup.select("tbody tr")}


def words(soup: BeautifulSoup) -> str:
    return " ".join(soup.get_text().split())


def test_the_times_are_those_of_the_run(run):
    entries = {"00_start": {"status": "done", "seconds": 61.2}, "10_more": {"status": "done", "seconds": 5.0}}
    entries["09_train"] = {"status": "done", "seconds": 900.0}  # not in this site
    (run / "run.json").write_text(json.dumps({"notebooks": entries}), encoding="utf-8")
    soup = first_page(run)
    assert "1 min 06 s of computing" in words(soup)
    assert [words(item) for item in soup.select(".course .tools")] == [
        "15 minutes of reading · ran for 1 min 01 s · download",
        "ran for 5.0 s · download",
    ]
    assert "15 minutes of reading, in 2 notebooks" in words(soup)


def test_the_result_is_the_run_s_own_and_says_what_was_measured(run):
    result = COMMITTED | {"seed": 7, "variants": {"full": COMMITTED["variants"]["full"]}}
    result["variants"]["full"]["test"]["all"] |= {"R1@0.5": 12.34}
    (run / "results" / "09_train.json").write_text(json.dumps(result), encoding="utf-8")
    soup = first_page(run)
    assert list(rows(soup)) == [LGN, "best constant interval"] and rows(soup)[LGN][0] == "12.3"
    queries = result["variants"]["full"]["test"]["all"]["queries"]
    measured = f"Measured in this run: toy-sta, small, test split, {queries} queries"
    assert measured in words(soup) and "seed 7" in words(soup)
    assert f"±{196 * (0.1234 * 0.8766 / queries) ** 0.5:.1f} points" in words(soup)


def test_without_a_result_of_its_own_the_committed_one_is_shown_as_such(run):
    soup = first_page(run)
    assert next(iter(rows(soup))) == LGN and "baseline (2D-TAN)" in rows(soup)
    assert "From the project's own run" in words(soup) and "of computing" not in words(soup)


NOTHING = {"full": {"test": {"all": {"R1@0.5": 0, "R1@0.7": 0, "mIoU": 0}}}}
EMPTY = {"variants": NOTHING, "constant": {"test": {"all": {"queries": 0, "R1@0.5": 0, "R1@0.7": 0, "mIoU": 0}}}}


@pytest.mark.parametrize(
    "text", [json.dumps(EMPTY), "{", "[]", '{"variants": {}}', '{"variants": 3, "constant": null}']
)
def test_a_damaged_record_or_result_costs_only_itself(run, text):
    (run / "results" / "09_train.json").write_text(text, encoding="utf-8")
    (run / "run.json").write_text(text, encoding="utf-8")
    soup = first_page(run)
    assert "From the project's own run" in words(soup) and len(soup.select(".course li")) == 2


def test_it_shows_where_to_begin_and_how_to_inspect(run):
    soup = first_page(run)
    assert soup.select_one(".begin a")["href"] == "00_start.html"
    assert "uv run lgn-lite inspect runs/course/models/full/best" in words(soup)
    assert [link["href"] for link in soup.select(".begin a")] == ["00_start.html", "10_more.html"]  # 09, 13: not here
    for image in soup.find_all("img"):
        assert (run / "site" / image["src"]).is_file() and len(image["alt"]) > 50 and image["width"]
    assert len(soup.find_all("img")) == 2
