"""Head space (dm, y up, z to the viewer) -> screen (pixels, y down, depth larger = nearer)."""

import numpy as np
from jaxtyping import Float, Float32


def to_screen(
    points: Float[np.ndarray, "point xyz=3"], camera: Float[np.ndarray, " camera=3"]
) -> Float32[np.ndarray, "point xyd=3"]:
    """Project rotated head points by a scaled-orthographic camera (px per dm, x px, y px); depth stays z in dm."""
    scale, x_px, y_px = (float(value) for value in camera)
    return np.asarray(points, np.float32) * np.array([scale, -scale, 1.0], np.float32) + np.array(
        [x_px, y_px, 0.0], np.float32
    )


def with_perspective(points: Float[np.ndarray, "*point xyz=3"], strength: float) -> Float32[np.ndarray, "*point xyz=3"]:
    """Pull rotated head points into the shape a near camera sees, so that the orthographic camera stays exact.

    `strength` is 1 / (distance of the lens from the head's origin in dm): 0 = far away, .1 = one metre, .25 = a
    selfie. Vertices and landmarks go through the same function, which keeps the landmarks true.
    """
    points = np.asarray(points, np.float32)
    nearness = np.maximum(1.0 - np.float32(strength) * points[..., 2:], np.float32(0.05))
    return points / nearness
