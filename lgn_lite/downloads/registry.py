"""The registry of what can be fetched, as plain data: every file of the real data sets, its sources, who needs it.

Paths are relative to a root folder (`data/`) and keep the upstream names. Sizes are bytes; a size or checksum is
given where one is published or was measured on the file itself. `fetch` finds out what is there, and gets the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from lgn_lite.errors import InputError


@dataclass(frozen=True)
class Archive:
    """A file that is downloaded only for what is in it, and removed when that is unpacked."""

    path: str  # where it is meanwhile
    addresses: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    at_most: int | None = None  # bytes, if the size is not known: what is larger is something else
    unpacked: int | None = None  # bytes at most of what is taken out


@dataclass(frozen=True)
class Asset:
    """A file, or a folder of files, that a data set can need, and the ways to get it.

    It is downloaded from `addresses`, or unpacked from `archive`, or fetched `by_hand`, or `made_by` a command.
    """

    name: str
    what: str
    path: str  # below the root folder
    licence: str
    addresses: tuple[str, ...] = ()  # the first, then mirrors
    size: int | None = None
    sha256: str | None = None
    archive: Archive | None = None
    member: str = ""  # the end of its name in the archive; "": all of it, into the folder `path`
    files: int | None = None  # how many a whole folder holds, if that is known
    terms: str = ""  # a key of TERMS, to be shown and accepted before
    big: str = ""  # how much, in words: fetched only when it is named itself
    extra: bool = False  # what no data set needs: fetched only when it is named itself
    by_hand: str = ""  # where from, when no program may fetch it
    made_by: str = ""  # the command, with {root} for the root folder

    @property
    def fetchable(self) -> bool:
        return bool(self.addresses or self.archive)

    @property
    def by_itself(self) -> bool:
        """Whether its data set's name does not mean it too."""
        return self.fetchable and bool(self.big or self.extra)


@dataclass(frozen=True)
class Need:
    """What a data set needs: one of `assets` (the first is the usual), or else what follows, `without`."""

    what: str
    assets: tuple[str, ...]
    without: str = ""  # "": nothing works without


@dataclass(frozen=True)
class Dead:
    """An address that papers and READMEs still give, and what takes its place."""

    address: str
    what: str
    since: int
    instead: str


MB = 1_000_000

# ── What there is ─────────────────────────────────────────────────────────────────────────────

TERMS = {
    "charades": "Charades is licensed for non-commercial use: research and evaluation. The data may not be passed on "
    "to anyone in any form, nor published in an altered form; single frames and short clips only where a scientific "
    "publication needs them. This is a summary, and the licence decides: "
    "https://prior.allenai.org/projects/data/charades/license.txt (the data set: "
    "https://prior.allenai.org/projects/charades).",
}

_CHARADES = "Charades: License for Non-Commercial Use (Allen Institute for AI)"
_CHARADES_HOST = "https://ai2-public-datasets.s3-us-west-2.amazonaws.com/charades"  # the older ai2-website refuses
_VIDEOX = "https://raw.githubusercontent.com/microsoft/VideoX/master/2D-TAN/data"
_VIDEOX_LICENCE = "MIT (the VideoX repository); the data set's own: see its page"
_BOX = "https://rochester.box.com/s/8znalh6y5e82oml2lr7to8s6ntab6mav (2D-TAN's features)"
# Moment-DETR's format and features, which many papers since 2021 use; lighthouse holds them for all these data sets
_LIGHTHOUSE = "https://raw.githubusercontent.com/line/lighthouse/main/data"
_MOMENT_DETR = "https://raw.githubusercontent.com/jayleicn/moment_detr/main/data"
_LIGHTHOUSE_LICENCE = "Apache-2.0 (the lighthouse repository); the data set's own: see its page"
_QVHIGHLIGHTS = "CC BY-NC-SA 4.0"
_QVHIGHLIGHTS_HOSTS = (_MOMENT_DETR, f"{_LIGHTHOUSE}/qvhighlight")
_NPZ = "CLIP and SlowFast, as lighthouse publishes them: folders of npz files"
_JOINED = "CLIP and SlowFast side by side, as HDF5"
_GLOVE_LICENCE = "PDDL 1.0 (public domain)"
_GLOVE_HOSTS = ("https://huggingface.co/stanfordnlp/glove/resolve/main", "https://nlp.stanford.edu/data/wordvecs")

