"""The committed notebooks take their outputs from a run's executed copies."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lgn_lite.errors import InputError
from lgn_lite.study.notebooks import write_outputs
from lgn_lite.support.streams import WIDGET

PIXEL = "iVBORw0KGgo="


def written(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.fixture
def course(tmp_path):
    """A notebook of two cells, and its copy as a run leaves it: an injected cell, a bar, two streams, a widget."""
    sources = ["run_dir = 'runs/course'", "train()"]
    notebook = written(tmp_path / "notebooks" / "00_x.ipynb", [new_markdown_cell("# X"), *map(new_code_cell, sources)])
    outputs = [
        new_output("stream", name="stderr", text="10%|#   |\r"),
        new_output("stream", name="stdout", text="0 %\r100 %\n"),
        new_output("stream", name="stdout", text="saved to runs/trial/models\n"),
        new_output("display_data", data={WIDGET: {"model_id": "1"}, "text/plain": "Inspector()"}),
        new_output("display_data", data={WIDGET: {"model_id": "2"}, "image/png": PIXEL}),
        new_output("execute_result", data={"text/plain": "'runs/trial'"}, execution_count=9),
    ]
    injected = new_code_cell("run_dir = 'runs/trial'", metadata={"tags": ["injected-parameters"]}, execution_count=2)
    last = new_code_cell(sources[1], outputs=outputs, execution_count=3, metadata={"execution": {"status": "idle"}})
    cells = [new_markdown_cell("# X"), new_code_cell(sources[0], execution_count=1), injected, last]
    executed = written(tmp_path / "runs" / "trial" / "notebooks" / "00_x.ipynb", cells)
    return notebook, executed


@pytest.fixture(autouse=True)
def project(monkeypatch, tmp_path):
    monkeypatch.setattr("lgn_lite.study.notebooks.project_root", lambda: tmp_path)


def test_outputs_are_those_of_the_run_in_the_form_that_is_committed(course):
    notebook, _ = course
    assert write_outputs("runs/trial") == [notebook]
    first, last = (cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code")
    assert (first.source, first.execution_count, last.execution_count) == ("run_dir = 'runs/course'", 1, 2)
    assert "execution" not in last.metadata
    text, picture, result = last.outputs
    assert (text.name, text.text) == ("stdout", "100 %\nsaved to runs/course/models\n")
    assert dict(picture.data) == {"image/png": PIXEL}
    assert (result.data["text/plain"], result.execution_count) == ("'runs/course'", 2)
    assert write_outputs("runs/trial") == []  # nothing more to change


def test_a_copy_of_other_code_and_a_missing_one_are_refused(course):
    notebook, executed = course
    before = notebook.read_bytes()
    written(executed, [new_code_cell("run_dir = 'runs/course'"), new_code_cell("train(1)")])
    with pytest.raises(InputError, match="00_x: its code has changed since runs/trial executed it"):
        write_outputs("runs/trial")
    executed.unlink()
    with pytest.raises(InputError, match="00_x: not executed in runs/trial"):
        write_outputs("runs/trial")
    assert notebook.read_bytes() == before
