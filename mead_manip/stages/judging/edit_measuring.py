"""A source and an edited video -> the measures of every edited face, frame by frame"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import FaceTrack, HeadAsset, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends.face_embedding import FaceEmbedding
from mead_manip.backends.fer import FerClassifier, Grey, face_of
from mead_manip.config import Common, EvaluateEditConfig
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import UsageError
from mead_manip.evaluation import edit_measures as measures
from mead_manip.evaluation.edit_measures import Measures, Rgb
from mead_manip.evaluation.unit_emotions import UnitEmotions, knows
from mead_manip.media.video import read_frames, read_times
from mead_manip.models.beliefs import face_prior
from mead_manip.models.lip_lock import Lips, seen_gap
from mead_manip.models.manipulation import coefs_of
from mead_manip.models.posed_faces import face_model_of, is_flame
from mead_manip.stages.judging.edit_pairs import Pair, frames_differ, targets_of
from mead_manip.stages.judging.edit_redrawing import Change, change_outside
from mead_manip.stages.running import plan
from mead_manip.stages.running.device import choose_device
from mead_manip.stages.running.runner import Progress
from mead_manip.synthetic.prototypes import PROTOTYPES

UNITS, SHAPE = "units", "shape"
EMBEDDED_EVERY = 5  # frames: a person does not change from one to the next
STRENGTHS = {"both": 1.0, "closed": 0.5, "open": 0.5}  # of the parts of a prototype: half of either way of the mouth


@dataclass(frozen=True)
class Row:
    """One edited face."""

    source: str
    result: str
    face: int
    emotion: str  # that most frames are edited to; "" where nobody says
    found: Measures
    before: dict[str, float]  # mean probability of every emotion, source
    after: dict[str, float]  # and result
    notes: list[str] = field(default_factory=list)
    run: str = ""  # whose manipulator, as the recipe says


@dataclass(frozen=True)
class Seen:
    """A face of the source and the same face in the result."""

    number: int
    tracks: tuple[FaceTrack, FaceTrack]
    fits: tuple[Reconstruction, Reconstruction]

    @functools.cached_property
    def both(self) -> Bool[np.ndarray, " frame"]:
        """Tell in which frames both are seen."""
        return self.tracks[0].visible & self.tracks[1].visible


class Measurer:
    """What all pairs are measured with."""

    def __init__(self, workspace: Workspace, config: EvaluateEditConfig, common: Common, progress: Progress) -> None:
        self.workspace, self.config, self.common, self.progress = workspace, config, common, progress
        # What is seen in results must not lie among the clips of the workspace, which are somebody's footage.
        self.scratch = Workspace(workspace.root / "evaluate" / "results")
        device = choose_device(common.device)
        self.classifier = None if config.emotion_model == UNITS else FerClassifier(Path(config.emotion_model), device)
        self.embedding = None if config.identity_model == SHAPE else FaceEmbedding(Path(config.identity_model))

    def identities(self) -> dict[str, str]:
        """Name the models by their content, for keys."""
        return {
            "emotion": self.classifier.digest if self.classifier else UNITS,
            "identity": self.embedding.digest if self.embedding else SHAPE,
        }

    def measure(self, pair: Pair) -> list[Row]:
        """Measure every face that was edited."""
        faces = [self._seen(pair, number) for number in (list(pair.plans) or [1])]
        pixels = Pixels(faces, self.classifier is not None, self.embedding)
        pixels.watch(_together(pair), len(faces[0].both), pair.name, self.progress)
        change = change_outside(pair, self.workspace, self.common, self.config.render_frames, self.progress)
        return [self._row(pair, k, face, pixels, change) for k, face in enumerate(faces)]

    def _seen(self, pair: Pair, number: int) -> Seen:
        if (self.workspace.root / "models").is_dir() and not (self.scratch.root / "models").exists():
            self.scratch.root.mkdir(parents=True, exist_ok=True)
            (self.scratch.root / "models").symlink_to((self.workspace.root / "models").absolute())
        parts: list[tuple[FaceTrack, Reconstruction]] = []
        for workspace, video in ((self.workspace, pair.source), (self.scratch, pair.result)):
            clip_id = plan.face_clip(
                workspace,
                self.common,
                video,
                number,
                landmarks=self.config.landmarks,
                landmarks_model=self.config.landmarks_model,
                dry_run=False,
                progress=self.progress,
            )
            assert clip_id is not None
            track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
            parts.append((track, store.load(Reconstruction, workspace.path("reconstruct3d", clip_id))))
        (track, fit), (other, refit) = parts
        if len(track.visible) != len(other.visible):
            raise frames_differ(pair, len(track.visible), len(other.visible))
        seen = Seen(number, (track, other), (fit, refit))
        if not seen.both.any():
            raise UsageError(f"{pair.result}: face {number} is in no frame of source and result")
        return seen

    def _row(self, pair: Pair, k: int, face: Seen, pixels: Pixels, change: Change) -> Row:
        target = self._target(pair, face)
        probabilities = pixels.probabilities(k, self.classifier) if self.classifier else _by_units(face)
        notes = [f"change outside not measured: {change.reason}"] if change.reason else []
        if probabilities is None:
            notes.append("no units in this face model: give --emotion-model")
            probabilities = (np.full((len(target), len(NED_EMOTIONS)), np.nan),) * 2
        (target_before, top_before), (share, top) = (measures.target_shares(p, target) for p in probabilities)
        speech = self._speech(face)
        identity = pixels.identity(k) if self.embedding else _shape(*face.fits)
        found = Measures(
            target_before, share, top_before, top, identity, *speech,
            change.most, pixels.psnr(), pixels.sharpness(k),
        )  # fmt: skip
        chosen = target[target >= 0]
        emotion = NED_EMOTIONS[int(np.bincount(chosen).argmax())] if chosen.size else ""
        before, after = (_by_emotion(p) for p in probabilities)
        return Row(str(pair.source), str(pair.result), face.number, emotion, found, before, after, notes)

    def _target(self, pair: Pair, face: Seen) -> Int64[np.ndarray, " frame"]:
        count = len(face.both)
        if self.config.to:
            index = NED_EMOTIONS.index(self.config.to) if self.config.to in NED_EMOTIONS else -1
            return np.full(count, index, np.int64)
        plan = pair.plans.get(face.number)
        if plan is None:
            return np.full(count, -1, np.int64)
        track = face.tracks[0]
        times = read_times(pair.source)[:count] if plan.is_timed else np.arange(count) * track.fps_den / track.fps_num
        return np.where(face.both, targets_of(plan, times), -1)

    def _speech(self, face: Seen) -> tuple[float, float, float, int, float]:
        """Give correlation of jaw and lips, share of closures kept and their number, and jitter, from both fits."""
        fits = face.fits
        coefs = [coefs_of(fit.jaw_pose, fit.expression) for fit in fits]
        if fits[0].face_model != fits[1].face_model:
            raise UsageError("source and result are fitted with two face models", remedy="use one --backend for both")
        model = face_model_of(fits[0].face_model, self.workspace.root / "models" / "flame.h5")
        # A fit can part lips that the picture shows closed, never so far the other way: the smaller gap tells.
        gap, other = (
            np.minimum(Lips(model, fit.identity).gap(values), seen_gap(track.landmarks_px))
            for fit, values, track in zip(fits, coefs, face.tracks, strict=True)
        )
        kept, total = measures.closures_kept(gap, other, face.both)
        jaw = measures.movement_correlation(coefs[0][face.both, 0], coefs[1][face.both, 0])
        lips = measures.movement_correlation(gap[face.both], other[face.both])
        jitter = measures.jitter_ratio(coefs[0], coefs[1], face.both)
        return jaw, lips, kept / total if total else float("nan"), total, jitter


class Pixels:
    """What is gathered while the frames of source and result go by, once."""

    def __init__(self, faces: list[Seen], crops: bool, embedding: FaceEmbedding | None) -> None:
        self.faces, self.keeps_crops, self.embedding = faces, crops, embedding
        self.crops: list[list[tuple[Grey, Grey]]] = [[] for _ in faces]
        self.cropped: list[list[int]] = [[] for _ in faces]  # their frames
        self.embedded: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in faces]
        self.ratios: list[list[float]] = [[] for _ in faces]
        self.error, self.count = 0.0, 0

    def watch(self, frames: Iterator[tuple[Rgb, Rgb]], total: int, name: str, progress: Progress) -> None:
        """Look at every frame in which a face is seen in both."""
        for index, (source, result) in enumerate(progress.clips(frames, total, f"measure {name}")):
            here = [(k, face) for k, face in enumerate(self.faces) if face.both[index]]
            if not here:
                continue
            landmarks = np.stack([track.landmarks_px[index] for _, face in here for track in face.tracks])
            outside = ~measures.face_mask(landmarks, source.shape[:2], measures.REACH)
            error, count = measures.squared_error(source, result, outside)
            self.error, self.count = self.error + error, self.count + count
            for k, face in here:
                self._look(k, index, source, result, face.tracks[0].landmarks_px[index])

    def _look(self, k: int, index: int, source: Rgb, result: Rgb, landmarks: Float32[np.ndarray, "68 2"]) -> None:
        """Look at one face; both pictures are cut alike, so that nothing but the face differs."""
        inside = measures.face_mask(landmarks[None], source.shape[:2])
        before, after = (measures.sharpness(rgb, inside) for rgb in (source, result))
        if before > 0:
            self.ratios[k].append(after / before)
        if self.keeps_crops:
            self.crops[k].append((face_of(source, landmarks), face_of(result, landmarks)))
            self.cropped[k].append(index)
        if self.embedding is not None and len(self.ratios[k]) % EMBEDDED_EVERY == 1:
            self.embedded[k].append((self.embedding.embed(source, landmarks), self.embedding.embed(result, landmarks)))

    def probabilities(
        self, k: int, classifier: FerClassifier
    ) -> tuple[Float[np.ndarray, "frame class"], Float[np.ndarray, "frame class"]]:
        """Give the emotions of a face in source and result; NaN in frames where it is not seen."""
        both = np.full((2, len(self.faces[k].both), len(NED_EMOTIONS)), np.nan)
        for side in (0, 1):
            both[side, self.cropped[k]] = classifier.probabilities([pair[side] for pair in self.crops[k]])
        return both[0], both[1]

    def identity(self, k: int) -> float:
        """Give the mean similarity of a face's frames in source and result."""
        before, after = (np.stack([pair[side] for pair in self.embedded[k]]) for side in (0, 1))
        return measures.cosine(before, after)

    def psnr(self) -> float:
        """Give what the encoder left of the picture outside the faces, dB."""
        return measures.psnr(self.error, self.count)

    def sharpness(self, k: int) -> float:
        """Give how sharp the result's face is against the source's: the median over frames."""
        return float(np.median(self.ratios[k])) if self.ratios[k] else float("nan")


