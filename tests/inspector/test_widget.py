"""The inspector without a browser: what it sends to the page, what it says of what is missing, whom it keeps apart."""

import errno
import os
import resource
import shutil
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from helpers.clip import small_clip
from helpers.untrained import untrained_models

import lgn_lite.inspector.widget
from lgn_lite.analysis.explanation import explain, mean_alpha, top_predictions, word_effects
from lgn_lite.analysis.predictions import split_predictions
from lgn_lite.annotations import Query
from lgn_lite.checkpoint import About, load_checkpoint, save_checkpoint
from lgn_lite.config import LGNConfig
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore, write_features
from lgn_lite.inspector.widget import Inspector
from lgn_lite.jsonl import Ranked, write_predictions
from lgn_lite.loss import iou_targets
from lgn_lite.model import LGN
from lgn_lite.moments import interval_iou
from lgn_lite.recipes import evaluation_set
from lgn_lite.text import Vocabulary


def floats(content: bytes) -> np.ndarray:
    return np.frombuffer(content, "<f4")


def whole(content: bytes) -> list[int]:
    return np.frombuffer(content, "<i4").tolist()


@pytest.fixture(scope="module")
def models(tmp_path_factory, tiny_toy):
    """Untrained checkpoints of Toy-STA, as a course run leaves them: …/full/best next to …/baseline/best."""
    return untrained_models(tmp_path_factory.mktemp("models"), tiny_toy)


@pytest.fixture
def inspect(models, tiny_toy):
    """`inspect(query=3)`: an inspector of LGN with the baseline, on Toy-STA tiny, with nothing pending."""
    opened = []

    def make(checkpoint=models / "full" / "best", data=tiny_toy, **settings) -> Inspector:
        inspector = Inspector(checkpoint, data, **settings)
        opened.append(inspector)
        inspector.wait()
        return inspector

    yield make
    for inspector in opened:
        inspector.close()


def test_a_view_is_what_the_model_gives(inspect, models, tiny_toy):
    """Scores, labels, predictions and removed candidates are those of the model, for the query that was set last."""
    inspector = inspect()
    inspector.query = 3
    query = tiny_toy.queries("test")[3]
    assert inspector.sentence == inspector.view["sentence"] == query.sentence
    assert inspector.view["ground_truth"] == query.windows
    for k, variant in enumerate(("full", "baseline")):
        checkpoint = load_checkpoint(models / variant / "best")
        item = evaluation_set(tiny_toy, checkpoint, "test")[3]
        model = checkpoint.model
        with torch.inference_mode():
            counts = torch.tensor([len(item["words"])])
            scores = model(item["video"][None], item["words"][None], counts)[0].sigmoid()
        drawn = inspector.view["models"][k]
        np.testing.assert_allclose(floats(drawn["scores"]), scores, atol=1e-5)
        iou = model.moments.iou(torch.tensor([query.span], dtype=torch.float64))[0]
        np.testing.assert_allclose(floats(drawn["iou"]), iou, atol=1e-6)
        labels = iou_targets(iou, model.config.t_min, model.config.t_max)
        np.testing.assert_allclose(floats(drawn["target"]), labels, atol=1e-6)
        kept, dropped = top_predictions(model, torch.from_numpy(floats(drawn["scores"]).copy()))
        assert [found["candidate"] for found in drawn["predictions"]] == kept
        assert whole(drawn["dropped"]) == dropped
        first = drawn["predictions"][0]
        assert first["end"] == pytest.approx(model.moments.ends[kept[0]].item() * query.duration)
        assert first["iou"] == pytest.approx(iou[kept[0]].item())
    starts = whole(inspector.setup["models"][0]["starts"])
    assert starts == load_checkpoint(models / "full" / "best").model.moments.start_index.tolist()


