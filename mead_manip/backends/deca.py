"""Reconstructor "deca": DECA's encoder and FLAME, as NED uses them; both weights come by path."""

import pickle
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, FlameAsset, Reconstruction
from mead_manip.backends.deca_input import frame_camera, frame_from_input, input_batches
from mead_manip.errors import ArtifactInvalid, BackendUnavailable, NoFaceError
from mead_manip.geometry import fill_invisible
from mead_manip.models.deca import Code, Deca, deca_from_checkpoint
from mead_manip.models.flame import FlameModel, flame_model_from
from mead_manip.models.rigid import project

VERSION = 1  # raised by hand when the same pictures give other coefficients
CHUNK = 64  # frames whose geometry is computed at once
COEF_NAMES = tuple(f"exp_{index:02d}" for index in range(50))
_GET_FLAME = (
    "register at flame.is.tue.mpg.de, run `mead-manip import-flame generic_model.pkl`, or give its result with --flame"
)
_GET_DECA = (
    "get deca_model.tar from DECA's project page (deca.is.tue.mpg.de, for research only) and give it with --deca-model"
)


class DecaReconstructor:
    """Encode every visible frame by itself; the person is the mean over the clip."""

    name = "deca"

    def __init__(self, flame: str, model: str, device: str = "cpu", batch_size: int = 16) -> None:
        self._flame_path, self._model_path = _flame_file(Path(flame)), _model_file(Path(model))
        self._device = torch.device(device)
        self._batch_size = batch_size

    @property
    def digest(self) -> str:
        """Name the version and the contents of both files."""
        return "-".join([f"{self.name}@{VERSION}", *self._digests])

    def reconstruct(self, track: FaceTrack, at_rest: Sequence[FaceTrack] = ()) -> Reconstruction:
        """Encode a whole clip; frames without a face repeat the nearest that has one. `at_rest` is not needed."""
        if not track.visible.any():
            raise NoFaceError(f"{track.source}: no face in any frame", expected="a face in at least one frame")
        seen = [int(frame) for frame in np.flatnonzero(track.visible)]
        codes, details = self.encode(track, seen)
        code = Code.split(torch.from_numpy(_spread(track, seen, codes)))
        cameras = [
            frame_camera(cam, frame_from_input(track, frame))
            for frame, cam in zip(seen, code.cam[seen].numpy(), strict=True)
        ]
        found = Reconstruction(
            identity=code.shape[seen].mean(dim=0).numpy(),
            expression=code.exp.numpy().copy(),
            jaw_pose=code.pose[:, 3:].numpy().copy(),
            eyelids=np.zeros((len(track.visible), 2), np.float32),  # among FLAME's expressions
            gaze=np.zeros((len(track.visible), 2), np.float32),  # DECA holds the eyes still
            detail=_spread(track, seen, details),
            head_pose=code.pose[:, :3].numpy().copy(),
            camera=_spread(track, seen, np.stack(cameras)),
            visible=track.visible,
            residual=np.zeros(len(track.visible), np.float32),
            face_model=f"flame-{self._flame.variant}@{self._digests[0]}",
            coef_names=COEF_NAMES,
            fps_num=track.fps_num,
            fps_den=track.fps_den,
            actor=track.actor,
            emotion=track.emotion,
            view=track.view,
            level=track.level,
        )
        found.residual[:] = residuals(track, self.landmarks_px(found))
        return found

    @torch.inference_mode()
    def encode(
        self, track: FaceTrack, frames: Sequence[int]
    ) -> tuple[Float32[np.ndarray, "frame code=236"], Float32[np.ndarray, "frame detail=128"]]:
        """Give DECA's code and wrinkle code of some visible frames."""
        codes, details = [], []
        for pictures in input_batches(track, frames, self._batch_size):
            # (batch, row, column, rgb) seen as (batch, rgb, row, column) is what torch calls channels last.
            images = torch.from_numpy(pictures).to(self._device).permute(0, 3, 1, 2).float() / 255
            with torch.autocast(self._device.type, dtype=torch.float16, enabled=self._device.type == "cuda"):
                code, detail = self._networks(images)
            codes.append(code.float().cpu())
            details.append(detail.float().cpu())
        return torch.cat(codes).numpy(), torch.cat(details).numpy()

    @torch.inference_mode()
    def landmarks_px(self, found: Reconstruction) -> Float32[np.ndarray, "frame 68 2"]:
        """Project the reconstructed face's landmarks, pixels of the frame."""
        model, points = self._flame_model, []
        identity = torch.from_numpy(found.identity)[None].to(self._device)
        for first in range(0, len(found.visible), CHUNK):
            part = slice(first, first + CHUNK)
            expression, jaw, head, camera = (
                torch.from_numpy(values[part]).to(self._device)
                for values in (found.expression, found.jaw_pose, found.head_pose, found.camera)
            )
            vertices = model(identity, expression, jaw, head_pose=head)
            points.append(project(model.landmarks(vertices, head), camera).cpu())
        return torch.cat(points).numpy()

    @torch.inference_mode()
    def displacements(
        self, found: Reconstruction, frames: slice = slice(None)
    ) -> Float32[np.ndarray, "frame uv=256 uv=256"]:
        """Decode the wrinkles of some frames over FLAME's texture, m: those of jaw and expression as they are now."""
        codes = (found.jaw_pose, found.expression, found.detail)
        parts = (torch.from_numpy(part[frames]).to(self._device) for part in codes)
        return self._networks.D_detail(*parts).cpu().numpy()

    @cached_property
    def _networks(self) -> Deca:
        return load_deca(self._model_path).to(self._device).to(memory_format=torch.channels_last)

    @cached_property
    def _flame(self) -> FlameAsset:
        return store.load(FlameAsset, self._flame_path)

    @cached_property
    def _flame_model(self) -> FlameModel:
        return flame_model_from(self._flame).to(self._device)

    @cached_property
    def _digests(self) -> tuple[str, str]:
        flame, model = (files.digest(path)[:16] for path in (self._flame_path, self._model_path))
        return flame, model


