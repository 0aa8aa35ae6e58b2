"""The data sets by name: where their files lie, how their splits are read, which features there are.

A folder `data/NAME` holds a data set under its files' upstream names; `lgn-lite data` fetches and converts them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lgn_lite.annotations import (
    Query,
    check_splits,
    hold_out,
    read_activitynet,
    read_charades_sta,
    read_tacos,
    read_toy_sta,
)
from lgn_lite.checkpoint import About, Checkpoint
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.features import VIDEO_SUFFIXES, FeatureStore, without_suffix
from lgn_lite.jsonl import read_jsonl
from lgn_lite.own_data_set import SPLITS, is_description, read_files
from lgn_lite.support.files import project_root
from lgn_lite.support.reading import shown
from lgn_lite.text import GLOVE_50

if TYPE_CHECKING:
    from lgn_lite.toy.encoder import ToyFiles


@dataclass(frozen=True)
class Source:
    """A file of features, the settings that go with it, and what made it."""

    file: str
    encoder: str
    rate: float = 0.0  # features per second, Hz; 0: unknown
    weights: str = ""  # file of the encoder's weights, whose fc7 the model's begins with
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSet:
    """A data set, ready to train on: its queries, its features, and what the field measures on it."""

    name: str  # of its preset, such as "charades-sta"
    title: str  # for people, and for the checkpoint to remember
    folder: Path
    config: LGNConfig  # the preset, with what the features at hand ask for
    reader: Callable[[Path, str], list[Query]]
    video_path: str  # of a video's file in the folder, with {name}
    sources: tuple[Source, ...] = ()  # the files of features that it may have; the first that is there is taken
    features: FeatureStore | None = None  # None: only what needs no video can be trained
    encoder: str = ""  # what made the features
    rate: float = 0.0  # features per second, Hz; 0: unknown
    encoder_file: Path | None = None  # the encoder's weights: the model's fc7 begins with theirs
    carry_encoder: bool = False  # whether checkpoints carry it: VGG16's half a gigabyte is not for copying
    glove: Path | None = None  # where GloVe's vectors would lie; None: words are learned with the model
    tests: tuple[str, ...] = ("test",)
    files: tuple[str, ...] = ("train", "val", "test")  # the splits as released, before any is held out
    may_share: tuple[tuple[str, str], ...] = ()  # splits that hold the same videos by design
    thresholds: tuple[float, ...] = (0.3, 0.5, 0.7)  # temporal IoU of R@n (section 4.2)
    length_edges: tuple[float, ...] = (4.0, 5.0)  # seconds; the bins of the tables by moment length
    size: str = ""  # Toy-STA's: "tiny", "small" or "full"
    missing: tuple[str, ...] = ()  # splits that one's own data set does not have
    _splits: dict[str, list[Query]] = field(default_factory=dict, init=False, repr=False, compare=False)  # as read

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of its splits."""
        return tuple(split for split in ("train", "val", *self.tests) if split not in self.missing)

    def queries(self, split: str) -> list[Query]:
        """The queries of "train", "val" or one of `tests`; InputError, naming the file, if there is none.

        A split is read once; the list is the caller's own.
        """
        if split not in self.splits:
            raise InputError(f"{self.title} has no split {shown(split)}: choose one of {', '.join(self.splits)}")
        queries = self._read(split)
        if not queries:
            file = getattr(queries, "path", None) or self.folder
            raise InputError(f"{file}: no queries: the split {split!r} of {self.title} is empty; fetch the file again")
        return queries

    @property
    def root(self) -> Path:
        """The folder of all data sets; of one's own, the description's."""
        return self.folder if is_description(self.name) else self.folder.parents[1 if self.size else 0]

    def _read(self, split: str) -> list[Query]:
        if split not in self._splits:
            self._splits[split] = self.reader(self.folder, split)
        return copy(self._splits[split])

    def released(self, root: str | Path) -> dict[str, list[Query]]:
        """The splits below `root` as they were released, before anything is held out."""
        return {split: self.reader(Path(root) / self.folder, split) for split in self.files}

    @property
    def has_glove(self) -> bool:
        """Whether word vectors are there, so that they need not be learned."""
        return self.glove is not None and self.glove.is_file()

    def video(self, name: str) -> Path | None:
        """The video file of a name, with its suffix or without, as for features; None if it is not there."""
        path, bare = (self.folder / self.video_path.format(name=n) for n in (name, without_suffix(name)))
        stem = bare.with_name(without_suffix(bare.name))
        others = (stem.with_name(stem.name + suffix) for suffix in sorted(VIDEO_SUFFIXES))
        return next((found for found in (path, *others) if found.is_file()), None)

    def require_features(self) -> FeatureStore:
        """The features; InputError, saying how to get them, if there are none."""
        if self.features is None:
            files = " or ".join(source.file for source in self.sources)
            raise InputError(
                f"{self.folder}: no features ({files}): `lgn-lite data status` says how to get them; "
                "the blind variant needs none"
            )
        return self.features


