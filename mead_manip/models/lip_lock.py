"""Lips that an edit moves stay lips: closed where those of the source speak so, and no wider than lips can be.

A mouth that stays closed for longer than speech does is at rest, not speaking: an emotion may open it there, and it is
closed again where speech begins.

Gap and width are read off the face model, without pose. What an edit does to a mouth beyond what it may goes back
towards the source, by the coefficients that do it and by no more than that takes: a smile stays a smile.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

from mead_manip.geometry import rise
from mead_manip.models.face_model import HeadModel
from mead_manip.models.posed_faces import FaceModel

CLOSED, PARTED = 0.02, 0.1  # gap between the lips, in inter-ocular distances: up to here closed, from here on open
HELD, FREE = 0.05, 0.11  # the same for what the lock holds: what counts as closed has to come out closed
WHOLLY = 0.8  # from this amount of lock on, lips that speech closes stay closed; from there to 1 those at rest, too
# Bilabial sounds close lips for .05 to .2 s. What lies further than this from parted lips is rest, in seconds.
SPEECH, RELEASE = 0.15, 0.25  # and the lock lets go within so long
# Width of a mouth against the same at rest. Bared teeth of a real face reach 1.30 at a gap of .16, rendered ones 1.3.
# A mouth that opens further grows narrow: the rim of the lips does not grow with it.
WIDEST, NARROW = 1.3, 1.05
NARROWS_FROM, NARROWS_TO = 0.14, 0.3  # gaps over which the widest shrinks from one to the other
UPPER, LOWER, CORNERS, EYES = [61, 62, 63], [67, 66, 65], (48, 54), (36, 45)  # iBUG-68
SLIGHT = 0.003  # a coefficient that does less to a measure, per unit, does nothing to it: brows move no lips
STEP = 0.1  # of a coefficient, to see what it does; the jaw counts in radians
ROUNDS = 2  # the second takes back what the first, a linear guess, missed
CHUNK = 256  # frames at once

Coefs = Float32[np.ndarray, "frame coef"]
Measure = Callable[[Coefs], Float32[np.ndarray, " frame"]]


class Lips:
    """The lips of one person."""

    def __init__(self, model: FaceModel, identity: Float32[np.ndarray, " identity"]) -> None:
        # A part of the head is enough, and ten times as fast.
        self.model = model.restricted(model.required_vertices()) if isinstance(model, HeadModel) else model
        self.identity = torch.from_numpy(identity)[None]

    def gap(self, coefs: Coefs) -> Float32[np.ndarray, " frame"]:
        """Measure how far they part, in inter-ocular distances, below 0 where they press. A row: jaw, expression."""
        return self._measured(coefs)[:, 0]

    def width(self, coefs: Coefs) -> Float32[np.ndarray, " frame"]:
        """Measure how far apart the corners of the mouth are, in inter-ocular distances."""
        return self._measured(coefs)[:, 1]

    def locked(
        self,
        source: Coefs,
        edited: Coefs,
        amount: float,
        times: Float64[np.ndarray, " frame"],
        seen: Float32[np.ndarray, " frame"] | None = None,
    ) -> Coefs:
        """Take `edited` back where the lips of `source` close: `amount` 0 leaves it, `WHOLLY` closes them as they were.

        At rest (`resting`) they may open, the less the nearer `amount` is to 1. `times` are in seconds.
        `seen`: the gaps in the picture (`seen_gap`). A fit can part lips that the picture shows closed, never so far
        the other way: the smaller of the two tells whether they are.
        """
        if amount == 0:
            return edited
        gap = self.gap(source)
        shut = _fallen(gap if seen is None else np.minimum(gap, seen), HELD, FREE)
        held = np.clip((amount - WHOLLY) / (1.0 - WHOLLY), 0.0, 1.0)
        closed = min(1.0, amount / WHOLLY) * shut * (1.0 - (1.0 - held) * resting(shut, times))
        allowed = gap + (1.0 - closed) * np.maximum(self.gap(edited) - gap, 0.0)
        return self._taken_back(source, edited, self.gap, allowed.astype(np.float32))

    def no_wider(self, source: Coefs, edited: Coefs) -> Coefs:
        """Take `edited` back to where its mouth is as wide as mouths get, or as that of `source` is."""
        rest = float(self.width(np.zeros((1, source.shape[1]), np.float32))[0])
        open_as = np.maximum(
            self.gap(edited), self.gap(source)
        )  # a gap that the edit closes was drawn from an open one
        allowed = np.maximum(rest * widest(open_as), self.width(source))
        return self._taken_back(source, edited, self.width, allowed)

    def _taken_back(
        self, source: Coefs, edited: Coefs, measure: Measure, allowed: Float32[np.ndarray, " frame"]
    ) -> Coefs:
        """Give `edited` with so much less of what makes `measure` grow that it is `allowed`."""
        slopes = self._slopes(source.shape[1], measure)
        for _ in range(ROUNDS):
            excess = np.maximum(measure(edited) - allowed, 0.0)
            growing = np.maximum((edited - source) * slopes, 0.0)
            share = np.clip(excess / np.maximum(growing.sum(axis=1), 1e-6), 0.0, 1.0)[:, None] * (growing > 0)
            edited = (edited + share * (source - edited)).astype(np.float32)
        return edited

    def _slopes(self, n_coefs: int, measure: Measure) -> Float32[np.ndarray, " coef"]:
        """Give how much each coefficient makes a measure grow, per unit, about the mouth at rest."""
        value = measure(np.concatenate([np.zeros((1, n_coefs)), STEP * np.eye(n_coefs)]).astype(np.float32))
        slopes = (value[1:] - value[0]) / STEP
        return np.where(np.abs(slopes) < SLIGHT, 0.0, slopes).astype(np.float32)

    @torch.no_grad()
    def _measured(self, coefs: Coefs) -> Float32[np.ndarray, "frame gap_width=2"]:
        return np.concatenate([self._measured_chunk(coefs[k : k + CHUNK]) for k in range(0, len(coefs), CHUNK)])

    def _measured_chunk(self, coefs: Coefs) -> Float32[np.ndarray, "frame gap_width=2"]:
        values = torch.from_numpy(coefs)
        jaw = torch.cat([values[:, :1], torch.zeros(len(coefs), 2)], dim=1)
        points = self.model.landmarks(self.model(self.identity, values[:, 1:], jaw))
        gap = (points[:, UPPER, 1] - points[:, LOWER, 1]).mean(dim=1)
        width = (points[:, CORNERS[0]] - points[:, CORNERS[1]]).norm(dim=1)
        return (torch.stack([gap, width], 1) / (points[:, EYES[0]] - points[:, EYES[1]]).norm(dim=1)[:, None]).numpy()


def seen_gap(landmarks_px: Float32[np.ndarray, "frame 68 2"]) -> Float32[np.ndarray, " frame"]:
    """Measure how far lips part in the picture, in inter-ocular distances."""
    gap = np.linalg.norm(landmarks_px[:, UPPER] - landmarks_px[:, LOWER], axis=2).mean(axis=1)
    eyes = np.linalg.norm(landmarks_px[:, EYES[0]] - landmarks_px[:, EYES[1]], axis=1)
    return (gap / np.maximum(eyes, 1e-6)).astype(np.float32)


def closure(gap: Float32[np.ndarray, " frame"]) -> Float32[np.ndarray, " frame"]:
    """Turn gaps into how closed lips are: 0 parted, 1 closed."""
    return _fallen(gap, CLOSED, PARTED)


def resting(shut: Float32[np.ndarray, " frame"], times: Float64[np.ndarray, " frame"]) -> Float32[np.ndarray, " frame"]:
    """Turn how closed lips are into how much they rest: 0 in speech .. 1 far in time from frames that part them."""
    parted = times[shut < 0.75]
    if not len(parted):
        return np.ones(len(times), np.float32)
    after = np.searchsorted(parted, times)
    to_next = np.where(after < len(parted), parted[np.minimum(after, len(parted) - 1)] - times, np.inf)
    to_last = np.where(after > 0, times - parted[np.maximum(after - 1, 0)], np.inf)
    away = 1.0 - _fallen(np.minimum(to_next, to_last), SPEECH, SPEECH + RELEASE)
    # A pause too short to let go of is none: lips that opened in it for a moment would twitch.
    return away * (to_next + to_last >= 2 * (SPEECH + RELEASE))


def widest(gap: Float32[np.ndarray, " frame"]) -> Float32[np.ndarray, " frame"]:
    """Give how wide a mouth can be that opens so far, against its width at rest."""
    return (NARROW + (WIDEST - NARROW) * _fallen(gap, NARROWS_FROM, NARROWS_TO)).astype(np.float32)


def _fallen(value: Float[np.ndarray, " frame"], start: float, end: float) -> Float32[np.ndarray, " frame"]:
    """Fall from 1 at `start` to 0 at `end`, smoothly."""
    return rise(value, end, start).astype(np.float32)
