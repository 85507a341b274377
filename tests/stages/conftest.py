"""A small scored workspace for the referees. The package is imported inside: see the conftest above."""

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from mead_manip.artifacts.workspace import Workspace

FRAMES = 16


@pytest.fixture
def scored_workspace(tmp_path, make_track, make_reconstruction, make_scores) -> "Workspace":
    """Publish 3 actors x (6 emotions x levels 1 and 3 + 2 neutral): strong clips are recognised, weak ones hardly."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.emotions import NED_EMOTIONS

    workspace = Workspace(tmp_path / "work")
    rng = np.random.default_rng(0)
    acted = [(emotion, level) for emotion in NED_EMOTIONS if emotion != "neutral" for level in (1, 3)]
    for actor, (take, (emotion, level)) in itertools.product(
        ("M003", "M009", "W029"), enumerate([*acted, *acted, ("neutral", 1), ("neutral", 1)])
    ):
        clip_id = f"{actor}_{emotion}_{level}_{take:03d}"
        strength = 0.0 if emotion == "neutral" else (0.3, 0, 1.0)[level - 1]
        truth = np.eye(len(NED_EMOTIONS))[NED_EMOTIONS.index(emotion)]
        logits = (5 * max(strength, 0.9 * (emotion == "neutral"))) * truth + rng.normal(0, 0.3, (4, len(truth)))
        odds = np.exp(logits)
        probability = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
        face = (strength * truth + rng.normal(0, 0.05, (FRAMES, len(truth)))).astype(np.float32)
        labels = {"actor": actor, "emotion": emotion, "level": level}
        own = float(probability.mean(axis=0)[NED_EMOTIONS.index(emotion)])
        artifacts = {
            "preprocess": make_track(FRAMES, **labels, source=str(tmp_path / "MEAD" / f"{clip_id}.mp4")),
            "reconstruct3d": make_reconstruction(FRAMES, len(truth), **labels, expression=face),
            "clip-score": make_scores(
                frame_index=np.arange(4, dtype=np.int32), frame_probability=probability,
                probability=probability.mean(axis=0), classes=NED_EMOTIONS, prompts=NED_EMOTIONS,
                label=emotion, y=own, weight=1.0 if own >= 0.6 else own, threshold=0.6, actor=actor, level=level,
            ),
        }  # fmt: skip
        for stage, artifact in artifacts.items():
            workspace.prepare(stage)
            store.save(artifact, workspace.path(stage, clip_id), Provenance(artifact.schema_id(), stage, 1))
    return workspace
