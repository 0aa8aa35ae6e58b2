"""Annotations: the real files' figures, 2D-TAN's cleaning, and one clear error for each bad input."""

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.annotations import (
    Query,
    read_activitynet,
    read_charades_sta,
    read_tacos,
    read_toy_sta,
    statistics,
    write_charades_sta,
)
from lgn_lite.errors import InputError


@pytest.fixture
def charades(tmp_path):
    """`charades(text)` writes the lines and a csv of videos A (10 s) and B (20 s), and gives both paths."""

    def write(text, lengths="id,subject,length\nA,x,10\nB,y,20\n"):
        (tmp_path / "lines.txt").write_text(text, encoding="utf-8")
        (tmp_path / "videos.csv").write_text(lengths, encoding="utf-8")
        return tmp_path / "lines.txt", tmp_path / "videos.csv"

    return write


@pytest.fixture
def tacos(tmp_path):
    """`tacos(**changes)` writes one video of 100 frames at 10 frames a second and gives the path."""

    def write(**changes):
        video = {"timestamps": [[0, 50]], "sentences": ["He cuts."], "fps": 10, "num_frames": 100} | changes
        path = tmp_path / "tacos.json"
        path.write_text(json.dumps({"s1.avi": {k: v for k, v in video.items() if v is not None}}))
        return path

    return write


# pairs, videos, words, seconds of a moment; pairs clipped and dropped
FIGURES = {
    ("charades-sta", "train"): (12404, 5336, 6.21, 8.17, "1802 ends", "4 pairs dropped"),
    ("charades-sta", "test"): (3720, 1334, 6.23, 7.83, "562 ends", None),
    ("tacos", "train"): (9790, 75, 8.41, 23.34, "43 ends", None),
    ("tacos", "val"): (4436, 27, 8.67, 34.32, None, None),
    ("tacos", "test"): (4001, 25, 8.53, 31.87, "5 ends", None),
}


@pytest.mark.parametrize(("data", "split"), FIGURES)
def test_real_files_give_the_published_figures(shared, data, split):
    pairs, videos, words, seconds, clipped, dropped = FIGURES[data, split]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if data == "tacos":
            queries = read_tacos(shared(f"data/tacos/{split}.json"), split=split)
        else:
            queries = read_charades_sta(
                shared(f"data/charades-sta/charades_sta_{split}.txt"),
                shared(f"data/charades-sta/Charades_v1_{split}.csv"),
                split=split,
            )
    found = statistics(queries)
    assert (found["pairs"], found["videos"]) == (pairs, videos)
    assert (round(found["words"], 2), round(found["moment_seconds"], 2)) == (words, seconds)
    assert found["moments_per_video"] == pytest.approx(pairs / videos)
    assert all(0 <= q.start < q.end <= q.duration and q.split == split for q in queries)
    told = [str(w.message) for w in caught]
    assert len(told) == (clipped is not None)
    for text in filter(None, (clipped, dropped)):
        assert text in told[0]


def test_charades_line(charades):
    paths = charades("A 0.0 6.9##a person's book, on a shelf.\n\nB 1 20.0##Sits ## down.")
    first, second = read_charades_sta(*paths, split="val")
    assert first == Query("A", "a person's book, on a shelf.", 0.0, 6.9, 10.0, "val")
    assert second.sentence == "Sits ## down."
    assert first.span == pytest.approx((0, 0.69))


def test_ends_are_clipped_then_empty_moments_dropped_and_told_once(charades):
    lines = [
        "A 5 12##Late end.",
        "A 3 9##Fine.",
        "A 8 7##Swapped.",
        "A 4 4##Empty.",
        "A 11 12##Beyond.",
        "B 0 99##x",
    ]
    paths = charades("\n".join(lines))
    with pytest.warns(UserWarning) as caught:
        queries = read_charades_sta(*paths)
    assert [(q.start, q.end) for q in queries] == [(5, 10), (3, 9), (0, 20)]
    assert len(caught) == 1
    assert str(caught[0].message) == (
        f"{paths[0]}: 2 ends past the video's duration clipped to it (first: line 1, line 6); "
        "3 pairs dropped because the start is not before the end (first: line 3, line 4, line 5); "
        "3 pairs kept"
    )
    assert caught[0].filename == __file__  # points at the caller, not into the package


