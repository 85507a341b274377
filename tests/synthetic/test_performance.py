"""Performances: lips shut where speech shuts them, emotions that can be told apart, blinks, levels, no surprises."""

from functools import cache

import numpy as np
import pytest

FPS = 30.0
N_FRAMES = 60


@cache
def head():
    from mead_manip.models.face_model import load_head

    return load_head()


@cache
def style(name: str = "M003"):
    from mead_manip.synthetic.actors import generator
    from mead_manip.synthetic.performance import actor_style

    return actor_style(head().coef_names, generator(0, "style", name), male=name[0] == "M")


def act(acted: dict[str, float], take: int = 1, actor: str = "M003", n_frames: int = N_FRAMES):
    from functools import partial

    from mead_manip.synthetic.actors import generator
    from mead_manip.synthetic.performance import perform

    where = (actor, "+".join(acted), take)
    return perform(head().coef_names, style(actor), acted, n_frames, FPS, partial(generator, 0, *where))


def unit(performance, name: str) -> np.ndarray:
    return performance.expression[:, list(head().coef_names).index(name)]


def lip_gap_mm(performance) -> np.ndarray:
    """Vertical distance of the inner lips at their middle."""
    import torch

    identity = torch.zeros(1, head().n_identity)
    motion = [torch.from_numpy(getattr(performance, name)) for name in ("expression", "jaw_pose")]
    with torch.no_grad():
        vertices = head()(identity, *motion, None, None, None)
        points = head().landmarks(vertices, torch.zeros(len(vertices), 3)).numpy()
    return 100 * (points[:, 61:64, 1] - points[:, [67, 66, 65], 1]).mean(1)


@pytest.mark.parametrize("emotion", ["neutral", "happy", "sad", "surprised", "fear", "disgusted", "angry", "contempt"])
def test_lips_close_for_bilabials_and_open_for_vowels_in_every_emotion(emotion):
    acted = {} if emotion == "neutral" else {emotion: 1.0}
    takes = [act(acted, take) for take in range(1, 7)]
    closed = np.concatenate([lip_gap_mm(take)[take.speech.closure > 0.9] for take in takes])
    vowels = np.concatenate([lip_gap_mm(take)[take.speech.loudness > 0.4] for take in takes])
    assert len(closed) > 10 and np.percentile(closed, 90) < 1.0
    assert np.median(vowels) > 5.0


def test_emotions_can_be_told_apart_across_actors():
    from mead_manip.synthetic.prototypes import PROTOTYPES

    emotions = [emotion for emotion in PROTOTYPES if emotion != "neutral"]
    actors = ("M003", "W009", "M005", "W011")
    means = {
        (actor, emotion): act({emotion: 1.0}, actor=actor).expression[15:45].mean(0)
        for actor in actors
        for emotion in emotions
    }
    for actor in actors:
        centres = {e: np.mean([means[other, e] for other in actors if other != actor], axis=0) for e in emotions}
        for emotion in emotions:
            distance = {e: np.linalg.norm(means[actor, emotion] - centre) for e, centre in centres.items()}
            assert min(distance, key=distance.get) == emotion


def test_levels_grow():
    from mead_manip.synthetic.prototypes import LEVEL_STRENGTH

    peaks = [unit(act({"happy": LEVEL_STRENGTH[level]}), "AU12_L")[20:40].mean() for level in (1, 2, 3)]
    assert peaks[0] < 0.7 * peaks[1] and peaks[1] < 0.9 * peaks[2]


def test_the_emotion_comes_and_goes():
    for take in range(1, 6):
        strength = act({"sad": 1.0}, take).strength
        plateau = strength[20:40].mean()
        assert 0.8 < plateau < 1.2
        assert strength[0] < 0.5 * plateau and strength[-1] < 0.8 * plateau


def test_coefficients_stay_in_range():
    from mead_manip.synthetic.performance import JAW_LIMIT, UNIT_LIMIT
    from mead_manip.synthetic.prototypes import PROTOTYPES

    for emotion in PROTOTYPES:
        performance = act({emotion: 1.0}, take=3)
        assert performance.expression.min() >= 0 and performance.expression.max() <= UNIT_LIMIT + 1e-6
        assert performance.jaw_pose[:, 0].min() >= 0 and performance.jaw_pose[:, 0].max() <= JAW_LIMIT + 1e-6
        assert performance.eyelids.min() >= 0 and performance.eyelids.max() <= 1
        assert np.abs(performance.gaze).max() <= 0.5 and np.abs(performance.head_pose).max() < 0.5
        assert np.abs(np.diff(performance.expression, axis=0)).max() < 0.9
        for name in ("expression", "jaw_pose", "eyelids", "gaze", "head_pose"):
            assert getattr(performance, name).dtype == np.float32
            assert np.isfinite(getattr(performance, name)).all()


def test_blinks_are_as_many_and_as_long_as_people_blink():
    minute = act({}, n_frames=60 * 30 * 4)
    shut = minute.eyelids[:, 0] > 0.05
    starts = np.flatnonzero(np.diff(shut.astype(int)) == 1)
    ends = np.flatnonzero(np.diff(shut.astype(int)) == -1)
    assert 4 * 9 <= len(starts) <= 4 * 26
    lengths = ends[: len(starts)] - starts[: len(ends)]
    assert 4 <= np.median(lengths) <= 8


def test_loudness_follows_the_jaw():
    from mead_manip.synthetic import speech

    performance = act({}, n_frames=240)
    heard = speech.sound(performance.speech, FPS, np.random.default_rng(0))
    assert len(heard) == round(240 / FPS * speech.SAMPLE_RATE) and np.abs(heard).max() < 1
    level = np.sqrt((heard.reshape(240, -1) ** 2).mean(1))
    assert np.corrcoef(level, performance.jaw_pose[:, 0])[0, 1] > 0.75
    silent = performance.jaw_pose[:, 0] < 0.01
    assert level[silent].mean() < 0.35 * level.mean()


def test_a_take_depends_on_its_place_alone():
    first, again, other = act({"angry": 0.7}, 2), act({"angry": 0.7}, 2), act({"angry": 0.7}, 3)
    np.testing.assert_array_equal(first.expression, again.expression)
    assert np.abs(first.expression - other.expression).max() > 0.1


def test_a_blend_shows_both_and_neutral_shows_none():
    blend, neutral = act({"happy": 0.5, "surprised": 0.5}), act({})
    for name in ("AU12_L", "AU2_L"):
        assert unit(blend, name)[20:40].mean() > 0.2
        assert unit(neutral, name).mean() < 0.12
    assert neutral.strength.max() == 0
