"""Reading what others wrote: text, json, csv and numbers, with one clear message for each kind of damage."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lgn_lite.errors import InputError


def read_json(path: Path, advice: str = "fetch the file again") -> dict[str, Any]:
    """The object in a json file.

    Raises InputError, which names the line and ends with `advice`, for what is not json or no object, for what json
    itself would pass in silence (a key that comes twice, NaN), and for what it fails on (nesting without end).
    """
    content = parse_json(read_text(path), str(path), advice)
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold an object {{…}}, not a {type(content).__name__}; {advice}")
    return content


def parse_json(text: str, where: str, advice: str = "fetch the file again") -> Any:
    """What a json text says; `read_json` names what is refused."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise InputError(f"{where}: {twice!r} is there twice; merge the two entries or remove one")
        return content

    def no_number(constant: str) -> None:
        raise InputError(f"{where}: {constant} is not a number that json knows; {advice}")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_number)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}:{error.lineno}: not json: {error.msg}; {advice}") from error
    except RecursionError:
        raise InputError(f"{where}: lists or objects nested without end; {advice}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: a number too long to be read; {advice}") from error  # Python stops at 4,300 digits


def csv_rows(path: Path, columns: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row of a csv file, and its place "file:line".

    Raises InputError, naming the line, for what is not csv, and where one of the columns is absent.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    try:
        header = reader.fieldnames or ()
        if missing := [column for column in columns if column not in header]:
            has = ", ".join(header) or "nothing"
            raise InputError(f"{path}:1: no column {' or '.join(missing)}, the header has {has}; fetch the file again")
        for row in reader:
            yield f"{path}:{reader.line_num}", row
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not a csv: {error}; fetch the file again") from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, whichever line ends it has; InputError where there is none."""
    try:
        return path.read_text(encoding="utf-8-sig")  # -sig: drops the mark some editors put at the beginning
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path, or see `lgn-lite data status`") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text, from byte {error.start} on; fetch it again") from error


def finite_number(value: Any, what: str) -> float:
    """A finite number; else InputError, which begins with `what`."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{what} is {value!r}, not a number; correct it") from None
    if not math.isfinite(number):
        raise InputError(f"{what} is {value!r}; it must be finite; correct it")
    return number


def amount(value: Any, what: str) -> float:
    """A finite number, not below 0; else InputError, which begins with `what`."""
    number = finite_number(value, what)
    if number < 0:
        raise InputError(f"{what} is {value!r}; it must not be below 0; correct it")
    return number
