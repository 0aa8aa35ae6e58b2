"""The ablation study: its rows, its runs and their records, and the statistics that the tables print."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.figures import plot_seeds
from lgn_lite.model import LGN
from lgn_lite.recipes import RATES, VARIANTS, Recipe
from lgn_lite.study import ablation
from lgn_lite.study.ablation import (
    ALSO_SHOWN,
    REFERENCE,
    ROWS,
    collect,
    compact,
    next_rates,
    rows_of,
    run_study,
    step_costs,
    stored_name,
    study_table,
    whole_table,
    with_present_names,
)
from lgn_lite.study.statistics import mean_and_std, paired_difference, values


def record(row, seed, r1, rate=0.002, val=50.0):
    metrics = {"queries": 10, "R1@0.5": r1, "R1@0.7": r1 / 2, "R5@0.5": 90.0, "mIoU": r1 - 5}
    test = {"all": metrics, "kind": {"attribute": metrics | {"R1@0.5": r1 + 5}}, "length": {"< 4 s": metrics}}
    about = {"row": row, "seed": seed, "learning_rate": rate, "val": {"R1@0.5": val, "R1@0.7": 0.0, "mIoU": 0.0}}
    return about | {"parameters": 7, "epoch": 3, "test": test}


def test_every_row_is_another_model_and_every_question_has_its_rows():
    made = set()
    for row in ROWS.values():
        config = LGNConfig.preset("toy", **{**row.model, **VARIANTS[row.variant]})
        assert all(getattr(config, name) == value for name, value in row.model.items())  # no variant overrules it
        made.add(config)
    assert len(made) == len(ROWS)
    assert {row.question for row in ROWS.values()} == set(REFERENCE)
    for question, reference in REFERENCE.items():
        assert reference in rows_of(question) and set(ALSO_SHOWN.get(question, ())) <= set(rows_of(question))


def test_the_study_trains_scores_and_resumes(small_toy, tmp_path, monkeypatch):
    runs, folder = [("late-unconditional", 0, None), ("baseline", 0, 0.001)], tmp_path / "models"
    found = run_study(small_toy, folder, runs, Recipe(profile="smoke", training={"batch_size": 64}), workers=1)
    assert [(r["row"], r["seed"], r["learning_rate"]) for r in found] == [
        ("late-unconditional", 0, RATES["late"]),  # its variant's
        ("baseline", 0, 1e-3),
    ]
    assert sorted(collect(folder), key=str) == sorted(found, key=str)
    assert found[0]["parameters"] > found[1]["parameters"]
    for split in small_toy.tests:
        assert 0 <= found[0][split]["all"]["R1@0.5"] <= 100 and found[0][split]["kind"]
    begun = json.loads((folder / "late-deaf" / "seed-0" / "settings.json").read_text())
    assert begun["model"]["guidance_by"] == "nothing" and begun["model"]["early"] == "none"
    assert begun["training"]["batch_size"] == 64

    trained = []
    monkeypatch.setattr(
        "lgn_lite.study.ablation.train_side_by_side", lambda data, folder, recipes, *_, **__: trained.append(recipes)
    )
    assert run_study(small_toy, folder, runs[::-1], Recipe(profile="smoke")) == found[::-1]
    assert trained == []
    with pytest.raises(InputError, match="No such file"):
        run_study(small_toy, folder, [*runs, ("temporal", 3, 0.1)], Recipe(profile="smoke", training={"epochs": 3}))
    recipe = Recipe("baseline", "smoke", 3, {"convolution": "temporal"}, {"learning_rate": 0.1, "epochs": 3})
    assert trained == [{"temporal/seed-3-lr-0.1": recipe}]


def test_unknown_rows_and_broken_scores_are_reported(small_toy, tmp_path):
    with pytest.raises(InputError, match=r"no row fulll in the study: choose from baseline, early"):
        run_study(small_toy, tmp_path, [("full", 0, None), ("fulll", 0, None)])
    broken = tmp_path / "full" / "seed-0" / "scores.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    with pytest.raises(InputError, match=r"scores\.json:1: not json: .*; remove it"):
        collect(tmp_path)


def test_two_runs_of_one_seed_are_not_averaged():
    records = [record("full", 0, 90, 0.001), record("full", 0, 10, 0.004)]
    with pytest.raises(InputError, match="several runs of one seed"):
        values(records, "full", "R1@0.5")


def scored(rate):
    return {"R1@0.5": rate, "R1@0.7": 0.0, "mIoU": 0.0}


def test_a_row_tries_rates_until_worse_ones_enclose_the_best():
    assert next_rates({}) == [0.002, 0.004]
    assert next_rates({"0.002": scored(60), "0.004": scored(50)}) == [0.001]
    assert next_rates({"0.002": scored(50), "0.004": scored(60)}) == [0.008]
    assert next_rates({"0.001": scored(50), "0.002": scored(60), "0.004": scored(50)}) == []
    assert next_rates({"0.002": scored(60)}) == [0.001, 0.004]
    assert next_rates({"0.0001": scored(60), "0.0002": scored(50)}) == []  # nobody trains at no rate at all
    assert next_rates({"0.05": scored(50), "0.1": scored(60)}) == []


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The study without its trainings: what it trains, and a function that runs it."""
    best, trained = {"baseline": 0.004, "full": 0.0005}, []

    class Data:
        tests = ("test",)

        def __init__(self, size):
            self.folder = tmp_path / "data" / size
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "toy_sta.json").write_text('{"seed": 7}')

        def queries(self, split):
            return [0] * 5

    def run_study(data, folder, runs, recipe):
        trained.extend((data.folder.name, *run) for run in runs)
        return [record(row, seed, 60.0 + seed, rate, val=-abs(math.log(rate / best[row]))) for row, seed, rate in runs]

    (tmp_path / "notebooks" / "results").mkdir(parents=True)
    monkeypatch.setattr(ablation, "project_root", lambda: tmp_path)
    monkeypatch.setattr(ablation, "find_data_set", lambda name, size, root: Data(size))
    monkeypatch.setattr(ablation, "run_study", run_study)
    monkeypatch.setattr(ablation, "step_costs", lambda data, rows, batch: {row: {"milliseconds": 1.0} for row in rows})

    def run(**given):
        trained.clear()
        settings = {"rows": ["baseline", "full"], "seeds": 2, "say": lambda line: None} | given
        path = ablation.run_ablation_study("runs/ablations", **settings)
        return json.loads(path.read_text()), list(trained)

    return run


