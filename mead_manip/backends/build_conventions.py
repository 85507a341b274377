"""Photographs of neutral faces -> mead_manip/assets/landmark_conventions.h5: where a detector puts its landmarks.

python -m mead_manip.backends.build_conventions PHOTOGRAPHS --detector mediapipe --model face_landmarker.task

A detector's brow may be the upper edge of the hair, the head's its middle: without this table every neutral face
would look surprised. The mean over many people is the detector's; what differs between people is left to the fit.
Points placed by hand make a row "london": with it taken out they teach a detector of ours to follow the head.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import ASSETS
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import LandmarkConventions
from mead_manip.backends import registry
from mead_manip.backends.interfaces import LandmarkDetector
from mead_manip.errors import NoFaceError
from mead_manip.media import london
from mead_manip.media.images import read_image
from mead_manip.models.beliefs import at_rest, default_trust, face_prior, priors_for
from mead_manip.models.face_model import load_head
from mead_manip.models.fitting import Effort, fit_clip
from mead_manip.models.landmarker import mirror_order
from mead_manip.models.observation import observe
from mead_manip.models.point_head import PointHead, mean_landmarks, point_head
from mead_manip.models.threads import threads

BUILDER_VERSION = 1
ROUNDS = 8  # each takes a person's share out of the mean and moves the table by what is left


def main() -> None:
    """Detect, fit, average, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="folder; files named *neutral* are read")
    parser.add_argument("--detector", default="mediapipe")
    parser.add_argument("--model", default=None, help="the detector's weights")
    parser.add_argument("--out", type=Path, default=ASSETS / "landmark_conventions.h5")
    arguments = parser.parse_args()
    detector = registry.load("landmarks", arguments.detector, model=arguments.model)
    faces = detect(detector, sorted(arguments.photographs.glob("*neutral*")))
    detector.close()
    rows = {detector.name: faces}
    if (arguments.photographs / london.TEMPLATE).is_file():
        rows["london"] = list(london.hand_placed(arguments.photographs).values())
    with threads(1):
        offsets = torch.stack([convention_of(row, point_head(load_head())) for row in rows.values()])
    table = LandmarkConventions(
        offsets=offsets.numpy().astype(np.float32),
        n_people=np.array([len(row) for row in rows.values()], np.int32),
        detectors=tuple(rows),
    )
    provenance = Provenance(
        schema=LandmarkConventions.schema_id(),
        stage="build_conventions",
        stage_version=BUILDER_VERSION,
        backend=detector.digest,
    )
    store.save(table, arguments.out, provenance, reproducible=True)
    print(f"{arguments.out}: {len(faces)} people, mean offset {offsets.norm(dim=-1).mean():.4f} dm")


def detect(detector: LandmarkDetector, photographs: Sequence[Path]) -> list[Float[np.ndarray, "68 2"]]:
    """Give the landmarks of every photograph that shows a face."""
    found = (detector.detect([read_image(path)])[0] for path in photographs)
    faces = [detections[0].landmarks_px for detections in found if detections]
    if not faces:
        raise NoFaceError(f"no face in {len(photographs)} photographs", expected="photographs of neutral faces")
    return faces


def convention_of(faces: Sequence[Float[np.ndarray, "68 2"]], head: PointHead) -> Float[Tensor, "68 2"]:
    """Average what the detector gets wrong over people whose faces are known to be at rest; left mirrors right."""
    convention = torch.zeros(68, 2, dtype=torch.float64)
    rest = mean_landmarks(head)
    for _ in range(ROUNDS):
        priors = at_rest(priors_for(face_prior(), 30.0, convention=convention))
        offsets = []
        for landmarks in faces:
            seen, _ = observe(landmarks[None], np.array([True]), rest)
            offsets.append(fit_clip(head, seen, priors, default_trust(), Effort()).person.offsets)
        mean = torch.stack(offsets).mean(dim=0)
        convention = 0.5 * (mean + mean[mirror_order()] * torch.tensor([-1.0, 1.0], dtype=mean.dtype))
    return convention


if __name__ == "__main__":
    main()
