"""The JSON beside an edited video: what it was made from, how to repeat it, and whether it is still that."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mead_manip import files
from mead_manip.artifacts.provenance import Provenance
from mead_manip.config import EditConfig
from mead_manip.errors import InputMissing, UsageError
from mead_manip.models.edit_plan import EditPlan
from mead_manip.stages.editing.edit_settings import PICTURES

NOTE = "synthetically edited: the expression of the face was changed by mead-manip"


def recipe_path(out: Path) -> Path:
    """Give the path of the recipe that lies beside a result; a picture's keeps the suffix, a video may stand beside."""
    return out.with_name(out.name + ".json") if out.suffix.lower() in PICTURES else out.with_suffix(".json")


def stale(out: Path, provenance: Provenance) -> str | None:
    """Give None if the result on disk is what `provenance` describes, "" if there is none, else why it is not."""
    if not out.exists():
        return ""
    try:
        recipe = json.loads(recipe_path(out).read_text(encoding="utf-8"))
        same_key, same_bytes = recipe["key"] == provenance.key, recipe["sha256"] == files.digest(out)
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{out} exists and is no edit of ours (no recipe {recipe_path(out).name} beside it)",
            remedy="name another --out, or --force to replace it",
        ) from None
    if not same_bytes:
        return "stale: the file was changed since"
    return None if same_key else "stale: made with other settings or weights"


def write_recipe(
    out: Path,
    provenance: Provenance,
    config: EditConfig,
    source: Path,
    plans: Mapping[int, EditPlan],
    n_frames: int,
    renderer: Mapping[str, Any],
) -> None:
    """Write down how the result came to be: `edit --recipe` repeats it."""
    settings = {name: value for name, value in asdict(config).items() if name not in ("video", "out", "recipe")}
    recipe = {
        "key": provenance.key,
        "sha256": files.digest(out),
        "source": str(source),
        "source_sha256": files.digest(source),
        "command": " ".join(["mead-manip", *sys.argv[1:]]) if "mead" in Path(sys.argv[0]).name else "",
        "settings": settings,
        "plans": {str(face): plan.record() for face, plan in plans.items()},
        "renderer": dict(renderer),
        "frames": n_frames,
        "provenance": provenance.record(),
        "note": NOTE,
    }
    with files.atomic(recipe_path(out)) as temporary:
        temporary.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")


def plans_from(recipe: Mapping[str, Any]) -> dict[int, EditPlan]:
    """Give the plans that a recipe holds."""
    return {int(face): EditPlan.from_record(record) for face, record in recipe["plans"].items()}


def check_inputs(recipe: Mapping[str, Any], now: Provenance, source: Path) -> None:
    """Refuse a recipe of other weights, reconstruction or rules than now: other coefficients would result."""
    known, inputs = recipe["provenance"]["inputs"], now.inputs
    if recipe["provenance"]["stage_version"] != now.stage_version:
        raise InputMissing(
            f"--recipe was made by version {recipe['provenance']['stage_version']} of edit",
            expected=f"version {now.stage_version}, whose edits differ",
            remedy="edit with --to instead, or with the release that made it",
        )
    names = ["manipulator_weights", "resting_faces"]
    if recipe["source_sha256"] == files.digest(source):
        names += [name for name in known if name.startswith(("reconstruction", "renderer_weights"))]
        names += ["mask"] if "mask" in known or "mask" in inputs else []
    for name in names:
        if known.get(name) != inputs.get(name):
            raise InputMissing(
                f"--recipe: {name.replace('_', ' ')} {inputs.get(name)}",
                expected=f"{known.get(name)}, with which the recipe was made",
                remedy="edit with --to instead, or bring the earlier one back",
            )
