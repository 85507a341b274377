"""The contact sheet: a row for each face, its pictures where they belong."""

import numpy as np


def test_a_row_for_each_face():
    from mead_manip.reports.face_sheet import CELL, FaceRow, face_sheet

    red, blue = (np.full((40, 40, 3), colour, np.uint8) for colour in ([200, 20, 20], [20, 20, 200]))
    one = face_sheet([FaceRow("1", "0:00.0 - 0:01.0", [("0:00.0", red)])])
    two = face_sheet([FaceRow("1", "a", [("0:00.0", red)] * 3), FaceRow("2", "b", [("0:00.0", blue)])])
    assert one.shape[1] < two.shape[1] and one.shape[0] < two.shape[0]
    for colour, count in (([200, 20, 20], 3), ([20, 20, 200], 1)):
        assert (two == colour).all(-1).sum() == count * CELL * CELL
    assert face_sheet([]).shape[2] == 3
