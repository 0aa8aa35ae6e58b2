"""Tables of runs: which folders are found, which numbers are shown, seeds put together, text that stays text."""

import contextlib
import csv
import html.parser
import json
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.experiments.results import results_table, write_html


def write_run(folder: Path, parameters: dict, numbers: dict | None = None, status: str = "done", file="09_train"):
    """A run of one notebook, as run_notebooks leaves it."""
    entry = {"status": status, "parameters": parameters | {"run_dir": str(folder)}}
    (folder / "results").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"parameters": parameters, "notebooks": {"09_train": entry}}))
    if numbers is not None:
        (folder / "results" / f"{file}.json").write_text(json.dumps(numbers))
    return folder


def like_09(recall: float) -> dict:
    """A results file in the shape of notebook 09's."""
    row = {"queries": 659, "R1@0.5": recall, "R1@0.7": recall / 2, "mIoU": 66.9}
    variants = {name: {"test": {"all": row, "kind": {"both": row}}} for name in ("full", "baseline")}
    return {"seed": 0, "variants": variants}


@pytest.fixture
def runs(tmp_path):
    """A sweep over two seeds and guidance on or off, one of whose runs failed; and a run next to it."""
    recalls = {(0, 0): 60.0, (0, 3): 80.25, (2, 0): 61.0, (10, 0): 65.0, (10, 3): 84.75}
    for (seed, guidance), recall in recalls.items():
        parameters = {"profile": "cpu", "seed": seed, "guidance": guidance}
        write_run(tmp_path / "sweep" / f"seed={seed}-guidance={guidance}", parameters, like_09(recall))
    parameters = {"profile": "cpu", "seed": 2, "guidance": 3}
    write_run(tmp_path / "sweep" / "seed=2-guidance=3", parameters, like_09(99.0), "failed")  # of an earlier try
    write_run(tmp_path / "alone", {"guidance": 3, "profile": "cpu"}, like_09(12345.0))
    return tmp_path


def test_one_row_a_run_with_what_differs_and_the_test_split_s_numbers(runs):
    table = results_table([runs / "sweep"])
    assert list(table.frame.columns) == ["run", "status", "seed", "guidance", "R1@0.5", "R1@0.7", "mIoU"]
    assert table.about == "metrics: 09_train.variants.full.test.all.…"
    assert list(table.frame["run"])[::2] == ["seed=0-guidance=0", "seed=2-guidance=0", "seed=10-guidance=0"]
    by_name = table.frame.set_index("run")
    assert by_name.loc["seed=10-guidance=3", "R1@0.5"] == 84.75 and by_name.loc["seed=10-guidance=3", "seed"] == 10
    failed = by_name.loc["seed=2-guidance=3"]
    assert failed["status"] == "failed" and failed[["R1@0.5", "mIoU"]].isna().all()
    assert list(table.as_text()["R1@0.7"]) == ["30.00", "40.12", "30.50", "", "32.50", "42.38"]


def test_folders_of_any_kind_are_found_once(runs):
    table = results_table([runs / "sweep" / "seed=0-guidance=0", runs, runs / "sweep"])
    assert list(table.frame["run"])[:2] == ["sweep/seed=0-guidance=0", "alone"]
    assert len(table.frame) == 7
    alone = table.as_text().iloc[1]
    assert alone["seed"] == "" and alone["R1@0.5"] == "12345"  # a parameter that it was not given
    assert list(table.as_text()["seed"]).count("10") == 2  # and the others' stay whole numbers


def test_over_seeds_mean_and_deviation_of_finished_runs(runs):
    table = results_table([runs / "sweep"], ["*.test.all.R1@0.5"], over=["seed"])
    assert table.about.endswith("left out, because not done: 1 of 6 runs")
    columns = ["guidance", "runs", *(f"{v}.test.all.R1@0.5{s}" for v in ("full", "baseline") for s in ("", " ±"))]
    assert list(table.frame.columns) == columns
    off, on = table.frame.iloc[0], table.frame.iloc[1]
    assert (off["guidance"], off["runs"], on["guidance"], on["runs"]) == (0, 3, 3, 2)
    assert off[columns[2]] == pytest.approx(62.0) and on[columns[2]] == 82.5
    assert off[columns[3]] == pytest.approx(statistics.stdev([60, 61, 65]))
    assert list(table.as_text()[columns[2]]) == ["62.00 ± 2.65", "82.50 ± 3.18"]


def test_a_single_seed_has_no_deviation(tmp_path):
    write_run(tmp_path / "a", {"seed": 0}, {"x": 1.5})
    write_run(tmp_path / "b", {"seed": 0, "w": 2}, {"x": 2.5})
    table = results_table([tmp_path], over=["seed"])
    assert list(table.as_text()["x"]) == ["1.500", "2.500"]
    assert list(table.as_text()["w"]) == ["", "2"]


