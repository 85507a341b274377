"""FAN around its weights, of which none are here: painted faces show the geometry, random weights the arithmetic."""

import re

import numpy as np
import pytest
import torch

SIZE = 320  # px of a frame
CELLS = 64  # of a heat map, across a crop


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A detector of painted faces of about a third of the frame."""
    from painted_faces import write_blazeface, write_fan_archive

    from mead_manip.backends.fan import FanLandmarks

    folder = tmp_path_factory.mktemp("painted")
    write_blazeface(folder, 0.3)
    return FanLandmarks(str(write_fan_archive(folder / "2DFAN4-painted.zip")), "cpu")


@pytest.fixture(scope="module")
def random_cache(tmp_path_factory):
    """TORCH_HOME with random weights under the names that face-alignment looks for."""
    from face_alignment.models import FAN
    from painted_faces import write_blazeface

    home = tmp_path_factory.mktemp("torch")
    checkpoints = home / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(FAN(4).state_dict(), checkpoints / "2DFAN4-11f355bf06.pth.tar")
    write_blazeface(checkpoints, 0.3)
    return home


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    return tmp_path


def moving(side: float, n_frames: int = 24) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames of one painted face that drifts, swings and grows, and its landmarks."""
    from painted_faces import landmarks_at, paint

    time = np.arange(n_frames)
    places = [
        (float(x), float(y), float(s))
        for x, y, s in zip(40.3 + 2.2 * time, 60.6 + 9 * np.sin(time / 5), side * (1 + 0.004 * time), strict=True)
    ]
    return [paint(SIZE, SIZE, [place]) for place in places], np.stack([landmarks_at(*place) for place in places])


def distances(found, truth: np.ndarray) -> np.ndarray:
    assert [len(faces) for faces in found] == [1] * len(truth)
    return np.linalg.norm(np.stack([faces[0].landmarks_px for faces in found]) - truth, axis=-1)


# ---- geometry ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [60, 110, 190])
def test_painted_faces_are_measured_as_finely_as_heat_maps_allow(painted, side):
    frames, truth = moving(side)
    cell = 2 * side * 200 / 195 / CELLS  # frame px
    error = distances(painted.detect(frames), truth)
    # A quarter of a cell is what the decoding resolves; half a pixel is what face-alignment's crops are off.
    assert error.mean() < 0.25 * cell + 0.5
    assert error.max() < 1.5 * cell


def test_calls_of_any_length_follow_the_same_face(painted):
    frames, truth = moving(110)
    cell = 2 * 110 * 200 / 195 / CELLS
    for length in (1, 7, 10):
        found, hints = [], []
        for start in range(0, len(frames), length):
            found += painted.detect(frames[start : start + length], hints, start)
            hints = [face.landmarks_px for face in found[-1]]
        assert distances(found, truth).mean() < 0.25 * cell + 0.5


def test_the_whole_frame_is_searched_on_every_tenth_frame_of_the_video():
    from mead_manip.backends.fan import _looks

    assert _looks(25, 0, known=False, short=10) == [0, 10, 20]
    assert _looks(8, 8, known=True, short=10) == [2]
    assert _looks(8, 11, known=True, short=10) == []
    assert _looks(8, 13, known=False, short=10) == [0, 7]  # frame 20 is the last, and nothing is known before it
    # A GPU wants the other end of the way that its crops lie on.
    assert _looks(25, 0, known=False, short=2) == [0, 10, 20, 24]
    assert _looks(8, 8, known=True, short=2) == [2, 7]
    assert _looks(2, 11, known=True, short=2) == []


@pytest.mark.parametrize("short", [2, 10])
def test_a_face_is_followed_to_the_end_of_a_call_either_way(painted, monkeypatch, short):
    from mead_manip.backends import fan

    monkeypatch.setattr(fan, "_CPU_SHORT", short)
    frames, truth = moving(110, 19)
    assert distances(painted.detect(frames), truth).mean() < 0.25 * 2 * 110 * 200 / 195 / CELLS + 0.5


