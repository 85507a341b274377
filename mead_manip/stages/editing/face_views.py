"""FaceTrack, Reconstruction -> the pictures that a neural renderer sees of a clip, frame by frame"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from mead_manip.artifacts import assets, store
from mead_manip.artifacts.schemas import FaceTrack, FlameAsset, HeadAsset, Reconstruction
from mead_manip.models.face_model import project
from mead_manip.models.face_renderer import FaceView
from mead_manip.models.posed_faces import FaceModel, is_flame
from mead_manip.rendering.alignment import residual_offsets
from mead_manip.rendering.conditioning_face import FaceSurface, moved_pupils
from mead_manip.rendering.conditioning_surfaces import flame_surface, head_surface
from mead_manip.rendering.face_view import Drawn, PosedFace, Square, cut_square, square_from_frame

CHUNK = 64  # frames whose head at rest is posed at once


class ClipFaces:
    """The face of a clip in pixels of its frames, nudged onto its landmarks, and the square around it."""

    def __init__(self, found: Reconstruction, track: FaceTrack, model: FaceModel, size: int) -> None:
        self.found, self.track, self.model, self.size = found, track, model, size
        self.image_from_frame = self._squares()

    def face(self, index: int) -> PosedFace:
        """Give the face of a frame as it was fitted, in pixels of the square."""
        return self.faces(index, [(self.found, index)])[0]

    def faces(self, index: int, actings: Sequence[tuple[Reconstruction, int]]) -> list[PosedFace]:
        """Give the head of frame `index` as it would act in other rows, of this clip or an edited one."""
        as_fitted = [clip is self.found and row == index for clip, row in actings]
        others = [acting for acting, known in zip(actings, as_fitted, strict=True) if not known]
        vertices, landmarks = self._posed(index, [(self.found, index), *others])
        offsets = residual_offsets(vertices[0], landmarks[0], self.track.landmarks_px[index])
        at_landmarks = np.column_stack([landmarks[0], np.zeros(len(landmarks[0]))]).astype(np.float32)
        shift = residual_offsets(at_landmarks, landmarks[0], self.track.landmarks_px[index])
        own, pupils = landmarks[0] + shift, self.track.pupils_px[index]
        made = []
        for place in np.where(as_fitted, 0, np.cumsum(~np.array(as_fitted))):
            moved = vertices[place].copy()
            moved[:, :2] += offsets
            placed = landmarks[place] + shift
            made.append(
                PosedFace(moved, placed, moved_pupils(pupils, own, placed)).seen_from(self.image_from_frame[index])
            )
        return made

    def cut(self, frame: UInt8[np.ndarray, "height width 3"], index: int) -> Square:
        """Cut the square of frame `index` out of it."""
        return cut_square(frame, self.image_from_frame[index], self.size)

    @torch.inference_mode()
    def _posed(self, index: int, actings: Sequence[tuple[Reconstruction, int]]) -> tuple[np.ndarray, np.ndarray]:
        rows = {
            name: torch.from_numpy(np.stack([getattr(clip, name)[row] for clip, row in actings]))
            for name in ("expression", "jaw_pose", "eyelids", "gaze")
        }
        head_pose = torch.from_numpy(self.found.head_pose[index : index + 1])
        camera = torch.from_numpy(self.found.camera[index : index + 1]).expand(len(actings), 3)
        vertices = self.model(torch.from_numpy(self.found.identity)[None], **rows, head_pose=head_pose)
        landmarks = project(self.model.landmarks(vertices, head_pose), camera)
        pixels = torch.cat([project(vertices, camera), vertices[..., 2:] * camera[:, None, :1]], dim=-1)
        return pixels.numpy(), landmarks.numpy()

    @torch.inference_mode()
    def _squares(self) -> Float64[np.ndarray, "frame 2 3"]:
        squares = []
        for first in range(0, len(self.found.visible), CHUNK):
            head_pose = torch.from_numpy(self.found.head_pose[first : first + CHUNK])
            vertices = self.model(torch.from_numpy(self.found.identity)[None], head_pose=head_pose)
            camera = torch.from_numpy(self.found.camera[first : first + CHUNK])
            rest = project(self.model.landmarks(vertices, head_pose), camera).numpy()
            squares += [square_from_frame(points, self.size) for points in rest]
        return np.stack(squares)


def surface_of(face_model: str, flame: Path) -> FaceSurface:
    """Give what is drawn of the face model that a reconstruction names."""
    if is_flame(face_model):
        return flame_surface(store.load(FlameAsset, flame))
    return head_surface(assets.load_asset(HeadAsset, "head.h5"))


def as_view(drawn: Sequence[Drawn], device: torch.device) -> FaceView:
    """Stack drawn frames into a batch."""

    def stacked(pictures: Sequence[np.ndarray]) -> torch.Tensor:
        batch = torch.from_numpy(np.stack(pictures)).to(device)
        return (batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2)).float() / 255

    return FaceView(*(stacked(pictures) for pictures in zip(*drawn, strict=True)))
