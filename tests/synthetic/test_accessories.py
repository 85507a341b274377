"""Beards and glasses sit where they belong."""

from dataclasses import replace

import numpy as np
import pytest

CAMERA = np.array([80.0, 100.0, 100.0], np.float32)
STILL = np.zeros(3, np.float32)


@pytest.fixture(scope="module")
def head():
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.synthetic.looks import random_look
    from mead_manip.synthetic.scene import SceneKit

    asset = load_asset(HeadAsset, "head.h5")
    look = random_look(np.random.default_rng(1), studio=True, skin="skin_young_caucasian_male")
    black = np.array([0.01, 0.01, 0.01], np.float32)
    bare = replace(look, hair="", glasses=None, moustache=0.0, beard=0.0, brow_colour=black, hair_colour=black)
    return SceneKit(asset, head_model_from(asset)), bare, np.asarray(asset.template, np.float32)


def draw(head, **changes) -> np.ndarray:
    from mead_manip.synthetic.scene import Scene

    kit, look, template = head
    scene = Scene(kit, replace(look, **changes), template)
    return scene.draw(template, CAMERA, 200, 200, head_pose=STILL).rgb.astype(int)


def at(head, landmark: int) -> tuple[int, int]:
    from mead_manip.rendering.camera import to_screen

    kit, _, template = head
    x, y = np.rint(to_screen(template[kit.asset.landmarks[[landmark]]], CAMERA)[0, :2]).astype(int)
    return int(y), int(x)


def test_beard_darkens_the_chin_and_spares_lips_nose_and_eyes(head) -> None:
    change = np.abs(draw(head, beard=1.0, moustache=1.0) - draw(head)).max(2)
    chin_y, chin_x = at(head, 8)
    assert change[chin_y - 8, chin_x] > 40
    upper_y, x = at(head, 51)
    nose_y, _ = at(head, 33)
    assert change[(upper_y + nose_y) // 2, x] > 30  # moustache
    for landmark in (30, 27, 37, 44, 66):
        assert change[at(head, landmark)] < 12, landmark


def test_moustache_alone_leaves_the_chin(head) -> None:
    change = np.abs(draw(head, moustache=1.0) - draw(head)).max(2)
    chin_y, chin_x = at(head, 8)
    assert change[chin_y - 8, chin_x] < 8


def test_glasses_frame_surrounds_the_eyes(head) -> None:
    from mead_manip.synthetic.glasses import GlassesStyle

    style = GlassesStyle(0.26, 0.2, 2.5, 0.03, (0.01, 0.01, 0.01), (0.5, 0.5, 0.5), 0.0)
    change = np.abs(draw(head, glasses=style) - draw(head)).max(2)
    for corners in ((36, 39, 37, 41), (42, 45, 43, 47)):
        y, x = np.mean([at(head, k) for k in corners], axis=0).astype(int)
        assert change[y, x] < 25  # through the clear lens
        below = change[y + 6 : y + 26, x]
        assert below.max() > 60  # lower rim
    assert change[at(head, 57)] < 10


def test_sunglasses_hide_the_eyes_but_do_not_count_as_hair(head) -> None:
    from mead_manip.synthetic.glasses import GlassesStyle
    from mead_manip.synthetic.scene import Scene

    style = GlassesStyle(0.28, 0.2, 3.0, 0.02, (0.01, 0.01, 0.01), (0.02, 0.02, 0.02), 0.95)
    dark = draw(head, glasses=style)
    y, x = np.mean([at(head, k) for k in (36, 39, 37, 41)], axis=0).astype(int)
    assert dark[y, x].max() < 70
    kit, look, template = head
    face = Scene(kit, replace(look, glasses=style), template).draw(template, CAMERA, 200, 200, head_pose=STILL).face
    assert face[y, x] == pytest.approx(1.0)


def test_random_glasses_are_sane() -> None:
    from mead_manip.synthetic.glasses import build_glasses, random_glasses

    rng = np.random.default_rng(0)
    styles = [random_glasses(rng) for _ in range(50)]
    assert 0 < sum(style.darkness > 0.4 for style in styles) < 25
    landmarks = np.zeros((68, 3), np.float32)
    landmarks[36:42], landmarks[42:48] = [-0.3, 0.1, 1.0], [0.3, 0.1, 1.0]
    landmarks[0], landmarks[16], landmarks[27] = [-0.6, 0.1, 0.7], [0.6, 0.1, 0.7], [0, 0.1, 1.1]
    for style in styles[:5]:
        mesh = build_glasses(style, landmarks)
        assert np.isfinite(mesh.vertices).all()
        assert mesh.triangles.max() == len(mesh.vertices) - 1
        np.testing.assert_allclose(mesh.vertices[:, 0].min(), -mesh.vertices[:, 0].max(), atol=0.02)
