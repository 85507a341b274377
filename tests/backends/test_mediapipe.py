"""MediaPipe's landmarks as iBUG-68, and what is said where its package or model is missing."""

import importlib.util
import sys

import numpy as np
import pytest


def test_mesh_points_fall_into_ibug_order():
    from mead_manip.backends.mediapipe import ibug_from_mesh

    mesh = np.zeros((478, 2), np.float32)
    mesh[:, 0] = np.arange(478)
    points = ibug_from_mesh(mesh)
    assert points[0, 0] == 127 and points[8, 0] == 152 and points[16, 0] == 356
    assert points[36, 0] == 33 and points[45, 0] == 263 and points[48, 0] == 61 and points[54, 0] == 291


def test_a_model_that_is_not_there(tmp_path):
    pytest.importorskip("mediapipe")
    from mead_manip.backends.mediapipe import MediapipeLandmarks
    from mead_manip.errors import BackendUnavailable

    with pytest.raises(BackendUnavailable, match="face_landmarker.task"):
        MediapipeLandmarks(str(tmp_path / "none.task"))
    (tmp_path / "bad.task").write_bytes(b"not a model")
    with pytest.raises(BackendUnavailable, match="no FaceLandmarker model"):
        MediapipeLandmarks(str(tmp_path / "bad.task")).detect([np.zeros((64, 64, 3), np.uint8)])


def test_a_missing_package_names_the_extra(monkeypatch):
    from mead_manip.backends import mediapipe
    from mead_manip.errors import BackendUnavailable

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"mead-manip\[mediapipe\]"):
        mediapipe.MediapipeLandmarks()


def test_offline_without_a_model_says_what_to_do(monkeypatch, tmp_path):
    from mead_manip.backends import mediapipe
    from mead_manip.errors import BackendUnavailable

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(mediapipe, "URL", "http://127.0.0.1:9/face_landmarker.task")
    with pytest.raises(BackendUnavailable, match="--landmarks-model"):
        mediapipe.fetch_model()
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_download_with_the_wrong_content_is_refused(monkeypatch, tmp_path):
    from mead_manip.backends import mediapipe
    from mead_manip.errors import BackendUnavailable

    (tmp_path / "model").write_bytes(b"something else")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(mediapipe, "URL", (tmp_path / "model").as_uri())
    with pytest.raises(BackendUnavailable, match=mediapipe.SHA256):
        mediapipe.fetch_model()
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_a_real_face(shared, capfd):
    pytest.importorskip("mediapipe")
    from mead_manip.backends.mediapipe import MediapipeLandmarks
    from mead_manip.media.images import read_image
    from mead_manip.training.landmark_data import read_london

    detector = MediapipeLandmarks(str(shared / "weights" / "face_landmarker.task"))
    assert "mediapipe" not in vars(detector)
    picture = read_london(shared / "media" / "london")[0]
    rgb = read_image(shared / "media" / "london" / f"{picture.person.split('/')[1]}_neutral.jpg")
    (found,), nothing = detector.detect([rgb, np.zeros((100, 100, 3), np.uint8)])
    detector.close()
    assert nothing == []
    assert found.mesh_px.shape == (detector.n_mesh, 2)
    for pupil, eye in zip(found.pupils_px, (found.landmarks_px[36:42], found.landmarks_px[42:48]), strict=True):
        assert (eye.min(0) < pupil).all() and (pupil < eye.max(0)).all()
    # By hand: iBUG-68, then the pupils.
    seen = np.concatenate([found.landmarks_px, found.pupils_px])
    distance = np.linalg.norm(seen - picture.landmarks_px, axis=1)
    size = np.linalg.norm(picture.landmarks_px[45] - picture.landmarks_px[36])
    assert distance[:68].mean() / size < 0.06 and distance[68:].mean() / size < 0.06
    assert capfd.readouterr().err == ""
    assert sys.modules["mediapipe"] is not None


def test_points_lie_where_they_are_at_every_size(shared):
    """A face enlarged, shrunk or mirrored has its points where they were: none is half a pixel off."""
    pytest.importorskip("mediapipe")
    import cv2

    from mead_manip.backends.mediapipe import MediapipeLandmarks
    from mead_manip.media.images import read_image

    detector = MediapipeLandmarks(str(shared / "weights" / "face_landmarker.task"))
    moved = []
    for path in sorted((shared / "media" / "london").glob("*_neutral.jpg"))[:8]:
        rgb = read_image(path)
        ((face,),) = detector.detect([rgb])
        size = np.linalg.norm(face.landmarks_px[45] - face.landmarks_px[36])
        for scale in (0.5, 2.0):
            other = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            ((found,),) = detector.detect([other])
            moved.append(((found.mesh_px + 0.5) / scale - 0.5 - face.mesh_px).mean(0) / size)
        ((found,),) = detector.detect([np.ascontiguousarray(rgb[:, ::-1])])
        across = rgb.shape[1] - 1 - found.mesh_px[:, 0].mean() - face.mesh_px[:, 0].mean()
        moved.append([across / 2 / size, 0])
    detector.close()
    assert np.abs(np.mean(np.array(moved).reshape(8, 3, 2), axis=0)).max() < 0.002
