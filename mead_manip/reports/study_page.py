"""A study -> one self-contained HTML page, and the same as Markdown: sections of text, tables and figures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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


def study_html(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """Give the page as HTML with its figures inside."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    return environment.get_template("study.html").render(title=title, lead=lead, sections=sections)


def study_markdown(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """Give the page as Markdown; its figures are files beside it."""
    blocks = [f"# {title}", *lead]
    for section in sections:
        blocks += [f"## {section.heading}", *section.paragraphs]
        blocks += [_markdown_table(table) for table in section.tables]
        blocks += [f"![{section.heading}]({name})" for name in section.figures]
    return "\n\n".join(blocks) + "\n"


def _markdown_table(table: Table) -> str:
    lines = [table.header, ("---",) * len(table.header), *table.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
