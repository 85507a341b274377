"""Old and new geometry of a face -> the frame's own pixels, moved.

The renderer that needs no training: every pixel of the result is looked up in the source frame, at the place that the
same point of the skin had before the expression changed. What the source cannot show (teeth behind lips that were
closed) is drawn from the head's own mouth, and lit like the face around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from mead_manip.rendering.eyes import still_eyes
from mead_manip.rendering.face_zone import face_zone, interocular
from mead_manip.rendering.folds import cheeks_of, lift_shades, share_stretch
from mead_manip.rendering.mouth import MouthPainter
from mead_manip.rendering.raised_lids import show_eyes
from mead_manip.rendering.relighting import shading_ratio
from mead_manip.rendering.warp_pixels import add_positions, halved, join, keep_within, put, seen_change

HIDDEN_BEHIND = 0.04  # of the head's height: skin this far in front of a point hides it

Region = tuple[int, int, int, int]  # x0, y0, x1, y1, pixels of the frame, end exclusive


@dataclass(frozen=True)
class WarpMesh:
    """The triangles of a head, sorted by the role that they play in a warp."""

    surface: Int[np.ndarray, "outer 3"]  # skin that is seen from outside
    cavity: Int[np.ndarray, "inner 3"]  # skin of the mouth cavity, behind the lips
    upper_teeth: Int[np.ndarray, "upper 3"]
    lower_teeth: Int[np.ndarray, "lower 3"]
    tongue: Int[np.ndarray, "tongue 3"]
    teeth_light: Float32[np.ndarray, " vertex"]  # of the light in front of the mouth, as much as reaches a tooth


@dataclass(frozen=True)
class WarpSettings:
    """How far the change reaches and how strongly it is lit."""

    reach: float = 0.45  # distance over which the motion fades outside the mesh, in inter-ocular distances
    relight: float = 0.8  # exponent on the shading ratio; 0 leaves the light of the source
    crease: float = 0.3  # exponent on the area ratio: skin that bunches up gets darker


class WarpRenderer:
    """Redraw a frame with another expression of the same head."""

    def __init__(self, mesh: WarpMesh, settings: WarpSettings | None = None) -> None:
        self.mesh = mesh
        self.used = np.unique(mesh.surface)
        self.settings = settings or WarpSettings()
        self.mouth = MouthPainter(
            mesh.surface, mesh.cavity, mesh.upper_teeth, mesh.lower_teeth, mesh.tongue, mesh.teeth_light
        )

    def region(
        self,
        old: Float32[np.ndarray, "vertex 3"],
        new: Float32[np.ndarray, "vertex 3"],
        old_landmarks: Float32[np.ndarray, "68 2"],
        frame_size: tuple[int, int],
    ) -> Region | None:
        """Return what `render` looks at and may change of a frame of (height, width); None: nothing."""
        return face_region(old[self.used], new[self.used], self._reach(old_landmarks), frame_size)

    def _reach(self, landmarks: Float32[np.ndarray, "68 2"]) -> float:
        return self.settings.reach * interocular(landmarks)

    def render(
        self,
        frame: UInt8[np.ndarray, "height width 3"],
        old: Float32[np.ndarray, "vertex 3"],
        new: Float32[np.ndarray, "vertex 3"],
        old_landmarks: Float32[np.ndarray, "68 2"],
        new_landmarks: Float32[np.ndarray, "68 2"],
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Return a copy of `frame` in which the head `old` looks like `new`.

        Vertices are (x px, y px, depth px), larger depth is nearer; the landmarks are of these heads. Pixels
        outside the face's zone (`face_zone`) come back bit for bit: collars and hair do not follow the jaw.
        """
        reach = self._reach(old_landmarks)
        region = self.region(old, new, old_landmarks, frame.shape[:2])
        if region is None:
            return frame.copy()
        x0, y0, x1, y1 = region
        shift = np.array([x0, y0, 0.0], np.float32)
        old, new = old - shift, new - shift
        before, after = ((points - shift[:2]).astype(np.float32) for points in (old_landmarks, new_landmarks))
        source = frame[y0:y1, x0:x1]

        motion, ratio, covered = surface_motion(old, new, self.mesh.surface, source.shape[:2], self.settings)
        holes = inside(covered)
        fill_and_fade(motion, ratio, covered, holes, reach)
        motion = still_eyes(motion, covered, after)
        keep_within(motion, ratio, face_zone(before, source.shape[:2]))
        cheeks = cheeks_of(after, source.shape[:2])
        share_stretch(motion, cheeks)
        result = frame.copy()
        image = result[y0:y1, x0:x1]
        put(lift_shades(look_up(source, motion), source, motion, ratio, cheeks), motion, ratio, holes, image)
        show_eyes(image, source, motion, covered, before, after)
        self.mouth.paint(image, source, old, new, covered, motion, before, after)
        return result