def test_the_tabs_are_the_explanation(inspect, models, tiny_toy):
    """Guidance, gates and word effects are those of `explain`, and a model without them says so."""
    inspector = inspect(query=2)
    checkpoint = load_checkpoint(models / "full" / "best")
    item = evaluation_set(tiny_toy, checkpoint, "test")[2]
    neutral = mean_alpha(checkpoint, [query.sentence for query in tiny_toy.queries("test")])
    found = explain(checkpoint.model, item["video"], item["words"], neutral)
    late, baseline = inspector.look_into("late")["models"]
    np.testing.assert_allclose(floats(late["alpha"]), found.alpha, atol=1e-5)
    np.testing.assert_allclose(floats(late["steps"]).reshape(found.steps.shape), found.steps, atol=1e-5)
    raised, lowered = found.strongest(4)
    assert [channel["channel"] for channel in late["raised"]] == raised.tolist()
    np.testing.assert_allclose(floats(late["lowered"][0]["map"]), found.features[:, lowered[0]], atol=1e-4)
    assert "no late guidance" in baseline["message"]

    early, baseline = inspector.look_into("early")["models"]
    assert len(early["units"]) == 2 and "no early modulation" in baseline["message"]
    for unit, gates in zip(early["units"], found.gates, strict=True):
        np.testing.assert_allclose(floats(unit["gate"]), gates.gate, atol=1e-5)
        np.testing.assert_allclose(floats(unit["moved"]), gates.moved, atol=1e-4)
        after = floats(unit["after"]).reshape(len(unit["channels"]), -1)
        np.testing.assert_allclose(after, gates.after[:, unit["channels"]].T, atol=1e-3)

    query = tiny_toy.queries("test")[2]
    effects = word_effects(checkpoint, item["video"], query.sentence)
    words = inspector.look_into("words")["models"][0]["effects"]
    assert [word["word"] for word in words] == [effect.word for effect in effects]
    assert [word["change"] for word in words] == pytest.approx([effect.change for effect in effects], abs=1e-5)
    with pytest.raises(InputError, match="no tab 'lat'"):
        inspector.look_into("lat")


def test_an_edited_word_changes_the_map(inspect):
    """Another word gives another map at once; another query brings its own sentence back."""
    inspector = inspect(query=1)
    before, number = inspector.view["models"][0]["scores"], inspector.view["number"]
    late = inspector.look_into("late")
    inspector.sentence = "The red circle zzz flies a kite"
    assert inspector.view["models"][0]["scores"] != before
    assert inspector.view["unknown"].count("zzz") == 1 and inspector.view["number"] > number
    assert inspector.view["original"] != inspector.sentence
    assert inspector.look_into("late")["number"] > late["number"]
    inspector.sentence = "  ?! "
    assert "no words" in inspector.view["message"] and inspector.view["models"] == []
    assert inspector.look_into("words")["models"] == []
    inspector.query = 0
    assert inspector.sentence == inspector.view["original"] and not inspector.view["message"]


def test_a_ground_truth_is_its_own_sentence_s(inspect, tiny_toy):
    """Of an edited sentence nobody knows it: no IoU anywhere, and the original's is labelled as such."""
    inspector = inspect()
    query = inspector._queries[0]
    for same in (query.sentence, query.sentence.upper().rstrip(".") + " !"):  # the model sees no difference
        inspector.sentence = same
        assert inspector.view["ground_truth"] == query.windows
        assert inspector.view["original_ground_truth"] is None and inspector.view["asked_by"] == -1
        assert inspector.view["models"][0]["predictions"][0]["iou"] is not None
    for other in ("the green circle holds a book", ""):
        inspector.sentence = other
        view = inspector.view
        assert view["ground_truth"] is None and view["original_ground_truth"] == query.windows
        for drawn in view["models"]:
            assert drawn["iou"] is drawn["target"] is None
            assert [found["iou"] for found in drawn["predictions"]] == [None] * len(drawn["predictions"])


def test_an_edited_sentence_of_another_query_has_that_query_s_ground_truth(inspect):
    inspector = inspect()
    video, words = inspector._queries[0].video, inspector._queries[0].sentence
    number, other = next(
        (n, q) for n, q in enumerate(inspector._queries) if q.video == video and q.sentence != words and n
    )
    inspector.sentence = other.sentence.lower()
    assert inspector.view["asked_by"] == number and inspector.view["ground_truth"] == other.windows
    assert inspector.view["original_ground_truth"] is None
    elsewhere = next(q for q in inspector._queries if q.video != video and q.sentence not in (words, other.sentence))
    if elsewhere.sentence not in [q.sentence for q in inspector._queries if q.video == video]:
        inspector.sentence = elsewhere.sentence  # true of another video
        assert inspector.view["asked_by"] == -1 and inspector.view["ground_truth"] is None


