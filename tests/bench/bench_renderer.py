"""What the neural renderer costs beside its network: `python tests/bench/bench_renderer.py [--network small|full]`

Whole edits of a clip in memory (drawing what the network sees, the network, pasting) against the bare network on
conditioning that is there already: frames per second of the clock, in turns, and their ratio (aim: .9 where a processor
or a GPU is free beside the network; by processors it is what stays without one). Then how many
frames are drawn for the network per second of one processor (aim: 100), and where that time goes.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from bench_conditioning import clip
from tracks import bare_track

from mead_manip.artifacts.schemas import Reconstruction, RendererWeights
from mead_manip.models.face_film import FaceFilm, next_frames
from mead_manip.models.face_model import load_head
from mead_manip.models.face_renderer import RGB, Architecture, FaceGenerator
from mead_manip.models.posed_faces import posed
from mead_manip.rendering.face_blend import moved_share
from mead_manip.rendering.face_view import Drawn
from mead_manip.stages.editing.face_views import as_view
from mead_manip.stages.editing.neural_frames import NeuralFace, NeuralRetargeter, filmed

WIDTH, HEIGHT = 1280, 720


@dataclass(frozen=True)
class Still:
    """A frame of a video that is all in memory."""

    index: int
    rgb: np.ndarray
    front: None = None  # nothing lies before its face


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=("small", "full"), default="small")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    n_frames = options.frames if options.device == "cpu" else 8 * options.frames

    edit = retargeter(options.network, options.size, n_frames, torch.device(options.device))
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    frames = [Still(index, picture) for index in range(n_frames)]
    print(f"{options.network}, {options.size} px, {WIDTH}x{HEIGHT}, {n_frames} frames, {options.device}")
    speeds(edit, frames, options.rounds)
    drawing(edit, frames)


def speeds(edit: NeuralRetargeter, frames: list[Still], rounds: int) -> None:
    """Hold the whole way against the bare network, in turns."""
    device, generator = edit.face.device, edit.face.generator
    architecture, size = generator.architecture, generator.architecture.size
    conditioning = torch.rand(1, architecture.conditioning_channels, size, size, device=device)
    previous = torch.zeros(1, RGB * architecture.n_previous, size, size, device=device)
    view = as_view([edit.sight(0, frames[0].rgb).view], device)

    @torch.inference_mode()
    def bare() -> None:
        for _ in frames:
            generator(conditioning, previous)
        finish(device)

    def remembering() -> None:
        film = FaceFilm()
        for _ in frames:
            next_frames(generator, [film], view)
        finish(device)

    def whole() -> None:
        for _ in filmed([[edit]], iter(frames)):
            pass

    found: dict[str, list[tuple[float, float]]] = {"bare network": [], "network that remembers": [], "whole": []}
    for _ in range(rounds + 1):
        for name, work in zip(found, (bare, remembering, whole), strict=True):
            found[name].append(seconds(work))
    clock, processor = (
        {name: statistics.median(run[kind] for run in runs[1:]) / len(frames) for name, runs in found.items()}
        for kind in (0, 1)  # the first run compiles
    )
    for name in found:
        print(f"{name} {1 / clock[name]:.1f} frames/s, {1e3 * processor[name]:.1f} ms of processors a frame")
    print(f"whole / bare network: {clock['bare network'] / clock['whole']:.3f} by the clock", end=", ")
    print(f"{processor['bare network'] / processor['whole']:.3f} by processors")


def drawing(edit: NeuralRetargeter, frames: list[Still]) -> None:
    """Draw what the network sees, on one thread."""
    torch.set_num_threads(1)
    faces, painter = edit.face.faces, edit.face.painter

    def rate(work: Callable[[Still], object]) -> float:
        work(frames[0])
        start = time.process_time()
        for frame in frames:
            work(frame)
        return len(frames) / (time.process_time() - start)

    (face,) = faces.faces(0, [(edit.after, 0)])
    sight = edit.sight(0, frames[0].rgb)
    square, triangles = sight.square, painter.surface.triangles
    print(f"drawn for the network {rate(lambda f: _view(edit, f)):.0f} frames/cpu-s, one thread:")
    parts: dict[str, Callable[[Still], object]] = {
        "posing": lambda f: faces.faces(f.index, [(edit.before, f.index), (edit.after, f.index)]),
        "pictures": lambda f: painter.draw(square, face, [face.landmarks_px]),
        "cutting": lambda f: faces.cut(f.rgb, f.index),
        "not in it: where the edit moves skin": lambda f: moved_share(face, face, triangles, len(square)),
        "not in it: colours and pasting": lambda f: edit.paste(f.index, f.rgb, sight, square, sight.view.mask),
    }
    for name, work in parts.items():
        print(f"  {name} {1e3 / rate(work):.2f} ms")


def _view(edit: NeuralRetargeter, frame: Still) -> Drawn:
    faces, acted = edit.face.faces, [(edit.before, frame.index), (edit.after, frame.index)]
    old, new = faces.faces(frame.index, acted)
    return edit.face.painter.draw(faces.cut(frame.rgb, frame.index), new, [old.landmarks_px])


def retargeter(network: str, size: int, n_frames: int, device: torch.device) -> NeuralRetargeter:
    """Make an edit of a head that fills half the frame's height, by a network that has learned nothing."""
    model = load_head()
    before = clip(n_frames, model.n_identity, model.n_expression, 100.0)
    before = replace(before, camera=np.tile(np.float32([100, WIDTH / 2, HEIGHT / 2]), (n_frames, 1)))
    after: Reconstruction = replace(before, expression=before.expression + np.float32(0.2))
    track = bare_track(posed(model, before)[1], width=WIDTH, height=HEIGHT)
    torch.manual_seed(0)
    architecture = Architecture.of_size(network, size)
    made = FaceGenerator.of(architecture).eval().to(device)
    made = made.to(memory_format=torch.channels_last) if device.type == "cuda" else made
    colours = np.full((1, model.n_vertices, 3), 150, np.uint8)
    weights = RendererWeights({}, architecture.to_json(), "{}", colours, "head", ("x",))
    return NeuralRetargeter(
        before, after, track, NeuralFace.load(weights, made, 0, (before, track, model), Path(), device)
    )


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Give how long a call takes, by the clock and of all processors together (which other programs do not slow)."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def finish(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
