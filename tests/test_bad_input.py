"""Bad input in one place: each kind gets one clear message that names the file and line, or the video.

Details of each stand with the tests of its module.
"""

from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from lgn_lite.annotations import read_charades_sta
from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import About, Companions, load_checkpoint
from lgn_lite.config import TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore, write_features
from lgn_lite.model import LGN
from lgn_lite.prediction import predict
from lgn_lite.text import encode_with
from lgn_lite.training import train


class Case:
    """What the cases are made of: a folder, a whole checkpoint, good data, broken videos."""

    def __init__(self, request):
        self.get = request.getfixturevalue
        self.folder: Path = self.get("tmp_path")

    def annotations(self, line: str, strict: bool = False):
        """Read a file whose third line is the given one; video A lasts 10 s."""
        (self.folder / "lines.txt").write_text(f"A 0 1##He sits.\nA 1 2##He stands.\n{line}\n")
        (self.folder / "videos.csv").write_text("id,length\nA,10\n")
        return read_charades_sta(self.folder / "lines.txt", self.folder / "videos.csv", strict=strict)

    def data(self, store: FeatureStore) -> MomentDataset:
        return MomentDataset(self.get("queries"), store, encode_with(self.get("vocabulary")), self.get("tiny_config")())

    def features(self, without: str) -> Path:
        """A file of the features of all videos but one."""
        path = self.folder / "features.hdf5"
        items = ((video, rows) for video, rows in self.get("store").items() if video != without)
        write_features(path, items, encoder="by hand", layer="fc6", rate=1.0)
        return path

    def train(self, **config) -> None:
        words, data = self.get("vocabulary"), self.data(self.get("store"))
        model = LGN(self.get("tiny_config")(vocabulary_size=len(words), **config))
        companions = Companions(words, About())
        train(model, data, data, self.folder / "run", TrainSettings(epochs=1), companions, progress=False)


def truncated_video(case):
    predict(case.get("checkpoint_folder"), case.get("truncated"), "red light")


def audio_only_video(case):
    predict(case.get("checkpoint_folder"), case.get("sound"), "red light")


def line_without_marks(case):
    case.annotations("A 3 4 He leaves.")


def start_after_the_end(case):
    case.annotations("A 5 4##He leaves.", strict=True)


def empty_sentence_in_a_file(case):
    case.annotations("A 3 4##")


def empty_sentence_to_look_for(case):
    predict(case.get("checkpoint_folder"), case.get("clip"), "  ")


def video_without_features(case):
    case.data(FeatureStore(case.features(without="v3")))


def nan_features(case):
    import h5py

    path = case.features(without="v3")
    with h5py.File(path, "r+") as file:  # as a file of others may be
        file["v3"] = np.full((8, 6), np.nan, np.float32)
    data = case.data(FeatureStore(path))
    [data[i] for i in range(len(data))]


def nan_features_to_write(case):
    items = [("v3", np.full((8, 6), np.nan, np.float32))]
    write_features(case.folder / "features.hdf5", items, encoder="by hand", layer="fc6", rate=1.0)


def checkpoint_of_other_settings(case):
    whole = case.get("checkpoint_folder")
    case.train(hidden=16)
    copy(case.folder / "run" / "last" / "model.safetensors", whole)
    load_checkpoint(whole)


def training_of_other_settings(case):
    case.train()
    case.train(hidden=16)


@pytest.mark.parametrize(
    ("do", "named", "message"),
    [
        (truncated_video, "cut.mp4", r"cut off.* \d+\.\d s"),
        (audio_only_video, "sound.mp4", "no video stream"),
        (line_without_marks, "lines.txt:3", "has no ##"),
        (start_after_the_end, "lines.txt:3", "start 5 s is not before end 4 s"),
        (empty_sentence_in_a_file, "lines.txt:3", "the sentence is empty"),
        (empty_sentence_to_look_for, "'  '", "has no words"),
        (video_without_features, "features.hdf5", "video 'v3'.*no features"),
        (nan_features, "features.hdf5", "video 'v3': NaN"),
        (nan_features_to_write, "features.hdf5", "video 'v3': NaN"),
        (checkpoint_of_other_settings, "model.safetensors", "other settings"),
        (training_of_other_settings, "run", "hidden: 8 there, 16 requested"),
    ],
)
def test_bad_input_is_one_clear_line(request, do, named, message):
    with pytest.raises(InputError, match=message) as error:
        do(Case(request))
    told = str(error.value)
    assert named in told
    assert "\n" not in told


def test_an_end_past_the_duration_is_clipped_counted_and_told_once(request):
    with pytest.warns(UserWarning) as told:
        queries = Case(request).annotations("A 3 12##He leaves.\nA 9 99##He is gone.")
    assert [query.end for query in queries] == [1, 2, 10, 10]
    (warning,) = told
    assert "lines.txt: 2 ends past the video's duration clipped to it (first: line 3, line 4)" in str(warning.message)