def test_nothing_found_is_said_and_so_is_a_word_that_it_never_saw(inspect):
    inspector = inspect()
    P = len(inspector._models[0].checkpoint.model.moments)
    for best, said in ((0.05, "Nothing scores above 0.1: the model finds no such moment."), (0.3, "")):
        inspector._models[0].scores = lambda number, sentence, best=best: torch.linspace(0, best, P)
        inspector.sentence = f"a dog chases a bottle {best}"
        assert inspector.view["models"][0]["notice"] == said
    note = inspector.view["unknown_note"]
    assert "trained on drawn figures (Toy-STA tiny), and knows" in note and "dog, chases, bottle" in note
    assert inspector.view["notices"] == []  # the video is one of the data set


def test_the_page_asks_for_a_tab(inspect):
    """The page's message has a tab computed in the background; one for a view that is gone does nothing."""
    inspector = inspect()
    inspector._on_message(inspector, {"want": "words", "number": inspector.view["number"] - 1}, [])
    inspector._on_message(inspector, {"want": "_models", "number": inspector.view["number"]}, [])
    inspector.wait()
    assert inspector.words == {}
    inspector._on_message(inspector, {"want": "words", "number": inspector.view["number"]}, [])
    inspector.wait()
    assert inspector.words["number"] == inspector.view["number"]


def test_the_table_has_the_answers_of_both(inspect, tiny_toy):
    """All queries of the split, with the IoU of both models' predictions and how far they disagree."""
    inspector = inspect()
    queries = tiny_toy.queries("test")
    table, predictions = inspector.table, inspector.predictions
    assert table["sentence"] == [query.sentence for query in queries]
    assert table["kind"] == [query.tags["kind"] for query in queries]
    np.testing.assert_allclose(floats(table["end"]), [query.end for query in queries], rtol=1e-6)
    assert predictions["progress"] is None and not predictions["message"]
    assert floats(predictions["models"][0]["iou"])[5] == pytest.approx(_first_iou(inspector, 5, 0), abs=1e-6)
    assert floats(predictions["models"][1]["iou"])[7] == pytest.approx(_first_iou(inspector, 7, 1), abs=1e-6)
    assert len(floats(predictions["disagreement"])) == len(queries)


def _first_iou(inspector: Inspector, query: int, k: int) -> float:
    inspector.query = query
    return inspector.view["models"][k]["predictions"][0]["iou"]


def test_another_split(inspect, tiny_toy):
    inspector = inspect(query=4)
    inspector.split = "val"
    inspector.wait()
    assert inspector.query == 0
    assert inspector.view["sentence"] == tiny_toy.queries("val")[0].sentence
    assert inspector.table["count"] == len(tiny_toy.queries("val"))
    assert len(floats(inspector.predictions["models"][0]["iou"])) == inspector.table["count"]
    with pytest.raises(InputError, match="no split 'tets'"):
        inspector.split = "tets"
    assert inspector.split == "val"


def test_the_video_is_the_file(inspect, tiny_toy):
    inspector = inspect()
    name = tiny_toy.queries("test")[0].video
    assert inspector.video["name"] == name and inspector.video["mime"] == "video/mp4"
    assert inspector.video["data"] == tiny_toy.video(name).read_bytes()


