"""What a study's records allow to say, in sentences: a new study changes the words with the numbers.

No sentence is stronger than its interval. A difference is "clearly more" or "clearly less" where the interval leaves
out zero, and "open" otherwise; a row whose learning rate lies at the edge of its grid is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lgn_lite.study.ablation import REFERENCE, ROWS, rows_of
from lgn_lite.study.statistics import (
    Difference,
    grid_edge,
    mean_and_std,
    paired_difference,
    plus_minus,
    values,
)

Study = Mapping[str, Any]  # the content of a study's file, with present names of its rows
Pair = tuple[str, str]  # a row, and the one that it is compared with

METRICS = ("R1@0.3", "R1@0.5", "R1@0.7", "R5@0.5", "R5@0.7", "mIoU")
METRIC, NEW = "R1@0.5", "test-composition"
AT_EDGE = "At the edge of the learning rates that were tried, so that a better one may lie beyond"


class Findings(list[str]):
    """Sentences, each an item of a list in a notebook; **bold** is Markdown's."""

    def __add__(self, more: Iterable[str]) -> Findings:
        return Findings([*self, *more])

    def _repr_markdown_(self) -> str:
        return "\n".join(f"- {sentence}" for sentence in self)

    def __str__(self) -> str:
        return "\n".join(self).replace("**", "")

    __repr__ = __str__


def compare(
    study: Study, row: str, reference: str, metric: str = METRIC, split: str = "test", **group: str
) -> Difference:
    """The paired difference of two rows; `group` is kind=… or length=…, as of `values`."""
    found, known = (values(study["records"], name, metric, split, **group) for name in (row, reference))
    return paired_difference(found, known)


def label(row: str) -> str:
    """What a sentence calls a row: most labels are meant for a table, and need their quotation marks."""
    return f"“{ROWS[row].label if row in ROWS else row}”"


def in_words(difference: Difference) -> str:
    """`+4.8 [+1.7, +7.9] over 5 seeds: **clearly more**`"""
    if difference.seeds < 2:
        return f"{difference}: **{difference.verdict}**"
    room = "" if difference.clear else ", the interval includes 0"
    return f"{difference} over {difference.seeds} seeds: **{difference.verdict}**{room}"


def edges(study: Study, rows: Iterable[str]) -> Findings:
    """One sentence that names those of the rows whose best learning rate may lie beyond their grid, or none."""
    rates = study.get("rates", {})
    found = [label(row) for row in dict.fromkeys(rows) if rates.get(row) and grid_edge(rates[row])]
    return Findings([f"{AT_EDGE}: {', '.join(found)}."] if found else [])


def findings(study: Study, *pairs: Pair, metric: str = METRIC, split: str = "test", **group: str) -> Findings:
    """A sentence per pair: difference, interval and verdict, and whose learning rate lies at the grid's edge.

    Args:
        study: whose records are compared.
        pairs: (row, reference).
        metric: what is compared.
        split: of the data set.
        group: kind=… or length=…; all queries by default.

    Returns:
        The sentences, in the order of the pairs; the last one names rows at their grid's edge.
    """
    said = Findings(
        f"{label(row)} against {label(reference)}, {metric}: "
        f"{in_words(compare(study, row, reference, metric, split, **group))}."
        for row, reference in pairs
    )
    return said + edges(study, (row for pair in pairs for row in pair))


def by_metric(
    study: Study, row: str, reference: str, metrics: Sequence[str] = METRICS, split: str = "test"
) -> Findings:
    """In which metrics two rows differ, and what the open ones leave room for.

    Args:
        study: whose records are compared.
        row, reference: the rows.
        metrics: names of metrics.
        split: of the data set.

    Returns:
        A sentence for each verdict that occurs; "open" comes last, with the largest difference that is not excluded.
    """
    found = {metric: compare(study, row, reference, metric, split) for metric in metrics}
    found = {metric: difference for metric, difference in found.items() if difference.seeds}
    return _by_verdict(found, f"{label(row)} against {label(reference)}") + edges(study, (row, reference))


