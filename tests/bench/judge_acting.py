"""What an outsider says of the acting that a manipulator learned from: the ceiling of what it can say of edits.

    python tests/bench/judge_acting.py WORKSPACE MEAD.truth.h5 fer2013_mini_XCEPTION.hdf5

WORKSPACE holds the preprocessed clips of a synthetic tree (`mead-manip synth`, then `preprocess`). Run it where
they were made. Only clips of the highest level that are no outliers count; their middle two thirds, every eighth frame.
"""

import sys
from pathlib import Path

import numpy as np

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, SyntheticTruth
from mead_manip.backends.fer import FerClassifier, face_of
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.media.video import read_frames

EVERY = 8  # frames


def main() -> None:
    """Print the mean probability of every emotion, a line per acted one."""
    workspace, truth = Path(sys.argv[1]), store.load(SyntheticTruth, Path(sys.argv[2]))
    judge = FerClassifier(Path(sys.argv[3]))
    clips: dict[str, list[np.ndarray]] = {emotion: [] for emotion in NED_EMOTIONS}
    for clip_id, emotion, outlier, level in zip(
        truth.clip_ids, truth.emotions, truth.outliers, truth.level, strict=True
    ):
        path = workspace / "preprocess" / f"{clip_id}.h5"
        wanted = emotion in clips and not outlier and (level == truth.level.max() or emotion == "neutral")
        if wanted and path.exists():
            clips[emotion].append(judged(store.load(FaceTrack, path), judge))
    print("acted      clips  " + "  ".join(f"{name:>9}" for name in NED_EMOTIONS))
    for emotion, rows in clips.items():
        if rows:
            print(f"{emotion:10} {len(rows):5}  " + "  ".join(f"{p:9.2f}" for p in np.mean(rows, axis=0)))


def judged(track: FaceTrack, judge: FerClassifier) -> np.ndarray:
    """Give the mean probability of every emotion in a clip."""
    count = len(track.visible)
    seen = range(count // 6, count - count // 6, EVERY)
    frames = [
        face_of(rgb, track.landmarks_px[index])
        for index, _, rgb in read_frames(Path(track.source))
        if index in seen and track.visible[index]
    ]
    return judge.probabilities(frames).mean(axis=0)


if __name__ == "__main__":
    main()
