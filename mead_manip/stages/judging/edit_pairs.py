"""What was asked of `evaluate edit` -> pairs of source and result, with the recipe that says what was edited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from mead_manip import files
from mead_manip.config import EvaluateEditConfig
from mead_manip.emotions import NED_EMOTIONS, Blend
from mead_manip.errors import InputMissing, MeadManipError, UsageError
from mead_manip.media.video import probe
from mead_manip.media.writer import CONTAINERS
from mead_manip.models.edit_plan import EditPlan, weight_of
from mead_manip.stages.editing.edit_recipe import plans_from, recipe_path
from mead_manip.stages.editing.edit_settings import read_recipe

HOLDS = 0.5  # of a passage: from here on a frame is edited to its emotion
_BESIDE = {"side_by_side": "source and edit beside each other", "grid": "all emotions in one picture"}


@dataclass(frozen=True)
class Pair:
    """A source, what was made of it, and the recipe where there is a true one."""

    source: Path
    result: Path
    recipe: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Give its name for people."""
        return self.result.name

    @property
    def run(self) -> str:
        """Give the training run that edited it; "" without a recipe."""
        return str(self.recipe["settings"].get("run") or "") if self.recipe is not None else ""

    @property
    def plans(self) -> dict[int, EditPlan]:
        """Give the plan of every face that was edited; the most prominent one's is unknown without a recipe."""
        return plans_from(self.recipe) if self.recipe is not None else {}


def pairs_of(config: EvaluateEditConfig) -> list[Pair]:
    """Give the pairs that were typed, or those of a folder with recipes."""
    if config.recipes and config.videos:
        raise UsageError("evaluate edit: SOURCE RESULT with --recipes", remedy="leave one out")
    if config.recipes:
        return _below(Path(config.recipes))
    paths = [Path(word) for word in config.videos]
    if not paths or len(paths) % 2:
        raise UsageError(
            f"evaluate edit: {len(paths)} videos", expected="SOURCE RESULT, once or several times, or --recipes FOLDER"
        )
    return [Pair(source, result, _own_recipe(result)) for source, result in zip(paths[::2], paths[1::2], strict=True)]


def check_pair(pair: Pair) -> None:
    """Refuse what cannot be compared frame for frame, before anything is computed."""
    settings = pair.recipe["settings"] if pair.recipe is not None else {}
    if pair.recipe is not None and pair.recipe["sha256"] != files.digest(pair.result):
        raise UsageError(f"{pair.result} was changed since its recipe was written", remedy="edit it again")
    for name, what in _BESIDE.items():
        if settings.get(name):
            raise UsageError(f"{pair.result} shows {what}", expected="an edited video alone", remedy="edit it again")
    before, after = probe(pair.source), probe(pair.result)
    # H.264 has even sides: an odd one got a line more.
    padded = before.width + before.width % 2, before.height + before.height % 2
    if (after.width, after.height) not in ((before.width, before.height), padded):
        wide = after.width >= 2 * before.width and after.height == padded[1]
        raise UsageError(
            f"{pair.result} is {after.width}x{after.height}",
            expected=f"{before.width}x{before.height} as {pair.source}",
            remedy="a video with source and edit side by side is no result" if wide else "",
        )
    if before.n_frames and after.n_frames and before.n_frames != after.n_frames:
        raise frames_differ(pair, before.n_frames, after.n_frames)


def frames_differ(pair: Pair, before: int, after: int) -> MeadManipError:
    """Say that source and result are not of one length."""
    return UsageError(
        f"{pair.result} has {after} frames", expected=f"{before} as {pair.source}", remedy="edit it without --trim"
    )


def targets_of(plan: EditPlan, times: Float64[np.ndarray, " frame"]) -> Int64[np.ndarray, " frame"]:
    """Give the index of the emotion that each frame is edited to; -1 where no passage holds or none is named."""
    weights = np.stack([weight_of(passage, times) for passage in plan.passages])
    emotions = np.array([main_emotion(passage.style.blend) for passage in plan.passages], np.int64)
    return np.where(weights.max(axis=0) >= HOLDS, emotions[weights.argmax(axis=0)], -1)


def main_emotion(blend: Blend) -> int:
    """Give the index of a blend's heaviest emotion; -1 where it is none of NED's, or none at all."""
    name = max(blend, key=lambda key: blend[key], default="")
    return NED_EMOTIONS.index(name) if name in NED_EMOTIONS else -1


def _below(folder: Path) -> list[Pair]:
    if not folder.is_dir():
        raise InputMissing(f"--recipes {folder} is no folder", expected="a folder of edited videos with their recipes")
    pairs = []
    for path in sorted(folder.rglob("*.json")):
        results = [path.with_suffix(suffix) for suffix in CONTAINERS if path.with_suffix(suffix).is_file()]
        if not results or not _is_recipe(path):
            continue
        recipe = read_recipe(path)
        source = Path(recipe["source"])
        if not source.is_file() and (path.parent / source.name).is_file():
            source = path.parent / source.name
        pairs.append(Pair(source, results[0], recipe))
    if not pairs:
        raise InputMissing(f"no edited video with a recipe in {folder}", expected="what `mead-manip edit` writes")
    return pairs


def _own_recipe(result: Path) -> Mapping[str, Any] | None:
    """Read the recipe beside a result, if it is this very file's."""
    path = recipe_path(result)
    if not result.is_file() or not path.is_file() or not _is_recipe(path):
        return None
    recipe = read_recipe(path)
    return recipe if recipe.get("sha256") == files.digest(result) else None


def _is_recipe(path: Path) -> bool:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return str(record["provenance"]["schema"]).startswith("edit/")
    except (OSError, ValueError, KeyError, TypeError):
        return False
