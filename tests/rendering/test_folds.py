"""Skin that leaves a fold -> smooth skin."""

import numpy as np
import pytest

SIZE, APART = 240, 100.0
SKIN, SHADE = np.array([200, 150, 130]), np.array([90, 45, 30])
FOLD = 62.0  # column in the new picture: between a corner of the mouth and the jaw
ROWS = slice(142, 158)


@pytest.fixture
def landmarks():
    """Place iBUG-68 landmarks of a face from the front whose eyes are APART pixels apart."""
    points = np.zeros((68, 2), np.float32)
    turn = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([np.cos(turn) * 90, 100 * np.sin(turn)], axis=1) + np.array([0, -5])
    points[17:27] = np.stack([np.linspace(-60, 60, 10), np.full(10, -45)], axis=1)
    points[27:31] = np.stack([np.zeros(4), np.linspace(-25, 10, 4)], axis=1)
    points[31:36] = np.stack([np.linspace(-14, 14, 5), np.full(5, 16)], axis=1)
    for eye, start in ((36, -50), (42, 20)):
        points[eye : eye + 6] = np.array([[0, 0], [10, -5], [20, -5], [30, 0], [20, 5], [10, 5]]) + np.array(
            [start, -25]
        )
    around = np.linspace(np.pi, 3 * np.pi, 12, endpoint=False)
    points[48:60] = np.stack([28 * np.cos(around), 9 * np.sin(around)], axis=1) + np.array([0, 45])
    inner = np.linspace(np.pi, 3 * np.pi, 8, endpoint=False)
    points[60:] = np.stack([20 * np.cos(inner), 3 * np.sin(inner)], axis=1) + np.array([0, 45])
    return points + SIZE / 2


def opened(stretch: float):
    """Move a face whose skin at FOLD was pressed together to 1 / `stretch` of its width, over 12 pixels."""
    columns = np.arange(SIZE, dtype=np.float32)
    inside = np.clip(columns - FOLD, -6.0, 6.0) * (1.0 / stretch - 1.0)
    # Beyond the fold, the skin has come nearer to it, and the less so the farther away.
    away = np.clip(1.0 - (np.abs(columns - FOLD) - 6.0) / 150.0, 0.0, 1.0)
    motion = np.zeros((SIZE, SIZE, 2), np.float32)
    motion[..., 0] = inside * away
    return motion


def creased(half_width: float = 1.5):
    """Draw skin with a dark upright line at FOLD."""
    columns = np.arange(SIZE) - FOLD
    share = np.exp(-0.5 * (columns / half_width) ** 2)[None, :, None]
    return np.tile(np.rint(SKIN + share * (SHADE - SKIN)), (SIZE, 1, 1)).astype(np.uint8)


def smoothed(source, motion, landmarks, ratio=None):
    from mead_manip.rendering.folds import cheeks_of, lift_shades, share_stretch
    from mead_manip.rendering.warp import look_up

    motion = motion.copy()
    cheeks = cheeks_of(landmarks, source.shape[:2])
    share_stretch(motion, cheeks)
    ratio = np.ones(source.shape[:2], np.float32) if ratio is None else ratio
    return lift_shades(look_up(source, motion), source, motion, ratio, cheeks), motion


def darkness(picture):
    """Sum what the rows across the fold lack of skin, in pixels of full shade."""
    part = picture[ROWS, 32:92].astype(float)
    return float(((SKIN - part) / (SKIN - SHADE)).sum(axis=1).mean())


def test_a_fold_that_opens_loses_its_shade(landmarks):
    from mead_manip.rendering.warp import look_up

    source, motion = creased(), opened(4.0)

    result, _ = smoothed(source, motion, landmarks)

    stain = darkness(look_up(source, motion))
    assert stain > 2.0 * darkness(source)  # as it comes from a warp alone
    assert darkness(result) < 0.5 * darkness(source)
    assert result[ROWS].min(axis=(0, 1))[0] > SKIN[0] - 0.4 * (SKIN - SHADE)[0]


def test_a_lifted_shade_takes_the_hue_of_the_skin_beside_it(landmarks):
    result, _ = smoothed(creased(), opened(4.0), landmarks)

    middle = result[ROWS, int(FOLD)].astype(float).mean(axis=0)
    assert np.allclose(middle / middle[0], SKIN / SKIN[0], atol=0.06)


def test_light_that_is_yet_to_come_is_not_given_twice(landmarks):
    ratio = np.full((SIZE, SIZE), 1.3, np.float32)

    result, _ = smoothed(creased(), opened(4.0), landmarks, ratio)

    lit = result[ROWS, int(FOLD) - 4 : int(FOLD) + 5] * ratio[ROWS, int(FOLD) - 4 : int(FOLD) + 5, None]
    assert (lit.mean(axis=(0, 1)) <= SKIN + 8).all()
    assert (ratio[:60] == np.float32(1.3)).all()  # where nothing opens


def test_a_fold_that_stays_or_deepens_keeps_every_byte(landmarks):
    from mead_manip.rendering.warp import look_up

    source = creased()
    for stretch in (1.0, 0.8, 0.6):
        motion = opened(stretch)
        result, followed = smoothed(source, motion, landmarks)
        assert np.array_equal(followed, motion)
        assert np.array_equal(result, look_up(source, motion))


def test_shades_fade_the_more_the_more_they_are_stretched(landmarks):
    left = [darkness(smoothed(creased(), opened(stretch), landmarks)[0]) for stretch in (1.0, 1.5, 2.0, 3.0, 4.0)]

    assert left[0] > left[2] > left[4]
    # No step: a little more stretch is a little less shade.
    near = [darkness(smoothed(creased(), opened(s), landmarks)[0]) for s in np.linspace(1.0, 4.0, 61)]
    assert np.abs(np.diff(near)).max() < 0.25 * (max(near) - min(near))


def test_skin_that_had_turned_over_comes_back_in_order(landmarks):
    motion = opened(4.0)
    columns = np.arange(SIZE) - FOLD
    motion[..., 0] -= (np.abs(columns) < 4) * columns * 0.6  # places run backwards here
    places = motion[ROWS, 40:86, 0] + np.arange(40, 86)
    assert np.diff(places, axis=1).min() < 0

    _, followed = smoothed(creased(), motion, landmarks)

    assert np.diff(followed[ROWS, 40:86, 0] + np.arange(40, 86), axis=1).min() > 0


def test_lips_nostrils_and_eyes_are_let_alone(landmarks):
    from mead_manip.rendering.folds import cheeks_of
    from mead_manip.rendering.warp import look_up

    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    ys, xs = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    motion = np.stack([(120 - xs) * 0.7, (120 - ys) * 0.7], axis=-1)  # all of it opens
    points = np.rint(landmarks[[*range(31, 68)]]).astype(int)

    result, _ = smoothed(source, motion, landmarks)

    changed = (result != look_up(source, motion)).any(axis=-1)
    assert changed.sum() > 1000
    assert not changed[points[:, 1], points[:, 0]].any()
    ys, xs = cheeks_of(landmarks, (SIZE, SIZE)).box
    outside = np.ones((SIZE, SIZE), bool)
    outside[ys, xs] = False
    assert not changed[outside].any()


def test_a_face_of_any_size_and_place_is_taken(landmarks):
    source, motion = creased(), opened(4.0)
    for scale, shift in ((0.02, 0.0), (0.1, 100.0), (1.0, -150.0), (1.0, 500.0), (3.0, -200.0)):
        moved = (landmarks * scale + shift).astype(np.float32)
        result, _ = smoothed(source, motion, moved)
        assert result.shape == source.shape
