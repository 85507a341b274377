"""What footage shows, on tracks and fits whose content is known."""

import dataclasses

import numpy as np
import pytest

N = 240


def points(coefs):
    """A toy face: 68 points on a ring; the jaw parts the lips, coefficient k lifts region k."""
    angle = np.arange(68) / 68 * 2 * np.pi
    rest = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    found = np.repeat(rest[None], len(coefs), axis=0)
    found[:, [67, 66, 65], 1] = found[:, [61, 62, 63], 1] - coefs[:, :1]
    for k, region in enumerate((slice(17, 27), slice(48, 68), slice(27, 36))):
        found[:, region, 2] += coefs[:, 1 + k : 2 + k]
    return found.astype(np.float32)


@pytest.fixture
def clip(make_track, make_reconstruction):
    time = np.arange(N) / 30
    jaw = np.zeros((N, 3), np.float32)
    jaw[:, 0] = 0.1 * np.abs(np.sin(5 * time))
    lids = np.full((N, 2), 0.1, np.float32)
    for start in (30, 90, 150):
        lids[start : start + 5] = 0.9
    pose = np.zeros((N, 3), np.float32)
    pose[:, 1] = np.radians(30) * np.sin(time)
    expression = np.stack([0.3 * np.abs(np.sin(time)), 0.2 * np.abs(np.cos(time)), 0 * time], axis=1)
    fit = make_reconstruction(N, jaw_pose=jaw, eyelids=lids, head_pose=pose, expression=expression.astype(np.float32))
    track = make_track(
        N, fps_num=30, fps_den=1, face_bytes=np.zeros(0, np.uint8), face_offsets=np.zeros(N + 1, np.int64)
    )
    return track, fit


def facts(clip, targets=None):
    from mead_manip.evaluation.footage_sufficiency import footage_facts

    return footage_facts([clip[0]], [clip[1]], points, targets or {})


def own(fit):
    from mead_manip.models.manipulation import coefs_of

    return coefs_of(fit.jaw_pose, fit.expression)


def test_seconds_turns_mouth_and_blinks_are_those_of_the_clip(clip):
    found = facts(clip)

    assert found.seconds == found.usable_seconds == N / 30
    assert found.yaw == pytest.approx((-30, 30), abs=1)
    assert found.pitch == pytest.approx((0, 0), abs=0.1)
    assert found.mouth_opening == pytest.approx((0, 0.1), abs=0.01)
    assert found.blinks == 3


def test_the_footages_own_faces_are_covered_and_what_it_never_shows_is_not(clip):
    from mead_manip.evaluation.footage_sufficiency import Asked

    _, fit = clip
    beyond = own(fit).copy()
    beyond[:, 1] += 0.5

    asked = {"same": Asked(own(fit), own(fit)), "beyond": Asked(own(fit), beyond)}
    found = facts(clip, asked).coverage

    assert found["same"].share == found["same"].intensity == 1.0 and found["same"].units == ()
    assert 0 < found["beyond"].intensity < 0.7
    assert found["beyond"].share == 0.0
    assert found["beyond"].regions == {"brows": 0.0, "eyes": 1.0, "nose": 1.0, "mouth": 1.0}
    (unit,) = found["beyond"].units
    assert unit.name == "coef_0" and unit.above and unit.asked > unit.shown


def test_frames_without_a_good_face_do_not_count(clip):
    track, fit = clip
    residual = np.zeros(N, np.float32)
    residual[: N // 2] = 0.2
    worse = dataclasses.replace(fit, residual=residual)
    hidden = dataclasses.replace(track, visible=np.zeros(N, bool))

    assert facts((track, worse)).usable_frames == N - N // 2
    assert facts((hidden, fit)).usable_frames == 0


def test_cuts_part_shots(clip):
    track, fit = clip
    cut = dataclasses.replace(track, cuts=np.array([60, 200], np.int32))

    assert facts(clip).shots == 1
    assert facts((cut, fit)).shots == 3
    assert facts((cut, fit)).longest_shot == pytest.approx(140 / 30)


def test_a_long_closure_is_no_blink():
    from mead_manip.evaluation.footage_sufficiency import count_blinks

    closure = np.zeros(100, np.float32)
    closure[10:15] = 1.0
    closure[40:75] = 1.0

    assert count_blinks(closure, np.ones(100, bool), 30.0) == 1
    assert count_blinks(closure, np.zeros(100, bool), 30.0) == 0


def test_blur_rises_with_blurring():
    import cv2

    from mead_manip.evaluation.footage_sufficiency import blur_of

    sharp = np.random.default_rng(0).integers(0, 255, (128, 128)).astype(np.uint8)
    blurs = [blur_of(cv2.GaussianBlur(sharp, (0, 0), sigma)) for sigma in (0.5, 1.5, 4.0)]

    assert 0 <= blur_of(sharp) < blurs[0] < blurs[1] < blurs[2] <= 1


def test_a_head_that_bows_has_positive_pitch():
    from mead_manip.evaluation.footage_sufficiency import head_angles

    yaw, pitch = head_angles(np.array([[0.2, 0, 0], [0, 0.3, 0]], np.float32))

    assert np.degrees([0, 0.3]) == pytest.approx(yaw, abs=1e-4)
    assert np.degrees([0.2, 0]) == pytest.approx(pitch, abs=1e-4)
