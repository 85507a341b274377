"""Trains the built-in face finder and landmark network: LandmarkShards + London photographs -> LandmarkerWeights

    python -m mead_manip.training.landmarker landmarks --london DIR --rendered DIR --run DIR --steps N --seen JSON
    python -m mead_manip.training.landmarker finder --london DIR --rendered DIR --run DIR --steps N
    python -m mead_manip.training.landmarker export --run DIR --out landmarker.h5

Both trainings can be killed and started again; a run with the same seed and the same data draws the same samples.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from ..artifacts import store
from ..artifacts.assets import ASSETS, load_asset
from ..artifacts.provenance import Provenance
from ..artifacts.schemas import HeadAsset, LandmarkConventions, LandmarkerWeights
from ..errors import InputMissing
from ..files import atomic
from ..media.images import read_image
from ..models.face_model import head_model_from
from ..models.landmarker import CROP_SPAN, N_POINTS, FaceFinder, LandmarkNet, load_weights, with_pupils_to_learn
from .landmark_data import Picture, RenderedFaces, read_london
from .landmark_echo import echoed, vary_crops, vary_frames
from .landmark_losses import finder_target, finder_terms, landmark_terms
from .landmark_measure import measure_finder, measure_landmarks
from .landmark_samples import Sampler
from .landmark_shapes import ShapeBank, build_shape_bank, follow_head
from .landmark_teacher import smiling_pictures

HELD_OUT_EVERY = 6  # of the London people


@dataclass(frozen=True)
class LandmarkerTraining:
    """What decides a training run."""

    network: str
    london: Path
    rendered: Path | None
    backdrops: tuple[Path, ...]
    run: Path
    steps: int
    seen: Path | None = None  # what a detector saw in the photographs: it gives the smiling ones their points
    start: Path | None = None  # weights to begin with
    batch_size: int = 32
    learning_rate: float = 2e-3
    decay_from: float = 0.6  # share of the steps after which the learning rate falls to zero
    photograph_share: float = 0.5
    shapes: int = 1500
    echo: int = 3  # times that a drawn sample is used, varied each time
    seed: int = 0
    threads: int = 1


class _Samples(IterableDataset):
    """Endless batches as arrays; rendered shards that appear meanwhile join in."""

    def __init__(self, sampler: Sampler, network: str, batch_size: int, seed: tuple[int, int]) -> None:
        self.sampler, self.network, self.batch_size, self.seed = sampler, network, batch_size, seed

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        torch.set_num_threads(1)
        rng = np.random.default_rng(self.seed)
        draw = self._crops if self.network == "landmarks" else self._frames
        count = 0
        while True:
            if count % 200 == 0 and self.sampler.rendered is not None:
                self.sampler.rendered.refresh()
            count += 1
            yield draw(rng)

    def _crops(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        faces = [self.sampler.face(rng) for _ in range(self.batch_size)]
        columns = [face.rgb for face in faces], [face.landmarks_px for face in faces], [face.is_face for face in faces]
        return tuple(np.stack(column) for column in columns)

    def _frames(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        frames = [self.sampler.frame(rng) for _ in range(self.batch_size)]
        return np.stack([rgb for rgb, _ in frames]), np.stack([finder_target(faces, len(rgb)) for rgb, faces in frames])


def train(config: LandmarkerTraining) -> None:
    """Teach one of the two networks; its EMA is what is measured and exported."""
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    shapes = build_shape_bank(head_model_from(load_asset(HeadAsset, "head.h5")), config.shapes, config.seed)
    photographs, held_out = split(read_photographs(config, shapes))
    sampler = make_sampler(config, photographs, shapes)
    net: nn.Module = (LandmarkNet() if config.network == "landmarks" else FaceFinder()).to(
        memory_format=torch.channels_last
    )
    if config.start is not None:
        load_weights(net, config.network, with_pupils_to_learn(store.load(LandmarkerWeights, config.start)))
    average = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=1e-2)
    first_step = _resume(config, net, average, optimizer)
    samples = _Samples(sampler, config.network, config.batch_size, (config.seed, first_step))
    loader = DataLoader(samples, batch_size=None, num_workers=1, prefetch_factor=4)
    random = torch.Generator().manual_seed(config.seed * 1_000_003 + first_step)
    batches = echoed(iter(loader), config.echo, random)

    started = time.time()
    sums: dict[str, float] = {}
    for step in range(first_step, config.steps):
        batch = _varied(config.network, next(batches), random)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _rate(step, config)
        terms = landmark_terms(net, *batch) if config.network == "landmarks" else finder_terms(net, *batch)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        _follow(average, net, min(0.998, step / (step + 20)))

        # ---- everything below only watches and saves -------------------------------------------------
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        if (step + 1) % 50 == 0:
            line = {
                "step": step + 1,
                **{k: round(v / 50, 4) for k, v in sums.items()},
                "seconds": round(time.time() - started),
            }
            sums = {}
            if (step + 1) % 500 == 0 or step + 1 == config.steps:
                measure = measure_landmarks if config.network == "landmarks" else measure_finder
                line |= measure(average, held_out, _held_out_renders(config))
            _log(config, line)
        if (step + 1) % 250 == 0 or step + 1 == config.steps:
            _save(config, step + 1, net, average, optimizer)


# ---- the data ----------------------------------------------------------------------------------


def split(pictures: list[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Training people and held-out people."""
    kept = sorted({picture.person for picture in pictures})[::HELD_OUT_EVERY]
    return [p for p in pictures if p.person not in kept], [p for p in pictures if p.person in kept]