def test_large_frames_and_faces_at_the_rim(painted):
    import cv2
    from painted_faces import landmarks_at, paint

    small = paint(SIZE, SIZE, [(100, 100, 110)])
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    error = distances(painted.detect([large]), landmarks_at(100, 100, 110)[None] * 4 + 1.5)
    assert error.mean() < 0.25 * 4 * 2 * 110 / CELLS + 0.5
    for x, y in ((0, 20), (SIZE - 111, SIZE - 111)):
        error = distances(painted.detect([paint(SIZE, SIZE, [(x, y, 110)])]), landmarks_at(x, y, 110)[None])
        assert error.mean() < 2


def test_a_crop_that_lies_badly_is_cut_again(painted):
    """A jerk that no straight line between two looks foresees."""
    from painted_faces import landmarks_at, paint

    xs = [60.0] * 4 + [105.0] * 3 + [60.0] * 4
    truth = np.stack([landmarks_at(x, 100, 100) for x in xs])
    assert distances(painted.detect([paint(SIZE, SIZE, [(x, 100, 100)]) for x in xs]), truth).mean() < 1.5


# ---- faces that come, go and meet ----------------------------------------------------------------------------------


def test_a_face_that_leaves_and_comes_again(painted):
    from painted_faces import paint

    face, nothing = paint(SIZE, SIZE, [(100, 100, 110)]), paint(SIZE, SIZE, [])
    shows = [True] * 14 + [False] * 12 + [True] * 14
    found = painted.detect([face if shown else nothing for shown in shows])
    assert [len(faces) == 1 for faces in found] == shows


def test_two_faces_are_told_apart_and_sorted(painted):
    from painted_faces import landmarks_at, paint

    pairs = [((20.0 + t, 60.0, 80.0), (190.0 - t, 150.0, 90.0)) for t in range(12)]
    found = painted.detect([paint(SIZE, SIZE, list(pair)) for pair in pairs])
    assert [len(faces) for faces in found] == [2] * len(pairs)
    for faces, (small, large) in zip(found, pairs, strict=True):
        assert np.abs(faces[0].landmarks_px - landmarks_at(*large)).mean() < 2
        assert np.abs(faces[1].landmarks_px - landmarks_at(*small)).mean() < 2


def test_a_hint_is_followed_where_the_detector_is_blind(painted):
    from painted_faces import landmarks_at, paint

    frame = paint(SIZE, SIZE, [(100, 100, 110)])
    frame[(frame[..., 0] == 255) & (frame[..., 2] == 0)] = 0  # without the disc BlazeFace sees nothing
    assert painted.detect([frame] * 3) == [[], [], []]
    found = painted.detect([frame] * 12, [landmarks_at(104, 97, 115)], first=5)
    assert distances(found, np.stack([landmarks_at(100, 100, 110)] * 12)).mean() < 1.5


def test_a_doubtful_face_is_let_go_at_a_look_that_does_not_show_it(tmp_path):
    from painted_faces import landmarks_at, paint, write_blazeface, write_fan_archive

    from mead_manip.backends.fan import FanLandmarks

    write_blazeface(tmp_path, 0.3)
    doubtful = FanLandmarks(str(write_fan_archive(tmp_path / "painted.zip", height=0.5)), "cpu")
    frame = paint(SIZE, SIZE, [(100, 100, 110)])
    assert [len(faces) for faces in doubtful.detect([frame] * 6)] == [1] * 6
    frame[(frame[..., 0] == 255) & (frame[..., 2] == 0)] = 0  # BlazeFace sees nothing any more
    found = doubtful.detect([frame] * 6, [landmarks_at(100, 100, 110)], first=7)
    assert [len(faces) for faces in found] == [1, 1, 1, 0, 0, 0]


def test_a_hint_that_leads_nowhere_is_no_face(painted):
    from painted_faces import landmarks_at, paint

    nothing = paint(SIZE, SIZE, [])
    for place in ((100, 100, 110), (-500, 0, 80), (100, 100, 2), (0, 0, 9000)):
        assert painted.detect([nothing] * 3, [landmarks_at(*place)], first=1) == [[], [], []]


