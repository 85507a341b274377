"""What a face does all along a video -> how much of it is the person and no expression.

A fit of one video takes high brows for raised ones, and an edit that sets the brows would pull them down. How people
differ at rest is measured (RestingFaces); how far emotions move a face, the manipulator knows. The mean of a clip is
taken for a person at rest, or for one who acts one of the emotions, each as probable as it explains the mean.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from jaxtyping import Float, Float32

from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import RestingFaces
from mead_manip.models.manipulation import restyle, style_of_emotion
from mead_manip.models.manipulator import Manipulator

AT_REST = 0.9  # of the people in videos show no emotion on average
SHARES = (1 / 3, 2 / 3, 1.0)  # of an emotion: MEAD's levels
# Videos are less like each other than studio photographs, seen from the front: the variance between people counts so
# many times, and the mean of a clip departs from what it should be by this standard deviation more.
LOOSER, DOUBT = 2.0, 0.15
N_STYLES, N_FRAMES = 64, 20

Mean = Float32[np.ndarray, " coef"]


@functools.lru_cache(maxsize=1)
def resting_faces() -> RestingFaces:
    """Load how people differ at rest."""
    return load_asset(RestingFaces, "resting_faces.h5")


def own_rest(
    nets: Manipulator,
    source: Float32[np.ndarray, "frame coef"],
    coef_names: tuple[str, ...],
    detector: str,
) -> Float32[np.ndarray, " coef"]:
    """Give what of a clip's coefficients is the person's face at rest; 0 for heads and detectors never measured.

    `source`: opening of the jaw and expression of the frames with a face. For clips whose person was known when they
    were fitted this is 0 already, and must not be asked.
    """
    known = resting_faces()
    if ("jaw_pose_x", *coef_names) != known.coef_names or detector not in known.detectors:
        return np.zeros(source.shape[1], np.float32)
    row = known.detectors.index(detector)
    return person_part(source.mean(axis=0), acted_means(nets), known.mean[row], known.covariance[row])


def person_part(
    mean: Mean,
    acted: Float32[np.ndarray, "emotion coef"],
    rest: Mean,
    covariance: Float32[np.ndarray, "coef coef"],
) -> Float32[np.ndarray, " coef"]:
    """Give the expected part of the person in the mean of a clip, which is that and perhaps an emotion, and noise."""
    shown = np.concatenate([np.zeros((1, len(mean))), *(share * acted for share in SHARES)])
    log_prior = np.full(len(shown), np.log((1 - AT_REST) / max(len(shown) - 1, 1)))
    log_prior[0] = np.log(AT_REST)
    between = LOOSER * covariance.astype(np.float64)
    precision = np.linalg.inv(between + DOUBT**2 * np.eye(len(mean)))
    off = mean - rest - shown
    log_odds = log_prior - 0.5 * np.einsum("ki,ij,kj->k", off, precision, off)
    odds = np.exp(log_odds - log_odds.max())
    person = rest + off @ precision @ between
    return np.maximum((odds / odds.sum()) @ person, 0.0).astype(np.float32)


@torch.no_grad()
def acted_means(nets: Manipulator) -> Float[np.ndarray, "emotion coef"]:
    """Give how far each emotion moves a silent face, on average."""
    still = nets.coef_mean.new_zeros(N_FRAMES, nets.architecture.n_coefs)
    means = {
        name: restyle(nets, still, style_of_emotion(nets, name, n_styles=N_STYLES)).mean(dim=0).cpu().numpy()
        for name in nets.architecture.emotions
    }
    neutral = means.pop("neutral", np.zeros(nets.architecture.n_coefs, np.float32))
    return np.stack([mean - neutral for mean in means.values()])
