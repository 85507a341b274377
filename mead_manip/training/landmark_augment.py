"""Makes many pictures from few: one smooth warp per sample, then light, colour, occluders, blur, noise and JPEG."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from ..geometry import compose_affine
from ..media.images import decode, encode

Image = UInt8[np.ndarray, "height width rgb=3"]
Points = Float32[np.ndarray, "point 2"]
Similarity = Float32[np.ndarray, "2 3"]


def crop_similarity(
    landmarks_px: Float[np.ndarray, "70 2"], angle: float, span: float, shift: Float[np.ndarray, " 2"], size: int
) -> Similarity:
    """crop_from_picture: turn by `angle` (radians), then frame the larger side of the points' box times `span`.

    `shift` moves the middle of the frame, in units of its side.
    """
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    turned = landmarks_px @ turn.T
    low, high = turned.min(0), turned.max(0)
    side = float((high - low).max()) * span
    scale = size / side
    middle = (low + high) / 2 + shift * side
    return np.concatenate([turn * scale, ((size - 1) / 2 - scale * middle)[:, None]], 1).astype(np.float32)


def thin_plate(
    target: Points, source: Points, size: int, smooth: float, step: int = 4
) -> Float32[np.ndarray, "size size 2"]:
    """A smooth map from every pixel of a `size` square to the source picture that takes `target` to `source`."""
    n = len(target)
    at = target / size
    system = np.zeros((n + 3, n + 3), np.float64)
    system[:n, :n] = _plate(at, at) + smooth * np.eye(n)
    system[:n, n], system[:n, n + 1 :] = 1, at
    system[n:, :n] = system[:n, n:].T
    weights = np.linalg.solve(system, np.concatenate([source, np.zeros((3, 2))]))
    ticks = (np.arange(0, size + step, step) / size).astype(np.float32)
    grid = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    values = _plate(grid, at) @ weights[:n] + weights[n] + grid @ weights[n + 1 :]
    coarse = values.reshape(len(ticks), len(ticks), 2).astype(np.float32)
    # Sample the coarse map at every pixel: linear between its nodes, which lie `step` px apart.
    fine = (np.arange(size) / step).astype(np.float32)
    return cv2.remap(coarse, *np.meshgrid(fine, fine), cv2.INTER_LINEAR)


def _plate(a: Float[np.ndarray, "at 2"], b: Float[np.ndarray, "of 2"]) -> Float[np.ndarray, "at of"]:
    squared = np.square(a[:, None] - b[None]).sum(-1)
    return 0.5 * squared * np.log(squared + 1e-9)


def warp(picture: Any, picture_from_target: Similarity, size: int, rim: int = cv2.BORDER_REFLECT_101) -> Any:
    """Draw a picture in a square under a similarity, bilinear."""
    return cv2.warpAffine(
        picture, picture_from_target, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=rim
    )


def shrink_for(rgb: Any, scale: float) -> tuple[Any, Similarity]:
    """Halve a picture until a warp with `scale` no longer skips pixels; also small_from_picture."""
    transform = np.eye(2, 3, dtype=np.float32)
    while scale < 0.5 and min(rgb.shape[:2]) > 16:
        rgb = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        transform = compose_affine(np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]], np.float32), transform)
        scale *= 2
    return rgb, transform


# ---- what stands behind and before a face ----------------------------------------------------


def backdrop(rng: np.random.Generator, size: int, pictures: list[Image]) -> Image:
    """A piece of a real picture, or a gradient with blotches, shapes, lines and letters."""
    if pictures and rng.random() < 0.5:
        picture = pictures[rng.integers(len(pictures))]
        side = int(min(picture.shape[:2]) * rng.uniform(0.3, 1.0))
        y, x = (int(rng.integers(0, s - side + 1)) for s in picture.shape[:2])
        piece = picture[y : y + side, x : x + side]
        return cv2.resize(
            np.ascontiguousarray(piece[:, :: rng.choice([-1, 1])]), (size, size), interpolation=cv2.INTER_AREA
        )
    corners = rng.uniform(0, 255, (2, 2, 3)).astype(np.float32) * rng.uniform(0.3, 1.0)
    out = cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)
    for cells in (4, 12, 40):
        blotch = rng.normal(0, rng.uniform(0, 25), (cells, cells, 1)) + rng.normal(
            0, rng.uniform(0, 8), (cells, cells, 3)
        )
        out += cv2.resize(blotch.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    out = np.clip(out, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 10))):
        _random_shape(rng, out)
    if rng.random() < 0.3:
        _write_line(rng, out)
    return cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 3.0)))


def _write_line(rng: np.random.Generator, canvas: Image) -> None:
    """Letters with an outline: titles and signs have the contrasts that faces have."""
    size = canvas.shape[0]
    letters = "".join(chr(rng.integers(65, 123)) for _ in range(int(rng.integers(3, 12))))
    at = int(rng.integers(-size // 3, size // 2)), int(rng.integers(size // 4, size))
    font, scale = int(rng.integers(0, 8)), float(rng.uniform(0.5, 3.0)) * size / 128
    for thickness in (int(rng.integers(8, 16)), int(rng.integers(2, 6))):
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.putText(canvas, letters, at, font, scale, colour, thickness, cv2.LINE_AA)


def _random_shape(rng: np.random.Generator, canvas: Image) -> None:
    size = canvas.shape[0]
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    a, b = (_px(rng.integers(-size // 8, size * 9 // 8, 2)) for _ in range(2))
    radius = int(rng.integers(size // 20, size // 3))
    kind = rng.integers(5)
    if kind == 0:
        cv2.circle(canvas, a, radius, colour, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.rectangle(canvas, a, b, colour, -1)
    elif kind == 2:
        cv2.line(canvas, a, b, colour, int(rng.integers(1, 8)), cv2.LINE_AA)
    elif kind == 3:
        angle = float(rng.uniform(0, 180))
        cv2.ellipse(
            canvas, a, (radius, max(2, radius // 2)), angle, 0, 360, colour, int(rng.choice([-1, 2, 4])), cv2.LINE_AA
        )
    else:
        letters = "".join(chr(rng.integers(65, 123)) for _ in range(int(rng.integers(1, 7))))
        cv2.putText(
            canvas,
            letters,
            a,
            int(rng.integers(0, 8)),
            float(rng.uniform(0.4, 2.5)),
            colour,
            int(rng.integers(1, 4)),
            cv2.LINE_AA,
        )


def occlude(rng: np.random.Generator, rgb: Image, landmarks_px: Points, pictures: list[Image]) -> Image:
    """Sometimes put a hand-like or arbitrary thing, strands of hair, or glasses before the face."""
    size = rgb.shape[0]
    if rng.random() < 0.12:
        mask = np.zeros((size, size), np.uint8)
        where = landmarks_px[rng.integers(68)] + rng.normal(0, size / 10, 2)
        for _ in range(int(rng.integers(1, 5))):
            centre = _px(where + rng.normal(0, size / 16, 2))
            axes = (int(rng.uniform(0.03, 0.1) * size) + 2, int(rng.uniform(0.06, 0.25) * size) + 2)
            cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
        thing = backdrop(rng, size, pictures)
        if rng.random() < 0.5:  # the colour of this face, as a hand has it
            skin = rgb[tuple(np.clip(landmarks_px[30].astype(int)[::-1], 0, size - 1))].astype(np.float32)
            thing = np.clip(thing * 0.25 + skin * rng.uniform(0.5, 1.0), 0, 255).astype(np.uint8)
        rgb = blend(rgb, thing, mask)
    if rng.random() < 0.12:
        _draw_glasses(rng, rgb, landmarks_px)
    if rng.random() < 0.15:
        _draw_strands(rng, rgb, landmarks_px)
    return rgb


def cut_off(rng: np.random.Generator, rgb: Image) -> Image:
    """Sometimes let the picture end within the crop: beyond it all is black, as where a crop leaves its frame."""
    if rng.random() < 0.12:
        depth = int(rng.uniform(0.02, 0.3) * rgb.shape[0])
        side = rng.integers(5)
        rgb = rgb.copy()
        view = (rgb[:depth], rgb[:, :depth], rgb[:, -depth:], rgb[-depth:], rgb[-depth:])[side]
        view[:] = 0
    return rgb


def _draw_glasses(rng: np.random.Generator, rgb: Image, landmarks_px: Points) -> None:
    right, left = landmarks_px[36:42].mean(0), landmarks_px[42:48].mean(0)
    gap = float(np.linalg.norm(left - right))
    angle = float(np.degrees(np.arctan2(*(left - right)[::-1])))
    colour = tuple(int(c) for c in rng.integers(0, 120, 3))
    width = max(1, round(gap * float(rng.uniform(0.02, 0.09))))
    axes = (int(gap * rng.uniform(0.32, 0.44)), int(gap * rng.uniform(0.2, 0.38)))
    drop = (landmarks_px[33] - landmarks_px[27]) * rng.uniform(0.0, 0.2)
    if rng.random() < 0.25:
        dark = rgb.copy()
        for eye in (right, left):
            cv2.ellipse(dark, _px(eye + drop), axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
        rgb[:] = cv2.addWeighted(rgb, 0.4, dark, 0.6, 0) if rng.random() < 0.5 else dark
    for eye in (right, left):
        cv2.ellipse(rgb, _px(eye + drop), axes, angle, 0, 360, colour, width, cv2.LINE_AA)
    bridge = _px(right * 0.62 + left * 0.38 + drop), _px(right * 0.38 + left * 0.62 + drop)
    cv2.line(rgb, bridge[0], bridge[1], colour, width, cv2.LINE_AA)
    for eye, ear in ((right, landmarks_px[0]), (left, landmarks_px[16])):
        outward = (ear - eye) / (np.linalg.norm(ear - eye) + 1e-6)
        cv2.line(rgb, _px(eye + drop + outward * axes[0]), _px(ear), colour, width, cv2.LINE_AA)


def _px(point: np.ndarray) -> tuple[int, int]:
    return int(point[0]), int(point[1])


def _draw_strands(rng: np.random.Generator, rgb: Image, landmarks_px: Points) -> None:
    size = rgb.shape[0]
    colour = rng.integers(10, 160) * np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.4, 0.9)])
    start = landmarks_px[rng.integers(17, 27)] - (landmarks_px[33] - landmarks_px[27]) * rng.uniform(0.5, 2.0)
    for _ in range(int(rng.integers(2, 16))):
        bend = rng.normal(0, size / 14, (4, 2)).cumsum(0) + np.array([[0, 0.1], [0, 0.25], [0, 0.4], [0, 0.6]]) * size
        strand = np.concatenate([[start + rng.normal(0, size / 40, 2)], start + bend]).astype(np.int32)
        shade = tuple(int(c) for c in np.clip(colour + rng.normal(0, 10), 0, 255))
        cv2.polylines(rgb, [strand], False, shade, 1 + (rng.random() < 0.15), cv2.LINE_AA)


def blend(under: Image, over: Image, alpha: UInt8[np.ndarray, "height width"]) -> Image:
    weight = alpha[..., None].astype(np.float32) / 255
    return (under + (over.astype(np.float32) - under) * weight).astype(np.uint8)


# ---- light and camera ------------------------------------------------------------------------


def relight(rng: np.random.Generator, rgb: Image) -> Image:
    """Exposure, contrast, white balance, saturation and one or two soft lights across the picture."""
    x = rgb.astype(np.float32) / 255
    size = rgb.shape[0]
    if rng.random() < 0.7:
        x = np.power(x, float(np.exp(rng.normal(0, 0.3))))
    if rng.random() < 0.6:
        field = np.exp(rng.normal(0, rng.uniform(0.05, 0.5), (3, 3))).astype(np.float32)
        x *= cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    if rng.random() < 0.7:
        x *= np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
    grey = x.mean(-1, keepdims=True)
    saturation = 0.0 if rng.random() < 0.12 else rng.uniform(0.4, 1.4)
    x = grey + (x - grey) * saturation
    x = (x - 0.5) * rng.uniform(0.5, 1.4) + 0.5 + rng.normal(0, 0.08)
    return (np.clip(x, 0, 1) * 255).astype(np.uint8)


def photograph(rng: np.random.Generator, rgb: Image) -> Image:
    """Half of the time as it is, else with blur, coarse resolution, motion, noise and JPEG, each sometimes."""
    size = rgb.shape[0]
    if rng.random() < 0.5:
        return rgb
    if rng.random() < 0.4:
        rgb = cv2.GaussianBlur(rgb, (0, 0), float(rng.uniform(0.3, size / 80)))
    if rng.random() < 0.35:
        small = int(size * rng.uniform(0.25, 0.9))
        rgb = cv2.resize(
            cv2.resize(rgb, (small, small), interpolation=cv2.INTER_AREA), (size, size), interpolation=cv2.INTER_LINEAR
        )
    if rng.random() < 0.15:
        length = int(rng.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, _px(rng.integers(0, length, 2)), _px(rng.integers(0, length, 2)), 1.0)
        rgb = cv2.filter2D(rgb, -1, kernel / kernel.sum())
    if rng.random() < 0.4:
        noise = rng.normal(0, rng.uniform(1, 12), rgb.shape if rng.random() < 0.5 else (size, size, 1))
        rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        rgb = decode(encode(rgb, quality=int(rng.integers(20, 92))))
    return rgb