_CHARADES_ZIP = Archive(
    "charades-sta/Charades.zip",
    (f"{_CHARADES_HOST}/Charades.zip",),
    3_519_822,
    "c616913ef79c2ddde06d9c562eae57bb8901d459d7568a0d27bf09cbf33ae866",
    unpacked=50 * MB,
)
_VIDEOS_ZIP = Archive(
    "charades-sta/Charades_v1_480.zip",
    (f"{_CHARADES_HOST}/Charades_v1_480.zip",),
    at_most=20_000 * MB,
    unpacked=20_000 * MB,
)
_FEATURES_TAR = Archive(
    "charades-sta/Charades_v1_features_rgb.tar.gz",
    (f"{_CHARADES_HOST}/Charades_v1_features_rgb.tar.gz",),
    at_most=20_000 * MB,
    unpacked=300_000 * MB,
)
_CAPTIONS_ZIP = Archive(
    "activitynet-captions/captions.zip",
    ("https://cs.stanford.edu/people/ranjaykrishna/densevid/captions.zip",),
    at_most=100 * MB,
    unpacked=300 * MB,
)
_GLOVE_6B_ZIP = Archive(
    "glove/glove.6B.zip",
    tuple(f"{host}/glove.6B.zip" for host in _GLOVE_HOSTS),
    862_182_613,
    "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
    unpacked=3_000 * MB,
)
_GLOVE_840B_ZIP = Archive(
    "glove/glove.840B.300d.zip",
    tuple(f"{host}/glove.840B.300d.zip" for host in _GLOVE_HOSTS),
    2_176_768_927,
    "c06db255e65095393609f19a4cfca20bf3a71e20cc53e892aafa490347e3849f",
    unpacked=7_000 * MB,
)


def _drive(file: str) -> str:
    return f"https://drive.google.com/file/d/{file}/view (unpack it so that clip/ and slowfast/ are in that folder)"


def _join(data_set: str, seconds: int) -> str:
    """The command that joins a data set's folders, which lie where `features-npz` does."""
    folder = f"{{root}}/{data_set}"
    pace = "" if seconds == 2 else f" --seconds {seconds}"
    return (
        f"lgn-lite data convert npz {folder}/npz/clip {folder}/npz/slowfast {folder}/clip_slowfast.hdf5{pace} "
        f"(from {data_set}/features-npz)"
    )


