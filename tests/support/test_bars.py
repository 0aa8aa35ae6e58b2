"""Progress bars: where somebody watches."""

import io
import sys

import pytest

from lgn_lite.support.bars import bar, is_watched


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "progress", "shown"), [(Terminal, True, True), (Terminal, False, False), (io.StringIO, True, False)]
)
def test_a_bar_is_a_terminal_s(monkeypatch, stream, progress, shown):
    stream = stream()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(bar(range(3), "counting", progress=progress)) == [0, 1, 2]
    with bar(total=2, progress=progress) as by_hand:
        by_hand.update(2)
    assert ("counting" in stream.getvalue()) == shown and bool(stream.getvalue()) == shown


def test_a_notebook_is_watched_and_a_program_without_a_stream_is_not(monkeypatch):
    from ipykernel.iostream import OutStream

    monkeypatch.setattr(sys, "stderr", OutStream.__new__(OutStream))
    monkeypatch.setattr(OutStream, "isatty", lambda _: False)
    assert is_watched()
    monkeypatch.setattr(sys, "stderr", None)
    assert not is_watched()


def test_no_file_of_the_package_draws_bars_of_its_own():
    from pathlib import Path

    import lgn_lite

    files = Path(lgn_lite.__file__).parent.rglob("*.py")
    assert [path.name for path in files if "import tqdm" in path.read_text(encoding="utf-8")] == ["bars.py"]
