"""Numbers are what the file says, or an error: one reader for those of json, of csv and of lines."""

import json
import os
import warnings

import pytest

from lgn_lite.annotations import read_activitynet, read_cd, read_charades_sta, read_tacos, read_toy_sta
from lgn_lite.errors import InputError
from lgn_lite.support.reading import amount, csv_rows, finite_number, parse_json, read_json, read_text, shown


def one_line(error) -> str:
    reported = str(error.value)
    assert "\n" not in reported and len(reported) < 500, reported
    return reported


NO_NUMBERS = [True, False, "10", "1_0", "１２", "", " ", None, [], [10], {}, {"a": 1}, "ten", "0x10", "1e", "--1"]
NOT_FINITE = [float("inf"), float("nan"), -float("inf"), 10**400, -(10**4000), 10**6000]


@pytest.mark.parametrize("value", NO_NUMBERS + NOT_FINITE, ids=lambda value: shown(value, 20))
def test_a_number_of_a_json_file_is_one_there(value):
    for read in (finite_number, amount):
        with pytest.raises(InputError, match=r"here: fps is ") as error:
            read(value, "here: fps")
        assert ("must be finite" if value in NOT_FINITE or value != value else "not a number") in one_line(error)


TEXTS = {"12": 12, " 12 ": 12, "+1": 1, "-0.5": -0.5, ".5": 0.5, "2.": 2, "1e-3": 0.001, "1E+2": 100, "007": 7}


@pytest.mark.parametrize("text", TEXTS)
def test_a_number_in_a_text_is_decimal(text):
    assert finite_number(text, "x", text=True) == TEXTS[text]
    if TEXTS[text] < 0:
        with pytest.raises(InputError, match=f"x is '{text}'; it must not be below 0"):
            amount(text, "x", text=True)


NO_TEXTS = ["1_0", "１２", "١٢", "²", "½", "0x10", "0b1", "1:30", "1,5", "1 0", "1e", "e5", ".", "+", "", "True", "1d3"]


@pytest.mark.parametrize("text", [*NO_TEXTS, None, True, 3, "x" * 3_000_000, "٣", "12\u0300", "1\x000"], ids=shown)
def test_all_else_in_a_text_is_none(text):
    with pytest.raises(InputError, match=r"x is .*, not a number") as error:
        finite_number(text, "x", text=True)
    one_line(error)


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "+inf", "1e999", "9" * 5000])
def test_what_is_not_finite_is_refused_in_a_text_too(text):
    with pytest.raises(InputError, match=r"x is .*; it must be finite") as error:
        finite_number(text, "x", text=True)
    one_line(error)


@pytest.fixture
def tacos(tmp_path):
    """`tacos(**changes)` writes one video of 100 frames at 10 frames per second and gives the path."""

    def write(**changes):
        entry = {"timestamps": [[0, 50]], "sentences": ["He cuts."], "fps": 10, "num_frames": 100} | changes
        (tmp_path / "tacos.json").write_text(json.dumps({"v": entry}), encoding="utf-8")
        return tmp_path / "tacos.json"

    return write


@pytest.mark.parametrize("value", NO_NUMBERS, ids=shown)
def test_every_time_of_a_json_file_is_read_strictly(tacos, tmp_path, value):
    for changes in ({"fps": value}, {"num_frames": value}, {"timestamps": [[value, 50]]}, {"timestamps": [[0, value]]}):
        with pytest.raises(InputError, match=r"tacos\.json, video 'v'.*not a number") as error:
            read_tacos(tacos(**changes))
        one_line(error)
    path = tmp_path / "seconds.json"
    good = {"duration": 10, "timestamps": [[0, 5]], "sentences": ["He cuts."]}
    for changes in ({"duration": value}, {"timestamps": [[0, value]]}):
        path.write_text(json.dumps({"v": good | changes}), encoding="utf-8")
        for read in (read_activitynet, read_cd):
            with pytest.raises(InputError, match=r"seconds\.json, video 'v'.*not a number"):
                read(path)


@pytest.mark.parametrize("fps", [0, -1, 1e-320, 1e-9, 1e5, 1e300])
def test_a_rate_that_no_video_has_is_refused(tacos, fps):
    with pytest.raises(InputError, match=r"video 'v': fps is .*; it must be at least 0\.001 and at most 10,000"):
        read_tacos(tacos(fps=fps))


def test_rates_that_videos_have_are_read(tacos):
    for fps in (0.5, 23.976, 29.4, 1000):
        assert read_tacos(tacos(fps=fps, num_frames=100 * fps, timestamps=[[0, fps]]))[0].duration == pytest.approx(100)


