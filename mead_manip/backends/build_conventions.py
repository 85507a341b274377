"""Neutral photographs, a synthetic tree -> assets/landmark_conventions.h5: where detectors put their landmarks

    python -m mead_manip.backends.build_conventions PHOTOGRAPHS TREE --model face_landmarker.task

A detector's brow may be the upper edge of the hair, the head's its middle: without this table every neutral face
would look surprised. The mean over many people is the detector's; what differs between people is left to the fit.
Points placed by hand make a row "london": with it taken out they teach a detector of ours to follow the head: where
such a one puts its landmarks at rest is not measured. How a detector answers expressions is, on renders of TREE.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import ASSETS
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import LandmarkConventions, SyntheticTruth
from mead_manip.backends import registry
from mead_manip.backends.detector_response import (
    errors_of,
    faces_of,
    mirrored,
    motion_of,
    people_of,
    response_of,
    watch,
)
from mead_manip.backends.interfaces import Detection, LandmarkDetector
from mead_manip.errors import NoFaceError
from mead_manip.media import london
from mead_manip.media.images import read_image
from mead_manip.models.beliefs import at_rest, default_trust, face_prior, priors_for
from mead_manip.models.face_model import load_head, rotation
from mead_manip.models.fitting import Effort, find_clip_person, fit_clip
from mead_manip.models.gaze import eyeballs_of, pupils_beside_corners
from mead_manip.models.landmarker import mirror_order
from mead_manip.models.observation import observe
from mead_manip.models.point_head import PointHead, mean_landmarks, point_head, seen_by
from mead_manip.models.threads import threads

BUILDER_VERSION = 2
ROUNDS = 8  # each takes a person's share out of the mean and moves the table by what is left


class Row(NamedTuple):
    """What is known of one detector."""

    offsets: Float[Tensor, "68 2"]
    response: Float32[np.ndarray, "68 2 face"]
    pupil_rise: float
    n_people: int


def main() -> None:
    """Detect, fit, average, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="folder; files named *neutral* are read")
    parser.add_argument("tree", type=Path, help="from mead-manip synth, its truth beside it")
    parser.add_argument("--model", required=True, help="MediaPipe's face_landmarker.task")
    parser.add_argument("--out", type=Path, default=ASSETS / "landmark_conventions.h5")
    arguments = parser.parse_args()
    head = point_head(load_head())
    truth_path = arguments.tree.parent / f"{arguments.tree.resolve().name}.truth.h5"
    truth = store.load(SyntheticTruth, truth_path)
    detectors: list[LandmarkDetector] = [
        registry.load("landmarks", "mediapipe", model=arguments.model),
        registry.load("landmarks", "builtin"),
    ]
    with threads(1):
        responses = [response_on(detector, arguments.tree, truth, head) for detector in detectors]
        faces = detect(detectors[0], sorted(arguments.photographs.glob("*neutral*")))
        for detector in detectors:
            detector.close()
        convention = convention_of([face.landmarks_px for face in faces], head)
        placed = list(london.hand_placed(arguments.photographs).values())
        rows = {
            "mediapipe": Row(convention, responses[0], pupil_rise_of(faces, seen_by(head, convention)), len(faces)),
            "builtin": Row(torch.zeros(68, 2, dtype=torch.float64), responses[1], 0.0, len(set(truth.actor))),
            "london": Row(convention_of(placed, head), np.zeros_like(responses[0]), 0.0, len(placed)),
        }
    table = LandmarkConventions(
        offsets=np.stack([row.offsets.numpy() for row in rows.values()]).astype(np.float32),
        response=np.stack([row.response for row in rows.values()]),
        pupil_rise=np.array([row.pupil_rise for row in rows.values()], np.float32),
        n_people=np.array([row.n_people for row in rows.values()], np.int32),
        detectors=tuple(rows),
        coef_names=truth.coef_names,
    )
    provenance = Provenance(
        schema=LandmarkConventions.schema_id(),
        stage="build_conventions",
        stage_version=BUILDER_VERSION,
        inputs={"truth": store.read_key(truth_path, SyntheticTruth)},
        backend=" ".join(detector.digest for detector in detectors),
    )
    store.save(table, arguments.out, provenance, reproducible=True)
    for name, row in rows.items():
        print(f"{name}: {row.n_people} people, mean offset {row.offsets.norm(dim=-1).mean():.4f} dm")


def response_on(
    detector: LandmarkDetector, tree: Path, truth: SyntheticTruth, head: PointHead
) -> Float32[np.ndarray, "68 2 face"]:
    """Measure how a detector answers what synthetic faces do; left mirrors right."""
    seen = watch(detector, tree, truth)
    faces, people = faces_of(truth)[seen.rows], people_of(truth)[seen.rows]
    response = response_of(errors_of(seen, truth), faces, people, motion_of(head))
    return 0.5 * (response + mirrored(response, truth.coef_names))


def detect(detector: LandmarkDetector, photographs: Sequence[Path]) -> list[Detection]:
    """Detect in every photograph that shows a face."""
    found = (detector.detect([read_image(path)])[0] for path in photographs)
    faces = [detections[0] for detections in found if detections]
    if not faces:
        raise NoFaceError(f"no face in {len(photographs)} photographs", expected="photographs of neutral faces")
    return faces


def pupil_rise_of(faces: Sequence[Detection], head: PointHead) -> float:
    """Average how far above the head's own a detector puts the pupils of people who look into the camera."""
    rest, priors = mean_landmarks(head), at_rest(priors_for(face_prior(), 30.0))
    rises = []
    for face in faces:
        if face.pupils_px is None:
            continue
        seen, picture = observe(face.landmarks_px[None], np.array([True]), rest)
        fit = fit_clip(head, seen, priors, default_trust(), Effort())
        predicted, camera = picture.to_pixels(fit.predicted), picture.to_camera(fit.frames[:, -3:].numpy())
        pupils = pupils_beside_corners(face.pupils_px[None], face.landmarks_px[None], predicted, camera)
        # The eyes undo the head's turn: seen from the camera, a pupil lies before its eyeball's centre.
        eyes, turn = eyeballs_of(load_head(), fit.person.identity), rotation(fit.frames[:, -6:-3])
        centres = torch.einsum("fij,ej->fei", turn[:, :2], eyes.centre).numpy()
        rises.append((pupils - centres)[..., 1].mean())
    return float(np.mean(rises))


def convention_of(faces: Sequence[Float[np.ndarray, "68 2"]], head: PointHead) -> Float[Tensor, "68 2"]:
    """Average what the detector gets wrong over people whose faces are known to be at rest; left mirrors right."""
    convention = torch.zeros(68, 2, dtype=torch.float64)
    rest, priors = mean_landmarks(head), at_rest(priors_for(face_prior(), 30.0))
    for _ in range(ROUNDS):
        seen_so = seen_by(head, convention)
        people = []
        for landmarks in faces:
            seen, _ = observe(landmarks[None], np.array([True]), rest)
            people.append(find_clip_person(seen_so, seen, priors, default_trust()).offsets)
        mean = convention + torch.stack(people).mean(dim=0)
        convention = 0.5 * (mean + mean[mirror_order()] * torch.tensor([-1.0, 1.0], dtype=mean.dtype))
    return convention


if __name__ == "__main__":
    main()
