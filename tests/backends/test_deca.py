"""DECA's crop and camera against its own formulas, whole clips through random weights, and what is refused."""

import dataclasses
import os
import pickle

import flame
import numpy as np
import pytest
import torch

N_FRAMES = 5  # of which one test hides two
FRAME_FROM_CROP = np.array([[1.7, 0, 120.0], [0, 1.7, -30.0]], np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """flame.h5 and deca_model.tar."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance

    folder = tmp_path_factory.mktemp("models")
    asset = flame.asset()
    store.save(asset, folder / "flame.h5", Provenance(asset.schema_id(), "import-flame", 1))
    torch.save(flame.checkpoint(), folder / "deca_model.tar")
    return folder


@pytest.fixture(scope="module")
def reconstructor(weights):
    return load(weights)


def load(weights, **options):
    from mead_manip.backends import registry

    paths = {"flame": str(weights / "flame.h5"), "model": str(weights / "deca_model.tar")}
    return registry.load("reconstructor", "deca", **{**paths, **options})


def face_in_crop() -> np.ndarray:
    """68 points in a crop of 256 px, y down."""
    return (flame.landmark_layout() * [1, -1] * 1100 + [128, 150]).astype(np.float32)


@pytest.fixture
def track(make_track):
    """A clip whose crops are noise that changes, and whose face moves a little."""
    from mead_manip.geometry import transform_points
    from mead_manip.media.images import EncodedFrames, encode

    rng = np.random.default_rng(0)
    crops = [np.kron(rng.integers(0, 256, (16, 16, 3)), np.ones((16, 16, 1))).astype(np.uint8) for _ in range(N_FRAMES)]
    packed = EncodedFrames.pack([encode(crop) for crop in crops])
    points = np.stack([face_in_crop() + np.array([2 * k, -k]) for k in range(N_FRAMES)]).astype(np.float32)
    return make_track(
        N_FRAMES,
        face_bytes=packed.data,
        face_offsets=packed.offsets,
        frame_from_crop=np.stack([FRAME_FROM_CROP] * N_FRAMES),
        landmarks_px=transform_points(FRAME_FROM_CROP, points).astype(np.float32),
    )


# ---- the crop -----------------------------------------------------------------------------------------------------


def test_the_square_is_1375_mean_sides_of_the_landmarks_box():
    from mead_manip.backends.deca_input import crop_from_input
    from mead_manip.geometry import transform_points

    points = face_in_crop()
    low, high = points.min(0), points.max(0)
    corners = transform_points(crop_from_input(points), np.array([[0.0, 0.0], [223.0, 223.0]]))
    side = corners[1] - corners[0]
    assert side[0] == pytest.approx(side[1]) and side[0] == int(1.375 * (high - low).mean())
    np.testing.assert_allclose(corners.mean(0), (low + high) / 2, atol=1e-4)


def ramp_track(make_track, points):
    """One frame whose crop's red is its column and whose green is its row."""
    from mead_manip.media.images import EncodedFrames, encode

    column, row = np.meshgrid(np.arange(256), np.arange(256))
    crop = np.stack([column, row, np.full_like(row, 200)], axis=2).astype(np.uint8)
    packed = EncodedFrames.pack([encode(crop, "png")])
    return make_track(
        1,
        face_bytes=packed.data,
        face_offsets=packed.offsets,
        frame_from_crop=FRAME_FROM_CROP[None],
        landmarks_px=(points @ FRAME_FROM_CROP[:, :2].T + FRAME_FROM_CROP[:, 2])[None].astype(np.float32),
    )


def test_the_picture_is_what_the_square_holds(make_track):
    from mead_manip.backends.deca_input import crop_from_input, input_picture

    points = 0.8 * (face_in_crop() - 128) + 128
    picture = input_picture(ramp_track(make_track, points), 0)
    at = crop_from_input(points) @ [100.0, 60.0, 1.0]
    assert picture.shape == (224, 224, 3)
    np.testing.assert_allclose(picture[60, 100], [*at, 200], atol=1.1)


def test_beyond_the_stored_crop_it_is_black(make_track):
    from mead_manip.backends.deca_input import input_picture

    picture = input_picture(ramp_track(make_track, face_in_crop() + np.float32([110, 0])), 0)
    assert picture[112, 20, 2] == 200 and not picture[:, -8:].any()


# ---- the camera ---------------------------------------------------------------------------------------------------


def test_projected_landmarks_are_those_of_decas_own_formula(track, reconstructor):
    """p = s (X + t), y negated, pixels 112 + 112 p of the 224 px picture, then through crop and frame."""
    from mead_manip.backends.deca_input import frame_camera, frame_from_input
    from mead_manip.geometry import transform_points
    from mead_manip.models.rigid import project

    rng = np.random.default_rng(1)
    points = rng.normal(0, 0.08, (68, 3)).astype(np.float32)
    for frame in range(N_FRAMES):
        cam = np.array([8.5, 0.013, -0.02], np.float32) * rng.uniform(0.9, 1.1, 3).astype(np.float32)
        pixels = 112 + 112 * cam[0] * (points[:, :2] + cam[1:]) * [1, -1]
        expected = transform_points(frame_from_input(track, frame), pixels)
        camera = frame_camera(cam, frame_from_input(track, frame))
        found = project(torch.from_numpy(points)[None], torch.from_numpy(camera)[None])[0]
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_turned_crop_is_refused():
    from mead_manip.backends.deca_input import frame_camera
    from mead_manip.errors import ArtifactInvalid

    with pytest.raises(ArtifactInvalid, match="turned"):
        frame_camera(np.ones(3, np.float32), np.array([[1, 0.1, 0], [-0.1, 1, 0.0]]))


# ---- whole clips --------------------------------------------------------------------------------------------------


def test_a_clip_becomes_decas_codes(track, reconstructor, weights):
    from mead_manip.backends.deca import COEF_NAMES
    from mead_manip.models.deca import Code

    result = reconstructor.reconstruct(track)
    codes, details = reconstructor.encode(track, range(N_FRAMES))
    code = Code.split(torch.from_numpy(codes))
    np.testing.assert_array_equal(result.expression, code.exp)
    np.testing.assert_array_equal(result.head_pose, code.pose[:, :3])
    np.testing.assert_array_equal(result.jaw_pose, code.pose[:, 3:])
    np.testing.assert_allclose(result.identity, code.shape.mean(0), atol=1e-6)
    np.testing.assert_array_equal(result.detail, details)
    assert result.coef_names == COEF_NAMES == tuple(f"exp_{index:02d}" for index in range(50))
    assert result.detail.shape == (N_FRAMES, 128) and result.identity.shape == (100,)
    assert result.face_model.startswith("flame-2020@") and (result.visible == track.visible).all()
    assert not result.eyelids.any() and not result.gaze.any()
    assert result.residual.shape == (N_FRAMES,) and (result.residual > 0).all()
    assert (result.actor, result.emotion, result.view, result.level) == ("M003", "happy", "front", 3)


def test_the_encoder_sees_rgb_from_0_to_1_without_mean_and_deviation(track, reconstructor):
    from mead_manip.backends.deca_input import input_picture

    picture = torch.from_numpy(input_picture(track, 2)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        expected = reconstructor._networks.E_flame(picture)
    np.testing.assert_allclose(reconstructor.encode(track, [2])[0], expected, atol=1e-4)


def test_the_batch_size_decides_nothing_but_speed(track, reconstructor, weights):
    codes, _ = reconstructor.encode(track, range(3))
    for batch_size in (1, 2):
        other = load(weights, batch_size=batch_size)
        other.__dict__["_networks"] = reconstructor._networks
        np.testing.assert_allclose(other.encode(track, range(3))[0], codes, atol=1e-4)
        assert other.digest == reconstructor.digest


def test_landmarks_that_agree_leave_no_residual(track, reconstructor):
    from mead_manip.backends.deca import residuals

    result = reconstructor.reconstruct(track)
    predicted = reconstructor.landmarks_px(result)
    assert residuals(dataclasses.replace(track, landmarks_px=predicted), predicted).max() == 0
    shifted = dataclasses.replace(track, landmarks_px=predicted + np.float32([3, 4]))
    eyes = np.linalg.norm(predicted[:, 45] - predicted[:, 36], axis=1)
    np.testing.assert_allclose(residuals(shifted, predicted), 5 / eyes, rtol=1e-4)


def test_frames_without_a_face_repeat_the_nearest_and_are_not_encoded(track, reconstructor):
    visible = np.array([False, True, True, False, True])
    points = np.where(visible[:, None, None], track.landmarks_px, np.float32(np.nan))
    offsets = track.face_offsets.copy()
    lengths = np.where(visible, np.diff(offsets), 0)
    kept = np.concatenate([track.face_bytes[offsets[k] : offsets[k + 1]] for k in np.flatnonzero(visible)])
    hidden = dataclasses.replace(
        track,
        visible=visible,
        landmarks_px=points,
        face_bytes=kept,
        face_offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )
    result, whole = reconstructor.reconstruct(hidden), reconstructor.reconstruct(track)
    for name in ("expression", "head_pose", "camera", "detail"):
        values = getattr(result, name)
        np.testing.assert_allclose(values[visible], getattr(whole, name)[visible], atol=1e-4, rtol=1e-4)
        np.testing.assert_array_equal(values[0], values[1])
        np.testing.assert_array_equal(values[3], values[2])
    assert (result.residual[~visible] == 0).all() and (result.visible == visible).all()
    np.testing.assert_allclose(result.identity, reconstructor.encode(track, [1, 2, 4])[0][:, :100].mean(0), atol=1e-5)


def test_displacements_are_of_the_expression_as_it_is_now(track, reconstructor):
    result = reconstructor.reconstruct(track)
    some = reconstructor.displacements(result, slice(1, 3))
    assert some.shape == (2, 256, 256) and abs(some).max() <= 0.01
    changed = dataclasses.replace(result, expression=result.expression + 5)
    assert abs(reconstructor.displacements(changed, slice(1, 3)) - some).max() > 1e-5


def test_no_face_at_all_or_a_missing_crop_is_an_error(track, reconstructor):
    from mead_manip.errors import ArtifactInvalid, NoFaceError

    with pytest.raises(NoFaceError, match="no face in any frame"):
        reconstructor.reconstruct(dataclasses.replace(track, visible=np.zeros(N_FRAMES, bool)))
    empty = np.zeros(N_FRAMES + 1, np.int64)
    with pytest.raises(ArtifactInvalid, match="no crop of frame 0"):
        reconstructor.reconstruct(dataclasses.replace(track, face_offsets=empty))


# ---- weights ------------------------------------------------------------------------------------------------------


def test_missing_weights_say_where_to_get_them_and_which_option_takes_them(weights, tmp_path):
    from mead_manip.errors import BackendUnavailable

    nothing = tmp_path / "nothing"
    with pytest.raises(BackendUnavailable, match=r"register at flame\.is\.tue\.mpg\.de.*import-flame.*--flame"):
        load(weights, flame=str(nothing))
    with pytest.raises(BackendUnavailable, match=r"project page \(deca\.is\.tue\.mpg\.de.*--deca-model") as caught:
        load(weights, model=str(nothing))
    assert caught.value.exit_code == 3
    flame_pickle = tmp_path / "generic_model.pkl"
    flame_pickle.write_bytes(pickle.dumps({}))
    with pytest.raises(BackendUnavailable, match=r"no HDF5 file.*run `mead-manip import-flame .*generic_model\.pkl`"):
        load(weights, flame=str(flame_pickle))


class Attack:
    def __reduce__(self):
        return os.system, ("touch it_ran",)


@pytest.mark.parametrize("content", ["payload", "text", "zip", "other names"])
def test_a_checkpoint_that_is_none_is_one_line_and_nothing_runs(tmp_path, monkeypatch, content):
    from mead_manip.backends.deca import load_deca
    from mead_manip.errors import BackendUnavailable

    monkeypatch.chdir(tmp_path)
    path = tmp_path / "deca_model.tar"
    if content == "text":
        path.write_text("hello")
    elif content == "zip":
        path.write_bytes(b"PK\x03\x04 broken")
    else:
        torch.save({"E_flame": Attack()} if content == "payload" else {"E_flame": {"a": torch.zeros(1)}}, path)
    with pytest.raises(BackendUnavailable, match=r"deca_model\.tar.*--deca-model") as caught:
        load_deca(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "it_ran").exists()


def test_the_digest_is_of_both_contents_and_loads_nothing(weights, tmp_path):
    from mead_manip.files import digest

    reconstructor = load(weights)
    expected = [digest(weights / name)[:16] for name in ("flame.h5", "deca_model.tar")]
    assert reconstructor.digest == "deca@1-" + "-".join(expected)
    assert not {"_networks", "_flame", "_flame_model"} & vars(reconstructor).keys()


@pytest.mark.gpu
def test_on_a_gpu_the_codes_are_the_same_up_to_half_precision(track, reconstructor, weights):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    codes = load(weights, device="cuda").encode(track, range(N_FRAMES))[0]
    np.testing.assert_allclose(codes, reconstructor.encode(track, range(N_FRAMES))[0], atol=0.02)
