"""Where the lips of the source are closed, those of an edit close too: bilabial sounds keep what makes them readable.

The gap between the lips is read off the face model, without pose. Where the source closes it and the edit opens it, the
coefficients that open it go back towards the source, by no more than that takes: a smile stays a smile.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32

from mead_manip.models.face_model import HeadModel
from mead_manip.models.posed_faces import FaceModel

CLOSED, PARTED = 0.02, 0.1  # gap between the lips, in inter-ocular distances: up to here closed, from here on open
UPPER, LOWER, EYES = [61, 62, 63], [67, 66, 65], (36, 45)  # iBUG-68
STEP = 0.1  # of a coefficient, to see what it does; the jaw counts in radians
CHUNK = 256  # frames at once


class Lips:
    """The lips of one person."""

    def __init__(self, model: FaceModel, identity: Float32[np.ndarray, " identity"]) -> None:
        # A part of the head is enough, and ten times as fast.
        self.model = model.restricted(model.required_vertices()) if isinstance(model, HeadModel) else model
        self.identity = torch.from_numpy(identity)[None]

    @torch.no_grad()
    def gap(self, coefs: Float32[np.ndarray, "frame coef"]) -> Float32[np.ndarray, " frame"]:
        """Measure how far they part, in inter-ocular distances, below 0 where they press. A row: jaw, expression."""
        return np.concatenate([self._gap(coefs[k : k + CHUNK]) for k in range(0, len(coefs), CHUNK)])

    def _gap(self, coefs: Float32[np.ndarray, "frame coef"]) -> Float32[np.ndarray, " frame"]:
        values = torch.from_numpy(coefs)
        jaw = torch.cat([values[:, :1], torch.zeros(len(coefs), 2)], dim=1)
        points = self.model.landmarks(self.model(self.identity, values[:, 1:], jaw))
        gap = (points[:, UPPER, 1] - points[:, LOWER, 1]).mean(dim=1)
        return (gap / (points[:, EYES[0]] - points[:, EYES[1]]).norm(dim=1)).numpy()

    def slopes(self, n_coefs: int) -> Float32[np.ndarray, " coef"]:
        """Give how much each coefficient opens the gap, per unit, about the mouth at rest."""
        gap = self.gap(np.concatenate([np.zeros((1, n_coefs)), STEP * np.eye(n_coefs)]).astype(np.float32))
        return ((gap[1:] - gap[0]) / STEP).astype(np.float32)

    def locked(
        self,
        source: Float32[np.ndarray, "frame coef"],
        edited: Float32[np.ndarray, "frame coef"],
        amount: float,
    ) -> Float32[np.ndarray, "frame coef"]:
        """Take `edited` back to where the lips of `source` close; `amount` 0 leaves it, 1 closes them as they were."""
        if amount == 0:
            return edited
        gap = self.gap(source)
        excess = amount * closure(gap) * np.maximum(self.gap(edited) - gap, 0.0)
        opening = np.maximum((edited - source) * self.slopes(source.shape[1]), 0.0)
        share = np.clip(excess / np.maximum(opening.sum(axis=1), 1e-6), 0.0, 1.0)[:, None] * (opening > 0)
        return (edited + share * (source - edited)).astype(np.float32)


def closure(gap: Float32[np.ndarray, " frame"]) -> Float32[np.ndarray, " frame"]:
    """Turn gaps into how closed lips are: 0 parted, 1 closed."""
    share = np.clip((PARTED - gap) / (PARTED - CLOSED), 0.0, 1.0)
    return (share * share * (3.0 - 2.0 * share)).astype(np.float32)
