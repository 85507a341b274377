"""What is drawn between lips: narrow where they hardly part, never faint; own teeth stay as long as they are."""

import numpy as np
import pytest

from mead_manip.rendering.mouth import CLEAR, LIP_LINE, hidden_rim, lacking
from tests.posed_head import SIZE, pose

SKIN = 150


def drawn(head, renderer, before, after):
    (old, old_landmarks), (new, new_landmarks) = pose(head, **before), pose(head, **after)
    frame = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    return renderer.render(frame, old, new, old_landmarks, new_landmarks), new_landmarks


def test_the_further_lips_part_the_more_is_drawn_and_all_of_it_covers(head, renderer):
    jaws = (0.04, 0.07, 0.12, 0.25)
    openings = []
    for jaw in jaws:
        result, landmarks = drawn(head, renderer, {}, {"jaw": jaw})
        middle = round(float(landmarks[[62, 66], 0].mean()))
        column = result[:, middle].mean(axis=-1)
        change = np.abs(column - SKIN)[round(landmarks[62, 1]) - 3 : round(landmarks[66, 1]) + 4]
        openings.append(int((change > 30).sum()))
        # The middle of what is drawn hides the skin, whose light would shine through a faint one.
        assert change.max() > 60 or openings[-1] < 3
    assert openings == sorted(openings) and openings[-1] > openings[1] > 0


def test_lips_that_meet_leave_nothing_open(head, renderer):
    result, _ = drawn(head, renderer, {}, {"AU1_L": 1.0})
    mouth = result[SIZE // 2 :]
    assert np.abs(mouth.astype(int) - SKIN).max() < 12


def test_of_a_narrow_gap_the_rim_is_lip_and_the_opening_grows_with_the_gap():
    gaps = np.linspace(LIP_LINE, 2 * CLEAR, 50)
    left = np.array([gap - 2 * hidden_rim(gap) for gap in gaps])
    assert left[0] == pytest.approx(0.0) and (np.diff(left) > 0).all()
    assert hidden_rim(CLEAR) == hidden_rim(1.0) == 0.0


def test_what_an_open_mouth_shows_need_not_be_drawn():
    assert lacking(LIP_LINE, 0.2) == 1.0 and lacking(0.2, 0.2) == 0.0
    assert 0.0 < lacking(LIP_LINE + 0.35 * 0.18, 0.2) < 1.0


@pytest.mark.parametrize("jaw", [0.12, 0.3])
def test_teeth_stay_as_tall_as_they_are_while_lips_move(head, renderer, jaw):
    smile = {"AU12_L": 0.8, "AU12_R": 0.8, "AU10_L": 0.6, "AU10_R": 0.6}
    (old, old_landmarks), (new, new_landmarks) = pose(head, jaw=0.15, **smile), pose(head, jaw=jaw, **smile)
    frame = np.full((SIZE, SIZE, 3), (180, 120, 100), np.uint8)
    x, top, bottom = (round(float(v)) for v in (old_landmarks[62, 0], old_landmarks[62, 1], old_landmarks[66, 1]))
    frame[top - 1 : bottom + 2, x - 15 : x + 16] = (30, 8, 8)
    edge = top + (bottom - top) // 2
    frame[top - 1 : edge, x - 15 : x + 16] = (200, 190, 170)  # upper teeth, and the dark below them

    result = renderer.render(frame, old, new, old_landmarks, new_landmarks)

    column = result[:, x].mean(axis=-1)
    inside = slice(round(float(new_landmarks[62, 1])) + 1, round(float(new_landmarks[66, 1])))
    teeth = np.flatnonzero(column[inside] > 120) + inside.start
    assert np.abs(new_landmarks[66, 1] - old_landmarks[66, 1]) > 1.5
    assert len(teeth) and abs(int(teeth.max()) - (edge - 1)) <= 1
