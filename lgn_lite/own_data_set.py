"""A data set of one's own: files of annotations and one of features, described by a small json file.

    {"train": "train.jsonl", "val": "val.jsonl", "test": "test.jsonl", "features": "mine.hdf5"}

Paths are seen from that file. Training takes "train" and "val", evaluation one split; "title", "videos" (such as
"videos/{name}.mp4"), "skip_missing" (leave out queries whose videos have no features) and "model" (settings) may be
missing. The rest follows from the files: the width and the rate from the features, the map from the durations and the
moments (`propose_map`).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lgn_lite.annotations import Queries, Query, check_splits, read_activitynet, read_timelens
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.evaluation import span_tensor
from lgn_lite.features import ABSENT, FeatureStore, faults_error
from lgn_lite.jsonl import read_jsonl
from lgn_lite.moments import Moments
from lgn_lite.support.files import write_json
from lgn_lite.support.reading import parse_json, read_json, read_text, shown

SPLITS = ("train", "val", "test")
FILE = "data_set.json"  # the description's name in the folder of a training or a run


@dataclass(frozen=True)
class Description:
    """What the json file says; paths as written."""

    features: str
    train: str = ""
    val: str = ""
    test: str = ""
    title: str = ""
    videos: str = "{name}"
    skip_missing: bool = False
    model: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*SPLITS, "features", "title", "videos"):
            if not isinstance(value := getattr(self, name), str):
                raise InputError(f"{name}={shown(value)}: must be a text")
        if not self.features or not any(getattr(self, split) for split in SPLITS):
            raise InputError(f"features and one of {', '.join(SPLITS)} must be the paths of files")
        if not isinstance(self.skip_missing, bool) or not isinstance(self.model, dict):
            raise InputError("skip_missing must be true or false, and model an object of settings")
        LGNConfig.check_names(self.model)


def is_description(name: str) -> bool:
    """Whether the name of a data set is the path of a json file: a data set of one's own."""
    return name.endswith(".json")


def write_description(
    path: str | Path, files: Mapping[str, str | Path | None], skip_missing: bool = False, title: str = ""
) -> Path:
    """Write the description of a data set.

    A description of the same files stays as it is, with what somebody has added to it.

    Args:
        path: of the json file.
        files: {"train": …, "val": …, "test": …, "features": …}, as seen from the current folder; None: without it.
        skip_missing: leave out queries whose videos have no features.
        title: for people; "": the folder's name.

    Returns:
        The path.

    Raises:
        InputError: for a file that is missing, and where the path holds the description of another data set.
    """
    path = Path(path)
    given = {name: Path(file) for name, file in files.items() if file is not None}
    for name, file in given.items():
        if not file.is_file():
            raise InputError(f"{file}: no such file; give one for {name}")
    content: dict[str, Any] = {
        name: Path(os.path.relpath(file.resolve(), path.parent.resolve())).as_posix() for name, file in given.items()
    }
    content |= {"skip_missing": True} if skip_missing else {}
    if path.exists():
        before = read_json(path, "move it away")
        if content != {name: value for name, value in before.items() if name not in ("title", "videos", "model")}:
            raise InputError(f"{path}: is of other files; give another folder, or move it away")
        return path
    return write_json(path, content | ({"title": title} if title else {}))