def test_a_video_that_is_not_as_long_as_annotated_is_mentioned(inspect, tiny_toy):
    twice = [replace(query, duration=query.duration * 2) for query in tiny_toy.queries("test")[:3]]
    video = inspect(data=replace(tiny_toy, reader=lambda folder, split: twice)).video
    assert video["data"] and video["message"] == "" and f"says {twice[0].duration:.1f} s" in video["note"]
    assert inspect().video["note"] == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("a.hdf5: video 'v' holds NaN; extract it again"), "LGN: a.hdf5: video 'v' holds NaN"),
        (OSError(errno.EIO, "Input/output error", "a.hdf5"), "LGN: a.hdf5: Input/output error"),
        (RuntimeError("not enough memory: you tried to allocate\n80 GB"), "LGN: not enough memory: you tried"),
        (MemoryError(), "LGN: there is not enough memory"),
    ],
)
def test_what_fails_for_one_query_is_told_and_the_next_is_shown(inspect, error, said):
    """Its files may be damaged or gone long after the page was opened."""
    inspector = inspect()
    first = inspector._models[0]
    first.predictions = None
    right, first.video = first.video, Mock(side_effect=error)
    inspector.query = 2
    message, other = (drawn["message"] for drawn in inspector.view["models"])
    assert message.startswith(said) and "\n" not in message and other == ""
    assert inspector.look_into("words")["models"][0]["message"]
    first.video = right
    inspector.query = 3
    assert [drawn["message"] for drawn in inspector.view["models"]] == ["", ""]


def test_a_checkpoint_that_is_gone_by_then_answers_from_memory(inspect, tiny_toy, tmp_path):
    models = untrained_models(tmp_path / "models", tiny_toy)
    inspector = inspect(models / "full" / "best")
    shutil.rmtree(models)
    inspector.split = "val"
    inspector.wait()
    assert [drawn["message"] for drawn in inspector.view["models"]] == ["", ""]
    assert inspector.view["models"][0]["predictions"]
    assert inspector.predictions["message"].count("\n") == 0 and "model.safetensors" in inspector.predictions["message"]


def test_a_split_that_cannot_be_had_is_told_in_the_page(inspect, tiny_toy):
    """A page that sets what is not there sees why, and is set back."""
    inspector = inspect()
    for state in ({"split": "nonsense"}, {"query": 10**6}):
        inspector.set_state(state)
        assert inspector.view["message"] and (inspector.split, inspector.query) == ("test", 0)
    inspector.set_state({"query": 1})
    assert inspector.view["message"] == "" and inspector.view["query"] == 1


def test_a_pipe_in_a_video_s_place_is_not_waited_for(inspect, models, tiny_toy, tmp_path):
    os.mkfifo(tmp_path / "toy-test-0000.mp4")
    os.mkfifo(tmp_path / "mine.mp4")
    with pytest.raises(InputError, match="a folder, a device or a pipe, not a video file"):
        Inspector(models / "full" / "best", video=tmp_path / "mine.mp4", sentence="a red circle")
    found = inspect(data=replace(tiny_toy, video_path=str(tmp_path / "{name}.mp4")))
    assert "There is no video file" in found.video["message"]


def test_two_people_have_two_states(inspect):
    """A query of one of two inspectors of the same checkpoint leaves the other as it is."""
    one, other = inspect(query=1), inspect(query=1)
    view = other.view
    one.query = 5
    one.sentence = "a red circle"
    one.look_into("words")
    assert other.query == 1 and other.view is view and other.words == {}
    assert other.sentence != "a red circle"


