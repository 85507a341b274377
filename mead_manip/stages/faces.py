"""video -> FaceSightings, and a contact sheet of the faces"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceSightings
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, FacesConfig, PreprocessConfig
from mead_manip.errors import InputMissing, NoFaceError, UsageError
from mead_manip.media.images import EncodedFrames, encode
from mead_manip.reports.face_sheet import FaceRow, face_sheet
from mead_manip.stages.footage.clip_finding import Digests, find_clips
from mead_manip.stages.footage.sighting import STAGE, Sighter
from mead_manip.stages.running.runner import Progress, Summary

_STRIP = 8  # pictures in a row


def run(
    workspace: Workspace,
    config: FacesConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Say who is seen in a video, when and how large, and draw it if a picture is asked for."""
    if Path(config.video).is_dir():
        raise UsageError(f"{config.video} is a folder", expected="one video")
    digests = Digests(workspace, "preprocess")
    ((clip_id, clip),) = find_clips(PreprocessConfig(path=config.video), digests, progress).items()
    sighter = Sighter(config.landmarks, config.landmarks_model, common.device)
    summary = Summary(STAGE, destination=config.out or "")
    state = store.check(workspace.path(STAGE, clip_id), FaceSightings, sighter.provenance(clip))
    if dry_run:
        summary.planned[clip_id] = "; ".join(state.reasons) or state.kind.value
        return summary
    digests.keep()
    try:
        sightings = sighter.kept(workspace, clip_id, clip, anew=force)
    except NoFaceError as error:
        # There is nothing to choose from, as for a file that is not there; preprocess counts it among its failures.
        raise InputMissing(error.found, expected=error.expected) from error
    finally:
        sighter.detector.close()
    (summary.fresh if state.kind is store.FRESH and not force else summary.done).append(clip_id)
    facts = [_fact(sightings, face) for face in range(1, sightings.n_faces + 1)]
    summary.text = "\n".join(fact.line(sightings) for fact in facts)
    summary.facts = {"faces": [asdict(fact) for fact in facts], **_about(sightings)}
    if config.out:
        _draw(Path(config.out), sightings, facts)
    shots = len(sightings.cuts) + 1
    summary.detail = f"{len(facts)} face(s) in {sightings.n_frames} frames, {shots} shot(s)"
    return summary


@dataclass(frozen=True)
class FaceFact:
    """What is told of one face."""

    face: int
    first: int  # frame
    last: int
    frames: int  # in which it is seen
    height_px: int  # of its box, median
    score: float

    def line(self, sightings: FaceSightings) -> str:
        """Say it in one line."""
        fps = sightings.fps_num / sightings.fps_den
        return (
            f"face {self.face}: frames {self.first}-{self.last} ({clock(self.first / fps)}-{clock(self.last / fps)}), "
            f"seen in {self.frames}, {self.height_px} px high, score {self.score:.2f}"
        )


def _fact(sightings: FaceSightings, face: int) -> FaceFact:
    mine = sightings.face == face
    frames, boxes = sightings.frame[mine], sightings.boxes_px[mine]
    return FaceFact(
        face=face,
        first=int(frames[0]),
        last=int(frames[-1]),
        frames=len(frames),
        height_px=round(float(np.median(boxes[:, 3] - boxes[:, 1]))),
        score=round(float(sightings.score[mine].mean()), 4),
    )


def _about(sightings: FaceSightings) -> dict[str, Any]:
    return {
        "frames": sightings.n_frames,
        "fps": f"{sightings.fps_num}/{sightings.fps_den}",
        "cuts": sightings.cuts.tolist(),
        "uncounted": int((sightings.face == 0).sum()),  # sightings too short to be a face
    }


def clock(seconds: float) -> str:
    """Give a time as m:ss.s."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _draw(out: Path, sightings: FaceSightings, facts: list[FaceFact]) -> None:
    fps = sightings.fps_num / sightings.fps_den
    pictures = EncodedFrames(sightings.picture_bytes, sightings.picture_offsets)
    rows = []
    for fact in facts:
        mine = np.flatnonzero(sightings.picture_face == fact.face)
        chosen = mine[np.unique(np.linspace(0, len(mine) - 1, _STRIP).round().astype(int))] if len(mine) else mine
        strip = [
            (clock(sightings.picture_frame[k] / fps), picture)
            for k in chosen
            if (picture := pictures[int(k)]) is not None
        ]
        title = f"{clock(fact.first / fps)} - {clock(fact.last / fps)}\n{fact.frames} frames\n{fact.height_px} px"
        rows.append(FaceRow(str(fact.face), title, strip))
    with files.atomic(out) as temporary:
        temporary.write_bytes(encode(face_sheet(rows), codec="png"))


__all__ = ["run"]
