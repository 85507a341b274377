"""How fast preprocess is on 1080p H.264, where its time goes, and how NED's order of work would do

    python tests/bench/bench_preprocess.py [--landmarks mediapipe --landmarks-model face_landmarker.task]

Without arguments: builtin, then mediapipe where its package and the model in ../shared are. Three measurements: the
command with 2 workers, one process with every part of the work timed (of both a short run is taken from a long one, so
that the start does not count), and NED's order of work with the same networks. But for the command's, seconds are those
of the processor, which other work on the machine changes little.

The clip is 1080p H.264 of 3 to 4 Mbit/s. That is MEAD's: 439 GB for up to 281,400 clips of three to five seconds.
Decoding is most of what does not go to networks, and its time grows with the rate: `--crf 20` makes the clip four times
as heavy.

What NED does for each frame until it has what preprocess gives, and what of it is counted here:

- it decodes the frame, converts its colours, finds the face in it (no landmarks) and cuts a crop of 256 px: counted;
- it writes the crop as PNG, and when it prepares an edit the frame too: counted in the second and the third ratio;
- it reads the crop, and finds face and landmarks in it and in four copies moved by 5 px: counted, reading in the second
  and third ratio. Every pass is by a detector that knows nothing of the one before, as SFD and FAN do: one detection
  and one landmark pass, in a picture of 256 px, never in the frame;
- its reconstruction does this ten times more (its data set is indexed so often for each frame), each time reading the
  crop, detecting anew, and warping it to 224 px: counted, reading in the second and third ratio.

The first ratio so has the networks and the pictures in memory, the second NED's order of work as it is on MEAD, where
stages hand pictures on in files. Ours writes its crops too, and that is in its time. Not counted: NED's other networks,
its other files, the start of its six processes, that it makes a new detector for every clip, and that its warp is
scikit-image's, several times slower than the one used here.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import cv2
import numpy as np
from footage import SHARED, noisy_clip, repeated

from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.builtin import BuiltinLandmarks
from mead_manip.backends.interfaces import LandmarkDetector
from mead_manip.backends.mediapipe import MediapipeLandmarks, ibug_from_mesh
from mead_manip.config import Common, PreprocessConfig
from mead_manip.media.face_crops import crop_squares, cut_crop
from mead_manip.media.images import decode, encode
from mead_manip.media.parts import Decoded
from mead_manip.media.video import probe, read_frames
from mead_manip.stages import preprocess
from mead_manip.stages.footage import early_crops, sighting, tracking
from mead_manip.stages.running.runner import SilentProgress

MODEL = SHARED / "weights" / "face_landmarker.task"
LOOP = 30  # frames of the clip that is repeated
SHORT, LONG = 2, 10  # repetitions
NED_FRAMES = 6
AT_LEAST, SHARE, RATIO = 20, 0.2, 10


def main() -> None:
    """Measure one detector or all that are here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--landmarks")
    parser.add_argument("--landmarks-model")
    parser.add_argument("--crf", type=int, default=22)
    options = parser.parse_args()
    chosen = [(options.landmarks, options.landmarks_model)] if options.landmarks else [("builtin", None)]
    if not options.landmarks and MODEL.is_file() and importlib.util.find_spec("mediapipe"):
        chosen.append(("mediapipe", str(MODEL)))
    with tempfile.TemporaryDirectory() as folder:
        once = noisy_clip(Path(folder) / "once.mp4", LOOP, crf=options.crf)
        print(f"1080p, {once.stat().st_size * 8e-6 / LOOP * probe(once).fps:.1f} Mbit/s")
        clips = {
            times: [repeated(once, Path(folder) / f"{times}-{k}" / "clip.mp4", times) for k in "ab"]
            for times in (SHORT, LONG)
        }
        for name, model in chosen:
            measure(name, model, clips, Path(folder) / name)


def measure(name: str, model: str | None, clips: dict[int, list[Path]], folder: Path) -> None:
    """Print the numbers of one detector."""
    wall, cpu = zip(*(command(name, model, clips[times], folder / f"work{times}") for times in clips), strict=True)
    frames = 2 * LOOP * (LONG - SHORT)
    rate, work = frames / (wall[1] - wall[0]), (cpu[1] - cpu[0]) / frames
    print(
        f"{name}: {rate:.1f} frames/s with 2 workers (asked for: {AT_LEAST}); {work * 1000:.1f} ms of processor a "
        f"frame, so {2 / work:.0f} frames/s where two cores are free (load now {os.getloadavg()[0]:.1f})"
    )
    one_process(name, model, clips[SHORT][0], folder / "warm")  # kernels are compiled
    short, long = (one_process(name, model, clips[times][0], folder / f"timed{times}") for times in (SHORT, LONG))
    frames, total = LOOP * (LONG - SHORT), long[0] - short[0]
    parts = {part: spent - short[1].get(part, 0.0) for part, spent in long[1].items()}
    shares = ", ".join(f"{part} {spent / total:.0%}" for part, spent in parts.items())
    print(
        f"{name}: one process {frames / total:.1f} frames/s: {shares}, the rest {1 - sum(parts.values()) / total:.0%}"
    )
    print(f"{name}: detection takes {parts['detection'] / total:.1%} of the time (at most {SHARE:.0%})", end="")
    print("; its landmark call finds the face of a crop once more" if name == "mediapipe" else "")
    ours = total / frames
    networks, read, write = ned_seconds(name, model, clips[SHORT][0])
    for what, ned in (
        ("in memory", networks),
        (f"with its crops in PNG files (asked for: {RATIO}x)", networks + read),
        ("with whole frames in PNG files too", networks + read + write),
    ):
        print(f"{name}: NED's order {1 / ned:.2f} frames/s, ours {ned / ours:.1f}x: {what}", flush=True)


