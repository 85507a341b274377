"""Distances vanish where they should, grow where they should, and agree with closed forms."""

import numpy as np
import pytest

from mead_manip.evaluation.endpoints import frechet_distance, silhouette


def test_frechet_of_gaussians_with_known_moments():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(20000, 3)).astype(np.float32)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-5)
    shifted = (a + np.array([2.0, 0, 0])).astype(np.float32)
    assert frechet_distance(a, shifted) == pytest.approx(4.0, rel=1e-3)
    # Of N(0, I) and N(0, 9 I): three axes of (3 - 1)^2.
    assert frechet_distance(a, 3 * a) == pytest.approx(12.0, rel=0.02)


def test_silhouette_is_high_for_groups_and_nothing_for_a_muddle():
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(3), 10)
    apart = 10 * np.eye(3)[labels] + rng.normal(size=(30, 3))
    assert silhouette(apart, labels) > 0.7
    assert abs(silhouette(rng.normal(size=(30, 3)), labels)) < 0.15
    assert silhouette(apart, np.zeros(30, np.int64)) == 0.0
