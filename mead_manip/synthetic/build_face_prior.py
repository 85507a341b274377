"""Acted takes -> mead_manip/assets/face_prior.h5, what the fit believes before it sees a landmark.

python -m mead_manip.synthetic.build_face_prior
"""

import argparse
import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import ASSETS, load_asset
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FacePrior, HeadAsset
from mead_manip.emotions import EMOTIONS
from mead_manip.models.face_model import LID_FOLLOWS_DOWN, LID_FOLLOWS_UP, load_head
from mead_manip.synthetic.actors import generator
from mead_manip.synthetic.performance import Performance, actor_style, perform
from mead_manip.synthetic.prototypes import LEVEL_STRENGTH

BUILDER_VERSION = 1
FPS = 30.0


def main() -> None:
    """Act, measure and write the asset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=20)
    parser.add_argument("--frames", type=int, default=90, help="of a take")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=ASSETS / "face_prior.h5")
    arguments = parser.parse_args()
    prior = build(arguments.actors, arguments.frames, arguments.seed)
    provenance = Provenance(
        schema=FacePrior.schema_id(),
        stage="build_face_prior",
        stage_version=BUILDER_VERSION,
        params={"actors": arguments.actors, "frames": arguments.frames, "seed": arguments.seed},
    )
    store.save(prior, arguments.out, provenance, reproducible=True)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 2**10:.0f} kB")


def build(n_actors: int, n_frames: int, seed: int) -> FacePrior:
    """Let every actor act every emotion at every level, and measure means, spread and speed."""
    coef_names = load_head().coef_names
    takes = []
    for actor in range(n_actors):
        style = actor_style(coef_names, generator(seed, "style", actor), male=actor % 2 == 0)
        for emotion in EMOTIONS:
            for level, strength in LEVEL_STRENGTH.items():
                acted = {} if emotion == "neutral" else {emotion: strength}
                take = functools.partial(generator, seed, actor, emotion, level)
                takes.append(face_of(perform(coef_names, style, acted, n_frames, FPS, take)))
    faces = np.stack(takes)
    mean = faces.mean(axis=1)
    about_mean = faces - mean[:, None]
    return FacePrior(
        mean_moment=(mean.T @ mean / len(mean)).astype(np.float32),
        spread=(np.einsum("tfi,tfj->ij", about_mean, about_mean) / (len(faces) * n_frames)).astype(np.float32),
        speed=np.diff(faces, axis=1).std(axis=(0, 1)).astype(np.float32),
        bend=np.diff(faces, n=2, axis=1).std(axis=(0, 1)).astype(np.float32),
        fps=FPS,
        identity_moment=_people(load_asset(HeadAsset, "head.h5")),
        coef_names=coef_names,
    )


def _people(head: HeadAsset) -> Float32[np.ndarray, "identity identity"]:
    """Second moment of what `sample_identity` draws: people about their skin's mean, and the means themselves."""
    means = head.anchor_mean.astype(np.float64)
    factor = head.detail_factor.astype(np.float64)
    return (means.T @ means / len(means) + factor @ factor.T).astype(np.float32)


def face_of(take: Performance) -> Float32[np.ndarray, "frame face"]:
    """Expression, jaw and eyelids; lids follow the eye as they do on the head."""
    pitch = take.gaze[:, 1:]
    follow = LID_FOLLOWS_DOWN * np.maximum(-pitch, 0) - LID_FOLLOWS_UP * np.maximum(pitch, 0)
    return np.concatenate([take.expression, take.jaw_pose, take.eyelids + (1 - take.eyelids) * follow], axis=1)


if __name__ == "__main__":
    main()
