"""Plain lines about footage: said where something is missing, and only there."""

import dataclasses

import pytest


@pytest.fixture
def plenty():
    from mead_manip.evaluation.footage_sufficiency import Coverage, FootageFacts

    regions = dict.fromkeys(("brows", "eyes", "nose", "mouth"), 0.9)
    return FootageFacts(
        clips=2, seconds=300.0, usable_seconds=290.0, usable_frames=8700, shots=4, longest_shot=90.0, face_px=400.0,
        crop_scale=1.8, blur=0.35, yaw=(-20.0, 25.0), pitch=(-8.0, 10.0), mouth_opening=(0.0, 0.4), blinks=60,
        own_coverage=0.95, coverage={"surprised": Coverage(0.85, regions, (), 0.35, 1.0)},
    )  # fmt: skip


def test_good_footage_lacks_nothing(plenty):
    from mead_manip.evaluation.footage_lacks import lacking_lines, shown_lines

    assert lacking_lines(plenty) == []
    shown = "\n".join(shown_lines(plenty, "edits by run x"))
    assert "4.8 min" in shown and "surprised 85 %" in shown and "60 blink" in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"usable_seconds": 20.0}, "below 2 min"),
        ({"usable_seconds": 150.0}, "50 % of the frames"),
        ({"crop_scale": 0.6}, "400 px"),
        ({"blur": 0.8}, "blurred"),
        ({"yaw": (-3.0, 4.0)}, "turns over 7 degrees"),
        ({"pitch": (0.0, 2.0)}, "nods over 2 degrees"),
        ({"mouth_opening": (0.0, 0.05)}, "never opens beyond 0.05: the inside of it will be invented for surprised"),
        ({"mouth_opening": (0.1, 0.4)}, "never close"),
        ({"blinks": 1}, "1 blink"),
        ({"usable_frames": 0}, "nothing to learn from"),
    ],
)
def test_each_lack_has_its_line(plenty, change, words):
    from mead_manip.evaluation.footage_lacks import lacking_lines

    lines = lacking_lines(dataclasses.replace(plenty, **change))

    assert any(words in line for line in lines)


def test_an_emotion_that_the_footage_lacks_is_named_with_its_units(plenty):
    from mead_manip.evaluation.footage_lacks import lacking_lines
    from mead_manip.evaluation.footage_sufficiency import Coverage, UnitReach

    poor = Coverage(0.1, {"brows": 0.1, "mouth": 0.9}, (UnitReach("AU4_L", 1.0, 0.2, 0.9, above=True),), 0.2, 0.3)
    (line,) = lacking_lines(dataclasses.replace(plenty, coverage={"angry": poor}))

    assert (
        line
        == "angry: 90 % of its faces are like none here (alike: brows 10 %); asks for AU4_L 1.00, footage up to 0.20"
        "; covered up to --intensity 0.3"
    )
