"""How fast does `reconstruct3d --backend deca` encode? `python tests/bench/bench_deca.py [--batch 16] [--batches 3]`

The backend, from stored JPEG crops to codes, against the networks alone on pictures that are already there, in turns,
with random weights of DECA's sizes. Promised: within 10 %.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
import flame
from tracks import bare_track

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.backends.deca import DecaReconstructor
from mead_manip.backends.deca_input import INPUT_PX, input_picture
from mead_manip.media.images import EncodedFrames, encode


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--batches", type=int, default=3, help="of a clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    n_frames = options.batch * options.batches
    track = noise_track(n_frames)
    reconstructor = random_deca(options.device, options.batch)
    frames = list(range(n_frames))
    raw = raw_encoder(reconstructor, options.batch, options.batches)
    reconstructor.encode(track, frames[: options.batch])
    raw(1)
    rows: dict[str, list[tuple[float, float]]] = {"networks alone": [], "backend": []}
    for _ in range(options.rounds):
        rows["networks alone"].append(timed(lambda: raw(options.batches)))
        rows["backend"].append(timed(lambda: reconstructor.encode(track, frames)))

    print(f"{n_frames} frames, batches of {options.batch}, {options.threads} thread(s), {options.device}")
    for name, times in rows.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:16s} {n_frames / wall:7.2f} frames/s {n_frames / cpu:7.2f} frames/cpu-s")
    for index, clock in enumerate(("wall", "cpu")):
        pairs = zip(rows["networks alone"], rows["backend"], strict=True)
        ratios = [alone[index] / through[index] for alone, through in pairs]
        print(f"backend / networks alone, {clock} time: {statistics.median(ratios):.3f}")
    cut = timed(lambda: [input_picture(track, frame) for frame in frames])[1]
    print(f"decoding and cutting: {1e3 * cut / n_frames:.2f} cpu-ms a frame, on a thread of its own")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Give the seconds on the wall and of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def raw_encoder(reconstructor: DecaReconstructor, batch: int, most: int) -> Callable[[int], None]:
    """The two encoders on a batch of floats that lies in memory as they like it."""
    networks = reconstructor._networks
    device = next(networks.parameters()).device
    images = torch.rand(batch, 3, INPUT_PX, INPUT_PX, device=device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run(batches: int) -> None:
        for _ in range(min(batches, most)):
            with torch.autocast(device.type, dtype=torch.float16, enabled=device.type == "cuda"):
                code, _ = networks(images)
            code.float().cpu()

    return run


def random_deca(device: str, batch: int) -> DecaReconstructor:
    """Write files of DECA's layout and load them."""
    folder = Path(tempfile.mkdtemp())
    asset = flame.asset()
    store.save(asset, folder / "flame.h5", Provenance(asset.schema_id(), "import-flame", 1))
    torch.save(flame.checkpoint(), folder / "deca_model.tar")
    return DecaReconstructor(str(folder / "flame.h5"), str(folder / "deca_model.tar"), device, batch)


def noise_track(n_frames: int) -> FaceTrack:
    """A clip whose crops compress about as faces do: smooth noise."""
    rng = np.random.default_rng(0)
    crops = [np.kron(rng.integers(0, 256, (16, 16, 3)), np.ones((16, 16, 1))).astype(np.uint8) for _ in range(n_frames)]
    packed = EncodedFrames.pack([encode(crop) for crop in crops])
    points = (flame.landmark_layout() * [1, -1] * 1100 + [128, 150]).astype(np.float32)
    crop = np.tile(np.float32([[2, 0, 100], [0, 2, 50]]), (n_frames, 1, 1))
    return bare_track(
        np.stack([points] * n_frames), face_bytes=packed.data, face_offsets=packed.offsets, frame_from_crop=crop
    )


if __name__ == "__main__":
    main()
