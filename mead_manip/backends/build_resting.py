"""Neutral photographs -> assets/resting_faces.h5: what the fit takes for expression in people who do nothing

    python -m mead_manip.backends.build_resting PHOTOGRAPHS --model face_landmarker.task

One picture cannot tell high brows from raised ones; how people differ at rest tells how likely either is.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import ASSETS
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import RestingFaces
from mead_manip.backends import registry
from mead_manip.backends.build_conventions import detect
from mead_manip.backends.fitting import FittingReconstructor
from mead_manip.backends.interfaces import Detection, LandmarkDetector
from mead_manip.models.beliefs import as_seen, default_trust, face_prior, priors_for
from mead_manip.models.face_model import load_head
from mead_manip.models.fitting import Effort, fit_clip
from mead_manip.models.observation import observe
from mead_manip.models.point_head import mean_landmarks, point_head
from mead_manip.models.threads import threads

BUILDER_VERSION = 1
FPS = 30.0


def main() -> None:
    """Detect, fit, average, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="folder; files named *neutral* are read")
    parser.add_argument("--model", required=True, help="MediaPipe's face_landmarker.task")
    parser.add_argument("--out", type=Path, default=ASSETS / "resting_faces.h5")
    arguments = parser.parse_args()
    detectors: list[LandmarkDetector] = [
        registry.load("landmarks", "builtin"),
        registry.load("landmarks", "mediapipe", model=arguments.model),
    ]
    photographs = sorted(arguments.photographs.glob("*neutral*"))
    with threads(1):
        people = [coefs_at_rest(detect(detector, photographs), detector.name) for detector in detectors]
    for detector in detectors:
        detector.close()
    table = RestingFaces(
        mean=np.stack([coefs.mean(axis=0) for coefs in people]).astype(np.float32),
        covariance=np.stack([np.cov(coefs.T) for coefs in people]).astype(np.float32),
        n_people=np.array([len(coefs) for coefs in people], np.int32),
        detectors=tuple(detector.name for detector in detectors),
        coef_names=("jaw_pose_x", *load_head().coef_names),
    )
    provenance = Provenance(
        schema=RestingFaces.schema_id(),
        stage="build_resting",
        stage_version=BUILDER_VERSION,
        backend=" ".join([FittingReconstructor().digest, *(detector.digest for detector in detectors)]),
    )
    store.save(table, arguments.out, provenance, reproducible=True)
    raised = table.coef_names.index("AU1_L")
    for row, name in enumerate(table.detectors):
        spread = np.sqrt(table.covariance[row, raised, raised])
        print(
            f"{name}: {table.n_people[row]} people, inner brow raised by {table.mean[row, raised]:.2f} +- {spread:.2f}"
        )


def coefs_at_rest(faces: Sequence[Detection], detector: str) -> Float32[np.ndarray, "person coef"]:
    """Fit every face as if nothing were known of it; give opening of the jaw and expression."""
    head = point_head(load_head())
    rest, priors, seen_so = mean_landmarks(head), priors_for(face_prior(), FPS), as_seen(head, detector)
    rows = []
    for face in faces:
        seen, _ = observe(face.landmarks_px[None], np.array([True]), rest)
        frame = fit_clip(seen_so, seen, priors, default_trust(), Effort()).frames[0].numpy()
        rows.append(np.concatenate([frame[head.n_expression : head.n_expression + 1], frame[: head.n_expression]]))
    return np.stack(rows).astype(np.float32)


if __name__ == "__main__":
    main()
