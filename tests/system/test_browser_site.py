"""The site in a browser, opened as files: search, copying, folding, contents, colours, narrow pages and paper."""

import pytest
from helpers.axe import assert_accessible
from helpers.browser import browser, watch
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lgn_lite.course.site import build_site

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.slow

LONG = "\n".join(f"line_{i} = {i}" for i in range(40))
# What is searched below: the same words as a phrase, whole, begun and inside of others, in headings, prose and code
CELLS = {
    "00_words": [
        new_markdown_cell("# Words\n\nNothing here.\n\n## Green lamps\n\nA heading with a plural."),
        new_markdown_cell("## Only in code\n\nText."),
        new_code_cell("lamp = 1\nquartz = green_lamp(lamp)", execution_count=1),
        new_markdown_cell("## Whole in prose\n\nOne lamp, and a quartz, which is green."),
        new_markdown_cell("## Inside\n\nAn enlamped thing."),
        new_markdown_cell("## Phrase in prose\n\nIt is a green lamp, <b>lamp</b> & `<i>`. The lamplight and a café."),
        new_markdown_cell("## A very lamp\n\nWhole in a heading."),
        new_markdown_cell("## Last\n\n```\nuv run lgn-lite run\n```"),
    ],
    "01_long": [
        new_markdown_cell("# Long\n\n" + "\n\n".join(f"## Part {i}\n\n" + "Some text. " * 300 for i in range(6))),
        new_code_cell(LONG, execution_count=1, outputs=[new_output("stream", name="stdout", text=LONG)]),
        new_code_cell("short = 1", execution_count=2, outputs=[new_output("stream", name="stdout", text="short")]),
        new_markdown_cell("## Near the end\n\nShort.\n\n## End\n\nShort."),
    ],
}


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> str:
    """The address of a small site's folder."""
    folder = tmp_path_factory.mktemp("words")
    for name, cells in CELLS.items():
        write(new_notebook(cells=cells), folder / f"{name}.ipynb")
    return build_site(sorted(folder.glob("*.ipynb")), folder / "site").parent.as_uri()


@pytest.fixture(scope="module")
def course(course_site) -> str:
    return course_site.as_uri()


