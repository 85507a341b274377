"""The lit scene: what must be seen where, and that pictures are reproducible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

SIZE = 160
CAMERA = np.array([58.0, 80.0, 84.0], np.float32)
STILL = np.zeros(3, np.float32)


@pytest.fixture(scope="module")
def head():
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.synthetic.scene import SceneKit

    asset = load_asset(HeadAsset, "head.h5")
    model = head_model_from(asset)
    return SceneKit(asset, model), model, np.asarray(asset.template, np.float32)


@pytest.fixture(scope="module")
def look():
    from mead_manip.synthetic.looks import random_look

    return replace(random_look(np.random.default_rng(3), studio=True, skin="skin_young_caucasian_male"), hair="")


def landmarks_px(model, vertices: np.ndarray) -> np.ndarray:
    import torch

    from mead_manip.rendering.camera import to_screen

    points = model.landmarks(torch.from_numpy(vertices)[None], torch.zeros(1, 3))[0].numpy()
    return to_screen(points, CAMERA)[:, :2]


def test_face_is_seen_under_its_landmarks(head, look) -> None:
    from mead_manip.synthetic.scene import Scene

    kit, model, template = head
    picture = Scene(kit, look, template).draw(template, CAMERA, SIZE, SIZE, head_pose=STILL)
    assert picture.rgb.shape == (SIZE, SIZE, 3) and picture.rgb.dtype == np.uint8
    x, y = np.rint(landmarks_px(model, template)).astype(int).T
    assert (picture.face[y[17:], x[17:]] > 0.99).all()
    red, blue = picture.rgb[y[27:36], x[27:36], 0].astype(int), picture.rgb[y[27:36], x[27:36], 2].astype(int)
    assert (red > blue).all()  # skin


def test_nothing_above_the_neck_is_cloth(head) -> None:
    kit, _, template = head
    covered = kit.garment[: len(template)] > 0
    assert not covered[template[:, 1] > -1.0].any()
    assert covered[(template[:, 1] < -1.7) & (np.abs(template[:, 0]) > 1.0)].all()


def test_same_input_same_bytes(head, look) -> None:
    from mead_manip.synthetic.scene import Scene

    kit, _, template = head
    first, second = (Scene(kit, look, template).draw(template, CAMERA, 64, 64, head_pose=STILL) for _ in range(2))
    assert first.rgb.tobytes() == second.rgb.tobytes()


def test_hair_covers_the_scalp_but_not_the_nose(head, look) -> None:
    from mead_manip.synthetic.looks import LONG_HAIR, SHORT_HAIR
    from mead_manip.synthetic.scene import Scene

    kit, model, template = head
    bald = Scene(kit, look, template).draw(template, CAMERA, SIZE, SIZE, head_pose=STILL).face
    x, y = np.rint(landmarks_px(model, template)).astype(int).T
    for hair in LONG_HAIR + SHORT_HAIR:
        face = Scene(kit, replace(look, hair=hair), template).draw(template, CAMERA, SIZE, SIZE, head_pose=STILL).face
        assert (face <= bald + 1e-6).all()
        assert face.sum() < 0.93 * bald.sum(), hair
        assert face[y[30], x[30]] == pytest.approx(1.0), hair


def test_supersampling_keeps_the_picture_in_place(head, look) -> None:
    from mead_manip.synthetic.scene import Scene

    kit, _, template = head
    scene = Scene(kit, look, template)
    plain = scene.draw(template, CAMERA, SIZE, SIZE, head_pose=STILL).face
    fine = scene.draw(template, CAMERA, SIZE, SIZE, head_pose=STILL, supersample=2).face
    mask = lambda face: np.argwhere(face > 0.5)  # noqa: E731
    np.testing.assert_allclose(mask(plain).mean(0), mask(fine).mean(0), atol=0.15)
    assert abs((plain > 0.5).sum() - (fine > 0.5).sum()) < 0.01 * (plain > 0.5).sum()


def test_open_mouth_is_dark_inside_and_shows_teeth(head, look) -> None:
    import torch

    from mead_manip.synthetic.scene import Scene

    kit, model, template = head
    jaw = torch.tensor([[0.3, 0.0, 0.0]])
    vertices = model(torch.zeros(1, model.n_identity), None, jaw, None, None, None)[0].detach().numpy()
    picture = Scene(kit, look, template).draw(vertices, CAMERA, SIZE, SIZE, head_pose=STILL)
    points = landmarks_px(model, vertices)
    x, y = np.rint((points[62] + points[66]) / 2).astype(int)
    nose = np.rint(points[30]).astype(int)
    assert picture.rgb[y, x].mean() < 0.6 * picture.rgb[nose[1], nose[0]].mean()


def test_far_out_of_frame_and_tiny_heads_are_safe(head, look) -> None:
    from mead_manip.synthetic.scene import Scene

    kit, _, template = head
    scene = Scene(kit, look, template)
    for camera in ((58.0, 5000.0, 80.0), (0.5, 20.0, 20.0), (3000.0, 20.0, 20.0)):
        picture = scene.draw(template, np.array(camera, np.float32), 40, 50, head_pose=STILL)
        assert picture.rgb.shape == (40, 50, 3)


def test_garment_reaches_the_lower_edge_of_a_wide_shot(head, look) -> None:
    """Below the bust the clothes go on: no floating head in a wide frame."""
    from mead_manip.synthetic.scene import Scene

    kit, _, template = head
    look = replace(look, garment=np.array([0.0, 0.6, 0.0], np.float32), background="gradient")
    picture = Scene(kit, look, template).draw(template, np.array([14, 40, 24], np.float32), 80, 80, head_pose=STILL)
    green = picture.rgb[..., 1].astype(int) - picture.rgb[..., 0]
    assert (green[75, 30:50] > 40).all()
    assert not picture.face[75].any()


def test_looks_differ_and_repeat() -> None:
    from mead_manip.synthetic.looks import SKINS, random_look

    looks = [random_look(np.random.default_rng(seed)) for seed in range(40)]
    assert len({look.skin for look in looks}) > 8
    assert len({look.hair for look in looks}) > 5
    assert len({look.background for look in looks}) > 5
    again = random_look(np.random.default_rng(0))
    assert (again.skin, again.hair, again.exposure) == (looks[0].skin, looks[0].hair, looks[0].exposure)
    assert random_look(np.random.default_rng(0), skin=SKINS[4]).skin == SKINS[4]


def test_studio_looks_are_tame() -> None:
    from mead_manip.synthetic.looks import HAIR_OVER_THE_FACE, random_look

    for seed in range(30):
        look = random_look(np.random.default_rng(seed), studio=True)
        assert look.background == "studio"
        assert look.hair not in HAIR_OVER_THE_FACE
        assert 0.8 < look.exposure < 1.25
        assert look.light_directions[0, 2] > 0.3
