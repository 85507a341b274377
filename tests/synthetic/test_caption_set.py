"""The caption set: what is drawn is what its facts say."""

import dataclasses

import numpy as np
import pytest


@pytest.fixture(scope="module")
def kit():
    from mead_manip.artifacts import assets
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.synthetic.scene_kit import SceneKit

    asset = assets.load_asset(HeadAsset, "head.h5")
    return SceneKit(asset, head_model_from(asset))


@pytest.fixture(scope="module")
def config():
    from mead_manip.synthetic.caption_set import CaptionSet

    return CaptionSet(people=3, pictures=4, people_per_shard=2, size=48)


@pytest.fixture(scope="module")
def shard(kit, config):
    from mead_manip.synthetic.caption_set import render_shard

    return render_shard(kit, config, 0)


def test_a_shard_holds_its_people_and_their_facts(kit, config, shard):
    from mead_manip.media.images import EncodedFrames
    from mead_manip.synthetic.caption_set import ATTRIBUTES, render_shard

    assert shard.identity_seed.tolist() == [0] * 4 + [1] * 4
    assert render_shard(kit, config, 1).identity_seed.tolist() == [2] * 4, "the last shard holds the rest"
    assert {image.shape for image in EncodedFrames(shard.face_bytes, shard.face_offsets)} == {(48, 48, 3)}
    sizes = np.array([len(values) for values in ATTRIBUTES.values()])
    assert (shard.attributes >= -1).all() and (shard.attributes < sizes).all()
    assert (shard.strength[:, 0] == 0).all() and (shard.strength >= 0).all() and shard.strength.max() < 1.6
    assert shard.motion.shape[1] == len(shard.motion_names)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(kit, config, shard):
    from mead_manip.synthetic.caption_set import render_shard

    np.testing.assert_array_equal(render_shard(kit, config, 0).face_bytes, shard.face_bytes)
    other = render_shard(kit, dataclasses.replace(config, seed=1), 0)
    assert not np.array_equal(other.strength, shard.strength)


def test_facts_follow_what_is_acted(kit, config):
    """Lids that are closed, a head that is turned, a mouth that is open: each is said so."""
    from mead_manip.synthetic import caption_set

    rng = np.random.default_rng(0)
    person = caption_set.make_person(kit, config, 0, rng)
    still = caption_set.Moment(
        expression=np.zeros(kit.model.n_expression, np.float32),
        jaw_pose=np.zeros(3, np.float32),
        eyelids=np.zeros(2, np.float32),
        gaze=np.zeros(2, np.float32),
        head_pose=np.zeros(3, np.float32),
        strength=np.zeros(8, np.float32),
    )

    def facts(**changes):
        moment = dataclasses.replace(still, **{name: np.array(value, np.float32) for name, value in changes.items()})
        _, landmarks = caption_set.draw_crop(kit.model, person, moment, 48, np.random.default_rng(0))
        said = caption_set.describe(person.look, moment, landmarks)
        return {
            name: values[index] if index >= 0 else ""
            for (name, values), index in zip(caption_set.ATTRIBUTES.items(), said, strict=True)
        }

    rest = facts()
    assert (rest["mouth"], rest["eyes"], rest["gaze"], rest["head"]) == ("closed", "open", "ahead", "ahead")
    assert facts(jaw_pose=[0.25, 0, 0])["mouth"] == "open"
    assert facts(eyelids=[1, 1])["eyes"] == "closed"
    assert facts(head_pose=[0, 0.4, 0])["head"] == "right", "the subject's left is the right of the picture"
    assert facts(gaze=[-0.3, 0])["gaze"] == "left"


def test_every_emotion_is_acted_and_strengths_are_spread(config):
    from mead_manip.emotions import EMOTIONS
    from mead_manip.synthetic.caption_set import draw_acting

    rng = np.random.default_rng(0)
    acting = [acted for _ in range(100) for acted in draw_acting(config, rng)]
    assert {name for acted in acting for name in acted} == set(EMOTIONS) - {"neutral"}
    kinds = np.bincount([len(acted) for acted in acting], minlength=3) / len(acting)
    assert kinds[0] == pytest.approx(config.neutral, abs=0.05) and kinds[2] == pytest.approx(config.blends, abs=0.05)
    pure = np.array([next(iter(acted.values())) for acted in acting if len(acted) == 1])
    assert pure.min() < 0.15 and pure.max() > 1.0
