"""Which frames are learned from when: NED's counts, shots that hold, and nothing but seed and step."""

import pytest

from mead_manip.errors import UsageError
from mead_manip.training.renderer_recipe import renderer_recipe
from mead_manip.training.renderer_sequences import Schedule, Sequences, Shot

NED = Schedule()


def test_sequences_grow_from_12_to_24_to_48_frames():
    assert [NED.length(epoch) for epoch in (0, 4, 5, 9, 10, 59)] == [12, 12, 24, 24, 48, 48]


def test_20_epochs_take_165_steps_for_every_50_frames():
    assert Sequences([Shot(0, 0, 50)], NED, 0).steps_of(20) == 165
    assert Sequences([Shot(0, 0, 150)], NED, 0).steps_of(20) == 3 * 165


@pytest.mark.parametrize("size", ["full", "small"])
def test_every_piece_lies_in_one_shot_and_follows_the_one_before(size):
    shots = [Shot(0, 10, 70), Shot(1, 0, 23), Shot(0, 80, 300)]
    schedule = renderer_recipe(size).schedule
    sequences = Sequences(shots, schedule, 3)
    before = []
    for step in range(200):
        pieces = sequences.pieces(step)
        assert len(pieces) == schedule.sequences
        assert len({piece.fresh for piece in pieces}) == 1
        assert sequences.begins(step) == pieces[0].fresh
        for piece in pieces:
            assert piece.shot in shots
            assert piece.shot.start <= piece.start < piece.end <= piece.shot.end
            assert piece.end - piece.start == schedule.per_step
        if not pieces[0].fresh:
            assert [(p.shot, p.start) for p in pieces] == [(p.shot, p.end) for p in before]
        before = pieces


def test_an_epoch_visits_every_part_of_the_footage():
    sequences = Sequences([Shot(0, 0, 400)], Schedule(per_step=1, lengths=(8,), stretch=8), 0)
    seen = {frame for step in range(400) for piece in sequences.pieces(step) for frame in range(piece.start, piece.end)}
    assert len(seen) > 380


def test_a_step_is_the_same_wherever_one_starts():
    shots = [Shot(0, 0, 120), Shot(0, 130, 200)]
    forward, jumped = Sequences(shots, NED, 5), Sequences(shots, NED, 5)
    late = jumped.pieces(40)
    assert [forward.pieces(step) for step in range(41)][-1] == late
    assert jumped.pieces(2) == forward.pieces(2)
    assert Sequences(shots, NED, 6).pieces(40) != late


def test_footage_without_a_shot_is_refused():
    with pytest.raises(UsageError, match="no shot of 4 frames"):
        Sequences([Shot(0, 0, 3)], NED, 0)


def test_frames_that_are_judged_together_are_drawn_in_one_step():
    assert renderer_recipe("small", temporal=True).schedule.per_step >= 2
    assert renderer_recipe("full", temporal=True).schedule == NED
