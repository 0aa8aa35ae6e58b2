"""What several tests share: real and drawn data, hand-made features, small settings, broken videos, seeds."""

import os
import random
import signal
from dataclasses import replace
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from lgn_lite.annotations import Query
from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import About, Companions, save_checkpoint
from lgn_lite.config import LGNConfig
from lgn_lite.data_sets import DataSet, open_data_set
from lgn_lite.features import FeatureStore, write_features
from lgn_lite.model import LGN
from lgn_lite.support import files
from lgn_lite.text import Vocabulary, encode_with
from lgn_lite.video.frames import write_video
from lgn_lite.video.vgg import VGGFrames

# Tests run side by side, on models so small that the threads of one mostly wait for those of another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and a console would keep it whatever a test asks for

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"


@pytest.fixture(scope="session")
def course_site(tmp_path_factory):
    """The folder of the site of the committed notebooks, built once in each process."""
    from lgn_lite.course.site import build_site  # here: slow to import

    notebooks = sorted((PROJECT / "notebooks").glob("*.ipynb"))
    return build_site(notebooks, tmp_path_factory.mktemp("course") / "site").parent


@pytest.fixture
def shared():
    """`shared("data/video/x.mp4")` is that file; the test skips, naming it, where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs ../shared/{name}")
        return path

    return find


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def ctrl_c_works():
    """Python's own handler, which a process started in the background of a script lacks, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def leftover():
    """`leftover(path)` is the hidden name under which a process that has ended was writing `path`."""
    return lambda path: path.with_name(f".{path.stem}.lgn_lite-4194305-{files._machine()}-00000000{path.suffix}")


@pytest.fixture(scope="session")
def tiny_toy() -> DataSet:
    """Toy-STA tiny with its features: made by the first run of the tests, found again by the others."""
    return open_data_set("toy-sta", "tiny", PROJECT / "data", progress=False)


@pytest.fixture(scope="session")
def small_toy(tiny_toy) -> DataSet:
    """The same data set, which asks for a far smaller model."""
    return replace(tiny_toy, config=tiny_toy.config.override(hidden=16, text_dim=16))


class Clock:
    """In place of the module `time`: it goes on only while a work lasts that was given a duration."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def lasting(self, seconds, work):
        """`work` that takes so many seconds; several: the first call the first of them, and so on."""
        each = iter(seconds) if isinstance(seconds, list) else repeat(seconds)

        def lasts(*given, **named):
            self.now += next(each)
            return work(*given, **named)

        return lasts


@pytest.fixture
def clock() -> Clock:
    return Clock()


# Without a video: eight clips of six channels ---------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny_config():
    """`tiny_config(layers=3)`: settings of a model of milliseconds, a few of them replaced."""

    def config(**settings) -> LGNConfig:
        small = LGNConfig(
            visual_dim=6, num_frames=8, num_clips=4, scales=(4,), hidden=8, vocabulary_size=7, word_dim=5,
            text_dim=10, text_layers=1, frame_dropout=0.2, layers=2, kernel=3, padding=2, guidance=1,
            guidance_scale="rms", t_min=0.3, t_max=1.0,
        )  # fmt: skip
        return small.override(**settings)

    return config


@pytest.fixture(scope="session")
def queries() -> list[Query]:
    """In each of ten videos two lights go on, each for a while; a sentence asks for one of them."""
    rng = np.random.default_rng(0)
    made = []
    for n in range(10):
        spans = rng.permutation([(0, 2), (2, 6), (4, 8), (6, 8), (0, 4)])[:2]
        for colour, (start, end) in zip(("red", "blue"), spans.tolist(), strict=True):
            sentence = f"The {colour} light shines." if n % 2 else f"{colour} light"
            made.append(Query(f"v{n}", sentence, float(start), float(end), 8.0, "train", {"kind": colour}))
    return made


@pytest.fixture(scope="session")
def store(tmp_path_factory, queries) -> FeatureStore:
    """The features of those videos, one row a second: channel 0 is red, 1 blue, the others noise."""
    rng = np.random.default_rng(1)
    features = {query.video: rng.normal(0, 0.1, (8, 6)).astype(np.float32) for query in queries}
    for query in queries:
        rows = slice(int(query.start), int(query.end))
        features[query.video][rows, ["red", "blue"].index(query.tags["kind"])] += 2
    path = tmp_path_factory.mktemp("features") / "hand_made.hdf5"
    write_features(path, features.items(), encoder="by hand", layer="fc6", rate=1.0)
    return FeatureStore(path)


@pytest.fixture(scope="session")
def vocabulary(queries) -> Vocabulary:
    return Vocabulary.from_sentences(query.sentence for query in queries)


@pytest.fixture(scope="session")
def training_set(queries, store, vocabulary, tiny_config) -> MomentDataset:
    return MomentDataset(queries, store, encode_with(vocabulary), tiny_config())


@pytest.fixture(scope="session")
def train_tiny(training_set, tiny_config, vocabulary):
    """`train_tiny(folder, settings)` trains a new model as a new process would; returns the history.

    Further settings are the model's. It is validated on what it is trained on.
    """
    from lgn_lite.training import train  # here: slow to import

    def call(folder, settings, on_step=None, about=None, model=None, **config) -> list[dict[str, float]]:
        torch.manual_seed(5)
        model = model or LGN(tiny_config(vocabulary_size=len(vocabulary), **config))
        torch.manual_seed(random.randrange(99))  # the state of the process must not matter
        companions = Companions(vocabulary, about or About(data="ten made-up videos"))
        return train(model, training_set, training_set, folder, settings, companions, on_step=on_step, progress=False)

    return call


@pytest.fixture
def checkpoint_folder(tmp_path, tiny_config, vocabulary) -> Path:
    """An untrained checkpoint with a frame encoder of its own, width 6."""
    encoder = VGGFrames.small(2, width=6, image_size=16)
    encoder.save(tmp_path / "encoder.safetensors")
    model = LGN(tiny_config(vocabulary_size=len(vocabulary)))
    about = About(data="ten made-up videos", encoder="vgg-small", layer="fc6", rate=1.0)
    return save_checkpoint(
        tmp_path / "checkpoint", model, vocabulary, about, {"epoch": 3}, tmp_path / "encoder.safetensors"
    )


# Video files ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """30 s at 12 frames per second, with a moving square on noise (so that it has some size)."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    noise = np.random.default_rng(0).integers(0, 60, (96, 96, 3), dtype=np.uint8)
    frames = []
    for n in range(360):
        frame = np.roll(noise, n, axis=1)
        frame[20:40, n % 76 : n % 76 + 20] = (220, 40, 40)
        frames.append(frame)
    write_video(path, frames, 12)
    return path


@pytest.fixture
def truncated(tmp_path, clip) -> Path:
    """The first six tenths of `clip`: its index stands first, so it opens and plays until the data end."""
    data = clip.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


@pytest.fixture
def sound(tmp_path) -> Path:
    """One second of silence, without a picture."""
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for n in range(16):
            silence = np.zeros((1, 1024), np.float32)
            part = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            part.sample_rate, part.pts, part.time_base = 16000, n * 1024, Fraction(1, 16000)
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path
