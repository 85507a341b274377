"""Speaking performances of an emotion: expression, jaw, eyes and head of a clip, frame by frame.

Every actor has a manner of their own, and no two takes are alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from mead_manip.geometry import smooth
from mead_manip.synthetic.prototypes import PARTS_LIPS, PRESSES_LIPS, PROTOTYPES, Prototype, family, side
from mead_manip.synthetic.speech import OPEN_JAW, Speech, speak

JAW_LIMIT = 0.36  # radians
UNIT_LIMIT = 1.3
# "for whom": makes a generator that depends on this purpose alone, so that no part disturbs another.
Generators = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class ActorStyle:
    """What one person does in every take."""

    gains: Mapping[str, Float32[np.ndarray, " coef"]]  # emotion -> factor of every unit
    expressivity: float
    openness_bias: float  # 0 plays with a closed mouth, 1 with an open one
    tempo: float
    jaw: float  # factor of the speaking jaw
    motion: float
    blinks_per_minute: float
    pitch_hertz: float


@dataclass(frozen=True)
class Performance:
    """One take, frame by frame."""

    expression: Float32[np.ndarray, "frame coef"]
    jaw_pose: Float32[np.ndarray, "frame 3"]
    eyelids: Float32[np.ndarray, "frame 2"]
    gaze: Float32[np.ndarray, "frame 2"]
    head_pose: Float32[np.ndarray, "frame 3"]
    strength: Float32[np.ndarray, " frame"]  # of the acted emotion, 0..1
    speech: Speech


def actor_style(coef_names: Sequence[str], rng: np.random.Generator, male: bool) -> ActorStyle:
    """Draw a person's manner of acting."""
    families = [family(name) for name in coef_names]
    lopsided = {family: rng.normal(0, 0.07) for family in dict.fromkeys(families)}
    gains = {}
    for emotion in PROTOTYPES:
        factor = {family: rng.lognormal(0, 0.2) for family in dict.fromkeys(families)}
        gains[emotion] = np.array(
            [
                factor[family] * (1 + side(name) * lopsided[family])
                for name, family in zip(coef_names, families, strict=True)
            ],
            np.float32,
        )
    return ActorStyle(
        gains=gains,
        expressivity=float(rng.uniform(0.88, 1.1)),
        openness_bias=float(rng.uniform(0.25, 0.75)),
        tempo=float(rng.uniform(0.9, 1.12)),
        jaw=float(rng.uniform(0.85, 1.15)),
        motion=float(rng.uniform(0.7, 1.3)),
        blinks_per_minute=float(rng.uniform(14, 21)),
        pitch_hertz=float(rng.uniform(95, 140) if male else rng.uniform(175, 235)),
    )


def perform(
    coef_names: Sequence[str],
    style: ActorStyle,
    acted: Mapping[str, float],
    n_frames: int,
    fps: float,
    generators: Generators,
) -> Performance:
    """Act a take: `acted` gives the strength (0..1) of each emotion; an empty one is neutral."""
    manner = _manner(acted)
    speech = speak(
        coef_names,
        n_frames,
        fps,
        generators("speech"),
        rate=style.tempo * manner.tempo,
        openness=style.jaw * manner.openness,
    )
    envelope = _envelope(n_frames, fps, generators("envelope"))
    emotion, emotion_jaw = _emotion_targets(coef_names, style, acted, generators("variation"))
    expression, jaw = _combine(coef_names, speech, envelope[:, None] * emotion, envelope * emotion_jaw)
    expression += _mannerisms(coef_names, speech, fps, generators("mannerisms"))
    head_pose = _head_motion(speech, envelope, fps, style.motion * manner.motion, manner, generators("head"))
    strength = envelope * max(acted.values(), default=0.0)
    sideways = 0.15 * jaw * smooth(generators("jaw").normal(0, 1, n_frames), 0.2 * fps)
    return Performance(
        expression=np.clip(expression, 0, UNIT_LIMIT).astype(np.float32),
        jaw_pose=np.stack([np.clip(jaw, 0, JAW_LIMIT), sideways, 0 * jaw], axis=1).astype(np.float32),
        eyelids=_eyelids(envelope * manner.lids, fps, style.blinks_per_minute * manner.blinks, generators("blinks")),
        gaze=_gaze(head_pose, envelope * manner.gaze, fps, generators("gaze")),
        head_pose=head_pose,
        strength=strength.astype(np.float32),
        speech=speech,
    )


