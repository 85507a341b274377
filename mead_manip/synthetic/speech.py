"""Invented speech: a stream of pseudo-syllables as mouth motion, and the sound that goes with it.

Co-articulation follows the dominance functions of Cohen & Massaro, "Modeling coarticulation in synthetic visual
speech" (1993): every phone pulls every articulator towards its target, with a strength and an extent of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

SAMPLE_RATE = 24000
# The jaw angle (radians) of a loud open vowel: what loudness is measured against.
OPEN_JAW = 0.2
_REST_PULL = 0.06
_INDIFFERENT_PULL = 0.35


@dataclass(frozen=True)
class Phone:
    """A class of speech sounds that look alike, in units of the head (bilateral ones without _L and _R)."""

    jaw: float  # radians
    units: dict[str, float] = field(default_factory=dict)
    pull: float = 1.0  # how strongly its targets win over the neighbours'
    seconds: float = 0.1
    voice: float = 1.0  # loudness of the buzz
    hiss: float = 0.0  # loudness of the noise
    formants: tuple[float, float] = (500.0, 1500.0)  # Hz
    closure: float = 0.0  # how much the lips must be shut, 0..1


VOWELS = {
    "AA": Phone(0.21, {"AU25": 0.35}, seconds=0.15, formants=(750, 1250)),
    "AE": Phone(0.17, {"AU25": 0.4, "AU20": 0.2, "AU12": 0.1}, seconds=0.14, formants=(680, 1750)),
    "EH": Phone(0.12, {"AU25": 0.4, "AU20": 0.2}, seconds=0.12, formants=(550, 1850)),
    "EE": Phone(0.07, {"AU25": 0.5, "AU20": 0.45, "AU12": 0.15}, seconds=0.13, formants=(300, 2300)),
    "UH": Phone(0.10, {"AU25": 0.35}, seconds=0.09, formants=(600, 1250)),
    "OH": Phone(0.14, {"AU18": 0.5, "AU22": 0.25, "AU25": 0.2}, seconds=0.14, formants=(500, 900)),
    "OO": Phone(0.07, {"AU18": 0.8, "AU22": 0.2, "AU25": 0.1}, seconds=0.13, formants=(320, 800)),
}
_SEAL = {"AU24": 0.3, "AU28": 0.4, "AU25": 0.0, "AU16": 0.0, "AU10": 0.0, "AU22": 0.0, "AU20": 0.0}
CONSONANTS = {
    "MBP": Phone(0.0, _SEAL, pull=14, seconds=0.11, voice=0.15, formants=(250, 1000), closure=1.0),
    "FV": Phone(0.02, {"AU32": 0.8, "AU25": 0.1}, pull=5, seconds=0.1, voice=0.2, hiss=0.25, closure=0.5),
    "TDN": Phone(0.04, {"AU25": 0.35, "tongue_up": 0.5}, pull=1.5, seconds=0.07, voice=0.35),
    "SZ": Phone(0.02, {"AU25": 0.5, "AU20": 0.2}, pull=2, seconds=0.1, voice=0.05, hiss=0.35),
    "L": Phone(0.10, {"AU25": 0.4, "tongue_up": 0.8}, pull=1.5, seconds=0.08, voice=0.7, formants=(360, 1300)),
    "TH": Phone(0.06, {"AU25": 0.4, "tongue_out": 0.6}, pull=2, seconds=0.1, voice=0.2, hiss=0.15),
    "SH": Phone(0.04, {"AU22": 0.5, "AU18": 0.3, "AU25": 0.3}, pull=2, seconds=0.11, voice=0.05, hiss=0.4),
    "KG": Phone(0.07, {"AU25": 0.35}, pull=0.8, seconds=0.08, voice=0.2),
    "W": Phone(0.03, {"AU18": 0.9, "AU22": 0.1}, pull=3, seconds=0.08, voice=0.6, formants=(300, 700)),
    "R": Phone(0.06, {"AU18": 0.4, "AU22": 0.2, "AU25": 0.2}, pull=1.5, seconds=0.08, voice=0.7, formants=(330, 1100)),
}
SILENCE = Phone(0.0, {"AU25": 0.0}, pull=1.5, voice=0.0)
PHONES = {"": SILENCE, **VOWELS, **CONSONANTS}
# About how often English has them before a vowel.
_ONSETS = {
    "MBP": 0.2,
    "TDN": 0.24,
    "SZ": 0.08,
    "FV": 0.1,
    "L": 0.08,
    "TH": 0.06,
    "SH": 0.06,
    "KG": 0.1,
    "W": 0.05,
    "R": 0.06,
}
_BILATERAL = ("AU10", "AU12", "AU15", "AU16", "AU20", "grin", "AU14")


@dataclass(frozen=True)
class Speech:
    """One utterance, frame by frame."""

    expression: Float32[np.ndarray, "frame coef"]
    jaw: Float32[np.ndarray, " frame"]  # radians
    closure: Float32[np.ndarray, " frame"]  # 0 free .. 1 the lips must be shut
    loudness: Float32[np.ndarray, " frame"]  # of the voice, 0..1
    hiss: Float32[np.ndarray, " frame"]
    formants: Float32[np.ndarray, "frame 2"]  # Hz
    phones: tuple[str, ...]  # names, in order
    centres: Float32[np.ndarray, " phone"]  # seconds


def speak(
    coef_names: Sequence[str],
    n_frames: int,
    fps: float,
    rng: np.random.Generator,
    *,
    rate: float = 1.0,
    openness: float = 1.0,
) -> Speech:
    """Invent an utterance. `rate` scales the tempo (1: about 4.5 syllables a second), `openness` the jaw."""
    names, starts, ends = _phone_stream(n_frames / fps, rng, rate)
    phones = [PHONES[name] for name in names]
    centres = (starts + ends) / 2
    time = np.arange(n_frames) / fps
    # Neighbours overlap: a phone's pull falls to 1/e at .7 of its length from its centre.
    reach = np.maximum(0.7 * (ends - starts), 0.045)
    kernels = np.exp(-(((time[:, None] - centres) / reach) ** 2))
    jaw_targets = np.array([phone.jaw for phone in phones]) * openness * rng.uniform(0.75, 1.15, len(phones))
    targets, pulls = _unit_targets(coef_names, phones, rng)
    loud = _blend(kernels, np.array([phone.voice for phone in phones]), np.ones(len(phones)))
    jaw = _blend(kernels, jaw_targets, np.array([phone.pull for phone in phones]))
    formants = np.array([phone.formants for phone in phones])
    return Speech(
        expression=_blend(kernels, targets, pulls).astype(np.float32),
        jaw=jaw.astype(np.float32),
        closure=_closures(time, phones, starts, ends).astype(np.float32),
        loudness=(loud * np.clip(jaw / OPEN_JAW, 0, 1.2) ** 0.8).astype(np.float32),
        hiss=_blend(kernels, np.array([phone.hiss for phone in phones]), np.ones(len(phones))).astype(np.float32),
        formants=(kernels @ formants / np.maximum(kernels.sum(1, keepdims=True), 1e-9)).astype(np.float32),
        phones=tuple(names),
        centres=centres.astype(np.float32),
    )


def sound(speech: Speech, fps: float, rng: np.random.Generator, pitch: float = 140.0) -> Float32[np.ndarray, " sample"]:
    """Give the utterance's sound at SAMPLE_RATE: harmonics shaped by two formants, and hiss. Peak about .5."""
    n_frames = len(speech.jaw)
    n_samples = round(n_frames / fps * SAMPLE_RATE)
    frames, at = np.arange(n_frames) / fps, np.arange(n_samples) / SAMPLE_RATE
    contour = pitch * (1 + 0.12 * np.interp(at, *_wander(n_frames / fps, rng)))
    phase = 2 * np.pi * np.cumsum(contour) / SAMPLE_RATE
    first, second = (np.interp(at, frames, speech.formants[:, index]) for index in (0, 1))
    buzz = np.zeros(n_samples)
    norm = np.zeros(n_samples)
    for harmonic in range(1, 25):
        hertz = harmonic * contour
        shape = (_resonance(hertz, first, 90) + 0.5 * _resonance(hertz, second, 140) + 0.03) / harmonic**0.5
        buzz += shape * np.sin(harmonic * phase)
        norm += shape**2
    buzz /= np.sqrt(norm)
    noise = np.diff(rng.normal(0, 0.5, n_samples + 1))
    mixed = np.interp(at, frames, speech.loudness) * buzz + 0.3 * np.interp(at, frames, speech.hiss) * noise
    return (0.25 * mixed).astype(np.float32)


