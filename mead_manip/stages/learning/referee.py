"""The judgement of a manipulator by sequence classifiers: does an edited clip show the target, does it still speak?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mead_manip.evaluation.sequences import (
    LabelledSequence,
    SegmentClassifier,
    agreement,
    balanced_accuracy,
    fit_classifier,
    intensity_ratio,
    jitter,
    predict,
    recalls,
)
from mead_manip.models.manipulation import manipulate
from mead_manip.models.manipulator import Manipulator
from mead_manip.training.windows import ClipSequence

KINDS = ("statistics", "convolution")
STYLES = 4  # noise vectors per clip and target
MOST_CLIPS = 12  # neutral clips that are edited


def referee(nets: Manipulator, known: Sequence[ClipSequence], held_out: Sequence[ClipSequence]) -> dict[str, Any]:
    """Edit the neutral clips of `held_out` to every emotion and let classifiers trained on `known` name what they see.

    `ceiling` is what they make of the real clips of `held_out`, `floor` of the neutral clips left as they are.
    """
    device = nets.coef_mean.device
    nets = nets.cpu()
    emotions = nets.architecture.emotions
    usable = [clip for clip in held_out if clip.visible.sum() >= nets.architecture.window]
    sources = [clip for clip in usable if clip.labels.emotion == "neutral"][:MOST_CLIPS] or usable[:MOST_CLIPS]
    edits = []
    for target, emotion in enumerate(emotions):
        of_target = [seen(clip).mean(axis=0) for clip in usable if clip.labels.emotion == emotion]
        goal = np.mean(of_target, axis=0) if of_target else None
        for clip in sources:
            if clip.labels.emotion != emotion:
                edits += [_Edit(nets, clip, target, emotion, seed, goal) for seed in range(STYLES)]
    nets.to(device)
    truth = np.array([edit.target for edit in edits])
    real = np.array([emotions.index(clip.labels.emotion) for clip in usable])
    scores: dict[str, Any] = {"edits": len(edits)}
    for kind in KINDS:
        classifier = _classifier(known, emotions, kind)
        named = predict(classifier, [edit.coefs for edit in edits])
        unedited = predict(classifier, [edit.source for edit in edits])
        scores[kind] = {
            "balanced_accuracy": balanced_accuracy(truth, named),
            "ceiling": balanced_accuracy(real, predict(classifier, [seen(clip) for clip in usable])),
            "floor": balanced_accuracy(truth, unedited),
            "recall": {emotions[label]: share for label, share in recalls(truth, named).items()},
        }
    ratios = [edit.ratio for edit in edits if edit.ratio is not None]
    return scores | {
        # The harder judge counts.
        "balanced_accuracy": min(scores[kind]["balanced_accuracy"] for kind in KINDS),
        "ceiling": min(scores[kind]["ceiling"] for kind in KINDS),
        "jaw_correlation": float(np.mean([agreement(edit.source, edit.coefs) for edit in edits])),
        "intensity_ratio": float(np.mean(ratios)) if ratios else None,
        "jitter_ratio": float(np.mean([jitter(e.coefs) / max(jitter(e.source), 1e-9) for e in edits])),
    }


def seen(clip: ClipSequence) -> np.ndarray:
    """Give the frames of a clip that show a face."""
    # Not a copy where all do: the corpus is held once.
    return clip.coefs if clip.visible.all() else clip.coefs[clip.visible]


class _Edit:
    """A clip as another emotion."""

    def __init__(
        self, nets: Manipulator, clip: ClipSequence, target: int, emotion: str, seed: int, goal: np.ndarray | None
    ) -> None:
        self.source, self.target = seen(clip), target
        self.coefs = manipulate(nets, self.source, emotion=emotion, seed=seed)
        means = self.source.mean(axis=0), self.coefs.mean(axis=0)
        self.ratio = intensity_ratio(*means, goal) if goal is not None else None


def _classifier(clips: Sequence[ClipSequence], emotions: Sequence[str], kind: str) -> SegmentClassifier:
    examples = [
        LabelledSequence(seen(clip), emotions.index(clip.labels.emotion)) for clip in clips if clip.visible.any()
    ]
    return fit_classifier(examples, len(emotions), kind=kind)
