"""The synthetic MEAD: which clips there are, which of them are outliers, and what happens in each, frame by frame.

A clip depends on nothing but (seed, actor, emotion, level, take), its length, and the share of outliers: any subset of
a data set is the same as in the whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from mead_manip.emotions import EMOTIONS
from mead_manip.geometry import smooth
from mead_manip.models.face_model import HeadModel, project
from mead_manip.synthetic.actors import ACTOR_NAMES, Actor, generator
from mead_manip.synthetic.performance import Performance, perform
from mead_manip.synthetic.prototypes import LEVEL_STRENGTH

FPS = Fraction(30)
VIEW = "front"
LEVELS = (1, 2, 3)
OUTLIER_KINDS = ("weak", "ambiguous", "mislabelled", "neutral")
ACTED = tuple(emotion for emotion in EMOTIONS if emotion != "neutral")
# Steps of the Kronecker sequence along actor, emotion, level and take: the most even of 600 random ones over
# trees of 2 to 8 actors and 2 to 4 takes.
_STEPS = np.array([0.41802900, 0.39246782, 0.13530924, 0.11321989])
_BODY_FOLLOWS, _BODY_LAG = 0.35, 0.25  # share of the head's turn; seconds
_CHUNK = 64  # frames that go through the head at once


@dataclass(frozen=True)
class ClipSpec:
    """One clip of the data set."""

    actor: str
    emotion: str  # the label
    level: int
    take: int  # from 1
    outlier: str = ""  # one of OUTLIER_KINDS

    @property
    def path(self) -> str:
        """Where it lies in the tree."""
        return f"{self.actor}/video/{VIEW}/{self.emotion}/level_{self.level}/{self.take:03d}.mp4"

    @property
    def clip_id(self) -> str:
        """What preprocess calls it."""
        return f"{self.actor}_{VIEW}_{self.emotion}_level_{self.level}_{self.take:03d}"


@dataclass(frozen=True)
class Take:
    """What happens in a clip."""

    spec: ClipSpec
    acted: dict[str, float]  # emotion -> strength
    performance: Performance
    camera: Float32[np.ndarray, "frame camera=3"]

    @property
    def acted_name(self) -> str:
        """Name what was acted: one emotion, a blend, or neutral."""
        return "+".join(self.acted) or "neutral"

    @property
    def strength(self) -> float:
        """Strength of the plateau, 0..1; of a blend, that of its stronger part."""
        return max(self.acted.values(), default=0.0)


def list_clips(
    n_actors: int, n_takes: int, seed: int, outliers: float, emotions: Sequence[str] = (), levels: Sequence[int] = ()
) -> list[ClipSpec]:
    """List the clips of a tree in its order of names; neutral has one level."""
    specs = [
        ClipSpec(actor, emotion, level, take, outlier_kind(seed, actor, emotion, level, take, outliers))
        for actor in ACTOR_NAMES[:n_actors]
        for emotion in sorted(emotions or EMOTIONS)
        for level in (LEVELS if emotion != "neutral" else (1,))
        if not levels or level in levels or emotion == "neutral"
        for take in range(1, n_takes + 1)
    ]
    return sorted(specs, key=lambda spec: spec.path)


def outlier_kind(seed: int, actor: str, emotion: str, level: int, take: int, share: float) -> str:
    """Tell whether and how a clip goes wrong.

    A Kronecker sequence over (actor, emotion, level, take) spreads outliers and their kinds almost evenly, although
    each clip is decided by itself. Neutral clips are never outliers.
    """
    if emotion == "neutral" or share <= 0:
        return ""
    index = np.array([ACTOR_NAMES.index(actor), ACTED.index(emotion), level, take])
    position = float((generator(seed, "outliers").random() + index @ _STEPS) % 1.0) / share
    return OUTLIER_KINDS[int(position * len(OUTLIER_KINDS))] if position < 1.0 else ""


def make_take(spec: ClipSpec, actor: Actor, coef_names: Sequence[str], seed: int, n_frames: int, size: int) -> Take:
    """Invent what happens in a clip."""
    where = (spec.actor, spec.emotion, spec.level, spec.take)
    acted = _acted(spec, generator(seed, *where, "acted"))
    named = partial(generator, seed, *where)
    performance = perform(coef_names, actor.style, acted, n_frames, float(FPS), named)
    return Take(spec, acted, performance, _camera(actor, performance, size, named("camera")))


@torch.no_grad()
def vertices_of(
    model: HeadModel, actor: Actor, performance: Performance, frames: Sequence[int]
) -> Iterator[Float32[np.ndarray, "vertex xyz=3"]]:
    """Pose the head in each of `frames`, some at a time."""
    identity = torch.from_numpy(actor.identity)[None]
    names = ("expression", "jaw_pose", "eyelids", "gaze", "head_pose")
    bodies = body_pose_of(performance.head_pose)
    for start in range(0, len(frames), _CHUNK):
        chosen = np.asarray(frames[start : start + _CHUNK])
        motion = [torch.from_numpy(getattr(performance, name)[chosen]) for name in names]
        yield from model(identity, *motion, torch.from_numpy(bodies[chosen])).numpy()


def body_pose_of(head_pose: Float32[np.ndarray, "frame axis_angle=3"]) -> Float32[np.ndarray, "frame axis_angle=3"]:
    """Let the shoulders follow the head a little, and late."""
    return (_BODY_FOLLOWS * smooth(head_pose, _BODY_LAG * float(FPS))).astype(np.float32)


@torch.no_grad()
def landmarks_of(model: HeadModel, actor: Actor, take: Take) -> Float32[np.ndarray, "frame 68 xy=2"]:
    """Project the 68 landmarks to pixels of the frame."""
    performance = take.performance
    vertices = np.stack(list(vertices_of(model, actor, performance, range(len(performance.expression)))))
    points = model.landmarks(torch.from_numpy(vertices), torch.from_numpy(performance.head_pose))
    return project(points, torch.from_numpy(take.camera)).numpy().astype(np.float32)


def neutral_vertices(model: HeadModel, actor: Actor) -> Float32[np.ndarray, "vertex xyz=3"]:
    """Give the actor's head at rest, not turned."""
    with torch.no_grad():
        rest = model(torch.from_numpy(actor.identity)[None], torch.zeros(1, model.n_expression), None, None, None, None)
    return rest[0].numpy()


