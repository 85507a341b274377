"""Procedural backgrounds."""

import numpy as np
import pytest


def test_every_kind_paints_and_repeats() -> None:
    from mead_manip.synthetic.backgrounds import KINDS, background

    for kind in KINDS:
        first = background(kind, 5, 40, 60)
        assert first.shape == (40, 60, 3) and first.dtype == np.uint8
        assert np.array_equal(first, background(kind, 5, 40, 60))
        assert not np.array_equal(first, background(kind, 6, 40, 60))


def test_unknown_kind() -> None:
    from mead_manip.errors import UsageError
    from mead_manip.synthetic.backgrounds import background

    with pytest.raises(UsageError, match="studio"):
        background("beach", 0, 8, 8)
