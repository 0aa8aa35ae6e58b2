"""Values in YAML 1.2: what a word is, what is refused in one line, and that a notebook gets what was written."""

import ast
import datetime
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import PythonTranslator

from lgn_lite.cli.options import parse_parameters
from lgn_lite.errors import InputError
from lgn_lite.experiments.values import check_value, read_values, short


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # not numbers, but of 1.1
        ("1_0", "1_0"), ("1_000.5", "1_000.5"), ("0x_1", "0x_1"), ("1:30", "1:30"), ("12:30:45.1", "12:30:45.1"),
        ("0b11", "0b11"), ("1__0", "1__0"), ("_1", "_1"), ("-0x1", "-0x1"), ("0o8", "0o8"),
        # and those that 1.1 reads otherwise, or not
        ("010", 10), ("0777", 777), ("-08", -8), ("0o17", 15), ("0x1F", 31), ("1e-3", 0.001), ("1E5", 1e5),
        ("12e03", 12000.0), (".5", 0.5), (".5e3", 500.0), ("5.", 5.0), ("+.5", 0.5), ("+1", 1), ("1.2.3", "1.2.3"),
        # words
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("OFF", "OFF"), ("y", "y"), ("N", "N"), ("tRUE", "tRUE"),
        ("true", True), ("FALSE", False), ("~", None), ("Null", None), ("nULL", "nULL"), ("", None), ("=", "="),
        # what is quoted or tagged stays a text
        ("'10'", "10"), ('"1e-3"', "1e-3"), ("!!str 10", "10"), ("'true'", "true"), ("'2026-01-01'", "2026-01-01"),
        ("!!int '10'", 10), ("!!float 1", 1.0), ("%YAML 1.1\n---\n[010, yes, 1_0]", [10, "yes", "1_0"]),
        # JSON, flows, anchors
        ('{"a":1,"b":[null,"\\/"]}', {"a": 1, "b": [None, "/"]}), ("[a?b, http://x:1]", ["a?b", "http://x:1"]),
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}), ("[&x 1, *x, &x 2, *x]", [1, 1, 2, 2]),
        ("- &x {a: 1, b: 2}\n- {<<: *x, b: 3}", [{"a": 1, "b": 2}, {"a": 1, "b": 3}]),
    ],
)  # fmt: skip
def test_a_word_is_what_yaml_1_2_says(text, value):
    found = read_values(text, "x")
    assert (found, type(found)) == (value, type(value))


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
LAUGHS += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x:3: not YAML: the key 'a' is there twice"),
        ("a: {b: 1, 'b': 2}", "x:1: not YAML: the key 'b' is there twice"),
        ("!!python/object/apply:os.system [x]", "the tag !!python/object/apply:os.system; only plain values"),
        ("!!set {a, b}", "the tag !!set"), ("!!binary aGk=", "the tag !!binary"), ("!mine 3", "the tag !!!mine"),
        ("!!int 1_0", "the tag !!int: '1_0' is not such a value"), ("!!bool yes", "the tag !!bool"),
        ("? [a]\n: 1", "a list or a mapping as a key"), ("{[a, b]: 1}", "a list or a mapping as a key"),
        ("&a [*a]", "the alias *a is not after the end"), ("&a {b: [*a]}", "the alias *a"), ("*a", "undefined alias"),
        ("<<: 3", "expected a mapping or list of mappings for merging"), ("a: [", "x:1: not YAML"),
        ("- &a {b: 1}\n- {<<: *a, c: 2, c: 3}", "x:2: not YAML: the key 'c' is there twice"),
        ("- &a {b: 1}\n- {<<: *a, <<: *a}", "the key '<<' is there twice"),
        ("{1: a, 0x1: \"b\\n\"}", "found duplicate key"), ("!!str [1]", "expected a scalar"),
        ("- 1\n---\n- 2", "found another document"), (LAUGHS, "more than 1,000,000 values"),
        (LAUGHS.replace("[x", "{b: &x {}, <<: [*x").replace("[*a", "{<<: [*a").replace("]", "]}"), "than 1,000,000"),
        ("[" * 100_000, "maximum depth of data structure exceeded (52)"),
        ("a:\n" + "".join(f"{' ' * n}- b:\n" for n in range(1, 200, 2)), "x:26: not YAML: maximum depth"),
        ("a: &a " + "[" * 30 + "]" * 30 + "\nb: " + "[" * 30 + "*a" + "]" * 30, "nested more than 50 levels"),
        ("9" * 5000, "a number of 5,000 digits; at most 400"), ("0x" + "f" * 5000, "a number of 5,002 digits"),
        ("x" * 1_000_001, "has 1,000,001 characters; at most 1,000,000"), ("a: \x00", "not YAML: unacceptable"),
        ('"\\UFFFFFFFF"', "not YAML"), ('"\\U00110000"', "not YAML"), ("%YAML 1.9999999999\n---\na", "not YAML"),
        ("%YAML " + "9" * 5000 + ".1\n---\na", "not YAML"), ("a: |9999999999\n x", "not YAML"), ("\tb", "not YAML"),
    ],
)  # fmt: skip
def test_what_is_refused_is_one_line_soon(text, message):
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        read_values(text, "x")
    assert message in str(caught.value) and str(caught.value).startswith("x:")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    assert time.monotonic() - start < 60


OWN: list = []
OWN.append(OWN)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), [1, {"a": float("-inf")}], {1: 2}, {"a": {None: 1}}, {1, 2}, b"x", Path("x"),
     datetime.date(2026, 1, 1), 10**500, "\ud800", {"\udfff": 1}, 1j, OWN, object()],
)  # fmt: skip
def test_what_json_cannot_hold_is_one_line(value):
    with pytest.raises(InputError, match=r"^here: a (value|key) that JSON cannot hold, [^\n]+$"):
        check_value(value, "here")


@pytest.mark.parametrize(
    "word",
    ["x=.nan", "x=-.INF", "x=1e999", "x=2026-01-01", "x=2026-13-45", "x={1: 2}", "x=[2001-12-14 21:59:43]",
     'x="\\ud800"', "x=!!set {a}", "x=[", "x=a: b: c"],
)  # fmt: skip
def test_such_a_value_on_the_command_line_is_quoted_in_one_line(word):
    with pytest.raises(InputError, match=r"^'x=[^\n]+quote it[^\n]*$"):
        parse_parameters([word])


def test_a_key_given_twice_is_refused_though_the_value_is_the_same():
    for words in (["x=1", "x=2"], ["x=1", "y=1", "x=1"]):
        with pytest.raises(InputError, match="x is given twice"):
            parse_parameters(words)


def test_a_long_value_is_shortened():
    assert short("seed=1") == "'seed=1'" and len(short("x" * 10**6)) < 200 and short(10**5000).startswith("a number")


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain |= st.text(st.characters(exclude_categories=["Cs"]))


@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab\"\\'\n"), inner), max_leaves=5))
def test_what_passes_the_check_is_the_same_in_json_and_in_a_notebook_s_cell(value):
    check_value(value, "x")
    assert json.loads(json.dumps(value)) == value
    (line,) = ast.parse(PythonTranslator.codify({"x": value})).body
    assert ast.literal_eval(line.value) == value
