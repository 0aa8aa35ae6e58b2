"""What the study says in words: every sentence follows the records, and none is stronger than its interval."""

import pytest

from lgn_lite.study import claims
from lgn_lite.study.ablation import ROWS

WIDE, NARROW = (-6.0, 0.0, 6.0), (-0.2, 0.0, 0.2)  # what the seeds add to a mean


def study(means, rates=None, costs=None, spread=NARROW, new=None):
    """Records of some rows over three seeds, with these means; `new` are the means on new compositions."""
    records = []
    for row, mean in means.items():
        for seed, more in enumerate(spread if row != "baseline" else (0.0, 0.0, 0.0)):
            metrics = {"queries": 100} | dict.fromkeys(claims.METRICS, mean + more)
            few = metrics | {"queries": 10, "R1@0.5": mean + more - 20}
            splits = {"test": {"all": metrics, "kind": {"while": few, "attribute": metrics}}}
            splits["test"]["length"] = {"< 4 s": metrics, "≥ 4 s": few}
            if new:
                splits["test-composition"] = {"all": {"queries": 50, "R1@0.5": new[row] + more}}
            records.append({"row": row, "seed": seed, "learning_rate": 0.002} | splits)
    return {"records": records, "rates": rates or {}, "costs": costs or {}}


def rates(**best):
    """Of each row the three rates that it tried, the best of them first, in the middle or last."""
    scores = {"first": (3, 2, 1), "middle": (1, 3, 2), "last": (1, 2, 3)}
    return {
        row: {
            rate: {"R1@0.5": score, "R1@0.7": 0}
            for rate, score in zip(("0.001", "0.002", "0.004"), scores[where], strict=True)
        }
        for row, where in best.items()
    }


def said(sentences):
    return str(sentences)


@pytest.mark.parametrize(
    ("mean", "spread", "verdict"),
    [(70, NARROW, "clearly more"), (50, NARROW, "clearly less"), (70, WIDE, "open, the interval includes 0")],
)
def test_a_finding_follows_its_interval(mean, spread, verdict):
    (text,) = claims.findings(study({"baseline": 60.0, "late": mean}, spread=spread), ("late", "baseline"))
    assert text.replace("**", "").endswith(f"over 3 seeds: {verdict}.")
    assert text.startswith("“+ late guidance” against “baseline (2D-TAN)”, R1@0.5: ")


def test_a_finding_names_rates_at_the_edge_and_rows_that_are_not_there():
    both = study({"baseline": 60.0, "late": 70.0}, rates(baseline="last", late="middle"))
    assert "may lie beyond: “baseline (2D-TAN)”." in said(claims.findings(both, ("late", "baseline")))
    both = study({"baseline": 60.0, "late": 70.0}, rates(baseline="last", late="first"))
    assert "may lie beyond: “+ late guidance”, “baseline (2D-TAN)”." in said(
        claims.findings(both, ("late", "baseline"))
    )
    inside = study({"baseline": 60.0, "late": 70.0}, rates(baseline="middle", late="middle"))
    assert "edge" not in said(claims.findings(inside, ("late", "baseline")))
    assert "no common seed" in said(claims.findings(inside, ("full", "baseline"), ("made-up", "baseline")))


def test_the_steps_of_the_paper_hold_stay_open_or_are_contradicted():
    holds = {"baseline": 60.0, "early": 70.0, "late": 80.0, "full": 90.0}
    texts = said(claims.paper_claims(study(holds))).splitlines()
    assert [text.split(": ")[1].split(" (")[0] for text in texts] == ["holds here"] * 4
    texts = said(claims.paper_claims(study(holds | {"early": 50.0, "full": 80.0}))).splitlines()
    states = ["is contradicted here", "holds here", "open here", "holds here"]
    assert [text.split(": ")[1].split(" (")[0] for text in texts] == states
    missing = said(claims.paper_claims(study({"baseline": 60.0, "late": 80.0}))).splitlines()
    assert "Early modulation helps: not in this study" in missing[0] and "holds here" in missing[1]


def test_what_the_sentence_contributes_is_not_read_out_of_an_open_interval():
    same = study({"baseline": 60.0, "late": 70.0, "late-unconditional": 70.0}, spread=WIDE)
    for record in same["records"]:  # not all seeds alike, or there would be no interval
        if record["row"] == "late-unconditional":
            record["test"]["all"]["R1@0.5"] = {0: 69.0, 1: 70.5, 2: 70.0}[record["seed"]]
    text = said(claims.sentence_in_guidance(same))
    assert "open, the interval includes 0. The study neither shows nor excludes a contribution of up to" in text
    assert "“baseline (2D-TAN)”: +9.8" in text and "no evidence that language guides" in text

    helped = said(claims.sentence_in_guidance(study({"baseline": 60.0, "late": 75.0, "late-unconditional": 70.0})))
    assert "Late guidance uses the sentence here." in helped and "no evidence" not in helped
    hurt = said(claims.sentence_in_guidance(study({"baseline": 60.0, "late": 65.0, "late-unconditional": 70.0})))
    assert "worse than without" in hurt
    assert "no unconditioned control" in said(claims.sentence_in_guidance(study({"late": 65.0})))


