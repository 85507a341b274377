"""Pupils tell where the eyes look; shut eyes hold it; lids lose and regain what they follow the eyes by."""

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def looking():
    """A person who turns the head and looks about: eyeballs, pupils as the camera sees them, head pose, gaze."""
    from mead_manip.models.face_model import load_head
    from mead_manip.models.gaze import eyeballs_of

    head, time = load_head(), torch.arange(60)
    identity = 0.7 * torch.randn(head.n_identity, generator=torch.Generator().manual_seed(1))
    gaze = torch.stack([0.3 * torch.sin(time / 5), 0.2 * torch.cos(time / 7)], dim=1)
    head_pose = torch.stack([0.1 * torch.cos(time / 9), 0.4 * torch.sin(time / 11), 0.1 * torch.sin(time / 6)], dim=1)
    posed = head(identity[None], gaze=gaze, head_pose=head_pose)
    rest = head.neutral(identity[None])[0]
    pupils = []
    for side in (1, 2):
        ids = torch.nonzero(head.eyeball == side)[:, 0]
        pupils.append(posed[:, ids[rest[ids, 2].argsort()[-6:]], :2].mean(dim=1))
    return eyeballs_of(head, identity), torch.stack(pupils, dim=1).double(), head_pose.double(), gaze.double()


def test_pupils_of_the_head_give_its_gaze(looking):
    from mead_manip.models.gaze import gaze_of

    eyes, pupils, head_pose, gaze = looking
    found = gaze_of(eyes, pupils, head_pose)
    for axis in (0, 1):
        assert np.corrcoef(found[:, axis], gaze[:, axis])[0, 1] > 0.98
    assert (found - gaze).abs().max() < 0.08


def test_no_eye_turns_further_than_eyes_do(looking):
    from mead_manip.models.gaze import PITCH, YAW, gaze_of

    eyes, pupils, head_pose, _ = looking
    found = gaze_of(eyes, pupils + 1.0, head_pose)
    assert found[:, 0].abs().max() <= YAW and found[:, 1].abs().max() <= PITCH


def test_shut_eyes_hold_their_gaze():
    from mead_manip.models.gaze import steady_gaze

    gaze, closure, seen = np.full((20, 2), 0.1), np.zeros((20, 2)), np.ones(20, bool)
    gaze[8:12], closure[8:12] = -0.5, 0.9
    np.testing.assert_allclose(steady_gaze(gaze, closure, seen, 30.0), 0.1, atol=1e-6)
    assert (steady_gaze(gaze, closure + 1, seen, 30.0) == 0).all()


def test_lids_regain_what_they_follow_the_eyes_by():
    from mead_manip.models.gaze import lids_beside_gaze, lids_with_gaze

    gaze = np.stack([np.zeros(9), np.linspace(-0.4, 0.4, 9)], axis=1)
    closure = np.full((9, 2), 0.5)
    own = lids_beside_gaze(closure, gaze)
    assert own[0, 0] < 0.5 < own[-1, 0]
    np.testing.assert_allclose(lids_with_gaze(own, gaze), closure, atol=1e-6)
