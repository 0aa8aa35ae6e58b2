"""The commands on models: train, evaluate, predict, export, what needs no video, summary."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lgn_lite.cli import completion
from lgn_lite.cli.data import draw_toy_sta
from lgn_lite.cli.options import (
    DATA,
    MARKUP,
    PROFILE,
    SAY,
    Annotations,
    CheckpointArgument,
    CheckpointData,
    CheckpointRoot,
    CheckpointSize,
    Device,
    EncoderOption,
    Features,
    FoundRoot,
    OtherFeatures,
    OtherQueries,
    Profile,
    SettingOptions,
    Size,
    SkipMissing,
    SplitOption,
    StrideOption,
    TestQueries,
    TrainingOptions,
    Validation,
    WindowOption,
    console,
    examples,
    frame_table,
    given_path,
    other_queries,
    own_data,
    parse_parameters,
    print_whole,
    stoppable,
)

model_app = typer.Typer(rich_markup_mode=MARKUP)


@model_app.command(
    epilog=examples(
        "lgn-lite train runs/mine --variant baseline",
        "lgn-lite train runs/short -t epochs=2 -s hidden=64",
        "lgn-lite train runs/charades --data charades-sta --profile gpu",
        "lgn-lite train runs/mine --annotations train.jsonl --validation val.jsonl --features mine.hdf5",
    )
)
def train(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="The folder for checkpoints and logs, such as runs/mine.")
    ],
    data: Annotated[
        str | None, typer.Option(help=DATA, show_default="toy-sta", autocompletion=completion.data_sets)
    ] = None,
    annotations: Annotations = None,
    validation: Validation = None,
    test: TestQueries = None,
    features: Features = None,
    skip_missing: SkipMissing = False,
    variant: Annotated[
        str,
        typer.Option(
            help="What to train: full (LGN), baseline (2D-TAN), early or late (the baseline with one of LGN's two "
            "parts), or blind (LGN without the video).",
            autocompletion=completion.variants,
        ),
    ] = "full",
    profile: Annotated[Profile, typer.Option(help=PROFILE)] = Profile.cpu,
    seed: Annotated[int, typer.Option(help="The seed of the weights, the order of the queries, and dropout.")] = 0,
    setting: SettingOptions = None,
    training: TrainingOptions = None,
    glove: Annotated[
        Path | None,
        typer.Option(help="A file of word vectors.", show_default="glove/glove.6B.300d.txt in --root, if it is there"),
    ] = None,
    size: Size = "small",
    root: FoundRoot = None,
) -> None:
    """Train a model on a data set; interrupted, the same command resumes.

    If Toy-STA is not there yet, it is drawn first, into --root or into data. Real data have to be fetched before
    (`lgn-lite data get`). A data set of your own is described in FOLDER/data_set.json: its width and rate come from the
    features, its map from the moments (`lgn-lite data survey FOLDER/data_set.json` shows it). Several GPUs share one
    training by `accelerate launch -m lgn_lite train FOLDER`.
    """
    from lgn_lite.config import variant_title
    from lgn_lite.data_sets import DataSetMissing, find_data_set
    from lgn_lite.recipes import Recipe, train_variant
    from lgn_lite.states import saved_step
    from lgn_lite.training import is_main_process, selection

    path = given_path(folder, "FOLDER")
    files = {"train": annotations, "val": validation, "test": test, "features": features}
    data = own_data(path, data, files, skip_missing) or "toy-sta"
    model, of_training = parse_parameters(setting or []), parse_parameters(training or [])
    recipe = Recipe(variant, profile.value, seed, model, of_training)
    main = is_main_process()
    try:
        data_set = find_data_set(data, size, root, glove)
    except DataSetMissing:
        if data != "toy-sta":
            raise
        data_set = draw_toy_sta(size, root or Path("data"), quiet=not main)
    try:
        history = train_variant(data_set, path, recipe, progress=main)
    except KeyboardInterrupt:
        step = saved_step(path)
        what = f"resumes from step {step}, the last one saved" if step else "starts again: no step was saved yet"
        console.print(f"Stopped. The same command {what}.", **SAY)
        raise typer.Exit(130) from None
    if not main:
        return
    best = max(history, key=selection)
    scores = f"val R1@0.5 {best['R1@0.5']:.1f}, R1@0.7 {best['R1@0.7']:.1f}"
    console.print(f"{variant_title(variant)}, best epoch {best['epoch']}: {scores}", **SAY)
    console.print(path / "best", **SAY)


@model_app.command(
    epilog=examples(
        "lgn-lite evaluate runs/course/models/full/best",
        "lgn-lite evaluate runs/course/models/full/best --split test-composition --output new.json",
        "lgn-lite evaluate runs/course/models/full/best --write predictions.jsonl",
    )
)
def evaluate(
    checkpoint: CheckpointArgument,
    split: SplitOption = "test",
    data: CheckpointData = None,
    annotations: OtherQueries = None,
    features: OtherFeatures = None,
    skip_missing: SkipMissing = False,
    discounted: Annotated[
        bool, typer.Option("--discounted", help="Show dR@n,IoU=m too, which rewards close boundaries.")
    ] = False,
    output: Annotated[
        str | None, typer.Option(metavar="PATH", help="A file for the results, as JSON.", show_default=False)
    ] = None,
    write: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="A file for ten predictions per query, in Moment-DETR's jsonl.", show_default=False
        ),
    ] = None,
    window: WindowOption = None,
    stride: StrideOption = None,
    device: Device = "cpu",
    size: CheckpointSize = "",
    root: CheckpointRoot = None,
) -> None:
    """Rank the candidates of every query of a split, and print R@n and mIoU by caption kind and moment length."""
    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.config import variant_title
    from lgn_lite.data_sets import find_data_set
    from lgn_lite.recipes import evaluate_checkpoint
    from lgn_lite.support.files import write_json
    from lgn_lite.windows import cut

    path = given_path(output, "--output", file=True) if output is not None else None
    predictions = given_path(write, "--write", file=True) if write is not None else None
    loaded = load_checkpoint(checkpoint, device)
    with other_queries(loaded, data, annotations, features, skip_missing, split) as name:
        data_set = find_data_set(name or "", size, root, checkpoint=loaded)
        results = evaluate_checkpoint(data_set, loaded, split, discounted, predictions, cut(window, stride))
    print_whole(evaluation_table(results))
    console.print(f"\n{variant_title(loaded.variant) or checkpoint} on {data_set.title}, {split}", **SAY)
    if path is not None:
        console.print(write_json(path, results), **SAY)
    if predictions is not None:
        console.print(predictions, **SAY)


@model_app.command(
    epilog=examples(
        'lgn-lite predict runs/course/models/full/best VIDEO.mp4 "The red circle jumps."',
        'lgn-lite predict runs/qvhighlights/best VIDEO.mp4 "A man cuts an onion." --encoder clip',
        'lgn-lite predict runs/qvhighlights/best LONG.mp4 "A man cuts an onion." --encoder clip --window 150',
    ),
)
def predict(
    checkpoint: CheckpointArgument,
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file of any kind that FFmpeg reads.")],
    sentences: Annotated[list[str], typer.Argument(metavar="SENTENCES...", help="What to find; quote each sentence.")],
    top: Annotated[int, typer.Option(help="How many predictions to show for each sentence.")] = 5,
    encoder: EncoderOption = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    device: Device = "cpu",
    max_lost: Annotated[
        float, typer.Option(min=0, max=1, help="The share of the video's pictures that may be undecodable.")
    ] = 0.5,
    window: WindowOption = None,
    stride: StrideOption = None,
) -> None:
    """Find the moments of a video that sentences describe."""
    import json
    import warnings
    from dataclasses import asdict

    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.prediction import nothing_found, written_score
    from lgn_lite.prediction import predict as find
    from lgn_lite.video.pictures import VideoWarning

    with warnings.catch_warnings():  # said below, in the command's own words
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", VideoWarning)  # but what is odd about the video is said only here
        loaded = load_checkpoint(checkpoint, device)
        predictions = find(
            loaded, video, sentences, top=top, encoder=encoder, device=device, max_lost=max_lost, window=window,
            stride=stride,
        )  # fmt: skip
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


@model_app.command(
    epilog=examples("lgn-lite export runs/course/models/full/best model.onnx"),
)
def export(
    checkpoint: CheckpointArgument,
    output: Annotated[
        str, typer.Argument(metavar="FILE", help="The file to write, such as model.onnx; one that exists is replaced.")
    ],
) -> None:
    """Write a model as an ONNX file, which scores the candidates of a video without PyTorch and without lgn-lite.

    From prepared features, word numbers and word counts it computes the scores of all candidates, for any number of
    sentences of any length. The candidates' starts and ends are its second output; settings and vocabulary are in its
    metadata. The file is kept only if onnxruntime computes the same scores from it as PyTorch.
    """
    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.onnx_export import export_onnx

    path = given_path(output, "FILE", file=True)
    loaded = load_checkpoint(checkpoint)
    with console.status("exporting, and comparing with PyTorch"):
        difference = export_onnx(loaded, path)
    console.print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, scores as PyTorch's to {difference:.1g}", **SAY)


@model_app.command(epilog=examples("lgn-lite blind charades-sta", "lgn-lite blind toy-sta --size tiny --seeds 1"))
def blind(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help=DATA, autocompletion=completion.data_sets)
    ] = "charades-sta",
    seeds: Annotated[int, typer.Option(help="How often the sentence-only LGN is trained.")] = 3,
    runs_dir: Annotated[
        str, typer.Option(metavar="PATH", help="The folder of all runs; models and results go to blind/DATA in it.")
    ] = "runs",
    size: Size = "small",
    root: FoundRoot = None,
) -> None:
    """Measure what can be answered without any video: from positions, from the verb, from the sentence.

    It needs only the annotations, and trains an LGN on the sentences alone. It prints R@n on the test split next to
    published figures. Interrupted, the same command resumes.
    """
    from lgn_lite.analysis.sentence_only import compare_without_video
    from lgn_lite.data_sets import find_data_set
    from lgn_lite.support.files import write_json

    runs = given_path(runs_dir, "--runs-dir")
    data_set = find_data_set(data, size, root)
    folder = runs / "blind" / data
    with stoppable():
        results = compare_without_video(data_set, folder, range(seeds))
    print_whole(no_video_table(results))
    console.print(write_json(folder / "results.json", results), **SAY)


@model_app.command(epilog=examples("lgn-lite summary tacos", "lgn-lite summary toy -s guidance=0 -s early=none"))
def summary(
    preset: Annotated[
        str,
        typer.Argument(
            metavar="PRESET",
            help="The settings to begin with: charades-sta, tacos, activitynet-captions or toy.",
            autocompletion=completion.presets,
        ),
    ] = "charades-sta",
    setting: SettingOptions = None,
    words: Annotated[int, typer.Option(help="The words of the sentence that the multiply-adds are counted for.")] = 8,
) -> None:
    """Show a preset's settings, and the parameters and multiply-adds of each part of the model."""
    from lgn_lite.analysis.model_summary import readable, summarise_model
    from lgn_lite.config import LGNConfig

    config = LGNConfig.preset(preset, **parse_parameters(setting or []))
    console.print(str(config), **SAY)
    console.print()
    print_whole(frame_table(readable(summarise_model(config, words=words)).reset_index(), ("part", "shape")))


