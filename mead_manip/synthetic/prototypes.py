"""What emotions look like: units and manner of each at full strength, and how they share the mouth with speech.

The prototypes follow the EMFACS tables of Ekman & Friesen in our own reading; no certified coder has looked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LEVEL_STRENGTH = {1: 0.35, 2: 0.7, 3: 1.0}


@dataclass(frozen=True)
class Prototype:
    """An emotion at full strength, in units of the head (bilateral ones without _L and _R; "jaw" in radians).

    A take lies between `closed` and `open`, two ways of doing it with the mouth.
    """

    both: Mapping[str, float]
    closed: Mapping[str, float]
    open: Mapping[str, float]
    tempo: float = 1.0
    openness: float = 1.0  # of the speaking jaw
    motion: float = 1.0  # of the head
    pitch: float = 0.0  # radians, > 0 bows the head
    roll: float = 0.0
    gaze: float = 0.0  # radians, < 0 looks down
    blinks: float = 1.0
    lids: float = 0.0  # closure at rest


PROTOTYPES = {
    "neutral": Prototype({}, {}, {}),
    "happy": Prototype({"AU6": 0.95, "AU12": 0.85}, {"AU25": 0.1}, {"grin": 0.4, "AU25": 0.4, "jaw": 0.03}, motion=1.2),
    "sad": Prototype(
        {"AU1": 1.0, "AU4": 0.35, "AU15": 0.9, "AU7": 0.15},
        {"AU17": 0.45, "AU24": 0.1},
        {"AU17": 0.3, "AU16": 0.15},
        tempo=0.85,
        openness=0.75,
        motion=0.7,
        pitch=0.09,
        gaze=-0.07,
        lids=0.16,
    ),
    "surprised": Prototype(
        {"AU1": 1.0, "AU2": 1.0, "AU5": 0.8},
        {"jaw": 0.1, "AU25": 0.2},
        {"jaw": 0.2, "AU25": 0.3, "AU18": 0.15},
        pitch=-0.05,
        blinks=0.5,
    ),
    "fear": Prototype(
        {"AU1": 1.05, "AU2": 0.55, "AU4": 0.45, "AU5": 1.0, "AU20": 0.9, "AU21": 0.6},
        {"AU25": 0.25},
        {"AU25": 0.55, "AU16": 0.3, "jaw": 0.06},
        tempo=1.15,
        motion=1.3,
        pitch=-0.03,
        blinks=0.6,
    ),
    "disgusted": Prototype(
        {"AU9": 1.0, "AU10": 0.85, "AU4": 0.3, "AU7": 0.5, "AU6": 0.3, "AU15": 0.25},
        {"AU15": 0.25, "AU17": 0.5},
        {"AU16": 0.3, "AU25": 0.3, "AU10": 0.2, "tongue_out": 0.15},
        pitch=-0.04,
        roll=0.05,
        tempo=0.95,
    ),
    "angry": Prototype(
        {"AU4": 1.15, "AU7": 0.55, "AU5": 0.35, "AU38": 0.8},
        {"AU23": 0.8, "AU24": 0.6, "AU17": 0.4},
        {"AU23": 0.6, "AU10": 0.12, "AU16": 0.5, "AU25": 0.4, "AU22": 0.2},
        openness=1.2,
        motion=1.4,
        pitch=0.06,
        blinks=0.6,
    ),
    "contempt": Prototype(
        {"AU12_R": 0.55, "AU14_R": 0.9, "AU7": 0.2, "AU2_L": 0.25},
        {"AU24": 0.25, "AU17": 0.2},
        {"AU10_R": 0.4},
        motion=0.8,
        pitch=-0.06,
        roll=-0.06,
    ),
}
BILATERAL = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU16", "AU20", "grin")
# How much of an emotion's unit goes while the lips must be shut: what would part them goes altogether.
PARTS_LIPS = {
    "AU25": 1.0, "AU10": 0.9, "AU16": 1.0, "AU12": 0.3, "grin": 1.0, "AU20": 0.5, "AU22": 1.0, "AU9": 0.4, "AU18": 0.3,
    "AU15": 0.2, "AU14": 0.2, "tongue_out": 1.0, "AU17": 0.6, "AU24": 0.5,
}  # fmt: skip
# And while the mouth is open: lips that press cannot be apart.
PRESSES_LIPS = {"AU24": 1.0, "AU23": 0.35, "AU17": 0.5}


def family(name: str) -> str:
    """Give the unit that a coefficient is a half of, or the coefficient itself."""
    return (
        name.removesuffix("_L").removesuffix("_R") if name.removesuffix("_L").removesuffix("_R") in BILATERAL else name
    )


def side(name: str) -> float:
    """Give 1 for a left half, -1 for a right one."""
    return {"_L": 1.0, "_R": -1.0}.get(name[-2:], 0.0)
