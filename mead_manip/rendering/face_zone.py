"""The part of a frame that belongs to a face: what an edit may change. All else keeps its bytes."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Float32

from mead_manip.geometry import rise

FOREHEAD = 0.8  # height of the forehead above the eyes, in distances from eyes to chin
FREE, REACH = 0.3, 0.55  # inter-ocular distances about the outline: an edit fades from the one to the other


def interocular(landmarks_px: Float[np.ndarray, "68 2"]) -> float:
    """Give the distance between the outer eye corners, pixels; never 0."""
    return max(float(np.linalg.norm(landmarks_px[36] - landmarks_px[45])), 1e-6)


def face_outline(landmarks_px: Float[np.ndarray, "68 2"]) -> Float32[np.ndarray, "corner 2"]:
    """Give the convex hull of the landmarks and of a forehead about as high above the eyes as the chin is below."""
    points = landmarks_px.astype(np.float32)
    eyes = points[36:48].mean(axis=0)
    up = FOREHEAD * (eyes - points[8])
    temples = np.stack([points[0], eyes, points[16]])
    brow = temples + np.array([[0.7], [1.0], [0.7]], np.float32) * up
    return cv2.convexHull(np.concatenate([points, brow]).astype(np.float32))[:, 0].astype(np.float32)


def face_zone(landmarks_px: Float[np.ndarray, "68 2"], size: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
    """Weigh the pixels of a frame of (height, width): 1 in the face, smoothly down to 0 at `REACH` and beyond."""
    height, width = size
    outside = np.ones(((height + 1) // 2, (width + 1) // 2), np.uint8)  # smooth: half the resolution tells it
    cv2.fillConvexPoly(outside, np.rint(face_outline(landmarks_px) / 2).astype(np.int32), 0)
    if not outside.any():
        return np.ones(size, np.float32)
    distance = 2 * cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    zone = rise(distance / interocular(landmarks_px), REACH, FREE).astype(np.float32)
    return cv2.resize(zone, (width, height), interpolation=cv2.INTER_LINEAR)
