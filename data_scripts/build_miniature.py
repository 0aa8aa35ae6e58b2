"""A miniature of each real data set, to rehearse the whole path before 16 GB are downloaded.

    python data_scripts/build_miniature.py data-mini
    lgn-lite data status --root data-mini

Charades-STA, TACoS, ActivityNet Captions and QVHighlights lie in the folder under their upstream names and in their
upstream layouts, with a small GloVe file. Annotations are made up, or real ones taken from a folder of data sets
(`--from`); features are random, of the right width, rate and sign: what is trained on them is a proof that all runs, no
more.
"""

import csv
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from string import ascii_letters, ascii_uppercase, digits
from typing import Annotated, Any

import h5py
import numpy as np
import typer

from lgn_lite.errors import InputError
from lgn_lite.support.error_lines import errors_as_lines
from lgn_lite.support.files import atomic_path
from lgn_lite.support.reading import amount, csv_rows, jsonl_rows, read_json, read_text
from lgn_lite.text import tokenize

Entries = dict[str, dict[str, Any]]  # a video's entry in an annotation file, by its name
Random = np.random.Generator

CSV_COLUMNS = (
    *("id", "subject", "scene", "quality", "relevance", "verified"),
    *("script", "objects", "descriptions", "actions", "length"),
)
CHARADES_FPS, CHARADES_STEP = 24, 4  # frames per second of the official tree; every fourth has its features: 6 Hz
TACOS_FPS, WINDOW = 29.4, 64  # frames that C3D saw at once; windows overlap by 0.8, so one begins each 64 // 5 frames
ACTIVITYNET_FPS, C3D_WINDOW, C3D_STRIDE = 30, 16, 8  # frames: clips of 16 at a stride of 8
PAIRS = 4  # sentences of a made-up video
GLOVE_DIM, RARE = 300, 8  # the rarest eighth of a data set's words has no vector: a real file lacks some too

# Who does what, and how it ends: with a full stop, but for a fifth of TACoS; ActivityNet's crowd left blanks around.
MANNERS = {
    "charades-sta": (
        "person|a person|the person|another person",
        "opens|is holding|puts down|closes|starts eating|throws",
        "the door|a book|their phone|a towel|some food|the laptop",
        ".| on the couch.| near the window.",
    ),
    "tacos": (
        "He|She|The person|the man",
        "took out|washes|cuts|peels|puts away|gets",
        "a knife|the cutting board|an egg|two carrots|a pan|the orange",
        ".|.| from the drawer.| in the sink.|",
    ),
    "activitynet-captions": (
        "A man| The woman| Two people|An athlete",
        "talks about|is seen using|jumps over|shows|continues to ride|cleans",
        "the horse|a long rope|the camera|a bicycle|the boat|an old guitar",
        " in front of a crowd.| while others watch.| and walks away. ",
    ),
    "qvhighlights": (
        "A woman|A family|Two friends|A vlogger",
        "walks along|films|eats|shows|talks about",
        "the beach|a plate of food|the street|her new shoes|a dog",
        ".| in the sun.| at night.",
    ),
}