def test_metrics_and_groups_are_listed_by_their_verdicts():
    two = study({"full": 60.0, "square": 60.0}, spread=WIDE)
    for record in two["records"]:
        if record["row"] == "square":
            record["test"]["all"] |= {"R1@0.7": record["test"]["all"]["R1@0.7"] + 3, "mIoU": 61.0}
    texts = claims.by_metric(two, "square", "full", ("R1@0.7", "mIoU"))
    assert "**clearly more** in R1@0.7 +3.0" in texts[0] and "**open** in mIoU" in texts[1]
    assert "not excluded" in texts[1] and len(texts) == 2
    texts = claims.by_metric(two, "square", "full", ("mIoU", "R1@0.5"))
    assert texts[-1].startswith("All 2 are open") and "does not show that there is none" in texts[-1]

    pair = study({"baseline": 60.0, "early": 70.0})
    assert claims.groups_of(pair, "kind") == {"attribute": 100, "while": 10}
    assert list(claims.groups_of(pair, "length")) == ["< 4 s", "≥ 4 s"] and claims.groups_of(pair, "place") == {}
    table = claims.by_group(pair, "early", "baseline", "length")
    assert table.loc["≥ 4 s"].tolist()[:3] == [10, "40.0 ± 0.0", "50.0 ± 0.2"]
    assert table["verdict"].tolist() == ["clearly more"] * 2
    assert "by kind: clearly more in attribute +10.0" in said(claims.group_findings(pair, "early", "baseline"))
    assert "no scores by place" in said(claims.group_findings(pair, "early", "baseline", "place"))


def test_a_gain_on_another_split_is_compared_within_each_seed():
    means = {"baseline": 60.0, "late": 70.0}
    text = said(claims.kept_gain(study(means, new={"baseline": 50.0, "late": 54.0}), "late", "baseline"))
    assert "40 % of the former" in text and "-6.0 [-6.0, -6.0] over 3 seeds: clearly less" in text
    text = said(claims.kept_gain(study(means, spread=WIDE, new={"baseline": 50.0, "late": 54.0}), "late", "baseline"))
    assert "%" not in text  # no share of a gain that is open


def test_two_studies_are_compared_verdict_by_verdict():
    pairs = [("early", "baseline"), ("late", "baseline")]
    first = study({"baseline": 60.0, "early": 70.0, "late": 70.0})
    again = study({"baseline": 65.0, "early": 75.0, "late": 55.0})
    texts = said(claims.agreement(first, again, pairs)).splitlines()
    assert texts[0].endswith("both clearly more.") and texts[1].endswith("clearly more, then clearly less.")
    assert texts[2] == "1 of 2 verdicts are the same; 2 of 3 rows have a higher mean the second time."


def test_costs_counts_and_order():
    costs = {"baseline": (100, 1.0), "late": (120, 1.1), "square": (100, 2.5), "temporal": (50, 0.3)}
    costs = {row: {"parameters": number, "ratio": ratio} for row, (number, ratio) in costs.items()}
    texts = said(claims.cost_findings(study({"baseline": 1.0}, costs=costs)))
    assert "cheapest “convolution in time” 0.30, dearest “square convolution” 2.50" in texts
    assert "“+ late guidance” 1.10, +20 parameters" in texts
    assert "not measured" in said(claims.cost_findings(study({"baseline": 1.0})))
    found = study({"baseline": 60.0, "early": 70.0, "late": 60.0})
    count, clear, chance = claims.count_clear(found)
    # early and late with the baseline; the baseline, early and late with rows of other questions that share a table
    assert count > clear > 0 and chance == pytest.approx(0.05 * count)
    text = said(claims.ranking(found, ["early", "late", "full", "baseline"]))
    assert text.startswith("By the mean R1@0.5 on test: “+ late guidance” 60.0, “baseline (2D-TAN)” 60.0, “+ early")
    assert "clearly more" in text and "open" in text


def test_the_readme_gets_what_the_study_says():
    means = dict.fromkeys(ROWS, 70.0) | {"baseline": 60.0}
    text = claims.summary(study(means), study(means))
    assert all(line.startswith("- ") for line in text.splitlines())
    assert "**holds here**" in text and "4 of 4 verdicts are the same" in text
    assert text != claims.summary(study(means | {"early": 50.0}), study(means))


def test_questions_that_a_notebook_does_not_know_are_found():
    found = study({"baseline": 60.0, "temporal": 70.0, "temporal-late": 70.0, "early": 70.0})
    question = ROWS["temporal"].question
    assert question in claims.other_questions(found, [ROWS["baseline"].question])
    assert question not in claims.other_questions(found, [question])
    assert ROWS["labels-paper"].question not in claims.other_questions(found, [])
