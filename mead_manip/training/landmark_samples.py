"""Draws training samples: face crops with points, crops without a face, and whole frames for the finder."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from ..geometry import compose_affine, invert_affine, transform_points
from ..models.landmarker import CROP_SIZE, CROP_SPAN, FINDER_SIZE, N_POINTS, mirror_order
from . import landmark_augment as augment
from .landmark_data import Picture, RenderedFaces
from .landmark_shapes import ShapeBank

_PARTED = 0.012  # of the crop's side: from here on lips show what is behind them
_MIRROR = mirror_order(N_POINTS)


@dataclass(frozen=True)
class Face:
    """A square picture, the points in it, and whether it shows a face the network should be sure of."""

    rgb: UInt8[np.ndarray, "size size 3"]
    landmarks_px: Float32[np.ndarray, "70 2"]
    is_face: bool


@dataclass(frozen=True)
class Sampler:
    """Photographs teach the look of skin, hair and light; renders teach poses and expressions."""

    photographs: list[Picture]
    rendered: RenderedFaces | None
    backdrops: list[augment.Image]
    shapes: ShapeBank | None
    photograph_share: float = 0.5
    empty_share: float = 0.12

    def face(self, rng: np.random.Generator) -> Face:
        """Draw one crop for the landmark network."""
        if rng.random() < self.empty_share:
            return self._without_face(rng)
        picture, photographed = self._pick(rng)
        angle = rng.normal(0, 0.15) if rng.random() < 0.7 else rng.uniform(-0.7, 0.7)
        span = CROP_SPAN * float(np.exp(rng.normal(0, 0.1)))
        rgb, points = self._view(rng, picture, photographed, angle, span, rng.normal(0, 0.045, 2), CROP_SIZE)
        rgb = self._finish(rng, augment.occlude(rng, rgb, points, self.backdrops))
        return Face(augment.cut_off(rng, rgb), points, True)

    def frame(
        self, rng: np.random.Generator
    ) -> tuple[UInt8[np.ndarray, "size size 3"], list[Float32[np.ndarray, "70 2"]]]:
        """Draw one frame for the finder: none, one or two faces of any size."""
        canvas = augment.backdrop(rng, FINDER_SIZE, self.backdrops)
        faces: list[Float32[np.ndarray, "70 2"]] = []
        for _ in range(int(rng.choice([0, 0, 1, 1, 1, 2]))):
            side = float(np.exp(rng.uniform(np.log(12), np.log(150))))
            margin = 0.35 * side
            x, y = rng.uniform(margin, FINDER_SIZE - margin, 2)
            if any(np.abs(np.array([x, y]) - f.mean(0)).max() < (side + np.ptp(f, axis=0).max()) * 0.8 for f in faces):
                continue
            picture, photographed = self._pick(rng)
            span = FINDER_SIZE / side
            shift = (np.array([FINDER_SIZE / 2, FINDER_SIZE / 2]) - [x, y]) / FINDER_SIZE
            whole, points, alpha = self._placed(rng, picture, photographed, rng.normal(0, 0.15), span, shift)
            canvas = augment.blend(canvas, whole, alpha)
            faces.append(points)
        return augment.photograph(rng, augment.relight(rng, canvas)), faces

    # ---- one face ----------------------------------------------------------------------------

    def _pick(self, rng: np.random.Generator) -> tuple[Picture, bool]:
        photographed = not self.rendered or rng.random() < self.photograph_share
        if photographed:
            picture = self.photographs[rng.integers(len(self.photographs))]
        else:
            assert self.rendered
            picture = self.rendered[int(rng.integers(len(self.rendered)))]
        return (_mirrored(picture) if rng.random() < 0.5 else picture), photographed

    def _view(
        self,
        rng: np.random.Generator,
        picture: Picture,
        photographed: bool,
        angle: float,
        span: float,
        shift: np.ndarray,
        size: int,
    ) -> tuple[augment.Image, Float32[np.ndarray, "70 2"]]:
        acted = self._act(rng, picture) if photographed else picture.landmarks_px
        crop_from_picture = augment.crop_similarity(acted, angle, span, shift, size)
        points = transform_points(crop_from_picture, acted)
        rgb, alpha = _warp(rng, picture, acted, crop_from_picture, size)
        if photographed:
            rgb = augment.relight(rng, rgb)
            if acted is not picture.landmarks_px:
                rgb = self._open_mouth(rng, rgb, points, picture, crop_from_picture)
            if alpha is not None and rng.random() < 0.75:
                rgb = augment.blend(augment.backdrop(rng, size, self.backdrops), rgb, alpha)
        return rgb, points

    def _placed(
        self,
        rng: np.random.Generator,
        picture: Picture,
        photographed: bool,
        angle: float,
        span: float,
        shift: np.ndarray,
    ) -> tuple[augment.Image, Float32[np.ndarray, "70 2"], UInt8[np.ndarray, "size size"]]:
        """A face at its place in a frame, with an alpha that cuts it out or keeps its own surroundings."""
        acted = self._act(rng, picture) if photographed else picture.landmarks_px
        frame_from_picture = augment.crop_similarity(acted, angle, span, shift, FINDER_SIZE)
        rgb, alpha = _warp(rng, picture, acted, frame_from_picture, FINDER_SIZE)
        if alpha is None or rng.random() < 0.3:
            corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * (np.array(picture.rgb.shape[1::-1]) - 1)
            alpha = np.zeros((FINDER_SIZE, FINDER_SIZE), np.uint8)
            cv2.fillConvexPoly(alpha, transform_points(frame_from_picture, corners).astype(np.int32), 255)
        return augment.relight(rng, rgb), transform_points(frame_from_picture, acted), alpha

    def _act(self, rng: np.random.Generator, picture: Picture) -> Float32[np.ndarray, "70 2"]:
        if self.shapes is None or picture.mood == "acted" or rng.random() < 0.12:
            return picture.landmarks_px
        return self.shapes.deform(rng, picture.landmarks_px, picture.mood)

    @staticmethod
    def _open_mouth(
        rng: np.random.Generator,
        rgb: augment.Image,
        points: Float32[np.ndarray, "70 2"],
        picture: Picture,
        crop_from_picture: augment.Similarity,
    ) -> augment.Image:
        """Draw a mouth where the warp opened one, but keep the person's own teeth where they are not stretched much."""
        own = _opening(transform_points(crop_from_picture, picture.landmarks_px))
        if own > _PARTED * CROP_SIZE and _opening(points) < 2.5 * own and rng.random() < 0.9:
            return rgb
        return _draw_inner_mouth(rng, rgb, points)

    def _without_face(self, rng: np.random.Generator) -> Face:
        """A backdrop, or a crop that misses its face: beside it, far too near, far too small, upside down."""
        if rng.random() < 0.6:
            rgb = augment.backdrop(rng, CROP_SIZE, self.backdrops)
            points = np.zeros((N_POINTS, 2), np.float32)
        else:
            picture, photographed = self._pick(rng)
            miss = rng.integers(4)
            away = rng.uniform(0, 2 * np.pi)
            shift = np.array([np.cos(away), np.sin(away)]) * (
                rng.uniform(0.5, 0.8) if miss == 0 else rng.uniform(0, 0.15)
            )
            span = CROP_SPAN * (rng.uniform(0.2, 0.4) if miss == 1 else rng.uniform(3.0, 5.0) if miss == 2 else 1.0)
            angle = rng.uniform(2.2, 4.0) if miss == 3 else rng.normal(0, 0.2)
            rgb, points = self._view(rng, picture, photographed, angle, span, shift, CROP_SIZE)
        return Face(augment.cut_off(rng, self._finish(rng, rgb)), points, False)

    @staticmethod
    def _finish(rng: np.random.Generator, rgb: augment.Image) -> augment.Image:
        return augment.photograph(rng, augment.relight(rng, rgb) if rng.random() < 0.3 else rgb)


