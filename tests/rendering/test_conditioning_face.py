"""NMFC, shape and eyes of both face models: against the single pictures, NED's formulas, and where all is black."""

import flame
import numpy as np
import pytest
import torch

from mead_manip.rendering.conditioning import nmfc_image, template_colours, vertex_normals
from mead_manip.rendering.conditioning_detail import detail_atlas, detail_normals
from mead_manip.rendering.conditioning_face import LIGHTS, FaceSurface, eye_image, eye_radius, moved_pupils

CAMERA = np.array([400.0, 50.0, 48.0], np.float32)  # of a ball of a decimetre


def grid(down: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Polar angle and angle around of a ball, from shares of them."""
    return np.meshgrid(np.pi * down, 2 * np.pi * along, indexing="ij")


@pytest.fixture(scope="module")
def ball():
    """A closed sphere of radius .1, and its texture coordinates: one column more, so that no seam is crossed."""
    rows, columns = 32, 48
    polar, around = grid(np.arange(rows + 1) / rows, np.arange(columns + 1) / columns)
    vertices = 0.1 * np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], -1)
    uvs = np.stack([around / (2 * np.pi), polar / np.pi], -1).reshape(-1, 2)
    row, column = np.divmod(np.arange(rows * columns), columns)
    k = row * (columns + 1) + column
    below = k + columns + 1
    triangles = np.concatenate([np.stack([k, below, k + 1], 1), np.stack([k + 1, below, below + 1], 1)])
    vertices = vertices.reshape(-1, 3).astype(np.float32)
    # The two columns at the seam are one place: merge them, for normals that do not know of a seam.
    merged = np.arange(len(vertices)).reshape(rows + 1, columns + 1)
    merged[:, -1] = merged[:, 0]
    return vertices, merged.ravel()[triangles].astype(np.int32), uvs, triangles.astype(np.int32)


def test_nmfc_is_the_single_picture_in_bytes(ball):
    vertices, triangles, *_ = ball
    expected = nmfc_image(vertices, triangles, template_colours(vertices), CAMERA, 96, 100)
    found = FaceSurface.of(vertices, triangles).draw(vertices, CAMERA, 96, 100)
    assert found.nmfc.dtype == np.uint8 and found.nmfc.shape == (96, 100, 3) and found.shape.shape == (96, 100)
    np.testing.assert_allclose(found.nmfc, expected * 255, atol=0.51)


def test_shape_is_the_mean_of_five_lights(ball):
    vertices, triangles, *_ = ball
    shape = FaceSurface.of(vertices, triangles).draw(vertices, CAMERA, 96, 100).shape
    np.testing.assert_allclose(np.linalg.norm(LIGHTS, axis=1), 1, atol=1e-6)
    ys, xs = np.mgrid[0:96, 0:100]
    x, y = (xs - 50) / 40, (48 - ys) / 40
    inside = np.hypot(x, y) < 0.9
    normal = np.stack([x, y, np.sqrt(np.clip(1 - x * x - y * y, 0, 1))], -1)[inside]
    expected = 180 * 1.7 * np.clip(normal @ LIGHTS.T, 0, 1).mean(1)
    np.testing.assert_allclose(shape[inside], expected, atol=3)
    assert not shape[np.hypot(x, y) > 1.03].any()
    assert shape[48, 50] == pytest.approx(180 * 1.7 * (1 + 4 / np.sqrt(3)) / 5, abs=2)


def test_what_looks_away_is_black(ball):
    vertices, triangles, *_ = ball
    far = triangles[(vertices[triangles][:, :, 2] < -0.025).all(1)]
    found = FaceSurface.of(vertices, far).draw(vertices, CAMERA, 96, 100)
    assert not found.nmfc.any() and not found.shape.any()


def test_an_alignment_moves_the_picture_and_keeps_its_light(ball):
    """Drawn in an aligned picture: the pixels of a drawing that is moved, not another light."""
    vertices, triangles, *_ = ball
    surface = FaceSurface.of(vertices, triangles)
    plain = surface.draw(vertices, CAMERA, 96, 100)
    shift = np.array([[1.0, 0, 7], [0, 1, -5]])
    moved = surface.draw(vertices, CAMERA, 96, 100, image_from_frame=shift)
    np.testing.assert_array_equal(moved.shape[:-5, 7:], plain.shape[5:, :-7])
    turned = surface.draw(vertices, CAMERA, 96, 100, image_from_frame=np.array([[0.0, -1, 98], [1, 0, -2]]))
    # (x, y) -> (98 - y, x - 2): column 98 - y, row x - 2.
    ys, xs = np.mgrid[20:70, 20:70]
    np.testing.assert_allclose(turned.shape[xs - 2, 98 - ys].astype(int), plain.shape[ys, xs], atol=2)


def test_any_size(ball):
    vertices, triangles, *_ = ball
    surface = FaceSurface.of(vertices, triangles)
    small = surface.draw(vertices, CAMERA, 96, 100).nmfc.astype(float)
    large = surface.draw(vertices, CAMERA * 3 + [0, 1, 1], 288, 300).nmfc.astype(float)
    averaged = large.reshape(96, 3, 100, 3, 3).mean((1, 3))
    inside = (small > 0).any(2)
    assert abs(averaged - small)[inside].mean() < 2


# ---- wrinkles -----------------------------------------------------------------------------------------------------


def test_without_a_displacement_the_texture_holds_the_meshs_normals(ball):
    vertices, triangles, uvs, uv_triangles = ball
    atlas = detail_atlas(uvs, uv_triangles, np.full((64, 96), 255, np.uint8))
    normals = vertex_normals(vertices, triangles)
    found = detail_normals(atlas, vertices, normals, triangles, np.zeros((64, 96), np.float32))
    polar, around = grid((np.arange(64) + 0.5) / 64, (np.arange(96) + 0.5) / 96)
    expected = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], -1)
    middle = np.s_[6:-6, 2:-2]
    assert (found[middle] * expected[middle]).sum(-1).min() > 0.99


def test_a_bump_tilts_normals_as_geometry_says(ball):
    """Along the equator of a ball of radius r, a displacement d(u) tilts the normal by atan(d' / r)."""
    vertices, triangles, uvs, uv_triangles = ball
    columns = 192
    atlas = detail_atlas(uvs, uv_triangles, np.full((64, columns), 255, np.uint8))
    normals = vertex_normals(vertices, triangles)
    around = 2 * np.pi * (np.arange(columns) + 0.5) / columns
    waves = np.broadcast_to(0.002 * np.sin(6 * around), (64, columns)).astype(np.float32)
    found = detail_normals(atlas, vertices, normals, triangles, waves)[32]
    across = found @ np.array([[1, 0, 0], [0, 0, 1.0]]).T
    tilt = np.arctan2(across[:, 0], across[:, 1]) - around
    tilt = (tilt + np.pi) % (2 * np.pi) - np.pi
    expected = -np.arctan(0.002 * 6 * np.cos(6 * around) / 0.1)
    middle = slice(3, -3)
    assert np.corrcoef(tilt[middle], expected[middle])[0, 1] > 0.95
    assert np.std(tilt[middle]) == pytest.approx(np.std(expected[middle]), rel=0.1)


def test_the_mask_keeps_wrinkles_where_they_belong(ball):
    vertices, triangles, uvs, uv_triangles = ball
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 96), np.uint8)
    mask[:32] = 255
    surface = FaceSurface.of(vertices, triangles, detail_atlas(uvs, uv_triangles, mask))
    rough = rng.normal(0, 0.002, (64, 96)).astype(np.float32)
    plain = surface.draw(vertices, CAMERA, 96, 100).shape.astype(int)
    found = surface.draw(vertices, CAMERA, 96, 100, displacement=rough).shape.astype(int)
    assert abs(found - plain)[52:].max() <= 2
    assert abs(found - plain)[15:44, 40:60].mean() > 5


