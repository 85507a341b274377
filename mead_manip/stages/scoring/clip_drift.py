"""Scores against another model's, or other prompts': how far do they agree on which clips to trust?"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import spearmanr

from mead_manip.config import ClipScoreConfig
from mead_manip.emotions import EMOTIONS
from mead_manip.reports.score_page import Agreement, Drift
from mead_manip.stages.scoring.clip_scoring import Scoring
from mead_manip.stages.scoring.clip_summary import Row

_WHOLE = ("hf-hub:", "local-dir:")
MOST = 10  # clips that are named
MIN_CLIPS = 3  # of which a rank correlation says something


def rival_config(config: ClipScoreConfig) -> ClipScoreConfig:
    """Read --compare: MODEL, MODEL/PRETRAINED, a prompt template or a file of prompts."""
    text = config.compare or ""
    if text.endswith(".toml") or "{" in text:
        return dataclasses.replace(config, prompts=text)
    model, _, pretrained = (text, "", "") if text.startswith(_WHOLE) else text.partition("/")
    return dataclasses.replace(config, model=model, pretrained=pretrained)


def drift(rows: Sequence[Row], rival: Scoring, name: str) -> Drift:
    """Compare the scores of clips with what a rival, ready to score, gives the same clips."""
    theirs = {clip_id: (scores.y, scores.weight) for clip_id, scores in rival.scores(rival.tracks)}
    shared = [row for row in rows if row.clip in theirs]
    flipped = [row for row in shared if (row.weight >= 1.0) != (theirs[row.clip][1] >= 1.0)]
    flipped.sort(key=lambda row: -abs(row.y - theirs[row.clip][0]))
    by_label = {label: [row for row in shared if row.label == label] for label in EMOTIONS}
    return Drift(
        rival=name,
        all=_agreement(shared, theirs),
        by_label={label: _agreement(part, theirs) for label, part in by_label.items() if part},
        flipped=tuple((row.clip, row.y, theirs[row.clip][0]) for row in flipped[:MOST]),
    )


def _agreement(rows: Sequence[Row], theirs: Mapping[str, tuple[float, float]]) -> Agreement:
    mine, others = [row.y for row in rows], [theirs[row.clip][0] for row in rows]
    ranked = len(rows) >= MIN_CLIPS and np.ptp(mine) > 0 and np.ptp(others) > 0
    return Agreement(
        clips=len(rows),
        rank_correlation=float(spearmanr(mine, others).statistic) if ranked else None,
        flips=sum((row.weight >= 1.0) != (theirs[row.clip][1] >= 1.0) for row in rows),
        mean_change=float(np.mean(np.abs(np.subtract(mine, others)))) if rows else 0.0,
    )
