"""What MEAD should hold adds up, and what it lacks is known by cell."""

import pytest

from mead_manip.media.mead_facts import ONLY_DOWN, PUBLIC, cells_of, is_known_silent, known_shortfall
from mead_manip.media.mead_tree import VIEWS, ClipLabels


def test_the_public_part_has_48_actors_of_at_most_670_clips_a_view():
    assert len(PUBLIC) == len(set(PUBLIC)) == 48
    assert sum(size for actor in PUBLIC for _, size in cells_of(actor, "front")) == 47 * 670 == 31_490
    assert sum(size for view in VIEWS for _, size in cells_of("M003", view)) == 4_690
    assert sum(size for view in VIEWS for _, size in cells_of(ONLY_DOWN, view)) == 670


@pytest.mark.parametrize(
    ("actor", "emotion", "level", "at_least"),
    [("M009", "surprised", 1, 12), ("W033", "fear", 3, 20), ("M030", "angry", 2, 0), ("M011", "happy", 1, 0)],
)
def test_known_gaps(actor, emotion, level, at_least):
    known = known_shortfall(ClipLabels(actor, "front", emotion, level))
    assert known is not None and known.at_least == at_least and known.reason


@pytest.mark.parametrize(
    ("actor", "emotion", "level"), [("M009", "surprised", 3), ("M030", "sad", 2), ("M003", "sad", 1)]
)
def test_other_cells_should_be_whole(actor, emotion, level):
    assert known_shortfall(ClipLabels(actor, "front", emotion, level)) is None


def test_four_clips_are_known_to_be_silent():
    silent = [take for take in range(1, 31) if is_known_silent(ClipLabels("M041", "front", "sad", 2, take))]
    assert silent == [20, 21, 22, 23] and not is_known_silent(ClipLabels("M041", "front", "sad", 1, 20))
