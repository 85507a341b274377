"""FaceTrack -> ClipScores

Kept beside the scores: `clip-features/` (sampled crops in the model's space, see clip_features) and `clip-prompts/`
(prompts in it), so that other prompts, temperatures or thresholds touch no pixel. What files said is remembered too
(known-*.json), so that tens of thousands of clips are looked over in seconds.

The classes are NED's seven emotions, on which `train` trains; `--classes 8` adds contempt.
"""

import contextlib
import dataclasses
import traceback
from collections.abc import Mapping
from pathlib import Path

from mead_manip.artifacts.ledger import Ledger
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import ClipScoreConfig, Common
from mead_manip.emotions import EMOTIONS
from mead_manip.errors import InputMissing, MeadManipError, UsageError
from mead_manip.stages.running import plan
from mead_manip.stages.running.device import choose_device
from mead_manip.stages.running.runner import Progress, Summary
from mead_manip.stages.running.sharding import Shard
from mead_manip.stages.scoring import clip_report, clip_summary
from mead_manip.stages.scoring.clip_drift import drift, rival_config
from mead_manip.stages.scoring.clip_embedding import Embedded, embed_clips
from mead_manip.stages.scoring.clip_features import FOLDER as FEATURES
from mead_manip.stages.scoring.clip_features import PACK, STAGE
from mead_manip.stages.scoring.clip_publishing import FORCED, MISSING, Publisher, few, in_chunks
from mead_manip.stages.scoring.clip_rule import Settings, parse_settings
from mead_manip.stages.scoring.clip_sampling import TrackFacts, read_tracks
from mead_manip.stages.scoring.clip_scoring import Scoring


