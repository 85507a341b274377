"""FaceTrack + Reconstruction (+ the faces that edits ask for) -> what footage of one person shows.

A renderer paints what it was shown. NED's author names short footage and few expressions as what blurs mouths
(foivospar/NED#4): measured here before hours are spent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.spatial import cKDTree

from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.geometry import matrix_from_axis_angle
from mead_manip.media.images import EncodedFrames
from mead_manip.models.manipulation import coefs_of

# iBUG-68. A network sees a neighbourhood at a time: brows of one frame and a mouth of another make a face it knows.
REGIONS = {"brows": slice(17, 27), "eyes": slice(36, 48), "nose": slice(27, 36), "mouth": slice(48, 68)}
# Root mean square distance of a region's landmarks, in inter-ocular distances (90 px of a 256 px crop), up to which two
# faces count as alike: about what half a talking clip leaves of the other half at brows, eyes and nose.
ALIKE = {"brows": 0.02, "eyes": 0.01, "nose": 0.01, "mouth": 0.025}
RESIDUAL = 0.06  # a fit that is worse says nothing of the face
LIDS_SHUT, BLINK_SECONDS = 0.55, 0.6
UPPER_LIP, LOWER_LIP = [61, 62, 63], [67, 66, 65]
INNER_PERCENT = (1.0, 99.0)  # of frames: what lies beyond is seen too rarely to be learned, or an error
MOST_FRAMES, MOST_TARGETS, CROPS = 4000, 600, 48
COVERED = 0.6  # share of an emotion's faces that makes it covered
INTENSITIES = tuple(k / 10 for k in range(1, 10))  # between the source and the whole edit

Coefs = Float32[np.ndarray, "_ coef"]
# Coefficients of a person without pose -> iBUG-68, in inter-ocular distances
Points = Callable[[Coefs], Float32[np.ndarray, "_ 68 3"]]


@dataclass(frozen=True)
class Asked:
    """What edits towards an emotion ask for: a row is a frame, before and after."""

    source: Coefs
    edited: Coefs


@dataclass(frozen=True)
class UnitReach:
    """A coefficient that edits push beyond what the footage shows."""

    name: str
    asked: float  # a tenth of the target's frames goes further
    shown: float  # where the footage ends on that side
    outside: float  # share of the target's frames
    above: bool  # else below


@dataclass(frozen=True)
class Coverage:
    """How much of what an edit asks for is like something in the footage."""

    share: float  # of the target's frames: every region like that region in some frame
    regions: Mapping[str, float]  # the same region by region
    units: tuple[UnitReach, ...]  # what lacks most first
    mouth_opening: float  # 95 % of the target's frames open less, inter-ocular distances
    intensity: float  # up to which the emotion is covered, in tenths of the edit


@dataclass(frozen=True)
class FootageFacts:
    """What footage of one person shows."""

    clips: int
    seconds: float
    usable_seconds: float  # a face that is seen and fitted
    usable_frames: int
    shots: int
    longest_shot: float  # seconds
    face_px: float  # height of the face, pixels of the frame
    crop_scale: float  # pixels of the frame for one of a 256 px crop
    blur: float  # 0 sharp .. 1 blurred
    yaw: tuple[float, float]  # degrees, > 0 to the subject's left
    pitch: tuple[float, float]  # degrees, > 0 bowed
    mouth_opening: tuple[float, float]  # inter-ocular distances
    blinks: int
    own_coverage: float  # share of its last fifth that is like something before: what coverage can be hoped for
    coverage: Mapping[str, Coverage]


def footage_facts(
    tracks: Sequence[FaceTrack],
    fits: Sequence[Reconstruction],
    points: Points,
    targets: Mapping[str, Asked],
) -> FootageFacts:
    """Measure the clips of one person against what edits towards each emotion will ask for."""
    usable = [fit.visible & track.visible & (fit.residual < RESIDUAL) for track, fit in zip(tracks, fits, strict=True)]
    rates = [track.fps_num / track.fps_den for track in tracks]
    coefs = np.concatenate([coefs_of(f.jaw_pose, f.expression)[good] for f, good in zip(fits, usable, strict=True)])
    if not len(coefs):
        return _nothing(tracks, rates)
    yaw, pitch = head_angles(np.concatenate([f.head_pose[good] for f, good in zip(fits, usable, strict=True)]))
    shots = [length / rate for track, rate in zip(tracks, rates, strict=True) for length in shot_lengths(track)]
    shown, names = points(evenly(coefs, MOST_FRAMES)), ("jaw", *fits[0].coef_names)
    early = len(shown) - max(len(shown) // 5, 1)
    return FootageFacts(
        clips=len(tracks),
        seconds=sum(len(good) / rate for good, rate in zip(usable, rates, strict=True)),
        usable_seconds=sum(int(good.sum()) / rate for good, rate in zip(usable, rates, strict=True)),
        usable_frames=len(coefs),
        shots=len(shots),
        longest_shot=max(shots),
        face_px=_median([t.boxes_px[g, 3] - t.boxes_px[g, 1] for t, g in zip(tracks, usable, strict=True)]),
        crop_scale=_median(
            [np.linalg.norm(t.frame_from_crop[g, :, 0], axis=1) for t, g in zip(tracks, usable, strict=True)]
        ),
        blur=_median([np.array(_blurs(t, g)) for t, g in zip(tracks, usable, strict=True)]),
        yaw=_inner(yaw),
        pitch=_inner(pitch),
        mouth_opening=_inner(opening(shown)),
        blinks=sum(
            count_blinks(f.eyelids.mean(axis=1), good, rate) for f, good, rate in zip(fits, usable, rates, strict=True)
        ),
        own_coverage=_all_alike(_alike(shown[:early], shown[early:])),
        coverage={name: coverage(coefs, shown, target, points, names) for name, target in targets.items()},
    )


def coverage(
    coefs: Coefs, shown: Float32[np.ndarray, "_ 68 3"], target: Asked, points: Points, names: Sequence[str]
) -> Coverage:
    """Compare what is asked for with what is shown: nearest neighbours region by region, ranges unit by unit."""
    source, edited = evenly(target.source, MOST_TARGETS), evenly(target.edited, MOST_TARGETS)
    asked = points(edited)
    near = _alike(shown, asked)
    whole, reach = _all_alike(near), 0.0
    for intensity in INTENSITIES:
        if _all_alike(_alike(shown, points((source + intensity * (edited - source)).astype(np.float32)))) < COVERED:
            break
        reach = intensity
    return Coverage(
        share=whole,
        regions={name: float(alike.mean()) for name, alike in near.items()},
        units=unit_reaches(coefs, edited, names),
        mouth_opening=float(np.percentile(opening(asked), 95)),
        intensity=1.0 if whole >= COVERED else reach,
    )


def nearest(
    shown: Float32[np.ndarray, "shown point 3"], asked: Float32[np.ndarray, "asked point 3"]
) -> Float[np.ndarray, " asked"]:
    """Give how far each asked shape is from the nearest shown one: root mean square over its points."""
    n_points = shown.shape[1]
    distance, _ = cKDTree(shown.reshape(len(shown), -1)).query(asked.reshape(len(asked), -1))
    return np.asarray(distance) / np.sqrt(n_points)


def opening(points: Float32[np.ndarray, "frame 68 3"]) -> Float[np.ndarray, " frame"]:
    """Give how far the lips part."""
    return (points[:, UPPER_LIP, 1] - points[:, LOWER_LIP, 1]).mean(axis=1)


def unit_reaches(coefs: Coefs, target: Coefs, names: Sequence[str], most: int = 4) -> tuple[UnitReach, ...]:
    """Give the coefficients that a target pushes out of the footage's range in a tenth of its frames or more."""
    low, high = np.percentile(coefs, INNER_PERCENT, axis=0)
    slack = 0.1 * np.ptp(np.concatenate([coefs, target]), axis=0)
    over, under = (target > high + slack).mean(axis=0), (target < low - slack).mean(axis=0)
    found = []
    for k, name in enumerate(names):
        above = bool(over[k] >= under[k])
        asked = float(np.percentile(target[:, k], 90 if above else 10))
        found.append(UnitReach(name, asked, float((high if above else low)[k]), float(max(over[k], under[k])), above))
    lacking = [unit for unit in found if unit.outside >= 0.1]
    return tuple(sorted(lacking, key=lambda unit: -unit.outside * abs(unit.asked - unit.shown))[:most])


