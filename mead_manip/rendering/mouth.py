"""Lips that part -> what is behind them: teeth, tongue and dark.

A source frame with a closed mouth has no pixels for an open one. Where the new lips part, the head's own teeth, tongue
and cavity are drawn in the light of the surrounding face; where the old mouth was open too, its own pixels are kept.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from mead_manip.rendering.face_zone import interocular
from mead_manip.rendering.rasterizer import rasterize
from mead_manip.rendering.relighting import image_normals

# Linear-light colours relative to the lit skin around the mouth, RGB. Teeth: about the medians of what five people show
# of theirs where light reaches them, 1.0 to 1.5, 1.2 to 1.8 and 1.2 to 2.0 times their skin.
TEETH = np.array([1.2, 1.45, 1.45], np.float32)
TONGUE = np.array([0.66, 0.65, 0.86], np.float32)
CAVITY = np.array([0.20, 0.13, 0.14], np.float32)
EYE_LIGHT = 0.75  # teeth reflect a little less than the white of the eye
KEPT_FROM, KEPT_TO = 0.28, 0.42  # share of the new opening that the old one must have for its pixels to be kept
# In inter-ocular distances:
LIP_LINE = 0.02  # the landmarks of closed lips are so far apart
# Between lips that hardly part, teeth are few pixels: small faces are drawn more finely, as if the outer eye corners
# were so many pixels apart.
FINE_EYES, FINEST = 300, 3
PARTING = 0.03  # lips that part by this much more show what is behind them
LIP_SHADOW = 0.07  # how far from the lips their shadow reaches
IN_SHADOW = 0.35  # of the light arrives at the lips themselves


def drawn_share(old_landmarks: Float32[np.ndarray, "68 2"], new_landmarks: Float32[np.ndarray, "68 2"]) -> float:
    """Return how much of the new mouth has to be drawn: 0 where the lips meet, or the old mouth can be stretched."""
    upper, lower = [61, 62, 63], [67, 66, 65]
    eyes = interocular(old_landmarks)
    old, new = (
        max(float(np.linalg.norm(p[upper] - p[lower], axis=1).mean()) / eyes - LIP_LINE, 0.0)
        for p in (old_landmarks, new_landmarks)
    )
    lacking = 1.0 - np.clip((old / max(new, 1e-6) - KEPT_FROM) / (KEPT_TO - KEPT_FROM), 0.0, 1.0)
    return float(lacking) * min(new / PARTING, 1.0)


class MouthPainter:
    """Draw the inside of a mouth into an image of a face."""

    def __init__(
        self,
        surface: Int[np.ndarray, "outer 3"],
        cavity: Int[np.ndarray, "inner 3"],
        teeth: Int[np.ndarray, "teeth 3"],
        tongue: Int[np.ndarray, "tongue 3"],
        teeth_light: Float32[np.ndarray, " teeth"],
    ) -> None:
        self.triangles = np.concatenate([surface, cavity, teeth, tongue]).astype(np.int32)
        self.first = np.cumsum([len(surface), len(cavity), len(teeth)])
        self.inner = np.unique(np.concatenate([cavity, teeth, tongue]))
        parts = ((cavity, CAVITY), (teeth, TEETH), (tongue, TONGUE))
        self.albedo = np.concatenate([np.tile(colour, (len(part), 1)) for part, colour in parts])
        self.albedo[len(cavity) : len(cavity) + len(teeth)] *= teeth_light[:, None]

    def paint(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        source: UInt8[np.ndarray, "h w 3"],
        old: Float32[np.ndarray, "vertex 3"],
        new: Float32[np.ndarray, "vertex 3"],
        covered: Bool[np.ndarray, "h w"],
        old_landmarks: Float32[np.ndarray, "68 2"],
        share: float,
    ) -> None:
        """Draw the inside of the new mouth over `image`, in place, by `share`: see `drawn_share`."""
        region = self._opening(new, covered.shape) if share > 0 and self.inner.size else None
        if region is None:
            return
        x0, y0, x1, y1 = region
        eyes = interocular(old_landmarks)
        # On dark skin teeth are brighter than skin tells.
        light = np.maximum(self._lit_skin(source, old), EYE_LIGHT / TEETH * _eye_white(source, old_landmarks))
        colour, alpha = self._finely(new - np.array([x0, y0, 0.0], np.float32), covered[y0:y1, x0:x1], light, eyes)
        # Antialias the rim of the lips, then leave what the old mouth showed.
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.5)[..., None] * np.float32(share)
        part = image[y0:y1, x0:x1]
        part[:] = np.rint(part * (1 - alpha) + colour * alpha).astype(np.uint8)

    def _finely(
        self,
        new: Float32[np.ndarray, "vertex 3"],
        covered: Bool[np.ndarray, "h w"],
        light: Float32[np.ndarray, " 3"],
        eyes: float,
    ) -> tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"]]:
        """Draw several samples a pixel, and give the mean colour of those behind the lips, 0..255, and their share."""
        height, width = covered.shape
        finer = samples_per_pixel(eyes)
        fine = (new * np.array([finer, finer, 1.0], np.float32)).astype(np.float32)
        triangle, _ = rasterize(fine, self.triangles, height * finer, width * finer)
        # Skin that comes from the source hides the mouth, but for its rim, where finer samples know better.
        skin = covered if finer == 1 else cv2.erode(covered.astype(np.uint8), np.ones((3, 3), np.uint8))
        hole = (triangle >= self.first[0]) & (np.kron(skin, np.ones((finer, finer), skin.dtype)) == 0)
        weight = hole * _lip_shadow(hole, finer * eyes)
        colours = np.concatenate([self._colours(new) * light, np.ones((len(self.triangles), 1), np.float32)], axis=1)
        parts = np.take(colours, np.maximum(triangle, 0), axis=0)
        parts[..., :3] *= weight[..., None]
        parts[..., 3] *= hole
        parts = cv2.resize(parts, (width, height), interpolation=cv2.INTER_AREA) if finer > 1 else parts
        parts = cv2.GaussianBlur(parts, (0, 0), 0.5)
        share = parts[..., 3]
        colour = np.zeros((height, width, 3), np.float32)
        drawn = share > 0  # elsewhere there is no colour to encode
        colour[drawn] = _encode(parts[drawn, :3] / np.maximum(share[drawn], 1e-4)[:, None])
        return colour, np.ascontiguousarray(share)

    def _opening(self, new: Float32[np.ndarray, "vertex 3"], size: tuple[int, int]) -> tuple[int, int, int, int] | None:
        points = new[self.inner, :2]
        low, high = np.floor(points.min(axis=0)).astype(int) - 2, np.ceil(points.max(axis=0)).astype(int) + 3
        x0, y0, x1, y1 = max(low[0], 0), max(low[1], 0), min(high[0], size[1]), min(high[1], size[0])
        return (int(x0), int(y0), int(x1), int(y1)) if x1 - x0 > 2 and y1 - y0 > 2 else None

    def _lit_skin(
        self, source: UInt8[np.ndarray, "h w 3"], old: Float32[np.ndarray, "vertex 3"]
    ) -> Float32[np.ndarray, " 3"]:
        """Return the colour of the lit skin around the mouth, linear RGB."""
        points = np.rint(old[self.inner, :2]).astype(int)
        centre, spread = points.mean(axis=0), np.ptp(points[:, 0])
        ys, xs = np.mgrid[-1.0:1.01:0.25, -1.6:1.61:0.2].reshape(2, -1) * spread * 0.5
        xs = np.clip(np.rint(centre[0] + xs), 0, source.shape[1] - 1).astype(int)
        ys = np.clip(np.rint(centre[1] + ys), 0, source.shape[0] - 1).astype(int)
        around = _decode(source[ys, xs].astype(np.float32))
        return np.percentile(around, 70, axis=0).astype(np.float32)

    def _colours(self, vertices: Float32[np.ndarray, "vertex 3"]) -> Float32[np.ndarray, "triangle 3"]:
        """Return what each triangle reflects: facing ones are bright, what lies deep behind the lips is dark."""
        inner = self.triangles[self.first[0] :]
        normal = image_normals(vertices, self.triangles)
        facing = np.clip(normal[inner, 2].mean(axis=1), 0.0, 1.0)
        depth = vertices[inner, 2].mean(axis=1)
        front = np.percentile(vertices[self.inner, 2], 98)
        span = max(float(np.ptp(vertices[self.inner, 2])), 1e-6)
        shadow = np.clip(1.0 - 1.6 * (front - depth) / span, 0.12, 1.0)
        colours = np.zeros((len(self.triangles), 3), np.float32)
        colours[self.first[0] :] = self.albedo * ((0.35 + 0.65 * facing) * shadow)[:, None]
        return colours


def samples_per_pixel(eyes: float) -> int:
    """Return how finely to draw a mouth, across and down, by the distance of the outer eye corners in pixels."""
    return int(np.clip(np.ceil(FINE_EYES / eyes), 1, FINEST))


def _lip_shadow(hole: Bool[np.ndarray, "h w"], eyes: float) -> Float32[np.ndarray, "h w"]:
    """Return light per sample of the opening: lips that hardly part leave teeth in the dark. `eyes` in samples."""
    distance = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    return (IN_SHADOW + (1.0 - IN_SHADOW) * np.clip(distance / (LIP_SHADOW * eyes), 0.0, 1.0)).astype(np.float32)


def _eye_white(source: UInt8[np.ndarray, "h w 3"], landmarks: Float32[np.ndarray, "68 2"]) -> Float32[np.ndarray, " 3"]:
    """Return how bright the white of the eyes is, linear RGB: teeth are about as bright, on dark skin too."""
    inside = np.zeros(source.shape[:2], np.uint8)
    for eye in (landmarks[36:42], landmarks[42:48]):
        cv2.fillConvexPoly(inside, np.rint(eye).astype(np.int32), 1)
    pixels = _decode(source[inside > 0].astype(np.float32))
    if len(pixels) < 8:
        return np.zeros(3, np.float32)
    return np.percentile(pixels, 80, axis=0).astype(np.float32)


def _decode(srgb: Float32[np.ndarray, "*s"]) -> Float32[np.ndarray, "*s"]:
    return (srgb / np.float32(255.0)) ** np.float32(2.2)


def _encode(linear: Float32[np.ndarray, "*s"]) -> Float32[np.ndarray, "*s"]:
    return np.clip(linear, 0.0, 1.0).astype(np.float32) ** np.float32(1 / 2.2) * np.float32(255.0)