def london_convention() -> Float32[np.ndarray, "68 2"]:
    """How far London's hand-placed points lie off the head's own, dm."""
    table = load_asset(LandmarkConventions, "landmark_conventions.h5")
    return table.offsets[table.detectors.index("london")]


def read_photographs(config: LandmarkerTraining, shapes: ShapeBank) -> list[Picture]:
    """Read the neutral London photographs, and the smiling ones where a detector has seen them."""
    neutral = follow_head(read_london(config.london), london_convention(), shapes.neutral)
    if config.seen is None:
        return neutral
    return neutral + smiling_pictures(config.london, neutral, config.seen)


def make_sampler(config: LandmarkerTraining, photographs: list[Picture], shapes: ShapeBank) -> Sampler:
    """Gather what samples are drawn from."""
    paths = [path for folder in config.backdrops for path in sorted(folder.iterdir())]
    backdrops = [read_image(path) for path in paths if path.suffix in {".png", ".jpg"}]
    rendered = RenderedFaces(config.rendered) if config.rendered is not None else None
    return Sampler(photographs, rendered, backdrops, shapes, config.photograph_share)


def _varied(network: str, batch: list[Tensor], random: torch.Generator) -> list[Tensor]:
    if network == "finder":
        return list(vary_frames(batch[0], batch[1], random))
    return [*vary_crops(batch[0], batch[1], random), batch[2]]


# ---- the run ---------------------------------------------------------------------------------


def _rate(step: int, config: LandmarkerTraining) -> float:
    """Warm up, hold, then fall linearly to zero."""
    fall = (config.steps - step) / max(1.0, config.steps * (1 - config.decay_from))
    return min(1.0, (step + 1) / 200, fall)


def _follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def _held_out_renders(config: LandmarkerTraining) -> RenderedFaces | None:
    return RenderedFaces(config.rendered, held_out=True) if config.rendered is not None else None


def _checkpoint(config: LandmarkerTraining) -> Path:
    return config.run / f"{config.network}.pt"


def _resume(config: LandmarkerTraining, net: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    path = _checkpoint(config)
    if not path.exists():
        config.run.mkdir(parents=True, exist_ok=True)
        return 0
    state = torch.load(path, weights_only=True)
    net.load_state_dict(state["net"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _save(
    config: LandmarkerTraining, step: int, net: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    state = {
        "step": step,
        "net": net.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    with atomic(_checkpoint(config)) as temporary:
        torch.save(state, temporary)


def _log(config: LandmarkerTraining, line: dict[str, float]) -> None:
    with (config.run / f"{config.network}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def export(run: Path, out: Path) -> None:
    """Pack the averages of both networks, as float16, into one asset."""
    parameters: dict[str, np.ndarray] = {}
    facts: dict[str, object] = {}
    for network in ("landmarks", "finder"):
        path = run / f"{network}.pt"
        if not path.exists():
            raise InputMissing(f"{path} does not exist", expected=f"a trained {network} network")
        state = torch.load(path, weights_only=True)
        for name, value in state["average"].items():
            if value.dtype.is_floating_point:
                parameters[f"{network}.{name}"] = value.numpy().astype(np.float16)
        lines = (run / f"{network}.jsonl").read_text().splitlines()
        facts[network] = {"steps": state["step"], **next((m for m in map(json.loads, lines[::-1]) if len(m) > 6), {})}
    architecture = {
        "landmarks": {"width": LandmarkNet().width, "points": N_POINTS, "span": CROP_SPAN},
        "finder": {"width": FaceFinder().width},
    }
    weights = LandmarkerWeights(parameters, json.dumps(architecture), json.dumps(facts))
    made = Provenance(LandmarkerWeights.schema_id(), "training.landmarker", 1, params=facts)
    store.save(weights, out, made, reproducible=True)


def main() -> None:
    """Parse the command line of this module."""
    parser = argparse.ArgumentParser(description="train the built-in landmark networks")
    parser.add_argument("task", choices=("landmarks", "finder", "export"))
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ASSETS / "landmarker.h5")
    parser.add_argument("--london", type=Path)
    parser.add_argument("--rendered", type=Path)
    parser.add_argument("--seen", type=Path, help="JSON of backends.detect_photographs, for the smiling photographs")
    parser.add_argument("--start", type=Path, help="a landmarker.h5 to begin with")
    parser.add_argument("--backdrops", type=Path, nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=8000)
    for name in ("batch_size", "shapes", "echo", "seed", "threads"):
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=getattr(LandmarkerTraining, name))
    for name in ("learning_rate", "photograph_share", "decay_from"):
        parser.add_argument("--" + name.replace("_", "-"), type=float, default=getattr(LandmarkerTraining, name))
    options = vars(parser.parse_args())
    task, out = options.pop("task"), options.pop("out")
    if task == "export":
        export(options["run"], out)
        return
    if options["london"] is None:
        parser.error("--london DIR is needed")
    train(LandmarkerTraining(network=task, **options | {"backdrops": tuple(options["backdrops"])}))


if __name__ == "__main__":
    main()
