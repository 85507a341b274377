"""Nothing -> LandmarkShards: renders of the head for training the landmark network, as varied as they can be made

    python -m mead_manip.synthetic.landmark_set --out DIR --shards 50

Shard k holds its own people and is the same whenever it is made; shards that lie there already are left alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32

from ..artifacts import store
from ..artifacts.assets import asset_digest, load_asset
from ..artifacts.provenance import Provenance
from ..artifacts.schemas import HeadAsset, LandmarkShard
from ..files import make_folder
from ..media.images import EncodedFrames, encode
from ..models.acting import random_acts
from ..models.face_model import HeadModel, head_model_from, sample_identity
from ..models.pupils import with_pupils
from ..rendering.camera import to_screen, with_perspective
from .looks import random_look
from .scene import Scene
from .scene_kit import SceneKit


@dataclass(frozen=True)
class LandmarkSet:
    """What decides the pictures of a shard."""

    people: int = 40
    per_person: int = 10
    size: int = 192  # px; the face fills about half of it, a bit less than in the network's crops
    seed: int = 0


def make_shard(asset: HeadAsset, model: HeadModel, kit: SceneKit, config: LandmarkSet, number: int) -> LandmarkShard:
    """Render one shard."""
    pictures: list[bytes] = []
    landmarks: list[Float32[np.ndarray, "70 2"]] = []
    seeds: list[int] = []
    for person in range(config.people):
        seed = (config.seed * 100_000 + number) * 1000 + person
        for picture, points in _person(asset, model, kit, config, seed):
            pictures.append(picture)
            landmarks.append(points)
            seeds.append(seed)
    packed = EncodedFrames.pack(pictures)
    points = np.stack(landmarks)
    return LandmarkShard(
        packed.data, packed.offsets, points[:, :68].copy(), points[:, 68:].copy(), np.array(seeds, np.int64)
    )


def _person(
    asset: HeadAsset, model: HeadModel, kit: SceneKit, config: LandmarkSet, seed: int
) -> Iterator[tuple[bytes, Float32[np.ndarray, "70 2"]]]:
    rng = np.random.default_rng(seed)
    look = random_look(rng)
    anchor = asset.anchor_names.index(look.skin.removeprefix("skin_"))
    if rng.random() < 0.3:
        anchor = int(rng.integers(len(asset.anchor_names)))
    identity = torch.as_tensor(np.asarray(sample_identity(asset, rng, anchor), np.float32)).reshape(1, -1)
    acts = random_acts(rng, tuple(asset.coef_names), config.per_person)
    with torch.inference_mode():
        neutral = model(identity, torch.zeros(1, model.n_expression))[0].numpy()
        tensors = [
            torch.from_numpy(part) for part in (acts.expression, acts.jaw_pose, acts.eyelids, acts.gaze, acts.head_pose)
        ]
        vertices = model(identity, *tensors)
        points = with_pupils(model, vertices, tensors[-1]).numpy()
    scene = Scene(kit, look, neutral)
    for row in range(config.per_person):
        strength = rng.uniform(0, 0.25) if rng.random() < 0.6 else 0.0
        bent = with_perspective(points[row], strength)
        camera = _camera(rng, bent, config.size)
        drawn = scene.draw(
            vertices[row].numpy(), camera, config.size, config.size, head_pose=acts.head_pose[row], perspective=strength
        )
        yield encode(drawn.rgb, quality=92), to_screen(bent, camera)[:, :2].copy()


def _camera(rng: np.random.Generator, points: Float[np.ndarray, "70 3"], size: int) -> Float32[np.ndarray, " 3"]:
    """Put the face near the middle, the larger side of its points' box about half of the picture."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    scale = size * rng.uniform(0.44, 0.56) / float((high - low).max())
    middle = (low + high) / 2 * [1, -1]
    centre = (size - 1) / 2 + rng.uniform(-0.08, 0.08, 2) * size
    return np.array([scale, *(centre - scale * middle)], np.float32)


def main() -> None:
    """Parse the command line of this module."""
    parser = argparse.ArgumentParser(description="render the landmark training set")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=50)
    for name, default in asdict(LandmarkSet()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=default)
    options = vars(parser.parse_args())
    out, first, shards = (options.pop(name) for name in ("out", "first", "shards"))
    config = LandmarkSet(**options)

    torch.set_num_threads(1)
    asset = load_asset(HeadAsset, "head.h5")
    model = head_model_from(asset)
    kit = SceneKit(asset, model)
    make_folder(out)
    for number in range(first, first + shards):
        path = out / f"landmarks_{number:04d}.h5"
        made = Provenance(
            LandmarkShard.schema_id(),
            "synthetic.landmark_set",
            1,
            asdict(config) | {"number": number},
            {"head": asset_digest("head.h5")},
        )
        if store.check(path, LandmarkShard, made).kind is store.FRESH:
            continue
        started = time.monotonic()
        shard = make_shard(asset, model, kit, config, number)
        store.save(shard, path, made)
        count = len(shard.identity_seed)
        print(f"{path.name}: {count} pictures, {count / (time.monotonic() - started):.1f}/s", flush=True)


if __name__ == "__main__":
    main()
