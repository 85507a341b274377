"""Reconstructor "fit": the built-in head fitted to the landmarks of a whole clip, offline, on any CPU."""

from collections.abc import Hashable, Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Float32

from mead_manip.artifacts.assets import asset_digest, load_asset
from mead_manip.artifacts.schemas import FaceTrack, PhotometricRefiner, Reconstruction
from mead_manip.errors import NoFaceError
from mead_manip.models.beliefs import (
    as_seen,
    conventions,
    default_trust,
    face_prior,
    of_person,
    priors_for,
    speaking_at_rest,
)
from mead_manip.models.face_model import load_head
from mead_manip.models.fit_rows import Person
from mead_manip.models.fitting import Effort, Fit, Priors, find_clip_person, fit_clip
from mead_manip.models.gaze import eyeballs_of, gaze_of, lids_beside_gaze, pupils_beside_corners, steady_gaze
from mead_manip.models.observation import Observation, Picture, observe
from mead_manip.models.photometric import Skin, read_clip, refine
from mead_manip.models.point_head import N_FACE, N_RIGID, PointHead, mean_landmarks, point_head
from mead_manip.models.threads import threads

VERSION = 7  # raised by hand when the same landmarks give other coefficients
HEAD = "head.h5"
_PIECE = 1024  # frames
_PEOPLE: dict[Hashable, Person] = {}
PHOTOMETRIC = "photometric.h5"
ASSETS = (HEAD, "face_prior.h5", "landmark_conventions.h5")


class FittingReconstructor:
    """Fit identity, expression, jaw, eyelids, pose and camera; `smoothing` scales how slowly a face may move.

    `photometric` lets the crops correct, within a shot, the units that landmarks hardly see.
    """

    name = "fit"

    def __init__(self, smoothing: float = 1.0, photometric: bool = False) -> None:
        self.smoothing = smoothing
        self.photometric = photometric

    @property
    def digest(self) -> str:
        """Name the solver's version and the contents of what it reads."""
        read = [*ASSETS, PHOTOMETRIC] if self.photometric else ASSETS
        return "-".join([f"{self.name}@{VERSION}", *(asset_digest(name)[:12] for name in read)])

    def reconstruct(self, track: FaceTrack, at_rest: Sequence[FaceTrack] = ()) -> Reconstruction:
        """Fit a whole clip at once; frames without a face are bridged.

        One clip cannot tell a sad face from a sad person. `at_rest`, neutral clips of the same person, can: identity
        and detector error are then the mean over those, and all that differs is expression.
        """
        if not track.visible.any():
            raise NoFaceError(f"{track.source}: no face in any frame", expected="a face in at least one frame")
        seen, picture = observe(track.landmarks_px, track.visible, self._rest)
        priors = self._priors(track)
        # A clip is many small products: more threads would only wait for each other.
        with threads(1):
            if at_rest:
                priors = of_person(priors, self._person(at_rest))
            fit = fit_clip(self._seen_by(track), seen, priors, default_trust(), Effort())
            found = self._reconstruction(track, seen, fit, picture)
            return self._refined(track, found, priors) if self.photometric else found

    def _priors(self, track: FaceTrack) -> Priors:
        fps = track.fps_num / track.fps_den
        return priors_for(face_prior(), fps, self.smoothing)

    def _seen_by(self, track: FaceTrack) -> PointHead:
        return as_seen(self._head, track.landmark_backend)

    def _person(self, at_rest: Sequence[FaceTrack]) -> Person:
        """Find who speaks in some neutral clips; found once per person and process."""
        known = (self.digest, self.smoothing, *((track.source_digest, track.landmark_backend) for track in at_rest))
        if known not in _PEOPLE:
            found = []
            for track in at_rest:
                seen, _ = observe(track.landmarks_px, track.visible, self._rest)
                found.append(
                    find_clip_person(self._seen_by(track), seen, speaking_at_rest(self._priors(track)), default_trust())
                )
            _PEOPLE[known] = Person(
                identity=torch.stack([person.identity for person in found]).mean(dim=0),
                mean=torch.stack([person.mean for person in found]).mean(dim=0),
                offsets=torch.stack([person.offsets for person in found]).mean(dim=0),
            )
        return _PEOPLE[known]

    def _reconstruction(self, track: FaceTrack, seen: Observation, fit: Fit, picture: Picture) -> Reconstruction:
        k = self._head.n_expression
        frames = fit.frames.numpy()
        closure = frames[:, k + 3 : k + 5]
        gaze = _gaze(track, fit, picture, closure)
        return Reconstruction(
            identity=fit.person.identity.numpy().astype(np.float32),
            expression=frames[:, :k].astype(np.float32),
            jaw_pose=frames[:, k : k + 3].astype(np.float32),
            eyelids=lids_beside_gaze(closure, gaze),
            gaze=gaze,
            detail=np.zeros((len(frames), 0), np.float32),
            head_pose=frames[:, k + 5 : k + 8].astype(np.float32),
            camera=picture.to_camera(frames[:, k + 8 :]).astype(np.float32),
            visible=track.visible,
            residual=_residual(track, seen, fit, picture),
            face_model=f"{HEAD}@{asset_digest(HEAD)[:16]}",
            coef_names=self._coef_names,
            fps_num=track.fps_num,
            fps_den=track.fps_den,
            actor=track.actor,
            emotion=track.emotion,
            view=track.view,
            level=track.level,
        )

    def _refined(self, track: FaceTrack, found: Reconstruction, priors: Priors) -> Reconstruction:
        """Let the crops correct how the units move."""
        asset, skin = self._skin
        units = [found.coef_names.index(name) for name in asset.units]
        first, second = (part.numpy()[units] for part in (priors.first, priors.second))
        return refine(asset, found, read_clip(asset, skin, track, found), track.cuts, first, second)

    @cached_property
    def _skin(self) -> tuple[PhotometricRefiner, Skin]:
        asset = load_asset(PhotometricRefiner, PHOTOMETRIC)
        return asset, Skin(asset, load_head())

    @cached_property
    def _head(self) -> PointHead:
        return point_head(load_head())

    @cached_property
    def _coef_names(self) -> tuple[str, ...]:
        return load_head().coef_names

    @cached_property
    def _rest(self) -> torch.Tensor:
        return mean_landmarks(self._head)


