"""NMFC and normal images on a lumpy ball."""

import numpy as np
import pytest

CAMERA = np.array([40.0, 50.0, 48.0], np.float32)


@pytest.fixture
def ball() -> tuple[np.ndarray, np.ndarray]:
    """A closed unit sphere, counter-clockwise from outside."""
    rows, columns = 24, 32
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, rows + 1), np.arange(columns) * 2 * np.pi / columns, indexing="ij"
    )
    vertices = np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], -1)
    k = np.arange(rows * columns)
    right = k - k % columns + (k + 1) % columns
    triangles = np.concatenate(
        [np.stack([k, right, k + columns], 1), np.stack([right, right + columns, k + columns], 1)]
    )
    return vertices.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32)


def test_normals_of_a_ball_point_outwards(ball: tuple) -> None:
    from mead_manip.rendering.conditioning import vertex_normals

    vertices, triangles = ball
    normals = vertex_normals(vertices, triangles)
    inner = np.abs(vertices[:, 1]) < 0.95
    assert ((normals * vertices).sum(1)[inner] > 0.98).all()


def test_nmfc_shows_template_colours_and_nothing_outside(ball: tuple) -> None:
    from mead_manip.rendering.conditioning import nmfc_image, template_colours

    vertices, triangles = ball
    image = nmfc_image(vertices, triangles, template_colours(vertices), CAMERA, 96, 100)
    assert image.shape == (96, 100, 3) and image.dtype == np.float32
    assert image.min() >= 0.0 and image.max() <= 1.0
    ys, xs = np.mgrid[0:96, 0:100]
    x, y = (xs - 50) / 40, (48 - ys) / 40
    inside = np.hypot(x, y) < 0.9
    np.testing.assert_allclose(image[inside][:, 0], (x[inside] + 1) / 2, atol=0.02)
    np.testing.assert_allclose(image[inside][:, 1], (y[inside] + 1) / 2, atol=0.02)
    assert (image[inside][:, 2] > 0.5).all()  # the near half
    assert not image[np.hypot(x, y) > 1.03].any()


def test_nmfc_colour_belongs_to_the_vertex(ball: tuple) -> None:
    """Where a point goes, its colour goes along: the colour does not depend on expression or pose."""
    from mead_manip.rendering.camera import to_screen
    from mead_manip.rendering.conditioning import nmfc_image, template_colours

    vertices, triangles = ball
    colours = template_colours(vertices)
    moved = vertices.copy()
    moved[:, 0] += 0.15 * np.maximum(vertices[:, 2], 0)  # a "grimace"
    turned = vertices @ np.array([[0.8, 0, -0.6], [0, 1, 0], [0.6, 0, 0.8]], np.float32).T
    for shape in (vertices, moved, turned):
        image = nmfc_image(shape, triangles, colours, CAMERA, 96, 100)
        near = np.flatnonzero((shape[:, 2] > 0.7) & (np.abs(vertices[:, 1]) < 0.9))
        x, y = np.rint(to_screen(shape[near], CAMERA)[:, :2]).astype(int).T
        assert np.abs(image[y, x] - colours[near]).max() < 0.05


def test_averted_surface_is_hidden(ball: tuple) -> None:
    from mead_manip.rendering.conditioning import nmfc_image, normal_image, template_colours

    vertices, triangles = ball
    far_half = triangles[(vertices[triangles][:, :, 2] < -0.25).all(1)]
    assert not nmfc_image(vertices, far_half, template_colours(vertices), CAMERA, 96, 100).any()
    assert not normal_image(vertices, far_half, CAMERA, 96, 100).any()


def test_normal_image_looks_at_the_viewer_in_the_middle(ball: tuple) -> None:
    from mead_manip.rendering.conditioning import as_bytes, normal_image

    vertices, triangles = ball
    image = normal_image(vertices, triangles, CAMERA, 96, 100)
    np.testing.assert_allclose(image[48, 50], [0.5, 0.5, 1.0], atol=0.02)
    assert image[48, 80, 0] > 0.8 and image[20, 50, 1] > 0.8
    assert as_bytes(image)[48, 50].tolist() == pytest.approx([128, 128, 255], abs=5)


def test_perspective_keeps_the_plane_of_the_origin() -> None:
    from mead_manip.rendering.camera import with_perspective

    points = np.array([[1, 2, 0], [1, 2, 1], [1, 2, -1]], np.float32)
    near = with_perspective(points, 0.2)
    np.testing.assert_allclose(near[0], points[0])
    assert near[1, 0] > 1.0 > near[2, 0]
    assert near[1, 2] > near[0, 2] > near[2, 2]
    np.testing.assert_array_equal(with_perspective(points, 0.0), points)