def test_clean_files_are_read_in_silence(charades):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_charades_sta(*charades("A 0 10##To the end.\n"))) == 1


@pytest.mark.parametrize("times", ["8 7", "8 8"])
def test_strict_refuses_a_start_not_before_the_end(charades, times):
    paths = charades(f"A 0 1##Fine.\nA {times}##Swapped.\n")
    with pytest.raises(InputError, match=r"lines\.txt:2: start 8 s is not before end \d s"):
        read_charades_sta(*paths, strict=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A 1 2 no separator.", "has no ##"),
        ("A 1##One time.", "does not begin with a video, a start and an end"),
        ("A 1 2 3##Three times.", "does not begin with a video, a start and an end"),
        ("A one 2##Words.", "start is 'one', not a number"),
        ("A 1 nan##No number.", "end is 'nan'; it must be finite"),
        ("A -1 2##Below.", "start is '-1'; it must be finite and not below 0"),
        ("A 1 inf##Endless.", "end is 'inf'; it must be finite"),
        ("A 1 2##", "the sentence is empty"),
        ("A 1 2## .", "the sentence is empty"),
        ("C 1 2##Unknown.", "video 'C' is not in .*videos.csv"),
    ],
)
def test_a_bad_line_is_named(charades, line, message):
    paths = charades(f"A 0 1##Fine.\n{line}\n")
    with pytest.raises(InputError, match=rf"lines\.txt:2: .*{message}"):
        read_charades_sta(*paths)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ("id,seconds\nA,10\n", r"videos\.csv:2: columns id and length are needed, the file has id, seconds"),
        ("id,length\nA,10\nB,long\n", r"videos\.csv:3: length is 'long', not a number"),
        ("id,length\nA\n", r"videos\.csv:2: length is None"),
        ("id,length\nA,0\n", r"lines\.txt:1: video 'A' has a duration of 0 s"),
    ],
)
def test_a_bad_csv_is_named(charades, lengths, message):
    with pytest.raises(InputError, match=message):
        read_charades_sta(*charades("A 0 1##Fine.\n", lengths))


def test_files_that_cannot_be_read_are_named(charades, tmp_path):
    lines, lengths = charades("A 0 1##Fine.\n")
    with pytest.raises(InputError, match=r"absent\.txt: No such file"):
        read_charades_sta(tmp_path / "absent.txt", lengths)
    lines.write_bytes(b"A 0 1##caf\xe9.\n")
    with pytest.raises(InputError, match=r"lines\.txt: not UTF-8 text, from byte 10 on"):
        read_charades_sta(lines, lengths)


def test_tacos_frames_become_seconds(tacos):
    path = tacos(timestamps=[[5, 50], [90, 120]], sentences=[" He cuts. ", "He eats."], fps=10.0)
    with pytest.warns(UserWarning, match=r"1 ends .* \(first: video 's1\.avi', pair 2\); 2 pairs kept"):
        first, second = read_tacos(path, split="train")
    assert first == Query("s1.avi", "He cuts.", 0.5, 5.0, 10.0, "train")
    assert (second.start, second.end) == (9, 10)