# ---- arithmetic ----------------------------------------------------------------------------------------------------


def test_the_same_landmarks_as_face_alignment_itself(random_cache, monkeypatch):
    import face_alignment

    from mead_manip.backends.fan import FanLandmarks
    from mead_manip.backends.fan_crops import place, read_landmarks

    monkeypatch.setenv("TORCH_HOME", str(random_cache))
    for name in ("transform_np", "_get_preds_fromhm"):  # the same code, not compiled: compiling takes 10 s
        monkeypatch.setattr(face_alignment.utils, name, getattr(face_alignment.utils, name).py_func)
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    boxes = [[200.3, 150.7, 300.1, 270.9], [250.0, 200.0, 420.0, 400.0], [150.0, 120.0, 210.0, 200.0]]
    theirs = face_alignment.FaceAlignment(
        face_alignment.LandmarksType.TWO_D, device="cpu", flip_input=False, face_detector="blazeface", compile=False
    )
    expected = np.stack(theirs.get_landmarks(frame, detected_faces=boxes))
    ours = FanLandmarks(device="cpu")
    jobs = [(frame, place(box, theirs.face_detector.reference_scale)) for box in boxes]
    points, scores = zip(*read_landmarks(ours._network, jobs), strict=True)
    # Theirs are cut down to whole pixels, counted from the rim; ours count from the middle of the first pixel.
    assert np.abs(np.stack(points) - expected).max() <= 0.5 + 1e-3
    assert all(0 <= score <= 1 for score in scores)


def test_a_peak_is_read_to_a_quarter_of_a_cell():
    from mead_manip.backends.fan_crops import decode

    maps = torch.zeros(1, 4, 8, 8)
    maps[0, 0, 3, 5], maps[0, 0, 3, 6], maps[0, 0, 2, 5] = 1.0, 0.5, 0.2  # higher on the right, and above
    maps[0, 1, 3, 5] = 0.7  # nothing around it
    maps[0, 2, 0, 7] = 0.9  # in a corner
    points, peaks = decode(maps)
    assert points[0, :3].tolist() == [[5.75, 3.25], [5.5, 3.5], [7.5, 0.5]]
    assert peaks[0].tolist() == pytest.approx([1.0, 0.7, 0.9, 0.0])


def test_a_state_dict_tells_how_many_hourglasses_it_has(tmp_path):
    from face_alignment.models import FAN

    from mead_manip.backends.fan_source import load_network

    torch.save(FAN(1).state_dict(), tmp_path / "2DFAN1.pth")
    network = load_network(tmp_path / "2DFAN1.pth", torch.device("cpu"))
    assert len(network(torch.zeros(1, 3, 256, 256))) == 1 and not network.training


# ---- weights -------------------------------------------------------------------------------------------------------


def test_weights_of_the_hub_cache_are_found_and_named_by_content(random_cache, monkeypatch):
    from mead_manip.backends.fan import FanLandmarks

    monkeypatch.setenv("TORCH_HOME", str(random_cache))
    detector = FanLandmarks()
    assert re.fullmatch(r"fan@[0-9a-f]{16}", detector.digest)
    assert not {"_network", "_detector"} & set(vars(detector))


def test_other_weights_have_another_digest(painted, tmp_path, empty_cache):
    from painted_faces import write_blazeface, write_fan_archive

    from mead_manip.backends.fan import FanLandmarks

    archive = write_fan_archive(tmp_path / "2DFAN4-painted.zip")
    write_blazeface(tmp_path, 0.31)
    digests = {painted.digest, FanLandmarks(str(archive)).digest}
    archive.write_bytes(archive.read_bytes() + b" ")
    assert len(digests | {FanLandmarks(str(archive)).digest}) == 3


