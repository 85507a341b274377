"""Crops follow NED's geometry and can be undone."""

import cv2
import numpy as np
import pytest

from mead_manip.media.face_crops import CROP_PX, crop_squares, cut_crop, face_box, smooth_boxes


@pytest.fixture
def landmarks():
    """68 points whose box is x 57..186, y 85..220: the template of NED in its 256 px crop."""
    points = np.random.default_rng(0).uniform([57, 85], [186, 220], (68, 2)).astype(np.float32)
    points[0], points[1] = (57, 85), (186, 220)
    return points


def test_the_template_gives_a_crop_of_its_own_size(landmarks):
    box = face_box(landmarks)
    height = box[3] - box[1]
    assert height * 1.376 == pytest.approx(256, abs=1.5)
    frame_from_crop = crop_squares(box[None])[0]
    assert frame_from_crop[0, 0] == pytest.approx(1.0, abs=0.01)
    assert np.abs(frame_from_crop[:, 2]).max() < 7  # NED's boxes are not centred on its template to the pixel


def test_corners_of_the_crop_are_corners_of_the_square(landmarks):
    boxes = face_box(landmarks)[None] + np.float32([[10, 20, 10, 20]])
    frame_from_crop = crop_squares(boxes)[0]
    rims = frame_from_crop @ np.array([[-0.5, -0.5, 1], [CROP_PX - 0.5, CROP_PX - 0.5, 1]]).T
    side = 1.376 * (boxes[0, 3] - boxes[0, 1])
    assert rims[:, 1] - rims[:, 0] == pytest.approx([side, side], rel=1e-4)
    assert rims.mean(1) == pytest.approx([(boxes[0, 0] + boxes[0, 2]) / 2, (boxes[0, 1] + boxes[0, 3]) / 2], rel=1e-4)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.7])
def test_a_mark_in_the_frame_lands_where_the_transform_says(scale):
    frame = np.zeros((700, 900, 3), np.uint8)
    mark = np.array([480.0, 330.0])
    cv2.circle(frame, (480, 330), 5, (255, 255, 255), -1)
    frame_from_crop = np.array([[scale, 0, 480 - 100 * scale], [0, scale, 330 - 150 * scale]], np.float32)
    crop = cut_crop(frame, frame_from_crop).astype(np.float64).mean(-1)
    ys, xs = np.mgrid[:256, :256]
    seen = np.array([(crop * xs).sum(), (crop * ys).sum()]) / crop.sum()
    assert frame_from_crop @ [*seen, 1] == pytest.approx(mark, abs=0.6)


def test_a_crop_beyond_the_frame_repeats_its_rim():
    frame = np.full((100, 100, 3), 77, np.uint8)
    far = np.array([[1, 0, -300], [0, 1, 250]], np.float32)
    assert (cut_crop(frame, far) == 77).all()


def test_smoothing_keeps_constants_removes_spikes_and_does_not_lag():
    steady = np.tile(np.float32([10, 20, 110, 140]), (80, 1))
    assert np.allclose(smooth_boxes(steady), steady)
    spiked = steady.copy()
    spiked[40] += 60
    assert np.abs(smooth_boxes(spiked) - steady).max() < 0.01
    ramp = steady + np.arange(80, dtype=np.float32)[:, None]
    assert np.abs(smooth_boxes(ramp)[30:50] - ramp[30:50]).max() < 0.6
    assert smooth_boxes(steady[:2]).shape == (2, 4)