def _together(pair: Pair) -> Iterator[tuple[Rgb, Rgb]]:
    """Read both; what H.264 added to odd sides is cut off."""
    for (_, _, source), (_, _, result) in zip(read_frames(pair.source), read_frames(pair.result), strict=True):
        yield source, result[: source.shape[0], : source.shape[1]]


def _shape(before: Reconstruction, after: Reconstruction) -> float:
    if is_flame(before.face_model):
        return measures.cosine(before.identity, after.identity)  # FLAME's coefficients are white as they are
    mean = load_asset(HeadAsset, "head.h5").anchor_mean.mean(axis=0)
    return measures.likeness(before.identity, after.identity, mean, face_prior().identity_moment)


def _by_units(face: Seen) -> tuple[np.ndarray, np.ndarray] | None:
    names = face.fits[0].coef_names
    if not knows(names):
        return None
    judge = UnitEmotions({emotion: _units(emotion) for emotion in NED_EMOTIONS}, names)
    before, after = (np.where(face.both[:, None], judge.probabilities(fit.expression), np.nan) for fit in face.fits)
    return before, after


def _units(emotion: str) -> dict[str, float]:
    units: dict[str, float] = {}
    for part, strength in STRENGTHS.items():
        for name, value in getattr(PROTOTYPES[emotion], part).items():
            units[name] = units.get(name, 0.0) + strength * value
    return units


def _by_emotion(probability: Any) -> dict[str, float]:
    seen = probability[np.isfinite(probability).all(axis=1)]
    return {name: float(seen[:, k].mean()) if len(seen) else float("nan") for k, name in enumerate(NED_EMOTIONS)}


__all__ = ["Measurer", "Row"]
