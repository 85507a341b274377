"""Footage for the benchmarks, made on the fly: a rendered talking head on a large, noisy canvas."""

from __future__ import annotations

import shutil
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from mead_manip.media.video import VideoWriter

SHARED = Path(__file__).parents[3] / "shared"


def noisy_clip(
    path: Path,
    n_frames: int = 60,
    size: tuple[int, int] = (1920, 1080),
    seed: int = 3,
    rate: Fraction = Fraction(30),
    crf: int = 20,
) -> Path:
    """Write a rendered head that turns and speaks, enlarged onto a canvas with grain, as H.264."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from faces import talking_head

    width, height = size
    frames, _ = talking_head(n_frames=min(n_frames, 60), size=512, seed=seed)
    rng = np.random.default_rng(seed)
    grain = [rng.normal(0, 3, (height, width, 1)).astype(np.float32) for _ in range(3)]
    path.parent.mkdir(parents=True, exist_ok=True)
    there_and_back = [*frames, *frames[-2:0:-1]]
    with VideoWriter(path, width, height, rate, preset="veryfast", crf=crf) as writer:
        for index in range(n_frames):
            head = cv2.resize(there_and_back[index % len(there_and_back)], (height, height))
            side = (width - height) // 2
            canvas = np.pad(head, ((0, 0), (side, width - height - side), (0, 0)), mode="edge")
            writer.write(np.clip(canvas + grain[index % 3], 0, 255).astype(np.uint8))
    return path


def repeated(source: Path, path: Path, times: int) -> Path:
    """Write the packets of a video many times over, one after another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as read:
        packets = [packet for packet in read.demux(read.streams.video[0]) if packet.size]
        length = max(packet.pts + packet.duration for packet in packets)
        with av.open(str(path), "w") as write:
            stream = write.add_stream_from_template(read.streams.video[0])
            for turn in range(times):
                for original in packets:
                    packet = av.Packet(bytes(original))
                    packet.pts, packet.dts = original.pts + turn * length, original.dts + turn * length
                    packet.duration, packet.time_base = original.duration, original.time_base
                    packet.is_keyframe, packet.stream = original.is_keyframe, stream
                    write.mux(packet)
    return path


def mead_tree(folder: Path, video: Path) -> Path:
    """Put a video where MEAD has its clips, so that it has labels."""
    clip = folder / "M003" / "video" / "front" / "happy" / "level_3" / f"001{video.suffix}"
    clip.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(video, clip)
    return folder


if __name__ == "__main__":
    out, n_frames, width, height, fps, times = sys.argv[1:]
    once = noisy_clip(Path(out), int(n_frames), (int(width), int(height)), rate=Fraction(fps))
    for turns in map(int, times.split(",")):
        repeated(once, once.with_name(f"{turns}x{once.suffix}"), turns)