def groups_of(study: Study, by: str, split: str = "test") -> dict[str, int]:
    """The groups of a split's queries that the records hold, with their sizes: by "kind" or by "length".

    Kinds come by size, the largest first; lengths in their own order. Empty where the records lack them.
    """
    first = next((record for record in study["records"] if by in record.get(split, {})), None)
    found = {} if first is None else {name: int(row["queries"]) for name, row in first[split][by].items()}
    return dict(sorted(found.items(), key=lambda item: -item[1])) if by == "kind" else found


def by_group(
    study: Study, row: str, reference: str, by: str = "kind", metric: str = METRIC, split: str = "test"
) -> pd.DataFrame:
    """Two rows by kind of sentence or by length of moment: queries, mean ± deviation, difference and verdict.

    Args:
        study: whose records are compared.
        row, reference: the rows.
        by: "kind" or "length".
        metric, split: what is compared, and where.

    Returns:
        A line per group; none where the records lack these groups.
    """
    table = {}
    for name, queries in groups_of(study, by, split).items():
        found = [values(study["records"], which, metric, split, **{by: name}) for which in (reference, row)]
        difference = compare(study, row, reference, metric, split, **{by: name})
        cells = [plus_minus(*mean_and_std(of_row)) for of_row in found]
        table[name] = dict(zip((ROWS[reference].label, ROWS[row].label), cells, strict=True))
        table[name] = {"queries": queries} | table[name]
        table[name] |= {"difference": str(difference), "verdict": difference.verdict}
    return pd.DataFrame(table).T


def group_findings(
    study: Study, row: str, reference: str, by: str = "kind", metric: str = METRIC, split: str = "test"
) -> Findings:
    """On which kinds or lengths two rows differ; as `by_group`, in words."""
    found = {name: compare(study, row, reference, metric, split, **{by: name}) for name in groups_of(study, by, split)}
    if not found:
        return Findings([f"The records of this study hold no scores by {by}."])
    head = f"{label(row)} against {label(reference)}, {metric} by {by}"
    return _by_verdict(found, head) + edges(study, (row, reference))


def _by_verdict(found: Mapping[str, Difference], head: str) -> Findings:
    said = Findings()
    for verdict in dict.fromkeys(("clearly more", "clearly less", "open", *(d.verdict for d in found.values()))):
        names = {name: difference for name, difference in found.items() if difference.verdict == verdict}
        if names:
            listed = "; ".join(f"{name} {difference}" for name, difference in names.items())
            room = ""
            if verdict == "open":
                room = f". Differences of up to {max(d.reach for d in names.values()):.1f} points are not excluded"
            said.append(f"{head}: **{verdict}** in {listed}{room}.")
    if len(found) > 1 and {difference.verdict for difference in found.values()} == {"open"}:
        said.append(f"All {len(found)} are open: the study shows no difference, and does not show that there is none.")
    return said


def kept_gain(
    study: Study, row: str, reference: str, split: str = NEW, metric: str = METRIC, before: str = "test"
) -> Findings:
    """How much of a row's gain over its reference is left on another split, within each seed.

    Args:
        study: whose records are compared.
        row, reference: the rows.
        split: the other split.
        metric: what is compared.
        before: the split of the gain.

    Returns:
        One sentence. The share is of the means, and is given only if the first gain is clear.
    """
    gains = []
    for where in (before, split):
        found, known = (values(study["records"], name, metric, where) for name in (row, reference))
        gains.append({seed: found[seed] - known[seed] for seed in found.keys() & known.keys()})
    (first, second) = (compare(study, row, reference, metric, where) for where in (before, split))
    change = paired_difference(gains[1], gains[0])
    share = f", {100 * second.mean / first.mean:.0f} % of the former" if first.low > 0 and second.seeds else ""
    text = f"{label(row)} over {label(reference)}, {metric}: {first} on {before}, {second} on {split}{share}."
    return Findings([f"{text} The change between the splits: {in_words(change)}."])