def _mirrored(picture: Picture) -> Picture:
    points = picture.landmarks_px[_MIRROR] * [-1, 1] + [picture.rgb.shape[1] - 1, 0]
    alpha = None if picture.alpha is None else picture.alpha[:, ::-1]
    return Picture(picture.rgb[:, ::-1], points.astype(np.float32), picture.person, alpha, picture.mood)


def _warp(
    rng: np.random.Generator, picture: Picture, acted: np.ndarray, target_from_picture: augment.Similarity, size: int
) -> tuple[augment.Image, UInt8[np.ndarray, "size size"] | None]:
    """Draw `picture` in a square so that its points land on `acted` as `target_from_picture` maps them."""
    scale = float(np.linalg.norm(target_from_picture[:, 0]))
    rgb, small_from_picture = augment.shrink_for(np.ascontiguousarray(picture.rgb), scale)
    source = transform_points(small_from_picture, picture.landmarks_px)
    if acted is picture.landmarks_px:
        small_from_target = compose_affine(small_from_picture, invert_affine(target_from_picture))

        def draw(image: np.ndarray, rim: int) -> np.ndarray:
            return augment.warp(image, small_from_target, size, rim)
    else:
        ring = _ring(picture.landmarks_px)
        moved = ring + rng.normal(0, 0.04, ring.shape) * np.ptp(ring)
        target = transform_points(target_from_picture, np.concatenate([acted, moved]))
        anchors = np.concatenate([source, transform_points(small_from_picture, ring)])
        source_xy = augment.thin_plate(target, anchors, size, smooth=1e-6)

        def draw(image: np.ndarray, rim: int) -> np.ndarray:
            return cv2.remap(image, source_xy, None, cv2.INTER_LINEAR, borderMode=rim)

    out = draw(rgb, cv2.BORDER_REFLECT_101)
    if picture.alpha is None:
        return out, None
    alpha, _ = augment.shrink_for(np.ascontiguousarray(picture.alpha), scale)
    return out, draw(alpha, cv2.BORDER_CONSTANT)


