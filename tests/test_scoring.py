"""Scoring anybody's predictions: a published model's figures to the second digit, and what each of them counts."""

import json
import math

import pytest
import torch
from typer.testing import CliRunner

from lgn_lite.annotations import Query
from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.jsonl import Ranked
from lgn_lite.scoring import AP_THRESHOLDS, average_precision, score, score_files, score_table


def query(*windows, qid=0):
    first, *others = windows
    return Query(f"v{qid}", "a cat", *first, 200.0, others=tuple(others), qid=qid)


def ranked(*rows):
    return Ranked([(start, end) for start, end, _ in rows], [value for *_, value in rows])


def test_a_published_model_gets_its_published_figures(shared):
    ours = score_files(
        shared("data/qvhighlights/sample_val_preds.jsonl"), shared("data/qvhighlights/highlight_val_release.jsonl")
    )
    path = shared("data/qvhighlights/sample_val_preds_metrics_raw.json")
    published = json.loads(path.read_text(encoding="utf-8"))
    assert [ours[group]["queries"] for group in ("full", "short", "middle", "long")] == [1550, 429, 957, 574]
    for group in ("full", "short", "middle", "long"):
        theirs = published[group]
        assert round(ours[group]["mAP"], 2) == theirs["MR-mAP"]["average"]
        assert [round(ours[group][f"mAP@{m}"], 2) for m in AP_THRESHOLDS] == [
            theirs["MR-mAP"][str(m)] for m in AP_THRESHOLDS
        ]
        assert [round(ours[group][">="][f"R1@{m}"], 2) for m in (0.5, 0.7)] == [
            theirs["MR-R1"][str(m)] for m in (0.5, 0.7)
        ]


def test_an_overlap_of_exactly_m_is_where_the_two_signs_part():
    table = score([query((0, 10))], [ranked((0, 5, 0.9))])
    row = table["full"]
    assert row[">"]["R1@0.3"] == row[">="]["R1@0.3"] == 100
    assert row[">"]["R1@0.5"] == 0 and row[">="]["R1@0.5"] == 100
    assert row["mIoU"] == 50 and row["mAP@0.5"] == 100 and row["mAP@0.55"] == 0 and row["mAP"] == 10


def test_recall_takes_the_window_that_is_overlapped_most():
    table = score([query((0, 10), (50, 60))], [ranked((50, 59, 0.9), (0, 10, 0.8))])
    assert table["full"][">"]["R1@0.7"] == 100 and table["full"]["mIoU"] == pytest.approx(90)


def test_a_window_is_found_once():
    twice = score([query((0, 10), (50, 60))], [ranked((0, 10, 0.9), (0, 10, 0.8))])
    assert twice["full"]["mAP@0.5"] == 50  # the second prediction finds nothing, and half of the windows are found
    late = score([query((0, 10))], [ranked((80, 90, 0.9), (0, 10, 0.8))])
    assert late["full"]["mAP@0.5"] == 50 and late["full"][">"]["R1@0.5"] == 0 and late["full"][">"]["R5@0.5"] == 100


def test_mean_average_precision_orders_by_score_and_recall_by_the_file():
    rising = score([query((0, 10))], [ranked((80, 90, 0.1), (0, 10, 0.8))])
    assert rising["full"]["mAP@0.5"] == 100 and rising["full"][">"]["R1@0.5"] == 0


def test_ten_predictions_count_and_no_more():
    rows = [(100 + i, 101 + i, 0.9) for i in range(10)] + [(0, 10, 0.99)]
    assert score([query((0, 10))], [ranked(*rows)])["full"]["mAP@0.5"] == 0
    assert score([query((0, 10))], [ranked(*rows[1:])])["full"]["mAP@0.5"] == 100


def test_precision_is_interpolated():
    # hits at ranks 1 and 3 of two windows: precision 1 and 2/3
    overlap = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert average_precision(overlap, [0.9, 0.8, 0.7]) == pytest.approx([(1 + 2 / 3) / 2] * 10)
    # hits at ranks 2 and 3: precision 1/2 and 2/3, of which the first counts as 2/3 too
    overlap = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert average_precision(overlap, [0.9, 0.8, 0.7]) == pytest.approx([2 / 3] * 10)
    assert average_precision(torch.zeros(0, 2, dtype=torch.float64), []) == [0] * 10


def test_a_query_without_a_prediction_is_missed():
    table = score([query((0, 10)), query((0, 10), qid=1)], [ranked((0, 10, 0.9)), ranked()])
    row = table["full"]
    assert row[">"]["R1@0.5"] == row[">"]["R5@0.7"] == row["mIoU"] == row["mAP"] == 50 and row["queries"] == 2


def test_groups_hold_windows_up_to_their_upper_bound():
    table = score([query((0, 10), (20, 50), (30, 180))], [ranked((0, 10, 0.9))])
    assert [row["queries"] for row in table.values()] == [1, 1, 1, 1] and list(table)[1:] == ["short", "middle", "long"]
    assert table["short"]["mAP"] == 100 and table["middle"][">"]["R1@0.5"] == 0
    assert list(score([query((0, 160))], [ranked()])) == ["full"]  # longer than all groups


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="0 predictions for 0 queries"):
        score([], [])
    with pytest.raises(InputError, match="0 predictions for 1 queries"):
        score([query((0, 1))], [])


def test_the_table_has_all_figures():
    table = score_table(score([query((0, 10))], [ranked((0, 5, 0.9))]))
    assert list(table.columns) == [("full", ">"), ("full", ">="), ("short", ">"), ("short", ">=")]
    assert table.loc["R1@0.5"].tolist() == [0, 100, 0, 100]
    assert math.isnan(table.loc["mAP", ("full", ">")]) and table.loc["mAP", ("full", ">=")] == 10


def test_the_command_prints_writes_and_refuses(tmp_path):
    def invoke(*words):
        return CliRunner().invoke(cli.app, ["score", *map(str, words)])

    def rows(result):
        return [line.split()[:3] for line in result.output.splitlines()]

    truth, found = tmp_path / "truth.jsonl", tmp_path / "found.jsonl"
    row = {"qid": "a", "query": "a cat", "vid": "v", "duration": 20, "relevant_windows": [[0, 10]]}
    truth.write_text(json.dumps(row), encoding="utf-8")
    found.write_text(json.dumps({"qid": "a", "pred_relevant_windows": [[0, 5, 0.3]]}), encoding="utf-8")
    shown = invoke(found, truth, "--json", tmp_path / "s.json")
    assert shown.exit_code == 0 and ["R1@0.5", "0.00", "100.00"] in rows(shown)
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["short"][">="]["R1@0.5"] == 100
    table = invoke(found, truth, "--csv").output.splitlines()
    assert table[0] == "metric,full >,full >=,short >,short >=" and table[3] == "R1@0.5,0.0,100.0,0.0,100.0"
    found.write_text("", encoding="utf-8")
    assert ["R1@0.3", "0.00", "0.00"] in rows(invoke(found, truth))
    refused = CliRunner().invoke(cli.app, ["score", str(truth), str(found)])
    assert isinstance(refused.exception, InputError) and f"{found}: no queries" in str(refused.exception)
