"""The inspector in a real JupyterLab: Chromium opens it, chooses a query, plays a cell, edits a word."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from helpers.browser import PROJECT, browser, screenshots, watch
from helpers.untrained import untrained_models
from nbclient import NotebookClient

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.slow

TALL = 2400  # pixels: a notebook scrolls by itself, and a screenshot holds only what is in sight

CELLS = """\
from lgn_lite.inspector.widget import Inspector

inspector = Inspector({full!r}, "toy-sta", size="tiny", root={root!r})
inspector"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, tiny_toy):
    """The address of a JupyterLab of our own, with a notebook that shows the inspector; it knows no user's settings."""
    folder = tmp_path_factory.mktemp("lab")
    models = untrained_models(folder / "models", tiny_toy)
    code = CELLS.format(full=str(models / "full" / "best"), root=str(PROJECT / "data"))
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(code)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    (folder / "work").mkdir()
    nbformat.write(notebook, folder / "work" / "inspect.ipynb")
    page_config = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}  # asks for the network
    (folder / "config" / "labconfig").mkdir(parents=True)
    (folder / "config" / "labconfig" / "page_config.json").write_text(json.dumps(page_config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {
        "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython", "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", "--expose-app-in-browser",
        f"--ServerApp.root_dir={folder / 'work'}",
    ]  # fmt: skip
    environment = os.environ | {name: str(folder / place) for name, place in places.items()}
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=PROJECT)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api", server, folder / "log.txt")
        yield address
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(address: str, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


@pytest.fixture(scope="module")
def opened(browser, lab):
    """The notebook's page with the inspector in it, and what the browser complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": TALL})
    seen = watch(context)
    page = context.new_page()
    page.goto(f"{lab}/lab/tree/inspect.ipynb")
    page.locator(".jp-Notebook").wait_for(timeout=120_000)
    page.get_by_text("| Idle").wait_for(timeout=120_000)  # the kernel, in the status bar
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator(".lgn-title").wait_for(timeout=180_000)
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    page.wait_for_function("document.querySelector('.lgn video').readyState >= 2", timeout=60_000)
    yield page, seen
    context.close()


def _map(page) -> str:
    """The picture of the first map."""
    return page.evaluate("document.querySelector('.lgn-stack canvas').toDataURL()")


def _wait_for_map(page, other_than: str) -> None:
    page.wait_for_function(
        "before => document.querySelector('.lgn-stack canvas').toDataURL() !== before", arg=other_than, timeout=60_000
    )


def _open_list(page) -> None:
    """Show the list of queries: where there is room it is next to the map, and has no tab."""
    tab = page.get_by_role("tab", name="Queries")
    if tab.is_visible():
        tab.click()


def _shoot(page, name: str) -> None:
    page.locator(".lgn").screenshot(path=screenshots() / f"inspector-{name}.png")


def test_a_query_is_chosen_played_and_edited(opened, tiny_toy):
    """Open, choose a query in the table, click a cell of the map, edit a word: each does what it says."""
    page, seen = opened
    queries = tiny_toy.queries("test")
    assert page.get_by_label("Sentence", exact=True).get_by_role("textbox").first.input_value() == queries[0].sentence
    page.get_by_text("α over the channels").wait_for(timeout=60_000)
    _shoot(page, "late-guidance")

    before = _map(page)
    _open_list(page)
    page.locator(".lgn-table-row").nth(4).click()
    _wait_for_map(page, before)
    assert page.locator(".lgn-whole").input_value() == queries[4].sentence
    assert "Query 4" in page.locator(".lgn-live").inner_text()
    page.wait_for_function("document.querySelector('.lgn video').readyState >= 2", timeout=60_000)
    _shoot(page, "queries")

    cells = page.locator(".lgn-stack canvas[tabindex]").first
    box = cells.bounding_box()
    cells.click(position={"x": box["width"] * 0.7, "y": box["height"] * 0.5})
    page.wait_for_function("document.querySelector('.lgn video').currentTime > 3", timeout=20_000)
    said = page.locator(".lgn-live").inner_text()
    assert said.startswith("Playing the moment of this cell")

    before = _map(page)
    word = page.locator(".lgn-word input").last
    word.fill("umbrella" if word.input_value() != "umbrella" else "flag")
    _wait_for_map(page, before)
    assert not page.get_by_role("button", name="Restore").is_disabled()
    timeline = page.locator(".lgn-timeline")  # what is known of the original sentence is not held against this one
    assert "IoU" not in timeline.inner_text() and "original’s" in timeline.inner_text()
    assert page.get_by_text("The ground truth shown is the original sentence’s").is_visible()
    options = page.get_by_label("What the map shows").locator("option:disabled")
    assert options.evaluate_all("all => all.map((e) => e.value)") == ["target", "iou", "error"]
    scale = page.locator(".lgn-scale")
    assert scale.inner_text().split() == ["0", "1"]
    page.get_by_label("stretch the colours").check()
    assert "the highest score here" in scale.inner_text()
    page.get_by_label("stretch the colours").uncheck()
    for tab, sign in {"Words": "prediction then", "Early modulation": "Unit 1 of 2"}.items():
        page.get_by_role("tab", name=tab).click()
        page.get_by_text(sign).first.wait_for(timeout=60_000)
        page.wait_for_timeout(1500)  # the pictures of the frames
        _shoot(page, tab.lower().replace(" ", "-"))
    page.get_by_role("button", name="Restore").click()
    page.wait_for_function(
        "text => document.querySelector('.lgn-whole').value === text", arg=queries[4].sentence, timeout=20_000
    )
    page.locator(".lgn-whole").fill("")
    page.get_by_text("Type a sentence.").first.wait_for(timeout=20_000)
    page.get_by_role("button", name="Restore").click()
    page.locator(".lgn-values", has_text="IoU").first.wait_for(timeout=20_000)
    assert _ours(seen.errors) == []


def test_the_keyboard_does_it_all(opened, tiny_toy):
    """n and p step through the queries, arrows move on the map, Enter plays; JupyterLab takes none of the keys."""
    page, seen = opened
    page.locator(".lgn-title").click()
    first = page.locator(".lgn-where").inner_text()
    page.keyboard.press("n")
    page.wait_for_function("text => document.querySelector('.lgn-where').textContent !== text", arg=first)
    page.keyboard.press("p")
    page.wait_for_function("text => document.querySelector('.lgn-where').textContent === text", arg=first)
    page.locator(".lgn-stack canvas[tabindex]").first.focus()
    page.keyboard.press("ArrowLeft")
    assert "score of LGN" in page.locator(".lgn-live").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.lgn-live').textContent.startsWith('Playing')")
    for key in "++-0":
        page.keyboard.press(key)
    page.get_by_role("tab", name="Late guidance").focus()
    page.get_by_role("tab", name="Early modulation").focus()
    page.keyboard.press("End")
    assert page.locator(".lgn [role=tab]:visible").last.get_attribute("aria-selected") == "true"
    _open_list(page)
    page.locator(".lgn-table").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.lgn-where').textContent.startsWith('query 1 ')")
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1  # no key has made or removed a cell
    assert _ours(seen.errors) == []


def test_only_the_rows_in_sight_are_in_the_page(opened):
    page, _ = opened
    _open_list(page)
    count = int(page.locator(".lgn-table").get_attribute("aria-rowcount")) - 1
    assert page.locator(".lgn-table-row").count() < min(count, 40)


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_it_follows_the_theme_and_the_width(opened, theme):
    """Dark and light, 1280 and 800 pixels wide: nothing sticks out; screenshots for the eye."""
    page, seen = opened
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    light = str("Light" in theme).lower()
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light, timeout=30_000)
    page.get_by_role("tab", name="Late guidance").click()
    page.get_by_text("α over the channels").wait_for(timeout=60_000)
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": TALL})
        page.wait_for_timeout(600)
        assert page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.lgn'))") <= 1
        _shoot(page, f"{theme.split()[1].lower()}-{width}")
    page.set_viewport_size({"width": 1280, "height": TALL})
    assert _ours(seen.errors) == []


def test_a_video_of_one_s_own_is_chosen_in_the_page(opened, clip):
    """It goes to the kernel in parts; the page says what it does, and what the model was trained on."""
    page, seen = opened
    page.locator(".lgn-file input").set_input_files(clip)
    page.get_by_role("button", name="Your video").wait_for(timeout=60_000)
    page.wait_for_function("document.querySelector('.lgn-where').textContent === 'your video'", timeout=60_000)
    assert clip.name in page.locator(".lgn-name").inner_text() and not page.locator(".lgn-upload").is_visible()
    page.locator(".lgn-whole").fill("a zebra opens a door")
    page.get_by_text("trained on drawn figures").first.wait_for(timeout=60_000)
    page.locator(".lgn-values").first.wait_for(timeout=60_000)
    assert "IoU" not in page.locator(".lgn-timeline").inner_text()
    _shoot(page, "own-video")
    page.locator(".lgn-file input").set_input_files({"name": "notes.txt", "mimeType": "", "buffer": b"no video"})
    page.locator(".lgn-upload", has_text="not a video").wait_for(timeout=60_000)
    page.keyboard.press("n")
    assert _ours(seen.errors) == []


def test_it_is_live_again_after_a_reload(opened):
    """The notebook that is saved holds a picture too, which others show."""
    page, _ = opened
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    page.reload()
    page.locator(".lgn-title").wait_for(timeout=180_000)
    first = page.locator(".lgn-where").inner_text()
    page.locator(".lgn-title").click()
    page.keyboard.press("n")
    page.wait_for_function("text => document.querySelector('.lgn-where').textContent !== text", arg=first)


def test_papermill_and_nbconvert_get_a_picture(tiny_toy, tmp_path):
    """An executed copy has nobody to talk to; neither the widget's state nor the video is kept in it."""
    models = untrained_models(tmp_path / "models", tiny_toy)
    code = CELLS.format(full=str(models / "full" / "best"), root=str(PROJECT / "data"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3", timeout=180).execute()
    (output,) = notebook.cells[0].outputs
    assert set(output.data) == {"text/plain", "image/png"}
    assert "Predictions of LGN and baseline" in output.metadata["image/png"]["alt"]
    assert "widgets" not in notebook.metadata and len(nbformat.writes(notebook)) < 400_000


def _ours(errors: list[str]) -> list[str]:
    """Errors without JupyterLab's own: it asks for a workspace that is not there yet."""
    return [error for error in errors if "/lab/api/workspaces" not in error]
