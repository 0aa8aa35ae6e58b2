"""The committed notebooks: what the house style asks of them, their exercises, and their outputs by nbval."""

import inspect
import json
import re
import runpy
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from helpers.messages import message
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from lgn_lite.course import check
from lgn_lite.moments import Moments
from lgn_lite.support.files import notebook_number

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
HEADINGS = ("What you will learn", "Exercises", "Summary", "Back and on")  # of the skeleton, in this order
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks():
    assert {"00_start_here", "09_train"} <= {path.stem for path in NOTEBOOKS}


def code_lines(cell) -> int:
    return sum(1 for line in cell.source.splitlines() if line.strip())


def prose_words(cell) -> int:
    """Words that a reader of a Markdown cell reads: not what is folded, nor tables and formulas."""
    text = re.sub(r"(?s)<details>.*?</details>|\$\$.*?\$\$", "", cell.source)
    text = re.sub(r"(?m)^\|.*$", "", text)
    return len(re.findall(r"\w[\w.’'-]*", text))


def first_code(notebook):
    return next(cell for cell in notebook.cells if cell.cell_type == "code")


def import_lines(cell) -> list[str]:
    """The module of each import in a code cell."""
    return re.findall(r"^(?:from|import) (\S+)", cell.source, flags=re.MULTILINE)


def complaints(notebook, size: int = 0) -> list[str]:
    """Everything that the house style forbids and this notebook does."""
    found = []
    cells = [cell for cell in notebook.cells if cell.source.strip()]
    code = [cell for cell in cells if cell.cell_type == "code"]
    lengths = sorted(code_lines(cell) for cell in code)
    found += [f"median code cell has {m} lines"] if (m := statistics.median(lengths)) > 8 else []
    ninety = lengths[int(0.9 * (len(lengths) - 1))]
    found += [f"the 90 % point of the code cells is {ninety} lines"] if ninety > 25 else []
    found += [f"longest code cell has {lengths[-1]} lines"] if lengths[-1] > 45 else []

    words = sum(prose_words(cell) for cell in cells if cell.cell_type == "markdown")
    ratio = words / sum(lengths)
    found += [f"{ratio:.1f} words of prose per code line"] if not 6 <= ratio <= 14 else []
    imported = len(set(import_lines(code[0])))
    found += [f"the first code cell imports from {imported} places"] if imported > 7 else []
    kinds = "".join("c" if cell.cell_type == "code" else "m" for cell in cells)
    bare = len(re.findall("(?<=c)c|^c", kinds))
    found += [f"{bare} code cells have no prose before them"] if bare > 0.15 * len(code) else []
    found += ["four code cells in a row"] if "cccc" in kinds else []

    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    found += [f"{len(tagged)} cells tagged parameters"] if len(tagged) != 1 else []
    counts = [cell.execution_count for cell in code]
    found += ["not executed from 1 to n"] if counts != list(range(1, len(code) + 1)) else []
    for cell in code:
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {cell.execution_count} ended in {output.ename}")
            if any("widget" in kind for kind in output.get("data", {})):
                found.append(f"cell {cell.execution_count} left a widget")
            if "Warning" in "".join(output.get("text", "")):
                found.append(f"cell {cell.execution_count} left a warning")

    markdown = [cell.source for cell in cells if cell.cell_type == "markdown"]
    if not re.match(r"# .+\n\n\*.+\*", markdown[0]):
        found.append("the first cell is not a title and a promise in one line")
    headings = re.findall(r"^## (.+)$", "\n".join(markdown), flags=re.MULTILINE)
    if [heading for heading in headings if heading in HEADINGS] != list(HEADINGS):
        found.append(f"the headings {', '.join(HEADINGS)} are not all there in this order")
    opening = "\n".join(markdown[:3])
    found += [f"no {word}" for word in ("**Time**", "**Hardware**", "**Read first**") if word not in opening]
    found += ["the model is not drawn"] if not any("draw_model(" in cell.source for cell in code) else []
    exercises = sum("check." in cell.source for cell in code)
    found += [f"{exercises} exercises with a check"] if not 2 <= exercises <= 5 else []

    found += ["the state of a widget"] if "widgets" in notebook.metadata else []

    texts = [str(notebook.metadata)]
    for cell in cells:
        texts += [cell.source, str(cell.metadata)]
        for output in cell.get("outputs", []):
            texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    for text in texts:
        if place := re.search(r"(?<![\w.])/(work|home|root|tmp|Users)/\S*", text):
            found.append(f"the path {place[0]} of one machine")
    found += [f"{size / 1000:.0f} kB, more than 700"] if size > 700_000 else []
    return found


