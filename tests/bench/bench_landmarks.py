"""How fast the built-in landmarks are; on real videos how far from MediaPipe's, and how much of their motion they show

    python tests/bench/bench_landmarks.py [VIDEO...] [--model face_landmarker.task] [--overlays DIR] [--rendered DIR]

Without arguments: speed on a rendered head, then the videos of ../shared where that folder is. All lengths are divided
by the distance of the outer eye corners.

- agreement: mean distance of the 68 points, of all frames and of frontal ones (|yaw| below 20 degrees, read off
  MediaPipe's points), as they are and after the two conventions were made one (`landmark_conventions.h5`);
- fidelity: slope of our measure of the face on MediaPipe's over time, and their correlation. 1 is all of the motion,
  0 a face at rest. Both are means of three frames, because a slope falls with the noise of what it is taken on;
- jitter: median second difference over time;
- `--rendered` (a folder of `synthetic.landmark_set`): how far both are from the truth as the head turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import LandmarkConventions, LandmarkShard
from mead_manip.backends.builtin import BuiltinLandmarks
from mead_manip.backends.mediapipe import MediapipeLandmarks
from mead_manip.media.images import decode
from mead_manip.media.video import read_frames
from mead_manip.models.face_model import load_head
from mead_manip.models.point_head import mean_landmarks, point_head

SHARED = Path(__file__).parents[3] / "shared"
PARTS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}
TURNS = (0, 5, 10, 15, 20, 25)  # degrees
STILL = 0.008  # inter-ocular distances: below this standard deviation a measure counts as not moving


def follow(detector, path: Path) -> tuple[np.ndarray, float]:
    """iBUG-68 and pupils per frame (NaN where not seen) and CPU seconds spent in the detector."""
    rows, last, spent = [], None, 0.0
    nothing = np.full((70, 2), np.nan, np.float32)
    for _, _, frame in read_frames(path):
        started = time.process_time()
        (faces,) = detector.detect([frame], [] if last is None else [last], len(rows))
        spent += time.process_time() - started
        found = min(
            faces, key=lambda face: 0 if last is None else np.abs(face.landmarks_px - last).mean(), default=None
        )
        last = found.landmarks_px if found else None
        rows.append(_with_pupils(found) if found else nothing)
    return np.stack(rows), spent


def _with_pupils(found) -> np.ndarray:
    pupils = found.pupils_px if found.pupils_px is not None else np.full((2, 2), np.nan, np.float32)
    return np.concatenate([found.landmarks_px, pupils])


def measure_speed(detector: BuiltinLandmarks, size: int = 256) -> None:
    """Frames a second on a rendered head, followed and searched for."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from faces import talking_head

    frames, _ = talking_head(n_frames=8, size=size)
    detector.detect(frames)
    started = time.process_time()
    for _ in range(8):
        detector.detect(frames)
    followed = 64 / (time.process_time() - started)
    started = time.process_time()
    for frame in frames * 2:
        detector.detect([frame])
    searched = 16 / (time.process_time() - started)
    threads, load = torch.get_num_threads(), os.getloadavg()[0]
    print(
        f"{size} px, {threads} threads, load {load:.1f}: "
        f"{followed:.0f} frames per CPU second followed, {searched:.0f} searched anew"
    )


# ---- agreement and fidelity ---------------------------------------------------------------------


def eye_distance(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, 45] - points[:, 36], axis=-1)


