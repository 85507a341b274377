"""What of a clip is the person: told apart from emotions by how people differ, and never more than there is."""

import numpy as np
import pytest
import torch

from mead_manip.models.manipulator import Architecture, Manipulator
from mead_manip.models.resting import acted_means, own_rest, person_part, resting_faces

REST = np.array([0.1, 0.1, 0.0], np.float32)  # brow, lid, mouth
COVARIANCE = np.diag([0.2, 0.1, 0.01]).astype(np.float32) ** 2
ACTED = np.array([[0.8, 0.0, 0.9], [0.0, 0.6, 0.5]], np.float32)  # sad: brow and mouth; the other: lid and mouth


def part(*mean: float) -> np.ndarray:
    return person_part(np.array(mean, np.float32), ACTED, REST, COVARIANCE)


def test_what_all_people_show_is_the_persons():
    assert np.allclose(part(*REST), REST, atol=0.02)


def test_brows_that_nothing_else_goes_with_are_the_persons_and_with_a_mouth_they_are_an_emotions():
    alone, with_mouth = part(0.6, 0.1, 0.0), part(0.6, 0.1, 0.9)
    assert alone[0] > 0.4
    assert with_mouth[0] < 0.2


def test_what_hardly_differs_between_people_is_never_the_persons():
    assert part(0.1, 0.1, 0.5)[2] < 0.05


def test_the_part_grows_with_what_is_seen_and_is_not_negative():
    parts = [part(brow, 0.1, 0.0)[0] for brow in (-0.5, 0.0, 0.2, 0.4)]
    assert parts[0] == 0.0 and (np.diff(parts) > 0).all()


@pytest.fixture(scope="module")
def nets() -> Manipulator:
    torch.manual_seed(0)
    return Manipulator(Architecture.of_size("small", len(resting_faces().coef_names))).eval()


def test_emotions_are_counted_from_neutral(nets):
    means = acted_means(nets)
    assert means.shape == (len(nets.architecture.emotions) - 1, nets.architecture.n_coefs)
    assert np.array_equal(means, acted_means(nets))


def test_heads_and_detectors_that_were_not_measured_have_no_part(nets):
    known = resting_faces()
    source = np.tile(known.mean[0], (12, 1))
    assert own_rest(nets, source, known.coef_names[1:], "builtin").max() > 0.1
    assert not own_rest(nets, source, known.coef_names[1:], "fan").any()
    assert not own_rest(nets, source[:, :5], ("one", "two", "three", "four"), "builtin").any()


def test_the_asset_holds_covariances_and_raised_brows():
    known = resting_faces()
    assert set(known.detectors) == {"builtin", "mediapipe"} and (known.n_people > 50).all()
    for covariance in known.covariance.astype(np.float64):
        assert np.allclose(covariance, covariance.T) and np.linalg.eigvalsh(covariance).min() > -1e-6
    assert (known.mean[:, known.coef_names.index("AU1_L")] > 0.05).all()