# ---- below: the emotion ------------------------------------------------------------------------------------------


def _manner(acted: Mapping[str, float]) -> Prototype:
    """Tempo, posture and the like of a mixture: what is 1 or 0 in neutral moves by each emotion's strength."""
    neutral = PROTOTYPES["neutral"]
    names = ("tempo", "openness", "motion", "pitch", "roll", "gaze", "blinks", "lids")
    values = {name: getattr(neutral, name) for name in names}
    for emotion, strength in acted.items():
        for name in names:
            values[name] += strength * (getattr(PROTOTYPES[emotion], name) - getattr(neutral, name))
    return Prototype({}, {}, {}, **values)


def _emotion_targets(
    coef_names: Sequence[str], style: ActorStyle, acted: Mapping[str, float], rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Coefficients and jaw of the plateau: prototype x actor x take."""
    total, jaw = np.zeros(len(coef_names)), 0.0
    openness = float(np.clip(rng.normal(style.openness_bias, 0.25), 0, 1))
    take = {family: rng.lognormal(0, 0.12) for family in dict.fromkeys(map(family, coef_names))}
    for emotion, strength in acted.items():
        prototype = PROTOTYPES[emotion]
        units = dict(prototype.both)
        for share, variant in ((1 - openness, prototype.closed), (openness, prototype.open)):
            for unit, value in variant.items():
                units[unit] = units.get(unit, 0.0) + share * value
        jaw += strength * units.pop("jaw", 0.0)
        for index, name in enumerate(coef_names):
            value = units.get(name, 0.0) + units.get(family(name), 0.0) * (family(name) != name)
            total[index] += strength * value * style.gains[emotion][index] * take[family(name)]
    return style.expressivity * total, style.expressivity * jaw


def _combine(
    coef_names: Sequence[str], speech: Speech, emotion: np.ndarray, emotion_jaw: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Put speech into the emotional face without breaking the closures of the lips."""
    opened = np.clip(speech.jaw / 0.1, 0, 1)
    factor = np.ones_like(emotion)
    for index, name in enumerate(coef_names):
        factor[:, index] -= PARTS_LIPS.get(family(name), 0.0) * speech.closure
        factor[:, index] -= PRESSES_LIPS.get(family(name), 0.0) * opened
    # A jaw that hangs already has less far to go for a vowel.
    jaw = speech.jaw + emotion_jaw * (1 - speech.closure) * (1 - 0.5 * np.clip(speech.jaw / OPEN_JAW, 0, 1))
    return speech.expression + emotion * np.clip(factor, 0, 1), jaw


def _envelope(n_frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Onset, a plateau that breathes, decay."""
    time, end = np.arange(n_frames) / fps, n_frames / fps
    # Short clips have short flanks, so that a plateau is left.
    span = min(1.0, end / 2)
    rise_at, rise = rng.uniform(0, 0.12) * span, rng.uniform(0.2, 0.45) * span
    fall_at, fall = end - rng.uniform(0.3, 0.45) * span, rng.uniform(0.25, 0.4) * span
    first, last = rng.uniform(0.1, 0.35), rng.uniform(0.3, 0.6)
    onset = first + (1 - first) * _ease((time - rise_at) / rise)
    decay = 1 - (1 - last) * _ease((time - fall_at) / fall)
    breathing = smooth(rng.normal(0, 1, n_frames), 0.35 * fps)
    breathing *= 0.07 / max(float(breathing.std()), 1e-6)
    return onset * decay * np.clip(1 + breathing, 0.8, 1.15)


def _mannerisms(coef_names: Sequence[str], speech: Speech, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Small movements that mean nothing: brows that stress a word, and a restless face."""
    n_frames = len(speech.jaw)
    restless = smooth(rng.normal(0, 1, (n_frames, len(coef_names))), 0.25 * fps) * 0.12
    stress = _beats(speech, fps, rng, chance=0.3)
    raised = np.array([name.startswith(("AU1_", "AU2_")) for name in coef_names])
    free = np.array([family(name) not in PARTS_LIPS for name in coef_names])
    return np.where(free, np.maximum(restless, 0), 0) * 0.5 + 0.3 * stress[:, None] * raised


# ---- below: head and eyes ----------------------------------------------------------------------------------------


def _head_motion(
    speech: Speech, envelope: np.ndarray, fps: float, amount: float, manner: Prototype, rng: np.random.Generator
) -> Float32[np.ndarray, "frame 3"]:
    """Sway, nods on stressed syllables, and the posture of the emotion; axis-angle."""
    n_frames = len(envelope)
    drift = _sway(n_frames, 0.6 * fps, rng) * [0.03, 0.055, 0.022]
    quick = _sway(n_frames, 0.15 * fps, rng) * [0.008, 0.010, 0.006]
    nods = 0.045 * _beats(speech, fps, rng, chance=0.45)
    pose = amount * (drift + quick)
    pose[:, 0] += amount * nods + envelope * manner.pitch
    pose[:, 2] += envelope * manner.roll
    stance = rng.normal(0, [0.02, 0.03, 0.015])
    return (pose + stance).astype(np.float32)


def _eyelids(
    rest: np.ndarray, fps: float, per_minute: float, rng: np.random.Generator
) -> Float32[np.ndarray, "frame 2"]:
    """Blinks of 5 to 7 frames at 30 fps, a Poisson process with a dead time of .6 s, over the lids' rest."""
    n_frames = len(rest)
    closure = np.zeros(n_frames)
    time, at = np.arange(n_frames) / fps, rng.exponential(60 / per_minute)
    while at < n_frames / fps:
        closing, opening = rng.uniform(0.06, 0.08), rng.uniform(0.1, 0.15)
        shape = np.minimum(_ease((time - at) / closing), _ease((at + closing + 0.03 + opening - time) / opening))
        closure = np.maximum(closure, shape)
        at += 0.6 + rng.exponential(60 / per_minute)
    both = np.maximum(closure, rest)
    return np.stack([both, both], axis=1).astype(np.float32)


def _gaze(
    head_pose: np.ndarray, bias: np.ndarray, fps: float, rng: np.random.Generator
) -> Float32[np.ndarray, "frame 2"]:
    """Fixations on the camera and beside it, with saccades of one or two frames; the eyes undo the head's turn."""
    n_frames = len(bias)
    target = np.zeros((n_frames, 2))
    start = 0
    while start < n_frames:
        length = max(3, round(rng.uniform(0.35, 1.6) * fps))
        away = rng.random() < 0.35
        target[start : start + length] = rng.normal(0, [0.09, 0.05]) if away else rng.normal(0, [0.015, 0.01])
        start += length
    gaze = smooth(target, 0.02 * fps)
    gaze[:, 0] -= 0.85 * head_pose[:, 1]
    gaze[:, 1] += 0.85 * head_pose[:, 0] + bias
    return np.clip(gaze, -0.45, 0.45).astype(np.float32)


def _beats(speech: Speech, fps: float, rng: np.random.Generator, chance: float) -> np.ndarray:
    """Bumps of about .25 s on some of the vowels."""
    time = np.arange(len(speech.jaw)) / fps
    bumps = np.zeros(len(time))
    for phone, centre in zip(speech.phones, speech.centres, strict=True):
        if phone in {"AA", "AE", "OH"} and rng.random() < chance:
            bumps += rng.uniform(0.4, 1.0) * np.exp(-(((time - centre) / 0.14) ** 2))
    return bumps


def _sway(n_frames: int, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit deviation on three axes."""
    padding = int(4 * sigma) + 1
    noise = smooth(rng.normal(0, 1, (n_frames + 2 * padding, 3)), sigma)[padding:-padding]
    return noise * (2 * np.sqrt(np.pi) * sigma) ** 0.5


def _ease(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