@pytest.fixture(scope="module")
def page(browser):
    """One page for most tests; a console error or a request to any host fails the last of them."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    seen = watch(context)
    yield context.new_page()
    assert not seen.errors and not seen.foreign(host=""), (seen.errors, seen.foreign(host=""))
    context.close()


@pytest.fixture
def visit(page, words):
    """Open a page of the small site, or of another, afresh."""

    def goto(name: str, site: str = words, width: int = 1280) -> None:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("about:blank")  # a link to a place in the same page would not load it again
        page.goto(f"{site}/{name}")

    yield goto
    page.emulate_media(media="screen", color_scheme="light")


def hits(page, query: str) -> list[str]:
    """The headings that a search finds, in their order."""
    page.locator("#search").fill(query)
    return page.locator("#hits b").all_inner_texts()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # a phrase before its words apart; phrases in headings, in prose, in code
        ("green lamp", ["Green lamps", "Phrase in prose", "Only in code", "Whole in prose"]),
        # a whole word or its beginning in a heading, in prose (first where it comes more often), in code; parts last
        ("lamp", ["A very lamp", "Green lamps", "Phrase in prose", "Whole in prose", "Only in code", "Inside"]),
        ("quartz", ["Whole in prose", "Only in code"]),
        ("quar", ["Whole in prose", "Only in code"]),
        ("uartz", ["Whole in prose", "Only in code"]),
        ("CAFE", ["Phrase in prose"]),
        ("green_lamp", ["Green lamps", "Phrase in prose", "Only in code", "Whole in prose"]),
        ("lamp enlamped", ["Inside"]),
        ("lamp absent", []),
        ("@", []),
    ],
)
def test_the_search_ranks(page, visit, query, expected):
    visit("01_long.html")
    assert hits(page, query) == expected
    assert page.get_by_text("nothing found").is_visible() is not bool(expected)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("late guidance", "Late guidance: the sentence weighs the channels of the map"),
        ("sparse sampl", "Sparse sampling"),
        ("moment map", "The moment map: every moment that a model can predict"),
        ("binding", "The binding problem in miniature"),
        ("your own video", "Your own video: from an MP4 and a sentence to moments"),
        ("torch.no_grad", None),
    ],
)
def test_the_search_finds_what_a_reader_of_the_course_means(page, visit, course, query, first):
    visit("index.html", course)
    found = hits(page, query)
    assert found and (first is None or found[0] == first)


def test_a_hit_marks_whole_words_and_shows_text_as_text(page, visit):
    visit("01_long.html")
    hits(page, "green lamp")
    assert page.locator("#hits a", has_text="Phrase in prose").locator("mark").all_inner_texts() == [
        "green",
        "lamp",
        "lamp",
    ]
    assert page.locator("#hits a", has_text="Green lamps").locator("mark").all_inner_texts() == ["Green", "lamps"]
    assert "<i>" in page.locator("#hits").inner_text() and page.locator("#hits small i, #hits small b").count() == 0
    hits(page, "amped")
    assert page.locator("#hits mark").all_inner_texts() == ["enlamped"]


def test_the_search_works_by_keyboard(page, visit):
    visit("01_long.html#Part-3")
    top = page.evaluate("scrollY")
    page.keyboard.press("/")
    page.keyboard.type("lamp")
    assert page.evaluate("scrollY") == top > 0  # the reader's place stays
    field = page.locator("#search")
    options = page.get_by_role("option")
    assert field.get_attribute("aria-expanded") == "true" and not field.get_attribute("aria-activedescendant")
    for keys, selected in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", 5), ("ArrowDown", 0)):
        page.keyboard.press(keys)
        assert options.nth(selected).get_attribute("aria-selected") == "true"
        assert field.get_attribute("aria-activedescendant") == options.nth(selected).get_attribute("id")
        assert page.locator("[aria-selected=true]").count() == 1
    page.keyboard.press("Escape")
    assert not page.locator("#found").is_visible() and field.get_attribute("aria-expanded") == "false"
    assert field.input_value() == "lamp"
    page.keyboard.press("ArrowDown")  # opens it again
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "00_words.html#" in page.url
    page.locator("#search").fill("Near the end")
    with page.expect_navigation():
        page.keyboard.press("Enter")  # the first, without arrows
    assert page.url.endswith("01_long.html#Near-the-end")


def test_a_hit_can_be_clicked_and_a_click_elsewhere_closes_the_list(page, visit):
    visit("01_long.html")
    hits(page, "quartz")
    page.locator("#notebooks").click(position={"x": 5, "y": 5})
    assert not page.locator("#found").is_visible()
    hits(page, "quartz")
    with page.expect_navigation():
        page.get_by_role("option").first.click()
    assert page.url.endswith("00_words.html#Whole-in-prose")


@pytest.mark.parametrize("clipboard", ["navigator.clipboard", "the fallback"])
def test_code_can_be_copied(page, visit, clipboard):
    visit("01_long.html")
    if clipboard == "the fallback":
        page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    else:
        page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.evaluate("document.addEventListener('copy', () => { window.copied = document.activeElement.value; })")
    section = page.locator("section.code").nth(1)
    section.hover()
    section.get_by_role("button", name="Copy").click()
    section.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("copied") == "short = 1"
    visit("00_words.html")
    assert page.locator("section.prose .copy").count() == 1  # of the command in the text


def test_long_code_and_long_outputs_fold_and_paper_shows_all(page, visit):
    visit("01_long.html")
    folds = page.get_by_role("button", name="Show all 40 lines")
    assert folds.count() == 2 and page.locator(".fold").count() == 2
    code = page.locator("pre.folded").first
    assert code.bounding_box()["height"] < 500
    page.emulate_media(media="print")
    assert code.bounding_box()["height"] > 700
    page.emulate_media(media="screen")
    folds.first.click()
    shown = page.get_by_role("button", name="Show less")
    assert shown.get_attribute("aria-expanded") == "true" and page.locator("pre.folded").count() == 1
    shown.click()
    assert page.locator("pre.folded").count() == 2


def test_the_contents_mark_the_current_section(page, visit):
    visit("01_long.html")
    current = page.locator("#contents [aria-current]")
    for heading in ("Part-2", "Part-0", "Near-the-end", "End"):
        page.locator(f"#contents a[href='#{heading}']").click()
        page.wait_for_function(
            "name => document.querySelector('#contents [aria-current]')?.hash === '#' + name", arg=heading
        )
        assert current.count() == 1
        box = page.locator(f"[id='{heading}']").bounding_box()
        assert box["y"] >= page.locator("header").bounding_box()["height"]
    page.evaluate("document.getElementById('Part-4').scrollIntoView()")
    page.wait_for_function("() => document.querySelector('#contents [aria-current]')?.hash === '#Part-4'")


def test_on_a_narrow_page_navigation_and_contents_unfold(page, visit, course):
    visit("12_what_does_it_really_use.html", course, width=400)
    notebooks, contents = page.locator("#notebooks"), page.locator("#contents")
    assert not notebooks.is_visible() and not contents.is_visible()
    page.set_viewport_size({"width": 400, "height": 300})
    page.get_by_role("button", name="notebooks").click()
    box, current = notebooks.bounding_box(), notebooks.locator("[aria-current]").bounding_box()
    assert box["y"] <= current["y"] and current["y"] + current["height"] <= box["y"] + box["height"]
    page.keyboard.press("Escape")
    assert not notebooks.is_visible()
    page.get_by_role("button", name="On this page").click()
    contents.get_by_role("link", name="Position and length").click()
    contents.wait_for(state="hidden")
    heading = page.locator("[id='Position-and-length']").bounding_box()["y"]
    assert page.locator("header").bounding_box()["height"] <= heading < 150


def test_a_low_window_shows_the_current_page_in_the_navigation(page, visit, course):
    page.set_viewport_size({"width": 1280, "height": 300})
    page.goto(f"{course}/12_what_does_it_really_use.html")
    current = page.locator("#notebooks [aria-current]").bounding_box()
    assert 0 < current["y"] < 300 - current["height"] and page.evaluate("scrollY") == 0


def test_the_colours_follow_the_system_until_the_reader_chooses(page, visit):
    visit("00_words.html")
    theme = page.locator("#theme")

    def colours() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = colours()
    assert "Auto" in theme.inner_text() and "as the system (light)" in theme.get_attribute("title")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    dark = colours()
    assert dark != light and "as the system (dark)" in theme.get_attribute("title")
    theme.click()
    assert colours() == light and "Light" in theme.inner_text()
    page.emulate_media(color_scheme="light")
    theme.click()  # light, dark, or as the system: of these, dark is next
    visit("01_long.html")  # and it is remembered
    assert colours() in (dark, light)
    while "Auto" not in theme.inner_text():
        theme.click()
    assert colours() == light


def test_paper_is_light_and_has_the_text_alone(page, visit):
    visit("01_long.html")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light
    for shell in ("header", "#notebooks", "#contents", "footer", ".copy", ".skip", ".tools"):
        assert not page.locator(shell).first.is_visible(), shell


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_shell_and_the_first_page_are_accessible(browser, words, course, scheme, width):
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})  # axe-core logs errors
    page.goto(f"{course}/index.html")
    assert_accessible(page)
    page.goto(f"{words}/01_long.html")
    assert_accessible(page, "header, nav, footer, .tools, .skip, .copy, .fold")
    hits(page, "some text")
    page.keyboard.press("ArrowDown")
    assert_accessible(page, "header")
    if width == 400:
        for name, menu in (("notebooks", "#notebooks"), ("On this page", "#contents")):
            page.get_by_role("button", name=name).click()
            assert_accessible(page, menu)
            page.keyboard.press("Escape")
    page.close()


def test_the_skip_link_leads_past_the_navigation(page, visit):
    visit("00_words.html")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the text"
    page.keyboard.press("Enter")
    assert page.locator(":focus").get_attribute("id") == "main"