def face_region(
    old: Float32[np.ndarray, "vertex 3"],
    new: Float32[np.ndarray, "vertex 3"],
    reach: float,
    frame_size: tuple[int, int],
) -> Region | None:
    """Return the rectangle of the frame that the change can touch, or None where nothing moves inside the frame."""
    moving = np.flatnonzero(np.hypot(*(new - old)[:, :2].T) > 0.02)
    if moving.size == 0:
        return None
    points = np.concatenate([old[moving, :2], new[moving, :2]])
    height, width = frame_size
    low = np.floor(points.min(axis=0) - reach - 2).astype(int)
    high = np.ceil(points.max(axis=0) + reach + 3).astype(int)
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]), width), min(int(high[1]), height)
    return (x0, y0, x1, y1) if x1 - x0 > 4 and y1 - y0 > 4 else None


def surface_motion(
    old: Float32[np.ndarray, "vertex 3"],
    new: Float32[np.ndarray, "vertex 3"],
    surface: Int[np.ndarray, "outer 3"],
    size: tuple[int, int],
    settings: WarpSettings,
) -> tuple[Float32[np.ndarray, "h w 2"], Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Return, per pixel of the new image, where the old one had it (as a difference), how its light changed, and
    whether the new surface covers the pixel with skin that the old image shows."""
    ratio = shading_ratio(old, new, surface, settings.relight, settings.crease)
    faces = np.ascontiguousarray(surface, np.int32)
    return seen_change(old, new, faces, ratio, size, HIDDEN_BEHIND * float(np.ptp(old[:, 1])))


def fill_and_fade(
    motion: Float32[np.ndarray, "h w 2"],
    ratio: Float32[np.ndarray, "h w"],
    covered: Bool[np.ndarray, "h w"],
    holes: Bool[np.ndarray, "h w"],
    reach: float,
) -> None:
    """Continue the motion into holes (eyes, mouth) and let it die away outside the mesh, in place.

    Holes take a smooth blend of what surrounds them: the eye or the mouth is stretched like a sheet. The light of
    holes and of the surroundings stays as it was.
    """
    # Both are smooth: half the resolution tells them.
    means, share = halved(motion, ratio, covered)
    filled = push_pull(np.ascontiguousarray(means[..., :2]), np.minimum(2.0 * share, 1.0))
    # Normals change from triangle to triangle; light on skin does not.
    light = cv2.GaussianBlur(means[..., 2], (0, 0), max(0.02 * reach, 0.5))
    height, width = covered.shape
    whole = cv2.resize(np.dstack([filled, light]), (width, height), interpolation=cv2.INTER_LINEAR)
    distance = cv2.distanceTransform((~(covered | holes)).astype(np.uint8), cv2.DIST_L2, 3)
    join(motion, ratio, covered, whole, distance, reach)


def inside(covered: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return the holes of a mask: uncovered pixels that the border of the image cannot reach."""
    height, width = covered.shape
    canvas = np.zeros((height + 2, width + 2), np.uint8)
    canvas[1:-1, 1:-1] = covered
    cv2.floodFill(canvas, None, (0, 0), 2)
    return canvas[1:-1, 1:-1] == 0


def push_pull(values: Float32[np.ndarray, "h w c"], weight: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w c"]:
    """Fill unknown pixels from known ones at growing scales (Gortler et al. 1996, the Lumigraph, section 3.4)."""
    levels = [(values * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 4:
        total, known = levels[-1]
        total, known = cv2.pyrDown(total), cv2.pyrDown(known)
        scale = np.where(known > 1e-6, np.minimum(1.0, 2.0 * known) / np.maximum(known, 1e-6), 0.0).astype(np.float32)
        levels.append((total * scale[..., None], known * scale))
    total, known = levels.pop()
    filled = total / np.maximum(known, 1e-6)[..., None]
    while levels:
        total, known = levels.pop()
        coarse = cv2.pyrUp(filled, dstsize=known.shape[::-1])
        filled = total + coarse * (1.0 - np.minimum(known, 1.0))[..., None]
    return filled


def look_up(source: UInt8[np.ndarray, "h w 3"], motion: Float32[np.ndarray, "h w 2"]) -> UInt8[np.ndarray, "h w 3"]:
    """Return the source image sampled at every pixel's position plus its motion (bicubic)."""
    places = add_positions(motion)
    return cv2.remap(source, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
