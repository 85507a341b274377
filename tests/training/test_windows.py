"""Which clips, which windows, on which scale, in which order."""

import tracemalloc

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


def test_balanced_sources_show_every_emotion_equally_often():
    clips = [clip(15), clip(60, "sad", 500.0), clip(20, "fear", 900.0)]
    windows = Windows(clips, ("happy", "sad", "fear"), torch.ones(3), seed=0, balanced=True)
    assert len(windows) == 6 + 51 + 11
    epochs = [
        torch.cat([windows.batch(4 * epoch + step, 17).source_emotion for step in range(4)]).bincount().tolist()
        for epoch in range(2)
    ]
    assert all(max(counts) - min(counts) <= 1 for counts in epochs)
    happy = torch.cat([batch.source[batch.source_emotion == 0] for batch in (windows.batch(s, 17) for s in range(4))])
    _, times = happy[:, 0, 0].unique(return_counts=True)
    assert len(times) == 6 and max(times) - min(times) <= 1
    again = Windows(clips, ("happy", "sad", "fear"), torch.ones(3), seed=0, balanced=True)
    assert torch.equal(again.batch(5, 17).source, windows.batch(5, 17).source)
    assert not torch.equal(windows.batch(4, 17).source, windows.batch(0, 17).source)


def test_windows_may_be_longer():
    windows = Windows([clip(30), clip(19, "sad")], ("happy", "sad"), torch.ones(2), seed=0, window=20)
    assert len(windows) == 11 and windows.batch(0, 4).source.shape == (4, 20, 2)


def test_batches_are_scaled_and_the_clips_are_not():
    clips = [clip(30, hidden=(3, 4))]
    windows = Windows(clips, ("happy",), torch.ones(1), seed=0)
    plain = windows.batch(0, 4).source
    scale = Scale.of(windows.frames, "each")
    scaled = windows.scaled(scale, torch.device("cpu")).batch(0, 4).source
    assert torch.equal(scaled, (plain - scale.mean) / scale.std)
    assert np.array_equal(windows.clips[0].coefs, clips[0].coefs[clips[0].visible])
    assert windows.clips[0].visible.all() and np.shares_memory(windows.clips[0].coefs, windows.frames.numpy())


def test_a_corpus_is_held_once():
    n_clips, n_frames, n_coefs = 40, 2000, 51
    one_corpus = n_clips * n_frames * n_coefs * 4

    def clips():
        for index in range(n_clips):
            coefs = np.full((n_frames, n_coefs), index, np.float32)
            yield ClipSequence(labels("M003", "happy"), coefs, np.ones(n_frames, bool))

    tracemalloc.start()
    try:
        windows = Windows(clips(), ("happy",), torch.ones(n_clips), seed=0, n_frames=n_clips * n_frames)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(windows.clips) == n_clips and windows.clips[7].coefs[0, 0] == 7
    assert windows.frames.numel() * 4 == one_corpus < peak < 1.4 * one_corpus


def test_windows_of_labelled_frames_take_the_majority_and_skip_what_has_no_label():
    plain = clip(40, "", hidden=(30,))
    frame_emotion = np.repeat([0, 4, -1, 5, 5], [12, 6, 2, 10, 10]).astype(np.int8)
    annotated = ClipSequence(plain.labels, plain.coefs, plain.visible, frame_emotion=frame_emotion)
    windows = Windows([annotated], ("neutral", "happy", "sad"), torch.ones(1), seed=0)
    # Frames 0 to 17 give 9 windows, 20 to 29 one; 31 to 39 are too few.
    assert windows.starts.tolist() == [*range(9), 20]
    assert windows.emotion.tolist() == [0] * 8 + [1, 2][:1] + [2]
