"""The one module that turns an error into a line."""

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator

from lgn_lite.errors import InputError

MAX_LINE = 2000  # characters of a line: what is quoted from a damaged file may be megabytes


ADVICE = {
    "ENOSPC": "free space, or write elsewhere, then run the same command again",
    "EDQUOT": "free space, or write elsewhere, then run the same command again",
    "EROFS": "choose a folder that can be written to",
    "EACCES": "check the permissions, or choose another folder",
    "EPERM": "check the permissions, or choose another folder",
    "ENOENT": "check the path",
    "ENOTDIR": "a file is in the way of a folder: move it, or choose another name",
    "EISDIR": "a folder is in the way of a file: move it, or choose another name",
    "EEXIST": "move what is there, or choose another name",
    "ENOTEMPTY": "move what is there, or choose another name",
    "ENAMETOOLONG": "choose a shorter name",
    "ELOOP": "a link leads to itself: remove it",
    "EMFILE": "too many open files: use fewer workers, or raise the limit (ulimit -n)",
    "EIO": "the disk or its connection fails: try another",
}


@contextlib.contextmanager
def errors_as_lines() -> Iterator[None]:
    """End the program with one red line and exit code 2 for bad input, and for what the system refuses.

    Around the whole of a command or script. Output that the terminal's encoding cannot show is replaced, and a reader
    that went away (`| head`) ends the program in silence, as it does other programs.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's streams take any character; without a terminal it is None
            stream.reconfigure(errors="replace")
    try:
        try:
            yield
        except SystemExit:  # as typer ends each command
            _flush()
            raise
        _flush()  # a full disk behind `> file` shows here, not after the last line of Python
    except BrokenPipeError:
        _mute_stdout()
        sys.exit(141)  # 128 + SIGPIPE
    except InputError as error:
        _print_error(str(error))
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) and _stdout_is_full():
            error.filename = "standard output"
        _print_error(os_error_line(error))
    except Exception as error:
        if (cause := _disk_trouble(error)) is None:
            raise
        _print_error(os_error_line(cause))


def os_error_line(error: OSError) -> str:
    """An OSError as one line: the path, what the system says, and what to do, if that is plain."""
    from lgn_lite.support.files import final_name  # which imports this module

    number, reason = error.errno or 0, error.strerror or str(error) or type(error).__name__
    paths = [os.fspath(path) for path in (error.filename, error.filename2) if isinstance(path, (str, bytes))]
    paths += [os.fspath(path) for path in (error.filename, error.filename2) if isinstance(path, os.PathLike)]
    if not paths and (coded := re.search(r"errno = (\d+)\b", reason)):  # HDF5 puts all of it into its text
        paths = [named[1]] if (named := re.search(r"name = '([^']+)'", reason)) else []
        number, reason = int(coded[1]), os.strerror(int(coded[1]))
    advice = ADVICE.get(errno.errorcode.get(number, ""))
    return one_line(
        (f"{final_name(os.fsdecode(paths[-1]))}: " if paths else "") + reason + (f"; {advice}" if advice else "")
    )


def one_line(text: str) -> str:
    """A text without line ends and what else steers a terminal; the middle of a very long one is left out."""
    text = re.sub(r" *\n[ \n]*", " ", "".join(c if c.isprintable() else "\n" for c in text)).strip()
    return text if len(text) <= MAX_LINE else f"{text[: MAX_LINE // 2]} … {text[-MAX_LINE // 2 :]}"


def _disk_trouble(error: BaseException) -> OSError | None:
    """The error of a full or failing disk that another one came from: the writers of others (torch, HDF5) wrap it."""
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        if isinstance(inner, OSError) and errno.errorcode.get(inner.errno or 0) in ("ENOSPC", "EDQUOT", "EROFS", "EIO"):
            return inner
        if isinstance(inner, RuntimeError) and (coded := re.search(r"errno = (28|30|122|5)\b", str(inner))):
            return OSError(int(coded[1]), str(inner))
        inner = inner.__cause__ or inner.__context__
    return None


def _flush() -> None:
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            _mute_stdout()
            error.filename = error.filename or "standard output"
            raise


def _stdout_is_full() -> bool:
    if sys.stdout is None or sys.stdout.isatty():
        return False
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        _mute_stdout()
        return True
    return False


def _mute_stdout() -> None:
    """Send the rest to nowhere: else Python's own flush at the end complains."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no stream of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(line: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    with contextlib.suppress(OSError):  # a full disk behind `2> file`: the exit code says it too
        Console(stderr=True).print(f"[red]error:[/red] {escape(one_line(line))}", highlight=False, soft_wrap=True)
    sys.exit(2)