ASSETS = (
    # -- Charades-STA: sentences on the videos of Charades
    Asset(
        "charades-sta/sentences-train", "sentences with their moments, training", "charades-sta/charades_sta_train.txt",
        _CHARADES, (f"{_VIDEOX}/Charades-STA/charades_sta_train.txt",), 622_491,
        "47ec9b6b488fca753373d9cc29b07a959f7237a922cb29463cd088cd6198e805", terms="charades",
    ),
    Asset(
        "charades-sta/sentences-test", "sentences with their moments, test", "charades-sta/charades_sta_test.txt",
        _CHARADES, (f"{_VIDEOX}/Charades-STA/charades_sta_test.txt",), 186_686,
        "fab341679c20b0917173dcffffde367a71113fe63f3a645558cef2ebfbfefb55", terms="charades",
    ),
    Asset(
        "charades-sta/durations-train", "Charades' own table, training: the videos' lengths",
        "charades-sta/Charades_v1_train.csv", _CHARADES, (), 3_622_045,
        "59273c6dc2139ec7eb95b980fd26bc8529774b1ede0602f6ca90b546ed12f0fc",
        _CHARADES_ZIP, "Charades_v1_train.csv", terms="charades",
    ),
    Asset(
        "charades-sta/durations-test", "Charades' own table, test: the videos' lengths",
        "charades-sta/Charades_v1_test.csv", _CHARADES, (), 1_173_833,
        "8b8b207b55fb95b949018027f69d83bd46cd844d15834f8f592ee8e7446173eb",
        _CHARADES_ZIP, "Charades_v1_test.csv", terms="charades",
    ),
    Asset(
        "charades-sta/features-fc7", "VGG16's fc7 after ReLU, 6 Hz, as HDF5", "charades-sta/vgg_rgb_features.hdf5",
        _CHARADES, big="16 GB", by_hand=_BOX,
        made_by="lgn-lite data convert charades-sta --root {root} (from charades-sta/features-tree)",
    ),
    Asset(
        "charades-sta/features-tree", "VGG16's fc7 after ReLU, 6 Hz, as Charades publishes it: a text file per frame",
        "charades-sta/Charades_v1_features_rgb", _CHARADES, archive=_FEATURES_TAR, terms="charades", big="12 GB",
    ),
    Asset(
        "charades-sta/features-fc6", "VGG16's fc6, 6 Hz: early modulation as in the paper",
        "charades-sta/vgg16_fc6_features.hdf5", _CHARADES, big="16 GB",
        made_by="python data_scripts/extract_features.py {root}/charades-sta/Charades_v1_480 "
        "{root}/charades-sta/vgg16_fc6_features.hdf5 --layer fc6 --rate 6 "
        "--encoder {root}/charades-sta/twostream_rgb.pth.tar (from charades-sta/videos and charades-sta/vgg16)",
    ),
    Asset(
        "charades-sta/videos", "all videos, 480 pixels (single ones: lgn-lite data video)",
        "charades-sta/Charades_v1_480", _CHARADES, archive=_VIDEOS_ZIP, files=9_848, terms="charades", big="13 GB",
    ),
    Asset(
        "charades-sta/vgg16", "the VGG16 that Charades' authors trained on it", "charades-sta/twostream_rgb.pth.tar",
        "see https://github.com/gsig/charades-algorithms",
        by_hand="https://www.dropbox.com/s/p457h2ifi6v1qdz/twostream_rgb.pth.tar?dl=1",
    ),
    Asset(
        "charades-sta/features-clip", f"{_JOINED}, 1 Hz", "charades-sta/clip_slowfast.hdf5", _CHARADES,
        made_by=_join("charades-sta", 1),
    ),
    Asset(
        "charades-sta/features-npz", _NPZ, "charades-sta/npz", _CHARADES,
        by_hand=_drive("1EOeP2A4IMYdotbTlTqDbv5VdvEAgQJl8"),
    ),
    Asset(
        "charades-sta/jsonl-train", "the same sentences in Moment-DETR's format, training",
        "charades-sta/charades_train_release.jsonl", _CHARADES,
        (f"{_LIGHTHOUSE}/charades/charades_train_release.jsonl",), terms="charades", extra=True,
    ),
    Asset(
        "charades-sta/jsonl-test", "the same sentences in Moment-DETR's format, test",
        "charades-sta/charades_test_release.jsonl", _CHARADES,
        (f"{_LIGHTHOUSE}/charades/charades_test_release.jsonl",), 488_238,
        "13d6e9152794d87bb501a827edcbe69e5c0428f0af60e926e6b87e4f452ad5b2", terms="charades", extra=True,
    ),
    # -- TACoS: no checksums are published; these were measured on the files
    Asset(
        "tacos/train", "sentences with their moments, training", "tacos/train.json", _VIDEOX_LICENCE,
        (f"{_VIDEOX}/TACoS/train.json",), 601_727,
        "ee5e1527885122f0d3cf1dbfcf0efb0de0c54f8290937fe3ff8b5844742112e9",
    ),
    Asset(
        "tacos/val", "sentences with their moments, validation", "tacos/val.json", _VIDEOX_LICENCE,
        (f"{_VIDEOX}/TACoS/val.json",), 277_474,
        "f8f350e5727e8c0ab3ca2a5d4df93027dcd0546aebe8e2087ae220c850db59fe",
    ),
    Asset(
        "tacos/test", "sentences with their moments, test", "tacos/test.json", _VIDEOX_LICENCE,
        (f"{_VIDEOX}/TACoS/test.json",), 246_672,
        "1c64c8a5ada2b812ee7e230d1577139c5ee8e1e5d9ae2141479c980a0c3fb847",
    ),
    Asset(
        "tacos/features", "C3D's fc6, as HDF5", "tacos/tall_c3d_features.hdf5", "see the source's page",
        by_hand=_BOX, made_by="lgn-lite data convert tacos --root {root} (from tacos/windows)",
    ),
    Asset(
        "tacos/windows", "C3D's fc6, as TALL publishes it: a file per window",
        "tacos/Interval64_128_256_512_overlap0.8_c3d_fc6", "see the source's page",
        by_hand="https://github.com/jiyanggao/TALL (its README links the features)",
    ),
    Asset(
        "tacos/features-clip", f"{_JOINED}, 0.5 Hz", "tacos/clip_slowfast.hdf5", "see the source's page",
        made_by=_join("tacos", 2),
    ),
    Asset(
        "tacos/features-npz", _NPZ, "tacos/npz", "see the source's page",
        by_hand=_drive("1rYzme9JNAk3niH1K81wgT13pOMn005jb"),
    ),
    *(
        Asset(
            f"tacos/jsonl-{split}", f"the same sentences in Moment-DETR's format, {words}",
            f"tacos/tacos_{split}_release.jsonl", _LIGHTHOUSE_LICENCE,
            (f"{_LIGHTHOUSE}/tacos/tacos_{split}_release.jsonl",), size, sha256, extra=True,
        )
        for split, words, size, sha256 in (
            ("train", "training", None, None),
            ("val", "validation", 846_710, "1f75348f28e3dcf1e4941eb3477cf7c7b6d587ca21c060d38a35b25029090107"),
            ("test", "test", None, None),
        )
    ),
    # -- ActivityNet Captions
    *(
        Asset(
            f"activitynet-captions/{split}", f"sentences with their moments, {words}",
            f"activitynet-captions/{split}.json", "see https://cs.stanford.edu/people/ranjaykrishna/densevid",
            archive=_CAPTIONS_ZIP, member=f"{split}.json",
        )
        for split, words in (("train", "training"), ("val_1", "validation"), ("val_2", "2D-TAN's test"))
    ),
    Asset(
        "activitynet-captions/features", "C3D, 500 principal components, as HDF5",
        "activitynet-captions/sub_activitynet_v1-3.c3d.hdf5", "see the source's page", by_hand=_BOX,
    ),
    Asset(
        "activitynet-captions/features-clip", f"{_JOINED}, 0.5 Hz: for models of your own, the preset takes C3D",
        "activitynet-captions/clip_slowfast.hdf5", "see the source's page", made_by=_join("activitynet-captions", 2),
    ),
    Asset(
        "activitynet-captions/features-npz", _NPZ, "activitynet-captions/npz", "see the source's page",
        by_hand=_drive("1P2xS998XfbN5nSDeJLBF1m9AaVhipBva"),
    ),
    *(
        Asset(
            f"activitynet-captions/jsonl-{split}", f"the same sentences in Moment-DETR's format, {words}",
            f"activitynet-captions/activitynet_{split}_release.jsonl", _LIGHTHOUSE_LICENCE,
            (f"{_LIGHTHOUSE}/activitynet/activitynet_{split}_release.jsonl",), extra=True,
        )
        for split, words in (("train", "training"), ("val", "val_1"))
    ),
    # -- QVHighlights: its test split is published without ground truth
    Asset(
        "qvhighlights/train", "sentences with their moments, training", "qvhighlights/highlight_train_release.jsonl",
        _QVHIGHLIGHTS, tuple(f"{host}/highlight_train_release.jsonl" for host in _QVHIGHLIGHTS_HOSTS),
    ),
    Asset(
        "qvhighlights/val", "sentences with their moments, validation", "qvhighlights/highlight_val_release.jsonl",
        _QVHIGHLIGHTS, tuple(f"{host}/highlight_val_release.jsonl" for host in _QVHIGHLIGHTS_HOSTS),
        821_101, "f668a1eaea156ec5315e14718999cea043a8cf948d3cafbd8e8d655318c3cd02",
    ),
    Asset(
        "qvhighlights/features", f"{_JOINED}, 0.5 Hz", "qvhighlights/clip_slowfast.hdf5", "see the source's page",
        made_by=_join("qvhighlights", 2),
    ),
    Asset(
        "qvhighlights/features-npz", _NPZ, "qvhighlights/npz", "see the source's page",
        by_hand=_drive("1-ALnsXkA4csKh71sRndMwybxEDqa-dM4"),
    ),
    # -- GloVe's word vectors
    Asset(
        "glove-6b", "word vectors: 400,000 words, 300 numbers each", "glove/glove.6B.300d.txt", _GLOVE_LICENCE,
        (), 1_037_962_819, None, _GLOVE_6B_ZIP, "glove.6B.300d.txt",
    ),
    Asset(
        "glove-840b", "word vectors of the larger corpus, 300 numbers each", "glove/glove.840B.300d.txt",
        _GLOVE_LICENCE, archive=_GLOVE_840B_ZIP, member="glove.840B.300d.txt",
    ),
)  # fmt: skip

