"""How values are written on the command line and in grid files: YAML 1.2, of which what JSON can hold is taken.

ruamel.yaml reads it; only which plain words are numbers and booleans is decided here, by YAML 1.2's core schema, as
the library still reads what else 1.1 had (`1_0` for 10), and how much may hide in a few lines.
"""

import math
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver

from lgn_lite.errors import InputError

MAX_TEXT = 1_000_000  # characters of a text: seconds to read
MAX_VALUES = 1_000_000  # values in it, with those that aliases repeat
MAX_DEPTH = 50  # levels of lists and mappings
MAX_DIGITS = 400  # of a whole number; a float has 308 at most

TAG = "tag:yaml.org,2002:"
CORE = {  # https://yaml.org/spec/1.2.2/#103-core-schema; dates are none of its types, but nobody means a text by them
    "null": r"null|Null|NULL|~|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "timestamp": r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt\s].*)?",
    "merge": r"<<",  # of YAML 1.1, which people are fond of
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
    if len(text) > MAX_TEXT:
        raise InputError(f"{where}: has {len(text):,} characters; at most {MAX_TEXT:,} are read")
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.Constructor, yaml.max_depth = _Resolver, _Constructor, MAX_DEPTH + 1
    yaml.composer.warn_double_anchors = False
    try:
        if (node := yaml.compose(text)) is None:
            return None
        _check(node, {})
        return yaml.constructor.construct_document(node)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        position = where if mark is None or one_line else f"{where}:{mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        problem = " ".join(problem.partition(", if necessary increase")[0].split()).removeprefix("but ")[:200]
        raise InputError(f"{position}: not YAML: {problem}{'; quote it' if one_line else ''}") from error
    except (ValueError, OverflowError, AssertionError) as error:  # ruamel's own: "\\UFFFFFFFF", %YAML 1.99
        raise InputError(f"{where}: not YAML: {str(error).partition('; ')[0]}") from error


def check_value(value: Any, where: str) -> None:
    """Raise InputError, which begins with `where`, for a value that JSON and a notebook's cell cannot both hold.

    They hold texts, finite numbers, booleans, None, and lists and dicts of these whose keys are texts.
    """
    left = MAX_VALUES

    def check(value: Any, depth: int) -> None:
        nonlocal left
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            bound = f"more than {MAX_DEPTH} levels deep" if depth > MAX_DEPTH else f"of more than {MAX_VALUES:,} parts"
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
        return value.bit_length() <= MAX_DIGITS * math.log2(10)
    return value is None or (isinstance(value, float) and math.isfinite(value))


class _Resolver(VersionedResolver):
    """Tags plain words by the core schema, whatever %YAML a text begins with."""

    processing_version = (1, 2)
    versioned_resolver: ClassVar = {  # by the first character, None for any
        None: [(TAG + name, re.compile(rf"(?:{rule})\Z", re.DOTALL)) for name, rule in CORE.items()]
    }


class _Constructor(SafeConstructor):
    """Makes values of the core schema's tags, and of no others."""

    def scalar(self, node: Node) -> Any:
        name, text = node.tag.removeprefix(TAG), self.construct_scalar(node)
        if name != "str" and not re.fullmatch(CORE[name], text, re.DOTALL):
            raise _error(node, f"the tag !!{name}: {short(text)} is not such a value")
        if name == "int" and len(text) > MAX_DIGITS:
            raise _error(node, f"a number of {len(text):,} digits; at most {MAX_DIGITS} are read")
        if name in ("null", "bool", "int", "float"):
            return getattr(self, f"construct_yaml_{name}")(node)
        return Date(text) if name == "timestamp" else text

    def other(self, node: Node) -> None:
        tag = node.tag.removeprefix(TAG)[:40]
        raise _error(node, f"the tag !!{tag}; only plain values, lists and mappings are read here")

    yaml_constructors: ClassVar = {
        TAG + "seq": SafeConstructor.construct_yaml_seq,
        TAG + "map": SafeConstructor.construct_yaml_map,
        **dict.fromkeys((TAG + name for name in (*CORE, "str")), scalar),
        None: other,
    }


def _check(node: Node, known: dict[Node, tuple[int, int] | None]) -> tuple[int, int]:
    """How many values a node holds and how deep, with those that aliases repeat: ten lines may amount to gigabytes.

    Refuses keys, too, that ruamel takes: lists, and one that is there twice next to a merge.
    """
    if node not in known:
        known[node] = None  # until its end
        parts = node.value if isinstance(node, SequenceNode) else []
        if isinstance(node, MappingNode):
            _check_keys([key for key, _ in node.value])
            parts = [part for pair in node.value for part in pair]
        sizes, depths = zip((0, -1), *(_check(part, known) for part in parts), strict=True)
        known[node] = 1 + sum(sizes), 1 + max(depths)
    if (found := known[node]) is None:
        raise _error(node, f"the alias *{node.anchor} is not after the end of what it refers to")
    if found[0] > MAX_VALUES:
        raise _error(node, f"more than {MAX_VALUES:,} values, with those that aliases (*name) repeat")
    if found[1] > MAX_DEPTH:
        raise _error(node, f"nested more than {MAX_DEPTH} levels deep")
    return found


def _check_keys(keys: list[Node]) -> None:
    seen: set[tuple[str, str]] = set()
    for key in keys:
        if not isinstance(key, ScalarNode):
            raise _error(key, "a list or a mapping as a key; write a name")
        if (key.tag, key.value) in seen:
            raise _error(key, f"the key {short(key.value)} is there twice")
        seen.add((key.tag, key.value))


def _error(node: Node, problem: str) -> ConstructorError:
    return ConstructorError(None, None, problem, node.start_mark)
