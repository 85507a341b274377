"""ClipScores, FaceTrack -> the page of `clip-score --report`."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ClipScores, FaceTrack
from mead_manip.artifacts.workspace import Workspace
from mead_manip.emotions import EMOTIONS
from mead_manip.errors import ArtifactInvalid, ArtifactMissing, MediaError
from mead_manip.media import images
from mead_manip.reports.score_page import Card, Drift, Page, Weight, score_page
from mead_manip.stages.scoring import clip_summary
from mead_manip.stages.scoring.clip_summary import Row
from mead_manip.synthetic.mead import truth_path

GALLERY = 4  # clips of each kind and label
FACES = 3  # pictures of a clip
SIDE = 88  # pixels
WATERMARK = "contains MEAD: do not share"


def write(
    workspace: Workspace,
    rows: Sequence[Row],
    warnings: Sequence[str],
    path: Path,
    *,
    thumbnails: bool,
    drift: Drift | None = None,
) -> None:
    """Write the page."""
    first = store.load(ClipScores, workspace.path("clip-score", rows[0].clip))
    labels = [label for label in EMOTIONS if any(row.label == label for row in rows)]
    ordered = sorted(rows, key=lambda row: (EMOTIONS.index(row.label), row.y))
    chosen = {label: _gallery([row for row in ordered if row.label == label]) for label in labels}
    shown = [row.clip for least, most in chosen.values() for row in (*least, *most)]
    galleries = {
        label: (_cards(workspace, least, first.classes, thumbnails), _cards(workspace, most, first.classes, thumbnails))
        for label, (least, most) in chosen.items()
    }
    page = Page(
        lead=f"{clip_summary.one_line(rows)}.",
        warnings=warnings,
        settings=_settings(first, rows),
        prompts=_prompts(first),
        table=clip_summary.by_class(rows),
        totals=clip_summary.totals(rows),
        weights=[Weight(row.label, row.level, row.actor, row.weight) for row in ordered],
        mean_probability=np.array(
            [np.mean([row.probability for row in rows if row.label == label], axis=0) for label in labels]
        ),
        labels=labels,
        classes=first.classes,
        galleries=galleries,
        drift=drift,
        watermark=WATERMARK if thumbnails and _is_real(workspace, shown) else "",
    )
    with files.atomic(path) as temporary:
        temporary.write_text(score_page(page), encoding="utf-8")


def _gallery(ordered: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Choose the least and the most trusted of the clips of one label, none twice."""
    least = list(ordered[:GALLERY])
    return least, list(ordered[len(least) :][-GALLERY:][::-1])


def _cards(workspace: Workspace, rows: Sequence[Row], classes: Sequence[str], thumbnails: bool) -> list[Card]:
    return [
        Card(
            clip=row.clip,
            label=row.label,
            y=row.y,
            weight=row.weight,
            probability=tuple(zip(classes, row.probability, strict=True)),
            pictures=tuple(_faces(workspace, row.clip)) if thumbnails else (),
        )
        for row in rows
    ]


def _faces(workspace: Workspace, clip_id: str) -> list[bytes]:
    """Give some of the crops that were scored, small; none where the track has gone."""
    try:
        with store.opened(ClipScores, workspace.path("clip-score", clip_id)) as scores:
            frames = scores.frame_index[:]
        chosen = frames[np.unique(np.linspace(0, len(frames) - 1, FACES).round().astype(int))]
        with store.opened(FaceTrack, workspace.path("preprocess", clip_id)) as track:
            offsets = track.face_offsets[:]
            encoded = [track.face_bytes[offsets[frame] : offsets[frame + 1]] for frame in chosen]
        crops = [images.decode(data) for data in encoded]
    except (ArtifactMissing, ArtifactInvalid, MediaError, IndexError):
        return []  # the page shows a clip without its face; its track was counted and named when it was scored
    return [images.encode(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA), quality=82) for crop in crops]


def _is_real(workspace: Workspace, clips: Sequence[str]) -> bool:
    """Tell whether faces of MEAD's people may be among the clips: a synthetic tree has its truth beside it."""
    for clip_id in clips:
        try:
            with store.opened(FaceTrack, workspace.path("preprocess", clip_id)) as track:
                actor, source = track.actor, Path(track.source)
        except (ArtifactMissing, ArtifactInvalid):
            continue
        if actor and not any(truth_path(folder).is_file() for folder in source.resolve().parents):
            return True
    return False


def _settings(scores: ClipScores, rows: Sequence[Row]) -> list[tuple[str, str]]:
    fitted = f", calibrated on {scores.calibrated_on}: keep it out of training" if scores.calibrated_on else ""
    thresholds = sorted({row.threshold for row in rows})
    per_class = "one per class" if len(thresholds) > 1 else f"{thresholds[0]:g}"
    return [
        ("model", f"{scores.model} {scores.pretrained}".strip()),
        ("weights", scores.weights_digest),
        ("precision", scores.precision),
        ("logit scale", f"{scores.logit_scale:.4g} (as trained)"),
        ("temperature", f"{scores.temperature:.4g}{fitted}"),
        ("threshold", per_class),
        ("smallest lambda", f"{scores.min_lambda:g}"),
        ("frames of a clip", f"up to {len(scores.frame_index)}, from its middle; the mean of their probabilities"),
        ("classes", ", ".join(scores.classes)),
    ]


def _prompts(scores: ClipScores) -> dict[str, list[str]]:
    return {
        name: [text for text, owner in zip(scores.prompts, scores.prompt_class, strict=True) if owner == index]
        for index, name in enumerate(scores.classes)
    }
