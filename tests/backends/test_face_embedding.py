"""Who a face is, by an ONNX file: aligned alike wherever it is in the frame; a wrong file is one line."""

import cv2
import numpy as np
import pytest
from faces import talking_head

from mead_manip.errors import BackendUnavailable


def message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """Encode a protobuf message of numbers and nested bytes."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 127
        out.append(low | (128 if value else 0))
        if not value:
            return bytes(out)


def tensor(name: str, *shape: int) -> bytes:
    dims = message(*((1, message((1, side))) for side in shape))
    return message((1, name), (2, message((1, message((1, 1), (2, dims))))))


def write_onnx(path, side=112, step=8):
    """Write a network that averages over squares: a thumbnail is the simplest likeness."""
    squares = [message((1, name), (20, 7), (8, step), (8, step)) for name in ("kernel_shape", "strides")]
    pool = message((1, "face"), (2, "small"), (4, "AveragePool"), *((5, square) for square in squares))
    flat = message((1, "small"), (2, "who"), (4, "Flatten"))
    count = 3 * (side // step) ** 2
    graph = message(
        (1, pool), (1, flat), (2, "likeness"), (11, tensor("face", 1, 3, side, side)), (12, tensor("who", 1, count))
    )
    path.write_bytes(message((1, 8), (7, graph), (8, message((1, ""), (2, 13)))))
    return path


@pytest.fixture
def network(tmp_path):
    from mead_manip.backends.face_embedding import FaceEmbedding

    return FaceEmbedding(write_onnx(tmp_path / "likeness.onnx"))


def test_the_five_points_lie_where_the_networks_know_them():
    from mead_manip.backends.face_embedding import TEMPLATE, frame_from_aligned
    from mead_manip.geometry import invert_affine, transform_points

    _, points = talking_head()
    five = np.stack([points[0, 36:42].mean(0), points[0, 42:48].mean(0), *points[0, [30, 48, 54]]]).astype(np.float64)
    found = transform_points(invert_affine(frame_from_aligned(points[0])), five)
    assert np.abs(found - TEMPLATE).max() < 8 and np.abs(found.mean(0) - TEMPLATE.mean(0)).max() < 1e-6


def test_the_same_face_is_the_same_wherever_it_is_and_another_is_another(network):
    frames, points = talking_head(size=240)
    others, other_points = talking_head(size=240, seed=8, person=3)
    who = network.embed(frames[0], points[0])
    assert np.linalg.norm(who) == pytest.approx(1, abs=1e-5)
    turn = cv2.getRotationMatrix2D((120, 120), 12, 0.8)
    turned = cv2.warpAffine(frames[0], turn, (240, 240))
    moved = (points[0] @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    assert who @ network.embed(turned, moved) > 0.98
    assert who @ network.embed(others[0], other_points[0]) < who @ network.embed(frames[1], points[1]) - 0.02


def test_pixels_are_scaled_as_the_network_wants_them(tmp_path):
    from mead_manip.backends.face_embedding import FaceEmbedding

    frames, points = talking_head()
    arc, sface = (FaceEmbedding(write_onnx(tmp_path / name)) for name in ("arcface_r50.onnx", "SFace_2021.onnx"))
    assert sface.embed(frames[0], points[0]).min() >= 0 > arc.embed(frames[0], points[0]).min()
    assert arc.digest.startswith("arcface_r50@")


def test_a_file_that_is_no_such_network(tmp_path):
    from mead_manip.backends.face_embedding import FaceEmbedding

    frames, points = talking_head()
    with pytest.raises(BackendUnavailable, match="does not exist"):
        FaceEmbedding(tmp_path / "none.onnx").embed(frames[0], points[0])
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(BackendUnavailable, match="cannot be read"):
        FaceEmbedding(tmp_path / "text.onnx").embed(frames[0], points[0])
