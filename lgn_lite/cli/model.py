"""The commands on models: train, evaluate, predict, what needs no video, summary."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lgn_lite.cli.options import (
    SAY,
    Device,
    Profile,
    Root,
    SettingOptions,
    Size,
    TrainingOptions,
    console,
    given_path,
    parse_parameters,
    print_whole,
)

model_app = typer.Typer()
DATA_SET_HELP = "toy-sta, charades-sta, tacos or activitynet-captions."


@model_app.command()
def train(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where checkpoints and logs go, e.g. runs/mine.")],
    data: Annotated[str, typer.Option(help=DATA_SET_HELP)] = "toy-sta",
    variant: Annotated[str, typer.Option(help="full, baseline, early, late or blind.")] = "full",
    profile: Annotated[Profile, typer.Option(help="How much to compute.")] = Profile.cpu,
    seed: Annotated[int, typer.Option(help="Of the weights, the order and dropout.")] = 0,
    setting: SettingOptions = None,
    training: TrainingOptions = None,
    glove: Annotated[Path | None, typer.Option(help="File of word vectors; else ROOT/glove/glove.6B.300d.txt.")] = None,
    size: Size = "small",
    root: Root = Path("data"),
) -> None:
    """Train a model on a data set; interrupted, the same command resumes where it stopped.

    On several GPUs: accelerate launch -m lgn_lite train …
    """
    from lgn_lite.data_sets import open_data_set
    from lgn_lite.recipes import Recipe, train_variant
    from lgn_lite.training import is_main_process, selection

    path = given_path(folder, "FOLDER")
    model, of_training = parse_parameters(setting or []), parse_parameters(training or [])
    recipe = Recipe(variant, profile.value, seed, model, of_training)
    data_set = open_data_set(data, size, root, glove)  # may draw Toy-STA, for minutes
    main = is_main_process()
    try:
        history = train_variant(data_set, path, recipe, progress=main)
    except KeyboardInterrupt:
        console.print("Stopped. The same command resumes from the last saved state.", markup=False, highlight=False)
        raise typer.Exit(130) from None
    if not main:
        return
    best = max(history, key=selection)
    console.print(f"best epoch {best['epoch']}: val R1@0.5 {best['R1@0.5']:.1f}, R1@0.7 {best['R1@0.7']:.1f}")
    console.print(path / "best", **SAY)


@model_app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder, e.g. runs/mine/best.")],
    split: Annotated[str, typer.Option(help="val, test, or Toy-STA's test-composition.")] = "test",
    data: Annotated[
        str | None, typer.Option(help=DATA_SET_HELP, show_default="the one that the checkpoint was trained on")
    ] = None,
    discounted: Annotated[bool, typer.Option("--discounted", help="Show dR@n,m too.")] = False,
    output: Annotated[str | None, typer.Option(metavar="PATH", help="Also write the results here, as JSON.")] = None,
    device: Device = "cpu",
    size: Size = "small",
    root: Root = Path("data"),
) -> None:
    """Rank the candidates of every query of a split, and print R@n and mIoU by caption kind and moment length."""
    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.data_sets import open_data_set
    from lgn_lite.recipes import evaluate_checkpoint
    from lgn_lite.support.files import write_json

    path = given_path(output, "--output", file=True) if output is not None else None
    loaded = load_checkpoint(checkpoint, device)
    data_set = open_data_set(data or loaded.about.data_set, size, root)
    results = evaluate_checkpoint(data_set, loaded, split, discounted)
    print_whole(evaluation_table(results))
    if path is not None:
        write_json(path, results)


@model_app.command()
def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder, e.g. runs/course/models/full/best.")],
    video: Annotated[Path, typer.Argument(help="Any video file that FFmpeg reads.")],
    sentences: Annotated[list[str], typer.Argument(help="What to find; quote each sentence.")],
    top: Annotated[int, typer.Option(help="Predictions per sentence.")] = 5,
    encoder: Annotated[
        Path | None,
        typer.Option(help="VGG16's weights, if the checkpoint carries no frame encoder.", show_default=False),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    device: Device = "cpu",
    max_lost: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the video's pictures that may be undecodable.")
    ] = 0.5,
) -> None:
    """Find the moments of a video that sentences describe."""
    import json
    import warnings
    from dataclasses import asdict

    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.prediction import nothing_found, written_score
    from lgn_lite.prediction import predict as find
    from lgn_lite.video.pictures import VideoWarning
    from lgn_lite.video.vgg import VGGFrames

    with warnings.catch_warnings():  # said below, in the command's own words
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", VideoWarning)  # but what is odd about the video is said only here
        loaded = load_checkpoint(checkpoint, device)
        vgg16 = VGGFrames.vgg16(loaded.about.layer, encoder).to(device) if encoder else None
        predictions = find(loaded, video, sentences, top=top, encoder=vgg16, device=device, max_lost=max_lost)
    if json_output:
        shown = ("video", "sentence", "duration", "moments", "unknown_words", "trained_on", "notice")
        rows = [{key: value for key, value in asdict(p).items() if key in shown} for p in predictions]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    first = predictions[0]
    console.print(f"{first.video}: {first.duration:.1f} s", **SAY)
    console.print(first.notice or f"The model was trained on {first.trained_on}.", **SAY)
    for prediction in predictions:
        console.print(f"\n“{prediction.sentence}”", **SAY)
        if prediction.unknown_words:
            console.print(f"  words it never saw: {', '.join(prediction.unknown_words)}", **SAY)
        if nothing := nothing_found(prediction.scores):
            console.print(f"  {nothing} The best of what it has:", **SAY)
        for moment in prediction.moments:
            score = written_score(moment.score)
            console.print(f"  {moment.start:7.1f} – {moment.end:5.1f} s   score {score}", **SAY)


@model_app.command()
def blind(
    data: Annotated[str, typer.Argument(help=DATA_SET_HELP)] = "charades-sta",
    seeds: Annotated[int, typer.Option(help="Trainings of the sentence-only LGN.")] = 3,
    runs_dir: Annotated[
        str, typer.Option(metavar="PATH", help="Models and results go to a folder blind/DATA in it.")
    ] = "runs",
    size: Size = "small",
    root: Root = Path("data"),
) -> None:
    """What can be answered without any video: from positions, from the verb, from the sentence.

    Needs the annotations alone. Prints R@n on the test split next to published figures; interrupted, it resumes.
    """
    from lgn_lite.analysis.sentence_only import compare_without_video
    from lgn_lite.data_sets import open_data_set
    from lgn_lite.support.files import write_json

    runs = given_path(runs_dir, "--runs-dir")
    data_set = open_data_set(data, size, root)
    folder = runs / "blind" / data
    results = compare_without_video(data_set, folder, range(seeds))
    print_whole(no_video_table(results))
    console.print(write_json(folder / "results.json", results), **SAY)


@model_app.command()
def summary(
    preset: Annotated[str, typer.Argument(help="charades-sta, tacos, activitynet-captions or toy.")] = "charades-sta",
    setting: SettingOptions = None,
    words: Annotated[int, typer.Option(help="Words of the sentence.")] = 8,
) -> None:
    """Show a preset's settings, and the parameters and multiply-adds of each part of the model."""
    from lgn_lite.analysis.model_summary import readable, summarise_model
    from lgn_lite.config import LGNConfig

    config = LGNConfig.preset(preset, **parse_parameters(setting or []))
    console.print(str(config), **SAY)
    console.print()
    console.print(readable(summarise_model(config, words=words)).to_string(), **SAY)


def evaluation_table(results: dict) -> Any:
    """The table of `metrics.summarise`, a row for each group."""
    from rich.table import Table

    names = [name for name in results["all"] if name != "queries"]
    table = Table("", "queries", *names, box=None, header_style="dim", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    groups = {"all": {"": results["all"]}} | {name: rows for name, rows in results.items() if name != "all"}
    for group, rows in groups.items():
        for label, row in rows.items():
            table.add_row(f"{group} {label}".strip(), str(row["queries"]), *(f"{row[name]:.1f}" for name in names))
    return table


def no_video_table(results: dict) -> Any:
    """The table of `sentence_only.compare_without_video`."""
    from rich.table import Table

    from lgn_lite.analysis.sentence_only import ALONE, as_text

    shown = as_text(results)
    table = Table(f"{results['data_set']}, test", *shown[ALONE], box=None, header_style="dim", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for label, row in shown.items():
        table.add_row(label, *row.values())
    return table
