"""What goes wrong is one line: bad input, what the system refuses, a terminal that cannot show a character."""

import errno
import os
import subprocess
import sys

import pytest

from lgn_lite.errors import InputError
from lgn_lite.support.error_lines import MAX_LINE, errors_as_lines, one_line, os_error_line

pytestmark = pytest.mark.timeout(300)


def ended(error, capsys):
    """What is said of an error, and the exit code."""
    with pytest.raises(SystemExit) as end, errors_as_lines():
        raise error
    return capsys.readouterr().err, end.value.code


def test_bad_input_is_one_line_whatever_is_quoted_in_it(capsys):
    for text in ("a.json:3: not json", "[red]markup[/red] and [brackets]", "two  blanks, ≥ α ✗ “é”"):
        assert ended(InputError(text), capsys) == (f"error: {text}\n", 2)
    assert ended(InputError("a\nb\r\n\n  c\x1b[31m\x07d\u2028e"), capsys) == ("error: a b c [31m d e\n", 2)
    said, code = ended(InputError(f"begin {'x' * 3_000_000} end"), capsys)
    assert code == 2 and said.count("\n") == 1 and len(said) < MAX_LINE + 100
    assert said.startswith("error: begin x") and said.endswith("x end\n")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EDQUOT, "free space"),
        (errno.EROFS, "choose a folder that can be written to"),
        (errno.EACCES, "check the permissions"),
        (errno.ENOENT, "check the path"),
        (errno.ENOTDIR, "a file is in the way of a folder"),
        (errno.EISDIR, "a folder is in the way of a file"),
        (errno.EEXIST, "move what is there"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EMFILE, "fewer workers"),
        (errno.ECHILD, ""),
    ],
)
def test_what_the_system_refuses_is_one_line_with_path_and_advice(capsys, number, advice):
    said, code = ended(OSError(number, os.strerror(number), "/data/a b.hdf5"), capsys)
    assert code == 2 and said.startswith(f"error: /data/a b.hdf5: {os.strerror(number)}") and said.count("\n") == 1
    assert advice in said and said.endswith(("\n",)) and "; \n" not in said


def test_errors_of_the_system_of_all_makes():
    assert os_error_line(OSError()) == "OSError"
    assert os_error_line(OSError("words alone")) == "words alone"
    assert os_error_line(OSError(errno.ENOENT, "No such file", b"caf\xe9")).endswith("No such file; check the path")
    assert os_error_line(FileExistsError(errno.EEXIST, "there", "a", None, "b")).startswith("b: there")
    temporary = "/x/.toy-train-0008.lgn_lite-24762-d3e893d4-b89180b2.mp4"
    for name in (temporary, f"file:{temporary}"):  # as PyAV says it
        assert os_error_line(OSError(errno.ENOSPC, "full", name)).startswith("/x/toy-train-0008.mp4: full; free")
    hdf5 = (
        "Unable to create file (unable to open file: name = '/x/a.hdf5', errno = 28, error message = 'No', flags = 1)"
    )
    assert os_error_line(OSError(hdf5)).startswith("/x/a.hdf5: No space left on device; free space")


def test_a_disk_that_is_full_is_reported_even_if_another_error_hides_it(capsys):
    try:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/model.safetensors")
        except OSError:
            raise RuntimeError("unexpected pos 0 vs 64")  # noqa: B904, as torch's writer does
    except RuntimeError as error:
        assert ended(error, capsys)[0].startswith("error: /x/model.safetensors: No space left on device; free")
    closing = RuntimeError("Can't decrement id ref count (file write failed: errno = 28, error message = 'No space')")
    assert ended(closing, capsys) == (f"error: No space left on device; {'free space, or write elsewhere, then run '}"
                                      "the same command again\n", 2)  # fmt: skip


def test_faults_of_the_program_are_no_lines():
    for error in (ZeroDivisionError("bug"), RuntimeError("bug"), ValueError("bug"), KeyError("bug")):
        with pytest.raises(type(error), match="bug"), errors_as_lines():
            raise error


def test_it_marks_functions_too(capsys):
    @errors_as_lines()
    def main():
        raise InputError("bad")

    for _ in range(2):
        with pytest.raises(SystemExit):
            main()
    assert capsys.readouterr().err == "error: bad\n" * 2


def test_a_text_is_one_line():
    assert one_line(" a \n b\t c ") == "a b c" and one_line("a  b") == "a  b" and one_line("ж é ≥") == "ж é ≥"


# ── Programs ──────────────────────────────────────────────────────────────────────────────────

PROGRAM = r"""
import sys, typer
from lgn_lite.cli.options import console, SAY
from lgn_lite.errors import InputError
from lgn_lite.support.error_lines import errors_as_lines
def main(count: int, wrong: bool = False):
    for _ in range(count):
        console.print("R1@0.5 \u2265 3, \u03b1, \u2717 \u2013", **SAY)
        print("\u2265", "\u2717", file=sys.stderr)
    if wrong:
        raise InputError("\u2265 \u03b1 \u2717 is wrong")
with errors_as_lines():
    typer.run(main)
"""


def program(*words, stdout=subprocess.PIPE, **environment):
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env=plain | environment, stdout=stdout, stderr=subprocess.PIPE
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "cp437"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii:strict"},
    ],
    ids=lambda environment: "-".join(environment.values()),
)
def test_characters_that_a_terminal_cannot_show_are_replaced(environment, tmp_path):
    with (tmp_path / "out").open("wb") as out:
        done = program("1", stdout=out, **environment)
    said = (tmp_path / "out").read_bytes()
    assert done.returncode == 0 and said.startswith(b"R1@0.5 ") and said.count(b"\n") == 1, done.stderr
    done = program("0", "--wrong", **environment)
    assert done.returncode == 2 and done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1


def test_a_full_disk_behind_the_output_is_one_line():
    full = "/dev/full"
    if not os.path.exists(full):  # noqa: PTH110
        pytest.skip("needs /dev/full")
    for count in ("1", "10000"):  # at the end, and in between
        with open(full, "wb") as out:  # noqa: PTH123
            done = program(count, stdout=out)
        lines = done.stderr.decode().splitlines()
        assert done.returncode == 2 and lines[-1].startswith("error: standard output: No space left on device")
        assert not any("Exception" in line or "Traceback" in line for line in lines)


def test_a_reader_that_goes_away_ends_the_program_in_silence():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        done = program("10000", stdout=out)
    assert done.returncode not in (0, 2) and set(done.stderr.decode().split()) <= {"≥", "✗"}


def test_without_an_output_a_program_ends_as_always():
    words = [sys.executable, "-c", PROGRAM, "1"]
    done = subprocess.run(["/bin/sh", "-c", 'exec "$@" >&-', "sh", *words], capture_output=True, timeout=100)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
