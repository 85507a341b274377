"""MEAD tree -> what it should hold and what it holds, what is wrong with it, as a page and as JSON"""

from __future__ import annotations

import dataclasses
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mead_manip import files
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import AuditConfig, Common
from mead_manip.errors import InputMissing
from mead_manip.media import mead_facts
from mead_manip.media.inspection import Inspection
from mead_manip.media.mead_splits import load_split
from mead_manip.media.mead_tree import (
    VIDEO_SUFFIXES,
    ClipLabels,
    Selection,
    find_files,
    layout_of,
    parse_clip_path,
)
from mead_manip.reports.audit_page import audit_page
from mead_manip.stages.footage.audit_findings import KINDS, Audited, Cell, Finding, alike, cells_of, findings_of
from mead_manip.stages.footage.audit_memory import Look, Memory, inspected
from mead_manip.stages.footage.clip_finding import labels_below
from mead_manip.stages.running.runner import Progress, Summary

STAGE = "audit"
MEMORY = "seen.jsonl"  # what earlier audits saw
INCOMPLETE = 3
_SOUND_SUFFIXES = {".m4a", ".aac", ".wav", ".mp3", ".flac"}
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".rar", ".7z")


@dataclass
class AuditSummary(Summary):
    """A summary whose exit code tells whether the tree is complete."""

    complete: bool = True

    @property
    def exit_code(self) -> int:
        """Give 3 if clips are missing or cannot be read, else 0."""
        return 0 if self.complete else INCOMPLETE

    def line(self) -> str:
        """Give the one line that closes the command."""
        return f"{self.stage}: {self.detail}" + (f" -> {self.destination}" if self.destination else "")


@dataclass(frozen=True)
class _Tree:
    """The files below a folder, sorted by what they are; labels of all videos."""

    root: Path
    videos: dict[Path, ClipLabels]
    archives: list[Path]
    others: list[Path]

    @classmethod
    def of(cls, root: Path) -> _Tree:
        if not root.is_dir():
            raise InputMissing(f"{root} is no folder", expected="a MEAD tree")
        found = find_files(root)
        videos = [path for path in found if path.suffix.lower() in VIDEO_SUFFIXES]
        archives = [path for path in found if path.name.lower().endswith(_ARCHIVES)]
        known = {*videos, *archives}
        others = [path for path in found if path not in known and path.suffix.lower() not in _SOUND_SUFFIXES]
        return cls(root, labels_below(root, videos), archives, others)

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


@dataclass(frozen=True)
class Wanted:
    """Which part of MEAD should be there."""

    selection: Selection
    split: str | None = None
    everybody: bool = False

    def wants(self, labels: ClipLabels) -> bool:
        """Tell whether a clip, or a cell, belongs to it."""
        if self.split is None:
            return self.selection.wants(labels)
        split = load_split(self.split)
        return self.selection.wants(labels) and labels.actor in split.actors and split.is_about(labels)

    def cells(self, present: Sequence[ClipLabels]) -> Iterator[tuple[ClipLabels, int]]:
        """Yield the cells that should be there.

        Whoever is present is expected in every view that is present; named actors, those of a split, and with
        `everybody` the whole public part are expected even if nothing of them is there.
        """
        actors = {clip.actor for clip in present if clip.is_mead} | {*self.selection.actors}
        actors |= {*load_split(self.split).actors} if self.split else set()
        actors |= {*mead_facts.PUBLIC} if self.everybody else set()
        seen = {(clip.actor, clip.view) for clip in present if clip.is_mead}
        views = {*self.selection.views} or {view for _, view in seen if view} or {"front"}
        # Of imports that do not name their view, all clips of an actor are taken for one.
        unnamed = {actor for actor, view in seen if not view} - {actor for actor, view in seen if view}
        for actor in sorted(actors):
            of_actor = {"down"} if actor == mead_facts.ONLY_DOWN else {""} if actor in unnamed else views
            for view in sorted(of_actor):
                yield from ((cell, size) for cell, size in mead_facts.cells_of(actor, view) if self.wants(cell))


@dataclass(frozen=True)
class Report:
    """What an audit found, for the page and for --json."""

    root: str
    cells: list[Cell]
    findings: list[Finding]
    absent: list[str]  # actors of the public part of whom nothing is there
    layouts: dict[str, int]
    sizes: dict[str, int]
    rates: dict[str, int]
    n_clips: int
    deep: bool
    fingerprints: bool
    kinds: dict[str, str] = field(default_factory=lambda: dict(KINDS))

    @property
    def lacking(self) -> int:
        """Give how many clips are missing that the release has."""
        return sum(cell.lacking for cell in self.cells)

    @property
    def complete(self) -> bool:
        """Tell whether every expected clip is there and every clip can be read."""
        return (
            bool(self.cells) and not self.lacking and not any(finding.kind == "unreadable" for finding in self.findings)
        )

    def detail(self) -> str:
        """Give the verdict in a line."""
        expected = sum(cell.expected for cell in self.cells)
        known = sum(max(0, cell.expected - cell.found) for cell in self.cells if cell.known)
        counts = Counter(finding.kind for finding in self.findings if not finding.known)
        notes = [f"{known} known to be missing from the release"] if known else []
        notes += [f"{counts[kind]} {kind}" for kind in KINDS if counts[kind]]
        found = sum(min(cell.found, cell.expected) for cell in self.cells)
        counted = f"{found} of {expected} clips" if self.cells else "no clip of MEAD is here, and none is expected"
        verdict = f"{'complete' if self.complete else 'incomplete'} ({counted})"
        return "; ".join([verdict, ", ".join(notes)] if notes else [verdict])


