"""The fit finds what a head did from 68 landmarks: bounds, invariances, gaps, spikes, outliers."""

import functools

import numpy as np
import pytest
import torch

N_FRAMES = 40
SCALE = 120.0  # px per dm


@pytest.fixture(scope="module")
def head():
    from mead_manip.models.face_model import load_head

    return load_head()


@pytest.fixture
def make_track(make_track):
    """Make tracks of a detector that is not in the table: it puts its landmarks where the head has them."""
    return functools.partial(make_track, landmark_backend="exact")


@pytest.fixture(scope="module")
def reconstructor():
    from mead_manip.backends.registry import load

    return load("reconstructor", "fit")


@pytest.fixture(scope="module")
def acted(head):
    """Coefficients of a clip: a smile that comes, a jaw that talks, one blink, a head that turns."""
    time = np.arange(N_FRAMES)
    expression = np.zeros((N_FRAMES, head.n_expression), np.float32)
    for name in ("AU12_L", "AU12_R", "AU6_L", "AU6_R"):
        expression[:, head.coef_names.index(name)] = 0.8 / (1 + np.exp(-(time - 20) / 3))
    jaw = np.zeros((N_FRAMES, 3), np.float32)
    jaw[:, 0] = 0.08 * (1 - np.cos(time * 0.7))
    eyelids = np.repeat(np.exp(-0.5 * ((time - 12) / 1.5) ** 2)[:, None], 2, axis=1).astype(np.float32)
    pose = np.stack([0.05 * np.sin(time / 9), 0.3 * np.sin(time / 12), 0.1 * np.cos(time / 15)], axis=1)
    generator = torch.Generator().manual_seed(3)
    identity = 0.5 * torch.randn(1, head.n_identity, generator=generator).numpy()
    camera = np.tile(np.array([SCALE, 300.0, 200.0], np.float32), (N_FRAMES, 1))
    return {
        "identity": identity,
        "expression": expression,
        "jaw_pose": jaw,
        "eyelids": eyelids,
        "head_pose": pose.astype(np.float32),
        "camera": camera,
    }


def landmarks_px(head, acted) -> np.ndarray:
    from mead_manip.models.face_model import project

    given = {name: torch.from_numpy(value) for name, value in acted.items()}
    camera = given.pop("camera")
    vertices = head(**given)
    return project(head.landmarks(vertices, given["head_pose"]), camera).numpy()


@pytest.fixture
def noisy(head, acted) -> np.ndarray:
    """Landmarks as a fair detector would give them: half a pixel of noise, 100 px between the eyes."""
    clean = landmarks_px(head, acted)
    return clean + np.random.default_rng(0).normal(0, 0.5, clean.shape).astype(np.float32)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_recovers_what_was_acted(head, acted, noisy, make_track, reconstructor):
    found = reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=noisy))
    smile = head.coef_names.index("AU12_L")
    assert correlation(found.jaw_pose[:, 0], acted["jaw_pose"][:, 0]) > 0.97
    assert correlation(found.eyelids[:, 0], acted["eyelids"][:, 0]) > 0.95
    assert correlation(found.expression[:, smile], acted["expression"][:, smile]) > 0.95
    assert np.rad2deg(abs(found.head_pose - acted["head_pose"]).mean(axis=0)).max() < 2.5
    assert found.residual.mean() < 0.015
    assert found.expression.min() >= 0 and found.eyelids.min() >= 0 and found.eyelids.max() <= 1


def test_the_reconstruction_projects_onto_the_landmarks(head, noisy, make_track, reconstructor):
    found = reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=noisy))
    names = ("expression", "jaw_pose", "eyelids", "head_pose", "camera")
    again = landmarks_px(head, {"identity": found.identity[None], **{name: getattr(found, name) for name in names}})
    distance = np.linalg.norm(again - noisy, axis=2).mean() / 100
    assert distance < 0.02
    assert abs(distance - found.residual.mean()) < 0.005


def test_moving_and_scaling_the_picture_changes_only_the_camera(noisy, make_track, reconstructor):
    here = reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=noisy))
    there = reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=3 * noisy + np.float32([500, -70])))
    np.testing.assert_allclose(there.expression, here.expression, atol=2e-3)
    np.testing.assert_allclose(there.head_pose, here.head_pose, atol=1e-3)
    np.testing.assert_allclose(there.camera, 3 * here.camera + [0, 500, -70], rtol=1e-3, atol=0.5)


def test_the_same_landmarks_give_the_same_bytes(noisy, make_track, reconstructor):
    track = make_track(N_FRAMES, landmarks_px=noisy)
    first, second = reconstructor.reconstruct(track), reconstructor.reconstruct(track)
    assert first.expression.tobytes() == second.expression.tobytes()
    assert first.camera.tobytes() == second.camera.tobytes()


def test_frames_without_a_face_are_bridged(acted, noisy, make_track, reconstructor):
    visible = np.ones(N_FRAMES, bool)
    visible[24:29] = visible[:3] = False
    seen = np.where(visible[:, None, None], noisy, np.float32(np.nan))
    found = reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=seen, visible=visible))
    assert np.isfinite(found.expression).all() and np.isfinite(found.camera).all()
    assert (found.visible == visible).all() and (found.residual[~visible] == 0).all()
    assert abs(found.head_pose[24:29] - acted["head_pose"][24:29]).max() < 0.1


def test_a_face_that_leaves_stays_as_it_was(noisy, make_track, reconstructor):
    visible = np.arange(N_FRAMES) < 20
    found = reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=noisy, visible=visible))
    for name in ("expression", "head_pose", "camera"):
        assert (getattr(found, name)[20:] == getattr(found, name)[19]).all()