@pytest.mark.parametrize("length", ["1e-320", "0.0001", "1e300", "99999999999"])
def test_a_duration_that_no_video_has_is_refused(tmp_path, length):
    (tmp_path / "videos.csv").write_text(f"id,length\nA,{length}\n", encoding="utf-8")
    (tmp_path / "lines.txt").write_text("A 0 1##He sits.\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"lines\.txt:1: video 'A' has a duration of .* s; from 0\.001 s to"):
        read_charades_sta(tmp_path / "lines.txt", tmp_path / "videos.csv")
    (tmp_path / "v.json").write_text(f'{{"v": {{"duration": {length}, "timestamps": [[0, 1]], "sentences": ["A."]}}}}')
    with pytest.raises(InputError, match=r"v\.json, video 'v', pair 1: video 'v' has a duration of"):
        read_activitynet(tmp_path / "v.json")


def test_frames_beyond_the_last_are_clipped_and_reported_those_beyond_all_videos_refused(tacos):
    with pytest.warns(UserWarning, match=r"1 ends past the video's duration clipped"):
        assert read_tacos(tacos(timestamps=[[0, 101]]))[0].end == 10
    for pair in ([0, 1e12], [-1e12, 5], [0, 1e300]):
        with pytest.raises(InputError, match=r"pair 1: from .* but no video is longer than 10,000,000 s"):
            read_tacos(tacos(timestamps=[pair]))


# ── json and csv ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 10**5, "nested without end"),
        ('{"a":' * 10**5, "nested without end"),
        ('{"v": {"fps": ' + "9" * 5000 + "}}", "a number too long"),
        ('{"v": {"fps": 1, "fps": 2}}', "'fps' is there twice"),
        ('{"' + "k" * 10**6 + '": 1, "' + "k" * 10**6 + '": 2}', "'kkk.*…k+' is there twice"),
        ('{"v": NaN}', "NaN is not a number"),
        ('{"v": -Infinity}', "-Infinity is not a number"),
        ('{"' + "k" * 10**6 + '": 3}', "video 'kkk.*…k+': must be an object"),
        ('{"v": {"fps": 010}}', "not json"),
        ('{"v": {"fps": 1_0}}', "not json"),
        ("x" * 10**6, "not json"),
    ],
    ids=lambda text: text[:20],
)
def test_damage_to_json_is_one_short_line(tmp_path, text, message):
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    for read in (read_tacos, read_activitynet, read_cd):
        with pytest.raises(InputError, match=rf"bad\.json.*{message}") as error:
            read(path)
        one_line(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,length,length\nA,10,20\n", r":1: the header has 'length' twice"),
        ("id,length,id\nA,10,B\n", r":1: the header has 'id' twice"),
        ("id,script,length\nA,a door, opened,10\n", r":2: 4 fields, the header has 3; quote"),
        ("id,length\nA\n", r":2: length is None: the row is too short"),
        ('id,length\nA,"10\nB,20\n', "not a csv: unexpected end"),
        ("x" * 200_000 + "\n", "not a csv: field larger"),
        ("x" * 100_000 + ",y\n", r":1: no column id or length, the header has x+…x+, y"),
    ],
    ids=lambda text: text[:20],
)
def test_damage_to_csv_is_one_short_line(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"bad\.csv.*{message}") as error:
        list(csv_rows(path, ("id", "length")))
    one_line(error)


def test_fields_that_are_empty_beyond_the_header_do_not_matter(tmp_path):
    path = tmp_path / "good.csv"
    path.write_text('id,length,,\r\nA,10,,\r\n"B, too","20"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"good\.csv:3:  is None"):
        list(csv_rows(path))
    path.write_text('id,length\r\nA,10,,\r\n\r\n"B, too","20"\n', encoding="utf-8")
    assert [row for _, row in csv_rows(path)] == [{"id": "A", "length": "10"}, {"id": "B, too", "length": "20"}]


def test_a_row_of_tags_is_whole(tmp_path):
    (tmp_path / "videos.csv").write_text("id,length\nA,10\n", encoding="utf-8")
    (tmp_path / "toy_sta_val.txt").write_text("A 0 1##it jumps.\n", encoding="utf-8")
    (tmp_path / "toy_sta_val_tags.csv").write_text("kind,figure\nordinal\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"tags\.csv:2: figure is None"):
        read_toy_sta(tmp_path, "val")


# ── What is not a file, or has no end ───────────────────────────────────────────────────────


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in (read_text, read_json, read_tacos):
        with pytest.raises(InputError, match="pipe: is a pipe, a socket or a device, not a file"):
            read(tmp_path / "pipe")


def test_folders_devices_and_impossible_names_are_reported(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}: is a folder, not a file"):
        read_text(tmp_path)
    with pytest.raises(InputError, match="not a name that a file can have"):
        read_text(tmp_path / "a\0b")
    with pytest.raises(InputError, match="check the path"):
        read_text(tmp_path / ("n" * 300))
    if os.path.exists("/dev/zero"):  # noqa: PTH110
        with pytest.raises(InputError, match="/dev/zero: is a pipe, a socket or a device"):
            read_json(type(tmp_path)("/dev/zero"))


def test_a_file_too_large_for_a_text_is_refused_unread(tmp_path):
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2**33)  # 8 GB, none of it on the disk
    with pytest.raises(InputError, match=r"large\.json: holds 8,192 MB, of which at most 256 MB are read"):
        read_tacos(tmp_path / "large.json")


@pytest.mark.parametrize(
    "value",
    ["a" * 10**6, 10**6000, [[[[]]]] * 10**4, {i: i for i in range(10**4)}, b"x" * 10**6, "a\nb", float("nan")],
    ids=lambda value: shown(value, 20),
)
def test_whatever_is_quoted_is_short_and_one_line(value):
    assert len(shown(value)) < 120 and "\n" not in shown(value)


def test_quotes_of_what_is_short_are_python_s():
    for value in ("a", [1, 2, 3], {"a": 1}, None, True, 1.5, "it's", ("a", 2)):
        assert shown(value) == repr(value)
    deep = []
    for _ in range(10**5):
        deep = [deep]
    assert shown(deep) == "[[[…]]]"
    assert parse_json("[[[[[1]]]]]", "x") == [[[[[1]]]]]


def test_good_files_are_read_in_silence(tacos):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (query,) = read_tacos(tacos(num_frames=100.0))
    assert (query.start, query.end, query.duration) == (0, 5, 10)
