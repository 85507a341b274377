"""FaceTrack, Reconstruction, ClipScores -> what they say, and a picture of the face they describe"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from mead_manip import files
from mead_manip.artifacts import schemas, store
from mead_manip.artifacts.artifact import Artifact, specs
from mead_manip.artifacts.reading import Opened
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.artifacts.workspace import Workspace, clip_id_from
from mead_manip.config import Common, InspectConfig
from mead_manip.errors import ArtifactInvalid, InputMissing, UsageError
from mead_manip.media.face_crops import CROP_PX, cut_crop
from mead_manip.media.images import decode
from mead_manip.media.mead_tree import parse_clip_path
from mead_manip.media.video import read_frames
from mead_manip.reports.drawn_head import drawn_heads
from mead_manip.reports.overlay import TILE, ShownFrame, overlay
from mead_manip.stages.running.runner import Progress, Summary
from mead_manip.stages.scoring import clip_facts

STAGE = "inspect"
_WIDER = 1.25  # how much more than the crop is shown where the video is there: the whole head


def run(
    workspace: Workspace,
    config: InspectConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Say what is known about one clip, and draw it if a picture is asked for."""
    given = Path(config.clip)
    if given.suffix == ".h5" and given.is_file() and given.parent.name not in clip_facts.PER_CLIP:
        return _other_artifact(given)
    if given.suffix == ".h5" and given.is_file():
        workspace, clip_id = Workspace(given.resolve().parent.parent), given.stem
    else:
        clip_id = _clip_of_video(workspace, given) if given.is_file() else _known(workspace, config.clip)
    found = clip_facts.gather(workspace, clip_id)
    summary = Summary(STAGE, facts=dict(found))
    if config.overlay is None:
        summary.done.append(clip_id)
    elif dry_run:
        summary.planned[clip_id] = f"draw {config.overlay}"
    else:
        pixels = _draw(workspace, clip_id, config, Path(config.overlay))
        summary.done.append(clip_id)
        summary.destination, summary.detail = config.overlay, pixels
    summary.text = clip_facts.as_text(clip_id, found)
    return summary


# ---- which clip -----------------------------------------------------------------------------------------------------


def _known(workspace: Workspace, clip_id: str) -> str:
    known = sorted({known for stage in clip_facts.PER_CLIP for known in workspace.clips(stage)})
    if clip_id in known:
        return clip_id
    close = difflib.get_close_matches(clip_id, known, n=1)
    remedy = f"did you mean {close[0]!r}?" if close else "run `mead-manip preprocess` on it first"
    raise InputMissing(
        f"{clip_id!r} is no clip of {workspace.root}, and no file",
        expected="a clip id, a video or an artifact (.h5)",
        remedy=remedy,
    )


def _clip_of_video(workspace: Workspace, video: Path) -> str:
    """Find the clip that was made from this content, first under the names that preprocess would give it."""
    digest = files.digest(video)
    labels = parse_clip_path(video.resolve())
    of_labels = clip_id_from(*labels.parts) if labels.is_mead else ""
    likely = [clip_id_from("video", f"{video.stem}-{digest[:8]}"), of_labels, f"{of_labels}-{digest[:8]}"]
    tracked = workspace.clips("preprocess")
    for clip_id in [clip_id for clip_id in likely if clip_id in tracked] + tracked:
        try:
            with store.opened(FaceTrack, workspace.path("preprocess", clip_id)) as track:
                if track.source_digest == digest:
                    return clip_id
        except ArtifactInvalid:
            continue  # another clip's trouble
    raise InputMissing(
        f"{video} has not been preprocessed into {workspace.root}", remedy=f"run `mead-manip preprocess {video}` first"
    )


