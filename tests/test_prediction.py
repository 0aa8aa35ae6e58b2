"""Prediction: well-formed moments from any video file, and one clear error for what cannot be answered."""

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from itertools import combinations

import pytest
import torch
from helpers.clip import small_clip

from lgn_lite import predict
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.errors import InputError
from lgn_lite.features import prepare_features
from lgn_lite.moments import interval_iou
from lgn_lite.prediction import Prediction, foreign_video, nothing_found, video_features, written_score
from lgn_lite.video.clip import CLIPFrames
from lgn_lite.video.encoder import extract_video
from lgn_lite.video.frames import VideoInfo, probe
from lgn_lite.video.vgg import VGGFrames

pytestmark = pytest.mark.filterwarnings("ignore:.*has no vector")


def well_formed(found: Prediction, top: int, nms: float) -> None:
    assert 1 <= len(found.moments) <= top
    assert all(0 <= moment.start < moment.end <= found.duration for moment in found.moments)
    scores = [moment.score for moment in found.moments]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)
    assert scores[0] == pytest.approx(found.scores.max().item())
    spans = torch.tensor([[moment.start, moment.end] for moment in found.moments], dtype=torch.float64)
    for a, b in combinations(spans, 2):
        assert interval_iou(a, b) <= nms + 1e-6


@pytest.mark.parametrize("name", ["bottle-detection.mp4", "one-by-one-person-detection.mp4"])
def test_real_videos_give_well_formed_moments(shared, checkpoint_folder, name):
    path = shared(f"data/video/{name}")
    found = predict(checkpoint_folder, path, ["red light", "the blue light"], top=3)
    assert [prediction.sentence for prediction in found] == ["red light", "the blue light"]
    for prediction in found:
        assert prediction.video == str(path)
        assert prediction.duration == probe(path).duration
        assert prediction.trained_on == "ten made-up videos"
        well_formed(prediction, top=3, nms=0.45)


@pytest.fixture
def checkpoint(checkpoint_folder):
    return load_checkpoint(checkpoint_folder)


def test_the_answer_is_the_model_s(checkpoint, clip):
    """Decoding, features, fixed length, model, seconds: each step as in training."""
    (found,) = predict(checkpoint, clip, "red light", top=1)
    encoder = VGGFrames.load(checkpoint.encoder_file)
    features, info = extract_video(clip, encoder, checkpoint.about.rate)
    video = prepare_features(features.numpy(), 8)[None]
    words = checkpoint.encode("red light")[None]
    with torch.no_grad():
        scores = checkpoint.model(video, words, torch.tensor([2])).sigmoid()[0]
    torch.testing.assert_close(found.scores, scores)
    best = scores.argmax()
    moments = checkpoint.model.moments
    assert found.moments[0].start == pytest.approx(moments.starts[best].item() * info.duration)
    assert found.moments[0].end == pytest.approx(moments.ends[best].item() * info.duration)


