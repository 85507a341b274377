"""What --temperature, --per-class-thresholds, --class-normalise and --min-lambda ask for, and the rule they lead to."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from mead_manip.config import ClipScoreConfig
from mead_manip.emotions import EMOTIONS
from mead_manip.errors import InputMissing, UsageError
from mead_manip.evaluation import calibration
from mead_manip.models.suppression import Rule, class_means, pool_clips, softmax
from mead_manip.stages.scoring.clip_sampling import TrackFacts

CALIBRATE = "calibrate"
CALIBRATION_LEVEL = 3  # neutral has a level of its own, and is used too


@dataclass(frozen=True)
class Settings:
    """The options, checked."""

    classes: tuple[str, ...]
    temperature: float | None  # None: to be fitted to the clips of `calibrate_on`
    calibrate_on: str
    per_class_thresholds: bool
    class_normalise: bool

    @property
    def of_all_clips(self) -> bool:
        """Tell whether a clip's weight depends on other clips too."""
        return self.temperature is None or self.per_class_thresholds or self.class_normalise


def parse_settings(config: ClipScoreConfig) -> Settings:
    """Check the options against each other."""
    temperature = _temperature(config.temperature)
    if (temperature is None) != bool(config.calibrate_on):
        raise UsageError(
            f"--temperature {config.temperature}, --calibrate-on {config.calibrate_on or '(nobody)'}",
            expected=f"--temperature {CALIBRATE} with --calibrate-on ACTOR, or neither",
        )
    settings = Settings(
        EMOTIONS[: config.classes],
        temperature,
        config.calibrate_on,
        config.per_class_thresholds,
        config.class_normalise,
    )
    if settings.of_all_clips and (config.clips or config.shard):
        raise UsageError(
            f"--{'clips' if config.clips else 'shard'} with an option that looks at all clips "
            f"(--temperature {CALIBRATE}, --per-class-thresholds, --class-normalise)",
            remedy="run the parts without that option, then once over all with it, which touches no pixel",
        )
    return settings


def settle(
    rule: Rule,
    settings: Settings,
    tracks: Sequence[TrackFacts],
    logits: Float[np.ndarray, "row class"],
    starts: Int64[np.ndarray, " boundary"],
) -> Rule:
    """Give the rule with everything that depends on all clips; clip k has the rows starts[k] to starts[k + 1]."""
    labels = [track.emotion for track in tracks]
    if settings.temperature is None:
        rule = dataclasses.replace(rule, temperature=_calibrated(settings, tracks, logits, starts))
    if not (settings.per_class_thresholds or settings.class_normalise):
        return rule
    probability = pool_clips(softmax(logits / rule.temperature), starts)
    index = np.array([settings.classes.index(label) for label in labels], np.int64)
    if settings.per_class_thresholds:
        found = calibration.confident_thresholds(probability.astype(np.float64), index)
        thresholds = {settings.classes[number]: value for number, value in found.items()}
        rule = dataclasses.replace(rule, class_thresholds=thresholds)
    if settings.class_normalise:
        own = probability[np.arange(len(index)), index]
        weights = [rule.weight(float(y), label) for y, label in zip(own, labels, strict=True)]
        rule = dataclasses.replace(rule, class_means=class_means(weights, labels))
    return rule


def _temperature(text: str) -> float | None:
    if text == CALIBRATE:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise UsageError(f"--temperature {text!r}", expected=f"a number above 0, or {CALIBRATE}")
    return value


def _calibrated(
    settings: Settings,
    tracks: Sequence[TrackFacts],
    logits: Float[np.ndarray, "row class"],
    starts: Int64[np.ndarray, " boundary"],
) -> float:
    """Fit the temperature to the neutral and the strong clips of one actor."""
    chosen = [
        index
        for index, track in enumerate(tracks)
        if track.actor == settings.calibrate_on and (track.emotion == "neutral" or track.level == CALIBRATION_LEVEL)
    ]
    labels = np.array([settings.classes.index(tracks[index].emotion) for index in chosen], np.int64)
    n_emotions = len(set(labels.tolist()))
    if n_emotions < 2:
        actors = sorted({track.actor for track in tracks if track.actor})
        raise InputMissing(
            f"--calibrate-on {settings.calibrate_on}: {len(chosen)} neutral or level {CALIBRATION_LEVEL} clips of "
            f"{n_emotions} emotion(s)",
            expected=f"an actor who acts two or more; there are {', '.join(actors) or 'no actors'}",
        )
    return calibration.fit_temperature([logits[starts[index] : starts[index + 1]] for index in chosen], labels)
