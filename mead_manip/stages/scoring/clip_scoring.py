"""The scores of many clips at once: features and prompts -> logits -> rule -> ClipScores."""

import dataclasses
import functools
import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ClipScores, FaceTrack, PromptFeatures
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.interfaces import ZeroShotScorer
from mead_manip.backends.prompts import prompt_set
from mead_manip.config import ClipScoreConfig
from mead_manip.models.suppression import Rule, cosines, pool_clips, softmax
from mead_manip.stages.scoring.clip_features import STAGE, STAGE_VERSION, FeatureCache
from mead_manip.stages.scoring.clip_rule import Settings, settle
from mead_manip.stages.scoring.clip_sampling import TrackFacts

PROMPTS = "clip-prompts"


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the model says of clips: clip k has the rows starts[k] to starts[k + 1]."""

    clip_ids: list[str]
    frame_index: np.ndarray  # of every row
    logits: np.ndarray  # (row, class), before any temperature
    starts: np.ndarray


class Scoring:
    """The clips of one run, the model, the prompts and the rule."""

    def __init__(
        self,
        workspace: Workspace,
        config: ClipScoreConfig,
        settings: Settings,
        tracks: Mapping[str, TrackFacts],
        device: str,
    ) -> None:
        self.workspace, self.config, self.settings, self.device = workspace, config, settings, device
        self.tracks = dict(tracks)
        self.prompts = prompt_set(config.prompts, settings.classes)
        self.rule = Rule(config.threshold, settings.temperature or 1.0, config.min_lambda)

    @functools.cached_property
    def scorer(self) -> ZeroShotScorer:
        """Find the model; its weights are loaded when they are needed."""
        options = {"model": self.config.model, "pretrained": self.config.pretrained, "device": self.device}
        scorer: ZeroShotScorer = registry.load("scorer", "openclip", **options)
        return scorer

    @functools.cached_property
    def cache(self) -> FeatureCache:
        """Find the features that are on disk."""
        return FeatureCache(self.workspace, self.scorer, self.config.frames)

    @property
    def keys(self) -> dict[str, str]:
        """Give the key of every clip's track."""
        return {clip_id: track.key for clip_id, track in self.tracks.items()}

    def keep_only(self, clips: Collection[str]) -> None:
        """Leave out the other clips."""
        self.tracks = {clip_id: track for clip_id, track in self.tracks.items() if clip_id in clips}

    def is_ready(self) -> bool:
        """Tell whether everything can be scored without loading the model."""
        path, provenance = self._prompt_place()
        fresh = store.check(path, PromptFeatures, provenance).kind is store.FRESH
        return fresh and not self.cache.lacking(self.keys)

    @functools.cached_property
    def seen(self) -> Seen:
        """Compare the features of every clip with those of the prompts."""
        prompts = self._prompt_features
        ids: list[str] = []
        frames, logits, counts = [], [], []
        for part in self.cache.read(self.keys):
            ids += part.clip_ids
            frames.append(part.frame_index)
            logits.append(prompts.logit_scale * cosines(part.rows, prompts.features))
            counts.append(np.diff(part.starts))
        starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
        return Seen(ids, np.concatenate(frames), np.concatenate(logits), starts)

    def settle(self) -> None:
        """Settle what depends on all clips."""
        if self.settings.of_all_clips:
            tracks = [self.tracks[clip_id] for clip_id in self.seen.clip_ids]
            self.rule = settle(self.rule, self.settings, tracks, self.seen.logits, self.seen.starts)

    def scores(self, wanted: Collection[str]) -> Iterator[tuple[str, ClipScores]]:
        """Give the scores of clips."""
        by_frame = softmax(self.seen.logits / self.rule.temperature)
        pooled = pool_clips(by_frame, self.seen.starts)
        prompts, scorer, rule = self._prompt_features, self.scorer, self.rule
        for number, clip_id in enumerate(self.seen.clip_ids):
            if clip_id not in wanted:
                continue
            rows, track = slice(*self.seen.starts[number : number + 2]), self.tracks[clip_id]
            own = float(pooled[number, self.settings.classes.index(track.emotion)])
            weight = rule.weight(own, track.emotion)
            yield (
                clip_id,
                ClipScores(
                    self.seen.frame_index[rows],
                    by_frame[rows],
                    pooled[number],
                    self.prompts.owner,
                    label=track.emotion,
                    y=own,
                    weight=weight,
                    weight_normalised=rule.normalised(weight, track.emotion),
                    threshold=rule.threshold_of(track.emotion),
                    min_lambda=rule.min_lambda,
                    temperature=rule.temperature,
                    calibrated_on=self.settings.calibrate_on,
                    classes=self.settings.classes,
                    prompts=self.prompts.flat,
                    logit_scale=prompts.logit_scale,
                    model=scorer.model,
                    pretrained=scorer.pretrained,
                    weights_digest=scorer.digest,
                    precision=scorer.precision,
                    actor=track.actor,
                    level=track.level,
                ),
            )

    # ---- identities -------------------------------------------------------------------------------------------------

    def provenances(self) -> dict[str, Provenance]:
        """Give what the scores of every clip are made from under the rule as it is now."""
        params = {
            **self.cache.sampling,
            "calibrated_on": self.settings.calibrate_on,
            "classes": self.settings.classes,
            "prompts": self.prompts.as_dict(),
        }
        return {
            clip_id: self._provenance(
                ClipScores.schema_id(), params | self.rule.params(track.emotion), {FaceTrack.NAME: track.key}
            )
            for clip_id, track in self.tracks.items()
        }

    @functools.cached_property
    def _prompt_features(self) -> PromptFeatures:
        path, provenance = self._prompt_place()
        if store.check(path, PromptFeatures, provenance).kind is not store.FRESH:
            features = self.prompts.features(self.scorer.prompt_features)
            store.save(PromptFeatures(features, self.prompts.flat, self.scorer.logit_scale()), path, provenance)
        return store.load(PromptFeatures, path)

    def _prompt_place(self) -> "tuple[Any, Provenance]":
        provenance = self._provenance(PromptFeatures.schema_id(), {"prompts": self.prompts.as_dict()}, {})
        named = "\0".join((self.scorer.digest, provenance.key))
        return self.workspace.path(PROMPTS, hashlib.sha256(named.encode()).hexdigest()[:16]), provenance

    def _provenance(self, schema: str, params: Mapping[str, Any], inputs: Mapping[str, str]) -> Provenance:
        return Provenance(schema, STAGE, STAGE_VERSION, params, inputs, self.cache.backend)
