"""What every landmark detector promises, whatever is inside: one parameter for each line of the registry."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

N_FRAMES = 12


@dataclass(frozen=True)
class Case:
    """A detector, frames of one face that it knows, the truth, and how far it may lie off in inter-ocular distances."""

    detector: Any
    frames: list[np.ndarray]
    truth: np.ndarray
    within: float


def _builtin(request) -> Case:
    from faces import talking_head

    from mead_manip.backends import registry

    return Case(registry.load("landmarks", "builtin"), *talking_head(N_FRAMES), 0.06)


def _fan(request) -> Case:
    from painted_faces import landmarks_at, paint, write_blazeface, write_fan_archive

    from mead_manip.backends import registry

    folder = request.getfixturevalue("tmp_path_factory").mktemp("fan")
    write_blazeface(folder, 0.3)
    places = [(60.2 + 3 * t, 80.7 + t, 100.0) for t in range(N_FRAMES)]
    model = str(write_fan_archive(folder / "painted.zip"))
    return Case(
        registry.load("landmarks", "fan", model=model, device="cpu"),
        [paint(300, 320, [place]) for place in places],
        np.stack([landmarks_at(*place) for place in places]),
        0.03,
    )


def _mediapipe(request) -> Case:
    """On footage; the truth is what it finds in a larger picture of each frame by itself."""
    pytest.importorskip("mediapipe")
    import cv2

    from mead_manip.backends import registry
    from mead_manip.media.video import read_frames

    shared = request.getfixturevalue("shared")
    model = str(shared / "weights" / "face_landmarker.task")
    detector = registry.load("landmarks", "mediapipe", model=model)
    request.addfinalizer(detector.close)
    video = shared / "media" / "video" / "single_face.mp4"
    frames = [frame for _, _, frame in read_frames(video, end=N_FRAMES)]
    large = [cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for frame in frames]
    truth = np.stack([(faces[0].landmarks_px + 0.5) / 2 - 0.5 for faces in detector.detect(large)])
    return Case(detector, frames, truth, 0.03)


CASES = {"builtin": _builtin, "fan": _fan, "mediapipe": _mediapipe}


@pytest.fixture(scope="module", params=sorted(CASES))
def case(request) -> Case:
    return CASES[request.param](request)


def test_every_detector_of_the_registry_is_here():
    from mead_manip.backends import registry

    assert set(registry.names("landmarks")) == set(CASES)


def landmarks(found: list) -> np.ndarray:
    assert [len(faces) for faces in found] == [1] * len(found)
    return np.stack([faces[0].landmarks_px for faces in found])


def error(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance in distances of the outer eye corners."""
    size = np.linalg.norm(truth[:, 45] - truth[:, 36], axis=-1)
    return float((np.linalg.norm(found - truth, axis=-1).mean(1) / size).mean())


def test_name_and_digest(case):
    from mead_manip.backends.interfaces import LandmarkDetector

    assert isinstance(case.detector, LandmarkDetector)
    assert re.fullmatch(rf"{case.detector.name}@[0-9a-f]{{16}}", case.detector.digest)
    assert case.detector.digest == case.detector.digest


def test_landmarks_lie_on_the_face_in_pixels_of_the_frame(case):
    assert error(landmarks(case.detector.detect(case.frames)), case.truth) < case.within


def test_a_detection_is_whole(case):
    for (face,) in case.detector.detect(case.frames):
        assert face.landmarks_px.shape == (68, 2) and face.landmarks_px.dtype == np.float32
        assert 0 < face.score <= 1
        x0, y0, x1, y1 = face.box_px
        assert x0 < x1 and y0 < y1
        inside = (face.landmarks_px >= [x0 - 1, y0 - 1]) & (face.landmarks_px <= [x1 + 1, y1 + 1])
        assert inside.mean() > 0.95
        assert (0 if face.mesh_px is None else len(face.mesh_px)) == case.detector.n_mesh
        if face.pupils_px is not None:
            middles = np.stack([face.landmarks_px[36:42].mean(0), face.landmarks_px[42:48].mean(0)])
            assert np.linalg.norm(face.pupils_px - middles, axis=1).max() < 0.3 * (x1 - x0)


def test_nothing_is_kept_between_calls(case):
    once = landmarks(case.detector.detect(case.frames))
    case.detector.detect(case.frames[::-1])
    np.testing.assert_array_equal(landmarks(case.detector.detect(case.frames)), once)
    case.detector.close()
    np.testing.assert_array_equal(landmarks(case.detector.detect(case.frames)), once)


@pytest.mark.parametrize("length", [1, 5])
def test_calls_of_any_length_see_the_same(case, length):
    found, hints = [], []
    for start in range(0, N_FRAMES, length):
        found += case.detector.detect(case.frames[start : start + length], hints, start)
        hints = [face.landmarks_px for face in found[-1]]
    assert error(landmarks(found), landmarks(case.detector.detect(case.frames))) < case.within


def test_the_largest_face_comes_first(case):
    import cv2

    frame = case.frames[0]
    small = cv2.resize(frame, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    both = np.zeros((frame.shape[0], frame.shape[1] + small.shape[1], 3), np.uint8)
    both[: small.shape[0], : small.shape[1]] = small
    both[:, small.shape[1] :] = frame
    if case.detector.name == "fan":
        pytest.skip("BlazeFace sees only the middle of a wide frame; test_fan has two faces")
    (faces,) = case.detector.detect([both])
    assert len(faces) == 2
    assert faces[0].landmarks_px.mean(0)[0] > small.shape[1] > faces[1].landmarks_px.mean(0)[0]


def test_no_frames_no_faces_and_odd_frames(case):
    assert case.detector.detect([]) == []
    for shape in ((64, 64), (50, 300), (301, 7), (1, 1)):
        assert case.detector.detect([np.zeros((*shape, 3), np.uint8)] * 2) == [[], []]


def test_a_view_of_a_frame_is_as_good_as_a_copy(case):
    wide = np.zeros((case.frames[0].shape[0], case.frames[0].shape[1] + 4, 3), np.uint8)
    wide[:, 2:-2] = case.frames[0]
    view, copy = wide[:, 2:-2], case.frames[0].copy()
    view.flags.writeable = False
    for there, here in zip(case.detector.detect([view]), case.detector.detect([copy]), strict=True):
        np.testing.assert_array_equal(there[0].landmarks_px, here[0].landmarks_px)
