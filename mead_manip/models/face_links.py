"""Who is who over time: faces of frames -> tracklets (within a shot, over short gaps) -> people (over all of it).

Within a shot a face is where its motion leads it: the assignment of least total cost (Kuhn and Munkres), and where two
could be meant, looks decide. Between tracklets only looks tell, and within a shot the place where one was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32
from scipy.optimize import linear_sum_assignment

from mead_manip.media.face_looks import Look, unlike

REACH = 0.5  # face sizes between where a face is expected and where it is found
_REACH_PER_FRAME = 0.04  # more for every frame in which it was not seen
_REACH_MOST = 1.5
_STEADY = 0.97  # of its velocity a lost face keeps in each frame
_LOOK_EVERY = 8  # frames between two looks at a face
_MOST_LOOKS = 12  # kept of a tracklet, evenly over its time
_LOOKS_COUNT = 1.0  # cost of looks that differ as two people's do, in face sizes
SAME = 1.0  # as `unlike` is scaled: below, two looks are of one person
_COMPARED = 6  # looks of a tracklet that are held against another's
_PAIRS = 3  # of looks that tell how alike two tracklets are
_SAME_PLACE = 1.25  # the same where a face was lost and found in one place of a shot
_FEW = 5  # frames: what is seen for a shorter time is no face


@dataclass
class Tracklet:
    """One face through a part of one shot."""

    number: int  # from 0
    shot: int
    first: int  # frames
    last: int
    landmarks: Float32[np.ndarray, "68 2"]  # of the last
    first_landmarks: Float32[np.ndarray, "68 2"]
    velocity: Float[np.ndarray, " 2"] = field(default_factory=lambda: np.zeros(2))  # px a frame
    count: int = 1  # frames in which it was seen
    area: float = 0.0  # summed over them
    looks: list[tuple[int, Look]] = field(default_factory=list)
    stride: int = _LOOK_EVERY

    def expected(self, frame: int) -> Float[np.ndarray, "68 2"]:
        """Give where its landmarks should be: its velocity fades while it is not seen."""
        ahead = (1 - _STEADY ** (frame - self.last)) / (1 - _STEADY)
        return self.landmarks + self.velocity * ahead

    def see(self, frame: int, landmarks: Float32[np.ndarray, "68 2"]) -> None:
        """Move to where it is seen now."""
        step = (landmarks.mean(0) - self.landmarks.mean(0)) / (frame - self.last)
        self.velocity = step if self.count == 1 else 0.6 * self.velocity + 0.4 * step
        self.landmarks, self.last, self.count = landmarks, frame, self.count + 1
        self.area += size_of(landmarks) ** 2

    def remember(self, frame: int, look: Look) -> None:
        """Keep a look; when there are many, every second one goes, and from then on half as many come."""
        self.looks.append((frame, look))
        if len(self.looks) > _MOST_LOOKS:
            self.looks, self.stride = self.looks[::2], self.stride * 2

    @property
    def due(self) -> bool:
        """Tell whether it is time for another look."""
        return not self.looks or self.last - self.looks[-1][0] >= self.stride


class FaceTracker:
    """Gives the faces of successive frames to tracklets."""

    def __init__(self, gap: int) -> None:
        self.gap = gap  # frames for which a face may be unseen
        self.tracklets: list[Tracklet] = []
        self._live: list[Tracklet] = []
        self._shot = 0

    def cut(self) -> None:
        """Begin a shot: no tracklet goes on."""
        self._live, self._shot = [], self._shot + 1

    def hints(self, frame: int) -> list[Float32[np.ndarray, "68 2"]]:
        """Give where the faces of this shot should be in `frame`."""
        return [t.expected(frame).astype(np.float32) for t in self._alive(frame)]

    def step(
        self, frame: int, faces: Sequence[Float32[np.ndarray, "68 2"]], look_at: Callable[[int], Look]
    ) -> list[int]:
        """Give the tracklet of each face of a frame; `look_at(k)` is how face k looks, asked only where needed."""
        self._live = self._alive(frame)
        looks: dict[int, Look] = {}

        def look(k: int) -> Look:
            if k not in looks:
                looks[k] = look_at(k)
            return looks[k]

        chosen = _assign(self._live, frame, faces, look)
        numbers = []
        for k, landmarks in enumerate(faces):
            tracklet = chosen.get(k)
            if tracklet is None:
                tracklet = self._begin(frame, landmarks)
            else:
                tracklet.see(frame, landmarks)
            numbers.append(tracklet.number)
            if tracklet.due and not _crowded(k, faces):
                tracklet.remember(frame, look(k))
        return numbers

    def _alive(self, frame: int) -> list[Tracklet]:
        return [t for t in self._live if frame - t.last <= self.gap]

    def _begin(self, frame: int, landmarks: Float32[np.ndarray, "68 2"]) -> Tracklet:
        tracklet = Tracklet(len(self.tracklets), self._shot, frame, frame, landmarks, landmarks)
        tracklet.area = size_of(landmarks) ** 2
        self.tracklets.append(tracklet)
        self._live.append(tracklet)
        return tracklet


def size_of(landmarks: Float[np.ndarray, "68 2"]) -> float:
    """Give the side of a square as large as the landmarks' box."""
    return float(np.sqrt(np.prod(np.maximum(np.ptp(landmarks, axis=0), 1.0))))