# ── Who needs what ────────────────────────────────────────────────────────────────────────────

_BLIND = "only models that never see the video can be trained"
_GLOVE = Need("word vectors", ("glove-6b",), "word vectors are learned from a random initialisation")

DATA_SETS: dict[str, tuple[Need, ...]] = {
    "charades-sta": (
        Need("training sentences", ("charades-sta/sentences-train",)),
        Need("test sentences", ("charades-sta/sentences-test",)),
        Need("training durations", ("charades-sta/durations-train",)),
        Need("test durations", ("charades-sta/durations-test",)),
        Need(
            "features", ("charades-sta/features-fc7", "charades-sta/features-fc6", "charades-sta/features-clip"), _BLIND
        ),
        _GLOVE,
    ),
    "tacos": (
        *(Need(f"{split} sentences", (f"tacos/{split}",)) for split in ("train", "val", "test")),
        Need("features", ("tacos/features", "tacos/features-clip"), _BLIND),
        _GLOVE,
    ),
    "activitynet-captions": (
        *(Need(f"{split} sentences", (f"activitynet-captions/{split}",)) for split in ("train", "val_1", "val_2")),
        Need("features", ("activitynet-captions/features",), _BLIND),
        _GLOVE,
    ),
    "qvhighlights": (
        *(Need(f"{split} sentences", (f"qvhighlights/{split}",)) for split in ("train", "val")),
        Need("features", ("qvhighlights/features",), _BLIND),
        _GLOVE,
    ),
}

