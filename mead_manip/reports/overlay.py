"""A clip's landmarks and its fitted face over its own pixels: columns are frames, rows are what was found there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image, ImageDraw, ImageFont

from mead_manip.geometry import invert_affine, transform_points
from mead_manip.rendering.camera import to_screen
from mead_manip.rendering.conditioning import as_bytes, nmfc_image, normal_image
from mead_manip.reports.drawn_head import DrawnHead
from mead_manip.reports.figure import labelled_grid

Picture = UInt8[np.ndarray, "height width rgb=3"]

TILE = 300  # px
RAW, SMOOTHED, FITTED, PUPIL = (255, 70, 60), (70, 255, 110), (255, 205, 60), (80, 220, 255)
_WIRE = (120, 255, 190)
_FINE = 4  # fractional bits of drawn coordinates
_LINES = {  # iBUG-68: first and last point, and whether the line closes
    "jaw": (0, 16, False),
    "right brow": (17, 21, False),
    "left brow": (22, 26, False),
    "bridge": (27, 30, False),
    "nose base": (31, 35, False),
    "right eye": (36, 41, True),
    "left eye": (42, 47, True),
    "outer lips": (48, 59, True),
    "inner lips": (60, 67, True),
}


@dataclass(frozen=True)
class ShownFrame:
    """One column: a square of the frame with what was found in it. Points are pixels of the frame."""

    title: str
    square: UInt8[np.ndarray, "tile tile rgb=3"]
    frame_from_square: Float[np.ndarray, "2 3"]
    raw_px: Float32[np.ndarray, "68 2"]
    smoothed_px: Float32[np.ndarray, "68 2"]
    pupils_px: Float32[np.ndarray, "eye=2 2"]
    head: DrawnHead | None  # None where the clip has not been reconstructed


def overlay(frames: list[ShownFrame]) -> Picture:
    """Draw the frames side by side: landmarks; then, where the face is fitted, its mesh, NMFC and normals."""
    columns = [_tiles(frame) for frame in frames]
    rows = {name: [column[name] for column in columns] for name in columns[0]}
    rows["landmarks"][0] = _with_legend(rows["landmarks"][0], {"raw": RAW, "smoothed": SMOOTHED, "pupils": PUPIL})
    if "mesh" in rows:
        rows["mesh"][0] = _with_legend(rows["mesh"][0], {"landmarks": SMOOTHED, "fitted": FITTED})
    return labelled_grid(rows, [frame.title for frame in frames], cell=TILE)


def _tiles(frame: ShownFrame) -> Mapping[str, Picture]:
    square = cv2.resize(frame.square, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    zoom = TILE / len(frame.square)
    # Pixel centres are at integers: the middle of a picture's first pixel moves when it is enlarged.
    tile_from_square = np.array([[zoom, 0, (zoom - 1) / 2], [0, zoom, (zoom - 1) / 2]])
    square_from_frame = invert_affine(frame.frame_from_square.astype(np.float64))
    tile_from_frame = tile_from_square[:, :2] @ square_from_frame
    tile_from_frame[:, 2] += tile_from_square[:, 2]
    tiles = {"landmarks": _landmarks(square, tile_from_frame, frame)}
    if frame.head is None:
        return tiles
    return tiles | {
        "mesh": _mesh(square, tile_from_frame, frame, frame.head),
        "NMFC": _surface(square, tile_from_frame, frame.head, normals=False),
        "normals": _surface(square, tile_from_frame, frame.head, normals=True),
    }


def _landmarks(square: Picture, tile_from_frame: Float[np.ndarray, "2 3"], frame: ShownFrame) -> Picture:
    tile = square.copy()
    _dots(tile, transform_points(tile_from_frame, frame.raw_px.astype(np.float64)), RAW, 1.6)
    smoothed = transform_points(tile_from_frame, frame.smoothed_px.astype(np.float64))
    for first, last, closed in _LINES.values():
        cv2.polylines(tile, [_fixed(smoothed[first : last + 1])], closed, SMOOTHED, 1, cv2.LINE_AA, _FINE)
    _dots(tile, smoothed, SMOOTHED, 0.8)
    for x, y in _fixed(transform_points(tile_from_frame, frame.pupils_px.astype(np.float64))):
        for dx, dy in ((5 << _FINE, 0), (0, 5 << _FINE)):
            cv2.line(tile, (x - dx, y - dy), (x + dx, y + dy), PUPIL, 1, cv2.LINE_AA, _FINE)
    return tile


def _mesh(square: Picture, tile_from_frame: Float[np.ndarray, "2 3"], frame: ShownFrame, head: DrawnHead) -> Picture:
    """Draw the triangles that face the camera, and the fitted landmarks beside those that were seen."""
    corners = _screen(tile_from_frame, head)[:, :2][head.skin]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    facing = first[:, 0] * second[:, 1] < first[:, 1] * second[:, 0]
    wires = square.copy()
    cv2.polylines(wires, list(_fixed(corners[facing])), True, _WIRE, 1, cv2.LINE_AA, _FINE)
    tile = cv2.addWeighted(square, 0.55, wires, 0.45, 0)
    _dots(tile, transform_points(tile_from_frame, frame.smoothed_px.astype(np.float64)), SMOOTHED, 1.8)
    _dots(tile, transform_points(tile_from_frame, head.landmarks_px.astype(np.float64)), FITTED, 1.4)
    return tile


def _surface(square: Picture, tile_from_frame: Float[np.ndarray, "2 3"], head: DrawnHead, *, normals: bool) -> Picture:
    """Draw the mesh's colours over the darkened frame, which shows whether the outlines meet."""
    # A square's own axes are the frame's: scale and shift go into the camera.
    scale, shift = tile_from_frame[0, 0], tile_from_frame[:, 2]
    camera = np.array([head.camera[0] * scale, *(head.camera[1:] * scale + shift)], np.float32)
    if normals:
        drawn = normal_image(head.vertices, head.triangles, camera, TILE, TILE)
    else:
        drawn = nmfc_image(head.vertices, head.triangles, head.colours, camera, TILE, TILE)
    covered = drawn.any(axis=2, keepdims=True)
    grey = np.repeat(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return np.where(covered, cv2.addWeighted(as_bytes(drawn), 0.88, grey, 0.12, 0), grey // 2)


def _screen(tile_from_frame: Float[np.ndarray, "2 3"], head: DrawnHead) -> Float[np.ndarray, "vertex 3"]:
    screen = to_screen(head.vertices, head.camera).astype(np.float64)
    screen[:, :2] = transform_points(tile_from_frame, screen[:, :2])
    return screen


def _dots(tile: Picture, points: Float[np.ndarray, "point 2"], colour: tuple[int, int, int], radius: float) -> None:
    for x, y in _fixed(points):
        cv2.circle(tile, (x, y), round(radius * (1 << _FINE)), colour, -1, cv2.LINE_AA, _FINE)


def _fixed(points: Float[np.ndarray, "*point 2"]) -> np.ndarray:
    # Far outside the picture OpenCV's integers would overflow.
    return np.round(np.clip(points, -(2**14), 2**14) * (1 << _FINE)).astype(np.int32)


def _with_legend(tile: Picture, entries: Mapping[str, tuple[int, int, int]]) -> Picture:
    picture = Image.fromarray(tile)
    draw, font, high = ImageDraw.Draw(picture), ImageFont.load_default(size=15), 18
    top = TILE - 6 - high * len(entries)
    draw.rectangle((0, top - 4, 88, TILE), fill=(24, 24, 26))
    for line, (text, colour) in enumerate(entries.items()):
        draw.text((7, top + high * line), text, colour, font)
    return np.asarray(picture)
