"""Built-in head -> the same head whose skin moves as edits need it: frowns without a bar, noses without a beak.

What a fit never minds shows in an edit. The head's frown is gone within 6 mm below the brows: all the skin there is
pressed into one dark line that joins them. What wrinkles its nose lifts the wings by 5 mm and leaves or lowers the
tip, which sticks out between them like a hook; a real nose keeps about its form.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from jaxtyping import Float32

from mead_manip.geometry import rise
from mead_manip.models.face_model import HeadModel
from mead_manip.models.posed_faces import FaceModel

FROWNS = ("AU4_L", "AU4_R")
FROWN_REACH = 0.4  # dm about the root of the nose: where a frown is eased
STEEPEST = 0.28  # of its way: the most that skin below a frown shortens by each of its sides
ACROSS = np.array([1.8, 1.0, 1.0], np.float32)  # a way across the face counts so much: brows take less of it along
SMOOTH = 0.025  # dm
FORWARD = 0.3  # of the way down: skin that slides onto the nose comes forward with it
NOSE_LIFTERS = ("AU9_L", "AU9_R", "AU10_L", "AU10_R", "AU16_L", "AU16_R", "grin_L", "grin_R", "AU24")
AS_ONE = 0.65  # of what moves tip and wings apart is taken out
NOSE = (0.2, 0.34)  # dm about its middle
LIPS = slice(48, 60)
LIPS_STAY = (0.05, 0.12)
EYES = slice(36, 48)  # iBUG-68
EYES_STAY = (0.05, 0.14)  # dm about their points: a frown is not eased within the first, wholly beyond the second
MIDDLE = (0.13, 0.22)  # dm to either side: wholly eased within the first, not beyond the second


def for_edits(model: FaceModel) -> FaceModel:
    """Return what edits pose: the built-in head eased, any other face model as it is."""
    return eased(model) if isinstance(model, HeadModel) else model


@functools.lru_cache(maxsize=2)
def eased(model: HeadModel) -> HeadModel:
    """Return a head that differs from `model`, whose other parts it shares, in how some units move its skin."""
    basis = model.expression_basis.numpy(force=True).copy()
    landmarks = model.template[model.landmark_ids].numpy(force=True)
    of_skin = model.triangle_part == model.part_names.index("skin")
    skin = torch.unique(model.triangles[of_skin]).numpy(force=True)
    rest = model.template.numpy(force=True)[skin]
    for unit, name in enumerate(model.coef_names):
        if name in FROWNS:
            basis[unit, skin] = eased_frown(rest, basis[unit, skin], landmarks)
        if name in NOSE_LIFTERS:
            basis[unit, skin] = whole_nose(rest, basis[unit, skin], landmarks)
    buffers = dict(model.named_buffers()) | {"expression_basis": torch.from_numpy(basis).to(model.expression_basis)}
    return HeadModel(buffers, model.coef_names, model.part_names, model.part_slices, model.attachments)


def eased_frown(
    rest: Float32[np.ndarray, "vertex 3"],
    motion: Float32[np.ndarray, "vertex 3"],
    landmarks: Float32[np.ndarray, "68 3"],
) -> Float32[np.ndarray, "vertex 3"]:
    """Return a frown that takes skin below the brows along, as the procerus does, and fades over the bridge."""
    root = landmarks[27]
    near = np.flatnonzero(np.linalg.norm(rest - root, axis=1) < FROWN_REACH)
    points, down = rest[near], -motion[near, 1]
    # The least motion, no less than the head's own, that fades nowhere more steeply below what moves.
    way = np.linalg.norm((points[:, None] - points[None]) * ACROSS, axis=2)
    above = points[None, :, 1] >= points[:, None, 1]
    wanted = np.where(above, down[None] - STEEPEST * way, 0.0).max(axis=1)
    kernel = np.exp(-0.5 * (np.linalg.norm(points[:, None] - points[None], axis=2) / SMOOTH) ** 2)
    wanted = np.maximum(kernel @ wanted / kernel.sum(axis=1), down)

    from_eyes = np.linalg.norm(points[:, None] - landmarks[None, EYES], axis=2).min(axis=1)
    share = rise(from_eyes, *EYES_STAY) * (1.0 - rise(np.abs(points[:, 0] - root[0]), *MIDDLE))
    extra = share * (wanted - down)
    eased = motion.copy()
    eased[near, 1] -= extra
    eased[near, 2] += FORWARD * extra
    return eased


def whole_nose(
    rest: Float32[np.ndarray, "vertex 3"],
    motion: Float32[np.ndarray, "vertex 3"],
    landmarks: Float32[np.ndarray, "68 3"],
) -> Float32[np.ndarray, "vertex 3"]:
    """Return a motion that carries tip and wings of the nose more as one: wings rise less, and the tip with them."""
    middle = landmarks[[30, 31, 33, 35]].mean(axis=0)
    from_lips = np.linalg.norm(rest[:, None] - landmarks[None, LIPS], axis=2).min(axis=1)
    share = (1.0 - rise(np.linalg.norm(rest - middle, axis=1), *NOSE)) * rise(from_lips, *LIPS_STAY)
    common = share @ motion / share.sum()
    return motion + AS_ONE * share[:, None] * (common - motion)
