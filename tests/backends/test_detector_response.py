"""What a detector makes of the face's units is found again from its errors, person by person."""

import numpy as np
import pytest


@pytest.fixture
def motion():
    rng = np.random.default_rng(0)
    return 0.1 * rng.normal(size=(68, 2, 6))


def test_a_detector_that_flattens_is_found_out(motion):
    from mead_manip.backends.detector_response import response_of

    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(8), 100)
    faces = rng.uniform(0, 1, (800, 6)).astype(np.float32) + 0.3 * people[:, None].astype(np.float32)
    own = 0.05 * rng.normal(size=(8, 68, 2))[people]  # what it gets wrong on each person all the time
    errors = np.einsum("fk,pck->fpc", faces, -0.3 * motion) + own + 0.005 * rng.normal(size=(800, 68, 2))
    found = response_of(errors, faces, people, motion)
    assert np.abs(found + 0.3 * motion).mean() < 0.1 * np.abs(0.3 * motion).mean()


def test_units_that_never_move_have_no_response(motion):
    from mead_manip.backends.detector_response import response_of

    rng = np.random.default_rng(2)
    faces = np.zeros((50, 6), np.float32)
    faces[:, 0] = rng.uniform(0, 1, 50)
    found = response_of(rng.normal(0, 0.01, (50, 68, 2)), faces, np.zeros(50, int), motion)
    assert (found[..., 1:] == 0).all()


def test_mirrored_twice_is_as_before():
    from mead_manip.backends.detector_response import mirrored
    from mead_manip.models.face_model import load_head

    names = load_head().coef_names
    response = np.random.default_rng(3).normal(size=(68, 2, len(names) + 5)).astype(np.float32)
    once = mirrored(response, names)
    np.testing.assert_array_equal(mirrored(once, names), response)
    left, right = names.index("AU1_L"), names.index("AU1_R")
    np.testing.assert_array_equal(once[26, 1, left], response[17, 1, right])
    np.testing.assert_array_equal(once[26, 0, left], -response[17, 0, right])


def test_the_heads_own_motion_knows_left_from_right():
    from mead_manip.backends.detector_response import mirrored, motion_of
    from mead_manip.models.face_model import load_head
    from mead_manip.models.point_head import point_head

    motion = motion_of(point_head(load_head())).astype(np.float32)
    np.testing.assert_allclose(mirrored(motion, load_head().coef_names), motion, atol=0.02)
