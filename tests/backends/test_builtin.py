"""The shipped landmark networks on a rendered head: found, followed, lost, mirrored."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def detector():
    from mead_manip.backends.builtin import BuiltinLandmarks

    return BuiltinLandmarks()


@pytest.fixture(scope="module")
def head():
    from faces import talking_head

    return talking_head()


def error(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean point distance / distance of the outer eye corners."""
    return float(np.linalg.norm(found - truth, axis=-1).mean() / np.linalg.norm(truth[45] - truth[36]))


def test_the_asset_is_small_and_named_by_its_content(detector):
    from mead_manip.artifacts.assets import asset_digest, asset_path

    assert asset_path("landmarker.h5").stat().st_size < 8 << 20
    assert detector.digest == f"builtin@{asset_digest('landmarker.h5')[:16]}"
    assert "_networks" not in vars(detector)  # told without loading the weights


def test_every_frame_of_a_rendered_head_is_found_and_measured(detector, head):
    frames, truth = head
    found = [faces[0] for faces in detector.detect(frames)]
    errors = [error(d.landmarks_px, points) for d, points in zip(found, truth, strict=True)]
    assert np.mean(errors) < 0.06
    assert all(0.5 <= d.score <= 1 for d in found)
    for d, points in zip(found, truth, strict=True):
        x0, y0, x1, y1 = d.box_px
        inside = (points >= [x0 - 8, y0 - 8]) & (points <= [x1 + 8, y1 + 8])
        assert inside.mean() > 0.95


def test_a_mirrored_frame_gives_mirrored_landmarks(detector, head):
    from mead_manip.models.landmarker import mirror_order

    frame = head[0][0]
    ((plain,),), ((mirrored,),) = detector.detect([frame]), detector.detect([np.ascontiguousarray(frame[:, ::-1])])
    back = mirrored.landmarks_px[mirror_order()] * [-1, 1] + [frame.shape[1] - 1, 0]
    assert error(back, plain.landmarks_px) < 0.02


def test_a_large_frame_gives_the_same_landmarks(detector, head):
    import cv2

    frame = head[0][0]
    large = cv2.resize(frame, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    ((small_found,),), ((large_found,),) = detector.detect([frame]), detector.detect([large])
    assert error((large_found.landmarks_px + 0.5) / 5 - 0.5, small_found.landmarks_px) < 0.03


def test_a_face_that_leaves_is_lost_and_found_again(detector, head):
    frames = [head[0][0]] * 3 + [np.full_like(head[0][0], 128)] * 3 + [head[0][0]] * 3
    assert [bool(faces) for faces in detector.detect(frames)] == [True] * 3 + [False] * 3 + [True] * 3


def test_pictures_without_a_face(detector):
    noise = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    ramp = np.tile(np.linspace(0, 255, 200, dtype=np.uint8)[None, :, None], (120, 1, 3))
    assert detector.detect([noise, ramp, np.zeros((64, 64, 3), np.uint8)]) == [[], [], []]


def test_two_faces_are_found_and_both_followed(detector, head):
    both = [np.concatenate([frame, frame], axis=1) for frame in head[0]]
    width = head[0][0].shape[1]
    for index, faces in enumerate(detector.detect(both)):
        assert len(faces) == 2
        left, right = sorted(faces, key=lambda face: face.box_px[0])
        assert error(left.landmarks_px, head[1][index]) < 0.1
        assert error(right.landmarks_px, head[1][index] + [width, 0]) < 0.1


def test_a_hinted_face_is_followed_where_no_look_is_due(detector, head):
    both = np.concatenate([head[0][0], head[0][0]], axis=1)
    for offset in (0, head[0][0].shape[1]):
        hint = (head[1][0] + [offset, 0]).astype(np.float32)
        ((found,),) = detector.detect([both], [hint], first=1)
        assert error(found.landmarks_px, hint) < 0.1


def test_faces_do_not_depend_on_how_frames_are_grouped(detector, head):
    frames = [*head[0], *head[0][::-1]]
    at_once = detector.detect(frames)
    one_by_one, hints = [], []
    for index, frame in enumerate(frames):
        (faces,) = detector.detect([frame], hints, index)
        one_by_one.append(faces)
        hints = [face.landmarks_px for face in faces]
    for a, b in zip(at_once, one_by_one, strict=True):
        assert np.array_equal([face.landmarks_px for face in a], [face.landmarks_px for face in b])


def test_weights_that_are_not_there(tmp_path):
    from mead_manip.backends.builtin import BuiltinLandmarks
    from mead_manip.errors import BackendUnavailable

    with pytest.raises(BackendUnavailable, match="does not exist"):
        BuiltinLandmarks(str(tmp_path / "none.h5"))


def test_agreement_with_mediapipe_on_a_real_video(detector, shared):
    """On real footage, against an independent detector; the limit is what the shipped weights reach, with room."""
    pytest.importorskip("mediapipe")
    from mead_manip.backends.mediapipe import MediapipeLandmarks
    from mead_manip.media.video import read_frames

    other = MediapipeLandmarks(str(shared / "weights" / "face_landmarker.task"))
    frames = [frame for _, _, frame in read_frames(shared / "media" / "video" / "single_face.mp4", end=24)]
    ours, theirs = ([faces[0] for faces in d.detect(frames)] for d in (detector, other))
    other.close()
    assert np.mean([error(a.landmarks_px, b.landmarks_px) for a, b in zip(ours, theirs, strict=True)]) < 0.06
