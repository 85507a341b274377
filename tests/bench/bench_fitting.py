"""How fast clips are fitted, how much of the truth comes back, and how well real faces are met

    python tests/bench/bench_fitting.py [--takes 16] [--people 3] [--videos FOLDER] [--model face_landmarker.task]

1. Acted takes of synthetic people, projected to landmarks, exact and with a detector's errors added: white noise, a
   slow drift and a constant part, each in inter-ocular distances. With frames/s, also of short clips.
2. The same acted before a camera: rendered, recorded, and seen by the built-in landmark network (and by MediaPipe,
   where its model is at hand); neutral clips tell who it is, as in a labelled data set.
3. A face that holds still under a detector's noise: how much the coefficients tremble.
4. Real videos, where they are at hand: residual against the detector's own landmarks, tremble in the calmest second.

Correlations and slopes are of coefficients over all frames; a slope of 1 keeps all of what was acted.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from fitting_scenes import LEVEL, Scene, acted_before_camera, acted_takes, follow, still_face
from jaxtyping import Float

from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.backends import registry
from mead_manip.backends.fitting import FittingReconstructor
from mead_manip.backends.interfaces import LandmarkDetector
from mead_manip.models.face_model import load_head

SHARED = Path(__file__).parents[3] / "shared"
ERRORS = (0.003, 0.008, 0.01)  # white, slow, constant: inter-ocular distances
SHORT = 40  # frames
MOVES = 0.03  # standard deviation of a unit that counts


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--takes", type=int, default=16)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--people", type=int, default=3, help="rendered")
    parser.add_argument("--videos", type=Path, default=SHARED / "media" / "video")
    parser.add_argument("--model", type=Path, default=SHARED / "weights" / "face_landmarker.task")
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    detectors = [registry.load("landmarks", "builtin")]
    if arguments.model.is_file():
        detectors.append(registry.load("landmarks", "mediapipe", model=str(arguments.model)))
    fit = FittingReconstructor()
    for name, errors in (("exact", (0.0, 0.0, 0.0)), ("noisy", ERRORS)):
        scenes = acted_takes(arguments.seed, arguments.takes, arguments.frames, errors)
        fit.reconstruct(scenes[0].track)
        started = time.process_time()
        found = [fit.reconstruct(scene.track) for scene in scenes]
        speed = arguments.takes * arguments.frames / (time.process_time() - started)
        print(f"{name} landmarks: {speed:.0f} frames per second of one processor")
        report(found, scenes, each=name == "exact")
    short = acted_takes(arguments.seed, arguments.takes, SHORT, ERRORS)
    started = time.process_time()
    found = [fit.reconstruct(scene.track) for scene in short]
    speed = SHORT * len(short) / (time.process_time() - started)
    residual = np.mean([one.residual.mean() for one in found])
    print(
        f"noisy landmarks, clips of {SHORT} frames: {speed:.0f} frames per second of one processor (asked for: 200),",
        end=" ",
    )
    print(f"residual {residual:.4f}")
    rendered(fit, detectors, arguments.people, arguments.seed)
    tremble = np.diff(fit.reconstruct(still_face(arguments.seed, ERRORS[0])).expression, 2, axis=0)
    print(f"still face, noise {ERRORS[0]}: mean second difference of units {np.abs(tremble).mean():.5f}")
    if arguments.videos.is_dir():
        real(fit, detectors, arguments.videos)
    for detector in detectors:
        detector.close()


def rendered(fit: FittingReconstructor, detectors: list[LandmarkDetector], people: int, seed: int) -> None:
    """Fit clips of rendered people whose neutral clip is known."""
    with tempfile.TemporaryDirectory() as folder:
        for detector in detectors:
            scenes = acted_before_camera(Path(folder), detector, people, seed)
            at_rest = {scene.actor: scene.track for scene in scenes if scene.emotion == "neutral"}
            for name in ("landmarks_px", "landmarks_raw_px"):
                tracks = [replace(scene.track, landmarks_px=getattr(scene.track, name)) for scene in scenes]
                found = [
                    fit.reconstruct(track, [at_rest[scene.actor]]) for track, scene in zip(tracks, scenes, strict=True)
                ]
                print(f"rendered, {detector.name}, {name}, level {LEVEL}:")
                report(found, scenes, each=name == "landmarks_px")


def real(fit: FittingReconstructor, detectors: list[LandmarkDetector], folder: Path) -> None:
    """Print residuals and tremble of real videos."""
    for path in sorted(folder.iterdir()):
        for detector in detectors:
            track = follow(path, detector)
            if track is None:
                print(f"{path.name}: no face for {detector.name}")
                continue
            found = fit.reconstruct(track)
            residual = found.residual[found.visible].mean()
            print(f"{path.name:28s} {detector.name:10s} residual {residual:.4f}   {calmest(track, found)}")


def calmest(track: FaceTrack, found: Reconstruction) -> str:
    """Say how much units tremble in the second of a clip in which they move least."""
    second = round(track.fps_num / track.fps_den)
    speed = np.abs(np.diff(found.expression, axis=0)).mean(axis=1)
    if len(speed) < second:
        return "shorter than a second"
    start = int(np.convolve(speed, np.ones(second), "valid").argmin())
    bend = np.diff(found.expression[start : start + second], 2, axis=0)
    return f"second differences in the calmest second {np.abs(bend).mean():.5f}"


def report(found: list[Reconstruction], scenes: list[Scene], each: bool) -> None:
    """Print correlations with the truth and slopes on it: over everything and within clips."""
    names = [*load_head().coef_names, "jaw", "jaw y", "jaw z", "lid left", "lid right"]
    fits = [np.concatenate([one.expression, one.jaw_pose, one.eyelids], axis=1) for one in found]
    acted = [scene.face for scene in scenes]
    every, slope = _correlation(np.concatenate(fits), np.concatenate(acted))
    moving = np.concatenate(acted).std(0) > MOVES
    within = np.full(len(names), np.nan)
    for index in np.flatnonzero(moving):
        pairs = [(fit[:, [index]], face[:, [index]]) for fit, face in zip(fits, acted, strict=True)]
        within[index] = np.mean([_correlation(*pair)[0] for pair in pairs if pair[1].std() > MOVES / 2] or [np.nan])
        if each:
            numbers = f"r {every[index]:5.2f}   in clips {within[index]:5.2f}   slope {slope[index]:5.2f}"
            print(f"  {names[index]:12s} {numbers}")
    units = moving[:-5]
    means = [f"{np.nanmean(values[:-5][units]):.3f}" for values in (every, within, slope)]
    lids, lid_slope = every[-2:].mean(), slope[-2:].mean()
    print(
        f"  units: r {means[0]}, in clips {means[1]}, slope {means[2]}; jaw r {every[-5]:.2f}, slope {slope[-5]:.2f};",
        end=" ",
    )
    print(f"lids r {lids:.2f}, slope {lid_slope:.2f}")
    pose = np.concatenate([one.head_pose - scene.head_pose for one, scene in zip(found, scenes, strict=True)])
    gaze, _ = _correlation(np.concatenate([one.gaze for one in found]), np.concatenate([s.gaze for s in scenes]))
    print(f"  pose error (pitch, yaw, roll) {np.rad2deg(abs(pose).mean(axis=0)).round(1)} degrees;", end=" ")
    print(f"gaze r (yaw, pitch) {gaze.round(2)}; residual {np.mean([one.residual.mean() for one in found]):.4f}")


def _correlation(
    found: Float[np.ndarray, "row unit"], truth: Float[np.ndarray, "row unit"]
) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
    """Give correlation and slope of what was found on the truth."""
    found, truth = found - found.mean(0), truth - truth.mean(0)
    common, power = (found * truth).sum(0), (truth * truth).sum(0)
    return common / np.sqrt((found * found).sum(0) * power + 1e-12), common / (power + 1e-12)


if __name__ == "__main__":
    main()