def test_the_study_grows_and_finds_what_its_file_holds(study, tmp_path):
    content, trained = study()
    assert list(content["rates"]["full"]) == ["0.002", "0.004", "0.001", "0.0005", "0.00025"]
    assert list(content["rates"]["baseline"]) == ["0.002", "0.004", "0.008"]
    own = [("full", "baseline", 0.004), ("full", "full", 0.0005)]
    assert [run for run in trained if run[0] == "full"] == [(s, r, n, rate) for n in (0, 1) for s, r, rate in own]
    assert [(r["row"], r["seed"]) for r in content["records"]] == [
        ("baseline", 0), ("baseline", 1), ("full", 0), ("full", 1),
    ]  # fmt: skip
    assert content["records"][0]["test"]["length"] and content["drawn"] == {"seed": 7}

    again, trained = study()  # on another machine, without the models
    assert again == content and trained == []
    more, trained = study(seeds=3)
    assert trained == [("full", "baseline", 2, 0.004), ("full", "full", 2, 0.0005)] and len(more["records"]) == 6

    before = (tmp_path / "notebooks" / "results" / "ablations.json").read_bytes()
    other, trained = study(epochs=9)  # of other settings nothing is taken over, and nothing is lost
    assert len(trained) == 12 and len(other["records"]) == 4
    aside = (tmp_path / "notebooks" / "results").glob("ablations.json.former-*")
    assert [path.read_bytes() for path in aside] == [before]


def test_what_a_row_costs(small_toy, clock, monkeypatch):
    rows = ["baseline", "square", "temporal"]
    counted, warm_up = [0] * len(rows), [50] * len(rows)  # multiply-adds are counted in a forward pass of shapes
    rounds = [0.1, 0.4, 0.1, 0.2, 0.4, 0.1, 0.4, 0.4, 0.8]  # three, one row after another
    monkeypatch.setattr("lgn_lite.study.speed.timer", clock.perf_counter)
    monkeypatch.setattr(LGN, "forward", clock.lasting(counted + warm_up + rounds, LGN.forward))
    costs = step_costs(small_toy, rows, batch=4, rounds=3)
    assert [costs[row]["milliseconds"] for row in rows] == [200, 400, 100]
    assert [costs[row]["ratio"] for row in rows] == [1, 2, 1]  # the median of 4, 2, 1 and of 1, 0.5, 2
    products = {row: cost["multiply_adds"] for row, cost in costs.items()}
    assert products["temporal"] < products["baseline"] < products["square"]
    assert costs["temporal"]["parameters"] < costs["baseline"]["parameters"] < costs["square"]["parameters"]