def read_description(path: str | Path) -> Description:
    """Read a description; InputError, naming the file, for what is not one, and for unknown keys."""
    path = Path(path)
    content = read_json(path, "correct it")
    known = Description.__dataclass_fields__
    if unknown := sorted(set(content) - set(known)):
        raise InputError(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    try:
        return Description(**{"features": "", **content})
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_annotations(path: str | Path, *, split: str = "") -> Queries:
    """Read annotations of one of the forms people have: Moment-DETR's jsonl, or a json by video.

    A json is {video: {duration, timestamps, sentences}} as ActivityNet Captions has it, or {video: {duration, spans,
    queries}} of TimeLens-Bench. Raises InputError as their readers do, and for another ending.
    """
    path = Path(path)
    if path.suffix == ".jsonl":
        return read_jsonl(path, split=split)
    if path.suffix != ".json":
        raise InputError(f"{path}: annotations are .jsonl (Moment-DETR's) or .json files; `lgn-lite data jsonl` writes")
    content = parse_json(read_text(path), str(path))
    first = next(iter(content.values()), None) if isinstance(content, dict) else None
    reader = read_timelens if isinstance(first, dict) and "spans" in first else read_activitynet
    return reader(path, split=split)


def read_queries(path: str | Path) -> Queries:
    """The training queries of a description, or all those of a file of annotations."""
    path = Path(path)
    if path.suffix == ".json" and "features" in read_json(path, "correct it"):
        about = read_description(path)
        return read_annotations(path.parent / (about.train or about.val or about.test))
    return read_annotations(path)


class Files(NamedTuple):
    """A described data set, read and checked."""

    about: Description
    queries: dict[str, Queries]  # by split; without a file for "test", that is "val"
    features: FeatureStore
    config: LGNConfig
    rate: float  # rows of features per second, Hz


def read_files(path: str | Path) -> Files:
    """Read all that a description names, leave out or refuse what has no features, and work the settings out.

    Raises InputError, naming the file, for missing or damaged files, for a video in train and another split, and,
    counting and naming them, for videos without features, unless the description says skip_missing.
    """
    path = Path(path)
    about = read_description(path)
    names = {split: getattr(about, split) for split in SPLITS if getattr(about, split)}
    queries = {split: read_annotations(path.parent / name, split=split) for split, name in names.items()}
    try:
        check_splits(queries, may_share=[("val", "test")])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    features = FeatureStore(path.parent / about.features)
    queries = {
        split: with_features(found, features, path.parent / names[split], about.skip_missing)
        for split, found in queries.items()
    }
    first = next(iter(queries.values()))  # train, if there is one
    if "test" not in queries and "val" in queries:
        what = "no test queries: what is called test are those of val, on which the epoch is chosen"
        warnings.warn(f"{path}: {what}", stacklevel=2)
        queries["test"] = queries["val"]
    rate = float(features.attrs.get("rate") or 0.0) or measured_rate(first, features)
    config = model_config(first, features).override(**about.model)
    return Files(about, queries, features, config, rate)


def with_features(queries: Queries, features: FeatureStore, path: Path, skip: bool) -> Queries:
    """The queries whose videos have features; the others are counted and named, as an error unless `skip`."""
    videos = list(dict.fromkeys(query.video for query in queries))
    absent = {video: what for video, what in features.faults(videos).items() if what == ABSENT}
    if not absent:
        return queries
    if not skip:
        raise InputError(f"{path}: {faults_error(features, absent, len(videos))} (--skip-missing does)")
    kept = Queries(query for query in queries if query.video not in absent)
    kept.written, kept.path = queries.written, queries.path
    some = ", ".join(map(shown, list(absent)[:10])) + (", …" if len(absent) > 10 else "")
    warnings.warn(
        f"{path}: {len(absent)} of {len(videos)} videos have no features in {features.path} ({some}): their "
        f"{len(queries) - len(kept)} of {len(queries)} queries are left out",
        stacklevel=2,
    )
    if not kept:
        raise InputError(f"{path}: no query is left: none of its videos is in {features.path}; are the names alike?")
    return kept


def measured_rate(queries: Sequence[Query], features: FeatureStore, most: int = 50) -> float:
    """Rows of features per second, as the first videos have them; 0 where they differ by more than a twentieth."""
    durations = {query.video: query.duration for query in reversed(queries)}
    rates = [len(features[video]) / seconds for video, seconds in list(durations.items())[:most]]
    rate = float(np.median(rates))
    return round(rate, 3) if np.allclose(rates, rate, rtol=0.05) else 0.0


# ── The settings that follow from the files ───────────────────────────────────────────────────

SIDES = (16, 32, 64, 128)  # N, as in 2D-TAN's three settings, and 32
CEILING = 95.0  # percent of training moments of which a candidate should overlap more than 0.7
MOST_FRAMES = 256  # T of the presets


class Map(NamedTuple):
    """A map that a data set may have, and what no model on it can pass."""

    num_clips: int  # N
    scales: tuple[int, ...]
    candidates: int  # P
    ceilings: dict[float, float]  # {m: percent of moments of which the best candidate overlaps more than m}


def possible_maps(queries: Iterable[Query], sides: Sequence[int] = SIDES) -> list[Map]:
    """2D-TAN's maps from small to large with the ceilings that they give some queries.

    The scales are 2D-TAN's: 16 lengths at stride 1, then 8 at each doubled stride, until they reach over the video.
    """
    spans, found = span_tensor(queries), []
    for side in sides:
        scales, reach, stride = [min(16, side)], min(16, side), 1
        while reach < side:
            stride *= 2
            scales.append(8)
            reach += 8 * stride
        moments = Moments(side, scales)
        found.append(Map(side, tuple(scales), len(moments), moments.ceiling(spans, (0.5, 0.7))))
    return found


def propose_map(maps: Sequence[Map]) -> Map:
    """The smallest map with a ceiling of at least 95 % at IoU 0.7, else the one with the highest."""
    return next((found for found in maps if found.ceilings[0.7] >= CEILING), max(maps, key=lambda m: m.ceilings[0.7]))


def model_config(queries: Sequence[Query], features: FeatureStore) -> LGNConfig:
    """The settings for a data set: the paper's for TACoS, but for what follows from the files.

    The width is that of the features; their layer is fc6 or fc7 where they say so, else the model gets an FC layer of
    its own, as for C3D. N and the scales: `propose_map`. T is N, or a multiple of it where a video has that many rows.
    """
    proposed = propose_map(possible_maps(queries))
    videos = list(dict.fromkeys(query.video for query in queries))[:50]
    rows = float(np.median([len(features[video]) for video in videos]))
    most = MOST_FRAMES // proposed.num_clips
    frames = proposed.num_clips * max(1, min(most, round(rows / proposed.num_clips)))
    layer = str(features.attrs.get("layer", ""))
    kind: dict[str, Any] = {"feature": layer} if layer in ("fc6", "fc7") else {"feature": "c3d", "frame_norm": "l2"}
    return LGNConfig.preset(
        "tacos", visual_dim=features.dim, num_frames=frames, num_clips=proposed.num_clips, scales=proposed.scales,
        **({"frame_norm": "none"} | kind),
    )  # fmt: skip
