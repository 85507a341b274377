"""What passes before a rendered talking head is found; nothing is found before one that just talks."""

import cv2
import numpy as np
import pytest
from faces import talking_head

N, SIDE = 30, 160
COVERED = range(11, 19)  # frames in which something passes


@pytest.fixture(scope="module")
def head():
    """The head of `talking_head` as a reconstruction has it: model, identity, jaw, pose, camera."""
    import torch

    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import load_head

    time = torch.linspace(0, 1, N)[:, None]
    scale = 0.36 * SIDE
    return load_head(), {
        "identity": load_asset(HeadAsset, "head.h5").anchor_mean[0].astype(np.float32),
        "jaw_pose": torch.cat([0.12 * time, 0 * time, 0 * time], 1).numpy(),
        "head_pose": torch.cat([0 * time, 0.15 * torch.sin(6 * time), 0 * time], 1).numpy(),
        "camera": np.tile(np.float32([scale, SIDE / 2, SIDE / 2 + 0.25 * scale]), (N, 1)),
    }


@pytest.fixture
def finder(head, make_track, make_reconstruction):
    from mead_manip.media.images import EncodedFrames, encode
    from mead_manip.models.posed_faces import posed
    from mead_manip.stages.editing.mask_finder import MaskFinder
    from mead_manip.stages.editing.retarget import mesh_of

    model, values = head
    clip = make_reconstruction(N, expression=np.zeros((N, model.n_expression), np.float32), **values)
    landmarks = posed(model, clip)[1]
    assert np.abs(landmarks - talking_head(N, SIDE)[1]).max() < 0.5  # it is the head that was drawn

    def of(frames, **changes):
        packed = EncodedFrames.pack([encode(cv2.resize(frame, (256, 256))) for frame in frames])
        crop = np.array([[SIDE / 256, 0, 0], [0, SIDE / 256, 0]], np.float32)
        facts = {
            "face_bytes": packed.data,
            "face_offsets": packed.offsets,
            "landmarks_px": landmarks,
            "frame_from_crop": np.tile(crop, (N, 1, 1)),
            **changes,
        }
        return MaskFinder(clip, make_track(N, **facts), model, mesh_of(model).surface)

    return of


def with_disc(colour):
    """Frames over which a disc moves from ear to ear, and where it is."""
    frames, landmarks = talking_head(N, SIDE)
    frames, discs = [frame.copy() for frame in frames], np.zeros((N, SIDE, SIDE), bool)
    ys, xs = np.mgrid[0:SIDE, 0:SIDE]
    for step, k in enumerate(COVERED):
        middle = landmarks[k][3] + (landmarks[k][13] - landmarks[k][3]) * step / (len(COVERED) - 1)
        discs[k] = np.hypot(xs - middle[0], ys - middle[1]) < 14
        frames[k][discs[k]] = colour
    return frames, discs


def mattes(finder):
    found = [finder.matte(k, (SIDE, SIDE)) for k in range(N)]
    return np.stack([np.zeros((SIDE, SIDE), np.uint8) if matte is None else matte for matte in found])


def test_nothing_is_in_front_of_a_head_that_talks(finder):
    plain = finder(talking_head(N, SIDE)[0])

    assert all(plain.matte(k, (SIDE, SIDE)) is None for k in range(N)) and plain.share(N - 1) == 0


@pytest.mark.parametrize("colour", [(30, 30, 35), (40, 90, 200)])
def test_a_disc_that_passes_is_found_where_it_is_and_when(finder, colour):
    frames, discs = with_disc(colour)
    seen = mattes(finder(frames)) > 127

    _, landmarks = talking_head(N, SIDE)
    for k in COVERED[2:-2]:
        face = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillConvexPoly(face, cv2.convexHull(landmarks[k].astype(np.int32)), 1)
        both, either = (seen[k] & discs[k])[face > 0].sum(), (seen[k] | discs[k])[face > 0].sum()
        assert both > 0.6 * either, (k, both / either)
    assert not seen[: COVERED[0] - 2].any() and not seen[COVERED[-1] + 3 :].any()


def test_a_frame_is_found_alike_whatever_was_asked_before(finder):
    frames, _ = with_disc((30, 30, 35))
    once = mattes(finder(frames))
    late = finder(frames)

    for k in (COVERED[4], 2, COVERED[3]):
        matte = late.matte(k, (SIDE, SIDE))
        assert np.array_equal(once[k], np.zeros_like(once[k]) if matte is None else matte)


def test_a_shot_too_short_to_learn_a_face_from_is_left_alone(finder):
    frames, _ = with_disc((30, 30, 35))
    cut = finder(frames, cuts=np.array([15], np.int32))

    assert not mattes(cut).any()


def test_another_light_is_not_in_front(finder):
    frames = talking_head(N, SIDE)[0]
    ramp = np.linspace(0.6, 1.0, SIDE)[None, :, None]
    lit = [(frame * ramp).astype(np.uint8) if k > 20 else frame for k, frame in enumerate(frames)]

    assert not mattes(finder(lit)).any()