def test_activitynet_times_are_seconds(tmp_path):
    path = tmp_path / "val_1.json"
    path.write_text('{"v_1": {"duration": 82.73, "timestamps": [[0.83, 19.86]], "sentences": [" A man."]}}')
    assert read_activitynet(path) == [Query("v_1", "A man.", 0.83, 19.86, 82.73)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fps": None}, "video 's1.avi': fps is None, not a number"),
        ({"fps": 0}, "video 's1.avi': fps is 0"),
        ({"num_frames": "many"}, "video 's1.avi': num_frames is 'many', not a number"),
        ({"num_frames": 0}, "pair 1: video 's1.avi' has a duration of 0 s"),
        ({"sentences": []}, "two lists of the same length"),
        ({"timestamps": [[1, 2, 3]]}, r"pair 1: \[1, 2, 3\], .* must be \[start, end\] and a text"),
        ({"timestamps": [[1, None]]}, "pair 1: time is None, not a number"),
        ({"timestamps": [[1, float("nan")]]}, "pair 1: time is nan; it must be finite"),
        ({"sentences": [""]}, "pair 1: the sentence is empty"),
        ({"sentences": [3]}, r"pair 1: .* must be \[start, end\] and a text"),
    ],
)
def test_a_bad_json_entry_is_named(tacos, changes, message):
    with pytest.raises(InputError, match=r"tacos\.json, video 's1\.avi'.*" + message.removeprefix("video 's1.avi'")):
        read_tacos(tacos(**changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a":\n {,}}', r"bad\.json:2: not json: "),
        ("[]", r"bad\.json: must hold an object"),
        ('{"a": 3}', r"bad\.json, video 'a': must be an object"),
    ],
)
def test_a_json_of_the_wrong_form_is_named(tmp_path, text, message):
    path = tmp_path / "bad.json"
    path.write_text(text)
    for read in (read_tacos, read_activitynet):
        with pytest.raises(InputError, match=message):
            read(path)


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "videos.csv").write_text("id,length\nT1,30.0\n")
    (tmp_path / "toy_sta_val.txt").write_text("T1 1.5 4.0##the red circle jumps.\nT1 5 6##it waves.\n")
    (tmp_path / "toy_sta_val_tags.csv").write_text("kind,figure\nattribute,red circle\nordinal,\n")
    return tmp_path


def test_toy_lines_come_with_their_tags(toy):
    first, second = read_toy_sta(toy, "val")
    tags = {"kind": "attribute", "figure": "red circle"}
    assert first == Query("T1", "the red circle jumps.", 1.5, 4.0, 30.0, "val", tags)
    assert second.tags["kind"] == "ordinal"


def test_every_toy_line_needs_its_tags(toy):
    (toy / "toy_sta_val_tags.csv").write_text("kind\nattribute\n")
    with pytest.raises(InputError, match=r"tags\.csv: 1 rows of tags for the 2 lines of toy_sta_val\.txt"):
        read_toy_sta(toy, "val")


def test_toy_files_are_read_strictly(toy):
    (toy / "toy_sta_val.txt").write_text("T1 4 4##the red circle jumps.\nT1 5 6##it waves.\n")
    with pytest.raises(InputError, match=r"toy_sta_val\.txt:1: start 4 s is not before end 4 s"):
        read_toy_sta(toy, "val")


seconds = st.floats(0, 1000)
written = st.builds(
    Query,
    video=st.sampled_from(["A", "v_1.mp4"]),
    sentence=st.sampled_from(["A person sits.", "Two ## marks.", "Ünï 3!"]),
    start=seconds,
    end=seconds,
    duration=st.just(2000.0),
).filter(lambda q: q.start < q.end)


@settings(max_examples=50, deadline=None)
@given(st.lists(written, max_size=5))
def test_what_is_written_is_read_back_exactly(tmp_path_factory, queries):
    folder = tmp_path_factory.mktemp("written")
    (folder / "videos.csv").write_text("id,length\nA,2000\nv_1.mp4,2000\n")
    write_charades_sta(queries, folder / "lines.txt")
    assert read_charades_sta(folder / "lines.txt", folder / "videos.csv") == queries


@pytest.mark.parametrize(("video", "sentence"), [("A B", "Sits."), ("A##", "Sits."), ("A", "Two\nlines."), ("A", "")])
def test_what_the_line_format_cannot_hold_is_refused(tmp_path, video, sentence):
    with pytest.raises(InputError, match="the line format allows"):
        write_charades_sta([Query(video, sentence, 0, 1, 2)], tmp_path / "lines.txt")
    assert not list(tmp_path.iterdir())


def test_statistics_of_nothing_are_refused():
    with pytest.raises(InputError, match="no queries"):
        statistics([])