def test_a_frame_that_is_all_wrong_is_overruled(noisy, make_track, reconstructor):
    spoiled = noisy.copy()
    spoiled[17] += np.float32([80, 30])
    calm, hit = (reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=points)) for points in (noisy, spoiled))
    assert abs(hit.camera[17, 1:] - calm.camera[17, 1:]).max() < 3
    assert abs(hit.jaw_pose[17] - calm.jaw_pose[17]).max() < 0.05


def test_wild_landmarks_are_ignored(noisy, make_track, reconstructor):
    rng = np.random.default_rng(1)
    wild = noisy.copy()
    for frame in range(N_FRAMES):
        wild[frame, rng.choice(68, 4, replace=False)] += rng.normal(0, 40, (4, 2))
    calm, hit = (reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=points)) for points in (noisy, wild))
    assert correlation(hit.jaw_pose[:, 0], calm.jaw_pose[:, 0]) > 0.95
    assert np.rad2deg(abs(hit.head_pose - calm.head_pose)).mean() < 1.5


def test_a_detectors_own_convention_is_no_expression(head, acted, make_track, reconstructor):
    from mead_manip.models.beliefs import conventions

    rest = {name: np.zeros_like(value) for name, value in acted.items()} | {"camera": acted["camera"]}
    points = landmarks_px(head, rest) + SCALE * conventions()["mediapipe"].offsets.numpy().astype(np.float32) * [1, -1]
    points = points.astype(np.float32)
    known, unknown = (
        reconstructor.reconstruct(make_track(N_FRAMES, landmarks_px=points, landmark_backend=name))
        for name in ("mediapipe", "other")
    )
    assert known.expression.max() < 0.05
    assert unknown.expression.max() > 3 * known.expression.max()


def test_a_detector_that_flattens_faces_is_answered(head, acted, make_track, reconstructor):
    from mead_manip.models.beliefs import as_seen
    from mead_manip.models.point_head import linearise, point_head, select

    def seen(expression: np.ndarray) -> np.ndarray:
        small = as_seen(point_head(head), "builtin")
        shape = small.shaped(torch.from_numpy(acted["identity"][0]).double())
        frames = np.concatenate([expression, acted["jaw_pose"], acted["eyelids"], acted["head_pose"]], axis=1)
        frames = torch.from_numpy(np.pad(frames, ((0, 0), (0, 3)))).double()
        points = linearise(small, shape, frames, select(small, shape.points, frames[:, -6:-3])).points.numpy()
        return (SCALE * points * [1, -1] + 300).astype(np.float32)

    frowning = acted["expression"].copy()
    brows = [head.coef_names.index(f"AU4_{side}") for side in "LR"]
    frowning[:, brows] = 0.8
    kept = {}
    for name in ("builtin", "exact"):
        neutral, angry = (
            make_track(N_FRAMES, landmarks_px=seen(part), source_digest=digest * 64, landmark_backend=name)
            for part, digest in ((0 * frowning, "c"), (frowning, "d"))
        )
        kept[name] = reconstructor.reconstruct(angry, [neutral]).expression[:, brows].mean()
    assert abs(kept["builtin"] - 0.8) < 0.5 * abs(kept["exact"] - 0.8)


def test_smoothing_calms_a_face_that_holds_still(noisy, make_track):
    from mead_manip.backends.fitting import FittingReconstructor

    still = noisy[:1] + np.random.default_rng(2).normal(0, 1, noisy.shape).astype(np.float32)
    track = make_track(N_FRAMES, landmarks_px=still)
    quick, slow = (FittingReconstructor(smoothing).reconstruct(track) for smoothing in (0.5, 2.0))
    for name in ("expression", "jaw_pose", "head_pose"):
        jitter = [np.abs(np.diff(getattr(found, name), axis=0)).mean() for found in (slow, quick)]
        assert jitter[0] < 0.7 * jitter[1]


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_short_clips(noisy, make_track, reconstructor, n_frames):
    found = reconstructor.reconstruct(make_track(n_frames, landmarks_px=noisy[:n_frames]))
    assert len(found.expression) == n_frames and np.isfinite(found.camera).all()


def test_no_face_at_all_is_an_error(make_track, reconstructor):
    from mead_manip.errors import NoFaceError

    with pytest.raises(NoFaceError, match="no face in any frame"):
        reconstructor.reconstruct(make_track(4, visible=np.zeros(4, bool)))


def test_the_prior_fits_the_head(head):
    from mead_manip.models.beliefs import face_prior

    assert face_prior().coef_names == head.coef_names  # else: python -m mead_manip.synthetic.build_face_prior
    assert len(face_prior().identity_moment) == head.n_identity


def test_neutral_clips_of_the_person_keep_emotion_from_being_taken_for_identity(head, acted, make_track, reconstructor):
    def track(digest: str, **units: float):
        expression = np.zeros_like(acted["expression"])
        for name, value in units.items():
            expression[:, [head.coef_names.index(f"{name}_{side}") for side in "LR"]] = value
        points = landmarks_px(head, {**acted, "expression": expression})
        points += np.random.default_rng(1).normal(0, 0.3, points.shape).astype(np.float32)
        return make_track(N_FRAMES, landmarks_px=points, source_digest=digest)

    def frown(found) -> float:
        return float(found.expression[:, head.coef_names.index("AU4_L")].mean())

    angry, neutral = track("a" * 64, AU4=0.9), track("b" * 64)

    alone = reconstructor.reconstruct(angry)
    known = reconstructor.reconstruct(angry, at_rest=[neutral])

    assert frown(known) > max(0.6, frown(alone) + 0.1)
    assert frown(reconstructor.reconstruct(neutral, at_rest=[neutral])) < 0.15
