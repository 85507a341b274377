"""How a head is dressed and lit: everything about a picture that is neither shape nor pose."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from mead_manip.synthetic.backgrounds import KINDS
from mead_manip.synthetic.glasses import GlassesStyle, random_glasses

SKINS = tuple(
    f"skin_{age}_{race}_{gender}"
    for race in ("african", "asian", "caucasian")
    for age in ("young", "middleage", "old")
    for gender in ("female", "male")
)
EYES = (
    "eye_blue", "eye_bluegreen", "eye_brown", "eye_brownlight", "eye_deepblue",
    "eye_green", "eye_grey", "eye_ice", "eye_lightblue",
)  # fmt: skip
DARK_EYES = ("eye_brown", "eye_brownlight")
BROWS = tuple(f"eyebrow{i:03d}" for i in range(1, 13))
CALM_BROWS = ("eyebrow001", "eyebrow006", "eyebrow009", "eyebrow010", "eyebrow011")  # the others frown at rest
LASHES = ("Eyelashes01", "eyelashes02", "eyelashes03", "eyelashes04")
LONG_HAIR = ("long01", "ponytail01", "Braid01", "bob01", "bob02")
SHORT_HAIR = ("short01", "short02", "short03", "short04", "afro01")
HAIR_OVER_THE_FACE = ("bob01", "bob02", "short03")
HAIR_COLOURS = {  # linear albedo
    "black": (0.014, 0.012, 0.011),
    "dark brown": (0.035, 0.022, 0.015),
    "brown": (0.085, 0.05, 0.03),
    "light brown": (0.17, 0.105, 0.06),
    "blond": (0.36, 0.26, 0.14),
    "red": (0.2, 0.075, 0.035),
    "grey": (0.25, 0.25, 0.25),
    "white": (0.52, 0.52, 0.5),
}

Rgb = Float32[np.ndarray, " rgb=3"]


@dataclass(frozen=True, eq=False)
class Look:
    """The choices of one picture or one actor; colours are linear, light directions point towards the light."""

    skin: str
    skin_gain: Rgb  # tone, multiplies the albedo
    skin_detail: float  # pores, 0..1
    skin_gloss: float  # highlights, 0 = powder, .1 = sweat
    wrinkles: float  # how readily the skin creases: .6 young, 1.2 old
    eyes: str
    eye_gain: float
    brow: str
    brow_colour: Rgb
    brow_density: float
    lash: str
    lash_density: float
    hair: str  # "" = bald
    hair_colour: Rgb
    moustache: float  # 0 = shaven, .3 = stubble, 1 = full
    beard: float
    glasses: GlassesStyle | None
    garment: Rgb
    collar: float  # dm by which the garment reaches higher than a plain collar
    light_directions: Float32[np.ndarray, "light xyz=3"]  # the first casts the shadow
    light_colours: Float32[np.ndarray, "light rgb=3"]
    ambient: Float32[np.ndarray, "harmonic=9 rgb=3"]
    shadow: float  # 0..1, how dark the key light's shadow is
    exposure: float
    white_balance: Rgb
    background: str
    background_seed: int


def random_look(rng: np.random.Generator, *, studio: bool = False, skin: str | None = None) -> Look:
    """Draw a look. `studio` keeps to a plain wall and soft light from the front, for recordings that resemble MEAD;
    otherwise light, colour and background vary as widely as photographs do."""
    skin = skin or str(rng.choice(SKINS))
    directions, colours, ambient = _studio_light(rng) if studio else _wild_light(rng)
    hair_colour = _hair_colour(rng, skin, studio)
    hair = _hair_style(rng, skin, studio)
    tone = rng.normal(0, 0.03 if studio else 0.05, 3) + rng.normal(0, 0.06 if studio else 0.16)
    moustache, beard = _beard(rng, skin, studio)
    brow_colour = hair_colour * rng.uniform(0.45, 0.9) if rng.uniform() < 0.85 else _hair_colour(rng, skin, studio)
    return Look(
        skin=skin,
        skin_gain=np.exp(tone).astype(np.float32),
        skin_detail=float(rng.uniform(0.2, 0.45)),
        skin_gloss=float(rng.uniform(0.02, 0.05) if studio else rng.uniform(0.0, 0.1)),
        wrinkles=float(rng.uniform(0.8, 1.2) * (1.3 if "_old_" in skin else 1.0 if "_middleage_" in skin else 0.75)),
        eyes=str(rng.choice(DARK_EYES if _dark_eyed(rng, skin) else EYES)),
        eye_gain=float(rng.uniform(0.6, 0.9)),
        brow=str(rng.choice(CALM_BROWS if studio else BROWS)),
        brow_colour=np.clip(brow_colour, 0.008, 0.06 if "african" in skin else 0.2).astype(np.float32),
        brow_density=float(rng.uniform(1.0, 1.6) if studio else rng.uniform(0.4, 1.8)),
        lash=str(rng.choice(LASHES)),
        lash_density=float(rng.uniform(0.4, 0.8) if skin.endswith("_female") else rng.uniform(0.15, 0.5)),
        hair=hair,
        hair_colour=hair_colour,
        moustache=moustache,
        beard=beard,
        glasses=random_glasses(rng) if rng.uniform() < (0.0 if studio else 0.18) else None,
        garment=_garment(rng),
        collar=float(rng.uniform(-0.02, 0.12) if rng.uniform() < 0.7 else rng.uniform(0.12, 0.3)),
        light_directions=directions,
        light_colours=colours,
        ambient=ambient,
        shadow=float(rng.uniform(0.5, 0.8) if studio else rng.uniform(0.2, 1.0)),
        exposure=float(np.exp(rng.normal(0, 0.06 if studio else 0.28))),
        white_balance=np.exp(rng.normal(0, 0.02 if studio else 0.05, 3)).astype(np.float32),
        background="studio" if studio else str(rng.choice(list(KINDS))),
        background_seed=int(rng.integers(2**31)),
    )


def _direction(yaw: float, pitch: float) -> Float32[np.ndarray, " xyz=3"]:
    return np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], np.float32)


def _studio_light(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A large key light high on one side, a weak fill on the other, a bright room."""
    side = rng.choice([-1.0, 1.0])
    key = _direction(side * rng.uniform(0.25, 0.7), rng.uniform(0.35, 0.75))
    fill = _direction(-side * rng.uniform(0.6, 1.2), rng.uniform(-0.1, 0.4))
    warm = np.array([1.03, 1.0, 0.95], np.float32)
    colours = np.stack([rng.uniform(0.6, 0.8) * warm, rng.uniform(0.12, 0.24) / warm]).astype(np.float32)
    ambient = np.zeros((9, 3), np.float32)
    ambient[0] = rng.uniform(0.36, 0.46)
    ambient[1] = 0.1  # from above
    ambient[2] = 0.08  # from the camera's side
    return np.stack([key, fill]), colours, ambient


