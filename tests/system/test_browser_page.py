"""The inspector's page in Chromium, as `lgn-lite inspect` serves it: used, looked at, and by two people at once."""

import pytest
from helpers.browser import PROJECT, browser, gone, processes, screenshots, serve, serving, watch
from helpers.untrained import untrained_models

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.slow

EVIL = "<img src=x onerror=window.hacked=1>"
PICTURE = "document.querySelector('.lgn-stack canvas').toDataURL()"


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
    page.get_by_role("tab", name="Queries").click()
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
    assert {process.pid for process in processes(server)} == before  # none was started in its place
    page.get_by_role("link", name="Load it again").click()
    page.locator(".lgn-title").wait_for(timeout=180_000)
    assert note.count() == 0
    page.reload(timeout=180_000)
    page.locator(".lgn-title").wait_for(timeout=180_000)
    page.wait_for_timeout(6000)  # until it has asked for its process
    assert note.count() == 0 and len(processes(server)) == len(before) + 1
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
