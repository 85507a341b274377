"""Crops correct units within a shot: nothing seen, nothing changed; furrows are found; means, ranges and cuts hold."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

N_FRAMES = 16
SIZE = 256
STILL = (0.0, 0.0)  # precisions of differences: no smoothing asked for


@pytest.fixture(scope="module")
def asset():
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import PhotometricRefiner

    return load_asset(PhotometricRefiner, "photometric.h5")


@pytest.fixture(scope="module")
def head():
    from mead_manip.models.face_model import load_head

    return load_head()


@pytest.fixture(scope="module")
def skin(asset, head):
    from mead_manip.models.photometric import Skin

    return Skin(asset, head)


@pytest.fixture
def fitted(head, make_reconstruction):
    """Give a function that makes the fit of a face in the middle of the crop: at rest, unless said."""

    def make(n_frames: int = N_FRAMES, **changes):
        return make_reconstruction(
            n_frames,
            head.n_expression,
            **{
                "identity": np.zeros(head.n_identity, np.float32),
                "camera": np.tile(np.float32([90, SIZE / 2, SIZE / 2 + 25]), (n_frames, 1)),
                "coef_names": head.coef_names,
                **changes,
            },
        )

    return make


@pytest.fixture
def track_of(make_track):
    """Give a function that packs pictures as the crops of a track."""

    def make(pictures: list[np.ndarray], **changes):
        from mead_manip.media.images import EncodedFrames, encode

        packed = EncodedFrames.pack(encode(picture) for picture in pictures)
        return make_track(
            len(pictures),
            face_bytes=packed.data,
            face_offsets=packed.offsets,
            frame_from_crop=np.tile(np.float32([[1, 0, 0], [0, 1, 0]]), (len(pictures), 1, 1)),
            **changes,
        )

    return make


def skin_like(seed: int) -> np.ndarray:
    """Paint a blotchy picture."""
    noise = np.random.default_rng(seed).normal(130, 300, (SIZE, SIZE)).astype(np.float32)
    grey = np.clip(cv2.GaussianBlur(noise, (0, 0), 3), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def moving(head, n_frames: int = N_FRAMES) -> np.ndarray:
    """Move every unit, each at its own pace."""
    time = np.arange(n_frames)[:, None]
    return (0.4 + 0.3 * np.sin(time * (0.2 + 0.02 * np.arange(head.n_expression)))).astype(np.float32)


def refined(asset, skin, track, found, smoothness=STILL):
    from mead_manip.models.photometric import read_clip, refine

    first, second = (np.full(len(asset.units), value) for value in smoothness)
    return refine(asset, found, read_clip(asset, skin, track, found), track.cuts, first, second)


def test_the_asset_fits_the_head(asset, head):
    assert asset.coef_names == head.coef_names and set(asset.units) <= set(head.coef_names)
    assert asset.corners.max() < head.n_vertices
    assert len(asset.corners) == asset.region.sum() and asset.error.min() > 0


def test_flat_crops_change_nothing(asset, skin, head, fitted, track_of):
    found = fitted(expression=moving(head))
    grey = [np.full((SIZE, SIZE, 3), 90 + 5 * frame, np.uint8) for frame in range(N_FRAMES)]
    np.testing.assert_array_equal(refined(asset, skin, track_of(grey), found).expression, found.expression)


def test_identical_frames_change_nothing(asset, skin, head, fitted, track_of):
    found = fitted(expression=moving(head))
    still = replace(found, expression=np.tile(found.expression[:1], (N_FRAMES, 1)))
    out = refined(asset, skin, track_of([skin_like(0)] * N_FRAMES), still)
    np.testing.assert_allclose(out.expression, still.expression, atol=1e-5)


def test_only_its_units_change_and_their_means_stay(asset, skin, head, fitted, track_of):
    found = fitted(expression=np.float32(0.6) + np.float32(0.1) * moving(head))
    base, other = skin_like(0).astype(np.float32), skin_like(1).astype(np.float32)
    mixed = [np.uint8(base + 0.02 * (1 + np.sin(frame / 2)) * (other - base)) for frame in range(N_FRAMES)]
    out = refined(asset, skin, track_of(mixed), found)
    chosen = np.isin(head.coef_names, asset.units)
    np.testing.assert_array_equal(out.expression[:, ~chosen], found.expression[:, ~chosen])
    change = (out.expression - found.expression)[:, chosen]
    assert abs(change).max(axis=0).min() > 0.001
    inside = (out.expression[:, chosen] > 0).all(axis=0) & (out.expression[:, chosen] < 1.3).all(axis=0)
    assert inside.any()
    np.testing.assert_allclose(change[:, inside].mean(axis=0), 0, atol=2e-3)


def test_turned_hidden_and_small_faces_stay_as_landmarks_have_them(asset, skin, head, fitted, track_of):
    crops = track_of([skin_like(frame) for frame in range(N_FRAMES)])
    turned, far = np.zeros((N_FRAMES, 3), np.float32), np.tile(np.float32([15, 128, 153]), (N_FRAMES, 1))
    turned[:, 1] = 0.6
    for change in ({"head_pose": turned}, {"camera": far}, {"visible": np.zeros(N_FRAMES, bool)}):
        found = fitted(expression=moving(head), **change)
        np.testing.assert_array_equal(refined(asset, skin, crops, found).expression, found.expression)


def test_values_stay_in_the_range_of_units(asset, skin, head, fitted, track_of):
    crops = track_of([skin_like(frame) for frame in range(N_FRAMES)])
    out = refined(asset, skin, crops, fitted(expression=np.float32(1.3) * (moving(head) > 0.4)))
    assert out.expression.min() >= 0 and out.expression.max() <= 1.3


def test_shots_know_nothing_of_each_other(asset, skin, head, fitted, track_of):
    pictures = [skin_like(frame % 3) for frame in range(N_FRAMES)]
    found = fitted(expression=moving(head))
    whole = refined(asset, skin, track_of(pictures, cuts=np.int32([8])), found)
    half = fitted(8, expression=found.expression[:8])
    alone = refined(asset, skin, track_of(pictures[:8]), half)
    np.testing.assert_allclose(whole.expression[:8], alone.expression, atol=1e-6)


def test_smooth_follows_what_is_believed_and_bridges_the_rest():
    from mead_manip.models.photometric import smooth

    told = np.arange(20.0)[:, None] ** 2 / 40
    belief, one = np.ones(20), np.ones(1)
    np.testing.assert_allclose(smooth(told, belief, one, 0 * one, 0 * one), told, atol=1e-6)
    stiff = smooth(told, belief, one, 0 * one, 1e8 * one)
    assert abs(np.diff(stiff, 2, axis=0)).max() < 1e-5 and abs(stiff.mean() - told.mean()) < 1e-6
    belief[10], told[10] = 0, 99
    assert abs(smooth(told, belief, one, 0 * one, one)[10] - 2.5) < 0.2


@pytest.mark.parametrize("name", ["AU4", "AU9"])
def test_a_furrow_that_landmarks_missed_is_found(name, asset, skin, head, fitted, track_of):
    """Render a frown, tell the fit that the face was at rest, and let the pictures speak."""
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.synthetic.looks import random_look
    from mead_manip.synthetic.scene import Scene
    from mead_manip.synthetic.scene_kit import SceneKit

    n_frames = 9
    acted = np.zeros((n_frames, head.n_expression), np.float32)
    units = [head.coef_names.index(f"{name}_{side}") for side in "LR"]
    acted[:, units] = (0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, n_frames)))[:, None]
    rest = fitted(n_frames, expression=acted)
    identity, still = torch.zeros(1, head.n_identity), torch.zeros(n_frames, 3)
    vertices = head(identity, torch.from_numpy(acted), head_pose=still).numpy()
    asset_of_head = load_asset(HeadAsset, "head.h5")
    look = replace(random_look(np.random.default_rng(5), studio=True), hair="")
    scene = Scene(SceneKit(asset_of_head, head), look, head.neutral(identity)[0].numpy())
    crops = [
        scene.draw(posed, rest.camera[frame], SIZE, SIZE, head_pose=np.zeros(3, np.float32)).rgb
        for frame, posed in enumerate(vertices)
    ]
    found = replace(rest, expression=np.full_like(acted, 0.3))
    out = refined(asset, skin, track_of(crops), found).expression[:, units].mean(axis=1)
    assert np.corrcoef(out, acted[:, units[0]])[0, 1] > 0.9
    assert out.max() - out.min() > 0.2