# -- the paper's claims


def _step(claim: str, differences: Mapping[str, Difference]) -> str:
    """One step of a claim that says "more" of every difference."""
    verdicts = [difference.verdict for difference in differences.values()]
    state = "not in this study"
    if all(difference.seeds > 1 for difference in differences.values()):
        state = "open here"
        if all(verdict == "clearly more" for verdict in verdicts):
            state = "holds here"
        elif "clearly less" in verdicts:
            state = "is contradicted here"
    shown = "; ".join(f"{what} {difference}, {difference.verdict}" for what, difference in differences.items())
    return f"{claim}: **{state}** ({shown})."


def paper_claims(study: Study, metric: str = METRIC) -> Findings:
    """The steps of Tables 4 and 5, each with what this study says of it: holds, is open, or is contradicted."""

    def over(row: str, *references: str) -> dict[str, Difference]:
        return {f"over {label(name)}": compare(study, row, name, metric) for name in references}

    said = Findings(
        [
            _step("Early modulation helps", over("early", "baseline")),
            _step("Late guidance helps", over("late", "baseline")),
            _step("Both together help most", over("full", "early", "late")),
            _step("Late guidance contributes more than early modulation", over("late", "early")),
        ]
    )
    return said + edges(study, ("baseline", "early", "late", "full"))


def sentence_in_guidance(study: Study, metric: str = METRIC, **group: str) -> Findings:
    """Whether late guidance needs the sentence: against its control, and what the control does by itself."""
    said, compared = Findings(), []
    for row, control, without in (("late", "late-unconditional", "baseline"), ("full", "full-unconditional", "early")):
        by_sentence = compare(study, row, control, metric, **group)
        alone = compare(study, control, without, metric, **group)
        if not by_sentence.seeds:
            continue
        text = f"What the sentence adds to {label(row)}: {in_words(by_sentence)}. "
        if by_sentence.low > 0:
            text += "Late guidance uses the sentence here."
        elif by_sentence.high < 0:
            text += "With the sentence it does worse than without."
        elif by_sentence.seeds > 1:
            text += f"The study neither shows nor excludes a contribution of up to {by_sentence.high:.1f} points"
            text += f", or a loss of up to {-by_sentence.low:.1f}."
        if alone.seeds > 1:
            text += f" The control itself against {label(without)}: {in_words(alone)}."
            if alone.low > 0 and not by_sentence.low > 0:
                text += " A gain of this kind is therefore no evidence that language guides."
        said.append(text)
        compared += [row, control, without]
    return said + edges(study, compared) if said else Findings(["This study has no unconditioned control."])


# -- one study against another, costs, chance


def agreement(study: Study, other: Study, pairs: Sequence[Pair], metric: str = METRIC) -> Findings:
    """Whether two studies say the same of the same pairs: the verdicts of each, and where they differ.

    Args:
        study, other: the studies.
        pairs: (row, reference).
        metric: what is compared.

    Returns:
        A sentence per pair, and one about all of them.
    """
    said, same = Findings(), 0
    for row, reference in pairs:
        ours, theirs = (compare(which, row, reference, metric) for which in (study, other))
        alike = ours.verdict == theirs.verdict
        same += alike
        how = f"both **{ours.verdict}**" if alike else f"**{ours.verdict}**, then **{theirs.verdict}**"
        said.append(f"{label(row)} against {label(reference)}: {ours}, then {theirs}: {how}.")
    rows = [row for row in ROWS if all(values(which["records"], row, metric) for which in (study, other))]
    means = {row: [mean_and_std(values(w["records"], row, metric))[0] for w in (study, other)] for row in rows}
    higher = sum(after > before for before, after in means.values())
    better = f"{higher} of {len(rows)} rows have a higher mean the second time"
    said.append(f"{same} of {len(pairs)} verdicts are the same; {better}.")
    return said


