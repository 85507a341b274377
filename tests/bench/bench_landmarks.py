"""How fast the built-in landmarks are; on real videos also how far from MediaPipe's, and how much both tremble

    python tests/bench/bench_landmarks.py [VIDEO...] [--model face_landmarker.task] [--overlays FOLDER]

Without arguments: speed on a rendered head, then the videos of ../shared where that folder is. Distances are means over
the 68 points, divided by the distance of the outer eye corners.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from mead_manip.backends.builtin import BuiltinLandmarks
from mead_manip.backends.mediapipe import MediapipeLandmarks
from mead_manip.media.video import read_frames

SHARED = Path(__file__).parents[3] / "shared"
PARTS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}


def follow(detector, path: Path) -> tuple[np.ndarray, float]:
    """Landmarks per frame (NaN where no face) and seconds spent in the detector."""
    rows, last, spent = [], None, 0.0
    for _, _, frame in read_frames(path):
        started = time.perf_counter()
        (faces,) = detector.detect([frame], [] if last is None else [last], len(rows))
        spent += time.perf_counter() - started
        found = min(
            faces, key=lambda face: 0 if last is None else np.abs(face.landmarks_px - last).mean(), default=None
        )
        last = found.landmarks_px if found else None
        rows.append(found.landmarks_px if found else np.full((68, 2), np.nan, np.float32))
    return np.stack(rows), spent


def measure_speed(detector: BuiltinLandmarks, size: int = 256) -> None:
    """Frames a second on a rendered head, followed and searched for."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from faces import talking_head

    frames, _ = talking_head(n_frames=8, size=size)
    detector.detect(frames)
    started = time.perf_counter()
    for _ in range(8):
        detector.detect(frames)
    followed = 64 / (time.perf_counter() - started)
    started = time.perf_counter()
    for frame in frames * 2:
        detector.detect([frame])
    searched = 16 / (time.perf_counter() - started)
    threads, load = torch.get_num_threads(), os.getloadavg()[0]
    print(
        f"{size} px, {threads} threads, load {load:.1f}: {followed:.0f} frames/s followed, {searched:.0f} searched anew"
    )


def tremble(points: np.ndarray, size: np.ndarray) -> float:
    """Median second difference over time / inter-ocular distance: what is neither rest nor steady motion."""
    return float(np.nanmedian(np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).mean(1) / size[1:-1]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--model", default=str(SHARED / "weights" / "face_landmarker.task"))
    parser.add_argument("--weights")
    parser.add_argument("--overlays", type=Path)
    parser.add_argument("--cache", type=Path, help="folder with MediaPipe's landmarks of an earlier run")
    options = parser.parse_args()
    ours = BuiltinLandmarks(options.weights)
    measure_speed(ours)
    videos = options.videos or sorted((SHARED / "media" / "video").glob("*.m*"))
    if not videos or not Path(options.model).is_file() or importlib.util.find_spec("mediapipe") is None:
        print("no agreement measured: it takes videos, MediaPipe and its model")
        return
    theirs = MediapipeLandmarks(options.model)
    print(
        f"{'video':24} {'ours':>5} {'mp':>5} {'both':>5} {'mean':>7} {'p90':>7} "
        + " ".join(f"{p:>6}" for p in PARTS)
        + "  jitter   mp      ms"
    )
    for path in videos:
        found, spent = follow(ours, path)
        cached = options.cache / f"mp_{path.stem}.npy" if options.cache else None
        if cached and cached.exists():
            reference = np.load(cached)
        else:
            reference, _ = follow(theirs, path)
            if cached:
                np.save(cached, reference)
        size = np.linalg.norm(reference[:, 45] - reference[:, 36], axis=-1)
        if not np.isfinite(reference[:, 0, 0]).any():
            print(f"{path.name:24} {int(np.isfinite(found[:, 0, 0]).sum()):5} of {len(found)} frames; mediapipe: none")
            continue
        distance = np.linalg.norm(found - reference, axis=-1) / size[:, None]
        both = np.isfinite(distance[:, 0])
        seen = [int(np.isfinite(x[:, 0, 0]).sum()) for x in (found, reference)]
        mean = distance[both].mean(1) if both.any() else np.array([np.nan])
        parts = " ".join(f"{distance[both][:, part].mean():6.3f}" for part in PARTS.values()) if both.any() else ""
        print(
            f"{path.name:24} {seen[0]:5} {seen[1]:5} {both.sum():5} "
            f"{mean.mean():7.4f} {np.quantile(mean, 0.9):7.4f} {parts} "
            f"{tremble(found, size):7.4f} {tremble(reference, size):7.4f} {spent / len(found) * 1000:6.1f}",
            flush=True,
        )
        if options.overlays:
            draw(path, found, reference, options.overlays / f"{path.stem}.png")
    theirs.close()


def draw(path: Path, found: np.ndarray, reference: np.ndarray, out: Path) -> None:
    """Eight frames with our points in green and MediaPipe's in red."""
    chosen = set(np.linspace(0, len(found) - 1, 8).astype(int))
    tiles = []
    for index, _, frame in read_frames(path):
        if index not in chosen:
            continue
        points = reference[index] if np.isfinite(reference[index, 0, 0]) else found[index]
        if not np.isfinite(points[0, 0]):
            points = np.array([[0, 0], [frame.shape[1], frame.shape[0]]])
        middle, side = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max() * 1.3
        scale = 320 / side
        tile_from_frame = np.array([[scale, 0, 160 - scale * middle[0]], [0, scale, 160 - scale * middle[1]]])
        tile = cv2.warpAffine(frame[..., ::-1], tile_from_frame, (320, 320))
        for shape, colour in ((reference[index], (0, 0, 255)), (found[index], (0, 255, 0))):
            if np.isfinite(shape[0, 0]):
                for x, y in shape @ tile_from_frame[:, :2].T + tile_from_frame[:, 2]:
                    cv2.circle(tile, (round(x), round(y)), 2, colour, -1, cv2.LINE_AA)
        tiles.append(tile)
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])]))


if __name__ == "__main__":
    main()
