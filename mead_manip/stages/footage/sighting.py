"""One video -> FaceSightings: every face of every frame, in one pass of constant memory, and who is who."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceSightings
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.interfaces import LOOK_AGAIN, LandmarkDetector
from mead_manip.errors import ClipTooShort, NoFaceError
from mead_manip.media.face_looks import Look, look_at
from mead_manip.media.parts import Decoded
from mead_manip.media.pupils import find_pupils
from mead_manip.media.shots import Frame, Thumbnail, sampling, with_cuts
from mead_manip.media.spool import Spool
from mead_manip.media.video import probe, read_decoded
from mead_manip.models.face_links import FaceTracker, Tracklet, people
from mead_manip.models.threads import threads
from mead_manip.stages.footage.clip_finding import Clip
from mead_manip.stages.footage.early_crops import EarlyCrops
from mead_manip.stages.footage.viewing import Seen, see
from mead_manip.stages.running.runner import Progress, Summary, run_clips

STAGE = "faces"
STAGE_VERSION = 3
MIN_FRAMES = 10  # a window of the manipulator
CHUNK = LOOK_AGAIN - 1  # frames in memory at a time
GAP = 1.0  # seconds for which a face may be unseen and still be followed


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
        for chunk in _chunks(with_cuts(read_decoded(path), _thumbnail)):
            boxes = _see(chunk, detector, tracker, rows)
            if early is not None:
                _cut_early(early, chunk, boxes)
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
    followed: int = 0  # faces of the last frame
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

    def add(self, frame: int, seen: Seen, tracklets: Sequence[int]) -> None:
        """Take down the faces of the next frame."""
        for tracklet, shown, face in zip(tracklets, seen.shown, seen.faces, strict=True):
            self.frame.append(frame)
            self.tracklet.append(tracklet)
            self.score.append(face.score)
            self.landmarks.add(face.landmarks_px)
            if face.pupils_px is None:
                pupils = find_pupils(seen.picture, shown.landmarks_px)
                self.pupils.add(pupils if seen.view is None else seen.view.back_points(pupils))
            else:
                self.pupils.add(face.pupils_px)
            self.boxes.add(face.box_px)
            self.mesh.add(np.zeros((0, 2), np.float32) if face.mesh_px is None else face.mesh_px)
        self.n_frames, self.followed = self.n_frames + 1, len(seen.faces)

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


def _thumbnail(decoded: Decoded) -> Thumbnail:
    return Thumbnail.of_brightness(decoded.brightness(sampling(*decoded.size)))


def _see(
    chunk: list[Frame[Decoded]], detector: LandmarkDetector, tracker: FaceTracker, rows: _Rows
) -> list[Float32[np.ndarray, " 4"] | None]:
    """Add the faces of some frames of one shot; give each frame's box of the face that was largest so far."""
    boxes: list[Float32[np.ndarray, " 4"] | None] = []
    first = chunk[0].index
    if chunk[0].cut:
        rows.cuts.append(first)
        tracker.cut()
    every = see([frame.picture for frame in chunk], detector, tracker.hints(first), first, rows.followed)
    for frame, seen in zip(chunk, every, strict=True):
        look = functools.partial(_look, seen)
        numbers = tracker.step(frame.index, [face.landmarks_px for face in seen.faces], look)
        rows.add(frame.index, seen, numbers)
        areas = [tracker.tracklets[number].area for number in numbers]
        boxes.append(seen.faces[int(np.argmax(areas))].box_px if areas else None)
    return boxes


def _cut_early(early: EarlyCrops, chunk: list[Frame[Decoded]], boxes: list[Float32[np.ndarray, " 4"] | None]) -> None:
    if chunk[0].cut:
        early.end_shot(chunk[0].index)
    for frame, box in zip(chunk, boxes, strict=True):
        early.see(frame.index, frame.picture.size, frame.picture, box)


def _look(seen: Seen, k: int) -> Look:
    return look_at(seen.picture, seen.shown[k].landmarks_px)


def _chunks(frames: Iterable[Frame[Decoded]]) -> Iterator[list[Frame[Decoded]]]:
    """Give a few frames at a time, never of two shots; those in which new faces are sought come alone."""
    chunk: list[Frame[Decoded]] = []
    for frame in frames:
        apart = frame.cut or frame.index % LOOK_AGAIN == 0 or (chunk and chunk[0].index % LOOK_AGAIN == 0)
        if chunk and (apart or len(chunk) == CHUNK):
            yield chunk
            chunk = []
        chunk.append(frame)
    if chunk:
        yield chunk