def test_the_fixed_displacement_is_added(ball):
    vertices, triangles, uvs, uv_triangles = ball
    rough = np.random.default_rng(0).normal(0, 0.002, (64, 96)).astype(np.float32)
    full, normals = np.full((64, 96), 255, np.uint8), vertex_normals(vertices, triangles)
    with_fixed = detail_atlas(uvs, uv_triangles, full, rough)
    without = detail_atlas(uvs, uv_triangles, full)
    np.testing.assert_allclose(
        detail_normals(with_fixed, vertices, normals, triangles, np.zeros_like(rough)),
        detail_normals(without, vertices, normals, triangles, rough),
        atol=1e-6,
    )


def test_a_displacement_without_an_atlas_is_a_mistake(ball):
    vertices, triangles, *_ = ball
    with pytest.raises(ValueError, match="without an atlas"):
        FaceSurface.of(vertices, triangles).draw(vertices, CAMERA, 9, 9, displacement=np.zeros((4, 4), np.float32))


# ---- eyes ---------------------------------------------------------------------------------------------------------


def eyes(opening: float = 6.0) -> np.ndarray:
    """68 points of which only the eyelids matter: 20 px wide, `opening` px open."""
    points = np.zeros((68, 2))
    for start, x in ((36, 60.0), (42, 120.0)):
        lid = [[-10, 0], [-4, -opening / 2], [4, -opening / 2], [10, 0], [4, opening / 2], [-4, opening / 2]]
        points[start : start + 6] = np.array(lid) + np.array([x, 50])
    return points


def test_discs_are_neds():
    points, pupils = eyes(), np.array([[61.0, 50], [119, 51]])
    radius = int((np.hypot(8, 6) + np.hypot(8, 6)) / 4)
    assert eye_radius(points[36:42]) == radius == 5
    image = eye_image(points, pupils, 100, 180)
    ys, xs = np.mgrid[0:100, 0:180]
    expected = np.zeros((100, 180), bool)
    for x, y in pupils:
        expected |= (xs - x) ** 2 + (ys - y) ** 2 <= radius**2
    np.testing.assert_array_equal(image[..., 0] == 255, expected)
    assert not image[..., 1:].any()


