"""The outside emotion classifier: its file, its crop, and with the real weights what it says of real smiles."""

import h5py
import numpy as np
import pytest
from keras_file import write_keras_file

WEIGHTS = "fer2013_mini_XCEPTION.102-0.66.hdf5"


def face_points(middle=(100.0, 90.0), eyes=40.0, tilt=0.0):
    """68 points of which eyes and nose tell place and size."""
    points = np.zeros((68, 2), np.float32)
    points[36:42], points[42:48] = (-eyes / 2, 0), (eyes / 2, 0)
    points[33] = (0, 0.72 * eyes)
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    return (points @ turn.T + middle).astype(np.float32)


def test_probabilities_are_in_our_order(tmp_path):
    from mead_manip.backends.fer import FerClassifier
    from mead_manip.emotions import NED_EMOTIONS
    from mead_manip.models.mini_xception import CLASSES

    arrays = write_keras_file(tmp_path / "model.hdf5")
    faces = list(np.random.default_rng(0).integers(0, 256, (70, 64, 64)).astype(np.uint8))
    judge = FerClassifier(tmp_path / "model.hdf5")
    found = judge.probabilities(faces)
    assert found.shape == (70, 7) and np.allclose(found.sum(axis=1), 1, atol=1e-5)
    assert judge.probabilities([]).shape == (0, 7)
    assert np.allclose(judge.probabilities(faces[66:67]), found[66], atol=1e-6)

    digest = judge.digest
    with h5py.File(tmp_path / "model.hdf5", "a") as file:  # a bias that settles the matter for "happy"
        bias = file["model_weights/conv2d_7/conv2d_7_1/bias:0"]
        bias[:] = arrays["conv2d_7"]["bias"] + 50 * (np.arange(7) == CLASSES.index("happy"))
    sure = FerClassifier(tmp_path / "model.hdf5")
    assert (sure.probabilities(faces).argmax(axis=1) == NED_EMOTIONS.index("happy")).all()
    assert sure.digest != digest


def test_the_square_follows_the_eyes_and_stays_level():
    from mead_manip.backends.fer import BELOW_EYES, SIDE_PER_EYES, frame_from_square

    def square(points):
        matrix = frame_from_square(points)
        return matrix, matrix[:, :2] @ [23.5, 23.5] + matrix[:, 2], matrix[0, 0] * 48

    matrix, centre, side = square(face_points())
    assert np.allclose(centre, (100, 90 + BELOW_EYES * side)) and side == pytest.approx(40 * SIDE_PER_EYES)
    assert matrix[0, 1] == matrix[1, 0] == 0 and square(face_points(tilt=0.3))[0][0, 1] == 0
    # Of a head that turns the eyes come together and the nose stays as long.
    turned = face_points()
    turned[36:42, 0] += 12
    turned[42:48, 0] -= 12
    assert square(turned)[2] > 0.85 * side
    # What the mouth does is no matter.
    open_mouth = face_points()
    open_mouth[48:, 1] += 30
    assert square(open_mouth)[2] == side


def test_a_face_beyond_the_border_is_still_a_picture():
    from mead_manip.backends.fer import face_of

    frame = np.random.default_rng(0).integers(0, 256, (120, 90, 3)).astype(np.uint8)
    assert face_of(frame, face_points(middle=(85.0, 10.0))).shape == (64, 64)


@pytest.fixture(scope="module")
def photographs(shared):
    """Two dozen people of the London set, neutral and smiling, cut as the classifier takes them."""
    from mead_manip.backends import registry
    from mead_manip.backends.fer import face_of
    from mead_manip.media.images import read_image

    detector = registry.load("landmarks", "builtin", model=None)
    paths = sorted((shared / "media" / "london").glob("*_neutral.jpg"))[::5]
    faces = {"neutral": [], "smiling": []}
    for path in paths:
        for kind in faces:
            rgb = read_image(path.with_name(path.name.replace("neutral", kind)))
            (found,) = detector.detect([rgb])
            faces[kind].append(face_of(rgb, found[0].landmarks_px))
    return faces


@pytest.mark.weights
def test_with_its_weights_it_tells_smiles_from_rest(shared, photographs):
    from mead_manip.backends.fer import FerClassifier
    from mead_manip.emotions import NED_EMOTIONS

    weights = shared / "weights" / WEIGHTS
    if not weights.is_file():
        pytest.skip(f"no {WEIGHTS} beside the repository")
    judge = FerClassifier(weights)
    rest, smile = (judge.probabilities(photographs[kind]) for kind in ("neutral", "smiling"))
    happy, neutral = NED_EMOTIONS.index("happy"), NED_EMOTIONS.index("neutral")
    assert (rest.argmax(axis=1) == neutral).mean() > 0.8
    assert (rest.argmax(axis=1) == happy).mean() < 0.1
    # Half of these smiles are slight, with closed lips: it says happy or neutral of them, and nothing else.
    named = smile.argmax(axis=1)
    assert (named == happy).mean() > 0.4 and np.isin(named, [happy, neutral]).mean() > 0.9
    assert (smile[:, None, happy] > rest[None, :, happy]).mean() > 0.85
