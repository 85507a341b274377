"""What the artifacts of one clip say, as plain values, and those as text."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.reading import Opened
from mead_manip.artifacts.schemas import ClipScores, FaceTrack, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.errors import ArtifactInvalid, InputMissing, MeadManipError
from mead_manip.stages import STAGES

# stage -> the artifact it publishes per clip
PER_CLIP = {"preprocess": FaceTrack, "reconstruct3d": Reconstruction, "clip-score": ClipScores}

# stage -> the kind of its backend, and the setting that names it
_BACKENDS = {"preprocess": ("landmarks", "landmarks"), "reconstruct3d": ("reconstructor", "backend")}

Facts = dict[str, Any]


def gather(workspace: Workspace, clip_id: str) -> dict[str, Facts]:
    """Give the facts of every artifact that a clip has, by stage."""
    readers = {"preprocess": _track, "reconstruct3d": _reconstruction, "clip-score": _scores}
    found: dict[str, Facts] = {}
    for stage, schema in PER_CLIP.items():
        path = workspace.path(stage, clip_id)
        if not path.exists():
            continue
        try:
            with store.opened(schema, path) as artifact:
                facts = readers[stage](artifact)
            made = store.read_provenance(path)
            reasons = _outdated(workspace, stage, clip_id, made)
            reasons += ["the video has changed"] if facts.get("source_is") == "changed" else []
            state = "stale: " + "; ".join(reasons) if reasons else "fresh"
            found[stage] = {**origin(path, made), "state": state, **facts}
        except ArtifactInvalid as error:
            found[stage] = {"path": str(path), "state": f"unreadable: {error}"}
    return found


def origin(path: Path, made: Provenance) -> Facts:
    """Say what a file is and what it was made from."""
    plain = {name: value for name, value in made.params.items() if isinstance(value, (bool, int, float, str))}
    settings = ", ".join(f"{name} {value}" for name, value in plain.items())
    facts = {"path": str(path), "schema": made.schema, "key": made.key, "backend": made.backend, "settings": settings}
    return {name: value for name, value in facts.items() if value}


def source_state(source: str, digest: str) -> str:
    """Tell whether the video of a track is still there as it was: there, missing or changed."""
    try:
        return "there" if files.digest(Path(source)) == digest else "changed"
    except InputMissing:
        return "missing"


def as_text(clip_id: str, found: dict[str, Facts]) -> str:
    """Lay the facts out for reading."""
    lines = [clip_id]
    for stage, facts in found.items():
        lines += ["", stage]
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            if isinstance(value, dict):
                lines += [f"  {name.replace('_', ' ')}", *_table(value)]
            else:
                lines.append(f"  {name.replace('_', ' '):{width}}  {_shown(value)}")
    return "\n".join(lines)


# ---- below: one artifact each --------------------------------------------------------------------------------------


def _track(track: Opened) -> Facts:
    visible, boxes = track.visible[:], track.boxes_px[:]
    rate = track.fps_num / track.fps_den
    labels = (track.actor, track.view, track.emotion, str(track.level or ""), str(track.take or ""))
    return {
        "source": track.source,
        "source_is": source_state(track.source, track.source_digest),
        "labels": " ".join(label for label in labels if label) or "none",
        "frames": len(visible),
        "fps": round(rate, 3),
        "seconds": round(len(visible) / rate, 2),
        "size": f"{track.width}x{track.height}",
        "visible": int(visible.sum()),
        "landmarks": track.landmark_backend,
        "mesh_points": track.mesh_px.shape[1],
        "face": f"{track.face} of at most {track.most_faces} in a frame",
        "face_height_px": _rounded(np.median((boxes[:, 3] - boxes[:, 1])[visible])),
        "lowest_score": _rounded(track.score[:][visible].min()),
        "cuts": [int(cut) for cut in track.cuts[:]],
        "jitter_raw": _rounded(track.jitter_raw),
        "jitter": _rounded(track.jitter),
        "bytes_per_frame": round(track.face_bytes.shape[0] / len(visible)),
    }


def _reconstruction(clip: Opened) -> Facts:
    visible = clip.visible[:]
    residual, expression = clip.residual[:][visible], clip.expression[:][visible]
    ranges = dict(zip(clip.coef_names, _ranges(expression), strict=True))
    pose = np.degrees(clip.head_pose[:][visible])
    others = {
        "jaw_pose": clip.jaw_pose[:][visible],
        "eyelids": clip.eyelids[:][visible],
        "gaze": clip.gaze[:][visible],
        "head_pose_degrees": pose,
    }
    axes = {"eyelids": ("left", "right"), "gaze": ("yaw", "pitch")}
    for name, values in others.items():
        named = [f"{name}_{axis}" for axis in axes.get(name, "xyz")]
        ranges |= dict(zip(named, _ranges(values), strict=True))
    return {
        "face_model": clip.face_model,
        "frames": len(visible),
        "visible": int(visible.sum()),
        "residual_mean": _rounded(residual.mean()),
        "residual_worst": _rounded(residual.max()),
        "coefficient_jitter": _rounded(np.abs(np.diff(expression, n=2, axis=0)).mean()) if len(expression) > 2 else 0.0,
        "identity_norm": _rounded(np.linalg.norm(clip.identity[:])),
        "detail_codes": clip.detail.shape[1],
        "ranges": ranges,
    }


def _scores(scores: Opened) -> Facts:
    return {
        "label": scores.label,
        "y": _rounded(scores.y),
        "lambda": _rounded(scores.weight),
        "threshold": scores.threshold,
        "model": f"{scores.model} {scores.pretrained}".strip(),
        "frames_scored": len(scores.frame_index[:]),
        "probability": dict(zip(scores.classes, ([_rounded(p)] for p in scores.probability[:]), strict=True)),
    }


def _ranges(values: np.ndarray) -> list[list[float]]:
    """Give least, mean and greatest of every column."""
    columns = (values.min(axis=0), values.mean(axis=0), values.max(axis=0))
    return [[_rounded(number) for number in row] for row in np.stack(columns, axis=1)]


def _outdated(workspace: Workspace, stage: str, clip_id: str, made: Provenance) -> list[str]:
    """Say what has changed since: the stage itself, the model it uses today, the tracks it read."""
    version = importlib.import_module(STAGES[stage].module).STAGE_VERSION
    reasons = [f"stage_version: {made.stage_version} -> {version}"] if made.stage_version != version else []
    backend = _backend_today(workspace, stage, made)
    reasons += [f"backend: {made.backend} -> {backend}"] if backend not in ("", made.backend) else []
    tracks = dict(made.inputs.get("at_rest", {}))
    if FaceTrack.NAME in made.inputs:
        tracks[clip_id] = made.inputs[FaceTrack.NAME]
    for other, key in tracks.items():
        path = workspace.path("preprocess", other)
        if not path.exists() or store.read_key(path) != key:
            reasons.append(f"the face track of {other} {'has changed' if path.exists() else 'is gone'}")
    return reasons


def _backend_today(workspace: Workspace, stage: str, made: Provenance) -> str:
    """Give the identity that the backend of the same name has now; "" where its package or weights are not here."""
    kind, setting = _BACKENDS.get(stage, ("", ""))
    if not kind:
        return ""
    name, models = str(made.params[setting]), workspace.root / "models"
    files_of_deca = {"flame": str(models / "flame.h5"), "model": str(models / "deca_model.tar")}
    try:
        return str(registry.load(kind, name, **(files_of_deca if name == "deca" else {})).digest)
    except MeadManipError:
        return ""


def _table(rows: dict[str, list[float]]) -> list[str]:
    width = max(len(name) for name in rows)
    header = (
        [f"    {'':{width}}  {'least':>8} {'mean':>8} {'greatest':>8}"] if len(next(iter(rows.values()))) == 3 else []
    )
    return header + [
        f"    {name:{width}}  " + " ".join(f"{number:8.3f}" for number in row) for name, row in rows.items()
    ]


def _rounded(number: Any) -> float:
    return round(float(number), 5)


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
