"""The rasteriser: coverage, shared edges, depth order, interpolation, and input that must not break it."""

import numpy as np
import pytest

FRONT = np.array([[0, 1, 2]])


def clockwise_triangle(*corners_px: tuple[float, float], depth: float = 0.0) -> np.ndarray:
    """Corners in the order that is front-facing on a screen with y down."""
    vertices = np.array([[x, y, depth] for x, y in corners_px], np.float32)
    (ax, ay), (bx, by), (cx, cy) = vertices[:, :2]
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    return vertices if area < 0 else vertices[::-1]


def fan(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """A triangulated convex-ish polygon around a jittered centre: every inner edge is shared by two triangles."""
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    rim = np.stack([40 + 30 * np.cos(angles), 40 - 30 * np.sin(angles)], -1)
    centre = 40 + rng.uniform(-9, 9, 2)
    vertices = np.concatenate([[centre], rim])
    triangles = np.array([[0, 1 + i, 1 + (i + 1) % n] for i in range(n)])
    return np.concatenate([vertices, np.zeros((n + 1, 1))], 1).astype(np.float32), triangles


@pytest.mark.parametrize("seed", range(5))
def test_covers_the_analytic_area(seed: int) -> None:
    from mead_manip.rendering.rasterizer import rasterize

    corners = np.random.default_rng(seed).uniform(5, 95, (3, 2))
    vertices = clockwise_triangle(*map(tuple, corners))
    covered = (rasterize(vertices, FRONT, 100, 100).triangle >= 0).sum()
    edges = np.roll(corners, 1, 0) - corners
    area = abs(np.cross(np.append(edges[0], 0), np.append(edges[1], 0))[2]) / 2
    assert abs(covered - area) <= np.abs(edges).sum() / 2 + 1


@pytest.mark.parametrize("seed", range(5))
def test_shared_edges_are_drawn_once(seed: int) -> None:
    from mead_manip.rendering.rasterizer import rasterize

    vertices, triangles = fan(np.random.default_rng(seed), 17)
    times = sum((rasterize(vertices, triangles[i : i + 1], 80, 80).triangle >= 0).astype(int) for i in range(17))
    whole = rasterize(vertices, triangles, 80, 80).triangle >= 0
    assert times.max() == 1
    assert np.array_equal(times == 1, whole)


def test_shared_edge_through_pixel_centres() -> None:
    from mead_manip.rendering.rasterizer import rasterize

    square = np.array([[2, 2, 0], [2, 10, 0], [10, 10, 0], [10, 2, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    first = rasterize(square, triangles[:1], 13, 13).triangle >= 0
    second = rasterize(square, triangles[1:], 13, 13).triangle >= 0
    assert not (first & second).any()
    assert (first | second).sum() == 8 * 8  # top and left edges are inside, bottom and right are not
    assert (first | second)[2:10, 2:10].all()


def test_nearer_wins_in_any_order() -> None:
    from mead_manip.rendering.rasterizer import rasterize

    far = clockwise_triangle((0, 0), (30, 0), (0, 30), depth=-1.0)
    near = clockwise_triangle((0, 0), (20, 0), (0, 20), depth=2.0)
    for vertices, near_index in ((np.concatenate([far, near]), 1), (np.concatenate([near, far]), 0)):
        buffer = rasterize(vertices, np.array([[0, 1, 2], [3, 4, 5]]), 32, 32)
        assert buffer.triangle[5, 5] == near_index
        assert buffer.triangle[2, 25] == 1 - near_index
        assert buffer.triangle[31, 31] == -1


def test_barycentrics_reproduce_a_linear_attribute() -> None:
    from mead_manip.rendering.rasterizer import interpolate, rasterize, rasterize_attributes

    vertices, triangles = fan(np.random.default_rng(7), 11)
    buffer = rasterize(vertices, triangles, 80, 80)
    inside = buffer.triangle >= 0
    attributes = np.stack([vertices[:, 0], vertices[:, 1], np.ones(len(vertices))], -1)
    image = interpolate(buffer, triangles, attributes)
    ys, xs = np.nonzero(inside)
    np.testing.assert_allclose(buffer.barycentric[inside].sum(-1), 1.0, atol=1e-6)
    assert buffer.barycentric.min() >= 0.0
    np.testing.assert_allclose(image[inside], np.stack([xs, ys, np.ones_like(xs)], -1), atol=0.01)
    assert not image[~inside].any()
    np.testing.assert_allclose(image, rasterize_attributes(vertices, triangles, attributes, 80, 80), atol=1e-5)


def test_depth_is_interpolated() -> None:
    from mead_manip.rendering.rasterizer import draw_depth, empty_buffers

    vertices = clockwise_triangle((0, 0), (40, 0), (0, 40))
    vertices[:, 2] = 0.25 * vertices[:, 0] - 0.5 * vertices[:, 1]
    triangle, depth = empty_buffers(41, 41)
    draw_depth(vertices, FRONT.astype(np.int32), True, 100, triangle, depth)
    assert triangle[10, 20] == 100 and triangle[40, 40] == -1
    assert depth[40, 40] == -np.inf
    assert depth[10, 20] == pytest.approx(0.25 * 20 - 0.5 * 10, abs=0.01)


def test_back_faces() -> None:
    from mead_manip.rendering.rasterizer import rasterize

    back = clockwise_triangle((0, 0), (30, 0), (0, 30))[::-1]
    assert (rasterize(back, FRONT, 32, 32).triangle == -1).all()
    both = rasterize(back, FRONT, 32, 32, cull_back=False)
    assert both.triangle[5, 5] == 0
    assert both.barycentric[5, 5].sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "corners",
    [
        [(5, 5), (5, 5), (5, 5)],
        [(0, 0), (10, 10), (20, 20)],
        [(np.nan, 0), (10, 0), (0, 10)],
        [(0, 0), (np.inf, 0), (0, 10)],
        [(0, 0), (1e30, 0), (0, 10)],
        [(-50, -50), (-10, -50), (-50, -10)],
        [(500, 500), (510, 500), (500, 510)],
    ],
)
def test_what_cannot_be_drawn_is_not_drawn(corners: list) -> None:
    from mead_manip.rendering.rasterizer import rasterize

    vertices = np.array([[x, y, 0.0] for x, y in corners], np.float32)
    assert (rasterize(vertices, FRONT, 24, 24, cull_back=False).triangle == -1).all()


def test_infinite_depth_is_not_drawn() -> None:
    from mead_manip.rendering.rasterizer import rasterize

    vertices = clockwise_triangle((0, 0), (20, 0), (0, 20), depth=float("nan"))
    assert (rasterize(vertices, FRONT, 24, 24).triangle == -1).all()


def test_clips_at_the_frame() -> None:
    from mead_manip.rendering.rasterizer import rasterize

    huge = clockwise_triangle((-1e5, -1e5), (3e5, -1e5), (-1e5, 3e5))
    buffer = rasterize(huge, FRONT, 24, 31)
    assert (buffer.triangle == 0).all()
    np.testing.assert_allclose(buffer.barycentric.sum(-1), 1.0, atol=1e-6)


def test_empty_mesh_and_wrong_index() -> None:
    from mead_manip.rendering.rasterizer import rasterize

    empty = rasterize(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), 8, 9)
    assert empty.triangle.shape == (8, 9) and (empty.triangle == -1).all()
    with pytest.raises(IndexError):
        rasterize(np.zeros((2, 3), np.float32), FRONT, 8, 8)


def test_same_bytes_every_time() -> None:
    from mead_manip.rendering.rasterizer import rasterize

    rng = np.random.default_rng(0)
    vertices = rng.uniform(-10, 60, (300, 3)).astype(np.float32)
    triangles = rng.integers(0, 300, (400, 3))
    first, second = (rasterize(vertices, triangles, 50, 50, cull_back=False) for _ in range(2))
    assert first.triangle.tobytes() == second.triangle.tobytes()
    assert first.barycentric.tobytes() == second.barycentric.tobytes()
