"""What the commands share: the console, options and examples, KEY=VALUE words, wide tables, Ctrl-C in a line."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lgn_lite.cli import completion
from lgn_lite.errors import InputError

console = Console()
MARKUP = "markdown"  # of help: typer then breaks lines where the terminal ends, not where the source does
SAY = dict(markup=False, highlight=False, soft_wrap=True)  # paths, addresses and commands as they are


class Profile(StrEnum):
    """How much the notebooks compute."""

    smoke = "smoke"
    cpu = "cpu"
    gpu = "gpu"


def _repeatable(name: str, short: str, what: str, completed: Callable) -> Any:
    text = f"{what}, its value in YAML; may be given several times."
    return typer.Option(name, short, metavar="KEY=VALUE", help=text, show_default=False, autocompletion=completed)


def examples(*commands: str) -> str:
    """A command's `epilog`: what to type."""
    lines = "\n".join(f"- `{command}`" for command in commands)
    return f"Example{'s' * (len(commands) > 1)}:\n\n{lines}"


PROFILE = "How much to compute: smoke (only to see that all runs), cpu (the course's), or gpu (30 epochs on Toy-STA)."
ROOT, SIZE = "The folder of all data sets.", "Toy-STA's size: tiny, small or full."
DATA = "The data set: toy-sta, charades-sta, tacos, activitynet-captions, qvhighlights, or the .json of your own."
OWN = "A data set of your own: "

Device = Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1, mps.")]
RunsDir = Annotated[str, typer.Option(metavar="PATH", help="The folder of all runs, from the project's folder.")]
Root = Annotated[Path, typer.Option(help=ROOT)]
FoundRoot = Annotated[
    Path | None, typer.Option(help=ROOT, show_default="data here, otherwise data in the project's folder")
]
Size = Annotated[str, typer.Option(help=SIZE, autocompletion=completion.sizes)]
ParameterOptions = Annotated[
    list[str] | None, _repeatable("--parameter", "-p", "A notebook parameter", completion.parameters)
]
SettingOptions = Annotated[list[str] | None, _repeatable("--setting", "-s", "A model setting", completion.settings)]
TrainingOptions = Annotated[
    list[str] | None, _repeatable("--training", "-t", "A training setting", completion.training_settings)
]

# a data set of one's own, in files
Annotations = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help=f"{OWN}the training queries, .jsonl or .json.", show_default=False),
]
Validation = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The queries that choose the epoch.", show_default=False)
]
TestQueries = Annotated[
    Path | None,
    typer.Option("--test", metavar="FILE", help="The queries to report at the end.", show_default="those of val"),
]
Features = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The features of all videos, HDF5.", show_default=False)
]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Leave out queries whose videos have no features, and count them.")
]
OtherQueries = Annotated[
    Path | None,
    typer.Option(
        "--annotations", metavar="FILE", help="Other queries to predict, .jsonl or .json.", show_default=False
    ),
]
OtherFeatures = Annotated[
    Path | None,
    typer.Option("--features", metavar="FILE", help="Their features.", show_default="those of the checkpoint's data"),
]

# of the commands on a checkpoint
CheckpointArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A checkpoint's folder, such as runs/course/models/full/best.",
        autocompletion=completion.checkpoints,
    ),
]
CheckpointData = Annotated[
    str | None,
    typer.Option(
        help=DATA, show_default="the one that the checkpoint was trained on", autocompletion=completion.data_sets
    ),
]
CheckpointRoot = Annotated[
    Path | None,
    typer.Option(help=ROOT, show_default="the checkpoint's; otherwise data here, or data in the project's folder"),
]
CheckpointSize = Annotated[
    str, typer.Option(help=SIZE, show_default="as the checkpoint's data", autocompletion=completion.sizes)
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        help="The frame encoder, if the checkpoint carries none: clip, clip:MODEL (a name on the Hugging Face hub, or "
        "a folder), vgg16, or a file of VGG16's weights.",
        show_default="CLIP, if the checkpoint's features are CLIP's",
        autocompletion=completion.encoders,
    ),
]
ListedOption = Annotated[
    Path | None,
    typer.Option(
        "--predictions", metavar="FILE", show_default=False,
        help="Predictions of anybody's model to show next to the checkpoint's, in Moment-DETR's jsonl.",
    ),
]  # fmt: skip
WindowOption = Annotated[
    float | None,
    typer.Option(
        "--window", metavar="SECONDS", show_default=False,
        help="Cut long videos into windows of this length, such as the training videos', and rank all their moments.",
    ),
]  # fmt: skip
StrideOption = Annotated[
    float | None,
    typer.Option("--stride", metavar="SECONDS", help="From one window to the next.", show_default="half a window"),
]
SplitOption = Annotated[
    str, typer.Option(help="train, val, test, or Toy-STA's test-composition.", autocompletion=completion.splits)
]


