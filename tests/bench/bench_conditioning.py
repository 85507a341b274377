"""Draw the renderer's pictures, or keep them? `python tests/bench/bench_conditioning.py [--size 256] [--frames 48]`

Posing and drawing NMFC, shape and eyes of a clip, against reading them from an HDF5 file of JPEG or PNG pictures, for
both face models, in frames per second of processor time (one thread). JPEG is read faster than anything is drawn, but
it is not the same picture, and its 20 to 37 kB a frame alone would fill what a frame may take on disk; what is drawn
can be drawn in any alignment and augmentation. So nothing is kept.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
import flame

from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import HeadAsset, Reconstruction
from mead_manip.media.images import EncodedFrames, encode
from mead_manip.models.face_model import load_head
from mead_manip.models.flame import flame_model_from
from mead_manip.models.posed_faces import FaceModel, posed
from mead_manip.rendering.conditioning_face import FaceSurface, eye_image
from mead_manip.rendering.conditioning_surfaces import flame_surface, head_surface

Pictures = list[np.ndarray]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=48)
    options = parser.parse_args()
    torch.set_num_threads(1)
    size, n_frames = options.size, options.frames

    asset, head = flame.asset(), load_head()
    wrinkles = (0.002 * np.random.default_rng(0).normal(size=(n_frames, 256, 256))).astype(np.float32)
    flame_clip = clip(n_frames, 100, 50, 4.2 * size)
    head_clip = clip(n_frames, head.n_identity, head.n_expression, 0.36 * size)
    flame_model = flame_model_from(asset)
    print(f"{n_frames} frames of {size} px: NMFC, shape and eyes; frames/cpu-s, one thread")
    compare("FLAME", flame_model, flame_surface(asset), flame_clip, size, None)
    compare("FLAME with wrinkles", flame_model, flame_surface(asset), flame_clip, size, wrinkles)
    compare("built-in head", head, head_surface(load_asset(HeadAsset, "head.h5")), head_clip, size, None)


def compare(
    name: str,
    model: FaceModel,
    surface: FaceSurface,
    found: Reconstruction,
    size: int,
    displacements: np.ndarray | None,
) -> None:
    """Draw a clip, keep its pictures both ways, and read them."""

    def pose_only() -> None:
        posed(model, found)

    def draw() -> list[Pictures]:
        vertices, landmarks = posed(model, found)
        drawn = []
        for frame, camera in enumerate(found.camera):
            displacement = None if displacements is None else displacements[frame]
            nmfc, shape = surface.draw(vertices[frame], camera, size, size, displacement=displacement)
            points = landmarks[frame]
            pupils = np.stack([points[36:42].mean(0), points[42:48].mean(0)])
            drawn.append([nmfc, np.repeat(shape[..., None], 3, axis=2), eye_image(points, pupils, size, size)])
        return drawn

    drawn, n_frames = draw(), len(found.camera)
    rate = n_frames / seconds(draw)
    print(f"{name}: draw {rate:.0f} (of which posing {1e3 * seconds(pose_only) / n_frames:.2f} ms a frame)")
    with tempfile.TemporaryDirectory() as folder:
        for codec in ("jpeg", "png"):
            path = Path(folder) / f"{codec}.h5"
            bytes_per_frame = keep(path, drawn, codec) / n_frames
            read = n_frames / seconds(lambda path=path: fetch(path))
            kilobytes = bytes_per_frame / 1e3
            print(f"{name}: read {codec} {read:.0f}, {kilobytes:.1f} kB a frame; drawing / reading {rate / read:.2f}")


def keep(path: Path, drawn: list[Pictures], codec: str) -> int:
    """Write the pictures of a clip as artifacts hold pictures: bytes one after another, and offsets."""
    packed = EncodedFrames.pack([encode(picture, codec) for pictures in drawn for picture in pictures])
    with h5py.File(path, "w") as file:
        file["bytes"], file["offsets"] = packed.data, packed.offsets
    return len(packed.data)


def fetch(path: Path) -> Pictures:
    """Read all pictures of a clip."""
    with h5py.File(path, "r", locking=False) as file:
        return [picture for picture in EncodedFrames(file["bytes"][()], file["offsets"][()]) if picture is not None]


def seconds(work: Callable[[], object]) -> float:
    """Give the processor time of the fastest of three calls."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def clip(n_frames: int, n_identity: int, n_coefs: int, scale: float) -> Reconstruction:
    """A head that turns to and fro."""
    time_ = np.linspace(0, 6, n_frames, dtype=np.float32)
    pose = np.stack([0.1 * np.sin(time_), 0.3 * np.sin(2 * time_), 0 * time_], axis=1)
    middle = scale / 0.36 / 2 if scale < 200 else scale / 4.2 / 2
    zeros = {name: np.zeros((n_frames, 2), np.float32) for name in ("eyelids", "gaze")}
    return Reconstruction(
        identity=np.zeros(n_identity, np.float32),
        expression=np.zeros((n_frames, n_coefs), np.float32),
        jaw_pose=0.2 * np.abs(pose),
        **zeros,
        detail=np.zeros((n_frames, 0), np.float32),
        head_pose=pose,
        camera=np.tile(np.float32([scale, middle, middle]), (n_frames, 1)),
        visible=np.ones(n_frames, bool),
        residual=np.zeros(n_frames, np.float32),
        face_model="",
        coef_names=tuple(map(str, range(n_coefs))),
        fps_num=30,
        fps_den=1,
        actor="",
        emotion="",
        view="",
        level=0,
    )


if __name__ == "__main__":
    main()
