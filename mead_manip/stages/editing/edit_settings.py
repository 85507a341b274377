"""What was asked of `edit` -> which sources, which results, and whether it goes together."""

from __future__ import annotations

import dataclasses
import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mead_manip.config import EditConfig
from mead_manip.emotions import blend_text, parse_targets
from mead_manip.errors import InputMissing, UsageError
from mead_manip.media.mead_tree import find_videos

PICTURES = (".png", ".jpg", ".jpeg")
FIELDS = ("stem", "emotion", "intensity", "run", "face")
NO_MASK, AUTO_MASK = "none", "auto"
DISTORTS = 1.5  # intensities beyond it are allowed, and warned of


@dataclass(frozen=True)
class Source:
    """One thing to edit, and where the result goes."""

    path: Path
    out: Path

    @property
    def is_picture(self) -> bool:
        """Tell whether it is a picture rather than a video."""
        return self.path.suffix.lower() in PICTURES


def check(config: EditConfig) -> None:
    """Refuse options that do not go together, before anything is computed."""
    wishes = {"--to": config.to, "--reference": config.reference, "--timeline": config.timeline, "--grid": config.grid}
    given = [flag for flag, value in wishes.items() if value]
    if not given:
        raise UsageError(
            "edit: nothing to change the face to",
            expected="--to (an emotion, for example --to happy), --reference, --timeline, --grid or --recipe",
        )
    if len(given) > 1:
        raise UsageError(f"{given[0]} with {given[1]}", remedy="leave one out")
    numbered = bool(config.to) and None not in parse_targets(config.to)
    pairs = [
        (numbered and config.face is not None, "--face with numbered faces in --to", ""),
        (numbered and config.styles > 0, "--styles with numbered faces in --to", "choose for one face at a time"),
        (config.styles > 0 and not config.to, "--styles without --to", ""),
        (config.styles > 0 and config.preview > 0, "--styles with --preview", ""),
        (config.grid and (config.side_by_side or config.preview > 0), "--grid with --side-by-side or --preview", ""),
        (bool(config.timeline) and _cut(config), "--timeline with --start or --end", "the timeline has its own times"),
        (config.trim and not _cut(config), "--trim without --start or --end", "say what to keep"),
        (config.renderer == "warp" and config.renderer_run is not None, "--renderer warp with --renderer-run", ""),
    ]
    for wrong, found, remedy in pairs:
        if wrong:
            raise UsageError(found, remedy=remedy or "leave one out")
    if config.start is not None and config.end is not None and config.end <= config.start:
        raise UsageError(f"--end {config.end:g} is not after --start {config.start:g}", expected="seconds that rise")


def _cut(config: EditConfig) -> bool:
    return config.start is not None or config.end is not None


def sources_of(config: EditConfig) -> list[Source]:
    """Give what is to be edited, each with a destination of its own."""
    paths = [path for given in config.video for path in _below(Path(given))]
    if not paths:
        raise UsageError("edit: no VIDEO", expected="a video, a picture or a folder of them")
    if len(paths) > 1 and config.out and "{stem}" not in config.out:
        raise UsageError(
            f"--out {config.out} for {len(paths)} videos", expected="a pattern, for example '{stem}_{emotion}.mp4'"
        )
    if len(paths) > 1 and config.mask not in (NO_MASK, AUTO_MASK) and "{stem}" not in config.mask:
        raise UsageError(
            f"--mask {config.mask} for {len(paths)} videos", expected="a pattern, for example 'mattes/{stem}.mp4'"
        )
    sources = [Source(path, _destination(path, config)) for path in paths]
    taken: dict[Path, Path] = {}
    for source in sources:
        other = taken.setdefault(source.out.absolute(), source.path)
        if other != source.path:
            raise UsageError(
                f"{other} and {source.path} would both become {source.out}",
                remedy="edit them one at a time, with --out",
            )
    return sources


def title_of(config: EditConfig) -> str:
    """Give a short name of what the face is changed to."""
    if config.grid:
        return "grid"
    if config.reference:
        return "like_" + Path(config.reference).stem
    if config.timeline:
        return Path(config.timeline).stem
    return config.to


def _below(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise InputMissing(f"{path} does not exist", expected="a video, a picture or a folder of them")
        return [path]
    pictures = [found for found in path.rglob("*") if found.suffix.lower() in PICTURES and found.is_file()]
    found = sorted([*find_videos(path), *pictures])
    if not found:
        raise InputMissing(f"no video and no picture in {path}", expected="mp4, mov, mkv, webm, avi, png or jpg")
    return found


def _destination(source: Path, config: EditConfig) -> Path:
    picture = source.suffix.lower() in PICTURES
    still = picture or config.styles or config.preview
    if config.out:
        out = Path(_filled(config.out, source, config))
    else:
        word = "".join(c if c.isalnum() or c in "_-" else "_" for c in title_of(config))
        part = f"-face_{config.face}" if (config.face or 1) > 1 else ""
        kind = "_styles" if config.styles else "_preview" if config.preview else ""
        suffix = source.suffix if picture and not kind else ".png" if still else ".mp4"
        out = Path(f"{source.stem}{part}_{word}{kind}{suffix}")
    if still and out.suffix.lower() not in PICTURES:
        raise UsageError(f"--out {out} for a picture", expected="a name that ends in " + ", ".join(PICTURES))
    if out.exists() and source.exists() and out.resolve() == source.resolve():
        raise UsageError(f"--out {out} is the source itself", remedy="give another name: the source stays as it is")
    return out


def _filled(pattern: str, source: Path, config: EditConfig) -> str:
    values = {
        "stem": source.stem,
        "emotion": "+".join(map(blend_text, parse_targets(config.to).values())) if config.to else title_of(config),
        "intensity": f"{config.intensity:g}",
        "run": config.run,
        "face": str(config.face or 1),
    }
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None]
        unknown = [name for name in names if name not in FIELDS]
        if unknown:
            raise UsageError(f"--out: unknown field {{{unknown[0]}}}", expected="fields " + ", ".join(FIELDS))
        return pattern.format(**values)
    except (ValueError, IndexError) as error:
        raise UsageError(f"--out {pattern!r}: {error}", expected="a name with fields such as {stem}") from error


# ---- a recipe ------------------------------------------------------------------------------------------------------


def read_recipe(path: Path) -> dict[str, Any]:
    """Read the JSON beside an edited video."""
    try:
        recipe: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = recipe["settings"], recipe["plans"], recipe["source"], recipe["provenance"]["inputs"]
    except OSError as error:
        raise InputMissing(f"--recipe {path} cannot be read: {error.strerror}", expected="an edit's JSON") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--recipe {path} is none of ours", expected="the JSON beside an edited video") from error
    return recipe


def from_recipe(config: EditConfig, recipe: dict[str, Any]) -> EditConfig:
    """Give the settings of a recipe; of those that were typed only VIDEO, --out and the kind of output may differ."""
    stored = recipe["settings"]
    free = {"video", "out", "recipe", "preview", "side_by_side", "landmarks_model"}
    if config.mask != EditConfig.mask:
        free.add("mask")  # of another video; of this one its content is compared
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(EditConfig):
        name, typed = field.name, getattr(config, field.name)
        if name in free or name not in stored:
            continue
        if typed not in (field.default, stored[name]):
            flag = "--" + name.replace("_", "-")
            raise UsageError(
                f"{flag} {typed} with --recipe",
                expected=f"{stored[name]}, which the recipe says",
                remedy="leave it out",
            )
        changes[name] = stored[name]
    video = config.video or (recipe["source"],)
    return dataclasses.replace(config, **changes, video=video)
