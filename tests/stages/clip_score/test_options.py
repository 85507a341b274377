"""Options of clip-score: temperature, thresholds, normalisation, floor, prompts; what does not go together."""

import importlib.util

import numpy as np
import pytest
from clip_scoring import read, score, stamps_of


def test_a_temperature_flattens_and_is_on_record(workspace, weights):
    score(workspace, weights)
    before = read(workspace, "M003_sad_1")
    score(workspace, weights, temperature="50")
    after = read(workspace, "M003_sad_1")
    assert (before.temperature, after.temperature, after.logit_scale) == (1.0, 50.0, before.logit_scale)
    assert np.ptp(after.probability) < 0.2 * np.ptp(before.probability)
    softened = np.exp(np.log(before.frame_probability) / 50)
    np.testing.assert_allclose(after.frame_probability, softened / softened.sum(axis=1, keepdims=True), atol=1e-5)


def test_a_temperature_is_calibrated_on_one_actor_without_a_look_at_pixels(actors, weights):
    score(actors, weights)
    stamps = stamps_of(actors)
    summary = score(actors, weights, temperature="calibrate", calibrate_on="W009")
    scores = read(actors, "M003_sad_1")
    assert (len(summary.done), scores.calibrated_on) == (12, "W009")
    assert scores.temperature != 1.0 and stamps_of(actors) == stamps
    # An untrained model sees nothing: the likeliest probabilities are flat ones.
    labelled = [read(actors, clip_id) for clip_id in actors.clips("clip-score") if clip_id.startswith("W009")]
    assert np.mean([-np.log(one.y) for one in labelled]) <= np.log(7) + 1e-3
    assert len(score(actors, weights, temperature="calibrate", calibrate_on="W009").fresh) == 12


def test_class_normalised_lambda_has_the_mean_one_and_lambda_stays(actors, weights):
    score(actors, weights)
    plain = {clip_id: read(actors, clip_id).weight for clip_id in actors.clips("clip-score")}
    assert read(actors, "M003_sad_1").weight_normalised is None
    score(actors, weights, class_normalise=True)
    found = {clip_id: read(actors, clip_id) for clip_id in plain}
    assert {clip_id: one.weight for clip_id, one in found.items()} == plain
    for label in ("happy", "sad", "fear"):
        values = [one.weight_normalised for one in found.values() if one.label == label]
        assert np.mean(values) == pytest.approx(1.0)
    # The weights of the others have changed with one clip: all of its class are scored again.
    actors.path("preprocess", "M003_sad_1").unlink()
    assert sorted(score(actors, weights, class_normalise=True).done) == ["M003_sad_2", "W009_sad_1", "W009_sad_2"]


def test_no_clip_counts_less_than_the_floor(workspace, weights):
    score(workspace, weights, min_lambda=0.5)
    found = [read(workspace, clip_id) for clip_id in workspace.clips("clip-score")]
    assert all(one.weight == max(0.5, 1.0 if one.y >= 0.6 else one.y) and one.min_lambda == 0.5 for one in found)
    assert any(one.y < 0.5 for one in found)


def test_thresholds_of_every_class(actors, weights):
    if importlib.util.find_spec("cleanlab") is None:
        pytest.skip("cleanlab is not installed (extra curate)")
    score(actors, weights, per_class_thresholds=True)
    found = [read(actors, clip_id) for clip_id in actors.clips("clip-score")]
    for label in ("happy", "sad", "fear"):
        mine = [one for one in found if one.label == label]
        assert [one.threshold for one in mine] == pytest.approx([np.mean([one.y for one in mine])] * 4, abs=1e-6)
        assert all(one.weight == (1.0 if one.y >= one.threshold else one.y) for one in mine)
        assert any(one.weight == 1.0 for one in mine)


def test_prompts_from_a_file_count_by_content(workspace, weights, tmp_path):
    from mead_manip.emotions import NED_EMOTIONS

    text = "[prompts]\n" + "\n".join(f'{name} = ["a {name} face", "they look {name}"]' for name in NED_EMOTIONS)
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(text)
    assert len(score(workspace, weights, prompts=str(tmp_path / "one.toml")).done) == 4
    assert read(workspace, "M003_sad_1").prompts[:2] == ("a neutral face", "they look neutral")
    np.testing.assert_array_equal(read(workspace, "M003_sad_1").prompt_class, np.repeat(np.arange(7), 2))
    assert len(score(workspace, weights, prompts=str(tmp_path / "two.toml")).fresh) == 4
    (tmp_path / "two.toml").write_text(text.replace("a sad face", "a weeping face"))
    assert len(score(workspace, weights, prompts=str(tmp_path / "two.toml")).done) == 4


def test_options_that_do_not_go_together_are_refused(actors, weights):
    from mead_manip.errors import InputMissing, UsageError

    for settings, says in (
        ({"temperature": "hot"}, "a number above 0, or calibrate"),
        ({"temperature": "0"}, "a number above 0"),
        ({"temperature": "calibrate"}, "--calibrate-on ACTOR"),
        ({"calibrate_on": "M003"}, "--calibrate-on ACTOR"),
        ({"class_normalise": True, "clips": ("M003_sad_1",)}, "--clips with an option that looks at all clips"),
        ({"per_class_thresholds": True, "shard": "1/2"}, "--shard with an option that looks at all clips"),
    ):
        with pytest.raises(UsageError, match=says):
            score(actors, weights, **settings)
    with pytest.raises(InputMissing, match="there are M003, W009"):
        score(actors, weights, temperature="calibrate", calibrate_on="M023")


def test_a_dry_run_of_such_an_option_loads_nothing(actors, weights):
    assert len(score(actors, weights, class_normalise=True, dry_run=True).planned) == 12
    assert not actors.folder("clip-features").exists()
    score(actors, weights, class_normalise=True)
    again = score(actors, weights, class_normalise=True, dry_run=True)
    assert (again.planned, len(again.fresh)) == ({}, 12)
