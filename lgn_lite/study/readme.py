"""The README's results and picture, from finished runs."""

from datetime import datetime
from itertools import accumulate
from pathlib import Path

import torch

from lgn_lite.analysis.sentence_only import ALONE, as_text, pool
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.config import VARIANT_LABELS
from lgn_lite.data_sets import find_data_set
from lgn_lite.errors import InputError
from lgn_lite.experiments.results import find_runs, read_run
from lgn_lite.experiments.run_record import read_record, results
from lgn_lite.figures.retrieval import plot_retrieval
from lgn_lite.moments import interval_iou
from lgn_lite.prediction import predict
from lgn_lite.study.ablation import with_present_names
from lgn_lite.study.claims import summary
from lgn_lite.study.statistics import mean_and_std, paired_difference, plus_minus, values
from lgn_lite.support.files import atomic_path, notebook_number, project_root, write_json
from lgn_lite.support.processes import cpu_count
from lgn_lite.support.reading import read_json
from lgn_lite.video.frames import read_frames


def table(results: dict) -> str:
    """The README's table, in Markdown."""
    lines = [
        "| Toy-STA `small`, test | R1@0.5 | R1@0.7 | mIoU | attribute R1@0.5 | R1@0.7 | new compositions R1@0.5 "
        "| new words R1@0.5 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    entries = {
        label: results["variants"][name] for name, label in VARIANT_LABELS.items() if name in results["variants"]
    }
    for label, entry in {**entries, "best constant interval": results["constant"]}.items():
        test = entry["test"]
        attribute = test["kind"]["attribute"]
        numbers = [test["all"][name] for name in ("R1@0.5", "R1@0.7", "mIoU")]
        numbers += [attribute["R1@0.5"], attribute["R1@0.7"]]
        numbers += [entry[split]["all"]["R1@0.5"] for split in ("test-composition", "test-words")]
        lines.append(f"| {label} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |")
    return "\n".join(lines)


def blind_table(*comparisons: dict) -> str:
    """The README's tables of what needs no video, one per data set, in Markdown."""
    tables = []
    for comparison in comparisons:
        shown = as_text(comparison)
        metrics = list(shown[ALONE])
        lines = [f"| {comparison['data_set']}, test | {' | '.join(metrics)} |", "|---|" + "---|" * len(metrics)]
        lines += [f"| {label} | {' | '.join(row.values())} |" for label, row in shown.items()]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def finished(sweep: Path) -> list[dict]:
    """What the finished runs of the sweep without a video have found, a comparison of one seed each."""
    found = [results(folder) for folder in find_runs([sweep]) if read_run(folder).status == "done"]
    return [files["no_video"] for files in found if "no_video" in files]


def ablation_table(study: dict) -> str:
    """The README's table of the study: Table 4 over seeds, each row at its own learning rate, in Markdown."""
    records = study["records"]
    metrics = [(name, "test") for name in ("R1@0.5", "R1@0.7", "R5@0.7", "mIoU")] + [("R1@0.5", "test-composition")]
    lines = [
        f"| Toy-STA {study['drawn']['version']} `{study['size']}`, mean ± standard deviation | seeds "
        "| R1@0.5 | R1@0.7 | R5@0.7 | mIoU | new compositions R1@0.5 | R1@0.5 over the baseline |",
        "|---|---|---|---|---|---|---|---|",
    ]
    base = values(records, "baseline", "R1@0.5")
    for name in ("full", "early", "late", "baseline"):
        cells = [plus_minus(*mean_and_std(values(records, name, metric, split))) for metric, split in metrics]
        mean, low, high, seeds = paired_difference(values(records, name, "R1@0.5"), base)
        gap = "" if name == "baseline" else f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        lines.append(f"| {VARIANT_LABELS[name]} | {seeds} | {' | '.join(cells)} | {gap} |")
    return "\n".join(lines)


def claims(stored: Path) -> str:
    """What the README says of the study: sentences made from its records, compared with those of the other schedule."""
    study, other = stored / "ablations.json", stored / "ablations_trapezoid.json"
    found = [with_present_names(read_json(path)) for path in (study, other) if path.exists()]
    return summary(*found)


