"""Pictures side by side."""

import numpy as np
import pytest


def flat(colour, height=40, width=60):
    return np.full((height, width, 3), colour, np.uint8)


def test_a_grid_has_a_cell_per_row_and_column_with_its_picture():
    from mead_manip.reports.figure import HEADER, MARGIN, SIDE, labelled_grid

    sheet = labelled_grid(
        {"a": [flat((255, 0, 0)), flat((0, 255, 0))], "b": [flat((0, 0, 255)), flat(9)]}, ["x", "y"], 32
    )

    def cell(row, column):
        return sheet[HEADER + row * (32 + MARGIN) + 16, SIDE + column * (32 + MARGIN) + 16]

    assert tuple(cell(0, 0)) == (255, 0, 0)
    assert tuple(cell(0, 1)) == (0, 255, 0)
    assert tuple(cell(1, 0)) == (0, 0, 255)
    assert (sheet[:HEADER] < 128).any()  # the titles are written


def test_a_row_that_lacks_a_picture_is_refused():
    from mead_manip.reports.figure import labelled_grid

    with pytest.raises(ValueError, match="zip"):
        labelled_grid({"a": [flat(0)]}, ["x", "y"])


def test_the_middle_square_is_shown():
    from mead_manip.reports.figure import square

    picture = flat(0, 20, 60)
    picture[:, 20:40] = 200

    assert (square(picture, 10) == 200).all()


def test_pictures_stand_beside_each_other_unchanged():
    from mead_manip.reports.figure import beside

    left, right = flat((1, 2, 3)), flat((4, 5, 6))

    assert np.array_equal(beside([left, right]), np.concatenate([left, right], axis=1))
    assert beside([left, right], ["a", "b"]).shape == (40, 120, 3)
