"""How fast clips are embedded and scored again: python tests/bench/bench_clip.py [--clips 31000] [--embed 24]

Embedding: crops per second of the whole way (read, decode, prepare, image tower) over those of the tower alone, on the
same machine in the same run, for the built-in CLIP and for a ViT-B-32 with random weights in a local checkpoint. Where
the tower runs on the processor too, what is prepared costs it time; the ratio of processor seconds tells how much.
Scoring again: seconds for another threshold, temperature and prompts, from packed features of 768 numbers as ViT-L-14's
(the text tower is a toy: embedding seven prompts with a real one takes a second, loading it some more). Replacing
31,000 files is up to the disk too.
"""

import argparse
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch

from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.series import Series
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends.openclip import OpenClipScorer
from mead_manip.config import ClipScoreConfig, Common
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.media import images
from mead_manip.stages import clip_score
from mead_manip.stages.running.runner import SilentProgress
from mead_manip.stages.scoring.clip_embedding import BATCH, Embedded, embed_clips
from mead_manip.stages.scoring.clip_features import PACK, FeatureCache
from mead_manip.stages.scoring.clip_publishing import in_chunks

FRAMES = 8
MODEL = "ViT-B-32"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=31000, help="clips that are scored again")
    parser.add_argument("--embed", type=int, default=24, help="clips that are embedded")
    parser.add_argument("--only", choices=("embed", "score"), help="only one of the two")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # open_clip warns that random weights are random
    print(f"{torch.get_num_threads()} threads of torch", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = folder / "random.pt"
        torch.manual_seed(0)
        torch.save(open_clip.create_model(MODEL).state_dict(), checkpoint)
        if arguments.only != "score":
            embed(OpenClipScorer("builtin"), folder, 8 * arguments.embed, arguments.repeats)
            embed(OpenClipScorer(MODEL, str(checkpoint)), folder, arguments.embed, arguments.repeats)
        if arguments.only != "embed":
            score_again(folder / "many", toy(folder / "toy"), arguments.clips)


def embed(scorer: OpenClipScorer, folder: Path, n_clips: int, repeats: int) -> None:
    """Compare the whole way with the tower alone."""
    workspace = Workspace(folder / f"embed-{scorer.model}")
    publish(workspace, (track(index, with_faces=True) for index in range(n_clips)))
    paths = {clip_id: workspace.path("preprocess", clip_id) for clip_id in workspace.clips("preprocess")}
    batch = scorer.prepared([face(0)] * BATCH)
    n_batches = n_clips * FRAMES // BATCH
    scorer.embedded(batch)
    tower, whole, tower_work, whole_work = [], [], [], []
    for _ in range(repeats):
        before = time.process_time()
        tower.append(timed(lambda: [scorer.embedded(batch) for _ in range(n_batches)]))
        between = time.process_time()
        whole.append(timed(lambda: list(embed_clips(scorer, paths, FRAMES))))
        tower_work.append(between - before)
        whole_work.append(time.process_time() - between)
    n_crops = n_batches * BATCH
    ratio = statistics.median(a / b for a, b in zip(tower, whole, strict=True))
    print(
        f"{scorer.model:9s} {n_crops / statistics.median(tower):7.1f} crops/s tower alone, "
        f"{n_crops / statistics.median(whole):7.1f} the whole way: ratio {ratio:.2f} "
        f"(of processor seconds {sum(tower_work) / sum(whole_work):.2f})",
        flush=True,
    )


def toy(folder: Path) -> str:
    """Save a model with tiny towers and features as long as ViT-L-14's."""
    folder.mkdir()
    config = {
        "embed_dim": 768,
        "vision_cfg": {"image_size": 64, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
    }
    preprocess = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bilinear", "resize_mode": "squash"}
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    (folder / "open_clip_config.json").write_text(text)
    torch.save(open_clip.CLIP(**config).state_dict(), folder / "open_clip_pytorch_model.bin")
    return f"local-dir:{folder}"


def score_again(folder: Path, model: str, n_clips: int) -> None:
    """Score clips whose features are there already."""
    workspace = Workspace(folder)
    keys = publish(workspace, (track(index, with_faces=False) for index in range(n_clips)))
    scorer, rng = OpenClipScorer(model), np.random.default_rng(0)
    cache = FeatureCache(workspace, scorer, FRAMES)
    for pack in in_chunks(keys, PACK):
        cache.add(
            [(clip_id, Embedded(np.arange(FRAMES, dtype=np.int32), random_features(rng))) for clip_id in pack], keys
        )

    def run(what: str, **settings: Any) -> None:
        config, work = ClipScoreConfig(model=model, pretrained="", frames=FRAMES, **settings), time.process_time()
        seconds = timed(lambda: clip_score.run(workspace, config, Common(device="cpu"), progress=SilentProgress()))
        print(f"  {what:42s} {seconds:6.1f} s ({time.process_time() - work:.1f} s of a processor)", flush=True)

    print(f"{n_clips} clips, features of {FRAMES} crops each:")
    run("first scores (every track is opened once)")
    run("nothing to do")
    run("another threshold", threshold=0.5)
    run("another temperature", temperature="2")
    run("calibrated and normalised", temperature="calibrate", calibrate_on="M003", class_normalise=True)
    run("other prompts", prompts="a {emotion} face")
    run("the page", prompts="a {emotion} face", report=True)


def timed(work: Callable[[], object]) -> float:
    """Give the seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# ---- below: clips that look like clips ------------------------------------------------------------------------------


def publish(workspace: Workspace, tracks: Iterable[tuple[str, FaceTrack]]) -> dict[str, str]:
    """Publish tracks; give their keys."""
    keys = {}
    series = Series(FaceTrack)
    for chunk in in_chunks(tracks, 1000):
        places = []
        for clip_id, artifact in chunk:
            provenance = Provenance(FaceTrack.schema_id(), "preprocess", 1, {"clip": clip_id})
            keys[clip_id] = provenance.key
            places.append((artifact, workspace.path("preprocess", clip_id), provenance))
        series.save(places)
    series.close()
    return keys


def track(index: int, *, with_faces: bool) -> tuple[str, FaceTrack]:
    """Make a track of as many frames as are scored."""
    n, actor, emotion = FRAMES, f"M{3 + index % 40:03d}", NED_EMOTIONS[index % len(NED_EMOTIONS)]
    faces = images.EncodedFrames.pack(
        [images.encode(face(index + frame)) if with_faces else b"x" for frame in range(n)]
    )
    points = np.zeros((n, 68, 2), np.float32)
    return f"{actor}_{emotion}_{index:05d}", FaceTrack(
        face_bytes=faces.data, face_offsets=faces.offsets, landmarks_px=points, landmarks_raw_px=points,
        pupils_px=np.zeros((n, 2, 2), np.float32), mesh_px=np.zeros((n, 0, 2), np.float32),
        boxes_px=np.zeros((n, 4), np.float32), frame_from_crop=np.zeros((n, 2, 3), np.float32),
        visible=np.ones(n, bool), score=np.ones(n, np.float32), fps_num=30, fps_den=1, width=640, height=480,
        source="clip.mp4", source_digest="0" * 64, actor=actor, emotion=emotion, view="front", level=3, take=1,
        sentence=0, landmark_backend="none", face=1, most_faces=1, cuts=np.zeros(0, np.int32), jitter_raw=0.0,
        jitter=0.0,
    )  # fmt: skip


def face(seed: int) -> np.ndarray:
    """Draw something as smooth as a face, so that it is as long to decode."""
    rng = np.random.default_rng(seed % 64)
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 3, 24, 24)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size=(256, 256), mode="bicubic", align_corners=False)
    return smooth[0].permute(1, 2, 0).clamp(0, 255).to(torch.uint8).numpy()


def random_features(rng: np.random.Generator) -> np.ndarray:
    """Draw features of unit length."""
    rows = rng.standard_normal((FRAMES, 768), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
