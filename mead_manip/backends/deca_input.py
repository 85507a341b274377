"""FaceTrack -> the pictures that DECA's encoder sees, and where their pixels lie in the frame."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.errors import ArtifactInvalid
from mead_manip.geometry import compose_affine, invert_affine, transform_points
from mead_manip.media.images import EncodedFrames

INPUT_PX = 224
BOX_TO_SQUARE = 1.25 * 1.1  # of the mean side of the landmarks' box


def crop_from_input(landmarks_px: Float[np.ndarray, "68 2"]) -> Float64[np.ndarray, "2 3"]:
    """DECA's square around landmarks in a crop: the pixels 0..223 of the encoder's picture -> pixels of the crop."""
    low, high = landmarks_px.min(axis=0).astype(np.float64), landmarks_px.max(axis=0).astype(np.float64)
    size = max(int(BOX_TO_SQUARE * (high - low).mean()), 1)  # DECA cuts whole pixels
    scale, corner = size / (INPUT_PX - 1), (low + high) / 2 - size / 2
    return np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])


def frame_from_input(track: FaceTrack, frame: int) -> Float64[np.ndarray, "2 3"]:
    """Pixels of the encoder's picture -> pixels of the frame."""
    return compose_affine(track.frame_from_crop[frame].astype(np.float64), _crop_from_input(track, frame))


def input_picture(track: FaceTrack, frame: int) -> UInt8[np.ndarray, "224 224 rgb=3"]:
    """Cut the encoder's picture from the stored crop: bilinear; black where it reaches beyond, as with DECA."""
    crop = EncodedFrames(track.face_bytes, track.face_offsets)[frame]
    if crop is None:
        raise ArtifactInvalid(f"{track.source}: no crop of frame {frame}", expected="one of every visible frame")
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (INPUT_PX, INPUT_PX)
    return cv2.warpAffine(crop, _crop_from_input(track, frame), size, flags=flags, borderMode=cv2.BORDER_CONSTANT)


def input_batches(
    track: FaceTrack, frames: Sequence[int], batch_size: int
) -> Iterator[UInt8[np.ndarray, "_ 224 224 rgb=3"]]:
    """Give the pictures of some frames, a batch at a time; the next is decoded while one is worked on."""
    batches = [frames[first : first + batch_size] for first in range(0, len(frames), batch_size)]

    def cut(batch: Sequence[int]) -> np.ndarray:
        return np.stack([input_picture(track, frame) for frame in batch])

    with ThreadPoolExecutor(1, thread_name_prefix="deca-input") as pool:
        ahead = pool.submit(cut, batches[0]) if batches else None
        for index in range(len(batches)):
            assert ahead is not None
            pictures = ahead.result()
            ahead = pool.submit(cut, batches[index + 1]) if index + 1 < len(batches) else None
            yield pictures


def frame_camera(
    cam: Float[np.ndarray, " 3"], frame_from_picture: Float64[np.ndarray, "2 3"]
) -> Float32[np.ndarray, " 3"]:
    """DECA's camera as one of frame pixels: (scale px/m, x px, y px).

    DECA: p = s (X + t), y negated, pixel = 112 + 112 p of its own picture.
    """
    if abs(frame_from_picture[0, 1]) + abs(frame_from_picture[1, 0]) > 1e-6 * abs(frame_from_picture[0, 0]):
        raise ArtifactInvalid("a face crop that is turned", expected="crops whose rows are the frame's rows")
    scale, x, y = (float(value) for value in cam)
    half = INPUT_PX / 2
    origin = np.array([half + half * scale * x, half - half * scale * y])
    x_px, y_px = transform_points(frame_from_picture, origin)
    return np.array([half * scale * frame_from_picture[0, 0], x_px, y_px], np.float32)


def _crop_from_input(track: FaceTrack, frame: int) -> Float64[np.ndarray, "2 3"]:
    crop_from_frame = invert_affine(track.frame_from_crop[frame].astype(np.float64))
    return crop_from_input(transform_points(crop_from_frame, track.landmarks_px[frame].astype(np.float64)))