def own_data(
    folder: Path,
    data: str | None,
    files: dict[str, Path | None],
    skip_missing: bool,
) -> str | None:
    """The data set that a command is to use: the description of the files, written below `folder`, if any are given.

    files: {"train": --annotations, "val": --validation, "test": --test, "features": --features}. Raises InputError
    where one that is needed is missing, or `data` is given too.
    """
    from lgn_lite.own_data_set import FILE, write_description

    if not any(files.values()):
        if skip_missing:
            raise InputError("--skip-missing is for --annotations; in a description it is written as skip_missing")
        return data
    if data is not None:
        raise InputError(f"--data {data} and files of your own: give one of them")
    names = {"train": "--annotations", "val": "--validation", "features": "--features"}
    if missing := [name for key, name in names.items() if files[key] is None]:
        raise InputError(f"{' and '.join(missing)}: missing; training takes annotations, validation and features")
    return str(write_description(folder / FILE, files, skip_missing))


@contextmanager
def other_queries(
    checkpoint: Any, data: str | None, annotations: Path | None, features: Path | None, skip_missing: bool, split: str
) -> Iterator[str | None]:
    """The data set that a command on a checkpoint is to use: with `annotations`, a description of these alone.

    It describes them as `split`, and is gone when the command ends.
    """
    from tempfile import TemporaryDirectory

    from lgn_lite.data_sets import find_data_set
    from lgn_lite.own_data_set import SPLITS, write_description

    if annotations is None:
        if features is not None or skip_missing:
            raise InputError("--features and --skip-missing are for --annotations: give the queries to predict")
        yield data
        return
    if data is not None or split not in SPLITS:
        raise InputError(f"--annotations with --data {data} or --split {split}: the file is all that is predicted")
    if features is None:
        features = find_data_set(checkpoint=checkpoint).require_features().path
    with TemporaryDirectory(prefix="lgn-lite-") as folder:
        files = {split: annotations, "features": features}
        yield str(write_description(Path(folder) / f"{annotations.stem}.json", files, skip_missing, annotations.name))


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C ends a command that resumes with one line, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("Stopped. What is done stays; the same command resumes with the rest.", **SAY)
        raise typer.Exit(130) from None


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
    """Print a rich table of which nothing is cut, whatever the terminal's width.

    In a file or a pipe it is as wide as it is. On a terminal, long cells fold at blanks as far as that helps; names
    such as R1@0.3 stay whole.
    """
    from rich.measure import Measurement

    unbounded = console.options.update(max_width=100_000)
    for column in table.columns:  # else rich narrows the widest column, in the middle of its words
        words = [Measurement.get(console, unbounded, text).minimum for text in (column.header, *column.cells)]
        column.min_width = max(words)
    needed = Measurement.get(console, unbounded, table)
    width = console.width if console.file.isatty() else needed.maximum
    table.width = min(max(width, needed.minimum), needed.maximum)
    console.print(table, soft_wrap=True)


def frame_table(frame: Any, words: tuple[str, ...]) -> Any:
    """A table of a DataFrame; its columns of words are on the left, those of numbers on the right."""
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in frame.columns:
        table.add_column(name, justify="left" if name in words else "right")
    for row in frame.itertuples(index=False):
        table.add_row(*map(str, row))
    return table
