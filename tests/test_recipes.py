"""Recipes: what they replace of the presets and profiles, and what they refuse."""

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from lgn_lite.config import LGNConfig, TrainSettings
from lgn_lite.data_sets import REAL
from lgn_lite.errors import InputError
from lgn_lite.recipes import COURSE, PROFILES, RATES, RATES_FROM, VARIANTS, Recipe
from lgn_lite.study import best_rate, grid_edge, with_present_names
from lgn_lite.support.files import project_root
from lgn_lite.support.reading import read_json
from lgn_lite.toy.build import VERSION

TACOS = REAL["tacos"]


def test_a_recipe_replaces_settings_of_the_preset_and_of_the_profile():
    recipe = Recipe("late", "smoke", 3, {"hidden": 16, "guidance": 2}, {"batch_size": 8})
    assert recipe.model_config(TACOS) == LGNConfig.preset("tacos", early="none", hidden=16, guidance=2)
    assert recipe.train_settings("tacos") == TrainSettings(epochs=1, seed=3, batch_size=8)
    at = {"learning_rate": RATES["late"]}
    assert recipe.train_settings("toy-sta") == replace(COURSE, epochs=1, seed=3, batch_size=8, **at)
    for profile in PROFILES:
        at = {"learning_rate": RATES["full"]}
        assert Recipe(profile=profile).train_settings("toy-sta") == replace(PROFILES[profile], **at)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("profile", PROFILES)
def test_each_variant_has_its_own_rate_unless_one_is_given(variant, profile):
    assert Recipe(variant, profile).train_settings("toy-sta").learning_rate == RATES[variant]
    given = Recipe(variant, profile, training={"learning_rate": 3e-4})
    assert given.train_settings("toy-sta").learning_rate == 3e-4
    assert Recipe(variant, profile).train_settings("tacos").learning_rate == TrainSettings().learning_rate  # 2D-TAN's


def test_the_rates_are_the_best_on_validation_and_their_grids_go_beyond_them():
    study = with_present_names(read_json(project_root() / RATES_FROM, "train it"))
    used = {name: getattr(COURSE, name) for name in ("schedule", "batch_size", "epochs")}
    assert used.items() <= study["training"].items()  # a rate of another training says little
    assert study["drawn"]["version"] == VERSION
    chosen = {row: (best_rate(tried), grid_edge(tried)) for row, tried in study["rates"].items() if row in VARIANTS}
    assert {"full", "baseline", "early", "late"} <= chosen.keys() <= RATES.keys()
    assert chosen == {row: (RATES[row], "") for row in chosen}  # none at the edge of its grid


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
