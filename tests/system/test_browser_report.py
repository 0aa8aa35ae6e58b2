"""The report, and the table of runs, in Chromium: read on screens of three widths, light and dark, and on paper."""

import io

import pytest
from helpers.axe import assert_accessible
from helpers.browser import browser, watch
from helpers.untrained import untrained_models
from PIL import Image

from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.experiments.results import ResultsTable, write_html
from lgn_lite.inspector.report import write_report

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.slow

PATIENCE = 120_000  # milliseconds
WIDTHS = (1280, 800, 400)
BOXES = "parts => parts.map((part) => part.getBoundingClientRect()).map((box) => [box.x, box.y, box.width, box.height])"
STICKING_OUT = """() => [...document.querySelectorAll("body *:not(:is(.wide, .picture, .plotly) *)")]
  .filter((part) => part.getBoundingClientRect().right > innerWidth + 1).map((part) => part.outerHTML.slice(0, 80))"""
WIDER = "plots => plots.filter((plot) => plot.clientWidth > plot.closest('figure').clientWidth + 1).length"

FITTED = """[...document.querySelectorAll("figure > .plotly")]
  .every((plot) => Math.abs(plot._fullLayout.width - plot.clientWidth) < 2)"""


@pytest.fixture(scope="module")
def written(browser, tiny_toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    models = untrained_models(folder / "models", tiny_toy)
    full, baseline = (load_checkpoint(models / name / "best") for name in ("full", "baseline"))
    return write_report(full, tiny_toy, folder / "report.html", baseline=baseline, count=1, progress=False)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    import pandas as pd

    rows = [[f"seed={n}-a_long_name_of_a_run={n}", "done", n, 0.1 * (7 * n % 20), 60.5] for n in range(20)]
    frame = pd.DataFrame(rows, columns=["run", "status", "seed", "dropout", "R1@0.5"])
    frame.loc[3, "R1@0.5"] = None
    return write_html(
        tmp_path_factory.mktemp("results") / "table.html", ResultsTable(frame, ["R1@0.5"], "metrics: x.…")
    )


def opened(browser, path, width=1280, scheme="light"):
    """A page, offline, and what went wrong in it; of a report, once all is drawn."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, bypass_csp=True
    )
    context.set_default_timeout(PATIENCE)
    seen = watch(context)
    page = context.new_page()
    page.goto(path.as_uri())
    if path.name == "report.html":
        page.wait_for_selector("body[data-drawn=all]")
    return page, seen


LOOK = """document.body.dataset.look === ["(prefers-color-scheme: dark)", "(max-width: 40rem)"]
  .map((query) => matchMedia(query).matches).join()"""


@pytest.fixture(scope="module")
def report(browser, written):
    """The report on a wide, light screen; a test that changes this changes it back."""
    page, seen = opened(browser, written)
    yield page
    assert seen.errors == [] and not [url for url in seen.requests if not url.startswith(("file:", "data:", "blob:"))]
    page.context.close()


@pytest.fixture
def screen(report):
    """`screen(width, scheme)` turns the page's screen into another one."""

    def turn(width: int, scheme: str):
        report.set_viewport_size({"width": width, "height": 900})
        report.emulate_media(color_scheme=scheme)
        report.wait_for_function(LOOK)  # it hears of it
        report.wait_for_selector("body[data-drawn=all]")
        report.wait_for_function(FITTED)  # plotly hears of a width a little later
        return report

    yield turn
    turn(1280, "light")


def lightness(element) -> float:
    """How light an element looks, from 0 to 1."""
    return (
        Image.open(io.BytesIO(element.screenshot())).convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        / 255
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_fits_every_width_and_is_accessible(screen, scheme):
    for width in WIDTHS:
        page = screen(width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width and page.evaluate(STICKING_OUT) == []
        # plotly's figures fit their cards
        assert page.locator(".plotly .main-svg").evaluate_all(WIDER) == 0
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        if width != 800:
            page.locator(".maps .plotly").first.hover()  # its buttons too
            assert_accessible(page)


def test_figures_are_dark_on_a_dark_screen_at_once(screen):
    for scheme, is_dark in (("light", False), ("dark", True), ("light", False)):
        page = screen(1280, scheme)
        for figure in page.locator("main figure:visible").all():
            assert (lightness(figure) < 0.45) == is_dark, figure.get_attribute("aria-label")


def test_maps_are_aligned_and_stacked_on_a_narrow_screen(screen):
    for width, side_by_side in ((1280, True), (400, False)):
        page = screen(width, "light")
        drawn = page.locator(".maps").first.locator(".nsewdrag").evaluate_all(BOXES)
        assert len(drawn) == 3
        lefts, tops, widths, heights = zip(*drawn, strict=True)
        assert max(widths) - min(widths) < 1 and max(heights) - min(heights) < 1
        assert abs(widths[0] - heights[0]) < 6  # a square
        assert (max(tops) - min(tops) < 1) == side_by_side and (max(lefts) - min(lefts) < 1) != side_by_side


def test_frames_are_above_the_time_axis(screen):
    for width in WIDTHS:
        page = screen(width, "light")
        figure = page.locator("article figure").first
        ((x, _, w, _),) = figure.locator(".frame-strip img").evaluate_all(BOXES)
        ((left, _, wide, _),) = figure.locator(".nsewdrag").evaluate_all(BOXES)
        assert abs(x - left) < 2 and abs(w - wide) < 3


def test_a_column_s_name_sorts_its_table(report):
    report.evaluate("document.querySelector('details').open = true")
    for again in (False, True):
        report.locator("#all thead button").nth(6).press("Enter")
        column = [float(text) for text in report.locator("#all tbody td:nth-child(7)").all_inner_texts()]
        assert column == sorted(column, reverse=again) and len(set(column)) > 1
    assert report.locator("#all th").nth(6).get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("at_once", [False, True])
def test_on_paper_all_is_light_and_drawn(browser, written, at_once):
    """Printed from a dark and narrow screen, and before the figures have been drawn."""
    page, seen = opened(browser, written, 400, "dark")
    if at_once:
        page.reload(wait_until="domcontentloaded")
    page.evaluate("addEventListener('beforeprint', () => { window.printed = true })")
    pdf = page.pdf(format="A4")
    assert page.evaluate("window.printed") and pdf.startswith(b"%PDF")
    page.wait_for_selector("body[data-drawn=all]")
    # as the sheets look
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1040})
    pictures = page.locator("article img.paper")
    assert pictures.count() == page.locator("figure > .plotly").count()
    assert not page.locator("figure > .plotly:visible").count()
    for picture in page.locator("main figure img:visible:not(.frame-strip img)").all():
        assert picture.evaluate("picture => picture.complete && picture.naturalWidth > 0") and lightness(picture) > 0.5
        assert picture.get_attribute("alt")
    assert page.evaluate(STICKING_OUT) == []
    assert page.locator(".wide").evaluate_all("boxes => boxes.every((box) => box.scrollWidth <= box.clientWidth)")
    heights = page.locator("article").evaluate_all("cards => cards.map((card) => card.offsetHeight)")
    assert max(heights) < 1045  # a sheet's
    assert seen.errors == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_of_runs_fits_sorts_prints_and_is_accessible(browser, table, scheme):
    for width in WIDTHS:
        page, seen = opened(browser, table, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (lightness(page.locator("body")) < 0.45) == (scheme == "dark")
        assert_accessible(page)
        page.locator("th button", has_text="dropout").click()
        column = [float(text) for text in page.locator("td:nth-child(4)").all_inner_texts()]
        assert column == sorted(column)
        for _ in range(2):  # what was not measured comes last, whichever way
            page.locator("th button", has_text="R1@0.5").press("Enter")
            assert page.locator("tr:last-child td:last-child").inner_text() == ""
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 718, "height": 1040})
        assert lightness(page.locator("body")) > 0.8
        assert page.locator(".wide").evaluate("box => box.scrollWidth <= box.clientWidth")
        assert seen.errors == []
        page.context.close()
