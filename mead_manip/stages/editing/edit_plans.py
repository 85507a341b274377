"""EditConfig, timeline.csv -> EditPlan of every face"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from mead_manip.config import EditConfig
from mead_manip.emotions import TARGETS, parse_blend, parse_targets
from mead_manip.errors import InputMissing, UsageError
from mead_manip.models.edit_plan import EASE_SECONDS, EASES, EditPlan, Passage, Style

COLUMNS = ("start", "end", "emotion", "intensity", "ease")
MOST_INTENSITY = 3.0

Code = Callable[[], tuple[float, ...]]


def plans_of(config: EditConfig, seed: int | None | None, reference: Code) -> dict[int, EditPlan]:
    """Give the plan of every face that is edited; `reference` reads the style off `--reference`."""
    face = config.face or 1
    if config.timeline:
        passages = read_timeline(Path(config.timeline), seed, config.intensity)
        return {face: _plan(config, seed, passages)}
    if config.reference:
        return {face: single(config, Style(code=reference()), seed)}
    if config.grid:
        return {face: single(config, Style({TARGETS[0]: 1.0}, seed), seed)}
    targets = parse_targets(config.to)
    return {number or face: single(config, Style(blend, seed), seed) for number, blend in targets.items()}


def single(config: EditConfig, style: Style, seed: int | None | None) -> EditPlan:
    """Give the plan of one style, from --start to --end: nothing outside changes, the change is inside."""
    start = None if not config.start else config.start + EASE_SECONDS / 2
    end = None if config.end is None else config.end - EASE_SECONDS / 2
    return _plan(config, seed, (Passage(style, config.intensity, start, end),))


def _plan(config: EditConfig, seed: int | None | None, passages: tuple[Passage, ...]) -> EditPlan:
    neutral = Style({"neutral": 1.0}, seed) if config.from_emotion == "neutral" else None
    return EditPlan(passages, neutral, config.lip_lock)


def read_timeline(path: Path, seed: int | None | None, intensity: float = 1.0) -> tuple[Passage, ...]:
    """Read a CSV of start,end,emotion,intensity,ease: seconds, a blend, a number, a kind of change.

    An empty start is the first frame, an empty end the last; an empty intensity is 1 and an empty ease smooth.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputMissing(f"--timeline {path} cannot be read: {error}", expected="a CSV file") from error
    rows = csv.reader(lines, skipinitialspace=True)
    header = [word.strip().lower() for word in next(rows, [])]
    if header[:3] != list(COLUMNS[:3]) or any(name not in COLUMNS for name in header):
        raise UsageError(f"{path}, line 1: {','.join(header)!r}", expected=",".join(COLUMNS))
    passages = []
    for cells in rows:
        where = f"{path}, line {rows.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header) or len(cells) < 3:
            raise UsageError(
                f"{where}: {len(cells)} cells",
                expected=f"3 to {len(header)}",
                remedy='a blend goes in quotes: "happy:0.6,sad:0.4"',
            )
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        passages.append(_passage(row, where, seed, intensity))
    if not passages:
        raise UsageError(f"{path}: no line after the first", expected="at least one passage")
    return tuple(passages)


def _passage(row: dict[str, str], where: str, seed: int | None | None, intensity: float) -> Passage:
    start, end = _number(row["start"], "start", where), _number(row["end"], "end", where)
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"{where}: end {row['end']} is not after start {row['start'] or 0}", expected="rising seconds")
    try:
        blend = parse_blend(row["emotion"])
    except UsageError as error:
        raise UsageError(f"{where}: {error.found}", expected=error.expected, remedy=error.remedy) from error
    strength = _number(row.get("intensity", ""), "intensity", where)
    if strength is not None and strength > MOST_INTENSITY:
        raise UsageError(f"{where}: intensity {strength:g}", expected=f"0 to {MOST_INTENSITY:g}")
    ease = row.get("ease", "") or "smooth"
    if ease not in EASES:
        raise UsageError(f"{where}: ease {ease!r}", expected="one of " + ", ".join(EASES))
    return Passage(Style(blend, seed), intensity * (1.0 if strength is None else strength), start or None, end, ease)


def _number(text: str, what: str, where: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e7:
        raise UsageError(f"{where}: {what} {text!r}", expected="a number from 0")
    return value
