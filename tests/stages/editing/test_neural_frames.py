"""Frames through a network that remembers: what changes, what never does, and where it begins anew."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

N, SIDE = 16, 160


@dataclass(frozen=True)
class Still:
    index: int
    rgb: np.ndarray
    front: np.ndarray | None = None


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    return [Still(k, rng.integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)) for k in range(N)]


@pytest.fixture
def clip(make_reconstruction, make_track):
    """A head in the middle of the frame, and the same with another face."""
    from mead_manip.models.face_model import load_head
    from mead_manip.models.posed_faces import posed

    model = load_head()
    rng = np.random.default_rng(1)
    before = make_reconstruction(
        N,
        identity=np.zeros(model.n_identity, np.float32),
        expression=rng.uniform(0, 0.2, (N, model.n_expression)).astype(np.float32),
        camera=np.tile(np.float32([40, SIDE / 2, SIDE / 2]), (N, 1)),
        coef_names=model.coef_names,
        face_model="head",
    )
    landmarks = posed(model, before)[1]
    track = make_track(N, landmarks_px=landmarks, pupils_px=landmarks[:, [37, 44]])
    return before, dataclasses.replace(before, expression=before.expression + np.float32(0.3)), track, model


@pytest.fixture
def retargeter(clip):
    import neural
    import torch

    from mead_manip.stages.editing.neural_frames import NeuralFace, NeuralRetargeter

    before, after, track, model = clip
    weights = neural.weights(model.n_vertices, ("x",), "head")

    def make(after=after, **changes):
        changed = dataclasses.replace(track, **changes)
        visible = dataclasses.replace(before, visible=changed.visible)
        face = NeuralFace.load(weights, neural.generator(), 0, (visible, changed, model), Path(), torch.device("cpu"))
        return NeuralRetargeter(visible, after, changed, face)

    return make


def film(edits, frames):
    from mead_manip.stages.editing.neural_frames import filmed

    return [drawn for _, drawn in filmed(edits, iter(frames))]


def test_pixels_outside_the_face_are_the_source_s_bit_for_bit(retargeter, frames):
    drawn = [edit for (edit,) in film([[retargeter()]], frames)]

    assert len(drawn) == N  # the first two frames too, which NED never draws
    for frame, rgb in zip(frames, drawn, strict=True):
        changed = (rgb != frame.rgb).any(axis=2)
        assert changed.sum() > 1000
        assert not changed[:10].any() and not changed[:, :10].any() and not changed[:, -10:].any()


def test_what_lies_in_front_keeps_its_bytes_and_the_network_does_not_see_it(retargeter, frames):
    front = np.zeros((SIDE, SIDE), np.uint8)
    front[70:95, 60:100] = 255
    masked = [dataclasses.replace(frame, front=front) for frame in frames[:3]]
    painted = [dataclasses.replace(frame, rgb=frame.rgb.copy()) for frame in masked]
    for frame in painted:
        frame.rgb[front > 0] = (0, 255, 0)  # something else in front of the same face
    drawn, other = (film([[retargeter()]], some) for some in (masked, painted))

    beyond = cv2.dilate(front, np.ones((5, 5), np.uint8)) == 0
    for frame, (rgb,), (rgb2,) in zip(masked, drawn, other, strict=True):
        assert np.array_equal(rgb[front > 0], frame.rgb[front > 0])
        assert (rgb != frame.rgb)[beyond].any(axis=1).sum() > 1000
        assert np.array_equal(rgb[beyond], rgb2[beyond])


def test_the_same_comes_out_twice(retargeter, frames):
    first, second = film([[retargeter()]], frames), film([[retargeter()]], frames)

    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, second, strict=True))


def test_what_was_drawn_before_a_cut_does_not_matter(retargeter, frames):
    cut = retargeter(cuts=np.array([9], np.int32))
    whole = film([[cut]], frames)
    resumed = film([[cut]], frames[9:])

    assert all(np.array_equal(a[0], b[0]) for a, b in zip(whole[9:], resumed, strict=True))
    uncut = film([[retargeter()]], frames)
    assert not np.array_equal(uncut[9][0], whole[9][0]) and np.array_equal(uncut[8][0], whole[8][0])


def test_a_frame_without_a_face_stays_and_the_network_begins_anew_after_it(retargeter, frames):
    visible = np.ones(N, bool)
    visible[6] = False
    gap = retargeter(visible=visible)
    drawn = film([[gap]], frames)

    assert np.array_equal(drawn[6][0], frames[6].rgb)
    assert gap.starts.nonzero()[0].tolist() == [0, 7]
    resumed = film([[gap]], frames[7:])
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(drawn[7:], resumed, strict=True))


def test_where_nothing_changes_nothing_is_drawn_and_the_change_comes_softly(clip, retargeter, frames):
    before, after, _, _ = clip
    late = after.expression.copy()
    late[:8] = before.expression[:8]
    edit = retargeter(after=dataclasses.replace(after, expression=late))
    drawn = film([[edit]], frames)

    assert all(np.array_equal(drawn[k][0], frames[k].rgb) for k in range(8))
    assert (np.diff(edit.share[7:14]) > 0).all() and edit.share[14:].tolist() == [1.0, 1.0]
    change = [np.abs(drawn[k][0].astype(int) - frames[k].rgb).mean() for k in range(8, 15)]
    assert change[0] < change[2] < change[-1]


def test_edits_of_one_batch_are_those_made_alone(clip, retargeter, frames):
    before, after, _, _ = clip
    other = dataclasses.replace(after, expression=before.expression * np.float32(0.5))
    edits = [[retargeter()], [retargeter(after=other)]]
    together = film(edits, frames[:6])

    for k, edit in enumerate(edits):
        alone = film([edit], frames[:6])
        for a, b in zip(together, alone, strict=True):
            # Sums of a batch are rounded otherwise.
            assert np.abs(a[k].astype(int) - b[0]).max() <= 2
    assert not np.array_equal(together[3][0], together[3][1])


def test_two_faces_of_a_frame_are_drawn_without_a_trace_of_each_other(clip, frames):
    import neural
    import torch

    from mead_manip.models.posed_faces import posed
    from mead_manip.stages.editing.neural_frames import NeuralFace, NeuralRetargeter

    before, after, track, model = clip
    weights, generator = neural.weights(model.n_vertices, ("x", "y"), "head"), neural.generator()
    heads = []
    for row, x in enumerate((40, 120)):
        camera = np.tile(np.float32([18, x, SIDE / 2]), (N, 1))
        old, new = (dataclasses.replace(acted, camera=camera) for acted in (before, after))
        landmarks = posed(model, old)[1]
        seen = dataclasses.replace(track, landmarks_px=landmarks, pupils_px=landmarks[:, [37, 44]])
        face = NeuralFace.load(weights, generator, row, (old, seen, model), Path(), torch.device("cpu"))
        heads.append(NeuralRetargeter(old, new, seen, face))
    both = film([heads], frames[:4])[-1][0]
    alone = [film([[head]], frames[:4])[-1][0] for head in heads]

    assert np.abs(both[:, :80].astype(int) - alone[0][:, :80]).max() <= 2
    assert np.abs(both[:, 80:].astype(int) - alone[1][:, 80:]).max() <= 2
    assert np.array_equal(alone[0][:, 80:], frames[3].rgb[:, 80:]) and not np.array_equal(both, alone[0])


def test_a_single_frame_is_warmed_up_to_look_as_in_the_video(retargeter, frames):
    from mead_manip.stages.editing.edit_frames import drawn_at
    from mead_manip.stages.editing.neural_frames import WARM_UP

    edit = retargeter()
    whole = film([[edit]], frames)
    (exact,) = drawn_at([[edit]], WARM_UP, lambda first: iter(frames[first : WARM_UP + 1]))
    assert np.array_equal(exact, whole[WARM_UP][0])

    (near,) = drawn_at([[edit]], N - 1, lambda first: iter(frames[first:]))
    assert edit.first_needed(N - 1) == N - 1 - WARM_UP
    assert np.abs(near.astype(int) - whole[N - 1][0]).mean() < 2


def test_frames_that_were_left_out_are_as_a_cut(retargeter, frames):
    edit = retargeter()
    jumped = film([[edit]], [*frames[:3], *frames[9:]])

    assert np.array_equal(jumped[3][0], film([[edit]], frames[9:10])[0][0])


def test_an_error_while_drawing_is_not_lost(retargeter, frames):
    broken = [*frames[:3], Still(3, np.zeros((0, 0, 3), np.uint8)), *frames[4:]]

    with pytest.raises(Exception, match=r".+"):
        film([[retargeter()]], broken)