class DataSetMissing(InputError):
    """There is no such data set, or none of the folders that were looked at holds it."""


def open_data_set(
    name: str,
    size: str = "small",
    root: str | Path = "data",
    glove: str | Path | None = None,
    *,
    seed: int = 0,
    workers: int = 2,
    progress: bool = True,
) -> DataSet:
    """Open a data set by the name of its preset; Toy-STA is drawn first if it does not exist yet.

    A real data set opens without features too: the sentence-only models need none.

    Args:
        name: "toy-sta", a key of `REAL`, or the path of a json that describes a data set of one's own
            (`own_data_set.py`), from the current folder or from `root`.
        size: Toy-STA's: "tiny", "small" or "full".
        root: the folder of all data sets.
        glove: file of word vectors; by default ROOT/glove/glove.6B.300d.txt, if it exists.
        seed, workers, progress: of drawing Toy-STA, see `lgn_lite.toy.make_toy`.

    Returns:
        The data set, with its features if there are any.

    Raises:
        InputError: for an unknown name, missing or wrong annotations, a video in two splits, and a `glove` that is
            not a file.
    """
    root = Path(root)
    _check_glove(glove)
    if name == "toy-sta":
        from lgn_lite.toy.encoder import make_toy  # here: torchvision is slow to import

        return _toy_sta(make_toy(root / name, size, seed, workers, progress), size)
    if is_description(name):
        return _own(Path(name) if Path(name).is_file() else root / name, root, glove)
    if name not in REAL:
        raise DataSetMissing(
            f"no data set {shown(name)}: choose one of toy-sta, {', '.join(REAL)}, or the .json that describes your own"
        )
    data = REAL[name]
    data = replace(data, folder=root / data.folder, glove=Path(glove or root / "glove" / "glove.6B.300d.txt"))
    splits = {split: data.reader(data.folder, split) for split in ("train", "val", *data.tests)}
    try:
        check_splits(splits, data.may_share)
    except InputError as error:
        raise InputError(f"{data.folder}: {error}") from error
    for source in data.sources:
        path = data.folder / source.file
        if path.exists():
            weights = data.folder / source.weights
            features = FeatureStore(path)
            if source is CLIP_SLOWFAST:  # or one of the two alone, or other encoders: the file says what
                encoder, rate = str(features.attrs.get("encoder", "")), float(features.attrs.get("rate", 0))
                settings = {**source.settings, "visual_dim": features.dim}
                source = replace(source, encoder=encoder or source.encoder, rate=rate, settings=settings)
            data = replace(
                data, config=data.config.override(**source.settings), features=features,
                encoder=source.encoder, rate=source.rate, encoder_file=weights if weights.is_file() else None,
            )  # fmt: skip
            break
    data._splits.update(splits)
    return data


