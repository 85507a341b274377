"""Rendered face crops with the facts that captions are written from: python -m mead_manip.synthetic.caption_set DIR

Every person of the set has a shape, a look and a manner of acting of their own; every picture is one frame of a new
take: one emotion at any strength, a blend of two, or none, always while speaking. Shards are published one by one, so a
stopped run goes on where it was. The people are drawn from a seed sequence of their own: none of them is an actor of
`mead-manip synth`, whatever its seed.
"""

import argparse
import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from mead_manip.artifacts import assets, store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import CaptionShard, HeadAsset
from mead_manip.emotions import EMOTIONS
from mead_manip.media import images
from mead_manip.media.face_crops import crop_squares, face_box
from mead_manip.models.face_model import HeadModel, head_model_from, sample_identity
from mead_manip.rendering.camera import to_screen, with_perspective
from mead_manip.synthetic.looks import LONG_HAIR, SKINS, Look, random_look
from mead_manip.synthetic.performance import ActorStyle, Performance, actor_style, perform
from mead_manip.synthetic.scene import Scene
from mead_manip.synthetic.scene_kit import SceneKit

VERSION = 1
# Mixed into every seed, so that no person here shares a random stream with an actor of the synthetic MEAD.
STREAM = 0xC11B
FPS = 30.0
# Attribute -> its values, as captions name them; a picture holds the index, -1 where it is neither.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gender": ("woman", "man"),
    "age": ("young", "middle-aged", "old"),
    "skin": ("dark", "light"),
    "hair": ("no hair", "short hair", "long hair"),
    "mouth": ("closed", "open"),
    "eyes": ("closed", "open"),
    "gaze": ("left", "ahead", "right"),  # as seen in the picture
    "head": ("left", "ahead", "right"),
}
# What moves beside the expression units: jaw and head in radians, lids as closure.
OTHER_MOTION = ("jaw", "lid_L", "lid_R", "gaze_yaw", "gaze_pitch", "head_pitch", "head_yaw", "head_roll")
AGES = ("young", "middleage", "old")


@dataclass(frozen=True)
class CaptionSet:
    """How large the set is and how its pictures are made."""

    people: int = 800
    pictures: int = 12  # per person
    people_per_shard: int = 40
    size: int = 128  # px, of a crop
    seed: int = 0
    studio: float = 0.6  # share of people lit as in a studio
    blends: float = 0.15
    neutral: float = 0.12


@dataclass(frozen=True, eq=False)
class Person:
    """What stays the same over the pictures of a person."""

    seed: int
    identity: Float32[np.ndarray, " identity"]
    look: Look
    style: ActorStyle
    scene: Scene
    perspective: float


@dataclass(frozen=True)
class Moment:
    """One frame of a take, ready to be drawn."""

    expression: Float32[np.ndarray, " coef"]
    jaw_pose: Float32[np.ndarray, " axis_angle=3"]
    eyelids: Float32[np.ndarray, " side=2"]
    gaze: Float32[np.ndarray, " angle=2"]
    head_pose: Float32[np.ndarray, " axis_angle=3"]
    strength: Float32[np.ndarray, " emotion"]

    def motion(self) -> Float32[np.ndarray, " motion"]:
        """Give everything that moves, in the order of the expression units and OTHER_MOTION."""
        return np.concatenate([self.expression, self.jaw_pose[:1], self.eyelids, self.gaze, self.head_pose])


