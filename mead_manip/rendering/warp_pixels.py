"""What a warp does pixel by pixel, compiled by numba: motion off triangles, and light onto what was looked up."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8
from numba import njit

from mead_manip.rendering.rasterizer import draw_depth, empty_buffers, weights_at

STILL = 0.01  # pixels: what moves less has not moved
UNLIT = 0.004  # of the brightness: what changes less has not changed
WEIGHTS = (np.float32(0.25), np.float32(0.5), np.float32(0.25))
SLIVER = 0.25  # square pixels, twice the area: triangles below it have no slopes to go by
TORN = 1.5  # pixels by which motion may jump from one pixel to the next: beyond lies an edge, to be antialiased


def seen_change(
    old: Float32[np.ndarray, "vertex 3"],
    new: Float32[np.ndarray, "vertex 3"],
    surface: Int32[np.ndarray, "outer 3"],
    ratio: Float32[np.ndarray, " vertex"],
    size: tuple[int, int],
    hidden_behind: float,
) -> tuple[Float32[np.ndarray, "h w 2"], Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Return, per pixel of the new image, where the old one had it (as a difference), the `ratio` there, and whether
    the new surface covers it with skin that the old image shows: none that lay `hidden_behind` other skin."""
    height, width = size
    triangle, depth = empty_buffers(height, width)
    draw_depth(new, surface, True, 0, triangle, depth)
    unused, old_depth = empty_buffers(height, width)
    draw_depth(old, surface, True, 0, unused, old_depth)
    motion, light = np.zeros((height, width, 2), np.float32), np.zeros((height, width), np.float32)
    seen = np.zeros((height, width), np.bool_)
    planes = np.empty((len(surface), 4, 3), np.float64)
    _planes(old, new, surface, ratio, planes)
    _follow(old, new, surface, ratio, planes, triangle, old_depth, np.float32(hidden_behind), motion, light, seen)
    return motion, light, seen


