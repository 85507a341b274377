"""Every fault changes the pictures it should, keeps their size, and leaves the given ones alone."""

import numpy as np
import pytest

from mead_manip.evaluation.corruptions import CORRUPTIONS


@pytest.fixture
def crops():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(3)]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_fault_changes_pictures_and_nothing_else(crops, name):
    before = [crop.copy() for crop in crops]
    out = CORRUPTIONS[name](crops, np.random.default_rng(1))
    assert [o.shape for o in out] == [c.shape for c in crops] and all(o.dtype == np.uint8 for o in out)
    assert all((a == b).all() for a, b in zip(before, crops, strict=True))
    assert any((a != b).any() for a, b in zip(out, crops, strict=True))


def test_faults_are_what_they_are_called(crops):
    rng = np.random.default_rng(1)
    assert np.std(CORRUPTIONS["blurred"](crops, rng)[0]) < 0.2 * np.std(crops[0])
    assert np.mean(CORRUPTIONS["dark"](crops, rng)[0]) < 0.15 * np.mean(crops[0])
    frozen = CORRUPTIONS["frozen"](crops, rng)
    assert all((picture == crops[0]).all() for picture in frozen)
    covered = CORRUPTIONS["mouth covered"](crops, rng)[0]
    assert (covered[:16] == crops[0][:16]).all() and (covered[40:50, 28:36] == covered[44, 32]).all()
    half = CORRUPTIONS["half out of frame"](crops, rng)[0]
    assert (half[:, :30] == 0).all() or (half[:, 34:] == 0).all()
