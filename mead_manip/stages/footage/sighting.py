"""One video -> FaceSightings: every face of every frame, in one pass of constant memory, and who is who."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceSightings
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.interfaces import Detection, LandmarkDetector
from mead_manip.errors import ClipTooShort, NoFaceError
from mead_manip.media.face_looks import Look, look_at
from mead_manip.media.parts import Decoded
from mead_manip.media.pupils import find_pupils
from mead_manip.media.shots import Frame, with_cuts
from mead_manip.media.spool import Spool
from mead_manip.media.video import probe, read_decoded
from mead_manip.models.face_links import FaceTracker, Tracklet, people
from mead_manip.models.threads import threads
from mead_manip.stages.footage.clip_finding import Clip
from mead_manip.stages.footage.early_crops import EarlyCrops
from mead_manip.stages.running.runner import Progress, Summary, run_clips

STAGE = "faces"
STAGE_VERSION = 2
MIN_FRAMES = 10  # a window of the manipulator
CHUNK = 8  # frames in memory at a time
GAP = 1.0  # seconds for which a face may be unseen and still be followed
_ONE_FACE = 0.6  # overlap / union of two boxes that are one face, seen twice


@dataclass(frozen=True)
class Sighter:
    """What sees the faces of a video; picklable, so that workers can do it."""

    landmarks: str
    model: str | None
    device: str

    @property
    def detector(self) -> LandmarkDetector:
        """Give the detector of this process."""
        return _detector(self.landmarks, self.model, self.device)

    @property
    def identity(self) -> str:
        """Give the detector's name and the digest of its weights, which are read once for all clips."""
        return _identity(self.landmarks, self.model, self.device)

    def provenance(self, clip: Clip) -> Provenance:
        """Say what the sightings of a clip are made from."""
        return Provenance(
            schema=FaceSightings.schema_id(),
            stage=STAGE,
            stage_version=STAGE_VERSION,
            params={"landmarks": self.landmarks},
            inputs={"video": clip.digest},
            backend=self.identity,
        )

    def compute(self, clip: Clip, early: EarlyCrops | None = None) -> FaceSightings:
        """See the faces of one clip; `early` cuts the crops of the most prominent one on the way."""
        # For networks this small a second thread gains a third on an idle machine and loses it all on a busy one.
        with threads(1):
            return sight_video(clip.path, self.detector, clip.digest, early)

    def run(
        self,
        workspace: Workspace,
        clips: Mapping[str, Clip],
        *,
        force: bool,
        dry_run: bool,
        progress: Progress,
        workers: int = 0,
        engine: str = "local",
    ) -> Summary:
        """Bring the kept sightings of some videos up to date."""
        return run_clips(
            STAGE,
            FaceSightings,
            workspace,
            clips,
            provenance=self.provenance,
            compute=self.compute,
            force=force,
            dry_run=dry_run,
            progress=progress,
            workers=workers,
            engine=engine,
        )

    def kept(
        self, workspace: Workspace, clip_id: str, clip: Clip, *, anew: bool = False, early: EarlyCrops | None = None
    ) -> FaceSightings:
        """Give the sightings that are kept for a video, made first where they are missing or stale."""
        path, wanted = workspace.path(STAGE, clip_id), self.provenance(clip)
        if not anew and store.check(path, FaceSightings, wanted).kind is store.FRESH:
            return store.load(FaceSightings, path)
        sightings = self.compute(clip, early)
        store.save(sightings, path, wanted)
        return sightings


@functools.lru_cache(maxsize=2)
def _detector(name: str, model: str | None, device: str) -> LandmarkDetector:
    detector: LandmarkDetector = registry.load("landmarks", name, model=model, device=device)
    return detector


@functools.lru_cache(maxsize=2)
def _identity(name: str, model: str | None, device: str) -> str:
    return _detector(name, model, device).digest


def sight_video(path: Path, detector: LandmarkDetector, digest: str, early: EarlyCrops | None = None) -> FaceSightings:
    """Detect in every frame, follow through every shot, and tell who is seen again."""
    info = probe(path)
    tracker = FaceTracker(gap=max(1, round(GAP * info.fps)))
    with _Rows(detector.n_mesh) as rows:
        waiting: dict[int, Decoded] = {}
        for chunk in _chunks(with_cuts(_glances(path, waiting))):
            seen = _see(chunk, detector, tracker, rows)
            decoded = [waiting.pop(frame.index) for frame in chunk]
            if early is not None:
                _cut_early(early, chunk, decoded, seen)
        if early is not None:
            early.end_shot(rows.n_frames)
        if rows.n_frames < MIN_FRAMES:
            raise ClipTooShort(f"{path} has {rows.n_frames} frames", expected=f"at least {MIN_FRAMES}")
        persons = np.array([*people(tracker.tracklets), 0], np.int32)
        if not persons.any():
            found = f"no face in any of the {rows.n_frames} frames of {path}"
            raise NoFaceError(found, expected="a video that shows a face")
        return FaceSightings(
            **rows.columns(persons),
            **_pictures(tracker.tracklets, persons),
            n_frames=rows.n_frames,
            fps_num=info.fps.numerator,
            fps_den=info.fps.denominator,
            width=info.width,
            height=info.height,
            source=str(path),
            source_digest=digest,
            landmark_backend=detector.name,
        )


