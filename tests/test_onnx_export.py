"""The ONNX file: other software computes PyTorch's scores from it; what cannot be written leaves what is there."""

import errno
import json
import warnings
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

from lgn_lite import onnx_export
from lgn_lite.checkpoint import About, Checkpoint
from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.onnx_export import export_onnx
from lgn_lite.text import Vocabulary

WORDS = Vocabulary(["a", "red", "light", "shines", "ünder"])  # 7 with padding and <unk>


@pytest.fixture
def make(tiny_config, tmp_path):
    """`make(variant, guidance=0)`: a checkpoint of the tiny model with other settings, in evaluation mode."""

    def checkpoint(variant="full", **settings) -> Checkpoint:
        torch.manual_seed(3)
        model = LGN(tiny_config(**settings)).eval()
        about = About("lights", "toy-sta", "vgg-small", "fc6", 2.0, {"variant": variant}, root="../../data")
        return Checkpoint(tmp_path, model, WORDS, about, {"epoch": "3", "R1@0.5": "41.25"})

    return checkpoint


def scores_of(session: onnxruntime.InferenceSession, *given: torch.Tensor) -> list[np.ndarray]:
    names = ("video", "words", "word_counts")
    return session.run(["scores", "spans"], {name: x.numpy() for name, x in zip(names, given, strict=True)})


