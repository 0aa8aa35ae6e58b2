"""The inspector's page in Chromium, as `lgn-lite inspect` serves it: used, looked at, and by two people at once."""

import pytest
from helpers.axe import assert_accessible
from helpers.browser import PROJECT, browser, gone, processes, screenshots, serve, serving, watch
from helpers.untrained import untrained_models

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.slow

EVIL = "<img src=x onerror=window.hacked=1>"
PICTURE = "document.querySelector('.lgn-stack canvas').toDataURL()"
# The tabs next to which the list of queries is, each with words that it shows.
TABS = {"Late guidance": "α over the", "Early modulation": "How far each frame", "Words": "prediction then"}
# Counts, from when it is evaluated, what is drawn on canvases.
COUNT = """() => {
  window.drawn = 0;
  for (const name of ["clearRect", "fillRect", "strokeRect", "putImageData", "drawImage"]) {
    const draw = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) { window.drawn++; return draw.apply(this, given); };
  }
}"""
# What reaches beyond the window, but for what is scrolled to within the table of queries.
OUTSIDE = """() => [...document.querySelectorAll(".lgn *")].filter((element) => element.checkVisibility()
  && !element.closest(".lgn-table") && element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def server(browser, tiny_toy, tmp_path_factory):
    """The page of an untrained model, with the baseline that lies beside it."""
    models = untrained_models(tmp_path_factory.mktemp("page") / "models", tiny_toy)
    root = str(PROJECT / "data")
    command = ["inspect", str(models / "full" / "best"), "--no-browser", "--size", "tiny", "--root", root]
    with serving("-m", "lgn_lite.cli.main", *command) as (process, address):
        process.address = address
        yield process


@pytest.fixture(scope="module")
def address(server) -> str:
    return server.address


def visit(browser, address, **options):
    """Open the page as someone who has never been there, and wait for the video: the page, and what went wrong."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 1000}} | options)
    seen = watch(context)
    page = context.new_page()
    page.goto(address, timeout=180_000)
    page.locator(".lgn-title").wait_for(timeout=180_000)
    page.wait_for_function("document.querySelector('.lgn video').readyState >= 2", timeout=120_000)
    return page, seen


@pytest.fixture(scope="module")
def opened(browser, address):
    page, seen = visit(browser, address)
    yield page, seen
    page.context.close()


@pytest.fixture(autouse=True)
def no_complaint(request):
    """Whatever a test does, the page logs no error and asks no other host for anything."""
    yield
    if "opened" in request.fixturenames:
        _, seen = request.getfixturevalue("opened")
        assert seen.errors == [] and seen.foreign() == []


@pytest.fixture
def sized(opened):
    """Sets width, height and scheme of the opened page; afterwards they are what they were."""
    page, _ = opened

    def set_size(width: int, height: int = 800, scheme: str = "light"):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        wide = str(width >= 1200).lower()
        page.wait_for_function(f"document.querySelector('.lgn').classList.contains('lgn-wide') === {wide}")
        page.wait_for_timeout(300)  # until what a new width needs is drawn
        return page

    yield set_size
    page.emulate_media(color_scheme="light", media="screen")
    page.set_viewport_size({"width": 1280, "height": 1000})


def choose(page, tab: str) -> None:
    """Choose a tab, and wait until it shows what it is for."""
    page.get_by_role("tab", name=tab).click()
    page.get_by_role("tabpanel", name=tab).get_by_text(TABS.get(tab, "queries")).first.wait_for(timeout=60_000)
    if tab == "Early modulation":
        page.wait_for_function("!document.querySelector('.lgn-frame canvas:not([data-taken])')", timeout=60_000)


def whole(page):
    return page.locator(".lgn-whole")


def changed_map(page, before: str) -> None:
    page.wait_for_function(f"before => {PICTURE} !== before", arg=before, timeout=60_000)


def test_it_shows_both_models_and_no_code(opened):
    page, seen = opened
    assert page.title() == "lgn_lite inspector"
    assert page.locator(".lgn-stack canvas[tabindex]").count() == 2
    assert "Toy-STA tiny" in page.locator(".lgn-title").inner_text()
    assert page.locator(".jp-InputArea, .jp-Cell-inputWrapper").count() == 0
    assert len(seen.requests) > 10  # so that it would be noticed if nothing were watched


