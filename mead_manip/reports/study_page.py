"""A study -> one self-contained HTML page, the same as Markdown, and its numbers: text, tables and figures."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mead_manip import files
from mead_manip.reports.demo_page import TEMPLATES


@dataclass(frozen=True)
class Table:
    """Rows of text below a header; the first column is what the row is about."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """One question and its answer."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: dict[str, bytes] = field(default_factory=dict)  # file name -> PNG


@dataclass(frozen=True)
class Study:
    """What a study has to say."""

    title: str
    lead: Sequence[str]
    sections: Sequence[Section]


def publish_study(study: Study, record: Mapping[str, Any], folder: Path, stem: str) -> None:
    """Write <stem>.html, .md and .json, and the figures beside them, each whole or not at all."""
    pages = {"html": study_html, "md": study_markdown}
    contents = {f"{stem}.{kind}": page(study).encode() for kind, page in pages.items()}
    contents[f"{stem}.json"] = (json.dumps(record, indent=1) + "\n").encode()
    for section in study.sections:
        contents |= section.figures
    for name, data in contents.items():
        with files.atomic(folder / name) as temporary:
            temporary.write_bytes(data)


def study_html(study: Study) -> str:
    """Give the page as HTML with its figures inside."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    return environment.get_template("study.html").render(title=study.title, lead=study.lead, sections=study.sections)


def study_markdown(study: Study) -> str:
    """Give the page as Markdown; its figures are files beside it."""
    blocks = [f"# {study.title}", *study.lead]
    for section in study.sections:
        blocks += [f"## {section.heading}", *section.paragraphs]
        blocks += [_markdown_table(table) for table in section.tables]
        blocks += [f"![{section.heading}]({name})" for name in section.figures]
    return "\n\n".join(blocks) + "\n"


def _markdown_table(table: Table) -> str:
    lines = [table.header, ("---",) * len(table.header), *table.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
