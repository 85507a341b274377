"""The London set's template becomes iBUG-68, in iBUG's order."""

import json

import numpy as np
import pytest


def test_each_person_gets_68_points(tmp_path):
    from mead_manip.media.london import TEMPLATE, hand_placed

    rng = np.random.default_rng(0)
    (tmp_path / TEMPLATE).write_text(
        json.dumps({"faces": {"002": rng.random((189, 2)).tolist(), "001": rng.random((189, 2)).tolist()}})
    )
    faces = hand_placed(tmp_path)
    assert list(faces) == ["001", "002"]
    assert all(points.shape == (68, 2) and points.dtype == np.float32 for points in faces.values())


def test_contours_begin_and_end_at_the_template_points():
    from mead_manip.media.london import ibug_from_template

    template = np.random.default_rng(1).random((189, 2)).astype(np.float32)
    points = ibug_from_template(template)
    for index, source in {
        0: 109,
        8: 129,
        16: 112,
        17: 71,
        21: 76,
        22: 77,
        26: 82,
        36: 18,
        39: 22,
        45: 27,
        48: 87,
        54: 93,
        57: 106,
    }.items():
        assert np.allclose(points[index], template[source], atol=1e-5)


def test_a_folder_without_the_template(tmp_path):
    from mead_manip.errors import InputMissing
    from mead_manip.media.london import hand_placed

    with pytest.raises(InputMissing, match="landmarks189"):
        hand_placed(tmp_path)