def command(name: str, model: str | None, clips: list[Path], workspace: Path) -> tuple[float, float]:
    """Run preprocess on two clips with two workers; give seconds, and those of all processors."""
    folder = workspace.with_suffix(".videos")
    folder.mkdir(parents=True)
    for clip in clips:
        (folder / f"{clip.parent.name}.mp4").symlink_to(clip)
    weights = ["--landmarks-model", model] if model else []
    options = ["-w", str(workspace), "--workers", "2", "--landmarks", name, *weights, "--quiet"]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "mead_manip", "preprocess", str(folder), *options]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu


def one_process(name: str, model: str | None, clip: Path, workspace: Path) -> tuple[float, dict[str, float]]:
    """Run preprocess on one clip here; give seconds, and how many of them each part of the work took."""
    spent: dict[str, float] = collections.defaultdict(float)
    config = PreprocessConfig(path=str(clip), landmarks=name, landmarks_model=model, workers=0)
    detector = sighting._detector(name, model, "cpu")
    with contextlib.ExitStack() as stack:
        for module in (sighting, tracking):
            for reader in ("read_decoded", "read_parts"):
                if hasattr(module, reader):
                    stack.enter_context(timed(module, reader, "decoding", spent, iterates=True))
        stack.enter_context(timed(early_crops, "cut_part", "cutting", spent))
        stack.enter_context(timed(early_crops, "encode", "encoding", spent))
        stack.enter_context(timed(Decoded, "_read", "colours of faces", spent))
        stack.enter_context(timed(Decoded, "glance", "colours of frames", spent))
        stack.enter_context(timed(type(detector), "detect", "landmarks", spent))
        stack.enter_context(timed(type(detector), "find", "detection", spent))
        started = time.process_time()
        summary = preprocess.run(Workspace(workspace), config, Common(device="cpu"), progress=SilentProgress())
        total = time.process_time() - started
    assert summary.done, summary.line()
    spent["landmarks"] -= spent.get("detection", 0.0)
    return total, dict(spent)


@contextlib.contextmanager
def timed(owner: Any, name: str, part: str, spent: dict[str, float], *, iterates: bool = False) -> Iterator[None]:
    """Add up the time that a function takes, or that the iterator which it gives takes."""
    original = getattr(owner, name)

    def call(*arguments: Any, **options: Any) -> Any:
        started = time.process_time()
        result = original(*arguments, **options)
        spent[part] += time.process_time() - started
        return each(result) if iterates else result

    def each(items: Iterable[Any]) -> Iterator[Any]:
        iterator = iter(items)
        while True:
            started = time.process_time()
            item = next(iterator, None)
            spent[part] += time.process_time() - started
            if item is None:
                return
            yield item

    setattr(owner, name, call)
    try:
        yield
    finally:
        setattr(owner, name, original)


def ned_seconds(name: str, model: str | None, clip: Path) -> tuple[float, float, float]:
    """Give the seconds that NED's order takes for a frame in memory, those of the files of crops, and of frames."""
    detector = registry.load("landmarks", name, model=model, device="cpu")
    frames = [frame for _, _, frame in read_frames(clip, 0, NED_FRAMES, quick=True)]
    squares = [crop_squares(faces[0].box_px[None])[0] for (faces,) in (detector.detect([frame]) for frame in frames)]
    crops = [cut_crop(frame, square) for frame, square in zip(frames, squares, strict=True)]
    started = time.process_time()
    for (_, _, frame), square in zip(read_frames(clip, 0, NED_FRAMES, quick=True), squares, strict=True):
        detector.find(frame)
        cut_crop(frame, square)
    seconds = (time.process_time() - started) / len(frames)
    seconds += 15 * anew(detector, crops)
    seconds += 4 * average(lambda crop: warped(crop, 256, (5.0, 5.0)), crops)
    seconds += 10 * average(lambda crop: warped(crop, 224, (0.5, 0.5)), crops)
    detector.close()
    files = [encode(crop, "png") for crop in crops]
    reading = average(lambda crop: encode(crop, "png"), crops) + 11 * average(decode, files)
    return seconds, reading, average(lambda frame: encode(frame, "png"), frames)


def anew(detector: LandmarkDetector, crops: list[Any]) -> float:
    """Give the seconds of one detection and one landmark pass in a crop."""
    if isinstance(detector, MediapipeLandmarks):
        return average(lambda crop: [ibug_from_mesh(mesh) for mesh in detector._meshes(crop)], crops)
    assert isinstance(detector, BuiltinLandmarks)
    finding = average(detector.find, crops)
    # A new face is confirmed by a second landmark pass; NED's detector would do with the first.
    return finding + (average(lambda crop: detector.detect([crop]), crops) - finding) / 2


def warped(crop: Any, side: int, shift: tuple[float, float]) -> Any:
    """Move a crop, and scale it to a side."""
    scale = side / crop.shape[0]
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(crop, matrix, (side, side), flags=cv2.INTER_LANCZOS4 if scale == 1 else cv2.INTER_LINEAR)


def average(work: Callable[[Any], Any], crops: list[Any]) -> float:
    """Give the seconds that one crop takes, one at a time."""
    started = time.process_time()
    for crop in crops:
        work(crop)
    return (time.process_time() - started) / len(crops)


if __name__ == "__main__":
    main()