# Together they take every branch of the model.
MODELS = {
    "LGN": {},
    "baseline on the square": dict(early="none", guidance=0, convolution="dense", feature="c3d", fusion_text_fc=False,
                                   text_dim=8, text_layers=2),
    "early, in time": dict(early="fc7", guidance=0, modulation="scale-shift", convolution="temporal", scales=(2, 1)),
    "late, ends, a bag of words": dict(early="none", pooling="ends", guidance_norm="map", guidance_at="first",
                                       text_encoder="bag", scales=(2, 1)),
    "word vectors, parts without the sentence": dict(vocabulary_size=0, guidance_norm="none", guidance_by="nothing",
                                                     fusion_by="nothing", kernel=5, padding=4),
    "LGN on the square": dict(convolution="dense", feature="c3d", guidance=2, guidance_scale="unit"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MODELS)
def test_scores_are_pytorch_s_for_any_batch_and_length(make, tmp_path, capfd, name):
    checkpoint, path = make(**MODELS[name]), tmp_path / "model.onnx"
    with warnings.catch_warnings(record=True) as warned:
        assert export_onnx(checkpoint, path) <= 1e-5
    assert not warned and capfd.readouterr() == ("", "")
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    onnx.checker.check_model(path, full_check=True)
    session, config = onnxruntime.InferenceSession(path), checkpoint.model.config
    P = len(checkpoint.model.moments)
    assert [(x.name, x.shape, x.type) for x in (*session.get_inputs(), *session.get_outputs())] == [
        ("video", ["batch", 8, 6], "tensor(float)"),
        ("words", ["batch", "length"], "tensor(int64)") if config.vocabulary_size
        else ("words", ["batch", "length", 5], "tensor(float)"),
        ("word_counts", ["batch"], "tensor(int64)"),
        ("scores", ["batch", P], "tensor(float)"),
        ("spans", [P, 2], "tensor(float)"),
    ]  # fmt: skip
    seen = []
    for batch, length in ((1, 1), (1, 7), (3, 1), (3, 7)):
        video = torch.randn(batch, config.num_frames, config.visual_dim)
        words = torch.randint(7, (batch, length)) if config.vocabulary_size else torch.randn(batch, length, 5)
        counts = torch.randint(1, length + 1, (batch,))
        with torch.inference_mode():
            ours = checkpoint.model(video, words, counts).sigmoid().numpy()
        scores, spans = scores_of(session, video, words, counts)
        np.testing.assert_allclose(scores, ours, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(spans, checkpoint.model.moments.spans().numpy())
        seen.append(scores.std(axis=1).mean())
    assert np.mean(seen) > 1e-3  # an output that is the same for everything would agree too


@pytest.fixture
def stub(monkeypatch):
    """`export_onnx` writes a graph that scores every candidate of `make()` with 0.25; nothing is exported."""
    value, shapes = onnx.helper.make_tensor_value_info, {"video": ["batch", 8, 6], "words": ["batch", "length"]}
    inputs = [value("video", onnx.TensorProto.FLOAT, shapes["video"])]
    inputs += [value("words", onnx.TensorProto.INT64, shapes["words"])]
    inputs += [value("word_counts", onnx.TensorProto.INT64, ["batch"])]
    constants = {"scores": np.full((1, 10), 0.25, np.float32), "spans": np.zeros((10, 2), np.float32)}
    outputs = [value(name, onnx.TensorProto.FLOAT, array.shape) for name, array in constants.items()]
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = onnx.helper.make_graph([], "stub", inputs, outputs, weights)
    opset = [onnx.helper.make_opsetid("", 20)]
    monkeypatch.setattr(
        onnx_export, "_graph", lambda _: onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    )


@pytest.fixture
def agreeing(stub, monkeypatch):
    monkeypatch.setattr(onnx_export, "_difference", lambda *_: 3.14e-7)


def test_it_brings_what_using_it_takes(make, tmp_path, agreeing):
    checkpoint = make()
    assert export_onnx(checkpoint, tmp_path / "model.onnx") == 3.14e-7
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    notes = {name: json.loads(note) for name, note in session.get_modelmeta().custom_metadata_map.items()}
    assert notes["config"] == checkpoint.model.config.to_dict()
    assert notes["vocabulary"] == WORDS.words
    assert notes["trained"] == checkpoint.trained
    assert notes["about"]["training"] == {"variant": "full"} and "root" not in notes["about"]
    said = session.get_modelmeta().description
    assert "\nvideo: fc6 features of vgg-small at 2 per second, 6 wide, averaged to 8 steps" in said
    assert all(f"\n{value.name}: " in said for value in (*session.get_inputs(), *session.get_outputs()))


@pytest.mark.parametrize(
    ("variant", "settings", "name", "said"),
    [
        ("blind", {}, "video", "zeros: this model never saw a video"),
        ("full", {"frame_norm": "l2"}, "video", "each row scaled to unit length before"),
        ("full", {"vocabulary_size": 0}, "words", "word vectors of width 5, zeros for padding"),
        ("full", {"nms": 0.3}, "scores", "apply NMS at 0.3"),
    ],
)
def test_each_input_says_what_this_model_wants(make, tmp_path, agreeing, variant, settings, name, said):
    export_onnx(make(variant, **settings), tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert said in next(value.doc_string for value in (*graph.input, *graph.output) if value.name == name)


def test_other_scores_than_pytorch_s_are_refused_and_what_was_there_stays(make, tmp_path, stub):
    path = tmp_path / "model.onnx"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"model\.onnx: not written: a score .* differs from PyTorch's by \d"):
        export_onnx(make(), path)
    diverged = make()
    diverged.model.score.bias.data.fill_(float("nan"))
    with pytest.raises(InputError, match="differs from PyTorch's by nan"):
        export_onnx(diverged, path)
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


def test_a_file_that_exists_is_replaced_and_the_model_stays_as_it_was(make, tmp_path, agreeing):
    checkpoint, path = make(), tmp_path / "model.onnx"
    path.write_text("former")
    checkpoint.model.train()
    export_onnx(checkpoint, path)
    assert onnx.load(path).graph.name == "stub" and list(tmp_path.iterdir()) == [path]
    assert checkpoint.model.training


def test_the_command_says_how_close_it_is(checkpoint_folder, tmp_path, agreeing):
    path = tmp_path / "new" / "model.onnx"
    done = CliRunner().invoke(cli.app, ["export", str(checkpoint_folder), str(path)])
    assert done.exit_code == 0, done.output
    assert done.output == f"{path}: {path.stat().st_size / 1e6:.1f} MB, scores as PyTorch's to 3e-07\n"


@pytest.fixture
def nothing_computed(monkeypatch):
    monkeypatch.setattr(onnx_export, "_graph", lambda *_: pytest.fail("exported"))


def test_a_bad_target_is_one_line_before_anything_is_computed(make, tmp_path, nothing_computed, monkeypatch):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.onnx").mkdir()
    before = sorted(tmp_path.iterdir())
    for name, message in {
        "model": "give a name that ends in .onnx, such as model.onnx",
        "model.pt": "give a name that ends in .onnx",
        "folder.onnx": "a folder, a device or a pipe",
        "file/model.onnx": "model.onnx",
        f"{'a' * 300}.onnx": "a.onnx",
    }.items():
        with pytest.raises((InputError, OSError), match=message) as error:
            export_onnx(make(), tmp_path / name)
        assert "\n" not in str(error.value)
    monkeypatch.setattr(Path, "touch", Mock(side_effect=OSError(errno.EROFS, "Read-only file system", "x")))
    with pytest.raises(OSError, match=r"Read-only file system: .*model\.onnx"):
        export_onnx(make(), tmp_path / "model.onnx")
    assert sorted(tmp_path.iterdir()) == before and (tmp_path / "file").read_text() == "mine"


def test_a_missing_package_is_one_line_that_says_what_to_install(make, tmp_path, nothing_computed, monkeypatch):
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None if name != "onnxscript" else object())
    with pytest.raises(InputError, match=r"needs onnx and onnxruntime, .*: `pip install onnx onnxruntime`"):
        export_onnx(make(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_model_beyond_the_format_is_refused(make, tmp_path, nothing_computed, monkeypatch):
    monkeypatch.setattr(onnx_export, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="GB of weights, and an ONNX file has room for 2 GB"):
        export_onnx(make(), tmp_path / "model.onnx")


def test_what_torch_cannot_export_is_one_line(make, tmp_path, monkeypatch):
    failing = torch.onnx.OnnxExporterError("Step 1 failed\nand much more")
    monkeypatch.setattr(torch.onnx, "export", Mock(side_effect=failing))
    with pytest.raises(InputError, match=r"torch .* cannot export this model \(Step 1 failed\)"):
        export_onnx(make(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_command_refuses_before_it_exports(checkpoint_folder, tmp_path, nothing_computed):
    def error(*words):
        return str(CliRunner().invoke(cli.app, ["export", *map(str, words)]).exception)

    assert error(checkpoint_folder, "").startswith("FILE: an empty path")
    assert "a folder, a device or a pipe" in error(checkpoint_folder, tmp_path)
    assert "no checkpoint folder" in error(tmp_path / "none", tmp_path / "model.onnx")
    assert "ends in .onnx" in error(checkpoint_folder, tmp_path / "model")
