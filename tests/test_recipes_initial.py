"""The model that a training begins with: `recipes.initial_model`, which notebook 08b trains by a loop of its own."""

import torch

from lgn_lite.recipes import Recipe, initial_model, train_variant
from lgn_lite.support.weights import read_weights


def test_initial_model_is_what_train_variant_begins_with(tiny_toy, tmp_path):
    data, recipe = tiny_toy, Recipe(profile="smoke", training={"learning_rate": 1e-9})
    model, vocabulary, _ = initial_model(data, recipe)
    fc7 = read_weights(data.encoder_file)["classifier.3.weight"]
    assert torch.equal(model.frames.fc.weight, fc7)

    class First(Exception):
        pass

    def stop(trained, *_):  # after a step too short to be seen
        for (name, begin), now in zip(model.named_parameters(), trained.parameters(), strict=True):
            torch.testing.assert_close(now, begin, rtol=0, atol=1e-6, msg=name)
        assert trained.config == model.config and len(vocabulary) == trained.config.vocabulary_size
        raise First

    try:
        train_variant(data, tmp_path, recipe, progress=False, on_step=stop)
    except First:
        return
    raise AssertionError("no step was taken")
