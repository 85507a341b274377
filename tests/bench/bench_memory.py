"""Peak memory of preprocess and reconstruct3d on a video of 1 and of 10 minutes

    python tests/bench/bench_memory.py [--fps 30] [--minutes 1 10] [--landmarks mediapipe --landmarks-model FILE]

Each command runs in a process of its own; what counts is its peak resident memory and that of its children.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RATIO, LIMIT_MB = 1.1, 1500
SECONDS = 6  # of the clip that is repeated


def main() -> None:
    """Measure both lengths and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--minutes", type=int, nargs=2, default=(1, 10))
    parser.add_argument("--landmarks", default="builtin")
    parser.add_argument("--landmarks-model")
    options = parser.parse_args()
    model = ["--landmarks-model", options.landmarks_model] if options.landmarks_model else []
    peaks: dict[str, list[float]] = {"preprocess": [], "reconstruct3d": []}
    with tempfile.TemporaryDirectory() as folder:
        times = [60 * minutes // SECONDS for minutes in options.minutes]
        made = [Path(folder) / "once.mp4", SECONDS * options.fps, 854, 480, options.fps, ",".join(map(str, times))]
        # In a process of its own: what renders is large, and a child begins with the peak of its parent.
        subprocess.run([sys.executable, Path(__file__).with_name("footage.py"), *map(str, made)], check=True)
        for minutes, turns in zip(options.minutes, times, strict=True):
            video = Path(folder) / f"{turns}x.mp4"
            workspace = Path(folder) / f"work{minutes}"
            commands = {
                "preprocess": [str(video), "--landmarks", options.landmarks, *model],
                "reconstruct3d": [],
            }
            for stage, arguments in commands.items():
                peak, seconds = peak_mb([stage, *arguments, "-w", str(workspace), "--quiet"])
                peaks[stage].append(peak)
                n = 60 * minutes * options.fps
                print(f"{minutes:3} min, {n:6} frames  {stage:14} {peak:7.0f} MB {seconds:6.0f} s", flush=True)
    for stage, (short, long) in peaks.items():
        kept = long <= RATIO * short and long < LIMIT_MB
        print(
            f"{stage:14} {long / short:.2f}x, {long:.0f} MB (limits {RATIO}x, {LIMIT_MB} MB): "
            f"{'kept' if kept else 'BROKEN'}"
        )


def peak_mb(arguments: list[str]) -> tuple[float, float]:
    """Run a command of ours; give its peak memory with that of its children, and how long it took."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "mead_manip", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{arguments[0]} failed")
    return usage.ru_maxrss / 1024, time.perf_counter() - started


if __name__ == "__main__":
    main()
