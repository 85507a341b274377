"""Deferred shading, contact shade, the tone map, and blended strands on hand-made triangles."""

import numpy as np
import pytest

SIZE = 24
SQUARE_PX = np.array([[2, 2], [2, 20], [20, 20], [20, 2]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
AHEAD = np.array([[0.0, 0.0, 1.0]], np.float32)


def screen(depth: float) -> np.ndarray:
    return np.concatenate([SQUARE_PX, np.full((4, 1), depth, np.float32)], axis=1)


def square_surface(colour: tuple[int, int, int], gloss: float = 0.0):
    from mead_manip.rendering.shading import Surface

    texture = np.full((4, 4, 3), colour, np.uint8)
    return Surface(
        faces=FACES,
        uv=np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float32),
        uv_faces=FACES,
        material=np.zeros(2, np.uint8),
        materials=np.array([[1, 1, 1, gloss, 20, 0, 0, 0, 0, 1]], np.float32),
        textures=(texture,) * 4,
        wrinkles=np.zeros((4, 4), np.uint8),
    )


def vertex_light(ambient: float = 0.0, seen: float = 1.0) -> np.ndarray:
    from mead_manip.rendering.shading import N_VERTEX_CHANNELS

    columns = np.zeros((4, N_VERTEX_CHANNELS), np.float32)
    columns[:, :3], columns[:, 3:5], columns[:, 6] = ambient, seen, -1.0
    return columns


def draw(surface, direction, light: np.ndarray, strength: float = 1.0) -> np.ndarray:
    from mead_manip.rendering.rasterizer import draw_depth, empty_buffers
    from mead_manip.rendering.shading import Lights, shade

    direction = np.array([direction], np.float32) / np.linalg.norm(direction)
    triangle, depth = empty_buffers(SIZE, SIZE)
    draw_depth(screen(0.0), FACES, True, 0, triangle, depth)
    image = np.full((SIZE, SIZE, 3), -1.0, np.float32)
    lights = Lights(direction.astype(np.float32), np.full((1, 3), strength, np.float32))
    normals, contact = np.repeat(AHEAD, 4, axis=0), np.ones((SIZE, SIZE), np.float32)
    black = np.zeros(3, np.float32)
    shade(surface, lights, screen(0.0), normals, light, black, triangle, contact, image)
    return image


def test_matte_surface_follows_lamberts_law() -> None:
    surface = square_surface((255, 128, 0))
    for angle in (0.0, 0.5, 1.0):
        image = draw(surface, (np.sin(angle), 0, np.cos(angle)), vertex_light())
        expected = np.cos(angle) * np.array([1.0, (128 / 255) ** 2, 0.0])
        np.testing.assert_allclose(image[10, 10], expected, atol=1e-3)
        assert (image[0, 0] == -1).all()  # outside stays


def test_ambient_shadow_and_light_from_behind() -> None:
    surface = square_surface((255, 255, 255))
    np.testing.assert_allclose(draw(surface, (0, 0, -1), vertex_light(ambient=0.3))[10, 10], 0.3, atol=1e-3)
    np.testing.assert_allclose(draw(surface, (0, 0, 1), vertex_light(0.3, seen=0.5))[10, 10], 0.8, atol=1e-3)


def test_highlight_peaks_at_the_half_vector() -> None:
    dark = square_surface((0, 0, 0), gloss=1.0)
    values = [draw(dark, (np.sin(a), 0, np.cos(a)), vertex_light())[10, 10, 0] for a in (0.0, 0.3, 0.8)]
    assert values[0] == pytest.approx(1.0, abs=1e-3)
    assert values[0] > values[1] > values[2] >= 0


def test_tone_map_is_monotonic_and_never_clips_hard() -> None:
    from mead_manip.rendering.shading import to_display

    ramp = np.repeat(np.linspace(-0.1, 6, 300, dtype=np.float32)[None, :, None], 3, axis=2)
    shown = to_display(ramp, np.ones(3, np.float32))[0, :, 0].astype(int)
    assert (np.diff(shown) >= 0).all() and shown[0] == 0 and 245 < shown[-1] <= 255
    assert to_display(np.full((1, 1, 3), 0.25, np.float32), np.ones(3, np.float32))[0, 0, 0] == 128
    assert to_display(np.full((1, 1, 3), 0.25, np.float32), np.array([1, 2, 0], np.float32))[0, 0].tolist() == [
        128,
        180,
        0,
    ]


def test_contact_shade_darkens_pits_and_not_slopes() -> None:
    from mead_manip.rendering.shading import contact_light

    ys, xs = np.mgrid[0:60, 0:60].astype(np.float32)
    slope = 0.004 * xs - 0.007 * ys
    np.testing.assert_allclose(contact_light(slope, 100.0), 1.0, atol=1e-3)
    pit = slope - 0.15 * np.exp(-((xs - 30) ** 2 + (ys - 30) ** 2) / 30)
    light = contact_light(pit.astype(np.float32), 100.0)
    assert light[30, 30] < 0.75 and light[30, 30] == light.min()
    assert light[5, 5] == pytest.approx(1.0, abs=1e-3)
    assert (contact_light(np.full((9, 9), -np.inf, np.float32), 50.0) == 1.0).all()


def blend(strand_depths: list[float], colours: list[tuple], behind: float = -1.0) -> tuple[np.ndarray, np.ndarray]:
    """Blend squares of texture rows (RGBA) over a grey image at depth `behind`."""
    from mead_manip.rendering.shading import Lights
    from mead_manip.rendering.transparency import Strands, blend_strands

    n = len(strand_depths)
    texture = np.zeros((4, 4 * n, 4), np.uint8)
    for k, colour in enumerate(colours):
        texture[:, 4 * k : 4 * k + 4] = colour
    strands = Strands(
        faces=np.concatenate([FACES + 4 * k for k in range(n)]).astype(np.int32),
        uv=np.array([[(k + 0.5) / n, 0.5] for k in range(n)], np.float32),
        uv_faces=np.repeat(np.arange(n, dtype=np.int32), 2)[:, None].repeat(3, axis=1),
        material=np.zeros(2 * n, np.uint8),
        materials=np.array([[1, 1, 1, 0, 10, 0, 1, 0, 0, 1]], np.float32),
        textures=(texture,) * 4,
        hides=np.array([True]),
    )
    image = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    hidden = np.zeros((SIZE, SIZE), np.float32)
    light = np.concatenate([vertex_light(ambient=1.0, seen=0.0)] * n)
    lights = Lights(AHEAD, np.zeros((1, 3), np.float32))
    vertices = np.concatenate([screen(depth) for depth in strand_depths])
    normals = np.repeat(AHEAD, 4 * n, axis=0)
    blend_strands(strands, lights, vertices, normals, light, np.full((SIZE, SIZE), behind, np.float32), image, hidden)
    return image, hidden


def test_alpha_blends_every_pixel_once() -> None:
    image, hidden = blend([0.0], [(255, 0, 0, 128)])
    alpha = 128 / 255
    np.testing.assert_allclose(image[2:20, 2:20, 0], 0.5 * (1 - alpha) + alpha, atol=1e-3)  # the diagonal too
    np.testing.assert_allclose(image[2:20, 2:20, 1], 0.5 * (1 - alpha), atol=1e-3)
    np.testing.assert_allclose(hidden[2:20, 2:20], alpha, atol=1e-3)
    assert not hidden[21:].any()


def test_strands_are_sorted_and_hidden_by_what_is_in_front() -> None:
    red, green = (255, 0, 0, 255), (0, 255, 0, 255)
    for depths, winner in (([0.0, 1.0], 1), ([1.0, 0.0], 0)):
        image, _ = blend(depths, [red, green])
        assert image[10, 10].argmax() == winner
    image, hidden = blend([0.0], [red], behind=0.5)
    assert (image == 0.5).all() and not hidden.any()