@each_notebook
def test_house_style(path):
    assert complaints(nbformat.read(path, 4), path.stat().st_size) == []


def test_the_first_cells_import_little():
    notebooks = [nbformat.read(path, 4) for path in NOTEBOOKS]
    first = [first_code(notebook) for notebook in notebooks]
    assert sum(len(import_lines(cell)) for cell in first) <= 6.7 * len(first)
    assert all(cell.source.endswith("\nsetup()") for cell in first)


def first_output(notebook):
    return next(cell.outputs[0] for cell in notebook.cells if cell.get("outputs"))


@pytest.mark.parametrize(
    "damage, told",
    [
        (lambda nb: nb.cells.pop(0), "title"),
        (lambda nb: nb.metadata.update(widgets={}), "the state of a widget"),
        (lambda nb: nb.cells.append(nbformat.v4.new_code_cell("x = 1\n" * 46)), "46 lines"),
        (lambda nb: nb.cells.extend(nbformat.v4.new_code_cell("x = 1") for _ in range(4)), "four code cells"),
        (lambda nb: nb.cells.append(nbformat.v4.new_markdown_cell("word " * 5000)), "words of prose"),
        (lambda nb: nb.cells[-1].update(source="## The end"), "headings"),
        (lambda nb: nb.cells[-1].update(source=nb.cells[-1].source + " /home/me/x"), "/home/me/x"),
        (lambda nb: first_code(nb).update(source="\n".join(f"import m{i}" for i in range(8))), "from 8 places"),
        (lambda nb: [cell.metadata.clear() for cell in nb.cells], "0 cells tagged parameters"),
        (lambda nb: first_output(nb).update(text="FutureWarning: x"), "left a warning"),
        (lambda nb: [cell.update(execution_count=7) for cell in nb.cells if "outputs" in cell], "1 to n"),
    ],
)
def test_the_lint_sees_damage(damage, told):
    notebook = nbformat.read(NOTEBOOKS[0], 4)
    damage(notebook)
    assert any(told in complaint for complaint in complaints(notebook))


@each_notebook
def test_links_lead_to_notebooks_that_exist(path):
    markdown = "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)#]+)", markdown)
    assert targets and [target for target in targets if not (FOLDER / target).exists()] == []


# The exercises ----------------------------------------------------------------------------------------------


def exercises() -> dict[str, tuple[str, str, str]]:
    """Every exercise by the name of its check: solution, stub, name of the function or class."""
    found = {}
    for path in NOTEBOOKS:
        before = ""
        for cell in nbformat.read(path, 4).cells:
            if asked := re.search(r"^check\.(\w+)\((\w+)", cell.source, flags=re.MULTILINE):
                solution = re.search(
                    r"<details><summary>Solution</summary>\s+```python\n(.*?)```", before, flags=re.DOTALL
                )
                assert solution, f"{path.name}: check.{asked[1]} has no folded solution before it"
                found[asked[1]] = solution[1], cell.source, asked[2]
            before = cell.source
    return found


EXERCISES = exercises()
IMPORTED = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "Moments": Moments}  # by then, in a notebook
ANSWERS = FOLDER.parent / "tests" / "helpers" / "exercises"
KNOWN = {path.stem[1:]: runpy.run_path(path) for path in sorted(ANSWERS.glob("n*.py"))}
WRONG = {name: answers for known in KNOWN.values() for name, answers in known["WRONG"].items()}
ENOUGH = 8  # wrong answers to an exercise: the mistakes that readers make


def wrong_answers() -> list:
    """(check, wrong answer, what its message has to say) for each; a bare function may be given any reason."""
    found = []
    for name, answers in WRONG.items():
        for i, answer in enumerate(answers):
            solution, words = answer if isinstance(answer, tuple) else (answer, "")
            found.append(pytest.param(name, solution, words, id=f"{name}-{i}"))
    return found


def test_every_check_belongs_to_an_exercise_and_has_wrong_answers():
    checks = {name for name, value in vars(check).items() if inspect.isfunction(value) and name[0] != "_"}
    assert checks == set(EXERCISES) == set(WRONG)
    assert [f"{name}: {len(answers)}" for name, answers in WRONG.items() if len(answers) < ENOUGH] == []


