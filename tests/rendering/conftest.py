"""The built-in head and what warps it."""

import pytest


@pytest.fixture(scope="module")
def head():
    from mead_manip.models.face_model import load_head

    return load_head()


@pytest.fixture(scope="module")
def renderer(head):
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.rendering.warp import WarpRenderer
    from mead_manip.stages.editing.retarget import warp_mesh

    return WarpRenderer(warp_mesh(head, load_asset(HeadAsset, "head.h5")))
