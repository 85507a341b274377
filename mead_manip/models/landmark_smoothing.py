"""Take the tremble of a detector out of landmarks, and leave what a face does in it.

Each frame becomes the mean of the frames around it that show the same, as far as the noise allows to tell (non-local
means, Buades, Coll and Morel 2005, along time). "The same" is asked of a group of points at once, an eye, the lips:
together they tell a blink of two frames from noise, where no single point could. A slow or still face is thus averaged
over many frames, a sudden one not at all, and nothing is delayed. The motion of the head is taken out before and put
back after, so that lips at rest are at rest in a head that turns.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Complex, Float32
from scipy.stats import chi2

_REACH = 9  # frames to either side
_SPREAD = 4.0  # frames, of their weights
_STRICT = 2.0  # standard deviations of what noise does to a difference: where weights fall to 1/e
_CALM = 0.5  # of the frames are taken to be without sudden motion, to measure the noise
_FACE_NOISE = 3.0  # times that of the calm groups: more is motion, not noise
_RIGID = np.array([*range(27, 36), 36, 39, 42, 45])  # move with the head
_CORNERS = (36, 45)  # outer, of the eyes
_GROUPS = {
    "jaw": np.arange(0, 17),
    "right brow": np.arange(17, 22),
    "left brow": np.arange(22, 27),
    "nose": np.arange(27, 36),
    "right eye": np.arange(36, 42),
    "left eye": np.arange(42, 48),
    "outer lips": np.arange(48, 60),
    "inner lips": np.arange(60, 68),
    "pupils": np.arange(68, 70),
}
_CALM_GROUPS = ("right brow", "left brow", "nose")


def smooth_points(
    points_px: Float32[np.ndarray, "frame 70 2"], visible: Bool[np.ndarray, " frame"]
) -> Float32[np.ndarray, "frame 70 2"]:
    """Smooth iBUG-68 and the two pupils over the frames of one shot; frames that are not visible stay as they are."""
    if visible.sum() < 5:
        return points_px.copy()
    points = points_px[..., 0].astype(np.complex128) + 1j * points_px[..., 1]
    shape = _mean_shape(points[visible])
    turn, place = _fit(points, shape)
    rest = (points - place[:, None]) / turn[:, None] - shape
    head = np.stack([turn, place], axis=1)
    head_noise = _noise(head, visible)
    head = _denoised(head, visible, head_noise)
    noises = {name: _noise(rest[:, group], visible) for name, group in _GROUPS.items()}
    usual = float(np.median([noises[name] for name in _CALM_GROUPS]))
    for name, group in _GROUPS.items():
        rest[:, group] = _denoised(rest[:, group], visible, min(noises[name], _FACE_NOISE * usual))
    smooth = head[:, :1] * (shape + rest) + head[:, 1:]
    smooth = np.where(visible[:, None], smooth, points)
    return np.stack([smooth.real, smooth.imag], axis=-1).astype(np.float32)


# ---- the head's motion: a similarity from the mean shape, as complex numbers turn * shape + place ------------------


def _mean_shape(points: Complex[np.ndarray, "frame 70"]) -> Complex[np.ndarray, " 70"]:
    """Average the shapes, as long between the outer corners of the eyes as 1, about the middle of what is rigid."""
    shape = points[0]
    for _ in range(2):
        turn, place = _fit(points, shape)
        shape = ((points - place[:, None]) / turn[:, None]).mean(0)
    shape = shape - shape[_RIGID].mean()
    return shape / max(abs(shape[_CORNERS[1]] - shape[_CORNERS[0]]), 1e-9)


def _fit(
    points: Complex[np.ndarray, "frame 70"], shape: Complex[np.ndarray, " 70"]
) -> tuple[Complex[np.ndarray, " frame"], Complex[np.ndarray, " frame"]]:
    """Give turn (with scale) and place of each frame, by least squares over the rigid points."""
    middle = shape[_RIGID].mean()
    arms = shape[_RIGID] - middle
    centre = points[:, _RIGID].mean(1)
    turn = (points[:, _RIGID] - centre[:, None]) @ arms.conj() / max(float((abs(arms) ** 2).sum()), 1e-9)
    turn = np.where(abs(turn) > 1e-6, turn, 1e-6)
    return turn, centre - turn * middle


# ---- noise and means ----------------------------------------------------------------------------------------------


def _noise(values: Complex[np.ndarray, "frame part"], visible: Bool[np.ndarray, " frame"]) -> float:
    """Measure the standard deviation of the noise of one coordinate, from second differences in calm frames.

    White noise of variance v makes second differences of variance 6 v; their mean squares over n coordinates are
    distributed as chi-square.
    """
    whole = visible[:-2] & visible[1:-1] & visible[2:]
    if not whole.any():
        return 0.0
    bend = (abs(np.diff(values, 2, axis=0)[whole]) ** 2).mean(1) / 2  # a complex number is two coordinates
    n = 2 * values.shape[1]
    return float(np.sqrt(np.quantile(bend, _CALM) / 6 / (chi2.ppf(_CALM, n) / n)))


def _denoised(
    values: Complex[np.ndarray, "frame part"], visible: Bool[np.ndarray, " frame"], noise: float
) -> Complex[np.ndarray, "frame part"]:
    """Average each frame with those around it that differ from it by no more than noise."""
    if noise <= 0:
        return values
    n = 2 * values.shape[1]
    doubt = _STRICT * np.sqrt(2 / n)
    total = np.where(visible[:, None], values, 0)
    mass = visible.astype(np.float64)
    for step in range(1, min(_REACH, len(values) - 1) + 1):
        both = visible[:-step] & visible[step:]
        apart = (abs(values[step:] - values[:-step]) ** 2).mean(1) / 2 / (2 * noise**2)
        weight = both * np.exp(-np.maximum(apart - 1, 0) / doubt - 0.5 * (step / _SPREAD) ** 2)
        total[step:] += weight[:, None] * values[:-step]
        total[:-step] += weight[:, None] * values[step:]
        mass[step:] += weight
        mass[:-step] += weight
    return np.where(visible[:, None], total / np.maximum(mass, 1e-9)[:, None], values)