def build_miniature(root: str | Path, source: str | Path | None = None, videos: int = 6, seed: int = 0) -> list[str]:
    """Write the miniature of all data sets below `root`, whole or not at all; the same seed gives the same files.

    source: a folder of data sets with real annotations, such as SOURCE/tacos/train.json; of those that it holds, the
    `videos` shortest are taken (features are bulky), the others are made up. videos: of each training split; the
    other splits hold a third. Returns the names of the data sets whose annotations are real.
    Raises InputError for a `root` that holds anything, and a `source` without annotations or with damaged ones.
    """
    root, source = Path(root), Path(source) if source else None
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(f"{root}: is there already, and nothing in it will be touched; name a new folder")
    if videos < 2:
        raise InputError(f"videos={videos}: Charades-STA holds one of them out, so give 2 or more")
    real = {name: source / name for name in DATA_SETS if source and (source / name).is_dir()}
    if source and not real:
        raise InputError(f"{source}: holds none of the folders {', '.join(DATA_SETS)}; give the folder above them")
    with atomic_path(root) as folder:
        few = max(1, videos // 3)
        sentences = [build(folder / name, real.get(name), videos, few, seed) for name, build in DATA_SETS.items()]
        _glove(folder / "glove" / "glove.6B.300d.txt", sentences, seed)
        if root.exists():  # empty: not every system renames onto it
            root.rmdir()
    return list(real)


# ── The data sets: annotations, then features of each of their videos; each returns its sentences ─────────────────


def _charades_sta(folder: Path, real: Path | None, videos: int, few: int, seed: int) -> list[str]:
    """charades_sta_*.txt, Charades_v1_*.csv and the official tree of text files: fc7 after its ReLU."""
    sentences = []
    for split, number in {"train": videos, "test": few}.items():
        if real:
            rows, lines = _real_charades(real, split, number)
        else:
            rows, lines = _made_charades(number, _random(seed, f"charades-sta {split}"))
        table = io.StringIO()
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        _write(folder / f"Charades_v1_{split}.csv", table.getvalue())
        _write(folder / f"charades_sta_{split}.txt", "".join(f"{line}\n" for line in lines))
        sentences += [line.partition("##")[2] for line in lines]
        for row in rows:
            video, frames = row["id"], int(float(row["length"]) * CHARADES_FPS)
            numbers = range(1, frames + 1, CHARADES_STEP)
            features = _after_relu(_random(seed, video), len(numbers))
            for n, feature in zip(numbers, features.tolist(), strict=True):
                text = " ".join(f"{x:.4g}" for x in feature)
                _write(folder / "Charades_v1_features_rgb" / video / f"{video}-{n:06}.txt", text + "\n")
    return sentences


def _real_charades(folder: Path, split: str, number: int) -> tuple[list[dict[str, str]], list[str]]:
    """Rows of the csv and lines of the txt."""
    lines = [line for line in read_text(folder / f"charades_sta_{split}.txt").splitlines() if line.strip()]
    named = {line.split()[0] for line in lines}
    rows = {row["id"]: row for _, row in csv_rows(folder / f"Charades_v1_{split}.csv", CSV_COLUMNS)}
    chosen = _shortest({video: row for video, row in rows.items() if video in named}, number, "length")
    return list(chosen.values()), [line for line in lines if line.split()[0] in chosen]


def _made_charades(number: int, random: Random) -> tuple[list[dict[str, str]], list[str]]:
    rows, lines = [], []
    for _ in range(number):
        video, length = "".join(random.choice(list(ascii_uppercase + digits), 5)), round(random.uniform(6, 10), 2)
        texts, moments = _texts("charades-sta", random), _moments(length, random)
        lines += [f"{video} {a:.1f} {b:.1f}##{text}" for text, (a, b) in zip(texts, moments, strict=True)]
        actions = ";".join(f"c{random.integers(157):03} {a:.2f} {b:.2f}" for a, b in moments)
        values = (video, "HR43", "Kitchen", 6, 7, "Yes", " ".join(texts), "book;door;phone", texts[0], actions, length)
        rows.append(dict(zip(CSV_COLUMNS, map(str, values), strict=True)))
    return rows, lines


def _tacos(folder: Path, real: Path | None, videos: int, few: int, seed: int) -> list[str]:
    """{train,val,test}.json, and TALL's windows of C3D fc6 in npy files."""
    sentences, names = [], (f"s{13 + n % 25}-d{21 + n // 25}.avi" for n in count())
    for split, number in {"train": videos, "val": few, "test": few}.items():
        if real:
            entries = _shortest(read_json(real / f"{split}.json"), number, "num_frames")
        else:
            random = _random(seed, f"tacos {split}")
            entries = {next(names): _made_tacos(random) for _ in range(number)}
        _write(folder / f"{split}.json", json.dumps(entries))
        sentences += [sentence for entry in entries.values() for sentence in entry["sentences"]]
        for video, entry in entries.items():
            starts = range(1, entry["num_frames"] - WINDOW + 2, WINDOW // 5)
            spans = [(1, 129), *((s, s + WINDOW) for s in starts)]  # of the longer windows one: nobody reads them
            for (s, e), feature in zip(spans, _after_relu(_random(seed, video), len(spans)), strict=True):
                file = folder / "Interval64_128_256_512_overlap0.8_c3d_fc6" / f"{video}_{s}_{e}.npy"
                file.parent.mkdir(exist_ok=True)
                np.save(file, feature)
    return sentences


def _made_tacos(random: Random) -> dict[str, Any]:
    frames = int(random.integers(700, 1000))
    return {**_pairs("tacos", frames, random), "fps": TACOS_FPS, "num_frames": frames}


def _activitynet(folder: Path, real: Path | None, videos: int, few: int, seed: int) -> list[str]:
    """{train,val_1,val_2}.json, the last two over the same videos, and C3D's 500 principal components in HDF5."""
    if real:
        files = {file: read_json(real / f"{file}.json") for file in ("train", "val_1", "val_2")}
        train, val_1 = (_shortest(files[f], n, "duration") for f, n in (("train", videos), ("val_1", few)))
        splits = {"train": train, "val_1": val_1, "val_2": {v: e for v, e in files["val_2"].items() if v in val_1}}
    else:
        random = _random(seed, "activitynet-captions")
        names = ["v_" + "".join(random.choice(list(ascii_letters + digits + "_-"), 11)) for _ in range(videos + few)]
        seconds = {name: round(random.uniform(20, 40), 2) for name in names}
        parts = {"train": names[:videos], "val_1": names[videos:], "val_2": names[videos:]}
        splits = {
            split: {n: {"duration": seconds[n], **_pairs("activitynet-captions", seconds[n], random, 2)} for n in part}
            for split, part in parts.items()
        }
    for split, entries in splits.items():
        _write(folder / f"{split}.json", json.dumps(entries))
    with h5py.File(folder / "sub_activitynet_v1-3.c3d.hdf5", "w") as file:
        for video, entry in (splits["train"] | splits["val_1"]).items():
            rows = max(1, int((entry["duration"] * ACTIVITYNET_FPS - C3D_WINDOW) // C3D_STRIDE + 1))
            file[f"{video}/c3d_features"] = _random(seed, video).normal(size=(rows, 500)).astype(np.float32)
    return [text for entries in splits.values() for entry in entries.values() for text in entry["sentences"]]


def _qvhighlights(folder: Path, real: Path | None, videos: int, few: int, seed: int) -> list[str]:
    """highlight_{train,val}_release.jsonl, several windows per query, and rows of CLIP and SlowFast for each 2 s."""
    sentences = []
    with h5py.File(_parent(folder / "clip_slowfast.hdf5"), "w") as file:
        file.attrs.update({"encoder": "CLIP and SlowFast", "layer": "", "rate": 0.5, "weights": ""})
        for split, number in {"train": videos, "val": few}.items():
            name = f"highlight_{split}_release.jsonl"
            rows = (
                [row for _, row in jsonl_rows(real / name)]
                if real and (real / name).is_file()
                else _made_jsonl(number, _random(seed, name))
            )
            chosen = list(dict.fromkeys(row["vid"] for row in rows))[:number]
            rows = [row for row in rows if row["vid"] in chosen]
            _write(folder / name, "".join(json.dumps(row) + "\n" for row in rows))
            sentences += [row["query"] for row in rows]
            for row in rows:
                if row["vid"] not in file:
                    features = _random(seed, row["vid"]).normal(size=(int(row["duration"] / 2), 2816))
                    file[row["vid"]] = features.astype(np.float32)
    return sentences


def _made_jsonl(number: int, random: Random) -> list[dict[str, Any]]:
    rows = []
    for _ in range(number):
        video = "".join(random.choice(list(ascii_letters + digits), 11)) + "_60.0_210.0"
        moments = _moments(150.0, random)
        for text, moment in zip(_texts("qvhighlights", random), moments, strict=True):
            windows = [list(moment), list(moments[0])] if random.random() < 0.3 else [list(moment)]
            qid = int(random.integers(1_000_000))
            rows.append({"qid": qid, "query": text, "duration": 150, "vid": video, "relevant_windows": windows})
    return rows


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


DATA_SETS = {
    "charades-sta": _charades_sta, "tacos": _tacos, "activitynet-captions": _activitynet,
    "qvhighlights": _qvhighlights,
}  # fmt: skip


def _glove(path: Path, data_sets: Iterable[list[str]], seed: int) -> None:
    """Lines `word number … number` for most words of the sentences of each data set, and for others."""
    known, rare = set(), set()
    for sentences in data_sets:
        frequent_first = [word for word, _ in Counter(w for text in sentences for w in tokenize(text)).most_common()]
        known.update(frequent_first)
        rare.update(frequent_first[-max(1, len(frequent_first) // RARE) :])
    others = {",", ".", "'s", "<unk>", *map(str, range(1900, 2100))} - known
    words = [*sorted(others), *sorted(known - rare)]
    vectors = _random(seed, path.name).normal(0, 0.4, (len(words), GLOVE_DIM)).tolist()
    lines = [f"{word} {' '.join(f'{x:.5g}' for x in vector)}\n" for word, vector in zip(words, vectors, strict=True)]
    _write(path, "".join(lines))


# ── What they share ───────────────────────────────────────────────────────────────────────────


def _random(seed: int, name: str) -> Random:
    """Numbers that depend on the seed and a name, not on what was drawn before."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _texts(name: str, random: Random) -> list[str]:
    return ["{} {} {}{}".format(*(random.choice(part.split("|")) for part in MANNERS[name])) for _ in range(PAIRS)]


def _pairs(name: str, duration: float, random: Random, decimals: int | None = None) -> dict[str, Any]:
    """What a json file says of a video: moments (whole numbers without `decimals`) and their sentences."""
    moments = [[round(a, decimals), round(b, decimals)] for a, b in _moments(duration, random)]
    return {"timestamps": moments, "sentences": _texts(name, random)}


def _moments(duration: float, random: Random) -> list[tuple[float, float]]:
    starts, shares = random.uniform(0, 0.6, PAIRS), random.uniform(0.2, 0.4, PAIRS)
    return [(start * duration, (start + share) * duration) for start, share in zip(starts, shares, strict=True)]


def _after_relu(random: Random, rows: int) -> np.ndarray:
    """(rows, 4096) features as a ReLU leaves them: half of them zero."""
    return np.maximum(random.normal(size=(rows, 4096)), 0).astype(np.float32)


def _shortest(entries: Entries, number: int, key: str) -> Entries:
    """The `number` shortest videos, in the order of their file."""
    text = key == "length"  # of a csv, where numbers are texts
    lengths = {video: amount(entry.get(key), f"video {video!r}: {key}", text=text) for video, entry in entries.items()}
    chosen = sorted(entries, key=lambda video: (lengths[video], video))[:number]
    return {video: entry for video, entry in entries.items() if video in chosen}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def main(
    root: Annotated[Path, typer.Argument(help="The folder to make, which then is the --root of every command.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="The folder of data sets with real annotations.")
    ] = None,
    videos: Annotated[
        int, typer.Option(help="How many videos each training split holds; the others hold a third.")
    ] = 6,
    seed: Annotated[int, typer.Option(help="Another seed, other features.")] = 0,
) -> None:
    """Write a miniature of each real data set into a new folder, and say what to do next."""
    real = build_miniature(root, source, videos, seed)
    for name in DATA_SETS:
        print(f"{root / name}: {'real' if name in real else 'made-up'} annotations, random features")
    print(f"Next: lgn-lite data status --root {root}")


if __name__ == "__main__":
    with errors_as_lines():
        typer.run(main)