DEAD = (
    Dead(
        "https://ai2-website.s3.amazonaws.com", "the older host of Charades, refuses", 2021,
        "the newer host, which `lgn-lite data get charades-sta` asks",
    ),
    Dead(
        "http://activity-net.org/challenges/2016/download.html", "ActivityNet's own C3D features, not found", 2023,
        "activitynet-captions/features (2D-TAN's copy) or activitynet-captions/features-npz",
    ),
)  # fmt: skip

# The data sets that a notebook can take: the first by default, the others with -p data_set=NAME.
# Toy-STA needs nothing: a run draws it where it is not there.
TOY = "toy-sta"
NOTEBOOKS: dict[str, tuple[str, ...]] = {
    "00_start_here": (TOY,),
    "00b_field_and_words": (TOY,),
    "01_queries_and_moments": (TOY,),
    "02_videos_and_frames": (TOY,),
    "02b_frames_to_features": (TOY,),
    "03_sentence_encoder": (TOY,),
    "04_the_moment_map": (TOY,),
    "05_early_modulation": (TOY,),
    "06_fusion_and_map_convolution": (TOY,),
    "07_late_guidance": (TOY,),
    "08_loss_and_metrics": (TOY,),
    "08b_the_whole_model": (TOY,),
    "09_train": (TOY, *DATA_SETS),
    "10_ablations": (TOY,),
    "11_explore_predictions": (TOY, *DATA_SETS),
    "12_what_does_it_really_use": (TOY, *DATA_SETS),
    "13_your_own_video": (TOY,),
    "14_making_it_fast": (TOY,),
}


def find(names: Sequence[str], assets: Sequence[Asset] = ASSETS) -> list[Asset]:
    """The assets of the given names; a data set's name means all that it has, but for big and extra downloads.

    Raises InputError for an unknown name, naming those that are like it.
    """
    found: dict[str, Asset] = {}
    for name in names:
        small = [asset for asset in assets if not asset.by_itself]
        group = [a for a in assets if a.name == name] or [a for a in small if a.name.startswith(f"{name}/")]
        if not group:
            known = sorted({a.name for a in assets} | {a.name.partition("/")[0] for a in assets})
            listed = get_close_matches(name, known, 3) or known
            raise InputError(f"nothing is named {name!r}; do you mean one of: {', '.join(listed)}")
        found |= {asset.name: asset for asset in group}
    return list(found.values())
