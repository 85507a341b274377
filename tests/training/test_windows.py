"""Which clips, which windows, on which scale, in which order."""

import numpy as np
import pytest
import torch

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import MeadManipError, UsageError
from mead_manip.models.manipulator import WINDOW
from mead_manip.training.selection import select
from mead_manip.training.windows import (
    ClipSequence,
    Labels,
    Scale,
    Windows,
    visible_runs,
    weights_by_class,
)


def labels(actor: str, emotion: str, level: int = 3, view: str = "front") -> Labels:
    return Labels(f"{actor}_{emotion}_{level}_{view}", actor, emotion, level, view)


def clip(n_frames: int, emotion: str = "happy", first: float = 0.0, hidden: tuple[int, ...] = ()) -> ClipSequence:
    visible = np.ones(n_frames, bool)
    visible[list(hidden)] = False
    coefs = first + np.arange(n_frames * 2, dtype=np.float32).reshape(n_frames, 2)
    return ClipSequence(labels("M003", emotion), coefs, visible)


def corpus(actors: tuple[str, ...]) -> list[Labels]:
    emotions = (*NED_EMOTIONS, "contempt", "")
    return [
        labels(actor, emotion, level, view)
        for actor in actors
        for emotion in emotions
        for level in ((1,) if emotion == "neutral" else (1, 3))
        for view in ("front", "left_30")
    ]


def chosen(known: tuple[str, ...], **changes):
    settings = {"views": ("front",), "levels": ("3",), "actors": (), "val_actors": ()}
    return select(corpus(known), **{**settings, **changes})


def test_selection_is_the_papers():
    selection = chosen(("M003", "M009", "M023", "W029"))
    assert {clip.actor for clip in selection.training} == {"M003", "M009", "W029"}
    assert {clip.actor for clip in selection.validation} == {"M023"}
    assert {clip.view for clip in selection.training} == {"front"}
    assert {(clip.emotion, clip.level) for clip in selection.training} == {
        ("neutral", 1),
        *((emotion, 3) for emotion in NED_EMOTIONS[1:]),
    }


def test_actors_can_be_chosen():
    assert {clip.actor for clip in chosen(("A", "B", "C")).validation} == {"C"}
    assert not chosen(("A", "B"), val_actors=("none",)).validation
    assert not chosen(("A",)).validation
    mine = chosen(("A", "B", "C"), actors=("B",), val_actors=("A",))
    assert {clip.actor for clip in mine.training} == {"B"} and {clip.actor for clip in mine.validation} == {"A"}
    with pytest.raises(UsageError, match="unknown actor 'Z'"):
        chosen(("A", "B"), val_actors=("Z",))


def test_an_emotion_without_the_wanted_level_is_taken_at_its_highest_and_said_so():
    clips = [labels("A", "neutral", 1), labels("A", "happy", 1), labels("A", "happy", 2), labels("A", "sad", 3)]
    selection = select(clips, views=("front",), levels=("3",))
    assert [(clip.emotion, clip.level) for clip in selection.training] == [("neutral", 1), ("happy", 2), ("sad", 3)]
    assert selection.notes == ["happy: no clip of level 3; taking level 2"]
    with pytest.raises(UsageError, match="'4'"):
        select(clips, views=("front",), levels=("4",))


def test_runs_of_visible_frames():
    assert visible_runs(np.array([1, 1, 0, 1, 0, 0, 1], bool)) == [(0, 2), (3, 4), (6, 7)]
    assert visible_runs(np.zeros(4, bool)) == []


def test_windows_cross_neither_clips_nor_hidden_frames():
    windows = Windows(
        [clip(12), clip(25, "sad", 100.0, hidden=(11,)), clip(9)],
        ("happy", "sad"),
        torch.tensor([0.5, 1.0, 1.0]),
        seed=0,
    )
    assert len(windows) == 3 + 2 + 4
    assert windows.emotion.tolist() == [0] * 3 + [1] * 6
    assert windows.weight.tolist() == [0.5] * 3 + [1.0] * 6
    for batch in windows.all_batches(4):
        steps = batch.source[:, 1:, 0] - batch.source[:, :-1, 0]
        assert (steps == 2).all() and batch.source.shape[1] == WINDOW


def test_clips_without_a_window_are_refused():
    with pytest.raises(MeadManipError, match="no run of 10 visible frames in 1 clips"):
        Windows([clip(9)], ("happy",), torch.ones(1), seed=0)


def test_an_epoch_shows_every_window_once_and_the_order_depends_on_seed_and_step_alone():
    def windows(seed: int) -> Windows:
        return Windows([clip(41), clip(41, "sad", 500.0)], ("happy", "sad"), torch.ones(2), seed=seed)

    first = [windows(0).batch(step, 16) for step in range(8)]
    assert windows(0).batches_per_epoch(16) == 4
    for epoch in (first[:4], first[4:]):
        for name in ("source", "reference"):
            starts = torch.cat([getattr(batch, name)[:, 0, 0] for batch in epoch])
            assert len(starts.unique()) == 64
    assert not torch.equal(first[0].source, first[4].source)
    assert not torch.equal(first[0].source, first[0].reference)
    again = windows(0).batch(6, 16)
    assert torch.equal(again.source, first[6].source) and torch.equal(again.noise, first[6].noise)
    assert not torch.equal(windows(1).batch(0, 16).noise, first[0].noise)


@pytest.mark.parametrize("scaling", ["raw", "spread", "each"])
def test_scales(scaling):
    torch.manual_seed(0)
    frames = torch.randn(2000, 4) * torch.tensor([0.01, 0.1, 1.0, 0.0]) + 3
    scale = Scale.of(frames, scaling)
    scaled = (frames - scale.mean) / scale.std
    assert scaled.isfinite().all() and (scale.low < scale.high)[:3].all()
    if scaling == "raw":
        assert torch.equal(scaled, frames)
    elif scaling == "spread":
        assert scaled.square().mean().item() == pytest.approx(1.0, rel=0.01)
        assert len(scale.std.unique()) == 1
    else:
        assert scaled.std(dim=0)[1:3].tolist() == pytest.approx([1.0, 1.0], rel=0.01)
        assert scaled.std(dim=0)[3] == 0


def test_mean_weight_per_class():
    weights = torch.tensor([1.0, 0.5, 0.2])
    assert weights_by_class(weights, ["sad", "happy", "happy"]) == pytest.approx({"happy": 0.35, "sad": 1.0})