def head_angles(
    head_pose: Float32[np.ndarray, "frame 3"],
) -> tuple[Float[np.ndarray, " frame"], Float[np.ndarray, " frame"]]:
    """Give yaw and pitch in degrees: where the face points, to the subject's left and down."""
    forward = matrix_from_axis_angle(head_pose)[:, :, 2]
    yaw = np.arctan2(forward[:, 0], forward[:, 2])
    pitch = np.arctan2(-forward[:, 1], np.hypot(forward[:, 0], forward[:, 2]))
    return np.degrees(yaw), np.degrees(pitch)


def count_blinks(closure: Float32[np.ndarray, " frame"], seen: Bool[np.ndarray, " frame"], fps: float) -> int:
    """Count short closures: over `LIDS_SHUT` and well above the clip's median, for at most `BLINK_SECONDS`."""
    if not seen.any():
        return 0
    limit = max(LIDS_SHUT, float(np.median(closure[seen])) + 0.2)
    edges = np.diff(np.concatenate([[0], ((closure > limit) & seen).astype(np.int8), [0]]))
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    return int((lengths <= BLINK_SECONDS * fps).sum())


def shot_lengths(track: FaceTrack) -> list[int]:
    """Give the frames of every shot."""
    return [int(length) for length in np.diff([0, *track.cuts, len(track.visible)])]


