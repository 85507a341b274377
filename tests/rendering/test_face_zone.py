"""The zone holds the whole face and its forehead, fades smoothly, and ends."""

import numpy as np
import pytest

from mead_manip.models.face_model import load_head
from mead_manip.models.point_head import mean_landmarks, point_head
from mead_manip.rendering.face_zone import REACH, face_outline, face_zone

SIZE = 400


@pytest.fixture(scope="module")
def landmarks():
    points = mean_landmarks(point_head(load_head())).numpy()[:68, :2] * [1, -1]
    scale = 80 / np.linalg.norm(points[36] - points[45])
    return (points - points.mean(axis=0)) * scale + SIZE / 2


def test_all_of_the_face_is_free_and_the_corners_are_out(landmarks):
    zone = face_zone(landmarks, (SIZE, SIZE))
    rows, columns = np.rint(landmarks[:, 1]).astype(int), np.rint(landmarks[:, 0]).astype(int)
    assert (zone[rows, columns] == 1).all()
    assert zone[0, 0] == zone[-1, -1] == zone[0, -1] == 0


def test_it_falls_smoothly_and_ends_where_it_says(landmarks):
    zone = face_zone(landmarks, (SIZE, SIZE))
    assert np.abs(np.diff(zone, axis=0)).max() < 0.15 and np.abs(np.diff(zone, axis=1)).max() < 0.15
    low, high = face_outline(landmarks).min(axis=0), face_outline(landmarks).max(axis=0)
    rows, columns = np.nonzero(zone > 0)
    reach = REACH * 80 + 4  # half resolution blurs the end by a pixel or two
    assert columns.min() >= low[0] - reach and columns.max() <= high[0] + reach
    assert rows.min() >= low[1] - reach and rows.max() <= high[1] + reach


def test_the_forehead_belongs_to_the_face(landmarks):
    eyes, chin = landmarks[36:48].mean(axis=0), landmarks[8]
    forehead = np.rint(eyes + 0.7 * (eyes - chin)).astype(int)
    assert face_zone(landmarks, (SIZE, SIZE))[forehead[1], forehead[0]] == 1


def test_a_frame_within_the_face_is_free_everywhere(landmarks):
    near = (landmarks - SIZE / 2) * 10 + 16
    assert (face_zone(near, (32, 32)) == 1).all()
