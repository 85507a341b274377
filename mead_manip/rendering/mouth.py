"""Lips that part -> what is behind them: teeth, tongue and dark.

A source frame with a closed mouth has no pixels for an open one. Where the new lips part, what the source shows of its
own mouth comes first (`own_mouth`); what its lips hid is drawn: the head's teeth, tongue and cavity in the light of the
surrounding face. Both are as opaque as teeth are: lips that hardly part leave a narrow opening, not a faint one.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from mead_manip.geometry import rise
from mead_manip.rendering.face_zone import interocular
from mead_manip.rendering.own_mouth import (
    OwnMouth,
    Seen,
    between_lips,
    bone_motion,
    hidden_lips,
    own_mouth,
    pixels_of,
    rigid_share,
    seen_inside,
)
from mead_manip.rendering.rasterizer import interpolate, rasterize
from mead_manip.rendering.relighting import image_normals
from mead_manip.rendering.warp_pixels import add_positions

# Linear-light colours relative to the lit skin around the mouth, RGB. Teeth: about the medians of what five people show
# of theirs where light reaches them, 1.0 to 1.5, 1.2 to 1.8 and 1.2 to 2.0 times their skin.
TEETH = np.array([1.2, 1.45, 1.45], np.float32)
TONGUE = np.array([0.30, 0.17, 0.18], np.float32)
CAVITY = np.array([0.24, 0.14, 0.14], np.float32)
EYE_LIGHT = 0.75  # teeth reflect a little less than the white of the eye
SOFT = 0.6  # how much cheeks and tongue face the light, which they scatter
BETWEEN_TEETH = 0.35  # of the light of the teeth comes from the gaps between them
KEPT_FROM, KEPT_TO = 0.28, 0.42  # share of the new opening that the old one must have for its pixels to be kept
# In inter-ocular distances:
BESIDE = 0.06  # what the rims of the lips may be off by
LIP_LINE = 0.02  # the landmarks of closed lips are so far apart
CLEAR = 0.08  # lips so far apart open over the whole of the gap
# Between lips that hardly part, teeth are few pixels: small faces are drawn more finely, as if the outer eye corners
# were so many pixels apart.
FINE_EYES, FINEST = 300, 3
BLUR = 0.004  # of what is drawn: as soft as footage
LIP_SHADOW = 0.05  # how far from the upper lip its shadow reaches
IN_SHADOW = 0.5  # of the light arrives right under it
TOOTH_GAP = 0.02  # teeth that stand nearer to each other are neighbours
TOOTH_ROOT = 0.04  # upper teeth and their gums go on so far above where the head's end
DARK_AT = 0.35  # how far behind the incisors no light arrives
LEAST_LIGHT = 0.25  # in the depth
LOWER_TEETH = 0.6  # of the light of the upper ones: they lie in the shadow of the lips
DARKENS = (0.35, 0.65)  # how stiff teeth are where it turns dark below clenched ones: a veil would be seen through
CARRIED = 0.02  # the old mouth's pixels may be carried so far by the lips; beyond that they are bone again


def lip_gap(landmarks: Float32[np.ndarray, "68 2"], eyes: float) -> float:
    """Measure how far lips part, in distances of the outer eye corners (`eyes`, pixels)."""
    return float(np.linalg.norm(landmarks[[61, 62, 63]] - landmarks[[67, 66, 65]], axis=1).mean()) / eyes


def lacking(before: float, after: float) -> float:
    """Give how much of what lies behind lips that part by `after` has to be drawn, given what they show at `before`."""
    seen = max(before - LIP_LINE, 0.0) / max(after - LIP_LINE, 1e-6)
    return 1.0 - min(max((seen - KEPT_FROM) / (KEPT_TO - KEPT_FROM), 0.0), 1.0)


def hidden_rim(gap: float) -> float:
    """Give how much of an opening, from its rim inwards, counts as lips: half of what closed lips seem to part."""
    return 0.5 * LIP_LINE * min(max((CLEAR - gap) / (CLEAR - LIP_LINE), 0.0), 1.0)


class MouthPainter:
    """Draw the inside of a mouth into an image of a face."""

    def __init__(
        self,
        surface: Int[np.ndarray, "outer 3"],
        cavity: Int[np.ndarray, "inner 3"],
        upper_teeth: Int[np.ndarray, "upper 3"],
        lower_teeth: Int[np.ndarray, "lower 3"],
        tongue: Int[np.ndarray, "tongue 3"],
        teeth_light: Float32[np.ndarray, " vertex"],
    ) -> None:
        teeth = np.concatenate([upper_teeth, lower_teeth])
        self.triangles = np.concatenate([surface, cavity, teeth, tongue]).astype(np.int32)
        self.first = np.cumsum([len(surface), len(cavity), len(teeth)])
        self.inner = np.unique(np.concatenate([cavity, teeth, tongue]))
        self.upper, self.n_upper = np.unique(upper_teeth), len(upper_teeth)
        self.albedo = np.zeros((int(self.triangles.max(initial=-1)) + 1, 3), np.float32)
        for part, colour in (
            (cavity, CAVITY),
            (tongue, TONGUE),
            (upper_teeth, TEETH),
            (lower_teeth, LOWER_TEETH * TEETH),
        ):
            self.albedo[np.unique(part)] = colour
        self.is_bone = np.isin(np.arange(len(self.albedo)), teeth)
        # In the dark a tooth looks as what is around it.
        light = teeth_light[np.flatnonzero(self.is_bone), None]
        self.albedo[self.is_bone] = light * self.albedo[self.is_bone] + (1.0 - light) * CAVITY

    def paint(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        source: UInt8[np.ndarray, "h w 3"],
        old: Float32[np.ndarray, "vertex 3"],
        new: Float32[np.ndarray, "vertex 3"],
        covered: Bool[np.ndarray, "h w"],
        motion: Float32[np.ndarray, "h w 2"],
        old_landmarks: Float32[np.ndarray, "68 2"],
        new_landmarks: Float32[np.ndarray, "68 2"],
    ) -> None:
        """Draw the inside of the new mouth over `image`, in place.

        `covered`: where new skin is. `motion` is that of the lips, continued between them, with which `image` was made.
        """
        eyes = interocular(old_landmarks)
        region = _around_lips(old_landmarks, new_landmarks, BESIDE * eyes, covered.shape) if self.inner.size else None
        before, after = lip_gap(old_landmarks, eyes), lip_gap(new_landmarks, eyes)
        if region is None or after <= LIP_LINE:
            return
        x0, y0, x1, y1 = region
        here, corner = np.s_[y0:y1, x0:x1], np.array([x0, y0, 0.0], np.float32)
        size = y1 - y0, x1 - x0
        opening, skin = self._opened(old - corner, size), self._lit_skin(source, old)
        linear = _decode(source[here].astype(np.float32))
        seen = seen_inside(linear, opening, before, skin, eyes)
        # Lips that outlines part although they meet stay lips, in the new picture too.
        lips = (1.0 - seen.inside) * max(before - LIP_LINE, 0.0)
        drawn_share = 1.0 - seen.inside * (1.0 - lacking(before, after))
        keeps_teeth = seen.teeth > 0 and self.n_upper > 0
        if after - lips <= LIP_LINE or (drawn_share == 0.0 and not keeps_teeth):
            return
        light = np.maximum(skin, EYE_LIGHT / TEETH * _eye_white(source, old_landmarks))
        light = light + seen.teeth * (seen.lit / TEETH - light)
        rim = 0.5 * lips + hidden_rim(after - lips)
        drawn, alpha = self._finely(new - corner, covered[here], light, eyes, rim)

        carried, kept = add_positions(motion[here]), image[here].astype(np.float32)  # as the lips take it along
        if keeps_teeth:
            own, share = self._own_teeth(
                opening, motion[here], seen, self._skull(old, new), old_landmarks - corner[:2],
                new_landmarks - corner[:2],
            )  # fmt: skip
            dark = seen.clenched * own.below * (1.0 - own.known)
            # Places are blended, not pixels: teeth grow or shrink where one passes into the other, and do not double.
            stiff = (share * (own.known + dark))[..., None].astype(np.float32)
            places = carried + stiff * (own.places - carried)
            kept = np.where(stiff > 0, pixels_of(source[here], places), kept)
            kept += (rise(share, *DARKENS) * dark)[..., None] * (_encode(seen.dark) - kept)
        inside = kept + drawn_share * (drawn - kept)
        if seen.parted < 1.0:  # a hand before the mouth stays before it
            hidden = hidden_lips(linear, old_landmarks - corner[:2], skin, eyes)
            hidden = cv2.remap(hidden, carried, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            alpha = alpha * (1.0 - (1.0 - seen.parted) * hidden)
        alpha = alpha[..., None]
        image[here] = np.rint(np.clip(image[here] * (1 - alpha) + inside * alpha, 0, 255)).astype(np.uint8)

    def _own_teeth(
        self,
        opening: Bool[np.ndarray, "h w"],
        motion: Float32[np.ndarray, "h w 2"],
        seen: Seen,
        skull: Float32[np.ndarray, " 2"],
        old_landmarks: Float32[np.ndarray, "68 2"],
        new_landmarks: Float32[np.ndarray, "68 2"],
    ) -> tuple[OwnMouth, Float[np.ndarray, "h w"]]:
        """Find the source's own mouth between the new lips, and how far each pixel is bone rather than lip."""
        size, eyes = opening.shape, interocular(old_landmarks)
        between = between_lips(new_landmarks, size)
        bone = bone_motion(between, skull, motion, seen.clenched)
        own = own_mouth(opening, bone, between_lips(old_landmarks, size).lower_part, eyes)
        stays = seen.teeth * rigid_share(between, skull, motion, seen.clenched, eyes)
        return own, stays * np.clip(np.linalg.norm(bone - motion, axis=-1) / (CARRIED * eyes), 0.0, 1.0)

    def _skull(
        self, old: Float32[np.ndarray, "vertex 3"], new: Float32[np.ndarray, "vertex 3"]
    ) -> Float32[np.ndarray, " 2"]:
        """Give how the upper teeth move, pixels: the old place less the new one."""
        return (old - new)[self.upper, :2].mean(axis=0)

    def _opened(self, vertices: Float32[np.ndarray, "vertex 3"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
        """Tell which pixels lie between the lips."""
        return rasterize(vertices, self.triangles, *size).triangle >= self.first[0]

    def _finely(
        self,
        new: Float32[np.ndarray, "vertex 3"],
        covered: Bool[np.ndarray, "h w"],
        light: Float32[np.ndarray, " 3"],
        eyes: float,
        rim: float,
    ) -> tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"]]:
        """Draw several samples a pixel, and give the mean colour of those behind the lips, 0..255, and their share.

        `rim`: what of the opening counts as lips, in inter-ocular distances.
        """
        height, width = covered.shape
        finer = samples_per_pixel(eyes)
        fine = (new * np.array([finer, finer, 1.0], np.float32)).astype(np.float32)
        seen = rasterize(fine, self.triangles, height * finer, width * finer)
        # Skin that comes from the source hides the mouth, but for its rim, where finer samples know better.
        skin = covered if finer == 1 else cv2.erode(covered.astype(np.uint8), np.ones((3, 3), np.uint8))
        hole = (seen.triangle >= self.first[0]) & (np.kron(skin, np.ones((finer, finer), skin.dtype)) == 0)
        colours = interpolate(seen, self.triangles, self._colours(new, eyes) * light)
        is_tooth = hole & (seen.triangle >= self.first[1]) & (seen.triangle < self.first[2])
        is_upper = is_tooth & (seen.triangle < self.first[1] + self.n_upper)
        _close_gaps(colours, is_tooth, is_upper, hole, eyes * finer)
        distance = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
        share = np.clip(distance - rim * eyes * finer, 0.0, 1.0)
        weight = share * _lip_shadow(hole, finer * eyes)
        parts = np.dstack([colours * weight[..., None], share]).astype(np.float32)
        parts = cv2.resize(parts, (width, height), interpolation=cv2.INTER_AREA) if finer > 1 else parts
        parts = cv2.GaussianBlur(parts, (0, 0), max(BLUR * eyes, 0.5))
        share = parts[..., 3]
        colour = np.zeros((height, width, 3), np.float32)
        drawn = share > 0  # elsewhere there is no colour to encode
        colour[drawn] = _encode(parts[drawn, :3] / np.maximum(share[drawn], 1e-4)[:, None])
        return colour, np.ascontiguousarray(share)

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

    def _colours(self, vertices: Float32[np.ndarray, "vertex 3"], eyes: float) -> Float32[np.ndarray, "used 3"]:
        """Return what each vertex reflects: facing ones are bright, what lies deep behind the lips is dark."""
        vertices = vertices[: len(self.albedo)]
        normal = image_normals(vertices, self.triangles)
        facing = np.where(self.is_bone, np.clip(normal[:, 2], 0.0, 1.0), SOFT)
        behind = (np.percentile(vertices[self.inner, 2], 98) - vertices[:, 2]) / eyes
        shadow = np.clip(1.0 - behind / DARK_AT, LEAST_LIGHT, 1.0)
        return (self.albedo * ((0.35 + 0.65 * facing) * shadow)[:, None]).astype(np.float32)


def _around_lips(
    old_landmarks: Float32[np.ndarray, "68 2"],
    new_landmarks: Float32[np.ndarray, "68 2"],
    beside: float,
    size: tuple[int, int],
) -> tuple[int, int, int, int] | None:
    """Give the rectangle of a picture that holds both openings, x0, y0, x1, y1; None where that lies outside."""
    points = np.concatenate([old_landmarks[60:], new_landmarks[60:]])
    x0, y0 = (max(int(np.floor(value - beside)), 0) for value in points.min(axis=0))
    ends = points.max(axis=0) + beside
    x1, y1 = (min(int(np.ceil(end)) + 1, most) for end, most in zip(ends, size[::-1], strict=True))
    return (x0, y0, x1, y1) if x1 - x0 > 2 and y1 - y0 > 2 else None


def samples_per_pixel(eyes: float) -> int:
    """Return how finely to draw a mouth, across and down, by the distance of the outer eye corners in pixels."""
    return int(np.clip(np.ceil(FINE_EYES / eyes), 1, FINEST))


def _lip_shadow(hole: Bool[np.ndarray, "h w"], eyes: float) -> Float32[np.ndarray, "h w"]:
    """Return light per sample of the opening, which falls in from above past the upper lip. `eyes` in samples."""
    rows = np.arange(hole.shape[0], dtype=np.float32)[:, None]
    lip = np.maximum.accumulate(np.where(hole, -1.0, rows).astype(np.float32), axis=0)
    below = cv2.GaussianBlur((rows - lip) * hole, (0, 0), max(0.01 * eyes, 0.5))
    return (IN_SHADOW + (1.0 - IN_SHADOW) * np.clip(below / (LIP_SHADOW * eyes), 0.0, 1.0)).astype(np.float32)


def _close_gaps(
    colours: Float32[np.ndarray, "h w 3"],
    is_tooth: Bool[np.ndarray, "h w"],
    is_upper: Bool[np.ndarray, "h w"],
    hole: Bool[np.ndarray, "h w"],
    eyes: float,
) -> None:
    """Fill the gaps beside teeth with their own light, in place; `eyes` in samples.

    Each tooth of the head stands for itself: between real ones it is dim, not black, and above the upper ones no
    black shows under a lip that rises.
    """
    across, up = (2 * (max(round(share * eyes), 2) // 2) + 1 for share in (TOOTH_GAP, TOOTH_ROOT))
    teeth = is_tooth.astype(np.uint8)
    between = cv2.morphologyEx(teeth, cv2.MORPH_CLOSE, np.ones((1, across), np.uint8)) > 0
    above = cv2.dilate(is_upper.astype(np.uint8), np.ones((up, 1), np.uint8), anchor=(0, 0)) > 0
    filled = (between | above) & hole & ~is_tooth
    if not filled.any():
        return
    sums = cv2.blur(np.dstack([colours * is_tooth[..., None], teeth]).astype(np.float32), (across, 2 * up + 1))
    light = np.where(above, 1.0, BETWEEN_TEETH)[filled, None]
    colours[filled] = light * sums[filled, :3] / np.maximum(sums[filled, 3:], 1e-4)


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