def yaw(points: np.ndarray) -> np.ndarray:
    """Degrees per frame: the head's resting points, moved rigidly, that come closest to the eyes and the nose."""
    rigid = [*range(27, 36), 36, 39, 42, 45]
    camera = np.array([[4000.0, 0, 0], [0, 4000.0, 0], [0, 0, 1]])
    at_rest = (mean_landmarks(point_head(load_head())).numpy()[rigid] * np.array([1, -1, -1])).astype(np.float64)
    out = np.full(len(points), np.nan)
    for row in np.flatnonzero(np.isfinite(points[:, 0, 0])):
        centred = (points[row, rigid] - points[row, rigid].mean(0)).astype(np.float64)
        scale = 100 / np.linalg.norm(centred, axis=1).max()
        _, turn, _ = cv2.solvePnP(at_rest, centred * scale, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        out[row] = np.degrees(np.arcsin(np.clip(cv2.Rodrigues(turn)[0][0, 2], -1, 1)))
    return out


def in_our_convention(points: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Take out of MediaPipe's points how they lie on a neutral face, off the head's own."""
    table = load_asset(LandmarkConventions, "landmark_conventions.h5")
    offsets = table.offsets[table.detectors.index("mediapipe")]  # dm
    rest = mean_landmarks(point_head(load_head())).numpy()
    scale = eye_distance(points) / (np.linalg.norm(rest[45] - rest[36]) * np.cos(np.radians(turned)))
    across = (points[:, 45] - points[:, 36]) / eye_distance(points)[:, None]
    down = np.stack([-across[:, 1], across[:, 0]], -1)
    shift = (
        across[:, None] * offsets[:, :1] * np.cos(np.radians(turned))[:, None, None] - down[:, None] * offsets[:, 1:]
    )
    return points[:, :68] - shift * scale[:, None, None]


def measures(points: np.ndarray, size: np.ndarray) -> dict[str, np.ndarray]:
    """What a face does, per frame, in inter-ocular distances."""

    def length(*pairs: tuple[int, int]) -> np.ndarray:
        return np.mean([np.linalg.norm(points[:, a] - points[:, b], axis=-1) for a, b in pairs], 0) / size

    eyes = points[:, [36, 39]].mean(1), points[:, [42, 45]].mean(1)
    brows = points[:, 18:21].mean(1), points[:, 23:26].mean(1)
    across = (points[:, 45] - points[:, 36]) / eye_distance(points)[:, None]
    down = np.stack([-across[:, 1], across[:, 0]], -1)
    lips = points[:, [51, 57]].mean(1) - points[:, [48, 54]].mean(1)
    return {
        "brow": np.mean([np.linalg.norm(b - e, axis=-1) for b, e in zip(brows, eyes, strict=True)], 0) / size,
        "lids": length((37, 41), (38, 40), (43, 47), (44, 46)),
        "width": length((48, 54)),
        "open": length((61, 67), (62, 66), (63, 65)),
        "corner": (lips * down).sum(-1) / size,
        "jaw": length((33, 8)),
    }


def fidelity(found: np.ndarray, reference: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Slope of ours on theirs, correlation, and how much theirs move (standard deviation), per measure."""
    both = np.isfinite(found[:, 0, 0]) & np.isfinite(reference[:, 0, 0])
    size = eye_distance(reference)[both]
    ours, theirs = measures(found[both], size), measures(reference[both], size)
    out = {}
    for name in ours:
        a, b = (np.convolve(x[name], np.ones(3) / 3, "valid") for x in (ours, theirs))
        covariance = np.cov(a, b)
        slope = covariance[0, 1] / covariance[1, 1]
        out[name] = float(slope), float(np.corrcoef(a, b)[0, 1]), float(np.sqrt(covariance[1, 1]))
    return out


def tremble(points: np.ndarray, size: np.ndarray) -> float:
    """Median second difference over time / inter-ocular distance: what is neither rest nor steady motion."""
    return float(np.nanmedian(np.linalg.norm(np.diff(points[:, :68], 2, axis=0), axis=-1).mean(1) / size[1:-1]))


def agreement(name: str, found: np.ndarray, reference: np.ndarray, spent: float) -> str:
    """One line: distances of all frames, of frontal ones, per part, jitters, milliseconds a frame."""
    size, turned = eye_distance(reference), yaw(reference)
    distance = np.linalg.norm(found - reference, axis=-1) / size[:, None]
    alike = np.linalg.norm(found[:, :68] - in_our_convention(reference, turned), axis=-1) / size[:, None]
    both = np.isfinite(distance[:, 0])
    frontal = both & (np.abs(turned) < 20)
    columns = [distance[both, :68].mean(), alike[both].mean()]
    for part in (slice(0, 68), *PARTS.values(), slice(68, 70)):
        columns.append(distance[frontal, part].mean() if frontal.any() else np.nan)
    columns.append(alike[frontal].mean() if frontal.any() else np.nan)
    shown = " ".join(f"{value:6.3f}" for value in columns)
    jitter = f"{tremble(found, size):7.4f} {tremble(reference, size):7.4f}"
    counts = " ".join(f"{int(seen.sum()):5}" for seen in (np.isfinite(found[:, 0, 0]), both, frontal))
    return f"{name:22} {counts} {shown} {jitter} {spent / len(found) * 1000:6.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--model", default=str(SHARED / "weights" / "face_landmarker.task"))
    parser.add_argument("--weights")
    parser.add_argument("--overlays", type=Path)
    parser.add_argument("--rendered", type=Path, help="rendered faces with their true landmarks")
    parser.add_argument("--cache", type=Path, help="folder with MediaPipe's landmarks of an earlier run")
    options = parser.parse_args()
    ours = BuiltinLandmarks(options.weights)
    measure_speed(ours)
    videos = options.videos or sorted((SHARED / "media" / "video").glob("*.m*"))
    if not videos or not Path(options.model).is_file() or importlib.util.find_spec("mediapipe") is None:
        print("no agreement measured: it takes videos, MediaPipe and its model")
        return
    theirs = MediapipeLandmarks(options.model)
    if options.rendered:
        print_by_turn(ours, theirs, options.rendered)
    columns = " ".join(f"{name:>6}" for name in ("mean", "alike", "front", *PARTS, "pupils", "alike"))
    print(f"{'video':22} {'ours':>5} {'both':>5} {'front':>5} {columns}  jitter   of mp  cpu ms")
    motions = {}
    for path in videos:
        found, spent = follow(ours, path)
        reference = _reference(theirs, path, options.cache)
        if not np.isfinite(reference[:, 0, 0]).any():
            print(f"{path.name:22} {int(np.isfinite(found[:, 0, 0]).sum()):5} of {len(found)} frames; mediapipe: none")
            continue
        print(agreement(path.name, found, reference, spent), flush=True)
        motions[path.name] = fidelity(found, reference)
        if options.overlays:
            draw(path, found, reference, options.overlays / f"{path.stem}.png")
    theirs.close()
    print_fidelity(motions)


def print_by_turn(ours: BuiltinLandmarks, theirs: MediapipeLandmarks, folder: Path) -> None:
    """Both detectors against the true points of rendered faces that both see, by degrees of yaw."""
    true, found = [], {"ours": [], "mediapipe": []}
    for path in sorted(folder.glob("*.h5")):
        shard = store.load(LandmarkShard, path)
        for row in np.flatnonzero(np.abs(yaw(shard.landmarks_px)) < TURNS[-1]):
            start, stop = shard.image_offsets[row : row + 2]
            picture = decode(shard.image_bytes[start:stop].tobytes())
            faces = [detector.detect([picture], [], len(true))[0] for detector in (ours, theirs)]
            if all(faces):
                true.append(shard.landmarks_px[row])
                for points, (face, *_) in zip(found.values(), faces, strict=True):
                    points.append(face.landmarks_px)
    truth, turned = np.array(true), np.abs(yaw(np.array(true)))
    print(f"\n{'rendered: yaw':22} {'faces':>5} " + " ".join(f"{name:>6}" for name in ("mean", *PARTS)))
    for low, high in itertools.pairwise(TURNS):
        chosen = (turned >= low) & (turned < high)
        for name, points in found.items():
            distance = np.linalg.norm(np.array(points) - truth, axis=-1)[chosen] / eye_distance(truth)[chosen, None]
            shown = " ".join(f"{distance[:, part].mean():6.3f}" for part in (slice(0, 68), *PARTS.values()))
            print(f"{f'{low}-{high} {name}':22} {int(chosen.sum()):5} {shown}", flush=True)
    print()


def _reference(theirs: MediapipeLandmarks, path: Path, cache: Path | None) -> np.ndarray:
    file = cache / f"mediapipe_{path.stem}.npy" if cache else None
    if file and file.exists():
        return np.load(file)
    reference, _ = follow(theirs, path)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, reference)
    return reference


