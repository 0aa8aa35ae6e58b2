"""Which parameters a notebook declares: its cell with the tag `parameters`, read as Python reads it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from lgn_lite.errors import InputError


def is_injected(cell: NotebookNode) -> bool:
    """Whether papermill has put this cell into an executed copy: the values that were given."""
    return "injected-parameters" in cell.metadata.get("tags", [])


def declared_names(notebook: NotebookNode, path: Path) -> list[str]:
    """The names that the parameters cell assigns or annotates, in their order; none without such a cell.

    Python's own parser reads it, after IPython has turned `%magic` lines into calls: papermill goes by a regular
    expression, which passes `width: int | None = None` by. Raises InputError for a cell that is not Python, and for a
    second one, which papermill would let overwrite the values that it has injected after the first.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) > 1:
        raise InputError(f"{path}: {len(cells)} cells have the tag parameters; keep it on one of them")
    if not cells or cells[0].cell_type != "code":
        return []
    try:
        tree = ast.parse(TransformerManager().transform_cell(cells[0].source))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise InputError(f"{path}: the parameters cell is not Python{line}: {reason}; correct it") from error
    return list(dict.fromkeys(_assigned(tree)))


def _assigned(node: ast.AST) -> Iterator[str]:
    """The names that statements of the cell itself assign, those inside `if`, `with` or `try` among them."""
    for statement in ast.iter_child_nodes(node):
        if isinstance(statement, ast.Assign):
            yield from (name for target in statement.targets for name in _names(target))
        elif isinstance(statement, ast.AnnAssign):
            yield from _names(statement.target)
        elif isinstance(statement, ast.If | ast.With | ast.Try | ast.ExceptHandler | ast.Match | ast.match_case):
            yield from _assigned(statement)


def _names(target: ast.AST) -> Iterator[str]:
    """`a` and `b` in `a, (b, *c)`, in this order; not `x.y` and `x[0]`."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
        for part in ast.iter_child_nodes(target):
            yield from _names(part)