# ---- below: what is said -----------------------------------------------------------------------------------------


def _phone_stream(seconds: float, rng: np.random.Generator, rate: float) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Phrases of syllables between pauses, from a short silence to a short silence."""
    onsets, weights = list(_ONSETS), np.array(list(_ONSETS.values()))
    names, lengths = [""], [rng.uniform(0.08, 0.22)]
    vowels = list(VOWELS)
    syllables_left = int(rng.integers(5, 11))
    while sum(lengths) < seconds - 0.3:
        syllable = [str(rng.choice(onsets, p=weights / weights.sum()))] if rng.random() < 0.92 else []
        syllable.append(str(rng.choice(vowels)))
        if rng.random() < 0.25:
            syllable.append(str(rng.choice(["TDN", "SZ", "L", "MBP", "KG"])))
        for name in syllable:
            names.append(name)
            lengths.append(PHONES[name].seconds * rng.uniform(0.8, 1.25) / rate)
        syllables_left -= 1
        if syllables_left == 0:
            names.append("")
            lengths.append(rng.uniform(0.2, 0.45))
            syllables_left = int(rng.integers(5, 11))
    names.append("")
    lengths.append(max(seconds - sum(lengths), 0.12) + 0.1)
    edges = np.cumsum([0.0, *lengths])
    return names, edges[:-1], edges[1:]


def _unit_targets(
    coef_names: Sequence[str], phones: list[Phone], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and pulls, phone by coefficient; a phone is indifferent to units that it does not name."""
    position = {name: index for index, name in enumerate(coef_names)}
    targets = np.zeros((len(phones), len(coef_names)))
    pulls = np.full_like(targets, _INDIFFERENT_PULL)
    for row, phone in enumerate(phones):
        for unit, value in phone.units.items():
            varied = value * rng.uniform(0.85, 1.15)
            for name in (f"{unit}_L", f"{unit}_R") if unit in _BILATERAL else (unit,):
                targets[row, position[name]] = varied
                pulls[row, position[name]] = phone.pull
    return targets, pulls


def _blend(kernels: np.ndarray, targets: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    """Mean of the targets by dominance; what nobody pulls goes to rest."""
    pulls = pulls if targets.ndim > 1 else pulls[:, None]
    values = targets if targets.ndim > 1 else targets[:, None]
    blended = kernels @ (pulls * values) / (kernels @ pulls + _REST_PULL)
    return blended if targets.ndim > 1 else blended[:, 0]


def _closures(time: np.ndarray, phones: list[Phone], starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Flat-topped bumps over the phones that shut the lips."""
    closure = np.zeros(len(time))
    for phone, start, end in zip(phones, starts, ends, strict=True):
        if phone.closure:
            distance = np.abs(time - (start + end) / 2) / (0.75 * (end - start))
            closure = np.maximum(closure, phone.closure * np.exp(-(distance**4)))
    return closure


# ---- below: how it sounds ----------------------------------------------------------------------------------------


def _wander(seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(0, seconds + 0.4, 0.2)
    return times, rng.normal(0, 1, len(times)).cumsum() * 0.4 - 0.5 * times / max(seconds, 1)


def _resonance(hertz: np.ndarray, centre: np.ndarray, width: float) -> np.ndarray:
    return 1 / (1 + ((hertz - centre) / width) ** 2)
