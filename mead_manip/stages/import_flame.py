"""generic_model.pkl (FLAME 2020, 2023, 2023 Open) -> FlameAsset"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.flame_files import flame_from_files, variant_of
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FlameAsset
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, ImportFlameConfig
from mead_manip.errors import InputMissing
from mead_manip.media.images import read_image
from mead_manip.stages.running.runner import Progress, Summary

STAGE, STAGE_VERSION = "import-flame", 1
DEFAULT = "models/flame.h5"  # in the workspace
DECAS_VARIANT = "2020"


@dataclass(frozen=True)
class _Sources:
    """The files to read; None where there is none. DECA's own data folder holds them all, under these names."""

    model: Path
    landmarks: Path | None  # landmark_embedding.npy
    template: Path | None  # head_template.obj
    uv_mask: Path | None  # uv_face_eye_mask.png
    displacement: Path | None  # fixed_displacement_256.npy


_BESIDE = {
    "landmarks": "landmark_embedding.npy",
    "template": "head_template.obj",
    "uv_mask": "uv_face_eye_mask.png",
    "displacement": "fixed_displacement_256.npy",
}


def run(
    workspace: Workspace,
    config: ImportFlameConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Read FLAME's pickle once, without executing anything, and publish its arrays."""
    out = Path(config.out) if config.out else workspace.root / DEFAULT
    summary = Summary(STAGE, destination=str(out))
    sources = _sources(config)
    given = {field.name: getattr(sources, field.name) for field in fields(sources)}
    digests = {name: files.digest(path) for name, path in given.items() if path is not None}
    params = {"variant": variant_of(sources.model)}  # told by the file's name, not by its content
    provenance = Provenance(FlameAsset.schema_id(), STAGE, STAGE_VERSION, params, digests)
    summary.detail = _detail(sources, params["variant"])
    state = store.check(out, FlameAsset, provenance)
    if state.kind is store.FRESH and not force:
        summary.fresh.append("flame")
        return summary
    if dry_run:
        summary.planned["flame"] = "; ".join(state.reasons) or ("forced" if force else "missing")
        return summary
    mask = None if sources.uv_mask is None else _mask(sources.uv_mask)
    asset = flame_from_files(sources.model, sources.landmarks, sources.template, mask, sources.displacement)
    store.save(asset, out, provenance)
    for name, path in given.items():
        if path is not None:
            progress.say(f"{STAGE}: {name} from {path}")
    summary.done.append("flame")
    return summary


def _sources(config: ImportFlameConfig) -> _Sources:
    """Give every file that is named, or lies under its usual name beside the model."""
    model = _existing(config.model, "FLAME's generic_model.pkl; register at flame.is.tue.mpg.de to get it")
    found = {}
    for name, usual in _BESIDE.items():
        named, beside = getattr(config, name), model.parent / usual
        found[name] = _existing(named, usual) if named else beside if beside.is_file() else None
    return _Sources(model, **found)


def _existing(name: str, what: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise InputMissing(f"{STAGE}: {path} does not exist", expected=what)
    return path


def _mask(path: Path) -> UInt8[np.ndarray, "uv_row uv_column"]:
    return np.ascontiguousarray(read_image(path)[..., 0])


def _detail(sources: _Sources, variant: str) -> str:
    """Say what was recognised, and what the result will lack."""
    lacking = [usual for name, usual in _BESIDE.items() if getattr(sources, name) is None]
    parts = [f"FLAME {variant}"]
    if variant != DECAS_VARIANT:
        parts.append("DECA's coefficients belong to FLAME 2020")
    if lacking:
        parts.append("without " + ", ".join(lacking))
    return "; ".join(parts)