def test_metrics_are_globs_with_or_without_the_file(runs):
    write_run(runs / "more", {}, {"time": 3}, file="14_speed")
    table = results_table([runs / "alone", runs / "more"], ["time", "09_train.*.both.R1@0.5"])
    assert list(table.frame.columns)[-3:] == [
        "14_speed.time",
        *(f"09_train.variants.{name}.test.kind.both.R1@0.5" for name in ("full", "baseline")),
    ]


def test_a_notebook_of_another_kind_shows_its_first_numbers_but_not_its_inputs(tmp_path):
    for seed in (0, 1):
        numbers = {"seed": seed, "ok": True, "text": "no", "list": [1], "ceiling": {str(k / 9): k for k in range(20)}}
        write_run(tmp_path / str(seed), {"seed": seed}, numbers)
    table = results_table([tmp_path])
    assert table.about == "metrics: 09_train.ceiling.…"
    assert list(table.frame.columns) == ["run", "status", "seed", *(str(k / 9) for k in range(12))]


def test_names_that_are_there_twice_get_a_number(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / str(seed), {"run": seed, "status": seed, "width": seed}, {"m": {"width": 5.5, "x ±": 2}})
    for over in ([], ["run"]):
        table = results_table([tmp_path], over=over)
        assert len(set(table.frame.columns)) == len(table.frame.columns)
    assert list(results_table([tmp_path]).frame.iloc[1]) == ["1", "done", 1, 1, 1, 5.5, 2]


def test_errors_name_the_folder_the_pattern_and_the_parameter(runs):
    (runs / "empty").mkdir()
    for folders, options, message in (
        (["empty"], {}, "empty: holds no run"),
        (["absent"], {}, "absent: no such folder"),
        (["sweep"], {"metrics": ["R9*"]}, r"--metric 'R9\*': no run has such a number"),
        (["sweep"], {"over": ["sed"]}, "--over sed: no run has this parameter; known are profile, seed, guidance"),
    ):
        with pytest.raises(InputError, match=message):
            results_table([runs / folder for folder in folders], **options)
    for content in ("{", "[]", '{"notebooks": {"09_train": 3}}'):
        (runs / "alone" / "run.json").write_text(content)
        with pytest.raises(InputError, match=r"alone/run\.json: not the record of a run"):
            results_table([runs])


def test_hidden_folders_and_files_are_no_runs_and_odd_numbers_no_measurements(tmp_path):
    write_run(tmp_path / "a", {"seed": 0}, {"x": 1.5, "nan": float("nan"), "huge": 10**400, "on": True, "no": None})
    write_run(tmp_path / ".trash" / "b", {"seed": 1}, {"x": 2.5})
    (tmp_path / "a" / "results" / "._09_train.json").write_bytes(b"\xff")
    table = results_table([tmp_path], ["*"])
    assert list(table.frame["run"]) == ["a"] and table.metrics == ["x", "nan"]
    assert len(results_table([tmp_path / ".trash"]).frame) == 1  # requested by name
    for content in ('{"a": ' * 400 + "1" + "}" * 400, "[" * 100_000, "9" * 5000, "\x00"):
        (tmp_path / "a" / "results" / "09_train.json").write_text(content)
        with contextlib.suppress(InputError):  # deep is read or refused, never a traceback
            results_table([tmp_path])


class Cells(html.parser.HTMLParser):
    """The cells of a table, and all names of elements."""

    def __init__(self, page: str):
        super().__init__()
        self.cells, self.elements = [], [""]
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.elements[-1] in ("td", "th", "button"):
            self.cells[-1] += data.strip("\n")


HOSTILE = "<img src=x>&lt;$rows</script>"


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1))
def test_no_text_of_a_run_becomes_a_part_of_the_page(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("runs")
    for number, label in enumerate((text, HOSTILE)):
        write_run(folder / str(number), {"label": label}, {"<b>$about": 1})
    page = write_html(folder / "table.html", results_table([folder])).read_text(encoding="utf-8")
    read = Cells(page)
    parts = {"", "html", "head", "meta", "title", "style", "body", "main", "h1", "p", "div", "table", "thead", "tbody"}
    parts |= {"tr", "th", "button", "td", "script"}
    assert set(read.elements) == parts and read.elements.count("script") == 1
    if text != HOSTILE:
        assert {text, HOSTILE, "<b>$about"} <= set(read.cells)


def test_the_command_prints_the_table_and_writes_both_files(runs, monkeypatch):
    monkeypatch.chdir(runs)
    arguments = ["results", "sweep", "--over", "seed", "--csv", "out/table.csv", "--html", "table.html"]
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    assert "82.50 ± 3.18" in done.output and done.output.splitlines()[-2:] == ["out/table.csv", "table.html"]
    first, second = csv.DictReader((runs / "out/table.csv").read_text().splitlines())
    assert (first["guidance"], first["runs"], float(second["R1@0.5"])) == ("0", "3", 82.5)
    assert float(second["R1@0.5 ±"]) == pytest.approx(statistics.stdev([80.25, 84.75]))
    assert "62.00 ± 2.65" in Cells((runs / "table.html").read_text()).cells
