"""Priors are proper, know left from right, and follow the frame rate."""

import pytest
import torch


@pytest.fixture
def priors():
    from mead_manip.models.beliefs import face_prior, priors_for

    return lambda **changes: priors_for(face_prior(), **({"fps": 30.0} | changes))


def test_every_precision_is_positive_definite(priors):
    found = priors()
    for matrix in (found.identity, found.mean, found.spread, found.offset):
        torch.testing.assert_close(matrix, matrix.T)
        assert torch.linalg.eigvalsh(matrix).min() > 0
    assert found.first.min() > 0 and found.second.min() > 0


def test_one_sided_faces_cost_more_than_symmetric_ones(priors):
    from mead_manip.models.beliefs import face_prior

    left, right = (face_prior().coef_names.index(f"AU4_{side}") for side in "LR")
    both, one = torch.zeros(2, len(priors().sparsity), dtype=torch.float64)
    both[[left, right]] = 0.5
    one[left] = 0.5
    assert one @ priors().mean @ one > both @ priors().mean @ both


def test_twice_the_frame_rate_halves_the_step_between_frames(priors):
    slow, fast = priors(fps=30.0), priors(fps=60.0)
    torch.testing.assert_close(fast.first, 4 * slow.first)
    torch.testing.assert_close(fast.second, 16 * slow.second)


def test_smoothing_makes_changes_dearer(priors):
    assert (priors(smoothing=2.0).first > priors().first).all()


def test_a_face_at_rest_is_believed_to_have_no_expression(priors):
    from mead_manip.models.beliefs import at_rest

    assert at_rest(priors()).mean.diagonal()[:-2].min() > 1e5


def test_rims_that_meet_err_alike(priors):
    offset = priors().offset
    together, apart = torch.zeros(2, 68, dtype=torch.float64)
    together[[62, 66]] = 0.01
    apart[62], apart[66] = 0.01, -0.01
    assert apart @ offset @ apart > 2 * together @ offset @ together
