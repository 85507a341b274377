"""How fast `edit --renderer warp` is on 1080p H.264, from the first frame of the video to the last of the result

    python tests/bench/bench_edit.py [--emotion happy] [--landmarks builtin] [--frames 60] [--turns 1 5] [--profile]

Each command runs in a process of its own: tracks not ready (preprocess, reconstruct3d and edit), then ready. A short
video is taken from a long one, so that the start does not count. Seconds of the processors change little with other
work on the machine; the last line tells whether memory stays where it is when the video grows.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

AT_LEAST, RATIO = 12, 1.1


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    wall: float  # seconds
    processors: float  # seconds, children included
    peak_mb: float


def main() -> None:
    """Measure both lengths, tracks not ready and ready."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emotion", default="happy")
    parser.add_argument("--landmarks", default="builtin")
    parser.add_argument("--landmarks-model")
    parser.add_argument("--mask", default="none", help="as in edit: auto, or one picture of 1920x1080")
    parser.add_argument("--frames", type=int, default=60, help="of the clip that is repeated")
    parser.add_argument("--turns", type=int, nargs=2, default=(1, 5), help="how often, in the short and the long video")
    parser.add_argument("--profile", action="store_true", help="then tell where the time of drawing goes")
    options = parser.parse_args()
    how = ["--to", options.emotion, "--renderer", "warp", "--run", "builtin", "--landmarks", options.landmarks]
    how += ["--mask", options.mask]
    how += ["--landmarks-model", options.landmarks_model] if options.landmarks_model else []
    with tempfile.TemporaryDirectory() as folder:
        made = [Path(folder) / "once.mp4", options.frames, 1920, 1080, 30, ",".join(map(str, options.turns))]
        # In a process of its own: what renders is large, and a child begins with the peak of its parent.
        subprocess.run([sys.executable, Path(__file__).with_name("footage.py"), *map(str, made)], check=True)
        costs = {}
        for times in options.turns:
            video, workspace = Path(folder) / f"{times}x.mp4", Path(folder) / f"work{times}"
            edit = ["edit", str(video), *how, "-w", str(workspace), "-o", str(Path(folder) / "out.mp4"), "--quiet"]
            costs[times, "tracks not ready"] = run(edit)
            costs[times, "tracks ready"] = run([*edit, "--force"])
        for what in ("tracks not ready", "tracks ready"):
            short, long = (costs[times, what] for times in options.turns)
            report(what, short, long, options.frames * (options.turns[1] - options.turns[0]))
        if options.profile:
            profile([*edit, "--force"])


def report(what: str, short: Cost, long: Cost, frames: int) -> None:
    """Print what a frame costs more in the long video than in the short one."""
    rate = frames / max(long.wall - short.wall, 1e-9)
    processors = (long.processors - short.processors) / frames
    print(
        f"{what:17} {rate:6.1f} frames/s, {1000 * processors:5.1f} ms of processors a frame "
        f"({2 / processors:.1f} frames/s on two that do nothing else; wanted {AT_LEAST}), "
        f"memory {short.peak_mb:.0f} -> {long.peak_mb:.0f} MB: "
        f"{'flat' if long.peak_mb < RATIO * short.peak_mb else 'GROWS'}",
        flush=True,
    )


def run(arguments: list[str]) -> Cost:
    """Run a command of ours."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "mead_manip", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{arguments[0]} failed")
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def profile(arguments: list[str]) -> None:
    """Print the dearest functions; drawing then runs in this thread, so that they are seen."""
    from concurrent import futures

    from mead_manip.cli import app
    from mead_manip.stages.editing import edit_frames

    class Here(futures.Executor):
        def submit(self, function, /, *arguments, **named):  # type: ignore[no-untyped-def]
            future: futures.Future[object] = futures.Future()
            future.set_result(function(*arguments, **named))
            return future

    edit_frames.concurrent.futures.ThreadPoolExecutor = lambda *_: Here()  # type: ignore[assignment, misc]
    seen = cProfile.Profile()
    seen.enable()
    try:
        app(arguments, standalone_mode=False)
    finally:
        seen.disable()
    pstats.Stats(seen).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