def run(
    workspace: Workspace,
    config: AuditConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Compare a tree with what MEAD is, look at every clip, and write a page about it."""
    tree = _Tree.of(Path(config.path))
    wanted = Wanted(
        Selection.parse(config.actors, config.views, config.emotions, config.levels), config.split, config.all
    )
    chosen = {path: labels for path, labels in tree.videos.items() if not labels.is_mead or wanted.wants(labels)}
    look = Look(config.deep, config.duplicates)
    memory = Memory(workspace.folder(STAGE) / MEMORY)
    known = {} if force else {path: old for path in chosen if (old := memory.recall(path.absolute(), look))}
    todo = [path.absolute() for path in chosen if path not in known]
    out = Path(config.out) if config.out else workspace.folder(STAGE) / "audit.html"
    summary = AuditSummary(STAGE, destination=str(out))
    if dry_run:
        summary.planned = {str(path): "to be inspected" for path in todo}
        summary.detail = f"{len(todo)} of {len(chosen)} clips to be inspected"
        return summary

    fresh = dict(progress.clips(memory.keep(inspected(todo, look, config.workers)), len(todo), "inspecting"))
    seen = {path: known.get(path) or fresh[path.absolute()] for path in chosen}
    report = _report(tree, wanted, seen, look)
    with files.atomic(out) as temporary:
        temporary.write_text(audit_page(_plain(report)), encoding="utf-8")
    summary.complete = report.complete
    summary.detail = report.detail()
    summary.facts = _plain(report)
    return summary


# ---- below: from files to a report --------------------------------------------------------------------------------


def _report(tree: _Tree, wanted: Wanted, seen: dict[Path, Inspection], look: Look) -> Report:
    clips = [Audited(tree.name(path), tree.videos[path], seen[path], _bytes(path)) for path in seen]
    present = [*tree.videos.values()]
    findings = findings_of(clips)
    if look.fingerprints:
        findings += alike(clips, lambda name: files.digest(tree.root / name))
    findings += [
        Finding("unlabelled", clip.path, "no actor and emotion in its path")
        for clip in clips
        if not clip.labels.is_mead
    ]
    findings += _packed(tree)
    findings += [Finding("unknown file", tree.name(path), path.suffix or "no suffix") for path in tree.others]
    cells = cells_of(wanted.cells(present), clips)
    here = {clip.actor for clip in present}
    readable = [clip.seen for clip in clips if not clip.seen.error]
    return Report(
        root=str(tree.root),
        cells=cells,
        findings=findings,
        absent=[actor for actor in mead_facts.PUBLIC if actor not in here],
        layouts=_counted(clips, lambda clip: layout_of(Path("/", clip.path), Path("/"))),
        sizes=_counted(readable, lambda clip: f"{clip.width}x{clip.height}"),
        rates=_counted(readable, lambda clip: str(clip.fps)),
        n_clips=len(clips),
        deep=look.deep,
        fingerprints=look.fingerprints,
    )


def _packed(tree: _Tree) -> list[Finding]:
    """Name the archives of video of whose actor no clip is there."""
    actors = {labels.actor for labels in tree.videos.values() if labels.is_mead}
    findings = []
    for path in tree.archives:
        actor = parse_clip_path(path.absolute() / "inside", tree.root.absolute()).actor
        if actor in actors or "audio" in path.name.lower():
            continue
        size = _bytes(path)
        notes = [f"not unpacked, {size / 1e9:.2f} GB"]
        if size < mead_facts.WHOLE_TAR_BYTES:
            notes.append("smaller than 18 GB, as downloads that were reported broken (uniBruce/Mead#8)")
        if path.suffix.lower() == ".tar" and not _is_whole(path):
            notes.append("cut short or no tar: download it again")
        findings.append(Finding("archive", tree.name(path), "; ".join(notes)))
    return findings


def _is_whole(path: Path) -> bool:
    """Tell whether every member of a tar ends inside it; contents are skipped, not read."""
    try:
        with tarfile.open(path, "r:") as archive:
            return sum(1 for _ in archive) > 0
    except (tarfile.TarError, OSError, EOFError):
        return False


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # a link that leads nowhere: its inspection says so
        return 0


def _counted(items: Sequence[Any], name: Callable[[Any], str]) -> dict[str, int]:
    return dict(Counter(map(name, items)).most_common())


def _plain(report: Report) -> dict[str, Any]:
    record = dataclasses.asdict(report)
    return record | {"complete": report.complete, "lacking": report.lacking, "verdict": report.detail()}
