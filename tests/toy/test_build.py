"""Toy-STA: one right moment a sentence, held-out compositions kept away, files whole and repeatable."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict
from itertools import pairwise

import av
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.annotations import read_toy_sta
from lgn_lite.errors import InputError
from lgn_lite.support import files
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.toy import (
    ACTIVITIES,
    COLOURS,
    CONCEPTS,
    SHAPES,
    SPLITS,
    Event,
    Scene,
    concept_frames,
    describe,
    draw_frame,
    held_out,
)
from lgn_lite.toy import build as toy
from lgn_lite.toy.scenes import make_scene

NANO = {"train": 2, "val": 1, "test": 1, "test-composition": 1}


@pytest.fixture
def nano(monkeypatch):
    monkeypatch.setitem(toy.SIZES, "nano", NANO)


scenes = st.builds(
    make_scene,
    seed=st.integers(0, 50),
    split=st.sampled_from(SPLITS),
    index=st.integers(0, 500),
    num_figures=st.sampled_from([2, 3]),
)


def matching(scene: Scene, tags: dict) -> list[Event]:
    """All events that a sentence's tags are true of: the grammar's meaning, written a second time."""

    def events(figure, activity):
        found = [e for e in scene.events if " ".join(scene.figures[e.figure]) == figure and e.activity == activity]
        return sorted(found, key=lambda e: e.start)

    found = events(tags["figure"], tags["activity"])
    if tags["relation"]:
        (other,) = events(tags["other_figure"], tags["other_activity"])  # the other event must be unique itself
        if tags["relation"] == "after":
            found = [e for e in found if e.start >= other.end]
        else:
            found = [e for e in found if e.end <= other.start]
    if tags["ordinal"] == "last":
        return found[-1:]
    if tags["ordinal"]:
        number = {"first": 0, "second": 1, "third": 2}[tags["ordinal"]]
        return found[number : number + 1]
    return found


@settings(max_examples=50, deadline=None)
@given(scenes)
def test_every_sentence_has_exactly_one_right_moment(scene):
    for query in describe(scene):
        tags = query.tags
        assert [(e.start, e.end) for e in matching(scene, tags)] == [(query.start, query.end)], query
        plain = matching(scene, {**tags, "relation": ""})
        if tags["kind"] == "attribute":
            assert not tags["relation"] and not tags["ordinal"]
        elif tags["kind"] == "temporal":  # without the relation it is open which one is meant
            assert len(plain) > 1 and not tags["ordinal"]
        elif tags["kind"] == "ordinal":
            assert len(matching(scene, {**tags, "ordinal": ""})) > 1 and not tags["relation"]
        else:  # both are needed: each alone gives another answer or several
            assert [(e.start, e.end) for e in plain] != [(query.start, query.end)]
            assert len(matching(scene, {**tags, "ordinal": ""})) > 1


@settings(max_examples=50, deadline=None)
@given(scenes)
def test_sentences_say_what_the_tags_say(scene):
    queries = describe(scene)
    assert queries and len({q.sentence for q in queries}) == len(queries)
    for query in queries:
        words = query.sentence.lower().rstrip(".").replace(",", "").split()
        for name in (*query.tags["figure"].split(), *query.tags["other_figure"].split()):
            assert name in words
        assert Counter(w for w in words if w in COLOURS + SHAPES) == Counter(
            (query.tags["figure"] + " " + query.tags["other_figure"]).split()
        )
        assert query.tags["relation"] in ("", *words) and query.tags["ordinal"] in ("", *words)


@settings(max_examples=50, deadline=None)
@given(scenes)
def test_timelines_are_possible(scene):
    assert 20 <= scene.duration <= 30 * len(scene.figures)
    colours, shapes = zip(*scene.figures, strict=True)
    assert len(set(colours)) == len(set(shapes)) == len(scene.figures)
    for figure in range(len(scene.figures)):
        own = sorted((e for e in scene.events if e.figure == figure), key=lambda e: e.start)
        times = [0, *(t for e in own for t in (e.start, e.end)), scene.duration]
        assert times == sorted(times)
        assert all(2.999 < e.end - e.start < 9.001 for e in own)
        assert all(b.start - a.end >= 0.399 for a, b in pairwise(own))


@settings(max_examples=50, deadline=None)
@given(scenes)
def test_held_out_compositions_are_only_in_their_split(scene):
    shown = [held_out(*scene.figures[e.figure], e.activity) for e in scene.events]
    asked = [held_out(*q.tags["figure"].split(), q.tags["activity"]) for q in describe(scene)]
    if scene.split == "test-composition":
        assert asked and all(asked)
    else:
        assert not any(shown) and not any(asked)


def test_an_eighth_of_the_compositions_is_held_out_evenly():
    kept = [(c, s, a) for c in COLOURS for s in SHAPES for a in ACTIVITIES if held_out(c, s, a)]
    assert len(kept) == len(COLOURS) * len(SHAPES) * len(ACTIVITIES) / 8
    assert Counter(a for _, _, a in kept) == dict.fromkeys(ACTIVITIES, 2)
    for place, names in (
        (0, COLOURS),
        (1, SHAPES),
    ):  # each colour and each shape is still seen in each activity
        for name in names:
            assert len({k[2] for k in kept if k[place] == name}) == 4


@pytest.mark.parametrize("split", SPLITS)
def test_all_kinds_are_asked(split):
    kinds = Counter(q.tags["kind"] for i in range(40) for q in describe(make_scene(0, split, i)))
    assert set(kinds) == {"attribute", "temporal", "ordinal", "both"}
    assert kinds["attribute"] > kinds["both"]


def test_neither_figure_nor_activity_alone_finds_the_moment():
    queries = [(s, q) for i in range(40) for s in [make_scene(0, "test", i)] for q in describe(s)]
    shared = sum(
        any(e.activity == q.tags["activity"] and " ".join(s.figures[e.figure]) != q.tags["figure"] for e in s.events)
        for s, q in queries
    )
    assert shared > 0.6 * len(queries)


def test_scene_depends_on_seed_split_and_index_only():
    again = asdict(make_scene(3, "val", 5))
    assert again == asdict(make_scene(3, "val", 5))
    for other in (make_scene(4, "val", 5), make_scene(3, "test", 5), make_scene(3, "val", 6)):
        assert asdict(other)["events"] != again["events"]
    with pytest.raises(InputError, match="'training'"):
        make_scene(0, "training", 0)
    with pytest.raises(InputError, match="num_figures is 4"):
        make_scene(0, "train", 0, num_figures=4)


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_each_activity_is_drawn_where_its_figure_is(activity):
    figures = [("red", "circle"), ("blue", "star")]
    busy = Scene("x", "", 30, figures, [Event(0, activity, 2, 6)], look=5)
    idle = Scene("x", "", 30, figures, [], look=5)
    frame, plain = draw_frame(busy, 4.2), draw_frame(idle, 4.2)
    assert frame.shape == (192, 192, 3) and frame.dtype == np.uint8
    changed = (frame != plain).any(-1)
    assert changed.sum() > 400  # large enough to survive shrinking to 48 x 48
    left = draw_frame(Scene("x", "", 30, figures, [Event(1, activity, 2, 6)], look=5), 4.2) != plain
    assert abs(np.nonzero(changed)[1].mean() - np.nonzero(left)[1].mean()) > 50  # each in its own half
    for t in (1.9, 6.0):  # the end is not part of the moment
        assert np.array_equal(draw_frame(busy, t), draw_frame(idle, t))


def test_concept_frames_are_labelled_and_repeatable():
    frames, labels = concept_frames(64, seed=1)
    again, _ = concept_frames(64, seed=1)
    assert frames.shape == (64, 48, 48, 3) and frames.dtype == np.uint8
    assert labels.shape == (64, len(CONCEPTS)) and labels.dtype == np.float32
    assert np.array_equal(frames, again)
    assert not np.array_equal(frames, concept_frames(64, seed=2)[0])
    colours, shapes = labels[:, :4].sum(1), labels[:, 4:8].sum(1)
    assert np.array_equal(colours, shapes) and set(colours) == {0, 1, 2}
    assert np.array_equal(colours == 0, labels.sum(1) == 0)  # a sleeper has nothing to name
    assert labels.any(0).all()
    for label in labels[colours == 1]:  # one figure: its composition is known
        names = [name for name, present in zip(CONCEPTS, label, strict=True) if present]
        assert len(names) == 3 and not held_out(*names)
    with pytest.raises(InputError, match="must divide"):
        concept_frames(1, seed=0, size=50)


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(toy.SIZES, "nano", NANO)
        yield toy.build_toy_sta(tmp_path_factory.mktemp("toy"), "nano", seed=1, workers=1, progress=False)


@pytest.mark.slow
def test_build_is_the_same_for_any_number_of_workers(built, tmp_path, nano):
    one = contents(built)
    two = contents(toy.build_toy_sta(tmp_path, "nano", seed=1, workers=2, progress=False))
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []
    assert sum(name.endswith(".mp4") for name in one) == 5
    assert not any("partial" in name for name in one)


def test_built_files_read_back(built):
    counts = json.loads((built / "toy_sta.json").read_text(encoding="utf-8"))["counts"]
    for split, number in NANO.items():
        made = [q for i in range(number) for q in describe(make_scene(1, split, i))]
        assert read_toy_sta(built, split) == made  # the files keep times, sentences and tags exactly
        assert counts[split] == {"videos": number, "queries": len(made)}


def test_built_videos_show_the_scenes(built):
    for split in SPLITS:
        scene = make_scene(1, split, 0)
        with av.open(built / "videos" / f"{scene.name}.mp4") as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 192, 192)
            assert float(stream.duration * stream.time_base) == pytest.approx(scene.duration, abs=0.01)
            frames = list(container.decode(stream))
        assert len(frames) == scene.duration * toy.FPS
        for i in (0, 100, len(frames) - 1):
            drawn = draw_frame(scene, i / toy.FPS).astype(int)
            assert np.abs(frames[i].to_ndarray(format="rgb24") - drawn).mean() < 6


def test_interrupted_build_goes_on(tmp_path, nano, monkeypatch):
    drawn = []

    def interrupted(path, frames, fps):
        drawn.append(path.name)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        path.write_bytes(b"whole")

    monkeypatch.setattr(toy, "write_video", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)
    assert not (tmp_path / "toy_sta.json").exists()
    with pytest.raises(InputError, match=r"seed=0, not 1; remove .* or give another folder"):
        toy.build_toy_sta(tmp_path, "nano", seed=1, workers=1, progress=False)
    toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)
    assert Counter(drawn) == {name: 1 + (name == drawn[2]) for name in drawn} and len(set(drawn)) == 5
    toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)  # whole now: nothing is drawn again
    assert len(drawn) == 6


def test_videos_of_unknown_settings_are_drawn_again(tmp_path, nano, monkeypatch):
    (tmp_path / "videos").mkdir()
    stale = tmp_path / "videos" / "toy-train-0000.mp4"
    stale.write_bytes(b"stale")
    monkeypatch.setattr(toy, "write_video", lambda path, frames, fps: path.write_bytes(b"new"))
    toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)
    assert stale.read_bytes() == b"new"


def test_other_settings_in_the_same_folder_are_an_error(tmp_path, nano, monkeypatch):
    monkeypatch.setattr(toy, "write_video", lambda path, frames, fps: path.write_bytes(b"new"))
    toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)
    with pytest.raises(InputError, match=r"toy_sta\.json: made with num_figures=2, not 3; remove"):
        toy.build_toy_sta(tmp_path, "nano", workers=1, num_figures=3, progress=False)
    with pytest.raises(InputError, match="'huge'"):
        toy.build_toy_sta(tmp_path, "huge", progress=False)


# ── Real days ─────────────────────────────────────────────────────────────────────────────────

BUILD = """
import sys, time
from lgn_lite.toy import build as toy
from lgn_lite.support.error_lines import errors_as_lines
toy.SIZES["nano"] = {"train": 2, "val": 1, "test": 1, "test-composition": 1}
if __name__ == "__main__":
    with errors_as_lines():
        toy.build_toy_sta(sys.argv[1], "nano", workers=2, progress=False)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_drawing_leaves_no_process_and_the_next_call_goes_on(tmp_path, nano, number):
    (tmp_path / "build.py").write_text(BUILD, encoding="utf-8")
    folder, videos = tmp_path / "toy", tmp_path / "toy" / "videos"
    command = [sys.executable, str(tmp_path / "build.py"), str(folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not list(videos.glob(".*.mp4")):
            assert process.poll() is None
            time.sleep(0.005)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert len(workers) >= 2 and not alive and list(videos.glob(".*")) == []
    # what workers leave that were killed too, of this version and of older ones, and a user's
    ended = process.pid
    (videos / f".toy-train-0000.lgn_lite-{ended}-{files._machine()}-00000000.mp4").write_bytes(b"half")
    (videos / f".toy-train-0001.{ended}.mp4").write_bytes(b"half")
    (videos / "._toy-train-0001.mp4").write_bytes(b"of a Mac")
    toy.build_toy_sta(folder, "nano", workers=0, progress=False)
    assert sorted(path.name for path in videos.glob(".*")) == ["._toy-train-0001.mp4"]
    if number == signal.SIGKILL:
        toy.build_toy_sta(tmp_path / "whole", "nano", workers=0, progress=False)
        for path in (tmp_path / "whole").rglob("*.*"):
            assert (folder / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_videos_of_other_names_are_not_touched(tmp_path, nano):
    (tmp_path / "videos").mkdir()
    for name in ("toy-mine.mp4", "toy-train-0000-cut.mp4", "toy-train-0000.mp4"):
        (tmp_path / "videos" / name).write_bytes(b"mine")
    toy.build_toy_sta(tmp_path, "nano", workers=0, progress=False)
    mine = [path.name for path in (tmp_path / "videos").iterdir() if path.read_bytes() == b"mine"]
    assert sorted(mine) == ["toy-mine.mp4", "toy-train-0000-cut.mp4"]


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '{"size": NaN}', "[" * 100_000, "\0" * 50])
@pytest.mark.parametrize("name", ["toy_sta.json", "toy_sta.partial.json"])
def test_a_damaged_note_is_one_line(tmp_path, nano, content, name):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"{name}.*; remove the folder and build again"):
        toy.build_toy_sta(tmp_path, "nano", workers=0, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_seed_below_zero_is_one_line(tmp_path, nano):
    with pytest.raises(InputError, match="seed -1: must not be below 0"):
        toy.build_toy_sta(tmp_path, "nano", seed=-1)


def test_a_full_disk_is_told_with_the_file(tmp_path, nano):
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(tmp_path)]
    if os.name == "nt" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        with pytest.raises(OSError) as told:
            toy.build_toy_sta(tmp_path / "toy", "nano", workers=0, progress=False)
        assert re.match(rf"{tmp_path}/toy/videos/toy-train-000\d\.mp4: No space left", os_error_line(told.value))
        assert list((tmp_path / "toy" / "videos").glob(".*")) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
