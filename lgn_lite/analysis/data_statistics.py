"""The data sets in numbers: what the released files hold, the paper's Table 1 next to it, and why the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lgn_lite.annotations import Queries, Query, statistics
from lgn_lite.config import PRESETS, LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.evaluation import span_tensor
from lgn_lite.moments import Moments

if TYPE_CHECKING:
    from pandas import DataFrame

WHOLE_NUMBERS = ("pairs", "pairs as written", "videos", "candidates")  # columns
COLUMNS = (
    "pairs", "pairs as written", "videos", "words per sentence", "moments per video", "seconds per moment",
    "candidates", "best R1@0.5", "best R1@0.7",
)  # fmt: skip

# The paper's Table 1, for the data set as a whole.
TABLE_1 = {
    "charades-sta": {"words per sentence": 6.2, "moments per video": 2.3, "seconds per moment": 8.2},
    "tacos": {"words per sentence": 8.5, "moments per video": 136.6, "seconds per moment": 27.9},
}

DIFFERENCES = (
    "Charades-STA, Table 1: the three figures together are those of the training split alone (6.21 words, 2.32 "
    "moments per video, 8.17 s). Both splits have 2.42 moments per video, of 8.09 s, or 8.22 s before their ends are "
    "clipped to the video.",
    "Charades-STA, section 4.1: 12,408 training pairs and 6,672 videos are as written. In 4 pairs the start is not "
    "before the end once it is clipped to the video; 2D-TAN drops them, and so do we: 12,404 pairs and 6,670 videos.",
    "TACoS, Table 1: 8.5 words and 27.9 s are those of the three splits that 2D-TAN released, taken together (8.50 "
    "words, 27.88 s). 136.6 moments per video are section 4.1's 17,344 pairs over 127 videos, while the released files "
    "hold 18,227 pairs of 127 videos: 143.52. The paper does not say which files had 17,344.",
    "TACoS, section 4.1: split 50/25/25 %. The released splits hold 54/24/22 % of the pairs and 59/21/20 % of the "
    "videos.",
)


def survey(splits: Mapping[str, Mapping[str, Sequence[Query]]]) -> DataFrame:
    """Describe data sets, {name of the preset: {split: what its reader returned}}.

    A row for each data set and split, for all splits of a data set together, and for the paper's Table 1 if it has the
    data set. Columns: pairs after cleaning and as written, videos, means (words per sentence, moments per video,
    seconds per moment), candidates of the preset, and "best R1@0.5", "best R1@0.7": percent of pairs that the best
    candidate hits, which no model can exceed. A cell is empty if the paper, or a data set without a preset, has no
    such number.
    Raises InputError if a split has no queries.
    """
    import pandas as pd  # here: slow to import, and the command line names this module

    rows = []
    for name, parts in splits.items():
        moments = None
        if name in PRESETS:
            config = LGNConfig.preset(name)
            moments = Moments(config.num_clips, config.scales)
        if empty := [split for split, queries in parts.items() if not queries]:
            file = getattr(parts[empty[0]], "path", None)
            where = f"{file}: " if file else ""
            raise InputError(f"{where}no queries: the split {empty[0]!r} of {name} is empty; fetch the file again")
        labelled = dict(parts)
        if len(parts) > 1:
            labelled["all"] = Queries(query for queries in parts.values() for query in queries)
            labelled["all"].written = sum(map(_written, parts.values()))
        rows += [{"data set": name, "split": split} | _row(queries, moments) for split, queries in labelled.items()]
        if name in TABLE_1:
            rows.append({"data set": name, "split": "Table 1"} | TABLE_1[name])
    table = pd.DataFrame(rows, columns=["data set", "split", *COLUMNS]).set_index(["data set", "split"])
    return table.astype(dict.fromkeys(WHOLE_NUMBERS, "Int64"))  # whole numbers that may be absent


def count_spans(spans: object, grid: int = 20) -> dict[str, Any]:
    """Count where moments lie, without keeping any single one; `figures.plot_spans` draws it.

    Args:
        spans: (Q, 2) starts and ends as fractions of the video.
        grid: cells per axis of the map, and half the number of bins of the lengths.

    Returns:
        "moments", Q; "map", (grid, grid) counts by start and end; "lengths", (2 grid,) counts from 0 to 1; "median",
        of the lengths. Plain lists and numbers, as a results file holds them.
    """
    starts, ends = torch.as_tensor(spans, dtype=torch.float64).numpy().T
    edges = np.linspace(0, 1, grid + 1)
    return {
        "moments": len(starts),
        "map": np.histogram2d(starts, ends, (edges, edges))[0].astype(int).tolist(),
        "lengths": np.histogram(ends - starts, np.linspace(0, 1, 2 * grid + 1))[0].tolist(),
        "median": float(np.median(ends - starts)),
    }


def _row(queries: Sequence[Query], moments: Moments | None) -> dict[str, Any]:
    found = statistics(queries)
    row = {
        "pairs": found["pairs"],
        "pairs as written": _written(queries),
        "videos": found["videos"],
        "words per sentence": found["words"],
        "moments per video": found["moments_per_video"],
        "seconds per moment": found["moment_seconds"],
    }
    if moments is not None:
        row["candidates"] = len(moments)
        ceiling = moments.ceiling(span_tensor(queries), (0.5, 0.7))
        row |= {f"best R1@{m:g}": percent for m, percent in ceiling.items()}
    return row


def _written(queries: Sequence[Query]) -> int:
    """How many pairs the file held; for queries that no reader returned, how many there are."""
    return queries.written if isinstance(queries, Queries) else len(queries)
