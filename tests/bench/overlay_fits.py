"""Look at fits: python tests/bench/overlay_fits.py WORKSPACE OUT.png [CLIP...] [--frames 5]

One row of face crops a clip with detected landmarks (red) and the model's (green), and below it the mesh, as stored by
preprocess and reconstruct3d. Pictures of the mesh show at a glance whether pose, jaw, lips, lids and brows follow.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.geometry import invert_affine, transform_points
from mead_manip.media.images import EncodedFrames
from mead_manip.models.face_model import load_head, project

SIZE = 320  # px of a drawn crop
RED, GREEN = (230, 60, 60), (80, 255, 80)


def main() -> None:
    """Draw the clips below each other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", nargs="*")
    parser.add_argument("--frames", type=int, default=5, help="a clip")
    arguments = parser.parse_args()
    workspace = Workspace(arguments.workspace)
    rows = []
    for clip_id in arguments.clips or workspace.clips("reconstruct3d"):
        track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
        fit = store.load(Reconstruction, workspace.path("reconstruct3d", clip_id))
        jitter = np.abs(np.diff(fit.expression, n=2, axis=0)).mean()
        print(f"{clip_id}: residual {fit.residual[fit.visible].mean():.4f}, second differences {jitter:.5f}")
        shown = np.flatnonzero(track.visible)
        chosen = shown[np.linspace(0, len(shown) - 1, arguments.frames + 2).round().astype(int)[1:-1]]
        rows.append(np.hstack([draw(track, fit, int(frame)) for frame in chosen]))
    cv2.imwrite(str(arguments.out), np.vstack(rows)[..., ::-1])


def draw(track: FaceTrack, fit: Reconstruction, frame: int) -> UInt8[np.ndarray, "height width rgb=3"]:
    """Draw one crop with points, and with the mesh."""
    crop = EncodedFrames(track.face_bytes, track.face_offsets)[frame]
    zoom = SIZE / crop.shape[0]
    crop = cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    crop_from_frame = zoom * invert_affine(track.frame_from_crop[frame].astype(np.float64))
    vertices, landmarks = posed(fit, frame)
    points = crop.copy()
    for colour, found in ((RED, track.landmarks_px[frame]), (GREEN, landmarks)):
        for x, y in transform_points(crop_from_frame, found.astype(np.float64)):
            cv2.circle(points, (round(x), round(y)), 2, colour, -1, cv2.LINE_AA)
    return np.vstack([points, wires(crop, transform_points(crop_from_frame, vertices.astype(np.float64)))])


def posed(fit: Reconstruction, frame: int) -> tuple[Float[np.ndarray, "vertex 2"], Float[np.ndarray, "68 2"]]:
    """Vertices and landmarks of one frame in pixels of the video."""
    head = load_head()
    names = ("expression", "jaw_pose", "eyelids", "head_pose", "camera")
    expression, jaw, lids, turn, camera = (torch.from_numpy(getattr(fit, name)[frame : frame + 1]) for name in names)
    vertices = head(torch.from_numpy(fit.identity)[None], expression, jaw, lids, head_pose=turn)
    landmarks = head.landmarks(vertices, turn)
    return project(vertices, camera)[0].numpy(), project(landmarks, camera)[0].numpy()


def wires(crop: np.ndarray, vertices: Float[np.ndarray, "vertex 2"]) -> UInt8[np.ndarray, "height width rgb=3"]:
    """Lay the skin's triangles that face the camera over a crop."""
    head = load_head()
    corners = vertices[head.triangles[head.triangle_part == head.part_names.index("skin")].numpy()]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    facing = first[:, 0] * second[:, 1] < first[:, 1] * second[:, 0]
    drawn = crop.copy()
    cv2.polylines(drawn, list(np.round(corners[facing] * 8).astype(np.int32)), True, GREEN, 1, cv2.LINE_AA, 3)
    return cv2.addWeighted(crop, 0.6, drawn, 0.4, 0)


if __name__ == "__main__":
    main()
