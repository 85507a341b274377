"""Rows of the table of scores, and the warnings that are read off them."""


def row(label="happy", y=0.9, weight=1.0, **changes):
    from mead_manip.stages.scoring.clip_summary import Row

    plain = {"clip": "a", "actor": "M003", "level": 3, "normalised": None, "threshold": 0.6, "probability": (0.1,) * 7}
    return Row(**{**plain, "label": label, "y": y, "weight": weight, **changes})


def test_warnings_name_what_binds_and_which_class_is_lost():
    from mead_manip.emotions import NED_EMOTIONS
    from mead_manip.stages.scoring.clip_summary import warnings

    assert warnings([]) == []
    good = [row(label, y, w) for label in NED_EMOTIONS for y, w in ((0.9, 1.0), (0.7, 1.0), (0.4, 0.4)) * 2]
    assert warnings(good) == []
    assert warnings([r for r in good if r.weight == 1.0] * 2) == [
        "every clip reaches the threshold 0.6: nothing is suppressed"
    ]
    dark = [row(label, 0.4, 0.4) for label in NED_EMOTIONS for _ in range(5)]
    assert warnings(dark) == ["no clip reaches the threshold 0.6: every clip is suppressed"]
    lost, skewed = warnings([r for r in good if r.label != "sad"] + [row("sad", 0.1, 0.1)] * 5)
    assert "half the clips of sad have lambda < 0.3 (median 0.10)" in lost and "8.0-fold" in skewed
    assert warnings([r for r in good if r.label != "fear"] + [row("fear")] * 2) == ["only 2 clips of fear"]
    assert warnings([r for r in good if r.label not in ("fear", "sad")])[-1] == "no clip of fear, sad"


def test_rows_survive_as_text():
    from mead_manip.stages.scoring.clip_summary import Row

    for one in (row(), row(normalised=1.25, level=0, actor="")):
        assert Row.from_text(one.to_text()) == one