def add_positions(motion: Float32[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "h w 2"]:
    """Return where each pixel is looked up: its own position plus its motion."""
    places = np.empty_like(motion)
    _add_positions(motion, places)
    return places


def put(
    looked_up: UInt8[np.ndarray, "h w 3"],
    motion: Float32[np.ndarray, "h w 2"],
    ratio: Float32[np.ndarray, "h w"],
    hole: Bool[np.ndarray, "h w"],
    image: UInt8[np.ndarray, "h w 3"],
) -> None:
    """Write into `image` what moved or changed its light, and holes: the rest stays the very same bytes."""
    _put(looked_up, motion, ratio, hole, image)


def halved(
    motion: Float32[np.ndarray, "h w 2"], ratio: Float32[np.ndarray, "h w"], covered: Bool[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "half_h half_w 3"], Float32[np.ndarray, "half_h half_w"]]:
    """Return mean motion of what is covered and mean ratio (1 elsewhere) of blocks of 2x2, and the share covered."""
    height, width = covered.shape
    means = np.zeros(((height + 1) // 2, (width + 1) // 2, 3), np.float32)
    share = np.zeros(means.shape[:2], np.float32)
    _halve(motion, ratio, covered, means, share)
    return means, share


def join(
    motion: Float32[np.ndarray, "h w 2"],
    ratio: Float32[np.ndarray, "h w"],
    covered: Bool[np.ndarray, "h w"],
    filled: Float32[np.ndarray, "h w 3"],
    distance: Float32[np.ndarray, "h w"],
    reach: float,
) -> None:
    """Take motion where nothing is covered and the ratio where something is from `filled`, in place.

    Motion fades with the distance from the face and is gone at `reach`; uncovered pixels keep their light.
    """
    _join(motion, ratio, covered, filled, distance, np.float32(1.0 / max(reach, 1.0)))


def keep_within(
    motion: Float32[np.ndarray, "h w 2"], ratio: Float32[np.ndarray, "h w"], zone: Float32[np.ndarray, "h w"]
) -> None:
    """Weaken motion and change of light by `zone` (1 all of it, 0 none), in place."""
    _keep_within(motion, ratio, zone)


# ---- kernels -------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
@no_type_check
def _planes(old: np.ndarray, new: np.ndarray, surface: np.ndarray, ratio: np.ndarray, planes: np.ndarray) -> None:
    """Write what is linear over each new triangle, motion across and down, light, old depth, as (at 0, per x, per y).

    Slivers get NaN: a pixel that snapping put on one lies too far out for its slopes.
    """
    for face in range(surface.shape[0]):
        a, b, c = surface[face, 0], surface[face, 1], surface[face, 2]
        ax, ay = np.float64(new[a, 0]), np.float64(new[a, 1])
        bx, by = np.float64(new[b, 0]) - ax, np.float64(new[b, 1]) - ay
        cx, cy = np.float64(new[c, 0]) - ax, np.float64(new[c, 1]) - ay
        area = bx * cy - cx * by
        if not abs(area) > SLIVER:
            planes[face, 0, 0] = np.nan
            continue
        for k in range(4):
            if k < 2:
                va, vb, vc = old[a, k] - new[a, k], old[b, k] - new[b, k], old[c, k] - new[c, k]
            elif k == 2:
                va, vb, vc = ratio[a], ratio[b], ratio[c]
            else:
                va, vb, vc = old[a, 2], old[b, 2], old[c, 2]
            rise_b, rise_c = np.float64(vb) - va, np.float64(vc) - va
            per_x = (rise_b * cy - rise_c * by) / area
            per_y = (rise_c * bx - rise_b * cx) / area
            planes[face, k, 0] = va - per_x * ax - per_y * ay
            planes[face, k, 1], planes[face, k, 2] = per_x, per_y


@njit(cache=True, nogil=True)
@no_type_check
def _follow(
    old: np.ndarray, new: np.ndarray, surface: np.ndarray, ratio: np.ndarray, planes: np.ndarray, triangle: np.ndarray,
    old_depth: np.ndarray, hidden_behind: float, motion: np.ndarray, light: np.ndarray, seen: np.ndarray,
) -> None:  # fmt: skip
    height, width = triangle.shape
    for y in range(height):
        for x in range(width):
            face = triangle[y, x]
            if face < 0:
                continue
            if np.isnan(planes[face, 0, 0]):
                a, b, c = surface[face, 0], surface[face, 1], surface[face, 2]
                wa, wb, wc = weights_at(new, a, b, c, x, y)
                from_x = wa * (old[a, 0] - new[a, 0]) + wb * (old[b, 0] - new[b, 0]) + wc * (old[c, 0] - new[c, 0])
                from_y = wa * (old[a, 1] - new[a, 1]) + wb * (old[b, 1] - new[b, 1]) + wc * (old[c, 1] - new[c, 1])
                shade = wa * ratio[a] + wb * ratio[b] + wc * ratio[c]
                own = wa * old[a, 2] + wb * old[b, 2] + wc * old[c, 2]
            else:
                from_x = planes[face, 0, 0] + planes[face, 0, 1] * x + planes[face, 0, 2] * y
                from_y = planes[face, 1, 0] + planes[face, 1, 1] * x + planes[face, 1, 2] * y
                shade = planes[face, 2, 0] + planes[face, 2, 1] * x + planes[face, 2, 2] * y
                own = planes[face, 3, 0] + planes[face, 3, 1] * x + planes[face, 3, 2] * y
            motion[y, x, 0], motion[y, x, 1] = from_x, from_y
            light[y, x] = shade
            # A point that some nearer skin hid in the old image has no pixel there: it is left to its neighbours.
            column, row = int(np.floor(x + from_x + 0.5)), int(np.floor(y + from_y + 0.5))
            seen[y, x] = True
            if 0 <= column < width and 0 <= row < height:
                seen[y, x] = old_depth[row, column] <= own + hidden_behind


@njit(cache=True, nogil=True)
@no_type_check
def _add_positions(motion: np.ndarray, places: np.ndarray) -> None:
    for y in range(motion.shape[0]):
        for x in range(motion.shape[1]):
            places[y, x, 0] = motion[y, x, 0] + x
            places[y, x, 1] = motion[y, x, 1] + y


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _is_torn(motion: np.ndarray, y: int, x: int) -> bool:
    """Tell whether motion jumps between this pixel and one beside it."""
    if y < 1 or x < 1 or y + 1 >= motion.shape[0] or x + 1 >= motion.shape[1]:
        return False
    for row, column in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
        if abs(motion[row, column, 0] - motion[y, x, 0]) > TORN:
            return True
        if abs(motion[row, column, 1] - motion[y, x, 1]) > TORN:
            return True
    return False


@njit(cache=True, nogil=True)
@no_type_check
def _keep_within(motion: np.ndarray, ratio: np.ndarray, zone: np.ndarray) -> None:
    for y in range(zone.shape[0]):
        for x in range(zone.shape[1]):
            weight = zone[y, x]
            if weight < np.float32(1.0):
                motion[y, x, 0] *= weight
                motion[y, x, 1] *= weight
                ratio[y, x] = np.float32(1.0) + weight * (ratio[y, x] - np.float32(1.0))


@njit(cache=True, nogil=True)
@no_type_check
def _put(looked_up: np.ndarray, motion: np.ndarray, ratio: np.ndarray, hole: np.ndarray, image: np.ndarray) -> None:
    for y in range(motion.shape[0]):
        for x in range(motion.shape[1]):
            moved = motion[y, x, 0] ** 2 + motion[y, x, 1] ** 2 > STILL * STILL
            if not (moved or abs(ratio[y, x] - 1.0) > UNLIT or hole[y, x]):
                continue
            torn = _is_torn(motion, y, x)
            for k in range(3):
                value = np.float32(looked_up[y, x, k])
                if torn:
                    value = np.float32(0.0)
                    for row in range(y - 1, y + 2):
                        for column in range(x - 1, x + 2):
                            value += looked_up[row, column, k] * WEIGHTS[row - y + 1] * WEIGHTS[column - x + 1]
                image[y, x, k] = min(value * ratio[y, x] + np.float32(0.5), np.float32(255.0))


@njit(cache=True, nogil=True)
@no_type_check
def _halve(motion: np.ndarray, ratio: np.ndarray, covered: np.ndarray, means: np.ndarray, share: np.ndarray) -> None:
    height, width = covered.shape
    for row in range(share.shape[0]):
        for column in range(share.shape[1]):
            x_sum, y_sum, light, known, count = 0.0, 0.0, 0.0, 0, 0
            for y in range(2 * row, min(2 * row + 2, height)):
                for x in range(2 * column, min(2 * column + 2, width)):
                    count += 1
                    if covered[y, x]:
                        known += 1
                        x_sum += motion[y, x, 0]
                        y_sum += motion[y, x, 1]
                        light += ratio[y, x]
            if known:
                means[row, column, 0], means[row, column, 1] = x_sum / known, y_sum / known
            means[row, column, 2] = (light + count - known) / count
            share[row, column] = known / count


@njit(cache=True, nogil=True)
@no_type_check
def _join(
    motion: np.ndarray, ratio: np.ndarray, covered: np.ndarray, filled: np.ndarray, distance: np.ndarray,
    per_reach: float,
) -> None:  # fmt: skip
    for y in range(covered.shape[0]):
        for x in range(covered.shape[1]):
            if covered[y, x]:
                ratio[y, x] = filled[y, x, 2]
                continue
            ratio[y, x] = 1.0
            fade = max(np.float32(1.0) - distance[y, x] * per_reach, np.float32(0.0))
            fade = fade * fade * (np.float32(3.0) - np.float32(2.0) * fade)
            motion[y, x, 0], motion[y, x, 1] = filled[y, x, 0] * fade, filled[y, x, 1] * fade
