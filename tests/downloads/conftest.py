"""The servers of these tests are on this machine."""

import pytest
from helpers.shelf import BODY, serving


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """A machine's proxy does not reach its own localhost."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def shelf():
    """A server that has BODY as its file `file`; it takes more files and faults."""
    with serving() as shelf:
        shelf.files["file"] = BODY
        yield shelf