def test_html_stays_text(inspect, tiny_toy):
    """A sentence and a video's name with HTML in them reach the page as they are; it sets them as text."""
    nasty = "<img src=x onerror=alert(1)> circle"
    queries = [replace(tiny_toy.queries("test")[0], sentence=nasty)]
    inspector = inspect(data=replace(tiny_toy, reader=lambda folder, split: queries))
    assert inspector.view["sentence"] == inspector.table["sentence"][0] == nasty
    script = Path(lgn_lite.inspector.widget.__file__).with_suffix(".js").read_text(encoding="utf-8")
    assert not [way for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write") if way in script]


# What is missing is reported, and the rest is shown ---------------------------------------------------------


def test_several_true_windows_are_all_there_and_the_best_overlap_counts(inspect, tiny_toy):
    queries = tiny_toy.queries("test")
    end = queries[3].duration
    queries[3] = replace(queries[3], start=0.0, end=5.0, others=((end - 4.0, end),))
    inspector = inspect(data=replace(tiny_toy, reader=lambda folder, split: list(queries)), query=3)
    assert inspector.view["ground_truth"] == [(0.0, 5.0), (end - 4.0, end)]
    for drawn in inspector.view["models"]:
        for found in drawn["predictions"]:
            span = torch.tensor([found["start"], found["end"]], dtype=torch.float64)
            windows = torch.tensor(inspector.view["ground_truth"], dtype=torch.float64)
            assert found["iou"] == pytest.approx(interval_iou(span, windows).max().item(), abs=1e-6)


def test_a_file_of_predictions_is_next_to_the_models(inspect, tiny_toy, tmp_path):
    queries = tiny_toy.queries("test")
    ranked = [Ranked([(1.0, 3.0), (2.0, 99.0)], [0.9, 0.25])] + [Ranked([], [])] * (len(queries) - 1)
    path = write_predictions(queries, ranked, tmp_path / "theirs.jsonl")
    inspector = inspect(listed=path, query=0)
    first, second = inspector.view["listed"]["predictions"]
    truth = torch.tensor(queries[0].windows, dtype=torch.float64)
    assert inspector.view["listed"]["name"] == "theirs" and (first["start"], first["end"], first["score"]) == (
        1,
        3,
        0.9,
    )
    assert first["iou"] == pytest.approx(interval_iou(torch.tensor([1.0, 3.0]).double(), truth).max().item(), abs=1e-6)
    assert second["end"] == queries[0].duration  # within the video
    inspector.query = 1
    assert inspector.view["listed"]["predictions"] == []
    inspector.split = "val"  # of which the file says nothing
    assert inspector.view["listed"] is None
    path.write_text('{"qid": 100000, "pred_relevant_windows": []}', encoding="utf-8")
    with pytest.raises(InputError, match="qid 100000 is not among the annotations"):
        Inspector(inspector._models[0].checkpoint, tiny_toy, listed=path)


def test_no_baseline(inspect, models):
    inspector = inspect(baseline=models / "nowhere")
    assert len(inspector.view["models"]) == 1
    assert "baseline cannot be opened" in inspector.setup["notices"][0]
    assert inspector.predictions["disagreement"] is None
    alone = inspect(baseline=False)
    assert len(alone.setup["models"]) == 1 and alone.setup["notices"] == []
    second = inspect(models / "baseline" / "best")
    assert [drawn["name"] for drawn in second.setup["models"]] == ["baseline"]


def test_no_video_file(inspect, tiny_toy):
    inspector = inspect(data=replace(tiny_toy, video_path="elsewhere/{name}.mp4"))
    assert "no video file" in inspector.video["message"] and "elsewhere" in inspector.video["message"]
    assert inspector.view["models"][0]["predictions"]


def test_no_features(inspect, tiny_toy):
    inspector = inspect(data=replace(tiny_toy, features=None))
    assert "no features" in inspector.view["models"][0]["message"]
    assert inspector.view["sentence"] and inspector.video["data"] and inspector.table["count"]
    assert "no features" in inspector.look_into("early")["models"][0]["message"]
    assert inspector.predictions["models"] == [None, None]


def test_a_checkpoint_of_another_data_set(inspect, models, tiny_toy, checkpoint_folder):
    """Features of another width cannot be read; of the same width, they can, and the words may be unknown."""
    inspector = inspect(checkpoint_folder, baseline=models / "baseline" / "best")
    assert "visual_dim=6" in inspector.view["models"][0]["message"]
    assert inspector.view["models"][1]["predictions"]
    other = load_checkpoint(models / "full" / "best")
    other.about = replace(other.about, data_set="tacos", data="TACoS")
    inspector = inspect(other)
    assert "trained on TACoS, not on Toy-STA" in inspector.setup["notices"][0]
    assert inspector.view["models"][0]["predictions"]


def test_a_baseline_of_another_geometry(inspect, tmp_path, models, tiny_toy):
    """A second model with another map is drawn on its own map, with its own candidates."""
    found = load_checkpoint(models / "full" / "best")
    model = LGN(found.model.config.override(num_clips=12, scales=(5,)))
    folder = save_checkpoint(tmp_path / "coarse", model, found.vocabulary, found.about, {})
    inspector = inspect(baseline=folder)
    one, two = inspector.setup["models"]
    assert (one["name"], two["name"]) == ("LGN A", "LGN B")
    for setup, drawn in zip((one, two), inspector.view["models"], strict=True):
        assert len(floats(drawn["scores"])) == setup["P"] == len(whole(setup["starts"]))
    assert one["P"] != two["P"] and inspector.predictions["disagreement"] is not None


def test_no_data_set(inspect, models, tmp_path):
    inspector = inspect(data=None, root=tmp_path)
    assert "is not in" in " ".join(inspector.setup["notices"])
    assert inspector.view["models"] == [] and inspector.view["message"]
    assert inspector.look_into("late")["models"] == []


def test_bad_input(models, tiny_toy, tmp_path):
    full = models / "full" / "best"
    for wrong, settings in {
        "no checkpoint folder": {"checkpoint": tmp_path / "nothing"},
        "no data set 'toy'": {"data": "toy"},
        "no split 'dev'": {"split": "dev"},
        "query 100000": {"query": 100_000},
        "query -1": {"query": -1},
        "nothing.mp4": {"video": tmp_path / "nothing.mp4"},
    }.items():
        with pytest.raises(InputError, match=wrong):
            Inspector(**{"checkpoint": full, "data": tiny_toy} | settings)


# The reader's own video ---------------------------------------------------------------------------------------


def test_a_video_and_free_text(inspect, tiny_toy):
    """With a data set or without one; the ground truth is unknown, so there is no IoU."""
    path = tiny_toy.video(tiny_toy.queries("test")[0].video)
    inspector = inspect(data=None, video=path, sentence="the circle opens an umbrella")
    assert inspector.query == -1 and inspector.view["ground_truth"] is None
    drawn = inspector.view["models"][0]
    assert drawn["iou"] is None and drawn["predictions"][0]["iou"] is None
    assert inspector.video["data"] == path.read_bytes()
    assert inspector.look_into("words")["models"][0]["effects"]
    # the same video of the data set: the same map, up to how its features were stored
    with_data = inspect(video=path, sentence=tiny_toy.queries("test")[0].sentence)
    own = floats(with_data.view["models"][0]["scores"])
    with_data.query = 0
    np.testing.assert_allclose(own, floats(with_data.view["models"][0]["scores"]), atol=5e-3)
    with_data.query = -1
    assert with_data.view["ground_truth"] is None


def test_a_video_without_a_sentence_asks_for_one(inspect, tiny_toy):
    path = tiny_toy.video(tiny_toy.queries("test")[0].video)
    inspector = inspect(data=None, video=path)
    assert inspector.view["message"] == "Type a sentence." and inspector.video["data"]
    inspector.sentence = "a circle"
    assert inspector.view["models"][0]["predictions"]


def test_a_video_that_the_model_cannot_see(inspect, tiny_toy, tmp_path, models):
    """Without an encoder the video still plays, and the page says why there is no map."""
    found = load_checkpoint(models / "full" / "best")
    folder = save_checkpoint(tmp_path / "bare", found.model, found.vocabulary, found.about, {})
    path = tiny_toy.video(tiny_toy.queries("test")[0].video)
    inspector = inspect(folder, data=None, video=path, sentence="a circle", baseline=False)
    assert "carries no frame encoder" in inspector.view["models"][0]["message"]
    assert inspector.video["data"]


def test_an_encoder_can_be_given_by_name(inspect, clip, tmp_path, models):
    found = load_checkpoint(models / "full" / "best")
    folder = save_checkpoint(tmp_path / "bare", found.model, found.vocabulary, found.about, {})
    encoder = f"clip:{small_clip(tmp_path / 'small', width=256)}"
    inspector = inspect(folder, data=None, video=clip, sentence="a circle", baseline=False, encoder=encoder)
    assert inspector.view["models"][0]["predictions"]
    with pytest.raises(InputError, match="no frame encoder 'clp'"):
        inspect(folder, data=None, video=clip, baseline=False, encoder="clp")


def test_a_toy_model_says_of_a_real_video_what_it_was_trained_on(inspect, clip):
    inspector = inspect(video=clip, sentence="a red circle")
    (notice,) = inspector.view["notices"]  # both models say the same
    assert "trained on drawn figures (Toy-STA tiny)" in notice and "mean nothing" in notice
    inspector.query = 0
    assert inspector.view["notices"] == []


# A video that is chosen in the page -----------------------------------------------------------------------------


def send(inspector: Inspector, step: str, content: bytes = b"", **message) -> dict:
    """A message of the page's chooser: what the page is then told."""
    inspector._on_message(
        inspector, {"upload": step, "number": "1"} | message, [memoryview(content)] if content else []
    )
    for job in list(inspector._jobs):
        job.result()
    return inspector.upload


def send_file(inspector: Inspector, content: bytes, name: str = "holiday.mp4", part: int = 100_000) -> dict:
    told = send(inspector, "begin", name=name, size=len(content))
    while told["state"] == "receiving":
        at = told["received"]
        told = send(inspector, "part", content[at : at + part], at=at)
    return told


def test_a_video_is_sent_in_parts_and_shown(inspect, clip, tiny_toy):
    """With a data set open; its file goes with the next one, and with the inspector."""
    inspector = inspect(query=2)
    assert inspector.setup["own"] is None
    assert send_file(inspector, clip.read_bytes(), "../../etc/<b>.mp4")["state"] == "ready"
    assert inspector.query == 2  # until the page asks to show it
    assert send(inspector, "show")["state"] == "shown"
    assert inspector.query == -1 and inspector.setup["own"] == inspector.view["video"] == "../../etc/<b>.mp4"
    assert inspector.view["message"] == "Type a sentence." and inspector.view["ground_truth"] is None
    assert inspector.video["name"] == "../../etc/<b>.mp4" and inspector.video["data"]
    inspector.sentence = "a red circle"
    assert inspector.view["models"][0]["predictions"] and inspector.look_into("late")["models"][0]["alpha"]
    before, file = inspector.view["models"][0]["scores"], inspector._kept.path
    assert file.read_bytes() == clip.read_bytes()

    other = tiny_toy.video("toy-test-0001").read_bytes()
    send_file(inspector, other, "../../etc/<b>.mp4")
    send(inspector, "show")
    inspector.wait()
    assert inspector.sentence == "a red circle" and inspector.view["models"][0]["scores"] != before
    assert inspector.video["data"] == other and not file.exists()
    kept = inspector._kept.folder
    assert kept.exists()
    inspector.close()
    assert not kept.exists()


def test_an_edited_sentence_is_asked_of_the_video_too(inspect, clip):
    inspector = inspect()
    inspector.sentence = "a red circle jumps"
    send_file(inspector, clip.read_bytes())
    send(inspector, "show")
    assert inspector.view["sentence"] == "a red circle jumps" and inspector.view["models"][0]["predictions"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"size": 0}, "holiday.mp4 is empty"), ({"size": 10**12}, "of at most 250 MB"),
        ({"size": "1"}, "load the page"), ({"size": 5, "name": None}, "load the page"),
        ({"size": 5, "number": 1}, "load the page"),
    ],
)  # fmt: skip
def test_a_file_that_is_refused_before_it_is_sent(inspect, message, said):
    told = send(inspect(), "begin", **{"name": "holiday.mp4"} | message)
    assert told["state"] == "failed" and said in told["message"]


