"""Pupils read off pixels: against known gaze, on real faces against irises, and carried through closed eyes."""

import numpy as np
import pytest
from faces import looking_head


def distance(found, truth, points):
    """Distance of the pupils / distance of the outer corners of the eyes."""
    return np.linalg.norm(found - truth, axis=-1) / np.linalg.norm(points[45] - points[36])


@pytest.mark.parametrize(("seed", "person"), [(3, 0), (8, 2)])
def test_pupils_follow_a_known_gaze(seed, person):
    from mead_manip.media.pupils import find_pupils

    frames, points = looking_head(seed=seed, person=person)
    found = np.stack([find_pupils(f, p[:68]) for f, p in zip(frames, points, strict=True)])
    errors = np.stack([distance(a, p[68:], p) for a, p in zip(found, points, strict=True)])
    still = np.stack([distance(points[:, 68:].mean(0), p[68:], p) for p in points])
    assert errors.mean() < 0.025 and errors.mean() < 0.6 * still.mean()
    for eye in (0, 1):
        assert np.corrcoef(found[:, eye, 0], points[:, 68 + eye, 0])[0, 1] > 0.95


def test_pupils_do_not_depend_on_turn_and_size_of_the_picture():
    import cv2

    from mead_manip.geometry import transform_points
    from mead_manip.media.pupils import find_pupils

    frames, points = looking_head()
    turn = np.array([[1.4, -0.5, 60.0], [0.5, 1.4, -40.0]])
    turned = cv2.warpAffine(frames[2], turn, (480, 480))
    back = find_pupils(turned, transform_points(turn, points[2, :68].astype(np.float64)))
    expected = transform_points(turn, find_pupils(frames[2], points[2, :68]).astype(np.float64))
    assert np.abs(back - expected).max() < 1.5


def test_a_closed_eye_shows_none_and_is_bridged():
    from mead_manip.media.pupils import bridge_pupils, find_pupils

    frames, points = looking_head()
    landmarks = points[:, :68].astype(np.float32)
    closed = landmarks[4].copy()
    closed[[37, 38]] = closed[[41, 40]] + [0, -0.5]
    assert np.isnan(find_pupils(frames[4], closed)[0]).all() and np.isfinite(find_pupils(frames[4], closed)[1]).all()

    pupils = points[:, 68:].astype(np.float32)
    torn = pupils.copy()
    torn[3:6, 0] = np.nan
    torn[:2, 1] = np.nan
    bridged = bridge_pupils(torn, landmarks)
    assert np.array_equal(bridged[6:], pupils[6:])
    assert np.abs(bridged[3:6, 0] - pupils[3:6, 0]).max() < 1.0
    moved = bridge_pupils(torn + np.float32(50), landmarks + np.float32(50))
    assert np.allclose(moved, bridged + 50, atol=1e-2)
    never = bridge_pupils(np.full_like(pupils, np.nan), landmarks)
    assert np.allclose(never[:, 0], (landmarks[:, 36] + landmarks[:, 39]) / 2, atol=1e-3)


def test_degenerate_eyes_are_closed():
    from mead_manip.media.pupils import bridge_pupils, find_pupils

    flat = np.zeros((68, 2), np.float32)
    assert np.isnan(find_pupils(np.zeros((50, 50, 3), np.uint8), flat)).all()
    assert np.isfinite(bridge_pupils(np.full((3, 2, 2), np.nan, np.float32), np.zeros((3, 68, 2), np.float32))).all()


def test_against_the_irises_of_mediapipe(shared):
    pytest.importorskip("mediapipe")
    from mead_manip.backends.mediapipe import MediapipeLandmarks
    from mead_manip.media.pupils import find_pupils
    from mead_manip.media.video import read_frames

    detector = MediapipeLandmarks(str(shared / "weights" / "face_landmarker.task"))
    errors, middles = [], []
    for name in ("talk_d8", "talk_d9", "talk_s18"):
        for index, _, frame in read_frames(shared / "media" / "video" / f"{name}.mp4", end=61):
            if index % 12 == 0:
                ((face, *_),) = detector.detect([frame])
                points = face.landmarks_px
                middle = np.stack([points[36:42].mean(0), points[42:48].mean(0)])
                errors.append(distance(find_pupils(frame, points), face.pupils_px, points))
                middles.append(distance(middle, face.pupils_px, points))
    detector.close()
    assert np.nanmean(errors) < 0.012 and np.nanmean(errors) < 0.6 * np.mean(middles)