def _gaze(
    track: FaceTrack, fit: Fit, picture: Picture, closure: Float[np.ndarray, "frame 2"]
) -> Float32[np.ndarray, "frame 2"]:
    """Find how the eyes are turned, from pupils seen beside the corners of the fitted eyes."""
    eyes = eyeballs_of(load_head(), fit.person.identity)
    k = fit.frames.shape[1] - N_RIGID + N_FACE
    camera = picture.to_camera(fit.frames[:, k + 3 :].numpy())
    pupils = np.concatenate(
        [
            pupils_beside_corners(
                track.pupils_px[some], track.landmarks_px[some], picture.to_pixels(fit.predicted[some]), camera[some]
            )
            for some in _pieces(track)
        ]
    )
    known = conventions().get(track.landmark_backend)
    pupils[..., 1] -= known.pupil_rise if known else 0.0
    seen = track.visible & np.isfinite(pupils).all(axis=(1, 2))
    known_pupils = torch.from_numpy(np.where(seen[:, None, None], pupils, 0.0))
    head_pose = fit.frames[:, k : k + 3]
    gaze = torch.cat([gaze_of(eyes, known_pupils[some], head_pose[some]) for some in _pieces(track)])
    return steady_gaze(gaze.numpy(), closure, seen, track.fps_num / track.fps_den)


def _residual(track: FaceTrack, seen: Observation, fit: Fit, picture: Picture) -> Float32[np.ndarray, " frame"]:
    """Mean landmark distance in inter-ocular distances; 0 where no face was seen."""
    residual = np.zeros(len(track.visible), np.float32)
    for some in _pieces(track):
        missed = picture.to_pixels(fit.predicted[some]) - track.landmarks_px[some]
        residual[some] = np.linalg.norm(missed, axis=2).mean(axis=1) / (picture.unit * seen.size[some].numpy())
    return np.where(track.visible, residual, 0).astype(np.float32)


def _pieces(track: FaceTrack) -> list[slice]:
    """Cut a long clip: what is computed of every landmark takes kilobytes a frame."""
    return [slice(start, start + _PIECE) for start in range(0, len(track.visible), _PIECE)]