def test_a_file_that_is_no_video_is_one_sentence_and_leaves_nothing(inspect):
    inspector = inspect()
    told = send_file(inspector, b"no video, " * 1000, "notes.txt")
    assert told["state"] == "failed" and told["message"].startswith("notes.txt: ") and "\n" not in told["message"]
    assert inspector._upload is None and inspector.query == 0 and inspector.setup["own"] is None
    send(inspector, "show")
    assert inspector.query == 0


def test_parts_that_do_not_fit_end_the_upload(inspect, clip):
    inspector = inspect()
    for wrong in ({"at": 5}, {"at": None}, {"at": 0, "content": b""}, {"at": 0, "content": b"x" * 11}):
        send(inspector, "begin", name="a.mp4", size=10)
        folder = inspector._upload.folder
        told = send(inspector, "part", **{"content": b"x"} | wrong)
        assert told["state"] == "failed" and "choose it again" in told["message"] and not folder.exists()
    send(inspector, "begin", name="a.mp4", size=10)
    send(inspector, "part", b"x", at=0, number="another page's")
    assert inspector._upload.received == 0
    assert send(inspector, "cancel") == {} and inspector._upload is None


def test_a_checkpoint_without_an_encoder_says_what_to_give_before_anything_is_sent(inspect, tmp_path, models, tiny_toy):
    found = load_checkpoint(models / "full" / "best")
    folder = save_checkpoint(tmp_path / "bare", found.model, found.vocabulary, found.about, {})
    told = send(inspect(folder, baseline=False), "begin", name="a.mp4", size=10)
    assert told["state"] == "failed" and "--encoder" in told["message"]