def with_table(readme: str, name: str, table: str) -> str:
    """The README's text with the text between the marks of a name replaced."""
    begin, end = f"<!-- {name}: ", f"<!-- end of {name} -->"
    head, rest = readme.split(begin)
    comment, tail = rest.split("\n", 1)[0], rest.split(end)[1]
    return f"{head}{begin}{comment}\n\n{table}\n\n{end}{tail}"


def time_taken(run: Path) -> dict:
    """How long a finished run took, and each of its notebooks, by its number, in seconds, and on what machine.

    Of the run counts the time in which any notebook was executed: two may be at a time, and a run may be resumed.
    """
    entries = read_record(run)["notebooks"]
    if not entries or any(entry["status"] != "done" for entry in entries.values()):
        raise InputError(f"{run}: not a finished run; `lgn-lite run` finishes it")
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    seconds = {notebook_number(name): entry["seconds"] for name, entry in sorted(entries.items())}
    times = [[datetime.fromisoformat(entry[key]) for key in ("started", "finished")] for entry in entries.values()]
    spans = [[start.timestamp(), end.timestamp()] for start, end in sorted(times)]
    begun = accumulate((end for _, end in spans), max, initial=spans[0][0])  # until when all before it have lasted
    total = sum(max(0.0, end - max(start, until)) for (start, end), until in zip(spans, begun, strict=False))
    return {"cores": cpu_count(), "gpu": gpu, "total": round(total, 2), "seconds": seconds}


def time_sentence(taken: dict) -> str:
    """What the README says of a run's time."""
    seconds, on = taken["seconds"], f"and {taken['gpu']}" if taken["gpu"] else "without a GPU"
    longest = max(seconds, key=seconds.get)
    return (
        f"On {taken['cores']} cores {on} the {len(seconds)} notebooks took {taken['total'] / 60:.0f} minutes, "
        f"{seconds[longest] / 60:.0f} of them notebook {longest}."
    )


def picture(models: Path, target: Path) -> None:
    """Draw the first test query with an IoU of LGN above 0.7 and of the baseline below 0.1."""
    data = find_data_set("toy-sta", "small", project_root() / "data")
    checkpoints = {name: load_checkpoint(models / name / "best") for name in ("baseline", "full")}
    for query in data.queries("test"):
        video = data.video(query.video)
        found = {name: predict(checkpoint, video, query.sentence)[0] for name, checkpoint in checkpoints.items()}
        spans = {name: (p.moments[0].start, p.moments[0].end) for name, p in found.items()}
        ground_truth = (query.start, query.end)
        overlap = {name: interval_iou(torch.tensor(a), torch.tensor(ground_truth)).item() for name, a in spans.items()}
        if overlap["full"] > 0.7 and overlap["baseline"] < 0.1:
            break
    frames, times = read_frames(video, rate=10 / query.duration)
    bars = {"ground truth": ground_truth, "baseline": spans["baseline"], "LGN": spans["full"]}
    target.parent.mkdir(exist_ok=True)
    plot_retrieval(frames, times, query.duration, query.sentence, bars).savefig(target)


def write_readme(run: str | Path, no_video: str | Path) -> None:
    """Copy a run's results to notebooks/results, and write the README's tables and picture from them.

    `run` is the folder of `lgn-lite run`, `no_video` that of the sweep notebooks/sweeps/no_video.yaml; if it does not
    exist, its tables stay as they are. Paths are below the project.
    """
    root = project_root()
    run, no_video = root / run, root / no_video
    stored = root / "notebooks" / "results"
    for name, content in results(run).items():
        write_json(stored / f"{name}.json", content)
    write_json(stored / "course_time.json", time_taken(run))
    if no_video.exists():
        for name, comparison in pool(finished(no_video)).items():
            write_json(stored / f"blind_{name}.json", comparison)
    readme = root / "README.md"
    text = with_table(readme.read_text(encoding="utf-8"), "results", table(read_json(stored / "09_train.json")))
    text = with_table(text, "time", time_sentence(read_json(stored / "course_time.json")))
    text = with_table(text, "ablations", ablation_table(with_present_names(read_json(stored / "ablations.json"))))
    text = with_table(text, "claims", claims(stored))
    text = with_table(text, "blind", blind_table(*map(read_json, sorted(stored.glob("blind_*.json")))))
    with atomic_path(readme) as temporary:
        temporary.write_text(text, encoding="utf-8")
    picture(run / "models", root / "notebooks" / "images" / "retrieval.png")
