"""What the fit sees of a detector's landmarks: unit, gaps, spikes, cuts, and the way back to pixels."""

import numpy as np
import pytest
import torch

N_FRAMES = 12


@pytest.fixture(scope="module")
def rest():
    from mead_manip.models.face_model import load_head
    from mead_manip.models.point_head import mean_landmarks, point_head

    return mean_landmarks(point_head(load_head()))


@pytest.fixture
def landmarks(rest) -> np.ndarray:
    """A frontal face that drifts to the right, 100 px per dm."""
    still = 100 * rest[:, :2].numpy() * [1, -1] + [300, 200]
    return (still + np.arange(N_FRAMES)[:, None, None] * np.array([2.0, 0.0])).astype(np.float32)


def seen(landmarks, rest, visible=None):
    from mead_manip.models.observation import observe

    return observe(landmarks, np.ones(len(landmarks), bool) if visible is None else visible, rest)


def test_lengths_are_inter_ocular_and_come_back_as_pixels(landmarks, rest):
    observation, picture = seen(landmarks, rest)
    eyes = np.linalg.norm(landmarks[0, 36] - landmarks[0, 45])
    assert picture.unit == pytest.approx(eyes, rel=1e-3)
    np.testing.assert_allclose(picture.to_pixels(observation.points), landmarks, atol=1e-3)
    assert observation.weight.min() == 1 and observation.tied.min() == 1
    torch.testing.assert_close(observation.size, torch.ones(N_FRAMES, dtype=torch.float64), atol=1e-3, rtol=0)


def test_the_camera_comes_back_in_pixels(landmarks, rest):
    _, picture = seen(landmarks, rest)
    unit, centre = picture.unit, picture.centre
    camera = picture.to_camera(np.array([[np.log(100 / unit), (300 - centre[0]) / unit, -(200 - centre[1]) / unit]]))
    np.testing.assert_allclose(camera, [[100, 300, 200]], atol=1e-9)


def test_invisible_frames_are_bridged_and_weigh_nothing(landmarks, rest):
    visible = np.ones(N_FRAMES, bool)
    visible[[0, 5, 6]] = False
    hidden = np.where(visible[:, None, None], landmarks, np.float32(np.nan))
    observation, picture = seen(hidden, rest, visible)
    assert (observation.weight.sum(dim=1).numpy() > 0).tolist() == visible.tolist()
    np.testing.assert_allclose(picture.to_pixels(observation.points)[1:], landmarks[1:], atol=1e-3)


def test_a_spike_of_a_frame_or_of_one_landmark_weighs_nothing(landmarks, rest):
    landmarks[4] += 60
    landmarks[8, 30] += 60
    observation, _ = seen(landmarks, rest)
    hidden = observation.weight == 0
    assert hidden[4].all() and hidden[8].nonzero().tolist() == [[30]] and hidden.sum() == 69


def test_a_cut_unties_the_frames_it_parts(landmarks, rest):
    landmarks[6:] += np.float32([300, 0])
    observation, _ = seen(landmarks, rest)
    assert observation.tied.tolist() == [1.0] * 5 + [0.0] + [1.0] * 5
    assert observation.weight.min() == 1


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_short_clips(landmarks, rest, n_frames):
    observation, _ = seen(landmarks[:n_frames], rest)
    assert observation.points.shape == (n_frames, 68, 2) and len(observation.tied) == n_frames - 1
