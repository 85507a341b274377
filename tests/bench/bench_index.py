"""How long it takes to see that nothing is to be done for the whole of MEAD: python tests/bench/bench_index.py

A tree of 31,000 tiny files stands for the videos, a small face track under its true key for each result. Measured are
finding, labelling, ranking and naming the clips, asking of each whether its result is fresh (promised: under 60 s for
both on two cores), and a second audit. The disk's cache is warm, as after a first run.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from golden import example

from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.series import Series
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import AuditConfig, Common, PreprocessConfig
from mead_manip.media.fingerprint import Picture, Sound
from mead_manip.media.inspection import Inspection
from mead_manip.media.mead_facts import FPS, cells_of
from mead_manip.media.mead_splits import ACTORS
from mead_manip.stages import audit
from mead_manip.stages.footage.audit_memory import Memory
from mead_manip.stages.footage.clip_finding import Clip, Digests, find_clips
from mead_manip.stages.running.runner import SilentProgress, run_clips

STAGE, BATCH = "preprocess", 2000


def main() -> None:
    """Make a tree and its results, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=31_000)
    limit = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder:
        root, workspace = Path(folder) / "MEAD", Workspace(Path(folder) / "work")
        count = make_tree(root, limit)
        first, _ = timed(lambda: index(workspace, root))
        again, clips = timed(lambda: index(workspace, root))
        publish(workspace, clips)
        opened, summary = timed(lambda: check(workspace, clips))
        checked, _ = timed(lambda: check(workspace, clips))
        assert len(summary.fresh) == count, f"{len(summary.fresh)} of {count} are fresh"
        remember(workspace, clips)
        seen, report = timed(lambda: look_again(workspace, root))
        assert not report.facts["findings"] and len(report.facts["cells"]) >= count // 40
    print(f"{count} clips: found and digested in {first:.1f} s (tiny files), found again in {again:.1f} s;")
    print(
        f"every track opened and vetted once in {opened:.1f} s ({count / opened:.0f}/s), seen fresh in {checked:.1f} s;"
    )
    print(
        f"together, when nothing is to be done: {again + checked:.1f} s (promised: 60 s for 31000); audit {seen:.1f} s"
    )


def timed(action):
    """Give the seconds an action takes, and its result."""
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def make_tree(root: Path, limit: int) -> int:
    """Write files of different content where MEAD has its front clips."""
    count = 0
    for labels, size in (cell for actor in ACTORS for cell in cells_of(actor, "front")):
        folder = root / labels.actor / "video" / labels.view / labels.emotion / f"level_{labels.level}"
        folder.mkdir(parents=True)
        for take in range(1, min(size, limit - count) + 1):
            (folder / f"{take:03d}.mp4").write_bytes(f"{folder.relative_to(root)} {take}".encode())
            count += 1
        if count == limit:
            break
    return count


def index(workspace: Workspace, root: Path) -> dict[str, Clip]:
    """Find the clips as `preprocess` does."""
    digests = Digests(workspace, STAGE)
    clips = find_clips(PreprocessConfig(path=str(root)), digests, SilentProgress())
    digests.keep()
    return clips


def provenance(clip: Clip) -> Provenance:
    """Say what a track is made from, as `preprocess` does."""
    params = {"landmarks": "builtin", "face": 1, "labels": list(clip.labels.parts), "sentence": clip.labels.sentence}
    return Provenance(FaceTrack.schema_id(), STAGE, 1, params, {"video": clip.digest}, "builtin@0123456789ab")


def publish(workspace: Workspace, clips: dict[str, Clip]) -> None:
    """Save a small track of every clip under its key."""
    series, track, named = Series(FaceTrack), example(FaceTrack), list(clips.items())
    for start in range(0, len(named), BATCH):
        batch = named[start : start + BATCH]
        series.save((track, workspace.path(STAGE, name), provenance(clip)) for name, clip in batch)


def check(workspace: Workspace, clips: dict[str, Clip]):
    """Ask of every clip whether its track is fresh, as `preprocess` does."""

    def compute(clip: Clip) -> FaceTrack:
        raise AssertionError(f"{clip.path} is not fresh")

    return run_clips(
        STAGE, FaceTrack, workspace, clips, provenance=provenance, compute=compute, progress=SilentProgress()
    )


def remember(workspace: Workspace, clips: dict[str, Clip]) -> None:
    """Write down an inspection of every clip, as a first audit of true videos would."""

    def inspections() -> Iterator[tuple[Path, Inspection]]:
        rng = np.random.default_rng(0)
        for clip in clips.values():
            picture = Picture(*(rng.integers(1, 1 << 63, n, dtype=np.uint64) for n in (9, 8)))
            sound = Sound(rng.integers(0, 1 << 32, 350).astype(np.uint32), np.ones(350, bool))
            seen = Inspection("", 1920, 1080, FPS, 120, "aac", 0.5, picture=picture, sound=sound)
            yield clip.path.absolute(), seen

    for _ in Memory(workspace.folder(audit.STAGE) / audit.MEMORY).keep(inspections()):
        pass


def look_again(workspace: Workspace, root: Path):
    """Audit a tree of which every clip is known."""
    return audit.run(workspace, AuditConfig(path=str(root)), Common(), progress=SilentProgress())


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