def test_windows_are_searched_together(checkpoint, clip):
    (whole,) = predict(checkpoint, clip, "red light", top=99)
    (same,) = predict(checkpoint, clip, "red light", top=99, window=1000)
    assert same.moments == whole.moments
    seconds = whole.duration / 2
    (found,) = predict(checkpoint, clip, "red light", top=99, window=seconds, stride=seconds / 2)
    well_formed(found, top=99, nms=checkpoint.model.config.nms)
    P = len(checkpoint.model.moments)
    assert found.scores.shape == (3 * P,)
    features, _ = extract_video(clip, VGGFrames.load(checkpoint.encoder_file), checkpoint.about.rate)
    half = prepare_features(features[: len(features) // 2].numpy(), 8)[None]
    with torch.no_grad():
        scores = checkpoint.model(half, checkpoint.encode("red light")[None], torch.tensor([2])).sigmoid()[0]
    torch.testing.assert_close(found.scores[:P], scores)
    with pytest.raises(InputError, match="stride=5 without a window"):
        predict(checkpoint, clip, "red light", stride=5)


def test_top_and_nms(checkpoint, clip):
    P = len(checkpoint.model.moments)
    (all_of_them,) = predict(checkpoint, clip, "red light", top=99, nms=1.0)
    assert len(all_of_them.moments) == P == 10
    (thinned,) = predict(checkpoint, clip, "red light", top=99, nms=0.3)
    well_formed(thinned, top=99, nms=0.3)
    assert len(thinned.moments) < P
    (one,) = predict(checkpoint, clip, "red light", top=1)
    assert one.moments == all_of_them.moments[:1]


def test_several_sentences_are_answered_as_each_alone(checkpoint, clip):
    together = predict(checkpoint, clip, ["red light", "The blue light shines."])
    alone = [predict(checkpoint, clip, sentence)[0] for sentence in ("red light", "The blue light shines.")]
    for one, other in zip(together, alone, strict=True):
        assert [(m.start, m.end) for m in one.moments] == [(m.start, m.end) for m in other.moments]
        assert [m.score for m in one.moments] == pytest.approx([m.score for m in other.moments], abs=1e-6)
        torch.testing.assert_close(one.scores, other.scores, atol=1e-6, rtol=0)
    assert not torch.equal(together[0].scores, together[1].scores)


def test_many_sentences_are_scored_in_batches_and_the_video_is_opened_once(checkpoint, clip, monkeypatch):
    opened, batches = [], []

    def extract(*given, **named):
        opened.append(given[0])
        return extract_video(*given, **named)

    monkeypatch.setattr("lgn_lite.prediction.extract_video", extract)
    checkpoint.model.register_forward_pre_hook(lambda _, given: batches.append(len(given[0])))
    sentences = [f"{word} light{' shines' * (n % 3)}" for n in range(75) for word in ("red", "blue")]
    found = predict(checkpoint, clip, sentences, top=2)
    assert opened == [clip] and batches == [64, 64, 22]
    for n in (0, 63, 64, 149):
        torch.testing.assert_close(found[n].scores, predict(checkpoint, clip, sentences[n])[0].scores)


def test_the_features_of_a_video_are_those_that_the_model_is_trained_on(checkpoint, clip):
    features, info = video_features(checkpoint, clip)
    raw, _ = extract_video(clip, VGGFrames.load(checkpoint.encoder_file), checkpoint.about.rate)
    assert info == probe(clip) and torch.equal(features, prepare_features(raw.numpy(), 8))


def test_moments_end_inside_the_video_to_the_last_digit(checkpoint, clip, monkeypatch):
    """10.1 s is more than 10.1 in single precision."""
    for seconds in (10.1, 7.7, 33.3, 1e-3, 5000.3):
        info = VideoInfo(seconds, 12.0, 96, 96, None)
        monkeypatch.setattr("lgn_lite.prediction.extract_video", lambda *_, info=info, **__: (torch.randn(4, 6), info))
        (found,) = predict(checkpoint, clip, "red light", top=99, nms=1.0)
        assert max(moment.end for moment in found.moments) == seconds
        well_formed(found, top=99, nms=1.0)


def test_unknown_words_are_told(checkpoint, clip):
    with pytest.warns(UserWarning, match="no vector for bottle, green; it was trained on ten made-up videos"):
        (found,) = predict(checkpoint, clip, "The bottle is beside the green light".replace("is beside ", ""))
    assert found.unknown_words == ["bottle", "green"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = predict(checkpoint, clip, "the red light")
    assert found.unknown_words == []


@pytest.mark.parametrize("sentences", ["", "…", ["red light", " "]])
def test_an_empty_sentence_is_refused_before_decoding(checkpoint, tmp_path, sentences):
    with pytest.raises(InputError, match="has no words"):
        predict(checkpoint, tmp_path / "absent.mp4", sentences)


def test_nothing_to_look_for_is_refused(checkpoint, clip):
    for wrong in ({"sentences": []}, {"sentences": "red light", "top": 0}):
        with pytest.raises(InputError, match="at least one sentence, and top >= 1"):
            predict(checkpoint, clip, **wrong)


def test_an_encoder_of_another_width_is_refused(checkpoint, clip):
    with pytest.raises(InputError, match=r"wants features of width 6, but the encoder vgg-small gives 8"):
        predict(checkpoint, clip, "red light", encoder=VGGFrames.small(2, width=8, image_size=16))


def test_a_given_encoder_is_used(checkpoint, clip):
    torch.manual_seed(7)
    encoder = VGGFrames.small(2, width=6, image_size=16).eval()
    (own,), (given,) = (predict(checkpoint, clip, "red light", encoder=e) for e in (None, encoder))
    assert not torch.equal(own.scores, given.scores)


def test_a_checkpoint_without_an_encoder_asks_for_one(checkpoint, clip):
    (checkpoint.folder / "frames.safetensors").unlink()
    with pytest.raises(InputError, match=r"carries no frame encoder: give the one .*vgg-small"):
        predict(checkpoint, clip, "red light")


# Frame encoders by name, and CLIP, which a checkpoint finds by what its features' store says -----------------------


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """A small CLIP, whose embeddings are as wide as the features of the tests' models."""
    return small_clip(tmp_path_factory.mktemp("clip") / "small", width=6)


@pytest.fixture
def trained_on_clip(checkpoint, clip_folder):
    """`trained_on_clip()` is the checkpoint as if CLIP had made its features; it carries no encoder."""

    def change(**about):
        (checkpoint.folder / "frames.safetensors").unlink(missing_ok=True)
        made = {"encoder": CLIPFrames.load(clip_folder).name, "layer": "c3d", "rate": 0.5, **about}
        checkpoint.about = replace(checkpoint.about, **made)
        return checkpoint

    return change


def test_a_checkpoint_trained_on_clip_s_features_finds_clip(trained_on_clip, clip_folder, clip):
    checkpoint = trained_on_clip()
    (found,) = predict(checkpoint, clip, "red light")
    features, _ = extract_video(clip, CLIPFrames.load(clip_folder), 0.5)
    video, words = prepare_features(features.numpy(), 8)[None], checkpoint.encode("red light")[None]
    with torch.no_grad():
        scores = checkpoint.model(video, words, torch.tensor([2])).sigmoid()[0]
    torch.testing.assert_close(found.scores, scores)
    for encoder in (f"clip:{clip_folder}", CLIPFrames.load(clip_folder)):
        torch.testing.assert_close(predict(checkpoint, clip, "red light", encoder=encoder)[0].scores, scores)


def test_a_saved_network_can_be_given_by_its_file(checkpoint, clip, tmp_path):
    checkpoint.encoder_file.rename(tmp_path / "frames.safetensors")
    (found,) = predict(checkpoint, clip, "red light", encoder=tmp_path / "frames.safetensors")
    (same,) = predict(checkpoint, clip, "red light", encoder=VGGFrames.load(tmp_path / "frames.safetensors"))
    assert torch.equal(found.scores, same.scores)


def test_clip_s_weights_are_not_downloaded_unasked(trained_on_clip, clip, monkeypatch):
    tried = []

    def absent(*_, local_files_only, **__):
        tried.append(local_files_only)
        raise FileNotFoundError("not here")

    monkeypatch.setattr("huggingface_hub.snapshot_download", absent)
    checkpoint = trained_on_clip(encoder="CLIP ViT-B/32, L2-normalised")
    with pytest.raises(InputError, match=r"CLIP ViT-B/32 is not in .*fetch it by --encoder clip, or give a folder"):
        predict(checkpoint, clip, "red light")
    assert tried == [True]
    with pytest.raises(InputError, match=r"CLIP ViT-B/32 is not in .*fetched \(FileNotFoundError: not here\)"):
        predict(checkpoint, clip, "red light", encoder="clip")
    assert tried == [True, True, False]


def test_a_model_of_several_encoders_names_the_widths(trained_on_clip, clip_folder, clip):
    checkpoint = trained_on_clip(encoder="clip+slowfast")
    with pytest.raises(InputError, match=r"\(clip\+slowfast, 6 wide\) by --encoder.* CLIP .* gives 512, VGG16 4096"):
        predict(checkpoint, clip, "red light")
    wide = small_clip(checkpoint.folder.parent / "wide", width=5)
    with pytest.raises(InputError, match=r"features of width 6, but the encoder CLIP .* gives 5: .*clip\+slowfast"):
        predict(checkpoint, clip, "red light", encoder=f"clip:{wide}")


def test_no_vgg_answers_for_features_of_another_kind(trained_on_clip, clip, tmp_path):
    """Even if it gives as many numbers."""
    VGGFrames.small(2, width=6, image_size=16).save(tmp_path / "vgg.safetensors")
    with pytest.raises(InputError, match=r"layer 'c3d'; choose one of fc6, fc7"):
        predict(trained_on_clip(), clip, "red light", encoder=str(tmp_path / "vgg.safetensors"))


def test_truncated_silent_and_absent_videos_are_named(checkpoint, truncated, sound, tmp_path):
    for path, message in (
        (truncated, "cut off"),
        (sound, "no video stream"),
        (tmp_path / "no.mp4", "No such file"),
    ):
        with pytest.raises(InputError, match=message) as error:
            predict(checkpoint, path, "red light")
        assert str(path) in str(error.value)


@pytest.mark.slow
def test_the_package_offers_its_names_whatever_was_imported_before():
    """A fresh process: a module of the package must not hide the function of the same name."""
    code = """
import sys
from importlib import import_module
for first in ("", "prediction", "cli", "model", "course", "training", "evaluation"):
    for name in [name for name in sys.modules if name.split(".")[0] == "lgn_lite"]:
        del sys.modules[name]
    if first:
        import_module(f"lgn_lite.{first}")
    from lgn_lite import InputError, LGN, LGNConfig, predict
    assert callable(predict) and predict.__module__ == "lgn_lite.prediction", first
    assert LGN(LGNConfig.preset("toy", vocabulary_size=3)).config.hidden
    assert issubclass(InputError, ValueError)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_a_checkpoint_that_does_not_know_its_rate_is_named_not_the_video(checkpoint_folder, clip):
    path = checkpoint_folder / "about.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rate": 0}))
    with pytest.raises(InputError, match=r"about\.json: rate=0: at how many frames per second"):
        predict(checkpoint_folder, clip, "red light")


def test_scores_that_are_not_finite_are_no_answer(checkpoint, clip):
    checkpoint.model.score.bias.data.fill_(float("nan"))
    with pytest.raises(InputError, match="scores are not finite"):
        predict(checkpoint, clip, "red light")


# What to know before believing a prediction -------------------------------------------------------------------


def test_nothing_found_is_said():
    assert nothing_found(torch.tensor([0.02, 0.1])) == "Nothing scores above 0.1: the model finds no such moment."
    assert nothing_found(torch.tensor([0.02, 0.11])) == ""


def test_small_scores_can_be_told_apart():
    scores = (0.834, 0.1, 0.0213, 0.0204, 0.004, 0.0004)
    assert [written_score(score) for score in scores] == ["0.83", "0.10", "0.021", "0.020", "0.004", "< 0.001"]


def test_a_video_that_is_not_of_the_training_s_data_set(checkpoint, tmp_path):
    about = checkpoint.about
    checkpoint.about = replace(about, data_set="toy-sta", data="Toy-STA small (videos of drawn figures)")
    assert foreign_video(checkpoint, tmp_path / "toy-sta" / "small" / "videos" / "toy-test-0000.mp4") == ""
    notice = foreign_video(checkpoint, tmp_path / "holiday.mp4")
    assert notice.startswith("The model was trained on drawn figures (Toy-STA small)") and "mean nothing" in notice
    checkpoint.about = replace(about, data_set="charades-sta", data="Charades-STA")
    notice = foreign_video(checkpoint, "holiday.mp4")
    assert notice == "The model was trained on Charades-STA, and this video is not one of theirs."


def test_the_command_says_it_too(checkpoint_folder, clip, monkeypatch):
    from typer.testing import CliRunner

    from lgn_lite.cli import main as cli

    monkeypatch.setattr("lgn_lite.prediction.NOTHING", 0.999999)
    said = CliRunner().invoke(cli.app, ["predict", str(checkpoint_folder), str(clip), "a zebra"]).output
    assert "The model was trained on" in said and "this video is not one of theirs" in " ".join(said.split())
    assert "Nothing scores above 0.999999" in said and "words it never saw: a, zebra" in said