def _pictures(tracklets: Sequence[Tracklet], persons: Int32[np.ndarray, " tracklet"]) -> dict[str, np.ndarray]:
    """Give the columns of what the faces look like now and then."""
    looks = [(frame, int(persons[t.number]), look.picture) for t in tracklets for frame, look in t.looks]
    looks = sorted(row for row in looks if row[1])
    data = [picture for _, _, picture in looks]
    return {
        "picture_bytes": np.frombuffer(b"".join(data), np.uint8),
        "picture_offsets": np.cumsum([0, *map(len, data)], dtype=np.int64),
        "picture_frame": np.array([frame for frame, _, _ in looks], np.int32),
        "picture_face": np.array([person for _, person, _ in looks], np.int32),
    }


@dataclass
class _Rows:
    """What is seen, face by face; what is large lies on disk."""

    n_mesh: int
    n_frames: int = 0
    frame: list[int] = field(default_factory=list)
    tracklet: list[int] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.landmarks, self.pupils = Spool(np.float32, 68, 2), Spool(np.float32, 2, 2)
        self.boxes, self.mesh = Spool(np.float32, 4), Spool(np.float32, self.n_mesh, 2)

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *error: object) -> None:
        for spool in (self.landmarks, self.pupils, self.boxes, self.mesh):
            spool.__exit__(*error)

    def add(self, frame: Frame, tracklet: int, face: Detection) -> None:
        """Take down one face of one frame."""
        self.frame.append(frame.index)
        self.tracklet.append(tracklet)
        self.score.append(face.score)
        self.landmarks.add(face.landmarks_px)
        self.pupils.add(find_pupils(frame.rgb, face.landmarks_px) if face.pupils_px is None else face.pupils_px)
        self.boxes.add(face.box_px)
        self.mesh.add(np.zeros((0, 2), np.float32) if face.mesh_px is None else face.mesh_px)

    def columns(self, persons: Int32[np.ndarray, " tracklet"]) -> dict[str, np.ndarray]:
        """Give the columns of FaceSightings, each face now being a person's."""
        return {
            "frame": np.array(self.frame, np.int32),
            "face": persons[np.array(self.tracklet, np.int32)],
            "landmarks_px": self.landmarks.array(),
            "pupils_px": self.pupils.array(),
            "mesh_px": self.mesh.array(),
            "boxes_px": self.boxes.array(),
            "score": np.array(self.score, np.float32),
            "cuts": np.array(self.cuts, np.int32),
        }


def _glances(path: Path, waiting: dict[int, Decoded]) -> Iterator[tuple[int, int, UInt8[np.ndarray, "_ _ 3"]]]:
    """Yield frames to be looked at, and put them where parts of them can still be asked for."""
    for index, pts, decoded in read_decoded(path):
        waiting[index] = decoded
        yield index, pts, decoded.glance()


def _see(
    chunk: list[Frame], detector: LandmarkDetector, tracker: FaceTracker, rows: _Rows
) -> list[Float32[np.ndarray, " 4"] | None]:
    """Add the faces of some frames of one shot; give each frame's box of the face that was largest so far."""
    boxes: list[Float32[np.ndarray, " 4"] | None] = []
    first = chunk[0].index
    if chunk[0].cut:
        rows.cuts.append(first)
        tracker.cut()
    found = detector.detect([frame.rgb for frame in chunk], tracker.hints(first), first)
    for frame, detections in zip(chunk, found, strict=True):
        faces = _distinct(detections)
        look = functools.partial(_look, frame, faces)
        numbers = tracker.step(frame.index, [face.landmarks_px for face in faces], look)
        for face, number in zip(faces, numbers, strict=True):
            rows.add(frame, number, face)
        rows.n_frames += 1
        areas = [tracker.tracklets[number].area for number in numbers]
        boxes.append(faces[int(np.argmax(areas))].box_px if faces else None)
    return boxes


def _cut_early(
    early: EarlyCrops,
    chunk: list[Frame],
    decoded: list[Decoded],
    boxes: list[Float32[np.ndarray, " 4"] | None],
) -> None:
    if chunk[0].cut:
        early.end_shot(chunk[0].index)
    for frame, whole, box in zip(chunk, decoded, boxes, strict=True):
        height, width = frame.rgb.shape[:2]
        early.see(frame.index, (width, height), whole, box)


def _look(frame: Frame, faces: list[Detection], k: int) -> Look:
    return look_at(frame.rgb, faces[k].landmarks_px)


def _chunks(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Give a few frames at a time, never of two shots."""
    chunk: list[Frame] = []
    for frame in frames:
        if chunk and (frame.cut or len(chunk) == CHUNK):
            yield chunk
            chunk = []
        chunk.append(frame)
    if chunk:
        yield chunk


def _distinct(faces: list[Detection]) -> list[Detection]:
    """Leave out what shows a larger face once more."""
    kept: list[Detection] = []
    for face in faces:
        if all(_overlap(face.box_px, other.box_px) < _ONE_FACE for other in kept):
            kept.append(face)
    return kept


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / max(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared, 1e-9))