def test_mean_standard_deviation_and_paired_interval_are_those_of_scipy():
    a, b = {0: 61.0, 1: 64.5, 2: 60.2, 5: 1.0}, {2: 55.0, 1: 58.1, 0: 57.3, 4: 0.0}
    assert mean_and_std(a) == pytest.approx((np.mean(list(a.values())), np.std(list(a.values()), ddof=1)))
    mean, low, high, n = paired_difference(a, b)
    known = stats.ttest_rel([61.0, 64.5, 60.2], [57.3, 58.1, 55.0])
    assert n == 3 and mean == pytest.approx((3.7 + 6.4 + 5.2) / 3)
    assert (low, high) == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert math.isnan(mean_and_std({0: 3.0})[1])
    mean, low, high, n = paired_difference({0: 5.0}, {0: 3.0})
    assert (mean, n) == (2.0, 1) and math.isnan(low) and math.isnan(high)
    assert math.isnan(paired_difference({0: 5.0}, {1: 3.0})[0])


def test_a_table_shows_spread_and_difference():
    parts = ROWS["baseline"].question
    records = [
        record("baseline", 0, 60.0),
        record("baseline", 1, 62.0),
        record("late", 0, 70.0),
        record("late", 1, 73.0),
    ]
    table = study_table(records, parts)
    assert list(table.index) == [ROWS["baseline"].label, ROWS["late"].label]  # rows without runs are left out
    assert table.loc[ROWS["late"].label, "R1@0.5"] == "71.5 ± 2.1"
    mean, low, high, _ = paired_difference({0: 70.0, 1: 73.0}, {0: 60.0, 1: 62.0})
    assert table.iloc[1, -1] == f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]" and table.iloc[0, -1] == ""
    assert study_table(records[:1], parts).iloc[0]["R1@0.5"] == "60.0"  # one seed has no standard deviation


def test_the_whole_table_tests_every_row_against_the_baseline():
    ours, base = [70.0, 73.0, 75.5], [60.0, 62.0, 66.0]
    records = [record("full", seed, r1) for seed, r1 in enumerate(ours)] + [record("bag", 7, 50.0)]
    records += [record("baseline", seed, r1) for seed, r1 in enumerate(base)]
    table = whole_table(records, ("mIoU", "R1@0.5"))
    assert list(table.index) == [ROWS[row].label for row in ("baseline", "full", "bag")]
    known = stats.ttest_rel(ours, base)
    assert table.loc[ROWS["full"].label].tolist() == [3, "67.8 ± 2.8", "72.8 ± 2.8", "+10.2", f"{known.pvalue:.3f}"]
    assert table.loc[ROWS["baseline"].label].tolist()[-2:] == ["", ""]
    assert table.loc[ROWS["bag"].label].tolist() == [1, "45.0", "50.0", "", ""]  # shares no seed with the baseline


def test_files_with_former_names_of_rows_are_read(tmp_path):
    path = tmp_path / "late-deaf" / "seed-0" / "scores.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record("late-deaf", 0, 60.0)))
    assert [found["row"] for found in collect(tmp_path)] == ["late-unconditional"]
    stored = {
        "size": "full",
        "rates": {"full-deaf": {}},
        "costs": {"late": {}},
        "records": [record("full-deaf", 0, 60.0)],
    }
    study = with_present_names(stored)
    assert (list(study["rates"]), list(study["costs"])) == (["full-unconditional"], ["late"])
    assert study["size"] == "full" and study["records"] == [record("full-unconditional", 0, 60.0)]
    assert {row: stored_name(row) for row in ROWS if stored_name(row) != row} == {
        "late-unconditional": "late-deaf",
        "full-unconditional": "full-deaf",
    }


def test_compact_records_keep_what_the_tables_show():
    full = [record("baseline", 0, 60.123456), record("late", 0, 70.0, rate=0.001)]
    assert "length" in full[0]["test"]
    small = compact(full)
    assert small[0]["test"]["all"]["R1@0.5"] == 60.1235 and small[1]["learning_rate"] == 0.001
    assert set(small[0]["test"]) == {"all", "kind", "length"}
    assert small[0]["test"]["kind"]["attribute"]["R5@0.5"] == 90.0
    assert values(small, "late", "R1@0.5", kind="attribute") == values(full, "late", "R1@0.5", kind="attribute")


def test_the_figure_draws_every_seed_and_fills_what_is_sure():
    found = {"a": {0: 60.0, 1: 62.0}, "b": {0: 70.0, 1: 71.0}, "c": {0: 61.0}}
    figure = plot_seeds(found, {"b": (9.5, 8.0, 11.0), "c": (1.0, -2.0, 4.0)}, reference="a")
    left, right = figure.axes
    assert [line.get_xdata().tolist() for line in left.lines] == [[60.0, 62.0], [70.0, 71.0], [61.0]]
    sure, unsure = (line for line in right.lines if line.get_marker() not in ("None", None))
    assert sure.get_markerfacecolor() != "white" and unsure.get_markerfacecolor() == "white"
    assert [text.get_text() for text in left.get_yticklabels()] == ["a", "b", "c"]
