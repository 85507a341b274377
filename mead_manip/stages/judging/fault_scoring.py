"""FaceTrack, ClipScores -> what the same model says of the same crops with a technical fault, and who would notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, UInt8

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ClipScores
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.interfaces import LandmarkDetector, ZeroShotScorer
from mead_manip.backends.prompts import PromptSet
from mead_manip.errors import ArtifactInvalid, BackendUnavailable, MeadManipError
from mead_manip.evaluation.corruptions import CORRUPTIONS
from mead_manip.models.suppression import cosines, softmax
from mead_manip.stages.running.runner import Progress
from mead_manip.stages.scoring.clip_sampling import crops_at

UNHARMED = "as they are"
SAME = 0.02  # how far a probability may move when the same crop is scored again (another machine, another batch)
DETECTOR = "builtin"

Crop = UInt8[np.ndarray, "height width 3"]
Probability = Float32[np.ndarray, "_ class"]


@dataclass
class Faulty:
    """Clips with one fault: clip id -> probabilities of the sampled crops, and share of these where a face is found."""

    probability: dict[str, Probability] = field(default_factory=dict)
    found: dict[str, float] = field(default_factory=dict)


class FaultScorer:
    """Scores crops as clip-score did, with the model, the prompts and the temperature that the scores name."""

    def __init__(self, workspace: Workspace, clip_ids: Sequence[str], device: str) -> None:
        self.workspace, self.clip_ids = workspace, tuple(clip_ids)
        first = self._scores(self.clip_ids[0])
        self._scorer = _scorer_of(first, device)
        self._detector: LandmarkDetector = registry.load("landmarks", DETECTOR)
        self._prompts: dict[tuple[str, ...], np.ndarray] = {}

    def score(self, progress: Progress) -> dict[str, Faulty]:
        """Score every clip as it is and with every fault; refuse scores that cannot be had again."""
        results = {name: Faulty() for name in (UNHARMED, *CORRUPTIONS)}
        for clip_id in progress.clips(self.clip_ids, len(self.clip_ids), "technical faults"):
            scores = self._scores(clip_id)
            crops = crops_at(self.workspace.path("preprocess", clip_id), scores.frame_index)
            for number, (name, result) in enumerate(results.items()):
                rng = np.random.default_rng([number, self.clip_ids.index(clip_id)])
                pictures = crops if name == UNHARMED else CORRUPTIONS[name](crops, rng)
                result.probability[clip_id] = self._probability(pictures, scores)
                result.found[clip_id] = float(np.mean([bool(faces) for faces in self._detector.detect(pictures)]))
            _refuse_others(clip_id, scores, results[UNHARMED].probability[clip_id])
        return results

    def _scores(self, clip_id: str) -> ClipScores:
        return store.load(ClipScores, self.workspace.path("clip-score", clip_id))

    def _probability(self, crops: Sequence[Crop], scores: ClipScores) -> Probability:
        if scores.prompts not in self._prompts:
            sentences = tuple(
                tuple(text for text, owner in zip(scores.prompts, scores.prompt_class, strict=True) if owner == index)
                for index in range(len(scores.classes))
            )
            prompts = PromptSet(scores.classes, sentences)
            self._prompts[scores.prompts] = prompts.features(self._scorer.prompt_features)
        seen = cosines(self._scorer.image_features(crops), self._prompts[scores.prompts])
        return softmax(scores.logit_scale * seen / scores.temperature)


def _scorer_of(scores: ClipScores, device: str) -> ZeroShotScorer:
    """Find the model of some scores, before anything is computed."""
    try:
        options = {"model": scores.model, "pretrained": scores.pretrained, "device": device}
        scorer: ZeroShotScorer = registry.load("scorer", "openclip", **options)
        scorer.check()
        scorer.logit_scale()  # loads the weights
    except MeadManipError as error:
        raise BackendUnavailable(
            f"technical faults need {scores.model} {scores.pretrained}, which scored the clips: {error}",
            remedy="--faults 0 leaves them out",
        ) from error
    if scorer.digest != scores.weights_digest:
        raise ArtifactInvalid(
            f"the clips were scored by {scores.weights_digest}, at hand is {scorer.digest}",
            expected="the same weights",
            remedy="run `mead-manip clip-score` again, or leave technical faults out with --faults 0",
        )
    return scorer


def _refuse_others(clip_id: str, scores: ClipScores, again: Probability) -> None:
    moved = float(np.abs(again - scores.frame_probability).max())
    if moved > SAME:
        raise ArtifactInvalid(
            f"{clip_id}: a probability moved by {moved:.3f} when its crops were scored again",
            expected=f"at most {SAME:g}",
            remedy="run `mead-manip clip-score` again, or leave technical faults out with --faults 0",
        )
