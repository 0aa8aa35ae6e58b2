"""The survey: the published figures of the real files, and explanations that agree with what is counted."""

import json

import pytest

from lgn_lite.analysis.data_statistics import COLUMNS, DIFFERENCES, TABLE_1, count_spans, survey
from lgn_lite.annotations import Query, read_charades_sta, read_tacos
from lgn_lite.errors import InputError

# pairs, as written, videos, words, seconds of a moment, candidates, the best candidate's R1@0.5 and R1@0.7
FIGURES = {
    ("charades-sta", "train"): (12404, 12408, 5336, 6.21, 8.17, 136, 100, 99.36),
    ("charades-sta", "test"): (3720, 3720, 1334, 6.23, 7.83, 136, 100, 99.54),
    ("tacos", "train"): (9790, 9790, 75, 8.41, 23.34, 2548, 98.47, 95.33),
    ("tacos", "val"): (4436, 4436, 27, 8.67, 34.32, 2548, 97.52, 92.06),
    ("tacos", "test"): (4001, 4001, 25, 8.53, 31.87, 2548, 97.23, 90.10),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*pairs kept")  # the files' own faults
def test_the_real_files_and_table_1(shared):
    def charades_sta(split):
        files = f"data/charades-sta/charades_sta_{split}.txt", f"data/charades-sta/Charades_v1_{split}.csv"
        return read_charades_sta(*map(shared, files))

    charades = {split: charades_sta(split) for split in ("train", "test")}
    tacos = {split: read_tacos(shared(f"data/tacos/{split}.json")) for split in ("train", "val", "test")}
    table = survey({"charades-sta": charades, "tacos": tacos})
    for row, figures in FIGURES.items():
        found = table.loc[row].drop("moments per video")
        assert tuple(found.round(2)) == figures, row
        assert table.loc[row, "moments per video"] == pytest.approx(figures[0] / figures[2])

    # What DIFFERENCES says, against what is counted
    train, both, files = (
        table.loc[row] for row in (("charades-sta", "train"), ("charades-sta", "all"), ("tacos", "all"))
    )
    for column, figure in TABLE_1["charades-sta"].items():
        assert round(train[column], 1) == figure
        assert f"{train[column]:.2f}" in DIFFERENCES[0]
    assert f"{both['moments per video']:.2f} moments per video, of {both['seconds per moment']:.2f} s" in DIFFERENCES[0]
    assert f"{train['pairs as written'] - train['pairs']:.0f} pairs" in DIFFERENCES[1]
    assert f"{train['pairs']:,.0f} pairs and {both['videos']:,.0f} videos" in DIFFERENCES[1]
    for column in ("words per sentence", "seconds per moment"):
        assert round(files[column], 1) == TABLE_1["tacos"][column]
        assert f"{files[column]:.2f}" in DIFFERENCES[2]
    assert round(17344 / files["videos"], 1) == TABLE_1["tacos"]["moments per video"]
    assert (
        f"{files['pairs']:,.0f} pairs of {files['videos']:.0f} videos: {files['moments per video']:.2f}"
        in DIFFERENCES[2]
    )
    for column in ("pairs", "videos"):
        shares = "/".join(f"{100 * table.loc[('tacos', split), column] / files[column]:.0f}" for split in tacos)
        assert f"{shares} % of the {column}" in DIFFERENCES[3]


def test_a_data_set_without_preset_or_table_has_no_such_figures():
    queries = [Query("A", "He sits.", 0, 2, 8), Query("A", "He sits down.", 0, 5, 8)]
    table = survey({"mine": {"train": queries, "test": queries[:1]}})
    assert list(table.columns) == list(COLUMNS)
    assert list(table.index) == [("mine", "train"), ("mine", "test"), ("mine", "all")]
    assert table.loc[("mine", "train")].dropna().to_dict() == {
        "pairs": 2, "pairs as written": 2, "videos": 1, "words per sentence": 2.5, "moments per video": 2,
        "seconds per moment": 3.5,
    }  # fmt: skip
    assert table.loc[("mine", "all"), ["pairs", "videos"]].tolist() == [3, 1]


def test_pairs_as_written_are_those_of_the_file(tmp_path):
    (tmp_path / "lines.txt").write_text("A 0 1##Sits.\nA 4 4##Stands.\n")
    (tmp_path / "videos.csv").write_text("id,length\nA,10\n")
    with pytest.warns(UserWarning, match="1 pairs dropped"):
        queries = read_charades_sta(tmp_path / "lines.txt", tmp_path / "videos.csv")
    table = survey({"charades-sta": {"train": queries, "test": queries}})
    assert table["pairs as written"].tolist()[:3] == [2, 2, 4]
    assert table["pairs"].tolist()[:3] == [1, 1, 2]


def test_an_empty_split_is_refused():
    with pytest.raises(InputError, match="no queries"):
        survey({"tacos": {"train": []}})


def test_an_empty_split_is_named_with_its_file(tmp_path):
    (tmp_path / "val.json").write_text("{}", encoding="utf-8")
    splits = {"train": [Query("v", "He sits.", 0, 1, 2)], "val": read_tacos(tmp_path / "val.json", split="val")}
    with pytest.raises(InputError, match=rf"{tmp_path}/val\.json: no queries: the split 'val' of tacos is empty"):
        survey({"tacos": splits})


def test_spans_are_counted_by_start_end_and_length():
    found = count_spans([(0.0, 0.2), (0.1, 0.24), (0.3, 1.0), (0.75, 1.0)], grid=4)
    assert found["moments"] == 4 and found["median"] == pytest.approx(0.225)
    assert found["map"] == [[2, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]]  # start, end; 1 is in the last
    assert found["lengths"] == [0, 2, 1, 0, 0, 1, 0, 0]
    assert json.loads(json.dumps(found)) == found
