"""The course's pages in a browser: they fit, axe-core finds nothing, the keyboard scrolls, paper is complete."""

import pytest
from helpers.axe import assert_accessible
from helpers.browser import browser, watch
from helpers.notebooks import write_notebook

from lgn_lite.course.site import build_site

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.slow

DRAWN = "[...document.querySelectorAll('.paper')].every(({ src, complete }) => src && complete)"
# What is wrong with where things are, a line each
LAYOUT = """() => {
  const wrong = [], page = document.documentElement.clientWidth;
  const check = (bad, what, e) => bad && wrong.push(`${what}: ${e.tagName} ${e.textContent.trim().slice(0, 40)}`);
  check(document.documentElement.scrollWidth > page, "wider than the page", document.body);
  for (const box of document.querySelectorAll(".formula .scrolls")) {
    check(box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight, "clipped", box);
    const number = box.nextElementSibling?.getBoundingClientRect(), { bottom } = box.getBoundingClientRect();
    const end = Math.max(...[...box.children].map((each) => each.getBoundingClientRect().right));
    check(number && number.top < bottom && number.left < end + 8, "the number is at its formula", box);
  }
  for (const each of document.querySelectorAll("main img, main video, .plotly, .plotly svg, .formula, table"))
    check(each.getBoundingClientRect().right > page + 1 && !each.closest(".scrolls"), "out of the page", each);
  for (const box of document.querySelectorAll("pre, .scrolls")) {
    const folded = box.closest("details:not([open])");
    check(!folded && (box.scrollWidth > box.clientWidth) !== (box.tabIndex === 0), "the keyboard does not scroll", box);
  }
  check(document.querySelector("math") && !document.fonts.check("16px 'Course Math'"), "no font", document.body);
  return wrong;
}"""
# Code has a few colours, a thousand times each; one of each on a page is enough, and axe-core ten times as fast
ONE_OF_EACH = """() => {
  const seen = new Set();
  for (const token of document.querySelectorAll(".highlight span"))
    if (seen.has(token.className)) token.replaceWith(token.textContent); else seen.add(token.className);
}"""


@pytest.mark.parametrize("scheme, widths", [("light", (800, 1280)), ("dark", (400,))])
def test_pages_fit_and_are_accessible(browser, course_site, scheme, widths):
    context = browser.new_context(color_scheme=scheme)
    seen, page, wrong = watch(context), context.new_page(), {}
    for path in sorted(course_site.glob("*.html")):
        page.set_viewport_size({"width": widths[0], "height": 900})
        page.goto(path.as_uri())
        page.wait_for_function("document.fonts.status === 'loaded'")
        page.wait_for_function(DRAWN)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            if found := page.evaluate(LAYOUT) + seen.errors:
                wrong[f"{path.name}, {width}"] = found
        page.evaluate(ONE_OF_EACH)
        assert_accessible(page)
        seen.errors.clear()  # axe-core's own: it tries to read the style sheet, which a page opened as a file may not
    assert not wrong
    assert not seen.foreign(host="")
    context.close()


def test_on_paper_code_wraps_and_plotly_s_figures_are_pictures(browser, course_site):
    context = browser.new_context(viewport={"width": 900, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.goto((course_site / "11_explore_predictions.html").as_uri())
    page.wait_for_function(DRAWN)
    page.emulate_media(media="print")
    assert page.evaluate("[...document.querySelectorAll('pre')].every((pre) => pre.scrollWidth <= pre.clientWidth)")
    assert page.locator(".plotly").evaluate_all("boxes => boxes.every((box) => box.offsetHeight === 0)")
    sizes = "all => all.map((one) => [one.offsetWidth, one.naturalWidth, one.alt])"
    pictures = page.locator(".paper").evaluate_all(sizes)
    assert pictures and all(0 < width <= 900 and natural and alt for width, natural, alt in pictures)
    context.close()


def test_a_folded_solution_s_code_is_reached_once_it_is_open(browser, tmp_path):
    code = f"```python\n{'1 + ' * 90}1\n```"
    text = f"# Page\n\n<details><summary>Solution</summary>\n\n{code}\n\n</details>"
    notebook = write_notebook(tmp_path / "01_page.ipynb", text)
    context = browser.new_context(viewport={"width": 800, "height": 900})
    page = context.new_page()
    page.goto(build_site([notebook], tmp_path / "site").with_name("01_page.html").as_uri())
    page.get_by_text("Solution").click()
    page.wait_for_selector("details pre[tabindex='0'][role='group'][aria-label]")
    context.close()