def find_data_set(
    name: str = "",
    size: str = "",
    root: str | Path | None = None,
    glove: str | Path | None = None,
    *,
    checkpoint: Checkpoint | None = None,
) -> DataSet:
    """Open a data set that is there; unlike `open_data_set`, it never draws one.

    Args:
        name: as of `open_data_set`; "": the one that the checkpoint was trained on.
        size: Toy-STA's; "": the one that the checkpoint was trained on, otherwise "small".
        root: the folder of all data sets; None: the first of these that holds the data set: the one that the
            checkpoint was trained from, `data` in the current folder, and `data` in the project's.
        glove: as of `open_data_set`.
        checkpoint: whose data set it is, or which is to be evaluated on it.

    Raises:
        DataSetMissing: an InputError that names the folders that were looked at, and how to go on.
        InputError: as of `open_data_set`.
    """
    about = About() if checkpoint is None else checkpoint.about
    name = name or about.data_set
    size = size or (about.size if name == about.data_set else "") or "small"
    _check_glove(glove)
    roots = _roots(checkpoint) if root is None else [Path(root)]
    for folder in roots:
        if (data := _found(folder, name, size, glove)) is not None:
            return data
    if is_description(name):
        looked = " or ".join(str(folder / name) for folder in roots)
        raise DataSetMissing(f"{looked}: no such file; give the .json that describes the data set by --data")
    toy = name == "toy-sta"
    looked = " or ".join(str(folder / name / size if toy else folder / name) for folder in roots)
    make = f"draw it with `lgn-lite data toy --size {size}" if toy else f"fetch it with `lgn-lite data get {name}"
    raise DataSetMissing(
        f"{f'Toy-STA {size}' if toy else REAL[name].title} is not in {looked}: give the folder of all data sets "
        f"(--root, in Python root=), or {make} --root {shlex.quote(str(root or 'data'))}`"
    )


def _check_glove(glove: str | Path | None) -> None:
    if glove is not None and not Path(glove).is_file():
        raise InputError(f"{glove}: no such file; give an unpacked GloVe file, such as glove.840B.300d.txt")


def _roots(checkpoint: Checkpoint | None) -> list[Path]:
    """Where data sets may lie, each folder once."""
    roots = [] if checkpoint is None or checkpoint.data_root is None else [checkpoint.data_root]
    roots.append(Path("data"))
    with suppress(InputError):  # an installed package knows no project
        roots.append(project_root() / "data")
    return list({path.resolve(): path for path in reversed(roots)}.values())[::-1]


def _found(root: Path, name: str, size: str, glove: str | Path | None) -> DataSet | None:
    if name == "toy-sta":
        from lgn_lite.toy.encoder import find_toy  # here: torchvision is slow to import

        made = find_toy(root / name, size)
        return None if made is None else _toy_sta(made, size)
    if is_description(name) and not any(path.is_file() for path in (Path(name), root / name)):
        return None
    return None if name in REAL and not (root / name).is_dir() else open_data_set(name, root=root, glove=glove)


def _toy_sta(made: ToyFiles, size: str) -> DataSet:
    from lgn_lite.toy.build import LONG
    from lgn_lite.toy.encoder import RATE

    features = FeatureStore(made.features_file)
    preset = "toy-long" if size.endswith(LONG) else "toy"
    return DataSet(
        "toy-sta", f"Toy-STA {size} (videos of drawn figures)", made.folder, LGNConfig.preset(preset), read_toy_sta,
        "videos/{name}.mp4", features=features, encoder=str(features.attrs["encoder"]), rate=RATE,
        encoder_file=made.encoder_file, carry_encoder=True, glove=GLOVE_50,
        tests=("test", "test-composition", "test-words"), length_edges=(3.0, 8.0), size=size,
    )  # fmt: skip


def _own(path: Path, root: Path, glove: str | Path | None) -> DataSet:
    """A data set that a json file describes. Its words have GloVe's vectors of 50 numbers, or those of `glove`."""
    files = read_files(path)
    about, queries = files.about, files.queries
    lengths = np.quantile([query.end - query.start for found in queries.values() for query in found], [1 / 3, 2 / 3])
    large = glove or root / "glove" / "glove.6B.300d.txt"
    glove, word_dim = (Path(large), 300) if Path(large).is_file() else (GLOVE_50, 50)
    attrs = files.features.attrs
    data = DataSet(
        path.name, about.title or path.resolve().parent.name, path.parent,
        files.config.override(**{"word_dim": word_dim, **about.model}), partial(_described, path), about.videos,
        features=files.features, encoder=str(attrs.get("encoder", "")), rate=files.rate, glove=glove,
        length_edges=tuple(np.unique(lengths.round(1)).tolist()),
        missing=tuple(split for split in SPLITS if split not in queries),
    )  # fmt: skip
    data._splits.update(queries)
    return data


