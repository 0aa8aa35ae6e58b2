"""The project's own papers agree with each other: README, results, dependencies, CI."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from importlinter.cli import lint_imports

from lgn_lite.config import VARIANT_LABELS, VARIANTS, variant_title
from lgn_lite.study import readme as study_readme
from lgn_lite.study import with_present_names

ROOT = Path(__file__).resolve().parents[1]


def test_every_number_of_the_readme_comes_from_the_results_files():
    read = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "notebooks" / "results").glob("*.json")
    }
    blind = [content for name, content in sorted(read.items()) if name.startswith("blind_")]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert study_readme.with_table(readme, "results", study_readme.table(read["09_train"])) == readme
    study = study_readme.ablation_table(with_present_names(read["ablations"]))
    assert study_readme.with_table(readme, "ablations", study) == readme
    assert study_readme.with_table(readme, "claims", study_readme.claims(ROOT / "notebooks" / "results")) == readme
    assert study_readme.with_table(readme, "time", study_readme.time_sentence(read["course_time"])) == readme
    assert study_readme.with_table(readme, "blind", study_readme.blind_table(*blind)) == readme
    assert f"{read['09_train']['variants']['full']['test']['all']['R1@0.5']:.1f}" in readme
    assert f"{read['blind_charades-sta']['rows']['sentence-only LGN']['R1@0.5']:.1f} ±" in readme


def test_the_readme_names_files_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"\((notebooks/[^)]+)\)", readme):
        assert (ROOT / path).exists(), path


# not: what people read instead; names in code may stay
WORDS = {
    r"\btIoU\b": "IoU, at first mention temporal IoU",
    r"\bdropped (?:by|for)\b|NMS (?:has )?drop|uppression (?:has )?drop": "removed by NMS",
    r"(?<![\w/\"'`.-])runs/course/full": "runs/course/models/full/best",
    r"\bfull (?:and|vs\.?|or) (?:the )?baseline\b": "LGN and the baseline",
}


def test_one_word_for_one_thing():
    """In the README, in notebooks with their outputs, and in all strings and comments of the package."""
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "notebooks").glob("*.ipynb")]
    for pattern in ("*.py", "*.js", "*.jinja"):
        files += [*(ROOT / "lgn_lite").rglob(pattern), *(ROOT / "data_scripts").rglob(pattern)]
    for path in files:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":  # pictures in base64 may spell anything
            text = re.sub(r'"image/[\w+]+": "[^"]*"', "", text)
        for wrong, right in WORDS.items():
            found = re.search(wrong, text)
            assert not found, f"{path.relative_to(ROOT)}: {found[0]!r}; say {right}"


def test_a_variant_has_one_name_for_people():
    assert [variant_title(name) for name in VARIANTS] == ["LGN", "baseline", "early", "late", "blind"]
    assert VARIANT_LABELS["full"].startswith(variant_title("full"))


def test_every_promise_names_tests_that_exist():
    table = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    for row in rows:
        assert re.findall(r"`[\w/]+\.py`", row), row
    for file, names in re.findall(r"`([\w/]+\.py)`((?::|,| |`test_\w+`)*)", "\n".join(rows)):
        defined = set(re.findall(r"def (test_\w+)", (ROOT / "tests" / file).read_text(encoding="utf-8")))
        assert set(re.findall(r"`(test_\w+)`", names)) <= defined and defined, file


def test_every_dependency_has_a_tested_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    versions = {name.lower().replace("_", "-"): version for name, version in pinned.items()}
    for line in project["project"]["dependencies"] + project["dependency-groups"]["dev"]:
        name, least = re.match(r"([\w.-]+)>=([\d.]+)", line).groups()
        tested = versions[name.lower().replace("_", "-")]
        assert [int(part) for part in re.findall(r"\d+", tested)] >= [int(part) for part in least.split(".")], line


def test_imports_run_one_way():
    """The layers of pyproject.toml's `tool.importlinter`; `uv run lint-imports` says which import breaks one."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_no_public_name_is_its_module_s_too():
    """`from lgn_lite.analysis import x` would give the module x, once anything has imported it."""
    for stub in (ROOT / "lgn_lite").rglob("__init__.pyi"):
        names = set(re.findall(r"^from \.\w\S* import \w+ as (\w+)$", stub.read_text(encoding="utf-8"), re.M))
        assert names and not names & {path.stem for path in stub.parent.iterdir()}, stub


def test_tests_mirror_the_package():
    """`tests/<folder>/test_<module>….py`; what starts processes, kernels, browsers or servers is in `system/`;
    the parity with 2D-TAN in `golden/`."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        if str(folder) in ("system", "golden") or path.stem in ("test_project", "test_repository", "test_bad_input"):
            continue
        modules = [module.stem for module in (ROOT / "lgn_lite" / folder).glob("*.py")]
        name = path.stem.removeprefix("test_")
        assert any(name == module or name.startswith(f"{module}_") for module in modules), path


def test_ruff_is_content_with_package_notebooks_and_tests():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout


def test_every_text_file_is_opened_with_its_encoding():
    """ruff's PLW1514 sees only paths whose type it knows; a machine's own encoding would read other words."""
    found = []
    for folder in ("lgn_lite", "data_scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [f"{path.name}:{call.lineno}" for call in ast.walk(tree) if _lacks_encoding(call)]
    assert not found


def _lacks_encoding(call: ast.AST) -> bool:
    if not isinstance(call, ast.Call) or any(word.arg == "encoding" for word in call.keywords):
        return False
    if isinstance(call.func, ast.Attribute):
        by_words = any(word.arg == "text" for word in call.keywords)
        return (
            (call.func.attr == "read_text" and not call.args)
            or (call.func.attr == "write_text" and len(call.args) == 1)
            or (call.func.attr in ("run", "Popen", "check_output") and by_words)
        )
    return isinstance(call.func, ast.Name) and call.func.id == "open"


def test_scripts_end_with_a_line_where_something_is_wrong():
    for path in (ROOT / "data_scripts").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "with errors_as_lines():" in text or "@errors_as_lines()" in text, path.name


def test_no_file_tells_where_it_was_made():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if listed.returncode != 0:
        files = [path for folder in ("lgn_lite", "notebooks") for path in (ROOT / folder).rglob("*")]
    else:
        files = [ROOT / name for name in listed.stdout.splitlines()]
    machine = re.compile(r"/(root|home|work)/\w+|index-url|files\.pythonhosted")
    for path in files:
        if "tests" in path.relative_to(ROOT).parts:  # they hold made-up paths on purpose
            continue
        if path.suffix in {".py", ".ipynb", ".md", ".yml", ".toml", ".txt", ".json"}:
            found = machine.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(ROOT)}: {found}"
