"""What edit does to coefficients and frames, without a video."""

import dataclasses
import json

import numpy as np
import pytest


@pytest.fixture
def clip(make_reconstruction):
    from mead_manip.models.face_model import load_head

    names = load_head().coef_names
    rng = np.random.default_rng(0)
    n = 24
    jaw = np.zeros((n, 3), np.float32)
    jaw[:, 0] = 0.1 * np.abs(np.sin(np.arange(n) / 3))
    jaw[:, 1] = 0.01
    return make_reconstruction(
        n,
        identity=np.zeros(load_head().n_identity, np.float32),
        jaw_pose=jaw,
        expression=rng.uniform(0, 0.3, (n, len(names))).astype(np.float32),
        coef_names=names,
        gaze=np.full((n, 2), 0.1, np.float32),
    )


@pytest.fixture
def weights():
    import torch

    from mead_manip.artifacts.schemas import ManipulatorWeights
    from mead_manip.models.face_model import load_head
    from mead_manip.models.manipulator import Architecture, Manipulator

    names = load_head().coef_names
    torch.manual_seed(0)
    nets = Manipulator(Architecture.of_size("small", 1 + len(names)))
    facts = json.dumps({"coef_names": ["jaw_pose_x", *names]})
    return ManipulatorWeights(nets.to_arrays(), nets.architecture.to_json(), facts)


def changed(weights, clip, *, intensity=1.0, seed=0, lip_lock=0.0):
    from mead_manip.models.edit_plan import EditPlan, Passage, Style
    from mead_manip.models.face_model import load_head
    from mead_manip.stages.editing.retarget import changed_reconstruction, manipulator_for

    plan = EditPlan((Passage(Style({"happy": 1.0}, seed), intensity),), lip_lock=lip_lock)
    times = np.arange(len(clip.visible)) / 30
    return changed_reconstruction(manipulator_for(weights, clip), load_head(), clip, plan, times)


def test_only_jaw_opening_and_expression_change(clip, weights):
    after = changed(weights, clip)

    assert not np.allclose(after.expression, clip.expression)
    assert not np.allclose(after.jaw_pose[:, 0], clip.jaw_pose[:, 0])
    assert np.array_equal(after.jaw_pose[:, 1:], clip.jaw_pose[:, 1:])
    for field in ("identity", "eyelids", "gaze", "head_pose", "camera", "visible"):
        assert np.array_equal(getattr(after, field), getattr(clip, field))


def test_intensity_zero_gives_the_source_back(clip, weights):
    after = changed(weights, clip, intensity=0.0)

    assert np.array_equal(after.expression, clip.expression)
    assert np.array_equal(after.jaw_pose, clip.jaw_pose)


def test_the_seed_decides_the_style(clip, weights):
    assert np.array_equal(changed(weights, clip, seed=3).expression, changed(weights, clip, seed=3).expression)
    assert not np.allclose(changed(weights, clip, seed=3).expression, changed(weights, clip, seed=4).expression)


def test_frames_without_a_face_keep_their_coefficients(clip, weights):
    visible = np.ones(24, bool)
    visible[10:14] = False
    hidden = dataclasses.replace(clip, visible=visible)

    after = changed(weights, hidden)

    assert np.allclose(after.expression[10:14], clip.expression[10:14], atol=1e-6)
    assert not np.allclose(after.expression[0], clip.expression[0])


def test_coefficients_of_another_face_model_are_refused(clip, weights):
    from mead_manip.errors import UsageError

    stranger = dataclasses.replace(clip, coef_names=clip.coef_names[::-1])

    with pytest.raises(UsageError, match="face model"):
        changed(weights, stranger)


def test_presence_fades_in_and_out_and_never_at_cuts_and_the_ends_of_a_clip():
    from mead_manip.stages.editing.retarget import FADE_FRAMES, NO_CUTS, presence

    visible = np.ones(60, bool)
    visible[30:35] = False
    share = presence(visible, NO_CUTS)

    assert share[0] == share[-1] == 1.0
    assert (share[30:35] == 0).all()
    assert np.abs(np.diff(share)).max() < 2.0 / FADE_FRAMES
    assert (presence(np.ones(5, bool), NO_CUTS) == 1).all()
    cut = presence(visible, np.array([35], np.int32))
    assert np.array_equal(cut[:35], share[:35]) and (cut[35:] == 1).all()


def test_faces_of_flame_are_warped_too(make_reconstruction, make_track):
    import flame

    from mead_manip.models.flame import flame_model_from
    from mead_manip.models.posed_faces import posed
    from mead_manip.stages.editing.retarget import FaceRetargeter

    model = flame_model_from(flame.asset())
    camera = np.tile(np.array([600, 80, 80], np.float32), (2, 1))
    before = make_reconstruction(2, 50, identity=np.zeros(100, np.float32), camera=camera, face_model="flame-2020@0")
    opened = np.array([[0, 0, 0], [0.3, 0, 0]], np.float32)
    after = dataclasses.replace(before, jaw_pose=opened)
    track = make_track(2, landmarks_px=posed(model, before)[1])
    retarget = FaceRetargeter(before, after, track, model)
    frame = np.random.default_rng(0).integers(0, 255, (160, 160, 3)).astype(np.uint8)

    assert np.array_equal(retarget.job(0)(frame), frame)
    changed = (retarget.job(1)(frame) != frame).any(axis=2)
    assert changed.sum() > 50 and not changed[:10].any()


@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.parametrize("x, y", [(80, 80), (12, 150)])
def test_a_job_looks_at_and_changes_nothing_beyond_its_reach(make_reconstruction, make_track, covered, x, y):
    from mead_manip.models.face_model import load_head
    from mead_manip.models.posed_faces import posed
    from mead_manip.stages.editing.retarget import FaceRetargeter

    model, size = load_head(), 161
    before = make_reconstruction(
        2,
        identity=np.zeros(model.n_identity, np.float32),
        expression=np.zeros((2, model.n_expression), np.float32),
        coef_names=model.coef_names,
        camera=np.tile(np.array([40, x, y], np.float32), (2, 1)),
    )
    after = dataclasses.replace(before, jaw_pose=np.array([[0, 0, 0], [0.3, 0, 0]], np.float32))
    track = make_track(2, landmarks_px=posed(model, before)[1], width=size, height=size)
    retarget = FaceRetargeter(before, after, track, model)
    frame = np.random.default_rng(0).integers(1, 255, (size, size, 3)).astype(np.uint8)
    front = np.zeros((size, size), np.uint8)
    front[:, x - 5 : x + 5] = 255  # from rim to rim
    matte = front if covered else None

    assert retarget.reach(0, matte) is None
    x0, y0, x1, y1 = retarget.reach(1, matte)
    within = np.zeros((size, size), bool)
    within[y0:y1, x0:x1] = True
    assert within.any() and not within.all()
    whole = retarget.job(1, matte)(frame)
    part = retarget.job(1, matte)(np.where(within[..., None], frame, np.uint8(0)))

    assert (whole != frame).any()
    assert np.array_equal(part[within], whole[within])
    assert np.array_equal(whole[~within], frame[~within])


def test_a_rectangle_holds_all_regions_that_there_are():
    from mead_manip.stages.editing.retarget import united

    assert united([None, (5, 6, 7, 8), None, (1, 7, 6, 20)]) == (1, 6, 7, 20)
    assert united([None]) is None