def render_shard(kit: SceneKit, config: CaptionSet, shard: int) -> CaptionShard:
    """Draw the pictures of one shard's people."""
    pictures, strengths, facts, motions, seeds = [], [], [], [], []
    first = shard * config.people_per_shard
    for seed in range(first, min(first + config.people_per_shard, config.people)):
        rng = np.random.default_rng([STREAM, config.seed, seed])
        person = make_person(kit, config, seed, rng)
        for acted in draw_acting(config, rng):
            moment = draw_moment(kit.asset.coef_names, person, acted, rng)
            rgb, landmarks = draw_crop(kit.model, person, moment, config.size, rng)
            pictures.append(images.encode(rgb, quality=int(rng.integers(75, 96))))
            strengths.append(moment.strength)
            facts.append(describe(person.look, moment, landmarks))
            motions.append(moment.motion())
            seeds.append(seed)
    packed = images.EncodedFrames.pack(pictures)
    return CaptionShard(
        packed.data,
        packed.offsets,
        np.stack(strengths),
        np.array(facts, np.int32),
        np.stack(motions).astype(np.float32),
        np.array(seeds, np.int64),
        EMOTIONS,
        tuple(ATTRIBUTES),
        tuple("|".join(values) for values in ATTRIBUTES.values()),
        (*kit.asset.coef_names, *OTHER_MOTION),
    )


def make_person(kit: SceneKit, config: CaptionSet, seed: int, rng: np.random.Generator) -> Person:
    """Draw a person: shape, look and manner of acting."""
    anchor = int(rng.integers(len(SKINS)))
    skin = kit.asset.anchor_names[anchor]
    identity = sample_identity(kit.asset, rng, anchor)
    studio = bool(rng.random() < config.studio)
    look = random_look(rng, studio=studio, skin=f"skin_{skin.removeprefix('skin_')}")
    neutral = kit.model(torch.from_numpy(identity)[None])[0].numpy()
    style = actor_style(kit.asset.coef_names, rng, male=skin.endswith("_male"))
    return Person(
        seed, identity, look, style, Scene(kit, look, neutral), 0.0 if studio else float(rng.uniform(0, 0.12))
    )


def draw_acting(config: CaptionSet, rng: np.random.Generator) -> list[dict[str, float]]:
    """Draw what a person acts in each picture: every emotion about equally often, at strengths from a hint to full."""
    order = [str(name) for name in rng.permutation([name for name in EMOTIONS if name != "neutral"])]
    acting: list[dict[str, float]] = []
    for index in range(config.pictures):
        kind, emotion = rng.random(), order[index % len(order)]
        strength = float(rng.uniform(0.9, 1.1) if rng.random() < 0.3 else rng.uniform(0.1, 1.05))
        if kind < config.neutral:
            acting.append({})
        elif kind < config.neutral + config.blends:
            share = rng.uniform(0.35, 0.65)
            other = str(rng.choice([name for name in order if name != emotion]))
            acting.append({emotion: strength * 2 * share, other: strength * 2 * (1 - share)})
        else:
            acting.append({emotion: strength})
    return acting


def draw_moment(names: tuple[str, ...], person: Person, acted: dict[str, float], rng: np.random.Generator) -> Moment:
    """Act a short take and stop it somewhere; some moments also turn the head, look away or close the eyes."""
    base = int(rng.integers(2**31))
    takes = perform(
        names, person.style, acted, 24, FPS, lambda purpose: np.random.default_rng([base, *purpose.encode()])
    )
    frame = int(rng.integers(4, 20))
    strength = np.zeros(len(EMOTIONS), np.float32)
    loudest = max(acted.values(), default=1.0)
    for emotion, share in acted.items():
        strength[EMOTIONS.index(emotion)] = takes.strength[frame] * share / loudest
    eyelids, gaze, head_pose = _vary(takes, frame, rng)
    return Moment(takes.expression[frame], takes.jaw_pose[frame], eyelids, gaze, head_pose, strength)