def test_without_weights_one_line_says_what_is_missing(empty_cache):
    from painted_faces import write_blazeface

    from mead_manip.backends.fan import FanLandmarks
    from mead_manip.errors import BackendUnavailable

    line = r"no weights of FAN in .*checkpoints; expected 2DFAN4-11f355bf06.pth.tar; download .*--landmarks-model"
    with pytest.raises(BackendUnavailable, match=line):
        FanLandmarks()
    with pytest.raises(BackendUnavailable, match="does not exist"):
        FanLandmarks(str(empty_cache / "none"))
    (empty_cache / "2DFAN4-x.pth").touch()
    with pytest.raises(BackendUnavailable, match="no weights of a face detector.*yunet.*s3fd"):
        FanLandmarks(str(empty_cache))
    write_blazeface(empty_cache, 0.3)
    assert FanLandmarks(str(empty_cache)).digest
    assert not (empty_cache / "nothing").exists()  # nothing was downloaded, no folder made


def test_the_fastest_detector_is_taken(empty_cache):
    from mead_manip.backends.fan_source import find

    for name, expected in (
        ("s3fd-619a316812.pth", "sfd"),
        ("blazeface.pth", "sfd"),
        ("anchors.npy", "blazeface"),
        ("retinaface_mobilenet0.25.pth", "retinaface"),
        ("yunet_n_640_640.onnx", "yunet"),
    ):
        (empty_cache / "2DFAN4.pth").touch()
        (empty_cache / name).touch()
        assert find(str(empty_cache)).detector == expected


def test_a_program_is_run_only_where_it_is_named(empty_cache):
    from painted_faces import write_blazeface, write_fan_archive

    from mead_manip.backends.fan_source import find
    from mead_manip.errors import BackendUnavailable

    archive = write_fan_archive(empty_cache / "2DFAN4-cd938726ad.zip")
    write_blazeface(empty_cache, 0.3)
    with pytest.raises(BackendUnavailable, match=r"2DFAN4-cd938726ad.zip is a program.*name it itself"):
        find(str(empty_cache))
    assert find(str(archive)).network == archive


def test_files_that_are_no_weights_are_refused_and_never_unpickled(empty_cache, tmp_path):
    import pickle

    from painted_faces import write_blazeface

    from mead_manip.backends.fan import FanLandmarks
    from mead_manip.errors import BackendUnavailable

    class Gadget:
        def __reduce__(self):
            return (tmp_path.joinpath("harm").touch, ())

    write_blazeface(empty_cache, 0.3)
    path = empty_cache / "2DFAN4.pth"
    frame = np.zeros((64, 64, 3), np.uint8)
    for content in (b"not weights", pickle.dumps(Gadget(), protocol=2), b""):
        path.write_bytes(content)
        with pytest.raises(BackendUnavailable, match="as FAN"):
            FanLandmarks(str(path)).detect([frame], [np.random.default_rng(0).uniform(10, 50, (68, 2)).astype("f4")], 1)
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(BackendUnavailable, match="as FAN"):
        FanLandmarks(str(path)).detect([frame])
    (empty_cache / "blazeface.pth").write_bytes(b"no detector")
    with pytest.raises(BackendUnavailable, match="as blazeface"):
        FanLandmarks(str(path)).detect([frame])
    assert not (tmp_path / "harm").exists()


def test_a_download_is_asked_for_and_checked(monkeypatch, tmp_path):
    from mead_manip.backends import fan_source
    from mead_manip.errors import BackendUnavailable
    from mead_manip.files import digest

    (tmp_path / "fan").write_bytes(b"network")
    (tmp_path / "yunet").write_bytes(b"detector")
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(fan_source, "FAN_URL", (tmp_path / "fan").as_uri())
    monkeypatch.setattr(fan_source, "YUNET_URL", (tmp_path / "yunet").as_uri())
    monkeypatch.setattr(fan_source, "YUNET_SHA256", digest(tmp_path / "yunet"))
    with pytest.raises(BackendUnavailable, match="expected 11f355bf06"):
        fan_source.find("download")
    assert not (cache / fan_source.FAN_FILE).exists()
    monkeypatch.setattr(fan_source, "FAN_SHA256", digest(tmp_path / "fan")[:10])
    source = fan_source.find("download")
    assert source.detector == "yunet" and source.network.read_bytes() == b"network"
    (tmp_path / "fan").unlink()
    assert fan_source.find("download") == source == fan_source.find(None)  # from now on without a network