def _other_artifact(path: Path) -> Summary:
    """Say what an artifact holds that belongs to no clip, or lies outside a workspace."""
    made = store.read_provenance(path)
    kinds = {kind.schema_id(): kind for kind in vars(schemas).values() if _is_schema(kind)}
    if made.schema not in kinds:
        raise ArtifactInvalid(f"{path} holds {made.schema}", expected="one of " + ", ".join(sorted(kinds)))
    facts = clip_facts.origin(path, made)
    with store.opened(kinds[made.schema], path) as artifact:
        for spec in specs(kinds[made.schema]):
            value = getattr(artifact, spec.name)
            if spec.kind == "array":
                facts[spec.name] = f"{value.dtype} {' x '.join(map(str, value.shape))} ({spec.dims})"
            elif spec.kind == "mapping":
                facts[spec.name] = f"{len(value)} arrays, {sum(array.size for array in value.values())} numbers"
            else:
                facts[spec.name] = value if not isinstance(value, tuple) else list(value)
    found = {made.schema: facts}
    return Summary(STAGE, done=[path.stem], facts=dict(found), text=clip_facts.as_text(path.name, found))


def _is_schema(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Artifact) and hasattr(kind, "NAME")


# ---- the picture ----------------------------------------------------------------------------------------------------


def _draw(workspace: Workspace, clip_id: str, config: InspectConfig, out: Path) -> str:
    """Write the picture; give where its pixels are from."""
    track_path, fit_path = workspace.path("preprocess", clip_id), workspace.path("reconstruct3d", clip_id)
    fit = store.load(Reconstruction, fit_path) if fit_path.exists() else None
    with store.opened(FaceTrack, track_path) as track:
        visible = np.flatnonzero(track.visible[:])
        if fit is not None and len(fit.visible) != len(track.visible):
            raise UsageError(
                f"{clip_id}: its reconstruction is of an older track", remedy="run `mead-manip reconstruct3d`"
            )
        # Not the first and the last: they are the ones most like each other.
        spread = np.linspace(0, len(visible) - 1, config.frames + 2).round().astype(int)[1:-1]
        chosen = sorted({int(frame) for frame in visible[spread]})
        state = clip_facts.source_state(track.source, track.source_digest)
        squares = _from_video(track, chosen) if state == "there" else _from_crops(track, chosen)
        flame = Path(config.flame) if config.flame else workspace.root / "models" / "flame.h5"
        heads = drawn_heads(fit, chosen, flame) if fit is not None else [None] * len(chosen)
        shown = [
            ShownFrame(
                title=f"frame {frame}, {frame * track.fps_den / track.fps_num:.2f} s",
                square=square,
                frame_from_square=frame_from_square,
                raw_px=track.landmarks_raw_px[frame],
                smoothed_px=track.landmarks_px[frame],
                pupils_px=track.pupils_px[frame],
                head=head,
            )
            for (frame, square, frame_from_square), head in zip(squares, heads, strict=True)
        ]
    picture = overlay(shown)
    with files.atomic(out, suffix=out.suffix or ".png") as temporary:
        Image.fromarray(picture).save(temporary)
    return "pixels of the source" if state == "there" else f"pixels of the stored crops: the source is {state}"


_Squares = Iterator[tuple[int, UInt8[np.ndarray, "_ _ 3"], Float[np.ndarray, "2 3"]]]


def _from_video(track: Opened, chosen: list[int]) -> _Squares:
    """Cut squares out of the video, wider than the crops are."""
    for frame, _, rgb in read_frames(Path(track.source), chosen[0], chosen[-1] + 1):
        if frame in chosen:
            frame_from_crop = track.frame_from_crop[frame].astype(np.float64)
            frame_from_square = frame_from_crop * (_WIDER * CROP_PX / TILE)
            middle = frame_from_crop @ [(CROP_PX - 1) / 2, (CROP_PX - 1) / 2, 1]
            frame_from_square[:, 2] = middle - frame_from_square[:, :2].sum(axis=1) * (TILE - 1) / 2
            yield frame, cut_crop(rgb, frame_from_square, TILE), frame_from_square


def _from_crops(track: Opened, chosen: list[int]) -> _Squares:
    offsets = track.face_offsets[:]
    for frame in chosen:
        crop = decode(track.face_bytes[offsets[frame] : offsets[frame + 1]])
        yield frame, crop, track.frame_from_crop[frame].astype(np.float64)