def test_a_query_a_cell_of_the_map_and_a_word(opened, tiny_toy):
    """Choose a query: its sentence. Click a cell: the video plays from there. Replace a word: another map."""
    page, _ = opened
    queries = tiny_toy.queries("test")
    before = page.evaluate(PICTURE)
    page.locator(".lgn-table-row").nth(3).click()
    changed_map(page, before)
    assert whole(page).input_value() == queries[3].sentence

    page.wait_for_function("document.querySelector('.lgn video').readyState >= 2", timeout=60_000)
    cells = page.locator(".lgn-stack canvas[tabindex]").first
    box = cells.bounding_box()
    cells.click(position={"x": box["width"] * 0.7, "y": box["height"] * 0.5})
    page.wait_for_function("document.querySelector('.lgn video').currentTime > 3", timeout=20_000)

    before = page.evaluate(PICTURE)
    word = page.locator(".lgn-word input").last
    word.fill("umbrella" if word.input_value() != "umbrella" else "flag")
    changed_map(page, before)
    page.get_by_role("button", name="Restore").click()
    page.wait_for_function("text => document.querySelector('.lgn-whole').value === text", arg=queries[3].sentence)


def test_html_in_a_sentence_is_text(opened):
    page, _ = opened
    original = whole(page).input_value()
    before = page.evaluate(PICTURE)
    whole(page).fill(f"the red {EVIL} circle <u>holds</u> a flag")
    changed_map(page, before)
    page.get_by_role("tab", name="Words").click()
    page.get_by_text("onerror").first.wait_for(timeout=60_000)
    assert page.locator(".lgn img[src=x], .lgn u").count() == 0 and page.evaluate("window.hacked") is None
    whole(page).fill(original)
    page.wait_for_function("document.querySelector('.lgn button:disabled')?.textContent === 'Restore'")


def test_two_visitors_do_not_see_each_other(opened, browser, address):
    page, _ = opened
    other, seen = visit(browser, address)
    picture, sentence = page.evaluate(PICTURE), whole(page).input_value()
    before = other.evaluate(PICTURE)
    other.keyboard.press("n")
    other.locator(".lgn-title").click()
    other.keyboard.press("n")
    changed_map(other, before)
    before = other.evaluate(PICTURE)
    whole(other).fill("the blue square wears a hat")
    changed_map(other, before)
    assert page.evaluate(PICTURE) == picture and whole(page).input_value() == sentence
    assert seen.errors == [] and seen.foreign() == []
    other.close(run_before_unload=True)
    other.context.close()


def test_it_follows_light_dark_and_width(opened):
    """Nothing sticks out at 1280 and 800 pixels, light and dark; screenshots for the eye."""
    page, _ = opened
    page.get_by_role("tab", name="Late guidance").click()
    page.get_by_text("α over the channels").wait_for(timeout=60_000)
    papers = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 800):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(600)  # the canvases are drawn anew
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.lgn'))") <= 1
            assert page.evaluate("document.documentElement.scrollHeight") > 1000  # it scrolls and prints as a whole
            page.screenshot(path=screenshots() / f"page-{scheme}-{width}.png", full_page=True)
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(papers) == 2