@pytest.mark.parametrize("name", EXERCISES)
def test_the_folded_solution_is_right(name, capsys):
    solution, _, made = EXERCISES[name]
    space = dict(IMPORTED)
    exec(solution, space)
    getattr(check, name)(space[made])
    assert capsys.readouterr().out.startswith(f"{made}: right.")


def in_numpy(answer):
    if isinstance(answer, (list, tuple)) and not any(torch.is_tensor(part) for part in answer):
        parts = [in_numpy(part) for part in answer]
        try:
            return np.array(parts, dtype=float)
        except (TypeError, ValueError):  # words among them, or rows of unequal length
            return tuple(parts) if isinstance(answer, list) else parts
    if isinstance(answer, dict):
        return {key: in_numpy(value) for key, value in answer.items()}
    return np.asarray(answer)[()] if isinstance(answer, (bool, int, float)) else answer


def in_tensors(answer):
    if isinstance(answer, (list, tuple)):
        parts = [in_tensors(part) for part in answer]
        numbers = isinstance(in_numpy(answer), np.ndarray) and not any(torch.is_tensor(part) for part in answer)
        return torch.tensor(answer) if numbers else parts
    if isinstance(answer, dict):
        return {key: in_tensors(value) for key, value in answer.items()}
    return torch.tensor(answer) if isinstance(answer, (bool, int, float)) else answer


FUNCTIONS = [name for name, (solution, _, made) in EXERCISES.items() if f"class {made}" not in solution]


@pytest.mark.parametrize("kind", [in_numpy, in_tensors])
@pytest.mark.parametrize("name", FUNCTIONS)  # modules return tensors
def test_right_answers_of_another_kind_pass(name, kind, capsys):
    """Tuples for lists, arrays, tensors in single precision, numbers of NumPy: only what they hold counts."""
    solution, _, made = EXERCISES[name]
    space = dict(IMPORTED)
    exec(solution, space)
    getattr(check, name)(lambda *arguments: kind(space[made](*arguments)))
    assert capsys.readouterr().out.startswith(f"{made}: right.")


@pytest.mark.parametrize("name, solution, words", wrong_answers())
def test_a_wrong_answer_is_told_what_is_wrong(name, solution, words):
    assert words in message(getattr(check, name), solution)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_empty_stub_is_neither_right_nor_wrong(name, capsys):
    exec(EXERCISES[name][1], IMPORTED | {"check": check})
    assert "nothing returned yet" in capsys.readouterr().out


def test_an_answer_of_another_kind_is_wrong():
    with pytest.raises(AssertionError, match="gave 'ten'"):
        check.count_candidates(lambda n: "ten")
    with pytest.raises(AssertionError, match="gave"):
        check.best_moment(lambda scores, n, duration: (0.0, 5.0, 10.0))


# The outputs ------------------------------------------------------------------------------------------------


def nbval(notebook: Path) -> subprocess.CompletedProcess:
    """Run the notebook once more; outputs of the cells tagged nbval-check-output must be the stored ones."""
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    command += ["-q", notebook.name]
    return subprocess.run(command, cwd=notebook.parent, capture_output=True, text=True)


@pytest.mark.slow
@each_notebook
def test_nbval(path, tiny_toy, tmp_path):
    given = {"size": "tiny", "profile": "smoke", "run_dir": (tmp_path / "run").as_posix()}
    copy = tmp_path / path.name
    notebook = parameterize_notebook(load_notebook_node(str(path)), given)
    nbformat.write(notebook, copy)
    done = nbval(copy)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert (tmp_path / "run" / "results" / f"{path.stem}.json").exists()


@pytest.mark.slow
def test_nbval_sees_a_changed_output(tmp_path):
    tags = {"tags": ["nbval-check-output"]}
    cell = nbformat.v4.new_code_cell("print(1 + 1)", metadata=tags, execution_count=1)
    for stored, code in (("2\n", 0), ("3\n", 1)):
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)]
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "sum.ipynb")
        assert nbval(tmp_path / "sum.ipynb").returncode == code


@each_notebook
def test_key_numbers_of_the_committed_run(path):
    """What a notebook leaves behind lies where its text says that it lies."""
    results = json.loads((FOLDER / "results" / f"{path.stem}.json").read_text())
    assert results
    for key, (low, high) in KNOWN[notebook_number(path)].get("EXPECTED", {}).items():
        assert low <= results[key] <= high, f"{key}: {results[key]} is not between {low} and {high}"
