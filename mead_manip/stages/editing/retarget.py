"""Reconstruction -> the same person with other coefficients, and from both the new pixels of a frame.

What `edit` and whatever else shows edited faces share.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from mead_manip.artifacts import assets
from mead_manip.artifacts.schemas import FaceTrack, HeadAsset, ManipulatorWeights, Reconstruction
from mead_manip.errors import UsageError
from mead_manip.models.edit_plan import EditPlan, planned_coefs
from mead_manip.models.edited_skin import for_edits
from mead_manip.models.face_model import HeadModel, project
from mead_manip.models.lid_lock import Lids
from mead_manip.models.lip_lock import Lips
from mead_manip.models.manipulation import coefs_of, with_coefs
from mead_manip.models.manipulator import Manipulator
from mead_manip.models.posed_faces import FaceModel
from mead_manip.models.teeth import light_on_teeth, seat_teeth
from mead_manip.rendering.alignment import residual_offsets
from mead_manip.rendering.occlusion import Matte, drawn_behind, reach_behind
from mead_manip.rendering.warp import Region, WarpMesh, WarpRenderer

NO_CUTS = np.zeros(0, np.int32)
FADE_FRAMES = 6  # an edit comes and goes over this many frames where a face enters or leaves
CHUNK = 32  # frames whose geometry is computed at once

Rgb = UInt8[np.ndarray, "_ _ 3"]
Vertices = Float32[np.ndarray, "vertex 3"]
Landmarks = Float32[np.ndarray, "68 2"]
Heads = tuple[Vertices, Vertices, Landmarks, Landmarks]  # old and new, in pixels of the frame


def changed_reconstruction(
    nets: Manipulator,
    model: FaceModel,
    before: Reconstruction,
    plan: EditPlan,
    times: Float64[np.ndarray, " frame"],
    lips_seen: Float32[np.ndarray, " frame"] | None = None,
    own: Float32[np.ndarray, " coef"] | None = None,
    eyes_open: Float32[np.ndarray, "frame 2"] | None = None,
    cuts: Int32[np.ndarray, " cut"] = NO_CUTS,
) -> Reconstruction:
    """Return the clip with jaw opening and expression as planned; all else stays, as do frames without a face.

    `lips_seen`: how far the lips part in the picture (`lip_lock.seen_gap`). `own`: the person's face at rest
    (`resting.own_rest`). `eyes_open`: how open the eyes are in the picture (`lid_lock.openness`): a shut one stays so.
    `cuts`: frames that begin a new shot.
    """
    source = coefs_of(before.jaw_pose, before.expression)
    target = planned_coefs(nets, source, plan, times, own)
    lips = Lips(model, before.identity)
    target = lips.locked(source, lips.no_wider(source, target), plan.lip_lock, times, lips_seen)
    share = presence(before.visible, cuts)[:, None]
    jaw_pose, expression = with_coefs(before.jaw_pose, (source + share * (target - source)).astype(np.float32))
    jaw_pose, expression = jaw_pose.astype(np.float32), expression.astype(np.float32)
    eyelids = before.eyelids
    if eyes_open is not None and isinstance(model, HeadModel):
        eyelids = Lids(model, before.identity).held(before.expression, expression, eyelids, eyes_open)
    return dataclasses.replace(before, jaw_pose=jaw_pose, expression=expression, eyelids=eyelids)


def manipulator_for(weights: ManipulatorWeights, clip: Reconstruction) -> Manipulator:
    """Return the networks; raises UsageError where they were trained on other coefficients than the clip has."""
    known = tuple(json.loads(weights.facts)["coef_names"])
    if known != ("jaw_pose_x", *clip.coef_names):
        raise UsageError(
            f"the manipulator knows {len(known)} coefficients of another face model",
            expected=f"those of {clip.face_model}",
            remedy="train it on clips that were reconstructed with the same --backend",
        )
    return Manipulator.from_arrays(weights.parameters, weights.config)


def presence(visible: Bool[np.ndarray, " frame"], cuts: Int32[np.ndarray, " cut"]) -> Float32[np.ndarray, " frame"]:
    """Return how much of an edit each frame gets: 0 without a face, rising to 1 within `FADE_FRAMES` of one.

    With a cut a face comes and goes at once.
    """
    return np.concatenate([_presence(shot) for shot in np.split(visible, cuts)])


def _presence(visible: Bool[np.ndarray, " frame"]) -> Float32[np.ndarray, " frame"]:
    padded = np.concatenate([[True], visible, [True]])  # a clip that starts or ends on a face does not fade there
    away = np.flatnonzero(~padded)
    if away.size == 0:
        return np.ones(len(visible), np.float32)
    distance = np.abs(np.arange(1, len(visible) + 1)[:, None] - away[None, :]).min(axis=1)
    ramp = np.clip(distance / FADE_FRAMES, 0.0, 1.0)
    return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)


def changed_frames(before: Reconstruction, after: Reconstruction) -> Bool[np.ndarray, " frame"]:
    """Tell in which frames a face acts otherwise."""
    return (before.expression != after.expression).any(axis=1) | (before.jaw_pose != after.jaw_pose).any(axis=1)


@runtime_checkable
class Passing(Protocol):
    """What knows, of one face of a clip, what passes before it."""

    def matte(self, index: int, size: tuple[int, int]) -> Matte | None:
        """Give the matte of frame `index` of (height, width), None where nothing is in front; any thread may ask."""


class FaceRetargeter:
    """Turn the frames of a clip into those of the same head with other coefficients."""

    def __init__(
        self,
        before: Reconstruction,
        after: Reconstruction,
        track: FaceTrack,
        model: FaceModel,
        passing: Passing | None = None,
    ) -> None:
        self.before, self.after, self.track, self.model, self.passing = before, after, track, model, passing
        self.renderer = WarpRenderer(mesh_of(model))
        self.changes = changed_frames(before, after)
        self._chunk = -1
        self._old: Geometry | None = None
        self._new: Geometry | None = None
        self._posed: tuple[int, Heads] | None = None  # a frame, and its heads

    def reach(self, index: int, front: Matte | None = None) -> Region | None:
        """Return what a job looks at and may change of frame `index`; None where it gives that back as it is."""
        if not self._acts(index):
            return None
        size, heads = (self.track.height, self.track.width), self._heads(index)
        moved = self.renderer.region(*heads[:3], size)
        if front is None and self.passing is None:
            return moved
        return united([moved, reach_behind(heads[2], size)])

    def job(self, index: int, front: Matte | None = None) -> Callable[[Rgb], Rgb]:
        """Return what draws frame `index` with the new expression; it may run in any thread, and in any order.

        A frame without a face, or in which nothing changes, comes back as it is; so does what `front`, or what was
        found to pass before the face, covers.
        """
        if not self._acts(index):
            return lambda frame: frame
        heads = self._heads(index)

        def draw(frame: Rgb) -> Rgb:
            matte = front if self.passing is None else self.passing.matte(index, frame.shape[:2])
            return drawn_behind(frame, matte, heads[2], lambda clean: self.renderer.render(clean, *heads))

        return draw

    def _acts(self, index: int) -> bool:
        return bool(self.track.visible[index] and self.changes[index])

    def _heads(self, index: int) -> Heads:
        """Return the head of a frame as it is and as it will act, and their landmarks, put onto the detected ones."""
        if self._posed is not None and self._posed[0] == index:
            return self._posed[1]
        if index // CHUNK != self._chunk:
            self._chunk = index // CHUNK
            rows = slice(self._chunk * CHUNK, (self._chunk + 1) * CHUNK)
            self._old, self._new = geometry(self.model, self.before, rows), geometry(self.model, self.after, rows)
        assert self._old is not None and self._new is not None
        row = index % CHUNK
        old, new = self._old.vertices_px[row], self._new.vertices_px[row]
        landmarks, new_landmarks = self._old.landmarks_px[row], self._new.landmarks_px[row]
        detected = self.track.landmarks_px[index]
        offsets = residual_offsets(old, landmarks, detected)
        nudge = residual_offsets(landmarks, landmarks, detected)
        heads = shifted(old, offsets), shifted(new, offsets), landmarks + nudge, new_landmarks + nudge
        self._posed = index, heads
        return heads


def united(regions: Iterable[Region | None]) -> Region | None:
    """Return the smallest rectangle that holds all regions; None where there is none."""
    known = [region for region in regions if region is not None]
    if not known:
        return None
    x0, y0, x1, y1 = zip(*known, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def shifted(
    vertices: Float32[np.ndarray, "vertex 3"], offsets: Float32[np.ndarray, "vertex 2"]
) -> Float32[np.ndarray, "vertex 3"]:
    """Return vertices moved in the picture."""
    moved = vertices.copy()
    moved[:, :2] += offsets
    return moved


@dataclass(frozen=True)
class Geometry:
    """A run of frames as seen by the camera."""

    vertices_px: Float32[np.ndarray, "frame vertex 3"]  # x px, y px, depth px (larger is nearer)
    landmarks_px: Float32[np.ndarray, "frame 68 2"]


@torch.no_grad()
def geometry(model: FaceModel, clip: Reconstruction, rows: slice) -> Geometry:
    """Return vertices and landmarks of some frames in pixels of the frame."""
    model = for_edits(model)
    head_pose = torch.from_numpy(clip.head_pose[rows])
    vertices = model(
        torch.from_numpy(clip.identity)[None],
        torch.from_numpy(clip.expression[rows]),
        torch.from_numpy(clip.jaw_pose[rows]),
        torch.from_numpy(clip.eyelids[rows]),
        torch.from_numpy(clip.gaze[rows]),
        head_pose,
    )
    if isinstance(model, HeadModel):
        seat_teeth(model, vertices, head_pose)
    camera = torch.from_numpy(clip.camera[rows])
    landmarks = project(model.landmarks(vertices, head_pose), camera)
    depth = vertices[..., 2:] * camera[:, None, :1]
    pixels = torch.cat([project(vertices, camera), depth], dim=-1)
    return Geometry(pixels.numpy(), landmarks.numpy())


def mesh_of(model: FaceModel) -> WarpMesh:
    """Return what a warp needs of a face model; only the built-in head has a mouth to draw."""
    if isinstance(model, HeadModel):
        return warp_mesh(model, assets.load_asset(HeadAsset, "head.h5"))
    nothing = np.zeros((0, 3), np.int32)
    triangles = np.ascontiguousarray(model.triangles.numpy(force=True).astype(np.int32))
    return WarpMesh(triangles, nothing, nothing, nothing, nothing, np.zeros(0, np.float32))


def warp_mesh(model: HeadModel, asset: HeadAsset) -> WarpMesh:
    """Sort the head's triangles by what a warp does with them."""
    triangles, part = np.asarray(asset.triangles), np.asarray(asset.triangle_part)

    def named(*names: str) -> np.ndarray:
        wanted = [asset.part_names.index(name) for name in names]
        return np.ascontiguousarray(triangles[np.isin(part, wanted)].astype(np.int32))

    upper, lower = named("teeth_upper"), named("teeth_lower")
    light = light_on_teeth(model.template.numpy(force=True), upper, lower)
    return WarpMesh(named("skin"), named("mouth"), upper, lower, named("tongue"), light)
