"""Old and new geometry -> the frame's own pixels, moved."""

import cv2
import numpy as np
import pytest

from mead_manip.rendering.face_zone import face_zone
from tests.posed_head import SIZE, pose


@pytest.fixture
def frame():
    ys, xs = np.mgrid[0:SIZE, 0:SIZE]
    return np.stack([xs, ys, (xs + ys) // 2], axis=-1).astype(np.uint8)


def test_same_geometry_gives_the_same_bytes(head, renderer, frame):
    vertices, landmarks = pose(head)

    assert np.array_equal(renderer.render(frame, vertices, vertices, landmarks, landmarks), frame)


def test_nothing_outside_the_face_changes_and_the_source_stays(head, renderer, frame):
    (old, old_landmarks), (new, new_landmarks) = pose(head), pose(head, jaw=0.2, AU12_L=1.0, AU12_R=1.0)
    before = frame.copy()

    result = renderer.render(frame, old, new, old_landmarks, new_landmarks)

    changed = np.argwhere((result != frame).any(axis=-1))[:, ::-1]
    reach = 0.6 * np.linalg.norm(old_landmarks[36] - old_landmarks[45])
    moved = np.abs(new[:, :2] - old[:, :2]).max(axis=1) > 0.02
    points = np.concatenate([old[moved, :2], new[moved, :2]])
    assert len(changed) > 100
    assert (face_zone(old_landmarks, (SIZE, SIZE))[changed[:, 1], changed[:, 0]] > 0).all()
    assert (changed >= points.min(axis=0) - reach).all()
    assert (changed <= points.max(axis=0) + reach).all()
    assert np.array_equal(frame, before)


def test_a_mouth_corner_takes_its_pixels_along(head, renderer):
    (old, old_landmarks), (new, new_landmarks) = pose(head), pose(head, AU12_L=0.8, AU12_R=0.8)
    corner = np.rint(old_landmarks[48]).astype(int)
    frame = np.full((SIZE, SIZE, 3), 120, np.uint8)
    frame[corner[1] - 1 : corner[1] + 2, corner[0] - 1 : corner[0] + 2] = (250, 20, 20)

    result = renderer.render(frame, old, new, old_landmarks, new_landmarks)

    redness = result[..., 0].astype(int) - result[..., 1]
    ys, xs = np.nonzero(redness > 60)
    arrived = np.array([xs.mean(), ys.mean()])
    assert np.linalg.norm(arrived - new_landmarks[48]) < 2.0
    assert np.linalg.norm(arrived - old_landmarks[48]) > 3.0


def test_lips_that_part_show_a_dark_mouth_and_not_stretched_skin(head, renderer):
    (old, old_landmarks), (new, new_landmarks) = pose(head), pose(head, jaw=0.3)
    frame = np.full((SIZE, SIZE, 3), 150, np.uint8)

    result = renderer.render(frame, old, new, old_landmarks, new_landmarks)

    middle = new_landmarks[[62, 66]].mean(axis=0).round().astype(int)
    assert result[middle[1], middle[0]].mean() < 90


@pytest.mark.parametrize("skin", [(200, 150, 130), (120, 70, 45), (170, 160, 165)])
def test_drawn_teeth_take_the_hue_of_the_skin_and_its_lamp(head, renderer, skin):
    (old, old_landmarks), (new, new_landmarks) = pose(head), pose(head, jaw=0.06, AU10_L=1.0, AU10_R=1.0, AU25=1.0)
    plain = np.tile(np.array(skin, np.uint8), (SIZE, SIZE, 1))
    lips = tuple(int(value * less) for value, less in zip(skin, (0.9, 0.65, 0.7), strict=True))
    cv2.fillPoly(plain, [np.rint(old_landmarks[48:60]).astype(np.int32)], lips)
    drawn = renderer.render(plain, old, new, old_landmarks, new_landmarks)
    x0, y0 = np.floor(new_landmarks[60:].min(axis=0)).astype(int)
    x1, y1 = np.ceil(new_landmarks[60:].max(axis=0)).astype(int)
    inside = drawn[y0:y1, x0:x1].reshape(-1, 3).astype(float)
    teeth = inside[inside.sum(axis=1) >= np.percentile(inside.sum(axis=1), 90)].mean(axis=0)
    own, found = np.array(skin) / skin[0], teeth / teeth[0]
    # A little paler than the skin, in encoded levels, and never of another hue.
    assert (found >= own - 0.02).all() and (found <= own * 1.2).all()


def test_an_open_mouth_keeps_its_own_pixels(head, renderer):
    (old, old_landmarks), (new, new_landmarks) = pose(head, jaw=0.3), pose(head, jaw=0.33)
    frame = np.full((SIZE, SIZE, 3), 150, np.uint8)
    middle = old_landmarks[[62, 66]].mean(axis=0).round().astype(int)
    frame[middle[1] - 3 : middle[1] + 4, middle[0] - 3 : middle[0] + 4] = (10, 200, 10)

    result = renderer.render(frame, old, new, old_landmarks, new_landmarks)

    assert (result[..., 1].astype(int) - result[..., 0] > 100).sum() > 20


def test_a_face_half_out_of_the_frame_is_drawn(head, renderer, frame):
    (old, old_landmarks), (new, new_landmarks) = pose(head), pose(head, jaw=0.2)
    shift = np.float32([SIZE * 0.45, 0.0, 0.0])

    result = renderer.render(frame, old + shift, new + shift, old_landmarks + shift[:2], new_landmarks + shift[:2])

    assert result.shape == frame.shape
    assert (result != frame).any()


def test_a_face_outside_the_frame_changes_nothing(head, renderer, frame):
    (old, old_landmarks), (new, new_landmarks) = pose(head), pose(head, jaw=0.2)
    shift = np.float32([5 * SIZE, 0.0, 0.0])

    result = renderer.render(frame, old + shift, new + shift, old_landmarks + shift[:2], new_landmarks + shift[:2])

    assert np.array_equal(result, frame)


def test_motion_and_light_are_what_lies_between_the_corners_of_a_triangle(head, renderer):
    from mead_manip.rendering.rasterizer import interpolate, rasterize
    from mead_manip.rendering.warp_pixels import seen_change

    (old, _), (new, _) = pose(head), pose(head, jaw=0.2, AU12_L=1.0, AU4_R=0.8)
    surface = np.ascontiguousarray(renderer.mesh.surface, np.int32)
    light = np.linspace(0.7, 1.3, len(old), dtype=np.float32)
    motion, ratio, seen = seen_change(old, new, surface, light, (SIZE, SIZE), 5.0)
    expected = interpolate(
        rasterize(new, surface, SIZE, SIZE), surface, np.column_stack([(old - new)[:, :2], light]).astype(np.float32)
    )
    assert seen.sum() > 5000
    assert np.abs(motion - expected[..., :2])[seen].max() < 0.05
    assert np.abs(ratio - expected[..., 2])[seen].max() < 0.02


def test_where_motion_tears_the_edge_is_antialiased_and_still_pixels_stay():
    from mead_manip.rendering.warp_pixels import put

    looked_up = np.zeros((20, 20, 3), np.uint8)
    looked_up[:10] = 200
    motion = np.zeros((20, 20, 2), np.float32)
    motion[5:10, :, 1] = 6.0  # this half moved far over one that hardly did
    motion[10:, :, 1] = 0.5
    image = np.full_like(looked_up, 77)

    put(looked_up, motion, np.ones((20, 20), np.float32), np.zeros((20, 20), bool), image)

    assert (image[:5] == 77).all()
    assert (image[6:9] == 200).all() and (image[12:] == 0).all()
    assert (image[9:11, 1:-1] > 40).all() and (image[9:11, 1:-1] < 160).all()
