"""Landmarks lose their tremble, and keep blinks, closures and the motion of the head."""

import numpy as np
import pytest

N_FRAMES = 180
BLINKS = (30, 75, 121, 160)  # a frame of full closure, and one that is nearly full
CLOSURES = (92, 105, 118, 134)  # two frames
NOISE = 0.004  # of the inter-ocular distance


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Give 68 landmarks and two pupils of a head that is still at first, then speaks, nods, blinks and looks about."""
    import torch

    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.models.pupils import with_pupils
    from mead_manip.rendering.camera import to_screen

    asset = load_asset(HeadAsset, "head.h5")
    model = head_model_from(asset)
    time = torch.arange(N_FRAMES) / 30
    pose = torch.stack([0.05 * torch.sin(2.5 * time), 0.12 * torch.sin(1.9 * time), 0.03 * torch.sin(1.3 * time)], 1)
    jaw = torch.zeros(N_FRAMES, 3)
    jaw[60:, 0] = 0.08
    pose[:50] = 0
    for frame in CLOSURES:
        jaw[frame : frame + 2] = 0
    lids, gaze = torch.zeros(N_FRAMES, 2), torch.zeros(N_FRAMES, 2)
    for frame in BLINKS:
        lids[frame - 1 : frame + 3] = torch.tensor([0.6, 1.0, 0.9, 0.4])[:, None]
    gaze[100:140, 0], gaze[140:, 0] = 0.3, -0.3
    with torch.inference_mode():
        identity = torch.as_tensor(asset.anchor_mean[:1], dtype=torch.float32)
        vertices = model(identity, jaw_pose=jaw, head_pose=pose, eyelids=lids, gaze=gaze)
        points = with_pupils(model, vertices, pose).numpy()
    camera = np.array([100, 300, 300], np.float32)
    return np.stack([to_screen(p, camera)[:, :2] for p in points]).astype(np.float32)


@pytest.fixture(scope="module")
def noisy(truth) -> np.ndarray:
    size = np.linalg.norm(truth[:, 45] - truth[:, 36], axis=-1).mean()
    return (truth + np.random.default_rng(0).normal(0, NOISE * size, truth.shape)).astype(np.float32)


def smooth(points: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    from mead_manip.models.landmark_smoothing import smooth_points

    return smooth_points(points, np.ones(len(points), bool) if visible is None else visible)


def error(points: np.ndarray, truth: np.ndarray, part=slice(None), frames=slice(None)) -> float:
    return float(np.sqrt(((points - truth)[frames, part] ** 2).sum(-1).mean()))


def test_the_error_against_truth_falls_everywhere(truth, noisy):
    out = smooth(noisy)
    for part in (slice(0, 17), slice(17, 27), slice(27, 36), slice(36, 48), slice(48, 68), slice(68, 70)):
        assert error(out, truth, part) < 0.75 * error(noisy, truth, part)
    still = slice(3, 26)
    assert error(out, truth, frames=still) < 0.45 * error(noisy, truth, frames=still)


def test_the_jitter_falls(truth, noisy):
    from mead_manip.geometry import landmark_jitter

    raw, out, best = (landmark_jitter(p[:, :68]) for p in (noisy, smooth(noisy), truth))
    assert out - best < 0.5 * (raw - best)


def test_blinks_keep_their_depth(truth, noisy):
    def depth(points):
        opening = (points[:, [41, 40, 47, 46], 1] - points[:, [37, 38, 43, 44], 1]).mean(1)
        return np.mean([np.median(opening) - opening[frame : frame + 2].mean() for frame in BLINKS])

    assert depth(smooth(noisy)) == pytest.approx(depth(truth), rel=0.05)


def test_lips_that_meet_for_two_frames_still_meet(truth, noisy):
    def travel(points):
        opening = (points[:, [67, 66, 65], 1] - points[:, [61, 62, 63], 1]).mean(1)
        return np.mean([opening[frame - 4 : frame].mean() - opening[frame : frame + 2].mean() for frame in CLOSURES])

    assert travel(smooth(noisy)) == pytest.approx(travel(truth), rel=0.05)


def test_a_look_aside_is_as_sudden_as_it_was(truth, noisy):
    def step(points):
        return (points[141:146, 68:, 0] - points[135:140, 68:, 0]).mean() - (
            points[141:146, 36:48, 0] - points[135:140, 36:48, 0]
        ).mean()

    assert step(smooth(noisy)) == pytest.approx(step(truth), rel=0.05)


def test_nothing_is_delayed(noisy):
    assert np.allclose(smooth(noisy[::-1]), smooth(noisy)[::-1], atol=1e-2)


def test_landmarks_without_noise_stay(truth):
    assert np.abs(smooth(truth) - truth).max() < 0.4  # px, of an inter-ocular distance of 90


def test_frames_without_a_face_stay_and_count_for_nothing(noisy):
    visible = np.ones(N_FRAMES, bool)
    visible[20:27] = False
    torn = noisy.copy()
    torn[20:27] = 1e4
    out = smooth(torn, visible)
    assert np.array_equal(out[20:27], torn[20:27])
    assert np.abs(out[visible] - smooth(noisy)[visible]).max() < 3
    few = np.zeros(N_FRAMES, bool)
    few[[3, 50, 51]] = True
    assert np.array_equal(smooth(noisy, few), noisy)


def test_degenerate_input_gives_finite_landmarks():
    for points in (
        np.zeros((12, 70, 2), np.float32),
        np.full((1, 70, 2), 5, np.float32),
        np.zeros((0, 70, 2), np.float32),
    ):
        assert np.isfinite(smooth(points)).all()
