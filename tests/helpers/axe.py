"""axe-core in a page of Playwright's: `assert_accessible(page)` fails with a line for each violation."""

from playwright.sync_api import Page

SHOWN = 5  # elements of a rule that a message names


def violations(page: Page, within: str = "") -> list[str]:
    """What axe-core finds wrong with a page, a line for each rule; `within` is a CSS selector of the part to look at.

    Best practices (landmarks, order of headings) count as well as WCAG.
    """
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=within or None).response["violations"]
    return [_line(violation) for violation in found]


def assert_accessible(page: Page, within: str = "") -> None:
    found = violations(page, within)
    assert not found, f"{page.url}: {len(found)} rules of axe-core broken:\n" + "\n".join(found)


def _line(violation: dict) -> str:
    nodes = violation["nodes"]
    shown = [f"    {' '.join(map(str, node['target']))}  {node['html'][:120]}" for node in nodes[:SHOWN]]
    return "\n".join([f"{violation['id']} ({violation['impact']}), {len(nodes)}: {violation['help']}", *shown])