def test_eyes_outside_or_unknown_are_not_drawn():
    points = eyes()
    assert not eye_image(points, np.array([[-50.0, 50], [999, 50]]), 100, 180).any()
    unknown = np.array([[np.nan, 50.0], [119, 51]])
    image = eye_image(points, unknown, 100, 180)
    assert not image[:, :90].any() and image[:, 90:].any()


def test_pupils_go_along_with_their_eyelids():
    before, pupils = eyes(), np.array([[61.0, 50], [119, 51]])
    after = before.copy()
    after[36:42] += [2, 3]
    np.testing.assert_allclose(moved_pupils(pupils, before, after), pupils + np.array([[2, 3], [0, 0]]))


# ---- both models --------------------------------------------------------------------------------------------------


def test_both_models_are_drawn_through_one_interface(make_reconstruction):
    """A face that is the same code in two poses: NMFC shows the same colours, wherever they are."""
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import load_head
    from mead_manip.models.flame import flame_model_from
    from mead_manip.models.posed_faces import posed
    from mead_manip.rendering.conditioning_surfaces import flame_surface, head_surface

    asset = flame.asset()
    faces = [
        (load_head(), head_surface(load_asset(HeadAsset, "head.h5")), 60.0, 60, 44),
        (flame_model_from(asset), flame_surface(asset), 700.0, 100, 50),
    ]
    for model, surface, scale, n_identity, n_coefs in faces:
        pose = np.array([[0, 0, 0], [0.1, 0.4, 0]], np.float32)
        found = make_reconstruction(
            2, n_coefs, identity=np.zeros(n_identity, np.float32), head_pose=pose,
            camera=np.tile(np.float32([scale, 96, 96]), (2, 1)),
        )  # fmt: skip
        vertices, landmarks_px = posed(model, found)
        assert landmarks_px.shape == (2, 68, 2)
        for frame in range(2):
            images = surface.draw(vertices[frame], found.camera[frame], 192, 192)
            assert 0.1 < (images.shape > 0).mean() < 0.9
            np.testing.assert_array_equal(images.shape > 0, images.nmfc.any(2))
            nose = np.rint(landmarks_px[frame, 30]).astype(int)
            owner = _nearest(vertices[frame], landmarks_px[frame, 30], found.camera[frame])
            np.testing.assert_allclose(images.nmfc[nose[1], nose[0]] / 255, model.nmfc()[owner], atol=0.12)


def _nearest(vertices: np.ndarray, point_px: np.ndarray, camera: np.ndarray) -> int:
    """The frontmost vertex at a pixel."""
    from mead_manip.rendering.camera import to_screen

    screen = to_screen(vertices, camera)
    near = np.flatnonzero(np.linalg.norm(screen[:, :2] - point_px, axis=1) < 4)
    return int(near[screen[near, 2].argmax()])


def test_wrinkles_follow_decas_codes():
    """What the decoder makes of two codes, drawn: two shape pictures, and one NMFC."""
    from mead_manip.models.deca import DetailDecoder
    from mead_manip.rendering.conditioning_surfaces import flame_surface

    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        decoder = DetailDecoder().eval()
        displacements = decoder(torch.zeros(2, 3), torch.zeros(2, 50), 300 * torch.randn(2, 128)).numpy()
    surface, template = flame_surface(flame.asset()), flame.arrays()["v_template"]
    first, second = (
        surface.draw(template, np.float32([700, 96, 96]), 192, 192, displacement=one) for one in displacements
    )
    np.testing.assert_array_equal(first.nmfc, second.nmfc)
    assert abs(first.shape.astype(int) - second.shape)[60:130, 60:130].mean() > 1


def test_flame_without_uvs_has_no_atlas():
    from mead_manip.rendering.conditioning_surfaces import flame_surface

    assert flame_surface(flame.asset(detail_mask=np.zeros((0, 0), np.uint8))).atlas is None
    assert flame_surface(flame.asset()).atlas is not None


def test_other_colours_lie_where_the_mean_face_s_do():
    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.rendering.conditioning_surfaces import head_surface

    asset = load_asset(HeadAsset, "head.h5")
    surface, camera = head_surface(asset), np.array([30, 48, 48], np.float32)
    own, dressed = surface.draw_dressed(asset.template, camera, 96, 96, surface.colours)
    assert np.array_equal(own.nmfc, surface.draw(asset.template, camera, 96, 96).nmfc)
    assert np.array_equal(dressed, own.nmfc)

    _, white = surface.draw_dressed(asset.template, camera, 96, 96, np.ones_like(surface.colours))
    assert np.array_equal((white == 255).all(axis=2), own.nmfc.any(axis=2))
    assert not surface.draw_dressed(asset.template, camera, 96, 96, None)[1].any()
