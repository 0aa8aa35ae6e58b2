"""What help, messages, README, notebooks and pages tell people to type exists: commands, options, paths."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from lgn_lite.cli import main as cli
from lgn_lite.config import VARIANTS

ROOT = Path(__file__).resolve().parents[2]
APP = typer.main.get_command(cli.app)
# a command ends with its code span or line, before a remark in brackets, or where words are left out
COMMAND = re.compile(r"(?<![\w/-])lgn-lite((?: +(?!\()[^\s`…<]+)+)")


def texts() -> Iterator[tuple[str, str]]:
    """(file, text) of all that people read: prose, and strings of the code, where X stands for what is filled in."""
    for path in (*ROOT.glob("*.md"), *ROOT.glob("tests/*.md"), *ROOT.glob("lgn_lite/**/*.jinja")):
        yield path.name, path.read_text(encoding="utf-8")
    for path in ROOT.glob("lgn_lite/**/*.js"):
        yield path.name, path.read_text(encoding="utf-8")
    for path in ROOT.glob("notebooks/*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            yield path.name, "".join(cell["source"])
    for path in (*ROOT.glob("lgn_lite/**/*.py"), *ROOT.glob("data_scripts/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
                yield path.name, "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, node.value


def found_commands() -> list[tuple[str, str]]:
    found = {}
    for name, text in texts():
        for match in COMMAND.finditer(re.sub(r"\\\n\s*", "", text)):
            words = match[1].partition(" #")[0].strip().rstrip(".,;:)'\"")
            if words.count('"') % 2 == 0 and words.count("'") % 2 == 0:
                found[name, words] = None
    return list(found)


def test_what_is_searched_is_found():
    found = found_commands()
    names = {name for name, _ in found}
    assert {"README.md", "09_train.ipynb", "registry.py", "data_sets.py", "study.py", "build_miniature.py"} <= names
    assert ("CONTRIBUTING.md", "data status --root data/mini") in found


@pytest.mark.parametrize(("file", "words"), found_commands())
def test_a_command_that_is_named_exists_with_its_options(file, words):
    command, rest = APP, shlex.split(words)
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    if hasattr(command, "commands"):  # a group, or the program itself, with nothing but its own options
        assert not rest or rest[0].startswith("-") or rest[0] in ("COMMAND", "X"), f"{file}: no command {rest[0]}"
    options = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    for word in rest:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in options | {"--help"}, f"{file}: lgn-lite {words}"


def commands_with_examples() -> dict[str, tuple]:
    found, groups = {}, [("", APP)]
    for prefix, group in groups:
        for name, command in group.commands.items():
            path = f"{prefix} {name}".strip()
            if hasattr(command, "commands"):
                groups.append((path, command))
            elif not command.hidden:
                found[path] = command
    return found


@pytest.mark.parametrize("path", commands_with_examples())
def test_every_command_has_sentences_and_examples_that_it_takes(path):
    command = commands_with_examples()[path]
    assert re.match(r"[A-Z].*\.", command.help, re.S) and command.help.strip()[-1] in ".)"
    for parameter in command.params:
        assert re.match(r"[A-Z`a-z].*\.$", parameter.help or "", re.S), parameter.name
    shown = re.findall(r"^- `lgn-lite (.*)`$", command.epilog or "", re.M)
    assert shown
    for example in shown:
        words = shlex.split(example)
        depth = len(path.split())
        assert words[:depth] == path.split()
        command.make_context(path, words[depth:])  # raises where it does not take them


@pytest.mark.parametrize("group", ["", "data", "study"])
def test_a_group_says_where_to_begin(group):
    command = APP.commands[group] if group else APP
    assert "Begin with `lgn-lite" in command.help


def test_paths_of_a_run_are_those_that_a_run_leaves():
    for file, text in texts():
        for rest in re.findall(r"runs/course/([\w./-]+)", text):
            parts = rest.rstrip(".").split("/")
            assert parts[0] in ("models", "notebooks", "results", "site", "run.json"), f"{file}: runs/course/{rest}"
            if parts[0] == "models" and len(parts) > 1 and parts[1]:
                assert parts[1] in VARIANTS and (len(parts) == 2 or parts[2] in ("best", "")), f"{file}: {rest}"


def test_files_of_the_project_that_are_named_exist():
    for file, text in texts():
        for path in re.findall(r"(?<![\w/.])(data_scripts/\w+\.py|notebooks/[\w/]+\.(?:ipynb|yaml))\b", text):
            assert (ROOT / path).exists() or file == "CONTRIBUTING.md", f"{file}: {path}"