# ---- below -------------------------------------------------------------------------------------------------------


def _acted(spec: ClipSpec, rng: np.random.Generator) -> dict[str, float]:
    """What the actor does, given the label and how the take goes wrong."""
    if spec.emotion == "neutral" or spec.outlier == "neutral":
        return {}
    others = [emotion for emotion in ACTED if emotion != spec.emotion]
    strength = LEVEL_STRENGTH[spec.level] * float(np.clip(rng.normal(1, 0.06), 0.85, 1.15))
    other = str(rng.choice(others))
    match spec.outlier:
        case "weak":
            return {spec.emotion: float(rng.uniform(0.04, 0.14))}
        case "ambiguous":
            share = rng.uniform(0.4, 0.55)
            return {spec.emotion: float(share * strength), other: float((1 - share) * strength)}
        case "mislabelled":
            return {other: strength}
    return {spec.emotion: strength}


def _camera(actor: Actor, performance: Performance, size: int, rng: np.random.Generator) -> np.ndarray:
    """Framing of the actor with a new stance per clip; the body sways with the head."""
    scale, x, y = actor.framing * (size - 1)
    stance = rng.normal(0, 0.008, 2)
    turn = performance.head_pose - performance.head_pose.mean(0)
    # A head that nods or turns also moves: about .25 dm per radian.
    x_px = x + size * stance[0] + 0.25 * scale * turn[:, 1]
    y_px = y + size * stance[1] + 0.25 * scale * turn[:, 0]
    factor = 1 + 0.015 * rng.normal() + 0.02 * turn[:, 0]
    return np.stack([scale * factor, x_px, y_px], axis=1).astype(np.float32)


def truth_path(tree: Path) -> Path:
    """Give the place of a tree's truth: beside it."""
    return tree.parent / f"{tree.resolve().name}.truth.h5"