@model_app.command(
    epilog=examples("lgn-lite score predictions.jsonl highlight_val_release.jsonl --json scores.json"),
)
def score(
    predictions: Annotated[
        Path,
        typer.Argument(metavar="PREDICTIONS", help="Lines of qid and pred_relevant_windows [[start, end, score]]."),
    ],
    annotations: Annotated[
        Path, typer.Argument(metavar="ANNOTATIONS", help="Lines of qid, query, vid, duration and relevant_windows.")
    ],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the table as CSV.")] = False,
    json_path: Annotated[
        str | None,
        typer.Option("--json", metavar="PATH", help="A file for the figures, unrounded.", show_default=False),
    ] = None,
) -> None:
    """Judge anybody's predictions, in Moment-DETR's jsonl, without a model.

    R@1 and R@5 are counted under IoU > m, as in 2D-TAN and LGN, and ≥ m, as in Moment-DETR; mAP over ten predictions
    per query; by the length of the true windows: short up to 10 s, middle to 30, long to 150. A query without a
    prediction counts as missed.
    """
    from lgn_lite.scoring import score_files, score_table
    from lgn_lite.support.files import write_json

    path = given_path(json_path, "--json", file=True) if json_path is not None else None
    found = score_files(predictions, annotations)
    table = score_table(found)
    if as_csv:
        table.columns = [f"{group} {sign}" for group, sign in table.columns]
        typer.echo(table.to_csv(index_label="metric"), nl=False)
    else:
        print_whole(scores_table(table))
    if path is not None:
        console.print(write_json(path, found), **SAY)


def scores_table(table: Any) -> Any:
    """The table of `scoring.score_table`: percent with two digits, and numbers of queries."""
    from rich.table import Table

    shown = Table(
        "", *(f"{group}  {sign}" for group, sign in table.columns), box=None, header_style="dim", pad_edge=False
    )
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, row in table.iterrows():
        shown.add_row(name, *("" if x != x else f"{x:.0f}" if name == "queries" else f"{x:.2f}" for x in row))
    return shown


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
