"""What furrows and bulges say of expression: crops unwrapped by the fitted head correct how units move within a shot.

Landmarks hardly see a knit brow. Each crop is read at fixed points of the head's skin, as log luminance less what
varies slowly over the face; how that departs from its mean over the shot tells what the fit of a unit lacks (ridge
regression on renders, PhotometricRefiner). The means stay as the landmarks have them: a shot compared with itself says
nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from scipy.linalg import solveh_banded

from mead_manip.artifacts.schemas import FaceTrack, PhotometricRefiner, Reconstruction
from mead_manip.media.images import decode_grey
from mead_manip.models.beliefs import UNIT
from mead_manip.models.face_model import HeadModel, project
from mead_manip.models.landmark_smoothing import denoised, noise_of

SLOW = 5.0  # texture pixels: standard deviation of what counts as slow variation over the face
GRAIN = 0.7  # crop pixels: of the blur that takes out noise before reading
DARK = 8.0  # grey levels added before the logarithm
LIMIT = 0.6  # of a departure in log luminance: highlights and shadows are no furrows
TURNED = (0.25, 0.5)  # radians, yaw and pitch together: pictures of the front are believed up to, and not beyond
SMALL = (20.0, 40.0)  # px/dm in the frame: too small to show furrows; large enough
FLAT = (0.01, 0.03)  # standard deviation of the relief: no skin to be seen; skin
LEAST_FRAMES = 5.0  # that a shot must show well to be compared with itself
STEADY = 30.0  # times as stiff as the fit's own beliefs about bends: pictures tremble more than landmarks
STRICT = 2.0  # times the noise that is measured may be taken for noise
_PIECE = 64  # frames


@dataclass(frozen=True)
class Reading:
    """What the pictures of a clip say: what each unit lacks, but for a constant, and how far to believe the frame."""

    units: Float[np.ndarray, "frame unit"]
    belief: Float[np.ndarray, " frame"]


class Skin:
    """Fixed points of the head's skin, laid out as a picture of the unwrapped face."""

    def __init__(self, asset: PhotometricRefiner, head: HeadModel) -> None:
        used = torch.from_numpy(asset.corners.ravel()).long()
        kept = torch.unique(torch.cat([used, head.required_vertices()]))
        self._head = head.restricted(kept)
        self._corners = torch.searchsorted(kept, used).reshape(-1, 3).numpy()
        self._weights = asset.barycentric.astype(np.float32)[..., None]
        self.region = asset.region

    def reliefs(
        self, track: FaceTrack, found: Reconstruction, step: int = 1
    ) -> Iterator[tuple[int, Float32[np.ndarray, " point"]]]:
        """Read every `step`-th crop that there is: its frame, and its relief."""
        frames = np.arange(0, len(found.visible), step)
        frames = frames[np.diff(track.face_offsets)[frames] > 0]
        for piece in np.split(frames, np.arange(_PIECE, len(frames), _PIECE)):
            places = self._places_px(found, piece)
            for frame, place in zip(piece, places, strict=True):
                crop = decode_grey(track.face_bytes[track.face_offsets[frame] : track.face_offsets[frame + 1]])
                frame_from_crop = track.frame_from_crop[frame]
                yield int(frame), self.relief(crop, (place - frame_from_crop[:, 2]) / frame_from_crop[0, 0])

    def relief(
        self, crop: UInt8[np.ndarray, "height width"], points_px: Float[np.ndarray, "point 2"]
    ) -> Float32[np.ndarray, " point"]:
        """Read log luminance at points of a crop, less its local mean over the face."""
        across, down = np.zeros((2, *self.region.shape), np.float32)
        across[self.region], down[self.region] = points_px.T
        calm = cv2.GaussianBlur(crop, (0, 0), GRAIN)
        read = cv2.remap(calm, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        texture = np.log(read.astype(np.float32) + DARK) * self.region
        local = cv2.GaussianBlur(texture, (0, 0), SLOW) / self._share
        return np.clip(texture - local, -LIMIT, LIMIT)[self.region]

    @cached_property
    def _share(self) -> Float32[np.ndarray, "row column"]:
        """How much of each point's surroundings is skin."""
        return cv2.GaussianBlur(self.region.astype(np.float32), (0, 0), SLOW) + 1e-3

    def _places_px(self, found: Reconstruction, frames: np.ndarray) -> Float32[np.ndarray, "some point 2"]:
        posed = (found.expression, found.jaw_pose, found.eyelids, found.gaze, found.head_pose)
        vertices = self._head(
            torch.from_numpy(found.identity)[None], *(torch.from_numpy(part[frames]) for part in posed)
        )
        corners = project(vertices, torch.from_numpy(found.camera[frames])).numpy()[:, self._corners]
        return (corners * self._weights).sum(axis=2)


def read_clip(asset: PhotometricRefiner, skin: Skin, track: FaceTrack, found: Reconstruction) -> Reading:
    """Read all crops of a clip."""
    said = np.zeros((len(found.visible), len(asset.units)))
    contrast = np.zeros(len(found.visible))
    weight = asset.by_picture.astype(np.float32)
    for frame, relief in skin.reliefs(track, found):
        said[frame] = weight @ relief
        contrast[frame] = relief.std()
    turn = np.linalg.norm(found.head_pose[:, :2], axis=1)
    frontal = 1 - _ramp(turn, TURNED)
    return Reading(said, found.visible * frontal * _ramp(found.camera[:, 0], SMALL) * _ramp(contrast, FLAT))


def refine(
    asset: PhotometricRefiner,
    found: Reconstruction,
    reading: Reading,
    cuts: np.ndarray,
    first: Float[np.ndarray, " unit"],
    second: Float[np.ndarray, " unit"],
) -> Reconstruction:
    """Correct how the asset's units move within a shot; `first`, `second`: precisions of differences in time."""
    chosen = np.array([found.coef_names.index(name) for name in asset.units], np.int64)
    expression = found.expression.copy()
    for shot in np.split(np.arange(len(expression)), cuts):
        belief = reading.belief[shot]
        if belief.sum() < LEAST_FRAMES:
            continue
        lacking = reading.units[shot] - belief @ reading.units[shot] / belief.sum()
        lacking = smooth(_calmed(lacking, belief, asset.units), belief, asset.error, first, STEADY * second)
        moved = expression[np.ix_(shot, chosen)] + belief[:, None] * lacking
        expression[np.ix_(shot, chosen)] = np.clip(moved, UNIT.lower, UNIT.upper)
    return replace(found, expression=expression)


def smooth(
    told: Float[np.ndarray, "frame unit"],
    belief: Float[np.ndarray, " frame"],
    error: Float[np.ndarray, " unit"],
    first: Float[np.ndarray, " unit"],
    second: Float[np.ndarray, " unit"],
) -> Float[np.ndarray, "frame unit"]:
    """Give the likeliest course of each unit under the fit's own beliefs about speeds: pentadiagonal equations."""
    n = len(told)
    out = np.empty_like(told)
    for unit in range(told.shape[1]):
        trust = belief / error[unit] ** 2
        bands = np.zeros((3, n))  # diagonal, next to it, next but one
        bands[0] = trust + 1e-9
        for precision, stencil in ((first[unit], (-1.0, 1.0)), (second[unit], (1.0, -2.0, 1.0))):
            size = len(stencil)
            for early in range(size):
                for late in range(early, size):
                    bands[late - early, early : n - size + 1 + early] += precision * stencil[early] * stencil[late]
        out[:, unit] = solveh_banded(bands[: min(3, n)], trust * told[:, unit], lower=True)
    return out


def _calmed(
    told: Float[np.ndarray, "frame unit"], belief: Float[np.ndarray, " frame"], units: Sequence[str]
) -> Float[np.ndarray, "frame unit"]:
    """Take out the tremble as from landmarks; both sides of a unit are asked together."""
    out, seen = told.astype(np.complex128), belief > 0
    families = [name.removesuffix("_L").removesuffix("_R") for name in units]
    for family in dict.fromkeys(families):
        group = np.flatnonzero([name == family for name in families])
        out[:, group] = denoised(out[:, group], seen, STRICT * noise_of(out[:, group], seen))
    return out.real


def _ramp(values: Float[np.ndarray, " frame"], ends: tuple[float, float]) -> Float[np.ndarray, " frame"]:
    """Rise smoothly from 0 to 1 between two ends."""
    share = np.clip((values - ends[0]) / (ends[1] - ends[0]), 0, 1)
    return share * share * (3 - 2 * share)
