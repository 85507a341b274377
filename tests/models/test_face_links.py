"""Who is who: no swaps, gaps bridged, cuts never crossed, people known again."""

import numpy as np
import pytest

FACE = np.random.default_rng(7).uniform(-50, 50, (68, 2)).astype(np.float32)


def at(x: float, y: float = 200.0, size: float = 1.0) -> np.ndarray:
    """Landmarks of a face, 100 px large."""
    return (FACE * size + [x, y]).astype(np.float32)


def looks_like(person: int, rng: np.random.Generator):
    """One look at a person: a pattern of their own, and a little of everything."""
    from mead_manip.media.face_looks import Look

    own = np.random.default_rng(100 + person).dirichlet(np.full(59, 0.3), 24)
    mixed = 0.93 * own + 0.07 * rng.dirichlet(np.full(59, 0.3), 24)
    return Look(mixed.astype(np.float32).ravel(), b"")


def follow(frames, gap: int = 30, cuts=()):
    """Track frames of {person: landmarks}; give {person: tracklets it was given to}, in order, and the tracker."""
    from mead_manip.models.face_links import FaceTracker

    tracker, rng, given = FaceTracker(gap), np.random.default_rng(0), {}
    for index, faces in enumerate(frames):
        if index in cuts:
            tracker.cut()
        order = list(faces)
        rng.shuffle(order)
        numbers = tracker.step(index, [faces[p] for p in order], lambda k, order=order: looks_like(order[k], rng))
        assert len(set(numbers)) == len(numbers)
        for person, number in zip(order, numbers, strict=True):
            history = given.setdefault(person, [])
            if not history or history[-1] != number:
                history.append(number)
    return given, tracker


def wobble(seed: int, n_frames: int, amount: float = 4.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, amount, n_frames)


def test_looks_of_one_person_are_alike():
    from mead_manip.media.face_looks import unlike

    rng = np.random.default_rng(0)
    ones, twos = ([looks_like(person, rng) for _ in range(3)] for person in (1, 2))
    assert unlike(ones, ones).max() < 0.5 and np.allclose(np.diag(unlike(ones, ones)), 0, atol=1e-6)
    assert unlike(ones, twos).min() > 1.5 and unlike(ones, twos[:2]).shape == (3, 2)


def test_two_people_side_by_side_keep_their_tracklets():
    a, b = wobble(1, 60), wobble(2, 60)
    given, tracker = follow([{1: at(200 + a[k]), 2: at(330 + b[k])} for k in range(60)])
    assert [len(history) for history in given.values()] == [1, 1] and len(tracker.tracklets) == 2


def test_two_people_who_cross_are_not_swapped():
    """The one behind is not seen for as long as the other covers it."""
    frames = []
    for k in range(60):
        left, right = 100 + 8.0 * k, 572 - 8.0 * k
        hidden = abs(left - right) < 70
        frames.append({1: at(left), **({} if hidden else {2: at(right, 215)})})
    given, _ = follow(frames)
    assert [len(history) for history in given.values()] == [1, 1]


def test_two_people_who_meet_and_turn_back_are_not_swapped():
    """Their motion says that they cross, their looks that they do not."""
    frames = []
    for k in range(80):
        reach = 200 - 5.0 * (40 - abs(k - 40))
        faces = {1: at(300 - reach), 2: at(300 + reach, 212)}
        frames.append(faces if reach > 35 else {1: faces[1]})
    given, _ = follow(frames)
    assert [len(history) for history in given.values()] == [1, 1]


def test_a_short_gap_is_bridged_and_a_long_one_is_not():
    frames = [{1: at(200 + 2 * k)} if not 20 <= k < 35 else {} for k in range(60)]
    assert follow(frames, gap=20)[0] == {1: [0]}
    assert follow(frames, gap=10)[0] == {1: [0, 1]}


def test_one_who_leaves_does_not_become_another():
    frames = [{1: at(200), 2: at(420)} if k < 25 else {1: at(200)} for k in range(80)]
    frames += [{1: at(200), 3: at(430)} for _ in range(40)]
    given, _ = follow(frames)
    assert given == {1: [given[1][0]], 2: [given[2][0]], 3: [given[3][0]]} and len({h[0] for h in given.values()}) == 3


