"""Annotations: the real files' figures, 2D-TAN's cleaning, and one clear error for each bad input."""

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.annotations import (
    Query,
    check_splits,
    hold_out,
    read_activitynet,
    read_cd,
    read_charades_sta,
    read_durations,
    read_tacos,
    read_timelens,
    read_toy_sta,
    read_youmakeup,
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


def read_real(shared, data, split):
    if data == "tacos":
        return read_tacos(shared(f"data/tacos/{split}.json"), split=split)
    return read_charades_sta(
        shared(f"data/charades-sta/charades_sta_{split}.txt"),
        shared(f"data/charades-sta/Charades_v1_{split}.csv"),
        split=split,
    )


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
        queries = read_real(shared, data, split)
    found = statistics(queries)
    assert (found["pairs"], found["videos"]) == (pairs, videos)
    assert (round(found["words"], 2), round(found["moment_seconds"], 2)) == (words, seconds)
    assert found["moments_per_video"] == pytest.approx(pairs / videos)
    assert queries.written - pairs == (0 if dropped is None else int(dropped.split()[0]))
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
        ("A -1 2##Below.", "start is '-1'; it must not be below 0"),
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
        ("id,seconds\nA,10\n", r"videos\.csv:1: no column length, the header has id, seconds; fetch"),
        ("video,length\nA,10\n", r"videos\.csv:1: no column id, the header has video, length; fetch"),
        ("", r"videos\.csv:1: no column id or length, the header has nothing; fetch"),
        ("id,length\nA,10\nB,20\nA,11\n", r"videos\.csv:4: video 'A' has length 11 here, 10 above; keep one"),
        ('id,length\nA,"10\n' + 20000 * "B,20 long\n", r"videos\.csv:\d+: not a csv: field larger .*; fetch"),
        ("id,length\nA,10\nB,long\n", r"videos\.csv:3: length is 'long', not a number"),
        ("id,length\nA\n", r"videos\.csv:2: length is None"),
        ("id,length\nA,0\n", r"lines\.txt:1: video 'A' has a duration of 0 s"),
    ],
)
def test_a_bad_csv_is_named(charades, lengths, message):
    with pytest.raises(InputError, match=message):
        read_charades_sta(*charades("A 0 1##Fine.\n", lengths))


def test_a_video_may_come_twice_with_one_length(charades):
    paths = charades("A 0 12##To the end.\n", "id,length\nA,10\nA,10.0\n")
    with pytest.warns(UserWarning, match="1 ends"):
        assert read_charades_sta(*paths)[0].duration == 10


def test_line_ends_of_windows_and_byte_order_marks_do_not_matter(charades, tmp_path):
    lines, lengths = charades("A 0 1##Fine.\nB 0 20##To the end.\n")
    expected = read_charades_sta(lines, lengths)
    for path in (lines, lengths):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_charades_sta(lines, lengths) == expected
    path = tmp_path / "val_1.json"
    path.write_bytes(b'\xef\xbb\xbf{"v_1": {"duration": 5,\r\n"timestamps": [[0, 1]], "sentences": ["Fine."]}}')
    assert read_activitynet(path)[0].sentence == "Fine."


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


def test_activitynet_is_cleaned_by_the_rules_of_2d_tan(tmp_path):
    path = tmp_path / "train.json"
    times = [[-0.5, 4], [5, 99], [7, 6], [3, 3], [-2, -1], [11, 12], [1, 2]]
    sentences = ["Early.", "Late.", "Swapped.", "Empty.", "Before.", "Beyond.", " ."]
    path.write_text(json.dumps({"v_1": {"duration": 10, "timestamps": times, "sentences": sentences}}))
    with pytest.warns(UserWarning) as caught:
        queries = read_activitynet(path, split="train")
    assert [(q.start, q.end) for q in queries] == [(0, 4), (5, 10)]
    assert queries.written == 7
    assert [str(w.message) for w in caught] == [
        f"{path}: 1 ends past the video's duration clipped to it (first: video 'v_1', pair 2); "
        "1 starts below 0 set to 0 (first: video 'v_1', pair 1); "
        "4 pairs dropped because the start is not before the end "
        "(first: video 'v_1', pair 3, video 'v_1', pair 4, video 'v_1', pair 5); "
        "1 pairs dropped because they have no word (first: video 'v_1', pair 7); 2 pairs kept"
    ]
    assert caught[0].filename == __file__


