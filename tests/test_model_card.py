"""The model card: its figures are those of the weights, it says nothing else, and the hub's own reader takes it."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.checkpoint import About, load_checkpoint, save_checkpoint
from lgn_lite.config import LGNConfig, TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.model_card import TAGS, model_card
from lgn_lite.support.error_lines import one_line

TRAINED = {"epoch": 3, "step": 600, "loss": 0.12, "R1@0.5": 41.25, "R1@0.7": 20.0, "mIoU": 33.3333, "queries": 12408}
TOY = About("Toy-STA small (videos of drawn figures)", "toy-sta", "vgg-small", "fc6", 2.0, {"variant": "full"}, "small")
REAL = About("Charades-STA", "charades-sta", "VGG16", "fc6", 6.0, {"variant": "full", "seed": 2})


def rows_of(card: str) -> dict[str, str]:
    """The table of what it was trained on."""
    section = card.partition("## Trained on\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE))


def figures_of(card: ModelCard) -> dict[str, float]:
    return {result.metric_type: result.metric_value for result in card.data.eval_results or ()}


def code_of(card: str, language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", card, re.DOTALL)[1]


@pytest.fixture
def save(checkpoint_folder, vocabulary):
    """`save(TRAINED, about=…)`: the fixture's checkpoint again, with other weights; returns its card's path."""

    def again(trained, about=None, encoder=None) -> Path:
        before = load_checkpoint(checkpoint_folder)
        torch.manual_seed(len(trained))
        model = LGN(before.model.config)
        encoder = checkpoint_folder.parent / "encoder.safetensors" if encoder is None else encoder
        save_checkpoint(checkpoint_folder, model, vocabulary, about or before.about, trained, encoder or None)
        return checkpoint_folder / "README.md"

    return again


def test_its_figures_are_those_stored_with_the_weights(save, checkpoint_folder):
    card = ModelCard.load(save(TRAINED, TOY))
    assert card.data.library_name == "lgn-lite" and card.data.tags == TAGS
    assert card.data.license is None and card.data.pipeline_tag is None
    stored = load_checkpoint(checkpoint_folder).trained
    assert figures_of(card) == {name: float(stored[name]) for name in ("R1@0.5", "R1@0.7", "mIoU")}
    assert {(result.dataset_name, result.dataset_split) for result in card.data.eval_results} == {(TOY.data, "val")}
    assert "| R1@0.5 | R1@0.7 | mIoU |\n|---|---|---|\n| 41.2 | 20.0 | 33.3 |" in card.text
    assert f"On the validation split of {TOY.data} after epoch 3, in percent" in card.text
    assert "not results on unseen data" in card.text
    assert rows_of(card.text) == {
        "data": TOY.data,
        "training queries": "12,408",
        "epoch": "3",
        "features": "vgg-small fc6, 2 frames per second",
        "variant": "full",
    }


def test_the_card_follows_the_weights_from_epoch_to_epoch(save, checkpoint_folder):
    path = save(TRAINED)
    others = {file: file.stat().st_ino for file in checkpoint_folder.iterdir() if file.suffix == ".json"}
    assert figures_of(ModelCard.load(save(TRAINED | {"epoch": 4, "R1@0.5": 50.5}))) == {
        "R1@0.5": 50.5,
        "R1@0.7": 20.0,
        "mIoU": 33.3333,
    }
    assert "after epoch 4" in path.read_text(encoding="utf-8")
    assert {file: file.stat().st_ino for file in others} == others  # only weights and card were replaced
    assert sorted(file.name for file in checkpoint_folder.iterdir()) == [
        "README.md", "about.json", "config.json", "frames.safetensors", "model.safetensors", "vocabulary.json",
    ]  # fmt: skip


def test_a_training_writes_one_for_each_of_its_checkpoints(tmp_path, train_tiny):
    history = train_tiny(tmp_path, TrainSettings(epochs=2, batch_size=10, learning_rate=1e-2))
    for kind in ("best", "last"):
        card, stored = ModelCard.load(tmp_path / kind / "README.md"), load_checkpoint(tmp_path / kind).trained
        assert figures_of(card) == {name: float(stored[name]) for name in ("R1@0.5", "R1@0.7", "mIoU")}
        rows = rows_of(card.text)
        assert (rows["data"], rows["training queries"], rows["epoch"]) == (
            "ten made-up videos", "20", f"{stored['epoch']} of 2",
        )  # fmt: skip
    assert f"after epoch {history[-1]['epoch']}," in (tmp_path / "last" / "README.md").read_text(encoding="utf-8")


def test_a_write_that_is_interrupted_leaves_the_former_card(save, monkeypatch):
    path = save(TRAINED)
    before = path.read_bytes()

    def interrupted(file, *_, **__):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(TRAINED | {"epoch": 4})
    monkeypatch.undo()
    assert path.read_bytes() == before and not list(path.parent.glob(".*"))
    assert "after epoch 5" in save(TRAINED | {"epoch": 5}).read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"---\n\xff: [")])
def test_no_model_needs_its_card(save, checkpoint_folder, damage):
    path = save(TRAINED)
    damage(path)
    assert load_checkpoint(checkpoint_folder).trained["epoch"] == "3"
    LGN.from_pretrained(checkpoint_folder)
    assert figures_of(ModelCard.load(save(TRAINED)))["R1@0.5"] == 41.25  # and the next epoch's is there again


def test_a_diverged_model_gets_no_card(save, checkpoint_folder, vocabulary):
    before = save(TRAINED).read_bytes()
    checkpoint = load_checkpoint(checkpoint_folder)
    checkpoint.model.score.bias.data.fill_(float("nan"))
    with pytest.raises(InputError, match="not written"):
        save_checkpoint(checkpoint_folder, checkpoint.model, vocabulary, checkpoint.about, TRAINED)
    assert (checkpoint_folder / "README.md").read_bytes() == before


def test_a_copy_of_the_folder_holds_together(save, checkpoint_folder, tmp_path):
    save(TRAINED)
    copy = shutil.copytree(checkpoint_folder, tmp_path / "copy")
    assert figures_of(ModelCard.load(copy / "README.md"))["mIoU"] == 33.3333


ODD = [
    'a "b" and \'c\': {d} [e] # f', "two\nlines\n---\n\n# three", "жёлтый 电影 🎬", "| a | b |", "<script>x</script>",
    "`rm`", "*x*", "---", "null", "3", "\\", "\udc80 not UTF-8", "\x1b[31mred\x00", "x" * 100_000, "&lt;", "{{ x }}",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_odd_names_stay_names(save, name):
    path = save(TRAINED, replace(TOY, data=name, encoder=name, training={"variant": name, name or "x": name}))
    card = ModelCard.load(path)
    assert {result.dataset_name for result in card.data.eval_results} == {one_line(name) or "toy-sta"}
    assert figures_of(card)["R1@0.5"] == 41.25 and card.data.library_name == "lgn-lite"
    outside = re.sub(r"\\.", "", card.text.partition("<!--")[2].partition("-->")[2])  # without what is escaped
    assert "<" not in outside and "*" not in outside.replace("**", "")
    assert len(rows_of(card.text)) >= 5 and card.text.count("\n## ") == 5
    json.loads((path.parent / "about.json").read_text(encoding="utf-8"))


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=30))
def test_any_name_can_be_read_back(name):
    card = ModelCard(str(model_card(LGNConfig.preset("toy"), replace(REAL, data=name), TRAINED)))
    assert {result.dataset_name for result in card.data.eval_results} == {one_line(name) or "charades-sta"}


@pytest.mark.parametrize(
    ("changes", "about", "said", "unsaid"),
    [
        ({}, TOY, "# LGN (early modulation and late guidance), trained on Toy-STA small\n", "alone"),
        ({}, TOY, "trained on drawn figures (Toy-STA small): on a real video its predictions mean nothing", "alone"),
        ({}, REAL, "trained on Charades-STA alone; how it does on other videos was not measured", "drawn"),
        # by the settings, whatever the variant's name: settings may be replaced
        ({"guidance": 0}, REAL, "# Baseline + early modulation, trained on Charades-STA\n", "late guidance"),
        ({"early": "none", "guidance": 0}, REAL, "# Baseline (2D-TAN), trained on Charades-STA\n", "modulation"),
        ({}, replace(TOY, training={"variant": "blind"}), "# LGN that never sees the video", "real video"),
        ({}, replace(TOY, training={"variant": "blind"}), "video: a tensor of (48, 256) zeros", "predict("),
        ({"vocabulary_size": 1002}, TOY, "It knows 1,000 words", "takes a vector"),
        ({"vocabulary_size": 0}, TOY, "it takes a vector of 50 numbers for each", "It knows 1"),
        ({"frame_norm": "l2"}, REAL, "each scaled to unit length before", "vgg-small"),
        ({}, REAL, "VGG16 fc6, 6 frames per second: rows of 256 numbers, averaged to 48 steps", "vgg-small"),
        ({}, TOY, "190 candidates of 1/24 to 16/24 of the video", "MIT licence applies"),
    ],
)
def test_what_it_says_follows_from_the_checkpoint(changes, about, said, unsaid):
    card = str(model_card(LGNConfig.preset("toy", **changes), about, TRAINED))
    assert said in card and unsaid not in card.partition("-->")[2]


def test_no_path_of_the_machine_is_in_it():
    words = "random vectors (seed 0): no GloVe file at /elsewhere/glove.txt; `lgn-lite data get glove-6b` fetches it"
    card = str(model_card(LGNConfig.preset("toy"), replace(TOY, training={"words": words}, root="/elsewhere"), TRAINED))
    assert rows_of(card)["word vectors"] == "random vectors (seed 0)" and "elsewhere" not in card


def test_what_is_not_known_is_not_said():
    card = model_card(LGNConfig.preset("toy"), TOY, {"epoch": "7", "R1@0.5": "nan", "mIoU": None, "R1@0.7": "high"})
    assert "None: no validation result is stored" in card.text and not card.data.eval_results
    assert "model-index" not in str(card) and "model_name" not in str(card) and "queries" not in card.text


@pytest.mark.filterwarnings("ignore:.* the model has no vector for")
def test_its_lines_of_python_run(save, checkpoint_folder, clip, capsys):
    code = code_of(save(TRAINED).read_text(encoding="utf-8"), "python")
    exec(code.replace("FOLDER", str(checkpoint_folder)).replace("VIDEO.mp4", str(clip)), {})
    assert re.fullmatch(r"(\d+\.\d to \d+\.\d s, score 0\.\d\d\n)+", capsys.readouterr().out.replace("1.00", "0.99"))

    code = code_of(save(TRAINED, encoder=False).read_text(encoding="utf-8"), "python")  # without the frame encoder
    names = {"video": torch.randn(8, 6)}
    exec(code.replace("FOLDER", str(checkpoint_folder)), names)
    assert names["scores"].shape == (1, 10)


@pytest.mark.parametrize("encoder", [True, False])
def test_its_command_exists(encoder):
    from typer.main import get_command

    from lgn_lite.cli.main import app

    words = code_of(str(model_card(LGNConfig.preset("toy"), TOY, TRAINED, encoder)), "sh").split()
    assert words[0] == "lgn-lite" and words[1] in get_command(app).commands


def test_what_the_hub_s_own_way_saves_has_a_card_that_agrees(tmp_path, tiny_config):
    model = LGN(tiny_config())
    model.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.library_name == "lgn-lite" and card.data.tags == TAGS and not card.data.eval_results
    assert "were not recorded with these weights" in card.text and "vocabulary.json" not in card.text
    names = {}
    exec(code_of(card.text, "python").replace("FOLDER", str(tmp_path)), names)
    assert names["model"].config == model.config
    (tmp_path / "README.md").unlink()
    model.save_pretrained(tmp_path, model_card_kwargs={"about": TOY, "trained": TRAINED})
    assert figures_of(ModelCard.load(tmp_path / "README.md"))["R1@0.5"] == 41.25
