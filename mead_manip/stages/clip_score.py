"""FaceTrack -> ClipScores

Two things are kept beside the scores, so that another threshold touches no pixel and loads no model, and other prompts
load the text tower only: `clip-features/<clip id>.h5` (sampled crops in the model's space) and `clip-prompts/<key>.h5`.

The classes are NED's seven emotions; contempt is the eighth where any tracked clip of the workspace has that label.
"""

import contextlib
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ClipScores, FaceTrack, ImageFeatures, PromptFeatures
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.interfaces import ZeroShotScorer
from mead_manip.config import ClipScoreConfig, Common
from mead_manip.emotions import EMOTIONS, NED_EMOTIONS
from mead_manip.errors import ArtifactInvalid, InputMissing, MeadManipError, UsageError
from mead_manip.models import suppression
from mead_manip.stages import clip_summary, plan
from mead_manip.stages.clip_sampling import MIDDLE, Crops, sample_crops
from mead_manip.stages.device import choose_device
from mead_manip.stages.runner import Progress, Summary, run_clips
from mead_manip.stages.sharding import Shard

STAGE, STAGE_VERSION = "clip-score", 1
FEATURES, PROMPTS = "clip-features", "clip-prompts"
# Crops embedded together, over several clips, so that the image tower has full batches.
BATCH = 64


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
    tracked = plan.require(workspace, "preprocess", needed_by=STAGE)
    unknown = sorted(set(config.clips) - set(tracked))
    if unknown:
        raise UsageError(f"unknown clip {unknown[0]!r}", expected=f"one of the {len(tracked)} tracked clips")
    labels = {clip_id: _label(workspace, clip_id) for clip_id in tracked}
    chosen = [clip_id for clip_id in tracked if not config.clips or clip_id in config.clips]
    # A track that cannot be read (label None) stays in, so that the run counts and names it as failed.
    scored = [clip_id for clip_id in chosen if labels[clip_id] != ""]
    if not scored:
        raise InputMissing(
            f"{STAGE}: none of the {len(chosen)} tracked clips has an emotion label",
            expected="clips of a MEAD tree",
            remedy="run `mead-manip preprocess MEAD` first",
        )
    part = Shard.parse(config.shard)
    scored = [clip_id for clip_id in scored if part.holds(clip_id)]
    work = _Work(workspace, config, str(choose_device(common.device)), scored, _classes(labels), force)
    summary = run_clips(
        STAGE,
        ClipScores,
        workspace,
        {clip_id: clip_id for clip_id in scored},
        provenance=work.provenance,
        compute=work.compute,
        force=force,
        dry_run=dry_run,
        progress=progress,
        shard=config.shard,
    )
    if dry_run and summary.planned:
        work.scorer.check()
    if not dry_run:
        # Of several parts the last to end leaves the table of all.
        _conclude(workspace, summary, summary.clips if part.whole else workspace.clips(STAGE), config, progress)
    if len(chosen) > len(scored):
        skipped = f"{len(chosen) - len(scored)} without a label skipped"
        summary.detail = "; ".join(part for part in (summary.detail, skipped) if part)
    summary.facts["unlabelled"] = len(chosen) - len(scored)
    return summary


def _conclude(
    workspace: Workspace, summary: Summary, clips: list[str], config: ClipScoreConfig, progress: Progress
) -> None:
    """Write the table of the clips that are there now, and say what their weights look like."""
    rows = clip_summary.read_rows({clip_id: workspace.path(STAGE, clip_id) for clip_id in clips})
    if not rows:
        return
    table = workspace.folder(STAGE) / "scores.csv"
    if summary.done or not table.is_file():
        clip_summary.write_csv(rows, table)
    found = clip_summary.warnings(rows, config.threshold)
    for warning in found:
        progress.say(f"{STAGE}: warning: {warning}")
    summary.detail = clip_summary.one_line(rows)
    summary.facts |= {
        "mean_lambda": clip_summary.mean_weights(rows),
        "share_lambda_1": clip_summary.full_share(rows),
        "warnings": found,
        "table": str(table),
    }


def _label(workspace: Workspace, clip_id: str) -> str | None:
    """Give the emotion of a tracked clip, "" where it has none, None where the track cannot be read."""
    try:
        with store.opened(FaceTrack, workspace.path("preprocess", clip_id)) as track:
            return str(track.emotion)
    except ArtifactInvalid:
        # Met again in the run over the clips, where it is counted and named.
        return None


def _classes(labels: Mapping[str, str | None]) -> tuple[str, ...]:
    return EMOTIONS if "contempt" in labels.values() else NED_EMOTIONS