def _assign(
    live: Sequence[Tracklet],
    frame: int,
    faces: Sequence[Float32[np.ndarray, "68 2"]],
    look: Callable[[int], Look],
) -> dict[int, Tracklet]:
    """Give faces to tracklets: face number -> tracklet."""
    if not live or not faces:
        return {}
    cost = np.array([[_far(t, frame, face) for face in faces] for t in live])
    reach = np.array([min(REACH + _REACH_PER_FRAME * (frame - t.last - 1), _REACH_MOST) for t in live])[:, None]
    meant = cost <= reach
    # Where a face could be two, or two could be a face, they are looked at.
    doubtful = meant & ((meant.sum(0) > 1)[None, :] | (meant.sum(1) > 1)[:, None])
    for t, k in np.argwhere(doubtful):
        if live[t].looks:
            known = [known for _, known in live[t].looks]
            cost[t, k] += _LOOKS_COUNT * float(unlike([look(int(k))], known).min())
    rows, columns = linear_sum_assignment(np.where(meant, cost, 1e6))
    return {int(k): live[t] for t, k in zip(rows, columns, strict=True) if meant[t, k]}


def _far(tracklet: Tracklet, frame: int, landmarks: Float32[np.ndarray, "68 2"]) -> float:
    """Mean distance from the expected landmarks, in sizes of the smaller face."""
    size = min(size_of(landmarks), size_of(tracklet.landmarks))
    return float(np.linalg.norm(tracklet.expected(frame) - landmarks, axis=1).mean()) / size


def _crowded(k: int, faces: Sequence[Float32[np.ndarray, "68 2"]]) -> bool:
    """Tell whether another face lies so near that a look might show it."""
    here, size = faces[k].mean(0), size_of(faces[k])
    return any(
        np.linalg.norm(here - other.mean(0)) < 0.5 * (size + size_of(other))
        for index, other in enumerate(faces)
        if index != k
    )


# ---- people -------------------------------------------------------------------------------------------------------


def people(tracklets: Sequence[Tracklet]) -> list[int]:
    """Give the person of each tracklet: 1 is the most prominent (area x time), 0 what was seen too shortly to count.

    The two groups that are most alike become one, until none are alike enough (average linkage); never two that are
    seen at one time.
    """
    groups = [[t] for t in tracklets]
    far = np.full((len(groups), len(groups)), np.inf)
    for a in range(len(groups)):
        for b in range(a):
            far[a, b] = far[b, a] = _apart(tracklets[a], tracklets[b])
    while len(groups) > 1 and far.min() < SAME:
        a, b = sorted(int(k) for k in np.unravel_index(int(far.argmin()), far.shape))
        share = np.array([sum(t.count for t in groups[k]) for k in (a, b)], float)
        merged = (share[0] * far[a] + share[1] * far[b]) / share.sum()  # inf stays: seen at one time
        far[a] = far[:, a] = merged
        far[a, a] = np.inf
        far = np.delete(np.delete(far, b, 0), b, 1)
        groups[a] += groups.pop(b)
    groups.sort(key=lambda group: -sum(t.area for t in group))
    numbers, person = [0] * len(tracklets), 0
    for group in groups:
        if sum(t.count for t in group) >= _FEW:
            person += 1
            for t in group:
                numbers[t.number] = person
    return numbers


def _apart(a: Tracklet, b: Tracklet) -> float:
    """How unlike two tracklets are: below SAME they are one person's; inf where both are seen at one time."""
    if a.first <= b.last and b.first <= a.last:
        return np.inf
    if not a.looks or not b.looks:
        return np.inf
    # The pairs most alike: faces turn and act, and say most about who they are where they do the same.
    pairs = np.sort(unlike(_some_looks(a), _some_looks(b)), axis=None)[:_PAIRS]
    apart = float(pairs.mean())
    return apart / _SAME_PLACE if _one_place(a, b) else apart


def _some_looks(tracklet: Tracklet) -> list[Look]:
    """Give a few looks, evenly over its time: a film has hundreds of tracklets, all compared with all."""
    chosen = np.unique(np.linspace(0, len(tracklet.looks) - 1, _COMPARED).round().astype(int))
    return [tracklet.looks[k][1] for k in chosen]


def _one_place(a: Tracklet, b: Tracklet) -> bool:
    """Tell whether one of a shot begins about where the other was lost."""
    earlier, later = (a, b) if a.last < b.first else (b, a)
    sizes = size_of(earlier.landmarks), size_of(later.first_landmarks)
    near = np.linalg.norm(earlier.landmarks.mean(0) - later.first_landmarks.mean(0)) < max(sizes)
    return a.shot == b.shot and bool(near) and max(sizes) < 1.5 * min(sizes)
