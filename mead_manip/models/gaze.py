"""Pupils in a picture -> how both eyeballs of a fitted head are turned."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from mead_manip.geometry import smooth
from mead_manip.models.face_model import LID_FOLLOWS_DOWN, LID_FOLLOWS_UP, HeadModel, rotation

EYE_CORNERS = ((42, 45), (36, 39))  # iBUG-68, the subject's left eye first
YAW, PITCH = 0.75, 0.6  # radians: as far as eyes turn
SHUT = 0.7  # closure above which a pupil is a guess
PUPIL_ERROR = 0.012  # of a detector's pupils, dm
WANDERS = 0.35  # standard deviation of gaze, radians
SMOOTHING = 0.02  # seconds; a saccade takes about twice that
STEPS = 4


@dataclass(frozen=True)
class Eyeballs:
    """Both eyeballs of one person who looks ahead; head space, dm; the subject's left first."""

    centre: Float[Tensor, "eye=2 3"]
    pupil: Float[Tensor, "eye=2 3"]  # from the centre


def eyeballs_of(head: HeadModel, identity: Float[Tensor, " identity"]) -> Eyeballs:
    """Find a person's eyeballs: the pupil is where one stands out furthest."""
    rest = head.neutral(identity[None].to(head.template))[0]
    centres = head.joints[1:3] + torch.einsum("i,ijc->jc", identity.to(head.joints), head.joint_basis)[1:3]
    pupils = []
    for side, centre in enumerate(centres, start=1):
        arms = rest[head.eyeball == side] - centre
        pupils.append(torch.stack([0 * arms[0, 0], 0 * arms[0, 0], arms[:, 2].max()]))
    return Eyeballs(centres.double(), torch.stack(pupils).double())


def pupils_beside_corners(
    pupils_px: Float[np.ndarray, "frame eye=2 2"],
    landmarks_px: Float[np.ndarray, "frame 68 2"],
    predicted_px: Float[np.ndarray, "frame 68 2"],
    camera: Float[np.ndarray, "frame 3"],
) -> Float[np.ndarray, "frame eye=2 2"]:
    """Give pupils as the head's camera sees them, dm across and up, the subject's left first.

    They are held against the corners of their eye: where the fit misses those, it misses the eyeball as much.
    """
    corners = np.array(EYE_CORNERS)
    slipped = (landmarks_px[:, corners] - predicted_px[:, corners]).mean(axis=2)
    return (pupils_px[:, ::-1] - slipped - camera[:, None, 1:]) / camera[:, None, :1] * [1, -1]


def gaze_of(
    eyes: Eyeballs,
    pupils: Float[Tensor, "frame eye=2 2"],
    head_pose: Float[Tensor, "frame 3"],
) -> Float[Tensor, "frame yaw_pitch=2"]:
    """Turn both eyes alike so that their pupils fall on `pupils` (across, up; dm from the head's origin as seen).

    Least squares with a mild pull ahead: of an eye that is turned away, the other one decides.
    """
    turn = rotation(head_pose)[:, :2]
    gaze = torch.zeros(len(pupils), 2, dtype=turn.dtype)
    zero = torch.zeros(len(pupils), dtype=turn.dtype)
    for _ in range(STEPS):
        by_yaw = rotation(torch.stack([zero, gaze[:, 0], zero], 1))
        by_pitch = rotation(torch.stack([-gaze[:, 1], zero, zero], 1))
        raised = torch.einsum("fij,ej->fei", by_pitch, eyes.pupil)
        arm = torch.einsum("fij,fej->fei", by_yaw, raised)
        across = torch.stack([arm[..., 2], 0 * arm[..., 1], -arm[..., 0]], -1)  # y x arm
        tilt = torch.stack([0 * raised[..., 0], raised[..., 2], -raised[..., 1]], -1)  # -x x raised
        derivative = torch.stack([across, torch.einsum("fij,fej->fei", by_yaw, tilt)], -1)
        slopes = torch.einsum("fij,fejk->feik", turn, derivative).flatten(1, 2)
        missing = (pupils - torch.einsum("fij,fej->fei", turn, eyes.centre + arm)).flatten(1)
        normal = slopes.mT @ slopes + (PUPIL_ERROR / WANDERS) ** 2 * torch.eye(2, dtype=turn.dtype)
        pull = (slopes.mT @ missing[..., None])[..., 0] - (PUPIL_ERROR / WANDERS) ** 2 * gaze
        gaze = gaze + torch.linalg.solve(normal, pull)
        gaze = torch.stack([gaze[:, 0].clamp(-YAW, YAW), gaze[:, 1].clamp(-PITCH, PITCH)], 1)
    return gaze


def steady_gaze(
    gaze: Float[np.ndarray, "frame 2"],
    closure: Float[np.ndarray, "frame 2"],
    seen: Bool[np.ndarray, " frame"],
    fps: float,
) -> Float32[np.ndarray, "frame 2"]:
    """Smooth lightly; where the eyes are shut or unseen, hold what lies on both sides."""
    good = seen & (closure.min(axis=1) < SHUT)
    if not good.any():
        return np.zeros_like(gaze, np.float32)
    frames = np.arange(len(gaze))
    held = np.stack([np.interp(frames, frames[good], column[good]) for column in gaze.T], axis=1)
    return smooth(held, SMOOTHING * fps).astype(np.float32)


def lids_beside_gaze(
    closure: Float[np.ndarray, "frame 2"], gaze: Float[np.ndarray, "frame 2"]
) -> Float32[np.ndarray, "frame 2"]:
    """Take out of the lids' closure what they follow the eyes up and down by: the head adds it again."""
    follow = _followed(gaze)
    return np.clip((closure - follow) / (1 - follow), 0, 1).astype(np.float32)


def lids_with_gaze(
    eyelids: Float[np.ndarray, "frame 2"], gaze: Float[np.ndarray, "frame 2"]
) -> Float32[np.ndarray, "frame 2"]:
    """Give the closure that is seen: lids follow the eyes up and down."""
    return (eyelids + (1 - eyelids) * _followed(gaze)).astype(np.float32)


def _followed(gaze: Float[np.ndarray, "frame 2"]) -> Float[np.ndarray, "frame 1"]:
    pitch = gaze[:, 1:]
    return LID_FOLLOWS_DOWN * np.maximum(-pitch, 0) - LID_FOLLOWS_UP * np.maximum(pitch, 0)
