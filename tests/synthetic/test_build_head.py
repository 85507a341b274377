"""What the builder put into the shipped head, and the parts of the builder that work without its source packages."""

import cv2
import numpy as np
import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import asset_path, load_asset
from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.errors import InputMissing
from mead_manip.synthetic import makehuman
from mead_manip.synthetic.decimation import decimate
from mead_manip.synthetic.head_identity import _opposite, _signed_details, _three_steps
from mead_manip.synthetic.head_rig import lid_arcs, lid_seals
from mead_manip.synthetic.head_textures import repack_skin_uvs


@pytest.fixture(scope="module")
def asset() -> HeadAsset:
    return load_asset(HeadAsset, "head.h5")


def sphere(rings: int = 12, around: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """A unit sphere, closed, with poles."""
    polar = np.linspace(0, np.pi, rings + 1)[1:-1]
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    ring = np.stack(
        [
            np.outer(np.sin(polar), np.cos(angle)),
            np.outer(np.sin(polar), np.sin(angle)),
            np.repeat(np.cos(polar)[:, None], around, 1),
        ],
        axis=-1,
    )
    points = np.concatenate([ring.reshape(-1, 3), [[0, 0, 1], [0, 0, -1]]])
    number = np.arange((rings - 1) * around).reshape(rings - 1, around)
    right = np.roll(number, -1, axis=1)
    upper, lower = len(points) - 2, len(points) - 1
    triangles = [
        np.stack([number[:-1], number[1:], right[1:]], -1).reshape(-1, 3),
        np.stack([number[:-1], right[1:], right[:-1]], -1).reshape(-1, 3),
        np.stack([np.full(around, upper), number[0], right[0]], -1),
        np.stack([number[-1], np.full(around, lower), right[-1]], -1),
    ]
    return points, np.concatenate(triangles)


def test_asset_is_small_and_names_its_sources():
    path = asset_path("head.h5")
    assert path.stat().st_size < 12 * 2**20
    provenance = store.read_provenance(path)
    assert set(provenance.inputs.values()) == {makehuman.WHEEL_SHA256, makehuman.DATA_SHA256}


def test_asset_has_everything_a_face_needs(asset):
    assert len(asset.anchor_names) == 18
    kinds = [asset.attachment_kinds[kind] for kind in asset.attachment_kind]
    assert kinds.count("hair") >= 8
    assert kinds.count("brow") >= 8
    assert kinds.count("lash") >= 1
    assert {f"skin_{name}" for name in asset.anchor_names} <= set(asset.texture_names)
    assert sum(name.startswith("eye_") for name in asset.texture_names) >= 5
    assert not {"Eyebrows_01", "Eyelashes_01"} & set(asset.texture_names)  # those two are CC BY


def test_every_texture_decodes(asset):
    for name in asset.texture_names:
        picture = cv2.imdecode(np.frombuffer(asset.texture(name), np.uint8), cv2.IMREAD_UNCHANGED)
        strands = name in asset.attachment_names
        assert picture.shape[2] == (4 if strands else 3), name
        assert min(picture.shape[:2]) >= 512


def test_indices_and_coordinates_are_in_range(asset):
    assert asset.triangles.min() == 0
    guide = int((asset.vertex_part == asset.part_names.index("lash_guide")).sum())
    assert asset.triangles.max() == len(asset.template) - guide - 1
    assert np.unique(asset.triangles).size == len(asset.template) - guide  # no vertex without a triangle
    assert asset.uv_triangles.max() == len(asset.uvs) - 1
    assert asset.uvs.min() >= 0
    assert asset.uvs.max() <= 1
    assert (np.diff(asset.vertex_part.astype(int)) >= 0).all()  # each part is one run of vertices
    assert asset.jaw_weight.min() >= 0
    assert asset.jaw_weight.max() == 1
    skin = asset.vertex_part == 0
    assert skin[asset.landmarks].all()
    assert skin[asset.contour_candidates].all()
    np.testing.assert_array_equal(asset.contour_candidates[:, 0], asset.landmarks[:17])


def test_triangles_face_outward(asset):
    skin = asset.triangles[asset.triangle_part == 0]
    corners = asset.template[skin].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    volume = (corners.mean(1) * normal).sum()
    assert volume > 0


def test_other_packages_are_refused(tmp_path):
    wheel, data = tmp_path / "a.whl", tmp_path / "b.tgz"
    wheel.write_bytes(b"something else")
    with pytest.raises(InputMissing, match="sha256"):
        makehuman.MakeHumanSource(wheel, data)


def test_decimation_keeps_a_closed_surface_and_its_vertices():
    points, triangles = sphere()
    fewer, uvs = decimate(points, triangles, triangles, keep=0.5)
    assert 0.4 * len(triangles) <= len(fewer) <= 0.52 * len(triangles)
    np.testing.assert_array_equal(fewer, uvs)
    edges = np.sort(np.concatenate([fewer[:, [0, 1]], fewer[:, [1, 2]], fewer[:, [2, 0]]]), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 2).all()
    corners = points[fewer]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((corners.mean(1) * normal).sum(1) > 0).all()  # none turned inside out
    assert (corners.mean(1) * normal).sum() / 6 > 0.85 * (4 / 3 * np.pi) * 0.94


def test_decimation_leaves_borders_and_seams():
    points, triangles = sphere()
    half = triangles[points[triangles][:, :, 2].mean(1) > 0]
    edges = np.sort(np.concatenate([half[:, [0, 1]], half[:, [1, 2]], half[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    border = np.unique(unique[count == 1])
    seam = half.copy()
    seam[: len(half) // 2] += len(points)  # two texture charts
    fewer, uvs = decimate(points, half, seam, keep=0.2)
    assert np.isin(border, fewer).all()
    np.testing.assert_array_equal(uvs % len(points), fewer)  # each corner keeps a texture coordinate of its vertex
    assert np.isin(uvs // len(points), (0, 1)).all()


def test_opposites_and_twins_merge_into_signed_sliders():
    names = ["cheek/l-cheek-bones-decr", "cheek/l-cheek-bones-incr", "cheek/r-cheek-bones-decr",
             "cheek/r-cheek-bones-incr", "head/head-oval", "asym/asym-jaw-1-l", "asym/asym-jaw-1-r"]  # fmt: skip
    assert _opposite("cheek/l-cheek-bones-incr") == "cheek/l-cheek-bones-decr"
    assert _signed_details(names) == [
        ("cheek", [("cheek/l-cheek-bones-decr", "cheek/l-cheek-bones-incr"),
                   ("cheek/r-cheek-bones-decr", "cheek/r-cheek-bones-incr")]),
        ("head", [("head/head-oval", None)]),
        ("asym", [("asym/asym-jaw-1-l", "asym/asym-jaw-1-r")]),
    ]  # fmt: skip


@pytest.mark.parametrize("value", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_steps_of_a_slider_sum_to_one(value):
    assert sum(_three_steps(value).values()) == pytest.approx(1)


def test_half_closed_lid_stays_off_the_eyeball():
    points = np.array([[0.0, 0.8, 0.6], [0.0, 2.0, 0.0]])
    closure = np.array([[0.0, -1.6, 0.0], [0.0, 0.0, 0.0]])
    arc = lid_arcs(closure, points, np.zeros(3))
    assert np.linalg.norm(points[0] + 0.5 * closure[0] + arc[0]) == pytest.approx(1.0)
    assert (arc[1] == 0).all()


def test_lid_travels_as_far_as_the_eye_is_open():
    points = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    closure = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
    wider = np.array([[[0.0, 0.3, 0.0], [0.0, -0.1, 0.0]]])
    seal = lid_seals(closure, points, wider, [(0, 1)])
    closed = points + wider[0] + closure + seal[0]
    assert closed[0, 1] == pytest.approx(closed[1, 1])


def test_skin_islands_do_not_overlap_in_the_atlas():
    source = np.array([[330.0, 260], [500, 260], [150, 50], [430, 470], [30, 210]]) / 512
    moved = repack_skin_uvs(source, np.arange(5)[None].repeat(3, 0).T[:, :3])
    assert ((moved >= 0) & (moved <= 1)).all()
    assert len(np.unique(moved.round(4), axis=0)) == 5
    with pytest.raises(ValueError, match="no island"):
        repack_skin_uvs(np.array([[0.4, 0.6]]), np.zeros((1, 3), np.int64))
