"""Small notebooks to run, and a terminal to watch them in."""

import io
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write_notebook(path: Path, *cells: str, parameters: str = "", tags: tuple[str, ...] = ()) -> Path:
    """A notebook of code cells, of Markdown where a cell starts with #; `tags` go to the last cell."""
    nodes = [new_code_cell(parameters, metadata={"tags": ["parameters"]})] if parameters else []
    nodes += [new_markdown_cell(cell) if cell.startswith("#") else new_code_cell(cell) for cell in cells]
    nodes[-1].metadata["tags"] = list(tags)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=nodes, metadata=PYTHON), path)
    return path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
