"""Lines show where an expression presses the skin together, and only there."""

from dataclasses import replace

import numpy as np
import pytest


@pytest.fixture(scope="module")
def kit():
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.synthetic.scene import SceneKit

    asset = load_asset(HeadAsset, "head.h5")
    return SceneKit(asset, head_model_from(asset))


def test_map_has_lines_on_the_forehead_and_none_on_the_chin(kit) -> None:
    from mead_manip.synthetic.atlas import spread_over_atlas

    template = np.asarray(kit.asset.template, np.float32)
    lines = kit.wrinkles
    place = spread_over_atlas(kit.asset, template, *lines.shape)
    face = place[..., 2] > 0.9
    forehead = face & (place[..., 1] > 0.35) & (place[..., 1] < 0.7) & (np.abs(place[..., 0]) < 0.3)
    chin = face & (place[..., 1] < -0.6)
    assert lines[forehead].max() > 200 and lines[forehead].min() < 10
    assert lines[chin].max() == 0


def test_raised_brows_fold_the_forehead(kit) -> None:
    import torch

    from mead_manip.rendering.camera import to_screen
    from mead_manip.synthetic.looks import random_look
    from mead_manip.synthetic.scene import Scene

    template = np.asarray(kit.asset.template, np.float32)
    look = replace(random_look(np.random.default_rng(1), studio=True), hair="", wrinkles=1.2)
    names = list(kit.model.coef_names)
    raised = torch.zeros(1, len(names))
    raised[0, [names.index(unit) for unit in ("AU1_L", "AU1_R", "AU2_L", "AU2_R")]] = 1.0
    vertices = kit.model(torch.zeros(1, kit.model.n_identity), raised, None, None, None, None)[0].detach().numpy()
    camera = np.array([100.0, 100.0, 120.0], np.float32)
    pose = np.zeros(3, np.float32)
    draw = lambda scene, shape: scene.draw(shape, camera, 200, 200, head_pose=pose).rgb.astype(float).mean(2)  # noqa: E731
    smooth = Scene(kit, replace(look, wrinkles=0.0), template)
    creased = Scene(kit, look, template)
    np.testing.assert_array_equal(draw(smooth, template), draw(creased, template))
    darker = draw(smooth, vertices) - draw(creased, vertices)
    brow = to_screen(vertices[kit.asset.landmarks[[19, 24]]], camera)[:, 1].min()
    above = darker[int(brow) - 45 : int(brow) - 10, 80:120]
    assert above.max() > 15
    assert above.max() > 2.5 * np.median(above)  # lines, not a shade
