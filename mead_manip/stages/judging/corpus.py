"""FaceTrack, Reconstruction, ClipScores -> the corpus that the referees judge, with the truth where it is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ClipScores, FaceTrack, Reconstruction, SyntheticTruth
from mead_manip.artifacts.workspace import Workspace
from mead_manip.errors import ArtifactInvalid, ArtifactMissing
from mead_manip.evaluation.detection_study import Corpus
from mead_manip.evaluation.injections import Clip
from mead_manip.models.manipulation import coefs_of
from mead_manip.models.manipulator import WINDOW
from mead_manip.synthetic.mead import truth_path
from mead_manip.training.windows import visible_runs


@dataclass(frozen=True)
class Known:
    """A corpus, the ids of its clips' outliers by the truth of a synthetic tree, and how it was scored."""

    corpus: Corpus
    outliers: dict[str, str] | None  # clip id -> kind, "" for a clip as it should be; None where no truth is at hand
    scorer: str
    face_model: str
    coef_names: tuple[str, ...]
    keys: dict[str, str]  # clip id -> keys of what was read

    @property
    def truth(self) -> str:
        """Say what is known of outliers."""
        if self.outliers is None:
            return "Which clips are outliers is not known: judges and sources may hold some. "
        found = sum(1 for kind in self.outliers.values() if kind)
        return f"The truth names {found} of {len(self.outliers)} clips outliers: judges and sources are free of them. "

    @property
    def sound(self) -> Corpus:
        """Leave known outliers out: what is planted must lie among good clips, and replace them by good ones."""
        outliers = self.outliers or {}
        return self.corpus.keep(np.array([not outliers.get(clip.clip_id) for clip in self.corpus.clips]))


def load_corpus(workspace: Workspace, *, needed_by: str) -> Known:
    """Read every labelled clip that is reconstructed and scored."""
    scored, rebuilt = set(workspace.clips("clip-score")), set(workspace.clips("reconstruct3d"))
    ids = [clip_id for clip_id in workspace.clips("preprocess") if clip_id in scored and clip_id in rebuilt]
    rows = [row for clip_id in ids if (row := _row(workspace, clip_id)) is not None]
    if len({row.clip.emotion for row in rows}) < 2:
        raise ArtifactMissing(
            f"{needed_by}: {len(rows)} labelled clips with scores and reconstructions in {workspace.root}",
            expected="clips of at least two emotions",
            remedy="run `mead-manip preprocess MEAD`, `mead-manip reconstruct3d` and `mead-manip clip-score` first",
        )
    first = rows[0].scores
    _refuse_mixed(rows, needed_by)
    corpus = Corpus(
        clips=tuple(row.clip for row in rows),
        classes=first.classes,
        frame_probability=tuple(row.scores.frame_probability for row in rows),
        coefs=tuple(row.coefs for row in rows),
        threshold=first.threshold,
    )
    outliers = _truth([row.source for row in rows], [row.clip.clip_id for row in rows])
    keys = {row.clip.clip_id: row.key for row in rows}
    scorer = f"{first.model} {first.pretrained}".strip()
    return Known(corpus, outliers, scorer, rows[0].face_model, rows[0].coef_names, keys)


@dataclass(frozen=True)
class _Row:
    clip: Clip
    scores: ClipScores
    coefs: np.ndarray
    source: Path
    key: str
    face_model: str
    coef_names: tuple[str, ...]


def _row(workspace: Workspace, clip_id: str) -> _Row | None:
    """Read one clip; None for one without labels, of a class that was not scored, or too short to be judged."""
    with store.opened(FaceTrack, workspace.path("preprocess", clip_id)) as track:
        clip = Clip(clip_id, track.actor, track.emotion, track.level, track.sentence)
        source = Path(track.source)
    scores = store.load(ClipScores, workspace.path("clip-score", clip_id))
    found = store.load(Reconstruction, workspace.path("reconstruct3d", clip_id))
    first, stop = max(visible_runs(found.visible), key=lambda run: run[1] - run[0], default=(0, 0))
    coefs = coefs_of(found.jaw_pose, found.expression)[first:stop]
    if not clip.emotion or clip.emotion not in scores.classes or len(coefs) < WINDOW:
        return None
    keys = "+".join(store.read_key(workspace.path(stage, clip_id)) for stage in ("reconstruct3d", "clip-score"))
    return _Row(clip, scores, coefs, source, keys, found.face_model, ("jaw_pose_x", *found.coef_names))


def _refuse_mixed(rows: list[_Row], needed_by: str) -> None:
    """Scores can be compared only if one model, one set of classes and one threshold made them all."""
    made = {(row.scores.weights_digest, row.scores.classes, row.scores.threshold) for row in rows}
    if len(made) > 1:
        thresholds = sorted({row.scores.threshold for row in rows})
        found = f"{len(thresholds)} thresholds" if len(thresholds) > 1 else "scores of several models or classes"
        raise ArtifactInvalid(
            f"{needed_by}: {found} among {len(rows)} clips",
            expected="one model, one set of classes and one threshold",
            remedy="run `mead-manip clip-score` again on all clips, without --per-class-thresholds",
        )


def _truth(sources: list[Path], ids: list[str]) -> dict[str, str] | None:
    """Find the truth beside the tree of the first clip's video, if it is a synthetic one that knows all these clips."""
    for folder in sources[0].resolve().parents:
        path = truth_path(folder)
        if path.is_file():
            truth = store.load(SyntheticTruth, path)
            known = dict(zip(truth.clip_ids, truth.outliers, strict=True))
            return {clip_id: known[clip_id] for clip_id in ids} if known.keys() >= set(ids) else None
    return None