def _described(path: Path, folder: Path, split: str) -> list[Query]:
    return read_files(path).queries[split]


def _charades_sta(folder: Path, split: str) -> list[Query]:
    """Charades-STA has no validation split: a tenth of the videos of the training file, "trainval", is held out."""
    file = "test" if split == "test" else "train"
    queries = read_charades_sta(
        folder / f"charades_sta_{file}.txt", folder / f"Charades_v1_{file}.csv", split=file
    )  # fmt: skip
    return queries if split in ("test", "trainval") else hold_out(queries)[split == "val"]


def _tacos(folder: Path, split: str) -> list[Query]:
    return read_tacos(folder / f"{split}.json", split=split)


def _activitynet_captions(folder: Path, split: str) -> list[Query]:
    """2D-TAN validates on val_1 and calls val_2 the test split."""
    file = {"val": "val_1", "test": "val_2"}.get(split, split)
    return read_activitynet(folder / f"{file}.json", split=split)


def _qvhighlights(folder: Path, split: str) -> list[Query]:
    """The windows of QVHighlights' test split are not published: its val is the test split here, as in the papers.

    A tenth of the training videos is held out to choose the epoch.
    """
    file = "val" if split == "test" else "train"
    queries = read_jsonl(folder / f"highlight_{file}_release.jsonl", split=split)
    return queries if split in ("test", "trainval") else hold_out(queries)[split == "val"]


# What `lgn-lite data convert npz` makes of the features that people publish today; all of one source, so also its width
CLIP_SLOWFAST = Source(
    "clip_slowfast.hdf5", "CLIP ViT-B/32 and SlowFast", settings={"feature": "c3d", "frame_norm": "l2"}
)

REAL: dict[str, DataSet] = {
    "charades-sta": DataSet(
        "charades-sta", "Charades-STA", Path("charades-sta"), LGNConfig.preset("charades-sta"), _charades_sta,
        "Charades_v1_480/{name}.mp4", files=("trainval", "test"), length_edges=(5.0, 10.0),
        sources=(
            # the paper's: both early units, fc7 inside the model
            Source("vgg16_fc6_features.hdf5", "VGG16 trained on Charades, fc6", 6.0, "twostream_rgb.pth.tar"),
            # as released, after fc7's ReLU; each vector normalised, as 2D-TAN does
            Source(
                "vgg_rgb_features.hdf5", "VGG16 trained on Charades, fc7", 6.0,
                settings={"feature": "fc7", "frame_norm": "l2"},
            ),
            CLIP_SLOWFAST,
        ),
    ),
    "tacos": DataSet(
        "tacos", "TACoS", Path("tacos"), LGNConfig.preset("tacos"), _tacos, "videos/{name}",
        thresholds=(0.1, 0.3, 0.5, 0.7), length_edges=(10.0, 30.0),
        sources=(Source("tall_c3d_features.hdf5", "C3D, fc6"), CLIP_SLOWFAST),
    ),
    "activitynet-captions": DataSet(
        "activitynet-captions", "ActivityNet Captions", Path("activitynet-captions"),
        LGNConfig.preset("activitynet-captions"), _activitynet_captions, "videos/{name}.mp4",
        length_edges=(10.0, 30.0),
        may_share=(("val", "test"),),  # val_1 and val_2 are two annotations of the same videos
        sources=(Source("sub_activitynet_v1-3.c3d.hdf5", "C3D, 500 principal components"),),
    ),
    "qvhighlights": DataSet(
        "qvhighlights", "QVHighlights", Path("qvhighlights"), LGNConfig.preset("qvhighlights"), _qvhighlights,
        "videos/{name}.mp4", files=("trainval", "test"), length_edges=(10.0, 30.0), sources=(CLIP_SLOWFAST,),
    ),
}  # fmt: skip