def test_a_negative_frame_of_tacos_is_the_first(tacos):
    with pytest.warns(UserWarning, match="1 starts below 0 set to 0"):
        assert read_tacos(tacos(timestamps=[[-5, 50]]))[0].span == (0, 0.5)


@pytest.mark.parametrize("key", ["video_duration", "duration"])  # Charades-CD's, ActivityNet-CD's
def test_times_of_the_cd_splits_are_seconds(tmp_path, key):
    path = tmp_path / "charades_test_ood.json"
    entry = {"timestamps": [[1.5, 8]], "sentences": ["a person sits."], key: 30.5, "decode_fps": 24.0}
    path.write_text(json.dumps({"AO8RW": entry}))
    assert read_cd(path, split="test-ood") == [Query("AO8RW", "a person sits.", 1.5, 8, 30.5, "test-ood")]
    del entry[key]
    path.write_text(json.dumps({"AO8RW": entry}))
    with pytest.raises(InputError, match="video 'AO8RW': video_duration is None, not a number"):
        read_cd(path)


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
        ({"timestamps": [[1, 10**400]]}, "pair 1: time is 1000.*…0+; it must be finite"),
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
        ('{"a": 3}', r"bad\.json, video 'a': must be an object .*, not a int; correct the entry"),
        ("", r"bad\.json:1: not json: .*; fetch the file again"),
        ("<!DOCTYPE html>\n<p>404", r"bad\.json:1: not json: .*; fetch the file again"),
        ('{"a": {"timestamps": [[0, 1]], "sent', r"bad\.json:1: not json: .*; fetch the file again"),
        ('{"a": {"timestamps": [[1, NaN]]}}', r"bad\.json: NaN is not a number that json knows; fetch the file again"),
        ('{"a": {}, "b": {}, "a": {}}', r"bad\.json: 'a' is there twice; merge the two entries or remove one"),
    ],
)
def test_a_json_of_the_wrong_form_is_named(tmp_path, text, message):
    path = tmp_path / "bad.json"
    path.write_text(text)
    for read in (read_tacos, read_activitynet, read_cd):
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


queries_of_videos = st.lists(st.sampled_from("abcdefgh"), max_size=20).map(
    lambda videos: [Query(video, f"sentence {i}", 0, 1, 2, "train") for i, video in enumerate(videos)]
)


@settings(max_examples=30, deadline=None)
@given(queries_of_videos, st.floats(0.01, 0.99), st.randoms())
def test_whole_videos_are_held_out_whatever_the_order(queries, share, random):
    rest, held = hold_out(queries, share)
    videos, held_videos = {q.video for q in queries}, {q.video for q in held}
    assert not held_videos & {q.video for q in rest}
    assert sorted(q.sentence for q in [*rest, *held]) == sorted(q.sentence for q in queries)
    assert [q for q in queries if q in rest] == rest
    assert {q.split for q in held} <= {"val"}
    if len(videos) >= 2:
        assert len(held_videos) == min(max(round(share * len(videos)), 1), len(videos) - 1)
    else:
        assert not held
    random.shuffle(queries)
    assert {q.video for q in hold_out(queries, share)[1]} == held_videos


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_is_a_part(share):
    with pytest.raises(InputError, match="between 0 and 1"):
        hold_out([], share)


@pytest.mark.filterwarnings("ignore:.*pairs kept")  # the file's own faults
def test_the_validation_split_of_charades_sta_stays_what_it_is(shared):
    queries = read_real(shared, "charades-sta", "train")
    rest, held = hold_out(queries)
    assert (len(rest), len(held), len({q.video for q in held})) == (11159, 1245, 534)
    assert sorted({q.video for q in held})[:3] == ["00MFE", "01KM1", "03AA8"]
    check_splits({"train": rest, "val": held, "test": read_real(shared, "charades-sta", "test")})


@pytest.mark.filterwarnings("ignore:.*pairs kept")
def test_the_splits_of_tacos_share_no_video(shared):
    check_splits({split: read_real(shared, "tacos", split) for split in ("train", "val", "test")})