def test_the_list_is_next_to_map_and_video_where_there_is_room(sized, tiny_toy):
    """1280 × 800 show list, sentence, video, maps and timeline at once; on 800 pixels the list is a tab."""
    page = sized(1280)
    if (offer := page.get_by_role("button", name="No, thanks")).is_visible():
        offer.click()
    page.evaluate("scrollTo(0, 0)")
    for part in (".lgn-list .lgn-table", ".lgn-whole", ".lgn video", ".lgn-maps", ".lgn-timeline"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800 and box["x"] + box["width"] <= 1280, part
    assert page.locator(".lgn-list .lgn-table").bounding_box()["x"] < page.locator(".lgn video").bounding_box()["x"]
    assert page.locator("[role=tab]:visible").count() == 3
    page.evaluate("scrollTo(0, 600)")
    assert page.locator(".lgn-list").bounding_box()["y"] >= 0  # it stays in sight
    sized(800)
    choose(page, "Queries")
    assert page.locator(".lgn-list").is_hidden() and page.locator("[role=tabpanel] .lgn-table").is_visible()
    assert "0" in page.locator(".lgn-table-row").first.inner_text().split()  # counted from 0
    sized(1280)
    assert page.get_by_role("tab", selected=True).inner_text() == "Late guidance"  # no panel without a tab


# Nothing was drawn for a second and a half: a page that draws without end never gets there
RESTS = """() => {
  if (window.counted !== drawn) [window.counted, window.since] = [drawn, performance.now()];
  return performance.now() - since > 1500;
}"""


def test_nothing_is_drawn_while_nothing_happens(sized):
    """On every tab and width the page rests: no canvas is drawn, nothing changes its height, the pictures stay."""
    page = sized(1280)
    page.evaluate(COUNT)
    page.wait_for_function("document.querySelector('.lgn-queries progress').hidden", timeout=120_000)
    for width in (1280, 400):
        sized(width)
        for tab in [*TABS, "Queries"] if width == 400 else TABS:
            choose(page, tab)
            page.wait_for_timeout(700)
            page.wait_for_function(RESTS, timeout=60_000)  # what was asked for has come, however slowly
            before = page.evaluate("[drawn, document.documentElement.scrollHeight]")
            assert before[0] > 0
            page.wait_for_timeout(2000)
            assert page.evaluate("[drawn, document.documentElement.scrollHeight]") == before, (width, tab)


def test_pictures_of_frames_survive_another_theme_and_width(sized):
    page = sized(1280)
    choose(page, "Early modulation")
    picture = "document.querySelector('.lgn-frame canvas').toDataURL()"
    before = page.evaluate(picture)
    assert len(before) > 1000
    sized(800, scheme="dark")
    assert page.evaluate(picture) == before
    chart = page.locator("[role=tabpanel]:not([hidden]) .lgn-chart canvas").first
    assert chart.evaluate("chart => chart.width === chart.clientWidth")  # and charts are drawn again


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_is_accessible_and_fits(sized, scheme):
    for width in (1280, 400):
        page = sized(width, scheme=scheme)
        for tab in [*TABS, "Queries"] if width == 400 else TABS:
            choose(page, tab)
            assert_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OUTSIDE) == [], tab
            page.screenshot(path=screenshots() / f"page-{tab.split()[0].lower()}-{scheme}-{width}.png", full_page=True)
        page.get_by_role("button", name="Help").click()
        assert_accessible(page)
        page.screenshot(path=screenshots() / f"page-help-{scheme}-{width}.png")
        page.keyboard.press("Escape")


def test_the_table_scrolls_with_its_head(sized):
    """400 pixels: one box scrolls both ways, and head and rows keep together."""
    page = sized(400)
    choose(page, "Queries")
    grid = page.locator(".lgn-table")
    edges = """() => [".lgn-table-head", ".lgn-table-row"].map((row) =>
      [...document.querySelector(row).children].filter((cell) => !cell.hidden).pop().getBoundingClientRect())
      .flatMap(({ left, right }) => [left, right])"""
    assert page.evaluate(edges)[1] > 400
    grid.evaluate("grid => grid.scrollTo(1000, 60)")
    page.wait_for_timeout(100)
    left, right, *cell = page.evaluate(edges)
    assert cell == [left, right] and left > 0 and right <= 400
    assert page.locator(".lgn-table-head").bounding_box()["y"] - grid.bounding_box()["y"] < 10


def test_help_explains_the_terms_and_gives_the_focus_back(sized):
    page = sized(1280)
    button = page.get_by_role("button", name="Help")
    button.focus()
    page.keyboard.press("?")
    help = page.get_by_role("dialog", name="Help")
    explained = set(help.locator("dt").all_inner_texts())
    assert explained > {
        "Score",
        "NMS",
        "Temporal IoU",
        "Ground truth",
        "Candidate",
        "Map",
        "α (alpha)",
        "Gate",
        "Split",
    }
    assert explained > {"Split", "Disagreement", "Kinds of mistakes", "Prediction", "?"}
    assert all(len(text) > 8 for text in help.locator("dd").all_inner_texts())
    page.keyboard.press("n")  # belongs to nobody now
    page.keyboard.press("Escape")
    assert help.is_hidden() and page.evaluate("document.activeElement.className").endswith("lgn-help-button")
    for explained in (".lgn-table-head button", ".lgn [role=tab]", ".lgn-maps select", ".lgn-bar select"):
        assert len(page.locator(explained).first.get_attribute("title")) > 20


def test_the_tour_goes_around_and_is_offered_once(sized):
    page = sized(1280)
    page.get_by_role("button", name="Help").click()
    page.get_by_role("dialog", name="Help").get_by_role("button", name="Show me around").click()
    assert page.get_by_role("group", name="Tour").is_hidden()  # the offer
    step = page.get_by_role("dialog", name="Tour")
    assert "1 of 6" in step.inner_text()
    for n in range(2, 7):
        page.keyboard.press("Enter")
        assert f"{n} of 6" in step.inner_text()
        box = step.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800
        assert page.locator(".lgn-toured").count() == 1
    page.keyboard.press("Escape")
    assert step.is_hidden() and page.locator(".lgn-toured").count() == 0
    assert page.evaluate("localStorage.getItem('lgn-tour')") == "known"


