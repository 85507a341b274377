"""What a demo made and measured -> one self-contained HTML page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Measurement:
    """One line of the summary: what, how much, and against what to read it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Step:
    """A command that the demo ran, as a user would type it."""

    command: str
    seconds: float


def demo_page(
    figure: Path, videos: Mapping[str, str], measurements: Sequence[Measurement], steps: Sequence[Step]
) -> str:
    """Return the page as HTML; `videos` maps a file beside the page to its caption."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    return environment.get_template("demo.html").render(
        figure=base64.b64encode(figure.read_bytes()).decode(),
        videos=[{"file": file, "caption": caption} for file, caption in videos.items()],
        measurements=measurements,
        steps=steps,
    )
