"""A visit to the inspector's page in Chromium, before the first query is shown and with a video of one's own."""

import time

import pytest
from helpers.axe import assert_accessible
from helpers.browser import browser, screenshots, serve, serving, watch
from helpers.untrained import untrained_models

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.slow

FREE = 2_500_000  # bytes of nothing at the end of a video: it is sent in several parts


@pytest.fixture(scope="module")
def server(browser, tiny_toy, tmp_path_factory):
    models = untrained_models(tmp_path_factory.mktemp("visit") / "models", tiny_toy)
    with serving(*serve({"checkpoint": str(models / "full" / "best"), "data": None})) as (process, address):
        process.address = address
        yield process


def test_whoever_has_no_token_reads_where_it_is(server, browser):
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, viewport={"width": 400, "height": 700})
        page = context.new_page()
        page.goto(f"{server.address.partition('?')[0]}#query=3")
        page.get_by_text("Open the address that the terminal shows: it ends in ?token=…").wait_for()
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        page.screenshot(path=screenshots() / f"token-{scheme}.png")
        page.get_by_label("If you have the token alone").fill("wrong")
        page.get_by_role("button", name="Open").click()
        page.get_by_role("alert").wait_for()
        assert "not the token of this server" in page.get_by_role("alert").inner_text()
        assert_accessible(page)
        assert page.url.endswith("#query=3")  # a shared address keeps what it shows
        context.close()


def test_what_is_loading_is_said_and_a_video_is_sent_in_parts(server, browser, clip):
    """From the first byte to the reader's own video, in the page that `lgn-lite inspect` serves."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    seen, page = watch(context), context.new_page()
    page.goto(server.address, wait_until="commit", timeout=180_000)
    said = []
    page.expose_function("heard", lambda text: text in said or said.append(text))
    page.evaluate("""() => {
        const tell = () => document.querySelectorAll("[role=status]").forEach((e) => heard(e.textContent));
        new MutationObserver(tell).observe(document, { childList: true, subtree: true, characterData: true });
        tell();
    }""")
    page.locator(".lgn-title").wait_for(timeout=180_000)
    assert "Loading the model and the data …" in said and "Drawing the page …" in said
    page.locator("#waiting").wait_for(state="detached")

    content = clip.read_bytes() + (FREE + 8).to_bytes(4, "big") + b"free" + bytes(FREE)
    page.locator(".lgn-file input").set_input_files(
        {"name": "<i>me</i>.mp4", "mimeType": "video/mp4", "buffer": content}
    )
    page.locator(".lgn-name", has_text="<i>me</i>.mp4").wait_for(timeout=60_000)
    assert any("% sent" in text for text in said) and any("pictures are being read" in text for text in said)
    assert page.locator(".lgn i").count() == 0
    (file,) = server.folder.rglob("lgn_lite-video-*/video")
    assert file.stat().st_size == len(content)
    page.wait_for_function("document.activeElement.matches('.lgn-whole')")  # what is wanted next
    page.keyboard.type("the red circle")
    page.locator(".lgn-values").first.wait_for(timeout=60_000)
    assert page.locator(".lgn-whole").input_value() == "the red circle"
    page.wait_for_function("document.querySelector('.lgn video').readyState >= 2", timeout=60_000)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 800, 400):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(600)
            page.screenshot(path=screenshots() / f"own-video-{scheme}-{width}.png", full_page=True)

    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["no video"], "notes.txt"));
        for (const type of ["dragover", "drop"]) {
            const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data });
            document.querySelector(".lgn-maps").dispatchEvent(event);
        }
    }""")
    page.locator(".lgn-upload", has_text="not a video").wait_for(timeout=60_000)
    assert "<i>me</i>.mp4" in page.locator(".lgn-name").inner_text() and file.exists()
    page.get_by_role("button", name="Dismiss").click()
    assert not page.locator(".lgn-upload").is_visible()
    assert seen.errors == [] and seen.foreign() == []
    page.close(run_before_unload=True)
    context.close()
    end = time.monotonic() + 60
    while file.exists():  # it goes with the process
        assert time.monotonic() < end
        time.sleep(0.1)