def print_fidelity(motions: dict[str, dict[str, tuple[float, float, float]]]) -> None:
    """Slope / correlation per video and measure; what MediaPipe hardly sees move says nothing and is in brackets."""
    names = list(next(iter(motions.values()))) if motions else []
    print(f"\n{'slope / correlation':22} " + " ".join(f"{name:>12}" for name in names))
    for video, row in motions.items():
        cells = []
        for slope, correlation, spread in row.values():
            cell = f"{slope:.2f} / {correlation:.2f}"
            cells.append(f"{cell if spread > STILL else f'({cell})':>12}")
        print(f"{video:22} " + " ".join(cells))
    means = [np.mean([r[n][0] for r in motions.values() if r[n][2] > STILL] or [np.nan]) for n in names]
    print(f"{'mean slope':22} " + " ".join(f"{mean:12.2f}" for mean in means))


def draw(path: Path, found: np.ndarray, reference: np.ndarray, out: Path) -> None:
    """Eight frames with our points in green and MediaPipe's in red."""
    chosen = set(np.linspace(0, len(found) - 1, 8).astype(int))
    tiles = []
    for index, _, frame in read_frames(path):
        if index not in chosen:
            continue
        points = (reference if np.isfinite(reference[index, 0, 0]) else found)[index, :68]
        if not np.isfinite(points[0, 0]):
            points = np.array([[0, 0], [frame.shape[1], frame.shape[0]]])
        middle, side = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max() * 1.3
        scale = 320 / side
        tile_from_frame = np.array([[scale, 0, 160 - scale * middle[0]], [0, scale, 160 - scale * middle[1]]])
        tile = cv2.warpAffine(frame[..., ::-1], tile_from_frame, (320, 320))
        for shape, colour in ((reference[index], (0, 0, 255)), (found[index], (0, 255, 0))):
            seen = shape[np.isfinite(shape[:, 0])]
            for x, y in seen @ tile_from_frame[:, :2].T + tile_from_frame[:, 2]:
                cv2.circle(tile, (round(x), round(y)), 2, colour, -1, cv2.LINE_AA)
        tiles.append(tile)
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])]))


if __name__ == "__main__":
    main()