def cost_findings(study: Study) -> Findings:
    """What the rows cost: the dearest and the cheapest training step, and that of the paper's parts."""
    costs = {row: cost for row, cost in study.get("costs", {}).items() if row in ROWS and "ratio" in cost}
    if not costs:
        return Findings(["The costs of the rows were not measured."])

    def of(row: str) -> str:
        return f"{label(row)} {costs[row]['ratio']:.2f}"

    ordered = sorted(costs, key=lambda row: costs[row]["ratio"])
    parts = [row for row in ("early", "late", "full") if row in costs]
    said = Findings([f"A training step, the baseline's = 1: cheapest {of(ordered[0])}, dearest {of(ordered[-1])}."])
    if parts and "baseline" in costs:
        base = costs["baseline"]["parameters"]
        more = "; ".join(f"{of(row)}, {costs[row]['parameters'] - base:+,} parameters" for row in parts)
        said.append(f"The paper's parts: {more}.")
    return said


def count_clear(study: Study, metric: str = METRIC, level: float = 0.95) -> tuple[int, int, float]:
    """Comparisons of rows with their question's reference: (how many, how many are clear, how many by chance alone)."""
    found = [
        compare(study, row, reference, metric)
        for question, reference in REFERENCE.items()
        for row in rows_of(question)
        if row != reference
    ]
    intervals = [difference for difference in found if difference.seeds > 1]
    return len(intervals), sum(difference.clear for difference in intervals), (1 - level) * len(intervals)


def ranking(study: Study, rows: Sequence[str], metric: str = METRIC, split: str = "test") -> Findings:
    """Rows in the order of their means, and which steps from one to the next are clear.

    Args:
        study: whose records are compared.
        rows: of the study; those without runs are left out.
        metric, split: what is compared, and where.

    Returns:
        One sentence.
    """
    means = {row: values(study["records"], row, metric, split) for row in rows}
    means = {row: float(np.mean(list(found.values()))) for row, found in means.items() if found}
    ordered = sorted(means, key=means.__getitem__)
    text = f"By the mean {metric} on {split}: " + ", ".join(f"{label(row)} {means[row]:.1f}" for row in ordered) + "."
    for low, high in pairwise(ordered):
        difference = compare(study, high, low, metric, split)
        text += f" {label(high)} over {label(low)}: {difference}, {difference.verdict}."
    return Findings([text])


def other_questions(study: Study, shown: Iterable[str]) -> list[str]:
    """The questions with runs in this study beyond those that are shown already."""
    known = {record["row"] for record in study["records"]}
    return [
        question
        for question, reference in REFERENCE.items()
        if question not in set(shown) and reference in known and any(row in known for row in rows_of(question))
    ]


def summary(study: Study, other: Study | None = None, metric: str = METRIC) -> str:
    """The README's paragraph: what the study says of the paper's claims and of each question, in Markdown.

    Args:
        study: the content of its file, with present names.
        other: the same rows under another schedule; its verdicts are compared.
        metric: what is compared.

    Returns:
        A list in Markdown.
    """
    said = paper_claims(study, metric) + sentence_in_guidance(study, metric)
    known = {record["row"] for record in study["records"]}
    if {"temporal", "baseline"} <= known:
        said += findings(study, ("temporal", "baseline"), metric=metric)
    if other is not None:
        pairs = [("early", "baseline"), ("late", "baseline"), ("full", "early"), ("late", "late-unconditional")]
        said.append("Under the course's own schedule: " + agreement(study, other, pairs, metric)[-1])
    said = Findings(sentence for sentence in said if not sentence.startswith(AT_EDGE))  # once for all of them
    rates = [tried for row, tried in study.get("rates", {}).items() if row in ROWS]
    if edge := sum(bool(grid_edge(tried)) for tried in rates):
        said.append(f"{edge} of {len(rates)} rows have their learning rate at the edge of what was tried.")
    return said._repr_markdown_()
