"""Bytes a frame of crops, codes and scores, and of NED's files for the same frames

    python tests/bench/bench_disk.py [VIDEO...] [--landmarks mediapipe --landmarks-model face_landmarker.task]

Without arguments: a rendered head on a noisy 1080p canvas, then some videos of ../shared where that folder is. All that
lies in the workspace after preprocess, reconstruct3d and clip-score counts. NED's pictures are really encoded: 14 files
a frame in preprocessing (crop, full frame, eye points, transform, mask, masked face, codes, shape and NMFC images, and
six of them aligned), 11 more for every edit.
"""

from __future__ import annotations

import argparse
import io
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from footage import SHARED, mead_tree, noisy_clip

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.geometry import invert_affine, umeyama
from mead_manip.media.face_crops import CROP_PX, cut_crop
from mead_manip.media.images import encode
from mead_manip.media.video import read_frames
from mead_manip.rendering.conditioning import as_bytes, nmfc_image, normal_image
from mead_manip.reports.drawn_head import drawn_heads

LIMIT = 30_000  # bytes a frame
LOOKED_AT = 8  # frames whose NED files are made
CODES = {"shape": 100, "tex": 50, "exp": 50, "pose": 6, "cam": 3, "light": 27, "detail": 128}


def main() -> None:
    """Measure every clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--landmarks", default="builtin")
    parser.add_argument("--landmarks-model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        videos = options.videos
        if not videos:
            made = noisy_clip(Path(folder) / "rendered_1080p.mp4", n_frames=60)
            videos = [made, *sorted((SHARED / "media" / "video").glob("talk_[ds][13]*.mp4"))]
        print(f"{'clip':22} {'frames':>6}  {'ours':>7} (crops   rest)   NED preprocessing  NED one edit   NED / ours")
        worst = 0.0
        for video in videos:
            worst = max(worst, measure(video, Path(folder) / video.stem, options))
    print(f"at most {worst:.0f} bytes a frame; the limit is {LIMIT}: {'kept' if worst <= LIMIT else 'BROKEN'}")


def measure(video: Path, folder: Path, options: argparse.Namespace) -> float:
    """Run the three stages on one clip; print and give the bytes a frame."""
    workspace = Workspace(folder / "work")
    tree = mead_tree(folder / "MEAD", video)
    model = ["--landmarks-model", options.landmarks_model] if options.landmarks_model else []
    mead("preprocess", tree, workspace, "--landmarks", options.landmarks, *model)
    mead("reconstruct3d", None, workspace)
    mead("clip-score", None, workspace, "--model", "builtin")
    (clip_id,) = workspace.clips("preprocess")
    track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
    fit = store.load(Reconstruction, workspace.path("reconstruct3d", clip_id))
    n = len(track.visible)
    ours = sum(path.stat().st_size for path in workspace.root.rglob("*") if path.is_file()) / n
    crops = len(track.face_bytes) / n
    files = list(ned_files(video, track, fit))
    before = sum(sum(sizes) for sizes, _ in files) / len(files)
    edit = sum(sum(sizes) for _, sizes in files) / len(files)
    assert {(len(a), len(b)) for a, b in files} == {(14, 11)}
    print(
        f"{video.name:22} {n:6}  {ours:7.0f} ({crops:6.0f} {ours - crops:6.0f})  {before:18.0f} {edit:13.0f} "
        f"{(before + edit) / ours:12.0f}",
        flush=True,
    )
    return ours


def mead(stage: str, path: Path | None, workspace: Workspace, *options: str) -> None:
    """Run a command."""
    positional = [str(path)] if path else []
    command = [sys.executable, "-m", "mead_manip", stage, *positional, "-w", str(workspace.root), "--quiet", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def ned_files(video: Path, track: FaceTrack, fit: Reconstruction) -> Iterator[tuple[list[int], list[int]]]:
    """Encode what NED writes for some frames: sizes of its 14 files of preprocessing, and of its 11 of an edit."""
    visible = np.flatnonzero(track.visible)
    chosen = set(visible[np.linspace(0, len(visible) - 1, LOOKED_AT).astype(int)].tolist())
    for frame, _, rgb in read_frames(video):
        if frame not in chosen:
            continue
        crop = cut_crop(rgb, track.frame_from_crop[frame])
        crop_from_frame = invert_affine(track.frame_from_crop[frame].astype(np.float64))
        points = track.landmarks_px[frame] @ crop_from_frame[:, :2].T + crop_from_frame[:, 2]
        mask = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), (255, 255, 255))
        (head,), scale = drawn_heads(fit, [frame]), crop_from_frame[0, 0]
        camera = np.array([head.camera[0] * scale, *(head.camera[1:] * scale + crop_from_frame[:, 2])], np.float32)
        nmfc = as_bytes(nmfc_image(head.vertices, head.triangles, head.colours, camera, CROP_PX, CROP_PX))
        normals = as_bytes(normal_image(head.vertices, head.triangles, camera, CROP_PX, CROP_PX))
        shape = np.repeat(normals[..., 2:], 3, axis=2)  # lit from the front
        face = np.where(mask > 0, crop, 0)
        turned = umeyama(points, points + np.array([3.0, -2.0]))  # any similarity: sizes are what counts

        def png(picture: np.ndarray) -> int:
            return len(encode(picture, "png"))

        def aligned(picture: np.ndarray, turned: np.ndarray = turned) -> int:
            return png(cv2.warpAffine(picture, turned, (CROP_PX, CROP_PX), flags=cv2.INTER_LANCZOS4))

        eyes, moved = text(np.round(points[34:48]).astype(int), "%d"), text(points[34:48] + 0.25)
        codes = len(pickle.dumps({name: np.zeros((1, size), np.float32) for name, size in CODES.items()}))
        before = [png(crop), png(rgb), eyes, text(turned), png(mask), png(face), codes, png(shape), png(nmfc)]
        before += [aligned(face), aligned(shape), aligned(nmfc), aligned(mask), moved]
        # New codes, shape and NMFC images and eye points, as found and aligned; the face as rendered (aligned),
        # put back, blended, and the frame.
        edit = [codes, png(shape), png(nmfc), aligned(shape), aligned(nmfc), eyes, moved]
        edit += [aligned(face), png(face), png(crop), png(rgb)]
        yield before, edit


def text(numbers: np.ndarray, fmt: str = "%.18e") -> int:
    """Size of an array as numpy writes it in text."""
    out = io.StringIO()
    np.savetxt(out, numbers, fmt)
    return len(out.getvalue())


if __name__ == "__main__":
    main()