def load_deca(path: Path) -> Deca:
    """Read deca_model.tar: tensors only, whatever else it holds is refused."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        reason = str(error).strip().split("\n", 1)[0][:120]
        raise BackendUnavailable(f"{path} is no checkpoint of tensors ({reason})", remedy=_GET_DECA) from error
    try:
        return deca_from_checkpoint(checkpoint if isinstance(checkpoint, dict) else {})
    except ArtifactInvalid as error:
        raise BackendUnavailable(f"{path}: {error.found}", expected=error.expected, remedy=_GET_DECA) from error


def residuals(track: FaceTrack, landmarks_px: Float[np.ndarray, "frame 68 2"]) -> Float32[np.ndarray, " frame"]:
    """Mean landmark distance in inter-ocular distances; 0 where no face was seen."""
    distance = np.linalg.norm(landmarks_px - track.landmarks_px, axis=2).mean(axis=1)
    eyes = np.linalg.norm(track.landmarks_px[:, 45] - track.landmarks_px[:, 36], axis=1)
    relative = distance / np.where(eyes > 0, eyes, 1)
    return np.where(track.visible, relative, 0).astype(np.float32)


def _spread(
    track: FaceTrack, seen: Sequence[int], values: Float32[np.ndarray, "seen column"]
) -> Float32[np.ndarray, "frame column"]:
    """Give every frame a row: its own, or that of the nearest visible frame."""
    rows = np.zeros((len(track.visible), values.shape[1]), np.float32)
    rows[list(seen)] = values
    return fill_invisible(rows, track.visible)


def _flame_file(path: Path) -> Path:
    if not path.is_file():
        raise BackendUnavailable(f"reconstructor 'deca' needs FLAME: {path} does not exist", remedy=_GET_FLAME)
    with path.open("rb") as file:
        if file.read(4) != b"\x89HDF":
            raise BackendUnavailable(
                f"{path} is no HDF5 file; pickles are read by one command only",
                expected="a flame.h5",
                remedy=f"run `mead-manip import-flame {path}` and give its result with --flame",
            )
    return path


def _model_file(path: Path) -> Path:
    if not path.is_file():
        raise BackendUnavailable(f"reconstructor 'deca' needs DECA: {path} does not exist", remedy=_GET_DECA)
    return path
