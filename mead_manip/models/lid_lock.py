"""Eyes that the source shuts stay shut, whatever an edit does to brows and lids: behind a shut lid no eye can be seen.

Brows that rise take the lids along, and a surprise draws lids back. Where the picture shows an eye shut, the lid comes
down again by what the edit raised it; the brows keep what they got.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32

from mead_manip.geometry import rise
from mead_manip.models.face_model import HeadModel

# Opening against the person's own open eye: up to here shut, from here on open.
SHUT, OPEN = 0.45, 0.85
WIDE = 90  # percentile of a clip's openings that counts as the open eye
LEAST_OPEN = 0.06  # in distances of the outer eye corners: a clip, or a picture, may show shut eyes only
UPPER, LOWER = [[43, 44], [37, 38]], [[47, 46], [41, 40]]  # iBUG-68, left and right
EYES = (36, 45)
SAME = 1e-4  # two openings that are one
HALVINGS = 8  # of the range in which the eyelid is looked for
CHUNK = 256  # frames at once

Coefs = Float32[np.ndarray, "frame coef"]
Sides = Float32[np.ndarray, "frame side=2"]  # left, right


class Lids:
    """The lids of one person."""

    def __init__(self, model: HeadModel, identity: Float32[np.ndarray, " identity"]) -> None:
        self.model = model.restricted(model.required_vertices())
        self.identity = torch.from_numpy(identity)[None]

    def opening(self, expression: Coefs, eyelids: Sides) -> Sides:
        """Measure how far upper and lower lid are apart, in distances of the outer eye corners."""
        rows = range(0, len(expression), CHUNK)
        chunks = [self._opening(expression[k : k + CHUNK], eyelids[k : k + CHUNK]) for k in rows]
        return np.concatenate(chunks) if chunks else np.zeros((0, 2), np.float32)

    def held(self, source: Coefs, edited: Coefs, eyelids: Sides, eyes_open: Sides) -> Sides:
        """Give the eyelids (0 open .. 1 closed) with which an edit opens a shut eye no further than the source does.

        `eyes_open` (see `openness`) is the share of what an edit opens that it may; what it closes stays closed.
        """
        before, after = self.opening(source, eyelids), self.opening(edited, eyelids)
        allowed = before + eyes_open * np.maximum(after - before, 0.0)
        held = eyelids.copy()
        (rows,) = np.nonzero((after > allowed + SAME).any(axis=1))
        if not len(rows):
            return held
        low, high, wanted = eyelids[rows].copy(), np.ones((len(rows), 2), np.float32), allowed[rows]
        for _ in range(HALVINGS):
            middle = ((low + high) / 2).astype(np.float32)
            wide = self.opening(edited[rows], middle) > wanted
            low, high = np.where(wide, middle, low), np.where(wide, high, middle)
        held[rows] = np.where(after[rows] > wanted + SAME, (low + high) / 2, eyelids[rows])
        return held

    @torch.no_grad()
    def _opening(self, expression: Coefs, eyelids: Sides) -> Sides:
        vertices = self.model(self.identity, torch.from_numpy(expression), None, torch.from_numpy(eyelids))
        points = self.model.landmarks(vertices)
        gap = (points[:, UPPER, 1] - points[:, LOWER, 1]).mean(dim=2)
        return (gap / (points[:, EYES[0]] - points[:, EYES[1]]).norm(dim=1)[:, None]).numpy()


def openness(landmarks_px: Float32[np.ndarray, "frame 68 2"]) -> Float32[np.ndarray, "frame side=2"]:
    """Tell how open the eyes are in the picture, left and right: 0 shut .. 1 as open as they are in most of a clip."""
    apart = np.linalg.norm((landmarks_px[:, UPPER] - landmarks_px[:, LOWER]).mean(axis=2), axis=-1)
    eyes = np.linalg.norm(landmarks_px[:, EYES[0]] - landmarks_px[:, EYES[1]], axis=1)
    gap = apart / np.maximum(eyes, 1e-6)[:, None]
    own = np.maximum(np.percentile(gap, WIDE, axis=0), LEAST_OPEN) if len(gap) else LEAST_OPEN
    return rise(gap / own, SHUT, OPEN).astype(np.float32)
