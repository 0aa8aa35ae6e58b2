"""Recipes: what they replace of the presets and profiles, and what they refuse."""

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from lgn_lite.config import LGNConfig, TrainSettings
from lgn_lite.data_sets import REAL
from lgn_lite.errors import InputError
from lgn_lite.recipes import COURSE, PROFILES, VARIANTS, Recipe

TACOS = REAL["tacos"]


def test_a_recipe_replaces_settings_of_the_preset_and_of_the_profile():
    recipe = Recipe("late", "smoke", 3, {"hidden": 16, "guidance": 2}, {"batch_size": 8})
    assert recipe.model_config(TACOS) == LGNConfig.preset("tacos", early="none", hidden=16, guidance=2)
    assert recipe.train_settings("tacos") == TrainSettings(epochs=1, seed=3, batch_size=8)
    assert recipe.train_settings("toy-sta") == replace(COURSE, epochs=1, seed=3, batch_size=8)
    for profile in PROFILES:
        assert Recipe(profile=profile).train_settings("toy-sta") == PROFILES[profile]


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_setting_overrules_the_variant(variant):
    config = Recipe(variant, model={"early": "fc7", "guidance": 5}).model_config(TACOS)
    assert config == TACOS.config.override(**{"early": "fc7", "guidance": 5, **VARIANTS[variant]})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"variant": "middle"}, "no variant 'middle': choose one of full, baseline"),
        ({"profile": "tpu"}, "no profile 'tpu': choose one of smoke, cpu, gpu"),
        ({"model": {"hiden": 3}}, "unknown setting hiden; known are visual_dim"),
        ({"training": {"hidden": 3}}, "unknown training setting hidden; known are epochs"),
    ],
)
def test_unknown_variants_profiles_and_settings_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        Recipe(**wrong)


def test_a_recipe_is_of_fixed_values_and_travels_to_other_processes():
    model = {"hidden": 16}
    recipe = Recipe(model=model)
    model["hidden"] = 32
    assert recipe.model == {"hidden": 16} and pickle.loads(pickle.dumps(recipe)) == recipe
    with pytest.raises(FrozenInstanceError):
        recipe.seed = 1
