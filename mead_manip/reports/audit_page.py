"""What an audit found -> one self-contained HTML page with the names of clips and no picture of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_LIST = 200  # findings of a kind that the page shows; --json has them all


@dataclass(frozen=True)
class Square:
    """One square of a heat map; `tone` is none, some (with its lightness), full, known or over."""

    text: str
    tone: str
    share: float
    told: str


@dataclass(frozen=True)
class HeatMap:
    """Actors by emotions and levels, in one view."""

    view: str
    columns: list[tuple[str, int]]
    rows: list[tuple[str, list[Square | None], int, int]]  # actor, squares, found, expected


def audit_page(report: Mapping[str, Any]) -> str:
    """Return the page; `report` is what the audit prints with --json."""
    by_kind: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for finding in report["findings"]:
        by_kind[finding["kind"]].append(finding)
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    return environment.get_template("audit.html").render(
        report=report,
        maps=heat_maps(report["cells"]),
        lists=[(kind, told, by_kind[kind]) for kind, told in report["kinds"].items() if by_kind[kind]],
        short=[cell for cell in report["cells"] if cell["found"] < cell["expected"] and cell["found"]],
        longest=LONGEST_LIST,
    )


def heat_maps(cells: Sequence[Mapping[str, Any]]) -> list[HeatMap]:
    """Arrange cells as one map a view."""
    views: dict[str, dict[tuple[str, str, int], Mapping[str, Any]]] = defaultdict(dict)
    for cell in cells:
        views[cell["view"]][cell["actor"], cell["emotion"], cell["level"]] = cell
    return [_heat_map(view, of_view) for view, of_view in sorted(views.items())]


def _heat_map(view: str, cells: Mapping[tuple[str, str, int], Mapping[str, Any]]) -> HeatMap:
    columns = list(dict.fromkeys((emotion, level) for _, emotion, level in cells))
    rows = []
    for actor in sorted({actor for actor, _, _ in cells}):
        of_actor = [cells.get((actor, *column)) for column in columns]
        there = [cell for cell in of_actor if cell is not None]
        found, expected = sum(cell["found"] for cell in there), sum(cell["expected"] for cell in there)
        rows.append((actor, [None if cell is None else _square(cell) for cell in of_actor], found, expected))
    return HeatMap(view or "view not named", columns, rows)


def _square(cell: Mapping[str, Any]) -> Square:
    found, expected = cell["found"], cell["expected"]
    tone = "full" if found == expected else "over" if found > expected else "known" if cell["known"] else "some"
    level = f" level {cell['level']}"
    told = f"{cell['actor']} {cell['emotion']}{level}: {found} of {expected}"
    return Square(
        "" if tone == "full" else str(found),
        "none" if tone == "some" and not found else tone,
        found / expected,
        told + (f"; {cell['known']}" if cell["known"] else ""),
    )