def test_paper_is_light_and_whole(sized):
    """In print, dark or not: black on white, no box that scrolls, every query, the list after the rest."""
    page = sized(1280, scheme="dark")
    count = int(page.locator(".lgn-table").get_attribute("aria-rowcount")) - 1
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function("document.querySelector('.lgn').classList.contains('lgn-printed')")
    assert page.evaluate("getComputedStyle(document.querySelector('.lgn')).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".lgn-table-row:visible").count() == min(count, 200)
    assert page.evaluate("(grid => grid.scrollHeight - grid.clientHeight)(document.querySelector('.lgn-table'))") <= 1
    assert page.locator(".lgn-list").bounding_box()["y"] > page.locator(".lgn-tabs").bounding_box()["y"]
    page.screenshot(path=screenshots() / "page-print.png", full_page=True)
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_function("!document.querySelector('.lgn').classList.contains('lgn-printed')")
    assert page.locator(".lgn-table-row").count() < 60
    assert page.locator(".lgn-list").bounding_box()["x"] < page.locator(".lgn-tabs").bounding_box()["x"]


def shows(page, query: int, sentence: str, split: str, tab: str) -> None:
    page.wait_for_function(
        """([query, sentence, split]) => document.querySelector('.lgn-where').textContent.startsWith(`query ${query} `)
          && document.querySelector('.lgn-whole').value === sentence
          && document.querySelector('.lgn-bar select').value === split""",
        arg=[query, sentence, split],
        timeout=60_000,
    )
    assert page.get_by_role("tab", selected=True).inner_text() == tab
    page.wait_for_function(f"location.hash.startsWith('#query={query}&split={split}&tab=')", timeout=20_000)


# the address's timer may run out at any moment: while this page is hasty, at every one
HASTY = """(() => {
  const [later, replace] = [setTimeout, history.replaceState.bind(history)];
  Object.assign(window, { hasty: true, written: [] });
  window.setTimeout = (work, wait, ...given) =>
    window.hasty && wait === 200 ? setInterval(work, 1) : later(work, wait, ...given);
  history.replaceState = (...given) => { written.push(given[2]); replace(...given); };
})()"""


def test_the_address_holds_the_state(browser, address, tiny_toy):
    """A link shows query, split, sentence and tab, and so does a reload; back and forward go through the queries."""
    queries = tiny_toy.queries("val")
    edited = "the red circle & the blue #1"
    page, seen = visit(browser, f"{address}#query=2&split=val&tab=words&sentence=the+red+circle+%26+the+blue+%231")
    shows(page, 2, edited, "val", "Words")
    page.get_by_text("prediction then").first.wait_for(timeout=60_000)  # nothing is under way to a process that ends
    page.add_init_script(HASTY)
    page.reload(timeout=180_000)
    page.locator(".lgn-title").wait_for(timeout=180_000)
    shows(page, 2, edited, "val", "Words")
    assert page.evaluate("written.filter(address => !address.includes('&sentence=the+red+circle'))") == []
    page.evaluate("hasty = false")
    page.locator(".lgn-title").click()
    page.keyboard.press("n")
    shows(page, 3, queries[3].sentence, "val", "Words")
    entries = page.evaluate("history.length")
    whole(page).fill("a star")
    page.wait_for_function("location.hash.endsWith('&sentence=a+star')", timeout=20_000)
    page.get_by_role("tab", name="Late guidance").click()
    page.wait_for_function("location.hash.includes('&tab=late')", timeout=20_000)
    assert page.evaluate("history.length") == entries  # typing leaves no trail
    page.go_back()
    shows(page, 2, edited, "val", "Words")
    page.go_forward()
    shows(page, 3, "a star", "val", "Late guidance")

    whole(page).fill("a square")  # and on at once
    page.wait_for_function("document.querySelectorAll('.lgn-words input')[1]?.value === 'square'", timeout=60_000)
    page.evaluate("document.querySelector('[aria-label=\"Next query\"]').click()")
    shows(page, 4, queries[4].sentence, "val", "Late guidance")
    page.go_back()
    shows(page, 3, "a square", "val", "Late guidance")

    note = page.locator(".lgn-notice[role=alert]")
    for wrong in ("#query=99999&split=test", "#query=1.5&split=test", "#split=<b>none</b>", "#query=-1&split=test"):
        page.evaluate("hash => { location.hash = hash; }", wrong)
        note.wait_for(timeout=60_000)
        page.locator(".lgn-where", has_text="query 0 ").wait_for(timeout=60_000)
        assert note.count() == 1 and "The first query is shown instead" in note.inner_text()
        assert page.locator(".lgn b:text('none')").count() == 0
        page.locator(".lgn-title").click()
        page.keyboard.press("n")
        note.wait_for(state="hidden", timeout=60_000)
    assert seen.errors == [] and seen.foreign() == []
    page.close(run_before_unload=True)
    page.context.close()


def test_a_page_whose_process_is_gone_says_so(server, browser, address):
    """The process of this page is killed: the page says so, in any width and light, and can be loaded again."""
    before = {process.pid for process in processes(server)}
    page, _ = visit(browser, address)
    (kernel,) = [process for process in processes(server) if process.pid not in before]
    kernel.kill()
    note = page.get_by_role("alert")
    note.wait_for(timeout=60_000)
    assert note.inner_text() == "The process behind this page has ended. Load it again"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 400):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(300)
            box = note.bounding_box()
            assert box["x"] == 0 and box["width"] >= width - 20 and abs(box["y"] + box["height"] - 800) < 1
            page.screenshot(path=screenshots() / f"page-gone-{scheme}-{width}.png")
    assert {process.pid for process in processes(server)} <= before  # none was started in its place
    page.get_by_role("link", name="Load it again").click()
    page.locator(".lgn-title").wait_for(timeout=180_000)
    assert note.count() == 0
    page.reload(timeout=180_000)
    page.locator(".lgn-title").wait_for(timeout=180_000)
    page.wait_for_timeout(6000)  # until it has asked for its process
    assert note.count() == 0 and len({process.pid for process in processes(server)} - before) == 1
    page.close(run_before_unload=True)
    page.context.close()


