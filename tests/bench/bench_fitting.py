"""How fast clips are fitted, and how much of the truth comes back: python tests/bench/bench_fitting.py [--takes 16]

Acted takes of synthetic people are projected to landmarks; a detector's errors are added: white noise, a slow drift and
a constant part, each in inter-ocular distances. Means over takes and units that move.
"""

import argparse
import time

import numpy as np
import torch
from jaxtyping import Float

from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import FaceTrack, HeadAsset
from mead_manip.backends.fitting import FittingReconstructor
from mead_manip.emotions import EMOTIONS
from mead_manip.geometry import smooth
from mead_manip.models.face_model import load_head, project, sample_identity
from mead_manip.synthetic.actors import generator
from mead_manip.synthetic.build_face_prior import FPS, face_of
from mead_manip.synthetic.performance import actor_style, perform
from mead_manip.synthetic.prototypes import LEVEL_STRENGTH

SCALE = 120.0  # px per dm


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--takes", type=int, default=16)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--errors", type=float, nargs=3, default=(0.003, 0.008, 0.01), help="white, slow, constant")
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    reconstructor = FittingReconstructor()
    takes = [act(arguments.seed, take, arguments.frames, arguments.errors) for take in range(arguments.takes)]
    reconstructor.reconstruct(takes[0][0])
    started = time.perf_counter()
    found = [reconstructor.reconstruct(track) for track, _ in takes]
    seconds = time.perf_counter() - started
    print(f"{arguments.takes * arguments.frames / seconds:.0f} frames/s on one thread")
    report(found, [truth for _, truth in takes])


def act(seed: int, take: int, n_frames: int, errors: tuple[float, float, float]) -> tuple[FaceTrack, dict]:
    """Act one take and look at it with a detector's eyes."""
    head, rng = load_head(), generator(seed, take, "detector")
    style = actor_style(head.coef_names, generator(seed, take, "style"), male=take % 2 == 0)
    emotion = EMOTIONS[take % len(EMOTIONS)]
    acted = {} if emotion == "neutral" else {emotion: list(LEVEL_STRENGTH.values())[take % 3]}
    performance = perform(head.coef_names, style, acted, n_frames, FPS, lambda part: generator(seed, take, part))
    face, pose = face_of(performance), performance.head_pose
    identity = sample_identity(load_asset(HeadAsset, "head.h5"), generator(seed, take, "identity"))
    expression, jaw, lids = (
        torch.from_numpy(part) for part in np.split(face, [head.n_expression, face.shape[1] - 2], 1)
    )
    turn = torch.from_numpy(pose)
    vertices = head(torch.from_numpy(identity)[None], expression, jaw, lids, head_pose=turn)
    clean = project(head.landmarks(vertices, turn), torch.tensor([[SCALE, 320.0, 240.0]]).expand(n_frames, -1)).numpy()
    eyes = np.linalg.norm(clean[0, 36] - clean[0, 45])
    white, slow, constant = (size * eyes for size in errors)
    drift = smooth(rng.normal(size=clean.shape), 10.0)
    noisy = (
        clean
        + white * rng.normal(size=clean.shape)
        + slow * drift / drift.std()
        + constant * rng.normal(size=(1, 68, 2))
    )
    return _track(noisy.astype(np.float32)), {"face": face, "head_pose": pose, "identity": identity}


def report(found: list, truth: list[dict]) -> None:
    """Print correlations with the truth: over everything, within takes, and of the means of takes."""
    names = [*load_head().coef_names, "jaw", "jaw y", "jaw z", "lid left", "lid right"]
    fits = [np.concatenate([one.expression, one.jaw_pose, one.eyelids], axis=1) for one in found]
    acted = [one["face"] for one in truth]
    every = _correlation(np.concatenate(fits), np.concatenate(acted))
    means = _correlation(np.stack([fit.mean(0) for fit in fits]), np.stack([face.mean(0) for face in acted]))
    within = np.zeros(len(names))
    moving = np.concatenate(acted).std(0) > 0.03
    for index in np.flatnonzero(moving):
        pairs = [(fit[:, [index]], face[:, [index]]) for fit, face in zip(fits, acted, strict=True)]
        within[index] = np.mean([_correlation(*pair) for pair in pairs if pair[1].std() > 0.02] or [0.0])
        print(
            f"  {names[index]:12s} r {every[index]:5.2f}   in takes {within[index]:5.2f}   of means {means[index]:5.2f}"
        )
    summary = [
        f"{name} {values[:-5][moving[:-5]].mean():.3f}"
        for name, values in zip(("r", "in takes", "of means"), (every, within, means), strict=True)
    ]
    print("units:", ", ".join(summary))
    pose = np.concatenate([one.head_pose - other["head_pose"] for one, other in zip(found, truth, strict=True)])
    print("pose error (pitch, yaw, roll), degrees:", np.rad2deg(abs(pose).mean(axis=0)).round(2))
    print(f"residual {np.mean([one.residual.mean() for one in found]):.4f} inter-ocular distances")


def _correlation(a: Float[np.ndarray, "row unit"], b: Float[np.ndarray, "row unit"]) -> Float[np.ndarray, " unit"]:
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a * a).sum(0) * (b * b).sum(0) + 1e-12)


def _track(landmarks_px: np.ndarray) -> FaceTrack:
    n_frames = len(landmarks_px)
    return FaceTrack(
        face_bytes=np.zeros(0, np.uint8),
        face_offsets=np.zeros(n_frames + 1, np.int64),
        landmarks_px=landmarks_px,
        landmarks_raw_px=landmarks_px,
        pupils_px=np.stack([landmarks_px[:, 36:42].mean(1), landmarks_px[:, 42:48].mean(1)], axis=1),
        mesh_px=np.zeros((n_frames, 0, 2), np.float32),
        boxes_px=np.zeros((n_frames, 4), np.float32),
        frame_from_crop=np.zeros((n_frames, 2, 3), np.float32),
        visible=np.ones(n_frames, bool),
        score=np.ones(n_frames, np.float32),
        fps_num=round(FPS),
        fps_den=1,
        width=640,
        height=480,
        source="",
        source_digest="",
        actor="",
        emotion="",
        view="",
        level=0,
        take=0,
        sentence=0,
        landmark_backend="builtin",
        face=1,
        most_faces=1,
        cuts=np.zeros(0, np.int32),
        jitter_raw=0.0,
        jitter=0.0,
    )


if __name__ == "__main__":
    main()
