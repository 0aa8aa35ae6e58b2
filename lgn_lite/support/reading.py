"""Reading what others wrote: text, json, csv and numbers, with one clear message for each kind of damage."""

import csv
import io
import json
import math
import os
import re
import reprlib
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lgn_lite.errors import InputError

MAX_TEXT_BYTES = 2**28  # of a text that is read whole: some twenty times the field's largest annotations
# A number in a text: Python's float would also read 1_0, １２ in full width, and infinity.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class _Short(reprlib.Repr):
    """Python's notation of a value on one line of bearable length, whatever the value."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.fillvalue = "…"
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict = 2, 4, 4, 2
        self.maxstring = self.maxlong = self.maxother = most

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # Python writes no integer of more than 4,300 digits
            return f"an integer of some {int(x.bit_length() * math.log10(2)):,} digits"

    def repr_instance(self, x: Any, level: int) -> str:
        return " ".join(super().repr_instance(x, level).split())


def shown(value: Any, most: int = 80) -> str:
    """A value as a message quotes it: as Python writes it, on one line, with "…" for what is longer than `most`."""
    return _Short(most).repr(value)


def read_json(path: Path, advice: str = "fetch the file again") -> dict[str, Any]:
    """The object in a json file.

    Raises InputError, which names the line and ends with `advice`, for what is not json or not an object, for what json
    itself would pass in silence (a key that comes twice, NaN), and for what it fails on (nesting without end).
    """
    content = parse_json(read_text(path), str(path), advice)
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold an object {{…}}, not a {type(content).__name__}; {advice}")
    return content


def parse_json(text: str, where: str, advice: str = "fetch the file again", *, lines: bool = True) -> Any:
    """What a json text says; `read_json` names what is refused. `lines`: whether `where` lacks the line."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise InputError(f"{where}: {shown(twice)} is there twice; merge the two entries or remove one")
        return content

    def no_number(constant: str) -> None:
        raise InputError(f"{where}: {constant} is not a number that json knows; {advice}")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_number)
    except json.JSONDecodeError as error:
        at = f"{where}:{error.lineno}" if lines else where
        raise InputError(f"{at}: not json: {error.msg}; {advice}") from error
    except RecursionError:
        raise InputError(f"{where}: lists or objects nested without end; {advice}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: a number too long to be read; {advice}") from error  # Python stops at 4,300 digits


def jsonl_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The object on each line of a jsonl file, and its position "file:line"; blank lines are passed over.

    Raises InputError, naming the line, for what `read_json` refuses.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):  # not splitlines: U+2028 may be in a sentence
        if not line.strip():
            continue
        where = f"{path}:{number}"
        entry = parse_json(line, where, "correct the line, or fetch the file again", lines=False)
        if not isinstance(entry, dict):
            raise InputError(f"{where}: must hold an object {{…}}, not a {type(entry).__name__}; one object per line")
        yield where, entry


def csv_rows(path: Path, columns: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row of a csv file, and its position "file:line".

    Raises InputError, naming the line, for what is not csv, for a header that lacks one of the columns or has one
    twice, and for a row with more or fewer fields than the header.
    """
    # strict: a quote that nothing closes would else swallow the rest of the file
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = list(reader.fieldnames or ())
        if missing := [column for column in columns if column not in header]:
            has = ", ".join(shown(column, 30)[1:-1] for column in header[:20]) or "nothing"
            raise InputError(f"{path}:1: no column {' or '.join(missing)}, the header has {has}; fetch the file again")
        if twice := [column for column, times in Counter(header).items() if column and times > 1]:
            raise InputError(f"{path}:1: the header has {shown(twice[0])} twice; keep one of the two columns")
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if any(beyond := row.pop(None, ())):  # then what comes before may be in the wrong columns too
                fields = len(header) + len(beyond)
                raise InputError(f"{where}: {fields} fields, the header has {len(header)}; quote what holds a comma")
            if None in row.values():
                absent = next(column for column, value in row.items() if value is None)
                raise InputError(f"{where}: {shown(absent, 30)[1:-1]} is None: the row is too short")
            yield where, row
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not a csv: {error}; fetch the file again") from error


def read_text(path: Path, most: int = MAX_TEXT_BYTES) -> str:
    """The text of a UTF-8 file of at most `most` bytes, whichever line ends it has.

    Raises InputError if there is none, or if it is not a regular file: a pipe or a device has no end.
    """
    try:
        regular_file(path, most)
        return path.read_text(encoding="utf-8-sig")  # -sig: drops the mark some editors put at the beginning
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path, or see `lgn-lite data status`") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text, from byte {error.start} on; fetch it again") from error


def regular_file(path: Path, most: int | None = None) -> os.stat_result:
    """Make sure that a path is a file whose content ends, of at most `most` bytes; returns what stat says of it.

    Raises InputError for a folder, a pipe, a device and a file that is too large, OSError if there is nothing.
    """
    try:
        state = path.stat()
    except ValueError:  # a name with a null character
        raise InputError(f"{shown(str(path))}: not a name that a file can have; check the path") from None
    if not stat.S_ISREG(state.st_mode):
        what = "a folder" if stat.S_ISDIR(state.st_mode) else "a pipe, a socket or a device"
        raise InputError(f"{path}: is {what}, not a file; give the path of a file")
    if most is not None and state.st_size > most:
        sizes = f"{state.st_size / 2**20:,.0f} MB, of which at most {most / 2**20:,.0f} MB are read"
        raise InputError(f"{path}: holds {sizes}; check that it is the right file, or split it")
    return state


def finite_number(
    value: Any, what: str, *, text: bool = False, least: float | None = None, most: float | None = None
) -> float:
    """A finite number; the one reader of numbers.

    Args:
        value: of a json file: a number there, not a quoted one or a boolean.
        what: the beginning of the message.
        text: for a csv or a line: the value must be a decimal number in ASCII, such as 12, -0.5 or 1e-3.
        least, most: the range, both included.

    Returns:
        The number as a float.

    Raises:
        InputError: not a number, not finite, or out of the range.
    """
    number = math.nan
    if text and isinstance(value, str):
        plain = value.strip()
        if not NUMBER.fullmatch(plain) and plain.lower().lstrip("+-") not in ("nan", "inf", "infinity"):
            raise InputError(f"{what} is {shown(value)}, not a number; correct it")
        number = float(plain)
    elif text or isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{what} is {shown(value)}, not a number{_hint(value)}; correct it")
    else:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{what} is {shown(value)}; it must be finite; correct it")
    if least == 0 and most is None and number < 0:
        raise InputError(f"{what} is {shown(value)}; it must not be below 0; correct it")
    if (least is not None and number < least) or (most is not None and number > most):
        bounds = [f"at least {least:,g}"] * (least is not None) + [f"at most {most:,g}"] * (most is not None)
        raise InputError(f"{what} is {shown(value)}; it must be {' and '.join(bounds)}; correct it")
    return number


def _hint(value: Any) -> str:
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        return " but a text: remove the quotes"
    return ""


def amount(value: Any, what: str, *, text: bool = False) -> float:
    """A finite number, not below 0; else InputError, which begins with `what`. `text` as in `finite_number`."""
    return finite_number(value, what, text=text, least=0)