def run(
    workspace: Workspace,
    config: ClipScoreConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Score every labelled clip of the workspace by how much its face shows its own label."""
    settings, part = parse_settings(config), Shard.parse(config.shard)
    tracked = plan.require(workspace, "preprocess", needed_by=STAGE)
    unknown = sorted(set(config.clips) - set(tracked))
    if unknown:
        raise UsageError(f"unknown clip {unknown[0]!r}", expected=f"one of the {len(tracked)} tracked clips")
    chosen = [clip_id for clip_id in tracked if (not config.clips or clip_id in config.clips) and part.holds(clip_id)]
    memory = workspace.folder(STAGE) / "known-tracks.json"
    ledger = Ledger(workspace.folder("preprocess"), memory, FaceTrack.schema_id(), 4)
    tracks, broken = read_tracks(workspace, chosen, ledger)
    summary = Summary(STAGE, destination=str(workspace.folder(STAGE)))
    for clip_id, error in broken.items():
        _fail(summary, clip_id, error, progress)
    scored = _scored(summary, tracks, settings, part, progress)
    if not scored:
        return summary  # all are broken, or a part that holds none
    scoring = Scoring(workspace, config, settings, scored, str(choose_device(common.device)))
    if dry_run:
        _plan(summary, scoring, force, progress)
    else:
        workspace.prepare(STAGE)
        ledger.keep()
        _work(summary, scoring, force, progress)
        rival = _rival(summary, scoring, scored, progress) if config.compare else None
        # Of several parts the last to end leaves the table of all.
        clips = summary.clips if part.whole else workspace.clips(STAGE)
        _conclude(workspace, summary, clips, config, progress, rival)
        if not part.whole:
            part.keep(workspace, STAGE, summary.as_json())
    return summary


# ---- which clips ----------------------------------------------------------------------------------------------------


def _scored(
    summary: Summary, tracks: dict[str, TrackFacts], settings: Settings, part: Shard, progress: Progress
) -> dict[str, TrackFacts]:
    """Give the clips with a label that is a class; count those without, and name those of another class."""
    unlabelled = [clip_id for clip_id, track in tracks.items() if not track.emotion]
    outside = [clip_id for clip_id, track in tracks.items() if track.emotion and track.emotion not in settings.classes]
    scored = {clip_id: tracks[clip_id] for clip_id in tracks if tracks[clip_id].emotion in settings.classes}
    if not scored and not summary.failures and part.whole:
        raise InputMissing(
            f"{STAGE}: none of the {len(tracks)} tracked clips has an emotion label"
            + (f" among the {len(settings.classes)} classes" if outside else ""),
            expected="clips of a MEAD tree",
            remedy="run `mead-manip preprocess MEAD` first",
        )
    notes = []
    if unlabelled:
        notes.append(f"{len(unlabelled)} without a label skipped")
    if outside:
        names = ", ".join(sorted({tracks[clip_id].emotion for clip_id in outside}, key=EMOTIONS.index))
        notes.append(f"{len(outside)} of {names} not scored (--classes {len(EMOTIONS)} does)")
        progress.say(f"{STAGE}: not scored, because {names} is no class: {few(outside)}")
    summary.detail = "; ".join(notes)
    summary.facts |= {"unlabelled": len(unlabelled), "not_scored": outside}
    return scored


# ---- the work -------------------------------------------------------------------------------------------------------


def _plan(summary: Summary, scoring: Scoring, force: bool, progress: Progress) -> None:
    """Say what would be done; the model's name is checked, its weights are not loaded."""
    publisher = Publisher(scoring.workspace, STAGE)
    if scoring.settings.of_all_clips and not scoring.is_ready():
        summary.planned = dict.fromkeys(scoring.tracks, "after the features of all clips")
    else:
        scoring.settle()
        summary.planned = publisher.stale(scoring.provenances(), force)
    summary.fresh = [clip_id for clip_id in scoring.tracks if clip_id not in summary.planned]
    if summary.planned:
        scoring.scorer.check()
    _say_reasons(summary.planned, progress)


def _work(summary: Summary, scoring: Scoring, force: bool, progress: Progress) -> None:
    """Embed what is not embedded, settle the rule, score what is not fresh."""
    publisher = Publisher(scoring.workspace, STAGE)
    left = publisher.withdraw(summary.facts["not_scored"])
    if left:
        progress.say(f"{STAGE}: removed the scores that an earlier run with other classes made of {few(left)}")
    everything = list(scoring.tracks)
    stale: dict[str, str] = {}
    if not scoring.settings.of_all_clips:
        stale = publisher.stale(scoring.provenances(), force)
        scoring.keep_only(stale)
    try:
        if scoring.tracks:
            _embed(summary, scoring, force, progress)
        if scoring.tracks:
            scoring.settle()
            if scoring.settings.of_all_clips:
                stale = publisher.stale(scoring.provenances(), force)
            stale = {clip_id: reason for clip_id, reason in stale.items() if clip_id in scoring.tracks}
            _say_reasons(stale, progress)
            published = publisher.publish(scoring.scores(stale), scoring.provenances())
            summary.done += progress.clips(published, len(stale), STAGE)
    finally:
        publisher.keep()
    settled = {*summary.done, *summary.failures}
    summary.fresh = [clip_id for clip_id in everything if clip_id not in settled]


def _embed(summary: Summary, scoring: Scoring, force: bool, progress: Progress) -> None:
    """Make the features that are missing; a clip that cannot be embedded is counted, named and left out."""
    missing = list(scoring.tracks) if force else scoring.cache.lacking(scoring.keys)
    if not missing:
        return
    keys, paths = scoring.keys, {clip_id: scoring.workspace.path("preprocess", clip_id) for clip_id in missing}
    scoring.workspace.prepare(FEATURES)
    with contextlib.closing(embed_clips(scoring.scorer, paths, scoring.config.frames)) as outcomes:
        shown = progress.clips(outcomes, len(paths), f"{STAGE}: embedding")
        for pack in in_chunks(shown, PACK):
            scoring.cache.add([(name, outcome) for name, outcome in pack if isinstance(outcome, Embedded)], keys)
            for clip_id, outcome in pack:
                if isinstance(outcome, Exception):
                    _fail(summary, clip_id, outcome, progress)
        scoring.keep_only(set(keys) - set(summary.failures))


def _rival(summary: Summary, scoring: Scoring, scored: Mapping[str, TrackFacts], progress: Progress) -> Scoring | None:
    """Get the rival of --compare ready: its features are kept, its scores are not published."""
    kept = {clip_id: track for clip_id, track in scored.items() if clip_id not in summary.failures}
    if not kept:
        return None
    rival = Scoring(scoring.workspace, rival_config(scoring.config), scoring.settings, kept, scoring.device)
    _embed(summary, rival, False, progress)
    rival.settle()
    return rival


def _fail(summary: Summary, clip_id: str, error: Exception, progress: Progress) -> None:
    text = str(error) if isinstance(error, MeadManipError) else f"{type(error).__name__}: {error}"
    summary.failures[clip_id] = text
    summary.tracebacks[clip_id] = "".join(traceback.format_exception(error))
    progress.say(f"{STAGE}: {clip_id}: failed: {text}")


def _say_reasons(stale: Mapping[str, str], progress: Progress) -> None:
    """Say why clips are scored again, clips with one reason together."""
    by_reason: dict[str, list[str]] = {}
    for clip_id, reason in stale.items():
        by_reason.setdefault(reason, []).append(clip_id)
    for reason, clips in by_reason.items():
        if reason not in (MISSING, FORCED):
            progress.say(f"{STAGE}: {few(clips)}: {reason}")


# ---- what is said of it ---------------------------------------------------------------------------------------------


def _conclude(
    workspace: Workspace,
    summary: Summary,
    clips: list[str],
    config: ClipScoreConfig,
    progress: Progress,
    rival: Scoring | None,
) -> None:
    """Write the table of the clips that are there now, and the page; say what the weights look like."""
    publisher = Publisher(workspace, STAGE)
    rows, n_recipes = publisher.rows(clips), publisher.n_recipes(clips)
    publisher.keep()
    if not rows:
        return
    table = workspace.folder(STAGE) / "scores.csv"
    clip_summary.write_csv(rows, table)
    found = clip_summary.warnings(rows)
    if n_recipes > 1:
        found.append(f"these scores were made with {n_recipes} different settings; run {STAGE} over all clips")
    for warning in found:
        progress.say(f"{STAGE}: warning: {warning}")
    summary.detail = "; ".join(part for part in (clip_summary.one_line(rows), summary.detail) if part)
    summary.facts |= clip_summary.facts(rows) | {"warnings": found, "table": str(table)}
    found_drift = drift(rows, rival, str(config.compare)) if rival else None
    if found_drift:
        summary.facts["drift"] = dataclasses.asdict(found_drift)
        summary.detail += f"; against {found_drift.rival}: {found_drift.all.flips} of {found_drift.all.clips} flip"
    if config.report or config.report_to:
        page = Path(config.report_to) if config.report_to else workspace.folder(STAGE) / "report.html"
        clip_report.write(workspace, rows, found, page, thumbnails=config.thumbnails, drift=found_drift)
        summary.facts["report"] = str(page)
        summary.detail += f"; report: {page}"