def _ring(landmarks_px: np.ndarray) -> np.ndarray:
    low, high = landmarks_px.min(0), landmarks_px.max(0)
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return (low + high) / 2 + np.stack([np.cos(turn), np.sin(turn)], 1) * (high - low).max() * 1.1


def _draw_inner_mouth(rng: np.random.Generator, rgb: augment.Image, points: np.ndarray) -> augment.Image:
    """Where the lips parted, the warp stretched their seam: draw a dark mouth, teeth and perhaps a tongue over it."""
    inner = points[60:68]
    opening = _opening(points)
    if opening < _PARTED * CROP_SIZE:
        return rgb
    drawn = rgb.copy()
    dark = rng.uniform(5, 60) * np.array([1.0, rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)])
    cv2.fillPoly(drawn, [_fixed(inner)], tuple(float(c) for c in dark), cv2.LINE_AA, 4)
    down = inner[[7, 6, 5]] - inner[[1, 2, 3]]
    skin = float(rgb[tuple(np.clip(points[30].astype(int)[::-1], 0, len(rgb) - 1))].mean())
    tooth = np.clip(skin * rng.uniform(0.7, 1.3), 40, 235) * np.array([1.0, 0.97, rng.uniform(0.75, 0.95)])
    if rng.random() < 0.75:
        depth = min(rng.uniform(0.15, 0.9), 9.0 / opening)
        band = np.concatenate([inner[[0, 1, 2, 3, 4]], (inner[[1, 2, 3]] + depth * down)[::-1]])
        cv2.fillPoly(drawn, [_fixed(band)], tuple(float(c) for c in tooth), cv2.LINE_AA, 4)
    if rng.random() < 0.4:
        depth = rng.uniform(0.1, 0.45)
        band = np.concatenate([inner[[4, 5, 6, 7, 0]], inner[[1, 2, 3]] + (1 - depth) * down])
        pink = tooth * 0.8 if rng.random() < 0.4 else np.array([170, 90, 90]) * rng.uniform(0.5, 1.1)
        cv2.fillPoly(drawn, [_fixed(band)], tuple(float(c) for c in pink), cv2.LINE_AA, 4)
    return cv2.GaussianBlur(drawn, (0, 0), 0.6)


def _opening(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[[61, 62, 63]] - points[[67, 66, 65]], axis=1).mean())


def _fixed(points: np.ndarray) -> np.ndarray:
    """Points in sixteenths of a pixel, as cv2's drawing takes them with shift 4."""
    return np.round(points * 16).astype(np.int32)
