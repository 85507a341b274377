"""What `bench_fitting.py` looks at: takes and their truth, seen as landmarks or by a detector, and real videos."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from tracks import bare_track

from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import FaceTrack, HeadAsset
from mead_manip.backends.interfaces import LandmarkDetector
from mead_manip.emotions import EMOTIONS
from mead_manip.errors import NoFaceError
from mead_manip.geometry import smooth
from mead_manip.media.mead_tree import ClipLabels
from mead_manip.models.face_model import load_head, project, sample_identity
from mead_manip.models.gaze import eyeballs_of
from mead_manip.models.rigid import rotation
from mead_manip.stages.footage.sighting import sight_video
from mead_manip.stages.footage.tracking import track_face
from mead_manip.synthetic.actors import generator
from mead_manip.synthetic.build_face_prior import FPS
from mead_manip.synthetic.mead import list_clips
from mead_manip.synthetic.performance import Performance, actor_style, perform
from mead_manip.synthetic.prototypes import LEVEL_STRENGTH
from mead_manip.synthetic.recording import Studio

SCALE = 120.0  # px per dm
LEVEL, FRAMES, SIZE = 3, 30, 256  # of rendered clips


@dataclass(frozen=True)
class Scene:
    """A clip as the fit sees it, and the truth."""

    track: FaceTrack
    face: Float32[np.ndarray, "frame face"]
    head_pose: Float32[np.ndarray, "frame 3"]
    gaze: Float32[np.ndarray, "frame 2"]
    actor: str
    emotion: str


def acted_takes(seed: int, n_takes: int, n_frames: int, errors: tuple[float, float, float]) -> list[Scene]:
    """Act takes of as many people, and look at them with exact or a detector's eyes."""
    return [_act(seed, take, n_frames, errors) for take in range(n_takes)]


def acted_before_camera(folder: Path, detector: LandmarkDetector, people: int, seed: int) -> list[Scene]:
    """Record all emotions of some people into `folder` (once), and follow their faces with a detector."""
    studio, scenes = Studio(seed, SIZE, FRAMES), []
    for spec in list_clips(people, 1, seed, 0.0, levels=(LEVEL,)):
        path = folder / spec.path
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            studio.record(spec, path, "bench")
        track = follow(path, detector, digest=spec.clip_id)
        if track is None:
            raise NoFaceError(f"{detector.name} sees no face in {spec.clip_id}", expected="a rendered face")
        scenes.append(_scene(track, studio.take(spec).performance, spec.actor, spec.emotion))
    return scenes


def still_face(seed: int, white: float) -> FaceTrack:
    """Look at a face that holds still, with a detector's white noise."""
    clean = _act(seed, 0, 90, (0.0, 0.0, 0.0)).track.landmarks_px[:1]
    noise = generator(seed, "still").normal(size=(90, 68, 2))
    return _exact((clean + white * np.linalg.norm(clean[0, 36] - clean[0, 45]) * noise).astype(np.float32))


def follow(path: Path, detector: LandmarkDetector, digest: str = "") -> FaceTrack | None:
    """Track the first face of a video as preprocess does; None where there is none."""
    try:
        return track_face(path, sight_video(path, detector, digest), 1, ClipLabels())
    except NoFaceError:
        return None


# ---- below ---------------------------------------------------------------------------------------------------------


def _act(seed: int, take: int, n_frames: int, errors: tuple[float, float, float]) -> Scene:
    head, rng = load_head(), generator(seed, take, "detector")
    style = actor_style(head.coef_names, generator(seed, take, "style"), male=take % 2 == 0)
    emotion = EMOTIONS[take % len(EMOTIONS)]
    acted = {} if emotion == "neutral" else {emotion: list(LEVEL_STRENGTH.values())[take % 3]}
    performance = perform(head.coef_names, style, acted, n_frames, FPS, lambda part: generator(seed, take, part))
    identity = torch.from_numpy(sample_identity(load_asset(HeadAsset, "head.h5"), generator(seed, take, "identity")))
    parts = (performance.expression, performance.jaw_pose, performance.eyelids, performance.gaze, performance.head_pose)
    expression, jaw, lids, gaze, turn = (torch.from_numpy(part) for part in parts)
    vertices = head(identity[None], expression, jaw, lids, gaze, turn)
    camera = torch.tensor([[SCALE, 320.0, 240.0]]).expand(n_frames, -1)
    clean = project(head.landmarks(vertices, turn), camera).numpy()
    eyes = np.linalg.norm(clean[0, 36] - clean[0, 45])
    white, slow, constant = (size * eyes for size in errors)
    drift = smooth(rng.normal(size=clean.shape), 10.0)
    noisy = (
        clean
        + white * rng.normal(size=clean.shape)
        + slow * drift / drift.std()
        + constant * rng.normal(size=(1, 68, 2))
    )
    pupils_px = project(_pupils(identity, gaze, turn), camera).numpy()
    track = _exact(noisy.astype(np.float32), pupils_px=pupils_px)
    return _scene(track, performance, f"person {take}", emotion)


def _pupils(
    identity: Float[torch.Tensor, " identity"],
    gaze: Float[torch.Tensor, "frame 2"],
    turn: Float[torch.Tensor, "frame 3"],
) -> Float[torch.Tensor, "frame eye=2 3"]:
    """Place pupils in space, the eye at points 36-41 first."""
    eyes, zero = eyeballs_of(load_head(), identity), torch.zeros_like(gaze[:, :1])
    look = rotation(torch.cat([zero, gaze[:, :1], zero], 1)) @ rotation(torch.cat([-gaze[:, 1:], zero, zero], 1))
    pupils = eyes.centre.float() + torch.einsum("fij,ej->fei", look, eyes.pupil.float())
    return torch.einsum("fij,fej->fei", rotation(turn), pupils).flip(1)


def _scene(track: FaceTrack, acted: Performance, actor: str, emotion: str) -> Scene:
    face = np.concatenate([acted.expression, acted.jaw_pose, acted.eyelids], axis=1)
    return Scene(track, face, acted.head_pose, acted.gaze, actor, emotion)


def _exact(landmarks_px: Float32[np.ndarray, "frame 68 2"], **known: np.ndarray) -> FaceTrack:
    return bare_track(landmarks_px, landmark_backend="exact", fps_num=round(FPS), **known)