def _wild_light(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One to three lights from anywhere in front or at the sides, coloured; ambient with a random gradient."""
    n = int(rng.integers(1, 4))
    directions = [_direction(rng.normal(0, 0.8), rng.normal(0.4, 0.5))]
    directions += [_direction(rng.uniform(-2.4, 2.4), rng.normal(0.2, 0.6)) for _ in range(n - 1)]
    tint = np.exp(rng.normal(0, 0.08, (n, 3)))
    strength = np.concatenate([[rng.uniform(0.1, 1.1)], rng.uniform(0.0, 0.7, n - 1)])
    ambient = np.zeros((9, 3), np.float32)
    ambient[0] = rng.uniform(0.18, 0.6) * np.exp(rng.normal(0, 0.05, 3))
    ambient[1:4] = ambient[0] * rng.normal(0, 0.22, (3, 1)) * np.exp(rng.normal(0, 0.1, (3, 3)))
    ambient[4:] = ambient[0] * rng.normal(0, 0.06, (5, 1))
    return np.stack(directions), (strength[:, None] * tint).astype(np.float32), ambient


def _hair_colour(rng: np.random.Generator, skin: str, studio: bool) -> Rgb:
    names = list(HAIR_COLOURS)
    if not studio and rng.uniform() < 0.1:  # dyed, or a coloured light
        return rng.uniform(0.01, 0.5, 3).astype(np.float32)
    if "_old_" in skin:
        odds = [0.05, 0.05, 0.05, 0.05, 0.05, 0.0, 0.45, 0.3]
    elif "caucasian" in skin:
        odds = [0.1, 0.22, 0.24, 0.16, 0.16, 0.07, 0.05, 0.0]
    else:
        odds = [0.5, 0.32, 0.1, 0.03, 0.0, 0.0, 0.05, 0.0]
    colour = np.array(HAIR_COLOURS[str(rng.choice(names, p=odds))], np.float32)
    return (colour * np.exp(rng.normal(0, 0.04, 3) + rng.normal(0, 0.15))).astype(np.float32)


def _hair_style(rng: np.random.Generator, skin: str, studio: bool) -> str:
    long_haired = rng.uniform() < (0.65 if skin.endswith("_female") else 0.06)
    if not long_haired and rng.uniform() < (0.03 if skin.endswith("_female") else 0.15):
        return ""
    styles: tuple[str, ...] = LONG_HAIR if long_haired else SHORT_HAIR
    if studio or rng.uniform() < 0.7:
        styles = tuple(style for style in styles if style not in HAIR_OVER_THE_FACE)
    if "african" not in skin and rng.uniform() < 0.9:
        styles = tuple(style for style in styles if style != "afro01")
    return str(rng.choice(styles))


def _beard(rng: np.random.Generator, skin: str, studio: bool) -> tuple[float, float]:
    """Moustache and beard: some men are unshaven, fewer bearded."""
    if skin.endswith("_female") or rng.uniform() < (0.6 if studio else 0.45):
        return 0.0, 0.0
    stubble = rng.uniform(0.1, 0.4)
    if studio or rng.uniform() < 0.4:
        return stubble, stubble
    full = rng.uniform(0.5, 1.2)
    return (full, 0.0) if rng.uniform() < 0.15 else (full * rng.uniform(0.6, 1.0), full)


def _dark_eyed(rng: np.random.Generator, skin: str) -> bool:
    return bool(rng.uniform() < (0.3 if "caucasian" in skin else 0.93))


def _garment(rng: np.random.Generator) -> Rgb:
    grey = rng.beta(0.9, 1.5)
    return np.clip(grey * np.exp(rng.normal(0, 0.45, 3)), 0.01, 0.9).astype(np.float32)
