"""The two face models as surfaces that `conditioning_face` draws."""

from mead_manip.artifacts.schemas import FlameAsset, HeadAsset
from mead_manip.rendering.conditioning_detail import detail_atlas
from mead_manip.rendering.conditioning_face import FaceSurface


def head_surface(asset: HeadAsset) -> FaceSurface:
    """Give the built-in head, whole: skin, mouth and eyes with the bust."""
    return FaceSurface.of(asset.template, asset.triangles)


def flame_surface(asset: FlameAsset) -> FaceSurface:
    """Give FLAME, with DECA's wrinkles if template and mask were imported (outside the mask they mean nothing)."""
    has_detail = bool(asset.uvs.size and asset.detail_mask.size)
    atlas = (
        detail_atlas(asset.uvs, asset.uv_triangles, asset.detail_mask, asset.fixed_displacement) if has_detail else None
    )
    return FaceSurface.of(asset.template, asset.triangles, atlas)