def test_a_video_in_two_splits_is_named():
    def queries(videos):
        return [Query(video, "Sits.", 0, 1, 2) for video in videos]

    splits = {"train": queries("abcdea"), "val": queries("fg"), "test": queries("egdcb")}
    with pytest.raises(InputError, match=r"splits train and test share 4 videos \('b', 'c', 'd', …\): .* remove"):
        check_splits(splits)
    with pytest.raises(InputError, match=r"splits val and test share 1 videos \('g'\)"):
        check_splits(splits, may_share=[("train", "test")])
    check_splits(splits, may_share=[("train", "test"), ("val", "test")])


def test_statistics_of_nothing_are_refused():
    with pytest.raises(InputError, match="no queries"):
        statistics([])


# ── YouMakeup and TimeLens-Bench ──────────────────────────────────────────────────────────────

STEP = {"startime": "00:01:36", "endtime": "00:02:49.5", "caption": "Apply foundation", "area": ["face"]}


def makeup(tmp_path, *videos):
    path = tmp_path / "valid.json"
    path.write_text("".join(json.dumps(video) + "\n" for video in videos), encoding="utf-8")
    return path


def test_youmakeup_s_steps_are_queries(tmp_path):
    second = STEP | {"startime": "01:00:00", "endtime": "01:00:20", "caption": " Draw  the eyeliner "}
    path = makeup(
        tmp_path, {"video_id": "a", "name": "x", "step": {"1": STEP, "2": second}}, {"video_id": "b", "step": {}}
    )
    queries = read_youmakeup(path, {"a": 4000.0, "b": 10.0}, split="val")
    assert [(q.video, q.sentence, q.start, q.end, q.duration, q.split) for q in queries] == [
        ("a", "Apply foundation", 96.0, 169.5, 4000.0, "val"),
        ("a", "Draw  the eyeliner", 3600.0, 3620.0, 4000.0, "val"),
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"step": {"1": STEP}}, ":1: video_id is None, not the name of a video"),
        ({"video_id": "b", "step": {"1": STEP}}, ":1: the duration of video 'b' is unknown"),
        ({"video_id": "a", "step": [STEP]}, ":1: step must be an object"),
        ({"video_id": "a", "step": {"1": "x"}}, ":1, step '1': must be an object with a caption"),
        ({"video_id": "a", "step": {"1": {**STEP, "caption": None}}}, ":1, step '1': must be an object with a caption"),
        ({"video_id": "a", "step": {"1": {**STEP, "endtime": "2:49"}}}, ":1, step '1': endtime is '2:49', not a time"),
        (
            {"video_id": "a", "step": {"1": {**STEP, "startime": 96}}},
            ":1, step '1': startime is 96, not a time",
        ),
        ({"video_id": "a", "step": {"1": {**STEP, "endtime": "00:61:00"}}}, "endtime is '00:61:00', not a time"),
    ],
)
def test_damage_of_youmakeup_is_named(tmp_path, entry, said):
    path = makeup(tmp_path, entry)
    with pytest.raises(InputError) as refused:
        read_youmakeup(path, {"a": 4000.0})
    assert str(refused.value).startswith(str(path)) and said in str(refused.value)


def test_durations_may_come_from_a_csv(tmp_path):
    path = tmp_path / "durations.csv"
    path.write_text("id,length\na,4000\nb,10.5\na,4000\n", encoding="utf-8")
    assert read_durations(path) == {"a": 4000.0, "b": 10.5}
    path.write_text("id,length\na,4000\na,4001\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"durations.csv:3: video 'a' has length 4001 here, 4000 above; keep one"):
        read_durations(path)


def test_timelens_has_spans_and_queries(tmp_path):
    path = tmp_path / "charades-timelens.json"
    path.write_text(
        json.dumps({"v": {"duration": 30, "spans": [[1, 4.5], [9, 40]], "queries": ["a cat", "a dog"]}}),
        encoding="utf-8",
    )
    with pytest.warns(UserWarning, match="1 ends past the video's duration clipped"):
        queries = read_timelens(path, split="test")
    assert [(q.sentence, q.start, q.end) for q in queries] == [("a cat", 1, 4.5), ("a dog", 9, 30)]
    path.write_text(json.dumps({"v": {"duration": 30, "spans": [[1, 4.5]], "queries": []}}), encoding="utf-8")
    with pytest.raises(InputError, match="spans and queries must be two lists of the same length"):
        read_timelens(path)
