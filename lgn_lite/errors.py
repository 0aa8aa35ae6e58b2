"""The one error for bad input, and the one place that turns an error into a line."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Bad input from outside: names the file and line, or the video, and says what to do about it.

    The command line prints it as one line, without a traceback.
    """


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """End the program with one red line and exit code 2 for bad input, and for what the system refuses.

    Around the whole of a command or script. Output that the terminal's encoding cannot show is replaced, and a reader
    that went away (`| head`) ends the program in silence, as it does other programs.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's streams take any character
            stream.reconfigure(errors="replace")
    try:
        yield
        sys.stdout.flush()  # a full disk behind `> file` shows here, not after the last line of Python
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python's own flush at the end complains
        sys.exit(141)  # 128 + SIGPIPE
    except InputError as error:
        _print_error(str(error))
    except OSError as error:
        _print_error(os_error_line(error))


def os_error_line(error: OSError) -> str:
    """An OSError as one line: the path, what the system says, and what to do, where that is plain."""
    reason = error.strerror or str(error) or type(error).__name__
    advice = {
        "ENOSPC": "free space, or write elsewhere, then run the same command again",
        "EDQUOT": "free space, or write elsewhere, then run the same command again",
        "EROFS": "choose a folder that can be written to",
        "EACCES": "check the permissions, or choose another folder",
        "EPERM": "check the permissions, or choose another folder",
        "ENOENT": "check the path",
        "ENOTDIR": "a file is in the way of a folder: move it, or choose another name",
        "EISDIR": "a folder is in the way of a file: move it, or choose another name",
        "EEXIST": "move what is there, or choose another name",
        "ENAMETOOLONG": "choose a shorter name",
    }.get(errno.errorcode.get(error.errno or 0, ""))
    paths = [os.fspath(path) for path in (error.filename, error.filename2) if isinstance(path, (str, os.PathLike))]
    return (f"{paths[-1]}: " if paths else "") + reason + (f"; {advice}" if advice else "")


def _print_error(line: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True).print(f"[red]error:[/red] {escape(line)}", highlight=False, soft_wrap=True)
    sys.exit(2)
