"""The inspector's server without a server: its port, its page's notebook, and the command that starts it."""

import errno
import json
import socket
import tempfile
from pathlib import Path
from unittest.mock import Mock

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.inspector import server as page
from lgn_lite.support.files import write_json


def test_a_taken_port_is_told_or_passed_by():
    with socket.create_server(("127.0.0.1", page.free_port("127.0.0.1"))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}: .*give another --port"):
            page.free_port("127.0.0.1", port)
        assert page.free_port("127.0.0.1") > port
    with pytest.raises(InputError, match=r"cannot listen on no\.such\.host\.invalid"):
        page.free_port("no.such.host.invalid")


def test_a_port_that_another_server_takes_in_the_same_instant_is_passed_by(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port, really = taken.getsockname()[1], page.free_port
        answers = iter([port, port])
        monkeypatch.setattr(page, "free_port", lambda *asked: next(answers, None) or really(*asked))
        (mine,) = page._listen("127.0.0.1", None)
        assert mine.getsockname()[1] != port
        mine.close()
        monkeypatch.setattr(page, "free_port", lambda *_: port)
        with pytest.raises(InputError, match=f"port {port}: .*give another --port"):
            page._listen("127.0.0.1", port)


# -- what it is made of ------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(max_size=5), st.text() | st.none() | st.integers(), max_size=3))
def test_no_argument_can_be_read_as_code(arguments):
    with tempfile.TemporaryDirectory() as folder:
        notebook = json.loads(page.write_page(Path(folder), arguments).read_text(encoding="utf-8"))
    (cell,) = notebook["cells"]
    *imports, call = cell["source"].splitlines()
    assert imports == ["import json", "from lgn_lite.inspector.server import show"]
    got = []
    exec(call, {"json": json, "show": got.append})
    assert got == [arguments]


def test_whatever_is_gone_by_a_visit_is_a_sentence(monkeypatch, capsys):
    """The server runs for days; a checkpoint's folder or the disk may be gone by then."""
    for error, said in (
        (InputError("no checkpoint folder <b>"), "no checkpoint folder &lt;b&gt;"),
        (OSError(errno.EIO, "Input/output error", "model.safetensors"), "model.safetensors: Input/output error"),
        (PermissionError(errno.EACCES, "Permission denied", "about.json"), "about.json: Permission denied; check the"),
    ):
        shown = []
        monkeypatch.setattr(page, "inspector", Mock(side_effect=error))
        monkeypatch.setattr("IPython.display.display", shown.append)
        page.show({})
        assert said in shown[0].data and 'role="alert"' in shown[0].data


def test_the_notebook_is_one_that_others_can_read(tmp_path):
    nbformat.validate(nbformat.read(page.write_page(tmp_path, {"video": "a 'b' \\ c"}), as_version=4))


# -- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch):
    """What the command would serve."""
    calls = []
    monkeypatch.setattr(page, "serve", lambda *given: calls.append(given))
    return calls


def inspect(*arguments) -> object:
    return CliRunner().invoke(cli.app, ["inspect", *map(str, arguments)])


def test_bad_input_is_told_before_anything_is_served(served, checkpoint_folder, tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    for arguments, reason in (
        ([tmp_path / "absent"], "no checkpoint folder"),
        ([checkpoint_folder, "--baseline", tmp_path / "absent"], "no checkpoint folder"),
        ([checkpoint_folder, "--video", tmp_path / "absent.mp4"], "check the path"),
        ([checkpoint_folder, "--video", tmp_path / "notes.mp4"], "not a video"),
        ([checkpoint_folder, "--data", "kitchens"], "no data set 'kitchens'"),
        ([checkpoint_folder, "--data", "tacos", "--root", tmp_path], "tacos"),
    ):
        done = inspect(*arguments)
        assert isinstance(done.exception, InputError) and reason in str(done.exception), arguments
    assert served == []


def test_the_command_passes_on_what_it_was_given(served, checkpoint_folder, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(checkpoint_folder.parent)
    done = inspect(checkpoint_folder.name, "--video", clip, "--sentence", 'it\'s "red"', "--no-token", "--port", 1234)
    assert done.exit_code == 0, done.output
    (arguments, host, port, token, _) = served[0]
    assert (host, port, token) == ("127.0.0.1", 1234, False)
    assert json.loads(json.dumps(arguments)) == arguments
    assert Path(arguments["checkpoint"]).is_absolute() and Path(arguments["checkpoint"]) == checkpoint_folder
    assert arguments["sentence"] == 'it\'s "red"' and arguments["video"] == str(clip)


def test_the_address_is_printed_and_a_warning_where_others_can_come(served, checkpoint_folder, clip, capsys):
    for host, said in (("127.0.0.1", False), ("0.0.0.0", True)):
        inspect(checkpoint_folder, "--video", clip, "--host", host, "--no-browser")
        ready = served[-1][-1]
        capsys.readouterr()
        ready("http://here:1/?token=abc")
        printed = capsys.readouterr().out
        assert "http://here:1/?token=abc\n" in printed and ("Everybody" in printed) == said


def test_a_broken_file_of_the_checkpoint_is_one_sentence(served, checkpoint_folder):
    write_json(checkpoint_folder / "about.json", {"colour": "red"})
    done = inspect(checkpoint_folder)
    assert isinstance(done.exception, InputError) and "about.json" in str(done.exception)