# Where no process can be: a picture -----------------------------------------------------------------------------


def test_without_a_front_end_it_is_a_picture_and_sends_nothing(inspect):
    inspector = inspect(query=3)
    data, about = inspector._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/png"} and data["image/png"].startswith(b"\x89PNG")
    assert inspector.comm is None
    assert "picture of the inspector: query 3 of Toy-STA tiny" in data["text/plain"]
    assert inspector.sentence in about["image/png"]["alt"] and "lgn-lite inspect" in about["image/png"]["alt"]


def test_a_front_end_is_given_both(inspect):
    inspector = inspect(live=True)
    data, _ = inspector._repr_mimebundle_()
    assert inspector.comm is not None and "application/vnd.jupyter.widget-view+json" in data and "image/png" in data


def test_without_a_prediction_there_is_no_picture(inspect, tiny_toy):
    assert set(inspect(data=replace(tiny_toy, features=None))._repr_mimebundle_()[0]) == {"text/plain"}


# A split of TACoS's size -----------------------------------------------------------------------------------------


def test_a_split_of_tacos_size_opens_soon(inspect, tmp_path, monkeypatch):
    """4,001 queries of 2,548 candidates, given the predictions: open in seconds, in little memory."""
    words = ["the", "person", "cuts", "a", "carrot", "washes", "knife"]
    sentences = [f"The person {words[2 + n % 5]} the {words[2 + n % 3]}" for n in range(4001)]
    queries = [
        Query(f"s{n % 25:02}.avi", sentence, n % 200, n % 200 + 9.5, 290.0) for n, sentence in enumerate(sentences)
    ]
    config = LGNConfig.preset("tacos").override(
        visual_dim=16, hidden=8, text_dim=8, word_dim=8, kernel=3, padding=8, num_frames=128,
        vocabulary_size=len(words) + 2, word_vectors="learned",
    )  # fmt: skip
    folder = save_checkpoint(
        tmp_path / "model", LGN(config), Vocabulary(words), About("TACoS", "tacos", "C3D", "fc6"), {"epoch": 1}
    )
    features = ((f"s{n:02}.avi", np.random.default_rng(n).normal(size=(300, 16)).astype(np.float32)) for n in range(25))
    write_features(tmp_path / "c3d.hdf5", features, encoder="C3D", layer="fc6", rate=1.0)
    data = DataSet(
        "tacos", "TACoS", tmp_path, config, lambda folder, split: queries, "videos/{name}",
        features=FeatureStore(tmp_path / "c3d.hdf5"),
    )  # fmt: skip
    checkpoint = load_checkpoint(folder)
    assert len(checkpoint.model.moments) == 2548
    monkeypatch.setattr("lgn_lite.analysis.predictions.score_queries", lambda *given, **named: torch.randn(4001, 2548))
    split_predictions(checkpoint, data, progress=False)  # keeps them

    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    inspector = inspect(folder, data, baseline=False, query=4000)
    took = time.perf_counter() - begin
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB
    assert len(floats(inspector.predictions["models"][0]["iou"])) == inspector.table["count"] == 4001
    assert took < 10  # 1 s on two idle cores
    assert used < 1_000_000
    sent = sum(_size(getattr(inspector, name)) for name in ("setup", "table", "predictions", "view"))
    assert sent < 2_000_000  # the scores of all candidates stay here: only those of one query go to the page


def _size(value) -> int:
    """Bytes and characters in a nested value."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return len(value) if isinstance(value, bytes | str) else 8
