"""How fast are NMFC images and the full scene? `python tests/bench/bench_rendering.py [--size 256] [--seconds 2]`

Frames per second of processor time (one thread), and the ratio to a painter's algorithm with cv2.fillConvexPoly on the
same mesh, which says something on any machine.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch

from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.models.face_model import head_model_from
from mead_manip.rendering.camera import to_screen
from mead_manip.rendering.conditioning import nmfc_image, normal_image, template_colours
from mead_manip.rendering.rasterizer import rasterize
from mead_manip.synthetic.looks import random_look
from mead_manip.synthetic.scene import Scene, SceneKit


def rate(draw: Callable[[], object], seconds: float) -> float:
    """Calls per second of processor time (other processes do not count), after one call that may compile."""
    draw()
    start, calls = time.process_time(), 0
    while time.process_time() - start < seconds:
        draw()
        calls += 1
    return calls / (time.process_time() - start)


def paint(screen: np.ndarray, triangles: np.ndarray, colours: np.ndarray, size: int) -> np.ndarray:
    """Painter's algorithm: flat triangles from back to front."""
    image = np.zeros((size, size, 3), np.uint8)
    corners = screen[triangles]
    flat = (colours[triangles].mean(1) * 255).astype(int).tolist()
    points = np.rint(corners[..., :2]).astype(np.int32)
    for face in np.argsort(corners[..., 2].sum(1)):
        cv2.fillConvexPoly(image, points[face], flat[face])
    return image


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    size, seconds = options.size, options.seconds

    asset = load_asset(HeadAsset, "head.h5")
    template, triangles = asset.template, asset.triangles
    camera = np.array([0.36 * size, 0.5 * size, 0.5 * size], np.float32)
    colours, screen = template_colours(template), to_screen(template, camera)
    print(f"{size} px, {len(template)} vertices, {len(triangles)} triangles, one thread")

    painter = rate(lambda: paint(screen, triangles, colours, size), seconds)
    rows = {
        "painter (cv2, reference)": painter,
        "visibility buffer": rate(lambda: rasterize(screen, triangles, size, size), seconds),
        "NMFC": rate(lambda: nmfc_image(template, triangles, colours, camera, size, size), seconds),
        "normals": rate(lambda: normal_image(template, triangles, camera, size, size), seconds),
    }
    kit = SceneKit(asset, head_model_from(asset))
    still = np.zeros(3, np.float32)
    for hair in ("", "short04", "long01", "afro01"):
        look = random_look(np.random.default_rng(0), studio=True)
        scene = Scene(kit, replace(look, hair=hair), template)
        for samples in (1, 2):
            name = f"scene, {hair or 'bald'}" + (", 4 samples a pixel" if samples == 2 else "")
            rows[name] = rate(
                lambda scene=scene, samples=samples: scene.draw(
                    template, camera, size, size, head_pose=still, supersample=samples
                ),
                seconds,
            )
    for name, frames in rows.items():
        print(f"{name:36s} {frames:8.1f} frames/cpu-s {frames / painter:7.2f} x painter")


if __name__ == "__main__":
    main()
