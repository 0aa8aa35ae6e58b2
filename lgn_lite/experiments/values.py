"""How values are written on the command line and in grid files: YAML 1.2, of which what JSON can hold is taken.

ruamel.yaml reads the syntax; which plain words are numbers and booleans follows YAML 1.2's core schema here, as the
library keeps what 1.1 had besides (`1_0` for 10).
"""

import math
import re
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lgn_lite.errors import InputError

LONGEST = 1_000_000  # characters of a text: seconds to read
MOST = 1_000_000  # values in it, with those that aliases repeat
DEEPEST = 50  # levels of lists and mappings
DIGITS = 400  # of a whole number; a float has 308 at most

TAG = "tag:yaml.org,2002:"
CORE = {  # https://yaml.org/spec/1.2.2/#103-core-schema; dates are none of its types, but nobody means a text by them
    "null": r"null|Null|NULL|~|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "timestamp": r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt\s].*)?",
    "str": r".*",
}


@dataclass(frozen=True)
class Date:
    """A date as it was written; `check_value` refuses it, since JSON and the notebook would get something else."""

    text: str

    def __repr__(self) -> str:
        return self.text


def read_values(text: str, where: str, *, one_line: bool = False) -> Any:
    """Read YAML 1.2: 1e-3 is a number, true and false are booleans; yes, no, 1_0 and 1:30 are words.

    Raises InputError, which begins with `where` and the line (not with `one_line`), for what is not YAML, a key that
    is there twice, tags, and what would grow or nest beyond bounds.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(text) > LONGEST:
        raise InputError(f"{where}: has {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        return _Reader(YAML(typ="safe", pure=True).parse(text)).document()
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        place = where if mark is None or one_line else f"{where}:{mark.line + 1}"
        raise InputError(f"{place}: not YAML: {problem}{'; quote it' if one_line else ''}") from error
    except (ValueError, OverflowError, AssertionError) as error:  # ruamel's own: "\\UFFFFFFFF", %YAML 1.99
        raise InputError(f"{where}: not YAML: {str(error).partition('; ')[0]}") from error


def check_value(value: Any, where: str) -> None:
    """Raise InputError, which begins with `where`, for a value that JSON and a notebook's cell cannot both hold.

    They hold texts, finite numbers, booleans, None, and lists and dicts of these whose keys are texts.
    """
    left = MOST

    def check(value: Any, depth: int) -> None:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEEPEST:
            bound = f"more than {DEEPEST} levels deep" if depth > DEEPEST else f"of more than {MOST:,} parts"
            raise InputError(f"{where}: a value that JSON cannot hold, {bound}; make it smaller")
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise InputError(f"{where}: a key that JSON cannot hold, {short(key)}; quote it")
                check(key, depth + 1)
                check(inner, depth + 1)
        elif isinstance(value, list | tuple):
            for inner in value:
                check(inner, depth + 1)
        elif not _plain(value):
            raise InputError(f"{where}: a value that JSON cannot hold, {short(value)}; quote it, or give another")

    check(value, 0)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100


def short(value: Any) -> str:
    """A value in a message: of a long one, its beginning and its end."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number too long to be shown"


def _plain(value: Any) -> bool:
    if isinstance(value, str):
        return not re.search("[\ud800-\udfff]", value)  # halves of characters, which no file can hold
    if isinstance(value, int):
        return value.bit_length() <= DIGITS * math.log2(10)
    return value is None or (isinstance(value, float) and math.isfinite(value))


class _Reader:
    """Makes values of YAML's events; aliases are copied, and counted, so that ten lines do not become gigabytes."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events, self.left = events, MOST
        self.anchors: dict[str, Any] = {}

    def document(self) -> Any:
        """The one document of the text, or None where there is none."""
        next(self.events)  # the stream's start
        if not hasattr(next(self.events), "explicit"):  # its end, where a document would start
            return None
        value = self.value(next(self.events), 0)
        next(self.events)  # the document's end
        if hasattr(more := next(self.events), "explicit"):
            raise _error(more, "a second document (---); keep one")
        return value

    def value(self, event: Any, depth: int) -> Any:
        kind = type(event).__name__
        if kind == "AliasEvent":
            if event.anchor not in self.anchors:
                raise _error(event, f"the alias *{event.anchor} is not after the end of what it stands for")
            return self.copy(self.anchors[event.anchor], event, depth)
        self.count(event, depth)
        tag = None if event.tag is None else str(event.tag).removeprefix(TAG)
        if tag not in (None, "seq" if kind == "SequenceStartEvent" else "map", *CORE):
            raise _error(event, f"the tag !!{tag[:40]}; only plain values, lists and mappings are read here")
        if kind == "SequenceStartEvent":
            value: Any = list(self.items(depth))
        elif kind == "MappingStartEvent":
            value = self.mapping(depth)
        else:
            value = _scalar(event, tag)
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        return value

    def items(self, depth: int) -> Iterator[Any]:
        while not type(event := next(self.events)).__name__.endswith("EndEvent"):
            yield self.value(event, depth + 1)

    def mapping(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            key = self.value(event, depth + 1)
            if isinstance(key, list | dict):
                raise _error(event, "a list or a mapping as a key; write a name")
            value = self.value(next(self.events), depth + 1)
            if key == "<<" and getattr(event, "style", None) is None:  # YAML 1.1's merge, which people are fond of
                parts = value if isinstance(value, list) else [value]
                if merged or not all(isinstance(part, dict) for part in parts):
                    raise _error(event, "<<: has to be there once, with a mapping or a list of mappings")
                for part in reversed(parts):
                    merged |= part
            elif key in found:
                raise _error(event, f"the key {short(key)} stands there twice")
            else:
                found[key] = value
        return merged | found

    def copy(self, value: Any, event: Any, depth: int) -> Any:
        self.count(event, depth)
        if isinstance(value, list):
            return [self.copy(item, event, depth + 1) for item in value]
        if isinstance(value, dict):
            return {key: self.copy(item, event, depth + 1) for key, item in value.items()}
        return value

    def count(self, event: Any, depth: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise _error(event, f"more than {MOST:,} values, with those that aliases (*name) repeat")
        if depth > DEEPEST:
            raise _error(event, f"nested more than {DEEPEST} levels deep")


def _scalar(event: Any, tag: str | None) -> Any:
    """A word by its tag; one that is not quoted and has none, by the first rule of the core schema that it follows."""
    text = event.value
    if tag is None:
        tag = next(name for name in CORE if _is(name, text)) if event.implicit[0] else "str"
    if tag not in CORE or not _is(tag, text):
        raise _error(event, f"the tag !!{tag}: {short(text)} is no such value")
    if tag == "int" and len(text) > DIGITS:
        raise _error(event, f"a number of {len(text):,} digits; at most {DIGITS} are read")
    match tag:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if text[:1] == "0" else int(text)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        case "timestamp":
            return Date(text)
    return text


def _is(name: str, text: str) -> bool:
    return re.fullmatch(CORE[name], text, flags=re.DOTALL) is not None


def _error(event: Any, problem: str) -> Exception:
    from ruamel.yaml.constructor import ConstructorError

    return ConstructorError(None, None, problem, event.start_mark)
