"""How fast preprocess is on 1080p H.264, where its time goes, and how NED's order of work would do

    python tests/bench/bench_preprocess.py [--landmarks mediapipe --landmarks-model face_landmarker.task]

Without arguments: builtin, then mediapipe where its package and the model in ../shared are. Three measurements: the
command with 2 workers, one process with every part of the work timed (of both a short run is taken from a long one, so
that the start does not count), and NED's order with the same networks: frame by frame, 5 detections and 5 landmark
passes on the crop, then 10 of each once more in its reconstruction. NED's other networks are left out. But for the
command's, seconds are those of the processor, which other work on the machine changes little.
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
from footage import SHARED, noisy_clip, repeated

from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.builtin import BuiltinLandmarks
from mead_manip.config import Common, PreprocessConfig
from mead_manip.media.face_crops import crop_squares, cut_crop
from mead_manip.media.images import decode, encode
from mead_manip.media.parts import Decoded
from mead_manip.media.video import read_frames
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
    options = parser.parse_args()
    chosen = [(options.landmarks, options.landmarks_model)] if options.landmarks else [("builtin", None)]
    if not options.landmarks and MODEL.is_file() and importlib.util.find_spec("mediapipe"):
        chosen.append(("mediapipe", str(MODEL)))
    with tempfile.TemporaryDirectory() as folder:
        once = noisy_clip(Path(folder) / "once.mp4", LOOP)
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
    if "detection" in parts:
        print(f"{name}: detection takes {parts['detection'] / total:.1%} of the time (at most {SHARE:.0%})")
    else:
        print(f"{name}: detects and finds landmarks in one call, which cannot be told apart from outside")
    ned, files = ned_seconds(name, model, clips[SHORT][0])
    print(
        f"{name}: NED's order {1 / ned:.2f} frames/s, ours {ned * frames / total:.1f}x (asked for: {RATIO}x); with its "
        f"PNG files {1 / (ned + files):.2f} frames/s, ours {(ned + files) * frames / total:.1f}x",
        flush=True,
    )


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
            for reader in ("_glances", "read_parts"):
                if hasattr(module, reader):
                    stack.enter_context(timed(module, reader, "decoding", spent, iterates=True))
        stack.enter_context(timed(early_crops, "cut_part", "cutting", spent))
        stack.enter_context(timed(early_crops, "encode", "encoding", spent))
        stack.enter_context(timed(Decoded, "part", "colours of faces", spent))
        stack.enter_context(timed(type(detector), "detect", "landmarks", spent))
        if isinstance(detector, BuiltinLandmarks):
            stack.enter_context(timed(BuiltinLandmarks, "find", "detection", spent))
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


def ned_seconds(name: str, model: str | None, clip: Path) -> tuple[float, float]:
    """Give the seconds a frame of NED's order, and those of the pictures that it writes and reads again on the way.

    Decode, detect, cut, and 15 times find the face in the crop anew; the frame and the crop are written as PNG, and
    the crop is read each time.
    """
    detector = registry.load("landmarks", name, model=model, device="cpu")
    for _, _, frame in read_frames(clip, 0, 1):
        detector.detect([frame])  # models are loaded
    began = time.process_time()
    crops = []
    for _, _, frame in read_frames(clip, 0, NED_FRAMES):
        ((face, *_),) = detector.detect([frame])
        crops.append(cut_crop(frame, crop_squares(face.box_px[None])[0]))
    decoding = (time.process_time() - began) / len(crops)
    anew = average(lambda crop: detector.detect([crop]), crops)
    if isinstance(detector, BuiltinLandmarks):
        # A new face is confirmed by a second landmark pass; NED's detector would do with the first.
        finding = average(detector.find, crops)
        anew = finding + (anew - finding) / 2
    detector.close()
    files = average(lambda picture: encode(picture, "png"), [frame]) + average(lambda crop: encode(crop, "png"), crops)
    files += 15 * average(decode, [encode(crop, "png") for crop in crops])
    return decoding + 15 * anew, files


def average(work: Callable[[Any], Any], crops: list[Any]) -> float:
    """Give the seconds that one crop takes, one at a time."""
    started = time.process_time()
    for crop in crops:
        work(crop)
    return (time.process_time() - started) / len(crops)


if __name__ == "__main__":
    main()
