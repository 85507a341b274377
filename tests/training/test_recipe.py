"""Schedules: the paper's, and one counted in iterations."""

import pytest

from mead_manip.config import TrainConfig
from mead_manip.errors import UsageError
from mead_manip.training.recipe import recipe_of, settings_of


def epoch_rates(epochs: int) -> list[float]:
    recipe = recipe_of(TrainConfig(epochs=epochs), n_windows=640)
    assert recipe.iterations == 10 * epochs
    return [round(recipe.rate(10 * epoch) * 1e4, 6) for epoch in range(epochs)]


def test_full_is_the_papers_setting():
    recipe = recipe_of(TrainConfig(), n_windows=6400)
    assert (recipe.batch_size, recipe.learning_rate, recipe.mapping_rate, recipe.ema) == (64, 1e-4, 1.0, 0.0)
    assert recipe.iterations == 10 * 100
    assert set(recipe.generator_weights.values()) == set(recipe.discriminator_weights.values()) == {1.0}


def test_the_rate_falls_after_each_of_the_last_ten_epochs():
    assert epoch_rates(10) == [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert epoch_rates(20) == [1.0] * 11 + [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert epoch_rates(3) == [1.0, 0.9, 0.8]


def test_a_run_counted_in_iterations_decays_at_its_end():
    recipe = recipe_of(TrainConfig(size="small", iterations=100), n_windows=500)
    rates = [recipe.rate(step) / recipe.learning_rate for step in range(100)]
    assert rates[:70] == [1.0] * 70 and rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)


def test_what_is_given_wins_over_the_size():
    recipe = recipe_of(TrainConfig(size="small", epochs=2, batch_size=8, mapping_rate=1.0, ema=0.0), n_windows=80)
    assert (recipe.iterations, recipe.batch_size, recipe.mapping_rate, recipe.ema) == (20, 8, 1.0, 0.0)


def test_lips_are_a_term_only_where_they_have_a_weight():
    names = ("jaw_pose_x", "AU1_L", "AU25", "AU24")
    assert recipe_of(TrainConfig(), 640, names).lips == ()
    recipe = recipe_of(TrainConfig(weight_lips=0.5), 640, names)
    assert recipe.lips == (2, 3) and recipe.generator_weights["lips"] == 0.5
    with pytest.raises(UsageError, match="no unit of the lips"):
        recipe_of(TrainConfig(weight_lips=0.5), 640, ("jaw_pose_x", "expression_1"))


def test_fewer_windows_than_a_batch_are_one_batch():
    recipe = recipe_of(TrainConfig(epochs=3), n_windows=5)
    assert (recipe.batch_size, recipe.iterations) == (5, 3)


def test_a_preset_stands_between_what_is_given_and_the_size():
    plain = settings_of(TrainConfig(size="small"))
    ned = settings_of(TrainConfig(size="small", preset="ned"))
    assert ned == settings_of(TrainConfig(size="full")) == settings_of(TrainConfig(preset="ned"))
    ours = settings_of(TrainConfig(size="full", preset="ours"))
    assert (ours["mapping_rate"], ours["weight_lips"], ours["learning_rate"]) == (0.01, 1.0, 1e-4)
    given = settings_of(TrainConfig(size="small", preset="ned", ema=0.5, weight_lips=0.0, balanced=False))
    assert (given["ema"], given["batch_size"], given["balanced"]) == (0.5, 64, False)
    assert plain["ema"] == 0.99


def test_iterations_and_epochs_come_from_one_place():
    def length(**given):
        settled = settings_of(TrainConfig(**given))
        return settled["iterations"], settled["epochs"]

    assert length(preset="ned", size="small") == (None, 10)
    assert length(preset="ned", iterations=7) == (7, None)
    assert length(size="small", epochs=3) == (None, 3)
    assert length(preset="ours", size="small") == (400, None)


def test_a_presets_term_for_the_lips_yields_to_a_face_without_units():
    assert recipe_of(TrainConfig(preset="ours"), 640, ("jaw_pose_x", "AU25")).lips == (1,)
    recipe = recipe_of(TrainConfig(preset="ours"), 640, ("jaw_pose_x", "expression_1"))
    assert recipe.lips == () and "lips" not in recipe.generator_weights


def test_what_is_off_is_no_term():
    recipe = recipe_of(TrainConfig(), 640)
    assert (
        set(recipe.discriminator_weights) == {"real", "fake"} and recipe.latent_weights(0) is recipe.generator_weights
    )
    on = recipe_of(TrainConfig(weight_r1=2.0, weight_diversity=3.0), 640)
    assert on.discriminator_weights["r1"] == 2.0 and on.latent_weights(0)["diversity"] == 3.0
