"""What the commands share: the console, the options that several of them take, KEY=VALUE words, wide tables."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lgn_lite.errors import InputError

console = Console()
SAY = dict(markup=False, highlight=False, soft_wrap=True)  # paths, addresses and commands as they are


class Profile(StrEnum):
    """How much the notebooks compute."""

    smoke = "smoke"
    cpu = "cpu"
    gpu = "gpu"


def _repeatable(name: str, short: str, what: str) -> Any:
    text = f"{what}, its value in YAML; repeatable."
    return typer.Option(name, short, metavar="KEY=VALUE", help=text, show_default=False)


Device = Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1, mps.")]
RunsDir = Annotated[str, typer.Option(metavar="PATH", help="Folder of all runs, from the project's folder.")]
Root = Annotated[Path, typer.Option(help="Folder of all data sets.")]
Size = Annotated[str, typer.Option(help="Toy-STA's size: tiny, small or full.")]
ParameterOptions = Annotated[list[str] | None, _repeatable("--parameter", "-p", "A notebook parameter")]
SettingOptions = Annotated[list[str] | None, _repeatable("--setting", "-s", "A setting of the model")]
TrainingOptions = Annotated[list[str] | None, _repeatable("--training", "-t", "A setting of the training")]


def folder_name(name: str, option: str = "--name") -> str:
    """A name given for a run's or a sweep's folder; InputError if it is not one that every system takes.

    An empty one would be the folder of all runs itself.
    """
    from lgn_lite.experiments.values import short

    shown = f"{option} {short(name)}"
    if not name.strip():
        raise InputError(f"{shown} is empty: give the name of a folder, such as course")
    if name in (".", "..") or "/" in name or "\\" in name:
        raise InputError(f"{shown} has to be the name of a folder, not a path")
    if name.startswith(".") or name.endswith(".") or name != name.strip():
        raise InputError(f"{shown} begins or ends with a dot or a blank; choose another")
    if found := re.search(r'[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]', name):
        raise InputError(f"{shown}: {found[0]!r} cannot be in a folder's name; choose another")
    if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name, flags=re.IGNORECASE):
        raise InputError(f"{shown}: Windows reserves this name for a device; choose another")
    if len(name.encode()) > 200:
        raise InputError(f"{shown}: a name of {len(name.encode())} bytes; at most 200 are possible")
    return name


def given_path(text: str | Path, what: str, *, file: bool = False) -> Path:
    """A path to write to; InputError for an empty one, which would be the current folder, as `$UNSET` becomes.

    With `file`, also for what is not a file, before anything is computed.
    """
    if not str(text).strip():
        raise InputError(f"{what}: an empty path; the current folder is '.'")
    path = Path(text)
    if file and path.exists() and not path.is_file():
        raise InputError(f"{what} {text}: a folder, a device or a pipe; give the name of a file")
    return path


def parse_parameters(words: list[str]) -> dict[str, Any]:
    """`key=value` words as a dict, the values read by `values.read_values`; InputError for any other word."""
    from lgn_lite.experiments.values import check_value, read_values, short

    parameters: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"{short(word)} has to be KEY=VALUE, such as seed=1")
        if key in parameters:
            raise InputError(f"{key} is given twice, the second time as {short(word)}; keep one of them")
        parameters[key] = read_values(value, short(word), one_line=True)
        check_value(parameters[key], short(word))
    return parameters


def print_whole(table: Any) -> None:
    """Print a table as wide as it is: a narrow terminal or a pipe must not cut names such as R1@0.3."""
    from rich.measure import Measurement

    table.width = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    console.print(table, soft_wrap=True)
