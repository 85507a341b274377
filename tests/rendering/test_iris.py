"""Irises are found where they are, and what a lid hides is fetched from the same circle about them."""

import numpy as np
import pytest
from painted_eye import MIDDLE, SIZE, landmarks, paint


@pytest.mark.parametrize("upper", [9.0, 16.0, 24.0])
@pytest.mark.parametrize("aside", [-12.0, 0.0, 8.0])
def test_an_iris_is_found_and_moves_with_the_eye(upper, aside):
    from mead_manip.rendering.iris import Lids, find_irises

    lids = Lids(landmarks(upper)[36:42])
    for found in find_irises(paint(upper, aside), [lids, lids]):
        assert found[0] == pytest.approx(aside, abs=3.0)
        assert found[1] == pytest.approx(-2.0, abs=5.0)


def test_an_eye_without_an_iris_has_one_near_its_middle():
    from mead_manip.rendering.iris import Lids, find_irises

    lids = Lids(landmarks(14.0)[36:42])
    blank = np.full((SIZE, SIZE, 3), 200, np.uint8)
    assert np.abs(find_irises(blank, [lids])[0]).max() < 0.2 * lids.width


def test_what_is_in_sight_stays_and_what_is_not_keeps_its_distance_from_the_iris():
    from mead_manip.rendering.iris import Lids, in_sight

    lids, iris = Lids(landmarks(8.0)[36:42]), np.array([2.0, -2.0], np.float32)
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    places = np.dstack([x, y])[40:100, 50:110]
    found, away, _ = in_sight(places, np.ones(places.shape[:2], bool), lids, iris, 1.0)
    moved = np.linalg.norm(found - places, axis=2) > 0.01
    centre = MIDDLE + iris
    near = np.linalg.norm(places - centre, axis=2) < 18
    height = lids.own(places)[..., 1]
    assert not moved[near & (height > 2.0)].any() and moved[near & (height < -9.0)].all()
    np.testing.assert_allclose(
        np.linalg.norm(found - centre, axis=2)[near], np.linalg.norm(places - centre, axis=2)[near], atol=1.0
    )
    assert (lids.own(found)[..., 1][near & moved] > -9.0).all() and (away[near & moved] > 0).all()