def blur_of(grey: UInt8[np.ndarray, "height width"]) -> float:
    """Give 0 for a sharp picture, 1 for a blurred one: what a further blur takes from its differences.

    Crete, Dolmiere, Ladret and Nicolas, "The blur effect" (SPIE 2007), with their filter of 9 pixels.
    """
    image = grey.astype(np.float32)
    shares = []
    for axis, size in ((0, (1, 9)), (1, (9, 1))):
        before = np.abs(np.diff(image, axis=axis))
        after = np.abs(np.diff(cv2.blur(image, size), axis=axis))
        lost = np.maximum(before - after, 0).sum()
        shares.append(1.0 - float(lost) / max(float(before.sum()), 1e-6))
    return max(shares)


def evenly(rows: Float32[np.ndarray, _ * rest], most: int) -> Float32[np.ndarray, _ * rest]:
    """Give at most so many rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]


# ---- below: regions, medians and ranges ----------------------------------------------------------------------------


def _alike(
    shown: Float32[np.ndarray, "shown 68 3"], asked: Float32[np.ndarray, "asked 68 3"]
) -> dict[str, Bool[np.ndarray, " asked"]]:
    return {name: nearest(shown[:, region], asked[:, region]) <= ALIKE[name] for name, region in REGIONS.items()}


def _all_alike(near: Mapping[str, Bool[np.ndarray, " asked"]]) -> float:
    return float(np.all(list(near.values()), axis=0).mean())


def _blurs(track: FaceTrack, usable: Bool[np.ndarray, " frame"]) -> list[float]:
    crops = EncodedFrames(track.face_bytes, track.face_offsets)
    frames = np.flatnonzero(usable & (np.diff(track.face_offsets) > 0))
    pictures = [crops[int(frame)] for frame in evenly(frames.astype(np.float32), CROPS).astype(int)]
    # The middle of a crop is the face; its rim is what lies behind it.
    return [
        blur_of(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[64:224, 56:200])
        for picture in pictures
        if picture is not None
    ]


def _median(parts: Sequence[Float[np.ndarray, " _"]]) -> float:
    joined = np.concatenate(parts)
    return float(np.median(joined)) if len(joined) else 0.0


def _inner(values: Float[np.ndarray, " frame"]) -> tuple[float, float]:
    low, high = np.percentile(values, INNER_PERCENT)
    return float(low), float(high)


def _nothing(tracks: Sequence[FaceTrack], rates: Sequence[float]) -> FootageFacts:
    seconds = sum(len(track.visible) / rate for track, rate in zip(tracks, rates, strict=True))
    none = (0.0, 0.0)
    return FootageFacts(len(tracks), seconds, 0.0, 0, 0, 0.0, 0.0, 0.0, 0.0, none, none, none, 0, 0.0, {})
