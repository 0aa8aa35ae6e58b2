"""Toy-STA, the data set that the project draws itself: timelines, single frames with labels, files on disk.

Two (or three) figures do the same few activities, some that last and some that are short, at once and one within the
other; two may share their colour or their shape. A sentence must bind colour, shape and activity to find its moment.
Who has nothing to do sleeps, pale and with shut eyes. A video depends on (seed, split, index) alone. What can be said
is in `world`, the words in `captions`, the timelines in `scenes`, the drawing in `drawing`; all that others need is
offered here.
"""

import csv
import re
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path

from lgn_lite.annotations import write_charades_sta
from lgn_lite.errors import InputError
from lgn_lite.support.bars import bar
from lgn_lite.support.files import atomic_path, remove_leftovers, write_json
from lgn_lite.support.processes import process_pool
from lgn_lite.support.reading import read_json
from lgn_lite.toy.captions import TAGS, describe
from lgn_lite.toy.drawing import draw_scene
from lgn_lite.toy.scenes import make_scene
from lgn_lite.toy.world import SPLITS
from lgn_lite.video.frames import write_video

_COUNTS = {  # videos in each split
    "tiny": {"train": 24, "val": 6, "test": 8, "test-composition": 6},
    "small": {"train": 280, "val": 40, "test": 70, "test-composition": 40},
    "full": {"train": 2000, "val": 200, "test": 400, "test-composition": 200},
}
LONG = "-long"  # videos of 4 to 10 minutes, a tenth as many
SIZES = {
    size + length: {split: max(1, count // (10 if length else 1)) for split, count in counts.items()}
    for length in ("", LONG)
    for size, counts in _COUNTS.items()
}
FPS = 8
VERSION = 4  # of the data set; a change of world, captions or drawing raises it


def _draw(job: tuple[int, str, int, int, bool, str]) -> str:
    """Draw and encode one video, in a worker process."""
    *which, folder = job
    scene = make_scene(*which)
    path = Path(folder) / f"{scene.name}.mp4"
    if not path.exists():  # written atomically, so what exists is whole
        write_video(path, draw_scene(scene, FPS), FPS)
    return scene.name


def _write_csv(path: Path, columns: Sequence[str], rows: list[Sequence]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([columns, *rows])


def build_toy_sta(
    folder: str | Path,
    size: str = "small",
    seed: int = 0,
    workers: int = 2,
    num_figures: int = 2,
    progress: bool = True,
) -> Path:
    """Write Toy-STA into `folder`: videos/NAME.mp4, toy_sta_SPLIT{.txt,_tags.csv}, videos.csv, toy_sta.json.

    The json comes last and marks a whole data set: called again with the same settings, this returns at once;
    what was interrupted resumes. The result is the same for any number of worker processes. Raises InputError
    where the folder holds a data set of other settings.
    """
    if size not in SIZES:
        raise InputError(f"size {size!r}: Toy-STA comes in {', '.join(SIZES)}")
    if seed < 0:
        raise InputError(f"seed {seed}: must not be below 0")
    folder = Path(folder)
    settings = {"size": size, "seed": seed, "num_figures": num_figures, "version": VERSION}
    done, partial = folder / "toy_sta.json", folder / "toy_sta.partial.json"
    for path in (done, partial):
        if path.exists():
            _check_settings(path, settings)
            if path == done:
                return folder
    videos = folder / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    for part in (folder, videos):
        remove_leftovers(part)  # of a drawing that was killed
    if not partial.exists():  # then nobody knows how any videos of these names were made
        for old in videos.glob("toy-*.mp4"):
            if re.fullmatch(rf"toy-({'|'.join(SPLITS)})-\d{{4,}}", old.stem):
                old.unlink()
        write_json(partial, settings)
    counts, jobs, lengths, long = {}, [], [], size.endswith(LONG)
    numbers = SIZES[size]
    for split, number in (numbers | {"test-words": numbers["test"]}).items():
        scenes = [make_scene(seed, split, i, num_figures, long) for i in range(number)]
        queries = [q for scene in scenes for q in describe(scene)]
        write_charades_sta(queries, folder / f"toy_sta_{split}.txt")
        _write_csv(folder / f"toy_sta_{split}_tags.csv", TAGS, [[q.tags[t] for t in TAGS] for q in queries])
        if split != "test-words":  # the videos of "test"
            lengths += [(scene.name, scene.duration) for scene in scenes]
            jobs += [(seed, split, i, num_figures, long, str(videos)) for i in range(number)]
        counts[split] = {"videos": number, "queries": len(queries)}
    _write_csv(folder / "videos.csv", ("id", "length"), lengths)
    _run(jobs, workers, progress)
    write_json(done, {**settings, "counts": counts})
    partial.unlink()
    return folder


def is_drawn(folder: Path, size: str) -> bool:
    """Whether a folder holds a whole Toy-STA of this size. Raises InputError where it holds one of another version."""
    done = folder / "toy_sta.json"
    if done.is_file():
        _check_settings(done, {"size": size, "version": VERSION})
    return done.is_file()


def _check_settings(path: Path, settings: dict) -> None:
    found = read_json(path, "remove the folder and build again")
    other = [f"{k}={found.get(k)!r}, not {v!r}" for k, v in settings.items() if found.get(k) != v]
    if other:
        raise InputError(f"{path}: made with {', '.join(other)}; remove {path.parent} or give another folder")


def _run(jobs: list[tuple], workers: int, progress: bool) -> None:
    with bar(total=len(jobs), desc="drawing Toy-STA", unit="video", progress=progress) as drawn:
        if workers <= 1:
            for job in jobs:
                _draw(job)
                drawn.update()
            return
        with process_pool(min(workers, len(jobs))) as pool:
            for future in as_completed([pool.submit(_draw, job) for job in jobs]):
                future.result()
                drawn.update()
