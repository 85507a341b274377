"""The shipped compact CLIP, on people it has not seen."""

import dataclasses

import numpy as np
import pytest

UNSEEN = 10_000_000  # the caption set numbers its people from 0


@pytest.fixture(scope="module")
def kit():
    from mead_manip.artifacts import assets
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.synthetic.scene_kit import SceneKit

    asset = assets.load_asset(HeadAsset, "head.h5")
    return SceneKit(asset, head_model_from(asset))


@pytest.fixture(scope="module")
def people(kit):
    from mead_manip.synthetic.caption_set import STREAM, CaptionSet, make_person

    config = CaptionSet(studio=1.0)
    seeds = [UNSEEN + index for index in range(6)]
    return [make_person(kit, config, seed, np.random.default_rng([STREAM, 1, seed])) for seed in seeds]


@pytest.fixture(scope="module")
def scorer():
    from mead_manip.backends.openclip import OpenClipScorer

    return OpenClipScorer("builtin", "openai")


@pytest.fixture
def draw(kit, people):
    """Give a function that draws everyone acting something, as preprocess would crop it."""
    from mead_manip.synthetic.caption_set import draw_crop, draw_moment

    def draw(**acted):
        crops = []
        for index, person in enumerate(people):
            rng = np.random.default_rng(index)
            moment = draw_moment(kit.asset.coef_names, person, acted, rng)
            still = dataclasses.replace(moment, head_pose=np.zeros(3, np.float32), eyelids=np.zeros(2, np.float32))
            crops.append(draw_crop(kit.model, person, still, 256, rng)[0])
        return crops

    return draw


def own(scorer, crops, emotion):
    from mead_manip.emotions import EMOTIONS

    return scorer.probabilities(crops)[:, EMOTIONS.index(emotion)]


def test_it_ships_small_and_needs_no_name_of_weights(scorer):
    from mead_manip.artifacts.assets import asset_digest, asset_path

    assert asset_path("clip.h5").stat().st_size <= 8_000_000
    assert scorer.digest == f"builtin@{asset_digest('clip.h5')[:16]}"


def test_happy_and_sad_faces_are_told_apart(scorer, draw):
    happy, sad = draw(happy=1.0), draw(sad=1.0)
    assert (own(scorer, happy, "happy") > own(scorer, happy, "sad")).all()
    assert (own(scorer, sad, "sad") > own(scorer, sad, "happy")).all()
    assert own(scorer, happy, "happy").mean() > 0.6


def test_weak_acting_is_less_sure_and_blends_share(scorer, draw):
    faint, strong = draw(happy=0.1), draw(happy=1.0)
    assert own(scorer, faint, "happy").mean() < 0.3 < own(scorer, strong, "happy").mean()
    assert own(scorer, faint, "neutral").mean() > own(scorer, strong, "neutral").mean()
    blend = own(scorer, draw(happy=0.5, surprised=0.5), "happy")
    assert own(scorer, faint, "happy").mean() < blend.mean() < own(scorer, strong, "happy").mean()


def test_other_wordings_say_the_same(scorer, draw):
    from mead_manip.models import suppression

    crops = draw(happy=1.0) + draw(angry=1.0)
    features = scorer.image_features(crops)
    for template in ("a {emotion} face", "an expression of {noun}.", "a photo of a face showing the emotion: {noun}."):
        prompts = scorer.prompt_features(suppression.emotion_prompts(template, ("happy", "angry")))
        probability = suppression.zero_shot_probabilities(features, prompts, scorer.logit_scale())
        assert (probability.argmax(axis=1) == np.repeat([0, 1], 6)).mean() > 0.9


def test_captions_beyond_emotion_match_too(scorer, draw, people):
    """It is a text-image model, not a classifier of emotions: words alone tell skins apart."""
    from mead_manip.models import suppression

    prompts = scorer.prompt_features(("a person, with dark skin", "a person, with light skin"))
    features = scorer.image_features(draw() + draw(happy=0.7))
    said = suppression.zero_shot_probabilities(features, prompts, scorer.logit_scale()).argmax(axis=1)
    light = np.array(["_african_" not in person.look.skin for person in people] * 2)
    assert 0 < light.mean() < 1, "the people drawn here have both"
    assert (said == light).mean() > 0.9