def _vary(take: Performance, frame: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    eyelids, gaze, head_pose = take.eyelids[frame], take.gaze[frame].copy(), take.head_pose[frame].copy()
    if rng.random() < 0.4:
        turn = rng.normal(0, [0.08, 0.2, 0.06])
        head_pose += turn
        gaze[0] -= 0.8 * turn[1]
        gaze[1] += 0.8 * turn[0]
    if rng.random() < 0.2:
        gaze[0] += rng.choice([-1, 1]) * rng.uniform(0.15, 0.4)
    if rng.random() < 0.05:
        eyelids = np.ones(2)
    return eyelids.astype(np.float32), np.clip(gaze, -0.5, 0.5).astype(np.float32), head_pose.astype(np.float32)


@torch.no_grad()
def draw_crop(
    model: HeadModel, person: Person, moment: Moment, size: int, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "size size rgb=3"], Float32[np.ndarray, "68 2"]]:
    """Draw the square that preprocess would cut around the face, jittered; give it with the landmarks in it."""
    parts = (moment.expression, moment.jaw_pose, moment.eyelids, moment.gaze, moment.head_pose)
    batch = [torch.from_numpy(part)[None] for part in (person.identity, *parts)]
    vertices = model(*batch)
    landmarks = with_perspective(model.landmarks(vertices, batch[-1])[0].numpy(), person.perspective)
    one = np.array([1.0, 0.0, 0.0], np.float32)
    box = face_box(to_screen(landmarks, one)[:, :2])
    square = crop_squares(box[None], size)[0]
    scale = float(np.exp(rng.normal(0, 0.05)) / square[0, 0])
    middle = square[:, 2] + square[0, 0] * (size - 1) / 2
    shift = (size - 1) / 2 - scale * middle + rng.normal(0, 0.025 * size, 2)
    camera = np.array([scale, *shift], np.float32)
    picture = person.scene.draw(
        vertices[0].numpy(), camera, size, size,
        head_pose=moment.head_pose, perspective=person.perspective, supersample=2,
    )  # fmt: skip
    return picture.rgb, to_screen(landmarks, camera)[:, :2]


def describe(look: Look, moment: Moment, landmarks: Float[np.ndarray, "68 2"]) -> list[int]:
    """Give the index of every attribute's value, -1 where a picture is between two."""
    face = landmarks[8, 1] - landmarks[27, 1]
    gap = float((landmarks[65:68, 1] - landmarks[61:64, 1][::-1]).mean() / face)
    turn = float(moment.head_pose[1])
    facts = {
        "gender": int(look.skin.endswith("_male")),
        "age": AGES.index(look.skin.split("_")[1]),
        "skin": int("_african_" not in look.skin),
        "hair": 0 if not look.hair else 2 if look.hair in LONG_HAIR else 1,
        "mouth": _between(gap, 0.025, 0.06),
        "eyes": _between(1 - float(moment.eyelids.mean()), 0.3, 0.6),
        "gaze": _side(turn + float(moment.gaze[0]), 0.07, 0.16),
        "head": _side(turn, 0.08, 0.2),
    }
    return [facts[name] for name in ATTRIBUTES]


def _between(value: float, low: float, high: float) -> int:
    return 0 if value < low else 1 if value > high else -1


def _side(yaw: float, ahead: float, aside: float) -> int:
    """Sort a yaw (radians, > 0 to the subject's left, which is the right of the picture)."""
    return 1 if abs(yaw) < ahead else -1 if abs(yaw) < aside else 0 if yaw < 0 else 2


def main() -> None:
    """Render what is missing of a caption set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for field in dataclasses.fields(CaptionSet):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    folder, config = options.pop("folder"), CaptionSet(**options)
    asset = assets.load_asset(HeadAsset, "head.h5")
    kit = SceneKit(asset, head_model_from(asset))
    inputs = {HeadAsset.NAME: assets.asset_digest("head.h5")[:16]}
    for shard in range(-(-config.people // config.people_per_shard)):
        # More people leave the shards that are there as they are.
        count = min(config.people_per_shard, config.people - shard * config.people_per_shard)
        params = {**dataclasses.asdict(config), "shard": shard, "people": count}
        provenance = Provenance(CaptionShard.schema_id(), "caption_set", VERSION, params, inputs)
        path = folder / f"shard_{shard:03d}.h5"
        if store.check(path, CaptionShard, provenance).kind is store.FRESH:
            continue
        start = time.monotonic()
        artifact = render_shard(kit, config, shard)
        store.save(artifact, path, provenance)
        drawn = len(artifact.identity_seed)
        print(f"{path}: {drawn} pictures, {drawn / (time.monotonic() - start):.1f}/s", flush=True)


if __name__ == "__main__":
    main()