class _Work:
    """What is done for one clip."""

    def __init__(
        self,
        workspace: Workspace,
        config: ClipScoreConfig,
        device: str,
        clips: list[str],
        classes: tuple[str, ...],
        force: bool,
    ) -> None:
        self.workspace, self.config, self.device, self.force = workspace, config, device, force
        self.clips, self.classes = clips, classes
        self.prompts = suppression.emotion_prompts(config.prompts or suppression.TEMPLATE, classes)
        self._embedded: set[str] = set()

    @functools.cached_property
    def scorer(self) -> ZeroShotScorer:
        options = {"model": self.config.model, "pretrained": self.config.pretrained, "device": self.device}
        scorer: ZeroShotScorer = registry.load("scorer", "openclip", **options)
        return scorer

    def provenance(self, clip_id: str) -> Provenance:
        params = {"threshold": self.config.threshold, "classes": self.classes, "prompts": self.prompts}
        return self._provenance(ClipScores.schema_id(), self._sampling() | params, self._track_key(clip_id))

    def compute(self, clip_id: str) -> ClipScores:
        image, prompt = self._image_features(clip_id), self._prompt_features
        by_frame = suppression.zero_shot_probabilities(image.features, prompt.features, prompt.logit_scale)
        probability = suppression.pool_frames(by_frame)
        own = float(probability[self.classes.index(image.emotion)])
        return ClipScores(
            image.frame_index,
            by_frame,
            probability,
            label=image.emotion,
            y=own,
            weight=suppression.suppression_weight(own, self.config.threshold),
            threshold=self.config.threshold,
            classes=self.classes,
            prompts=self.prompts,
            logit_scale=prompt.logit_scale,
            model=self.scorer.model,
            pretrained=self.scorer.pretrained,
            precision=self.scorer.precision,
            actor=image.actor,
            level=image.level,
        )

    # ---- features: from the cache, else from the pixels of this clip and the next ones -----------------------------

    def _image_features(self, clip_id: str) -> ImageFeatures:
        path = self.workspace.path(FEATURES, clip_id)
        if not self._is_embedded(clip_id):
            self._embed(clip_id)
        return store.load(ImageFeatures, path)

    def _embed(self, first: str) -> None:
        """Embed the crops of a clip, and in the same batch those of the clips after it that will need it too."""
        crops = {first: self._crops(first)}
        for clip_id in self.clips[self.clips.index(first) + 1 :]:
            if len(crops) * self.config.frames >= BATCH:
                break
            with contextlib.suppress(MeadManipError):  # met again in the clip's own turn, where it is counted and named
                if not self._is_embedded(clip_id):
                    crops[clip_id] = self._crops(clip_id)
        rows = self.scorer.image_features([image for crop in crops.values() for image in crop.images])
        start = 0
        for clip_id, crop in crops.items():
            features = rows[start : start + len(crop.images)]
            start += len(crop.images)
            artifact = ImageFeatures(
                crop.frame_index,
                features,
                self.scorer.model,
                self.scorer.pretrained,
                self.scorer.precision,
                crop.actor,
                crop.emotion,
                crop.level,
            )
            store.save(artifact, self.workspace.path(FEATURES, clip_id), self._feature_provenance(clip_id))
            self._embedded.add(clip_id)

    def _crops(self, clip_id: str) -> Crops:
        return sample_crops(self.workspace.path("preprocess", clip_id), self.config.frames)

    def _is_embedded(self, clip_id: str) -> bool:
        if clip_id in self._embedded or self.force:
            return clip_id in self._embedded
        path = self.workspace.path(FEATURES, clip_id)
        return store.check(path, ImageFeatures, self._feature_provenance(clip_id)).kind is store.FRESH

    @functools.cached_property
    def _prompt_features(self) -> PromptFeatures:
        provenance = self._provenance(PromptFeatures.schema_id(), {"prompts": self.prompts}, {})
        name = hashlib.sha256("\0".join((self.scorer.digest, *self.prompts)).encode()).hexdigest()[:16]
        path = self.workspace.path(PROMPTS, name)
        if self.force or store.check(path, PromptFeatures, provenance).kind is not store.FRESH:
            features = self.scorer.prompt_features(self.prompts)
            store.save(PromptFeatures(features, self.prompts, self.scorer.logit_scale()), path, provenance)
        return store.load(PromptFeatures, path)

    # ---- identities ------------------------------------------------------------------------------------------------

    def _track_key(self, clip_id: str) -> dict[str, str]:
        return {FaceTrack.NAME: store.read_key(self.workspace.path("preprocess", clip_id), FaceTrack)}

    def _sampling(self) -> dict[str, Any]:
        return {"frames": self.config.frames, "middle": MIDDLE}

    def _feature_provenance(self, clip_id: str) -> Provenance:
        return self._provenance(ImageFeatures.schema_id(), self._sampling(), self._track_key(clip_id))

    def _provenance(self, schema: str, params: Mapping[str, Any], inputs: Mapping[str, str]) -> Provenance:
        backend = f"{self.scorer.name}@{self.scorer.digest}/{self.scorer.precision}"
        return Provenance(schema, STAGE, STAGE_VERSION, params, inputs, backend)
