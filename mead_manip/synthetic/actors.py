"""The people of a synthetic MEAD: a name, a shape, a look, a manner of acting and a place in front of the camera."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.models.face_model import sample_identity
from mead_manip.synthetic.looks import LONG_HAIR, Look, random_look
from mead_manip.synthetic.performance import ActorStyle, actor_style

# MEAD's own names, men and women in turn.
_MEN = "M003 M005 M007 M009 M011 M012 M013 M019 M022 M023 M024 M025 M026 M027 M028 M029 M030 M031 M032 M033".split()  # noqa: SIM905
_WOMEN = "W009 W011 W014 W015 W016 W018 W019 W021 W023 W024 W025 W026 W028 W029 W033 W035 W036 W037 W038 W040".split()  # noqa: SIM905
ACTOR_NAMES = tuple(name for pair in zip(_MEN, _WOMEN, strict=True) for name in pair)
_RACES = ("caucasian", "african", "asian")
_AGES = ("young", "middleage", "old")
_AGE_ODDS = (0.55, 0.35, 0.1)
# Head and shoulders: how many pixels of a frame's side one decimetre takes, and where the head's origin lies.
_SCALE, _ORIGIN_Y = 0.285, 0.485


@dataclass(frozen=True)
class Actor:
    """One person; everything here depends on the data set's seed and the name alone."""

    name: str
    identity: Float32[np.ndarray, " identity"]
    look: Look
    style: ActorStyle
    framing: Float32[np.ndarray, " camera=3"]  # camera of a frame with a side of 1


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Give a generator that depends on nothing but its arguments."""
    digest = hashlib.sha256("/".join(map(str, (seed, *purpose))).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def make_actor(asset: HeadAsset, coef_names: Sequence[str], seed: int, name: str) -> Actor:
    """Cast the person called `name`. Neighbours in ACTOR_NAMES differ in sex, and mostly in race."""
    rng = generator(seed, "actor", name)
    races = generator(seed, "casting").permutation(_RACES)
    race = races[(ACTOR_NAMES.index(name) // 2 + (name[0] == "W")) % len(races)]
    anchor = f"{rng.choice(_AGES, p=_AGE_ODDS)}_{race}_{'male' if name[0] == 'M' else 'female'}"
    scale, sideways = rng.uniform(0.95, 1.05), rng.normal(0, 0.01)
    return Actor(
        name=name,
        identity=sample_identity(asset, rng, asset.anchor_names.index(anchor)),
        look=_look(seed, name, f"skin_{anchor}"),
        style=actor_style(coef_names, generator(seed, "style", name), male=name[0] == "M"),
        framing=np.array([_SCALE * scale, 0.5 + sideways, _ORIGIN_Y], np.float32),
    )


def _look(seed: int, name: str, skin: str) -> Look:
    """Draw a studio look; most women of MEAD have long hair, so it is tried twice."""
    looks = [random_look(generator(seed, "look", name, attempt), studio=True, skin=skin) for attempt in (0, 1)]
    return looks[1] if name[0] == "W" and looks[0].hair not in LONG_HAIR else looks[0]
