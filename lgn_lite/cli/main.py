"""The command line, `lgn-lite`: the program itself; the files next to this one hold its commands.

One function per command. Each imports what it needs inside, so that `--help` is instant.
"""

import warnings
from typing import Annotated

import typer

from lgn_lite.cli.data import data_app
from lgn_lite.cli.experiments import experiments_app
from lgn_lite.cli.inspector import inspector_app
from lgn_lite.cli.model import model_app
from lgn_lite.cli.options import MARKUP
from lgn_lite.cli.study import benchmark, study_app
from lgn_lite.support.error_lines import errors_as_lines

app = typer.Typer(
    help="Language-guided moment retrieval: the course, training and prediction. Begin with `lgn-lite run`, which "
    "makes data, models and pages, or read notebooks/00_start_here.ipynb. `lgn-lite COMMAND --help` shows examples.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    pretty_exceptions_show_locals=False,
)


def main() -> None:
    """The console script: an error of input or of the system is one red line and exit code 2; a warning one line."""
    warnings.formatwarning = lambda message, *_, **__: f"note: {message}\n"
    with errors_as_lines():
        app()


def _version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"lgn-lite {version('lgn-lite')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


for commands in (experiments_app, model_app, inspector_app):
    app.add_typer(commands)
app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")
app.command(hidden=True)(benchmark)  # its name before there was a group `study`


if __name__ == "__main__":
    main()