def test_a_visitor_who_leaves_while_it_loads_takes_the_process_along(server, browser, address):
    before = {process.pid for process in processes(server)}
    page = browser.new_context().new_page()
    page.goto(address, wait_until="commit", timeout=180_000)
    kernels = [process for process in processes(server) if process.pid not in before]
    page.context.close()
    assert kernels and all(gone(kernel, 60) for kernel in kernels)


def test_a_page_whose_server_has_ended_says_so(browser):
    """Loaded, and while it loads; it does not go on turning its wheel."""
    with serving(*serve({"checkpoint": "/absent"})) as (_, address):
        page, loading = browser.new_page(), browser.new_page()
        page.goto(address, timeout=180_000)
        page.get_by_text("no checkpoint folder").wait_for(timeout=60_000)
        assert page.locator("#gone").count() == 0
        loading.goto(address, wait_until="commit", timeout=180_000)
        loading.locator("#loading").wait_for(timeout=60_000)
    for left, name in ((page, "loaded"), (loading, "loading")):
        left.locator("#gone").wait_for(timeout=60_000)
        assert "start lgn-lite inspect again" in left.locator("#gone").inner_text()
        assert not left.locator("#loading").is_visible()
        left.set_viewport_size({"width": 400, "height": 800})
        left.screenshot(path=screenshots() / f"page-ended-{name}.png")
        left.context.close()


def test_a_video_of_one_s_own_with_html_in_its_name(browser, tiny_toy, tmp_path):
    models = untrained_models(tmp_path / "models", tiny_toy)
    video = tmp_path / f"{EVIL}.mp4"
    video.write_bytes(tiny_toy.video("toy-test-0000").read_bytes())
    command = ["inspect", str(models / "full" / "best"), "--video", str(video), "--sentence", "the <i>red</i> circle"]
    with serving("-m", "lgn_lite.cli.main", *command, "--no-browser") as (_, address):
        page, seen = visit(browser, address)
        page.wait_for_function(f"{PICTURE}.length > 2000", timeout=60_000)
        assert whole(page).input_value() == "the <i>red</i> circle"
        assert EVIL in page.locator(".lgn").inner_text() and page.evaluate("window.hacked") is None
        assert page.locator(".lgn img[src=x], .lgn i").count() == 0
        page.screenshot(path=screenshots() / "page-own-video.png", full_page=True)
        assert seen.errors == [] and seen.foreign() == []
        page.context.close()