def test_a_cut_ends_every_tracklet():
    given, _ = follow([{1: at(200)}] * 40, cuts=(15,))
    assert given == {1: [0, 1]}


def test_hints_are_where_faces_are_expected():
    _, tracker = follow([{1: at(200 + 6.0 * k)} for k in range(10)])
    (hint,) = tracker.hints(12)
    assert np.allclose(hint, at(200 + 6.0 * 12), atol=3)
    assert tracker.hints(200) == []


def persons(frames, **how):
    """Give {person: number by `people`} after tracking."""
    from mead_manip.models.face_links import people

    given, tracker = follow(frames, **how)
    numbers = people(tracker.tracklets)
    found = {person: {numbers[t] for t in history} for person, history in given.items()}
    assert all(len(n) == 1 for n in found.values()), found
    return {person: n.pop() for person, n in found.items()}


def test_people_are_known_again_after_cuts_and_numbered_by_area_and_time():
    shots = [
        ({1: at(300)}, 20),
        ({2: at(310)}, 30),
        ({1: at(280), 2: at(420)}, 20),
        ({3: at(300)}, 100),
        ({1: at(290)}, 25),
    ]
    frames, cuts = [], []
    for faces, n_frames in shots:
        cuts.append(len(frames))
        frames += [faces] * n_frames
    assert persons(frames, cuts=cuts[1:]) == {3: 1, 1: 2, 2: 3}
    large = [{1: at(200), 2: at(500, size=2)}] * 20 + [{1: at(200)}] * 20
    assert persons(large) == {2: 1, 1: 2}


def test_a_face_beyond_a_gap_is_known_again():
    frames = [{1: at(200)} if not 30 <= k < 90 else {} for k in range(120)]
    assert persons(frames, gap=20) == {1: 1}


def test_two_who_are_seen_at_once_are_never_one():
    from mead_manip.models.face_links import people

    twins = [{1: at(200), 2: at(400)}] * 30
    _, tracker = follow(twins)
    for tracklet in tracker.tracklets:
        tracklet.looks = [(0, looks_like(1, np.random.default_rng(0)))]
    assert sorted(people(tracker.tracklets)) == [1, 2]


def test_what_is_seen_for_three_frames_is_no_face():
    frames = [{1: at(200), **({2: at(420)} if 10 <= k < 13 else {})} for k in range(40)]
    assert persons(frames) == {1: 1, 2: 0}


def test_looks_are_spread_over_a_long_tracklet():
    _, tracker = follow([{1: at(200)}] * 700)
    frames = [frame for frame, _ in tracker.tracklets[0].looks]
    assert 6 <= len(frames) <= 12 and frames[0] == 0 and frames[-1] > 500


@pytest.fixture(scope="module")
def studio(shared):
    """Give looks at three men before one wall, the first and the second half of each clip."""
    from mead_manip.backends.builtin import BuiltinLandmarks
    from mead_manip.media.face_looks import look_at
    from mead_manip.media.video import read_frames

    detector, found = BuiltinLandmarks(), {}
    for name in ("talk_d5", "talk_d8", "talk_d18"):
        path = shared / "media" / "video" / f"{name}.mp4"
        frames = [frame for index, _, frame in read_frames(path) if index % 18 == 0]
        looks = [look_at(frame, faces[0].landmarks_px) for frame in frames if (faces := detector.detect([frame])[0])]
        found[name] = looks[: len(looks) // 2], looks[len(looks) // 2 :]
    return found


def test_real_people_before_one_wall_are_told_apart(studio):
    """Halves of a clip are one person with room to spare, and two clips are two."""
    from itertools import combinations

    from mead_manip.media.face_looks import unlike

    def apart(a, b):
        return np.sort(unlike(a, b), axis=None)[:3].mean()

    assert max(apart(*halves) for halves in studio.values()) < 0.75
    pairs = combinations(studio.values(), 2)
    assert min(apart(first + second, third + fourth) for (first, second), (third, fourth) in pairs) > 1.15
