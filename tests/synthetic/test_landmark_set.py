"""The rendered training set: its geometry, its variety, its reproducibility."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def head():
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.synthetic.scene_kit import SceneKit

    asset = load_asset(HeadAsset, "head.h5")
    model = head_model_from(asset)
    return asset, model, SceneKit(asset, model)


def test_a_shard_is_reproducible_and_shows_every_face(head):
    from mead_manip.media.images import decode
    from mead_manip.synthetic.landmark_set import LandmarkSet, make_shard

    config = LandmarkSet(people=2, per_person=2, size=96)
    first, second = (make_shard(*head, config, 7) for _ in range(2))
    assert (first.image_bytes == second.image_bytes).all()
    assert (first.landmarks_px == second.landmarks_px).all()
    assert len(set(first.identity_seed.tolist())) == 2
    for row in range(4):
        rgb = decode(first.image_bytes[first.image_offsets[row] : first.image_offsets[row + 1]])
        points = first.landmarks_px[row]
        assert rgb.shape == (96, 96, 3)
        assert (points > 4).all() and (points < 92).all()
        assert 0.42 < np.ptp(points, axis=0).max() / 96 < 0.58
        for pupil, eye in zip(first.pupils_px[row], (points[36:42], points[42:48]), strict=True):
            assert np.linalg.norm(pupil - eye.mean(0)) < 1.2 * np.ptp(eye, axis=0).max()
    assert not np.allclose(first.landmarks_px[0], first.landmarks_px[2])
