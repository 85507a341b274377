"""Faces of a video or picture -> pictures: of one frame edited, of several (--preview), of several styles (--styles)"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mead_manip import files
from mead_manip.artifacts.workspace import Workspace, clip_id_from
from mead_manip.errors import MediaError
from mead_manip.media.images import read_image
from mead_manip.media.video import VideoWriter, read_frames
from mead_manip.models.edit_plan import EditPlan
from mead_manip.reports.tiles import tiled
from mead_manip.stages.editing.edit_faces import Face
from mead_manip.stages.editing.edit_frames import Edit, Frame, drawn_at
from mead_manip.stages.editing.edit_mask import Mask

STILL_FRAMES = 16  # of the clip that stands for a picture: a window of the manipulator, and some
TILE = 320  # pixels
STYLE_COLUMNS = 4

Rgb = UInt8[np.ndarray, "_ _ 3"]


def clip_of(picture: Path, workspace: Workspace) -> Path:
    """Give a clip that shows a picture all along, for the stages that read videos; it is made once."""
    path = workspace.folder("pictures") / (clip_id_from(f"{picture.stem}-{files.digest(picture)[:12]}") + ".mp4")
    if path.exists():
        return path
    rgb = read_image(picture)
    height, width = rgb.shape[:2]
    if min(height, width) < 16:
        raise MediaError(f"{picture} is {width}x{height}", expected="sides from 16")
    files.make_folder(path.parent)
    with VideoWriter(path, width, height, Fraction(25), crf=4, comment="a picture, not edited") as writer:
        for _ in range(STILL_FRAMES):
            writer.write(rgb)
    return path


def edited_pictures(picture: Path, edits: Sequence[Edit], mask: Mask) -> list[Rgb]:
    """Draw a picture, once for every edit, with the expression that the middle of its clip has."""
    rgb, middle = read_image(picture), STILL_FRAMES // 2
    front = mask.of_picture()
    return drawn_at(
        edits, middle, lambda first: (Frame(index, index, rgb, front=front) for index in range(first, middle + 1))
    )


def preview(video: Path, edit: Edit, faces: list[Face], count: int, mask: Mask) -> Rgb:
    """Draw frames from all over the edited part, sources above edits, cut to the faces."""
    touched = np.any([retargeter.changes & retargeter.track.visible for retargeter in edit], axis=0)
    pool = np.flatnonzero(touched if touched.any() else np.ones(len(touched), bool))
    chosen = sorted({int(index) for index in pool[np.linspace(0, len(pool) - 1, count + 2).round().astype(int)[1:-1]]})
    sources = [_frame(video, index) for index in chosen]
    edits = [drawn_at([edit], index, functools.partial(_frames, video, mask, index))[0] for index in chosen]
    box = around(faces, chosen, sources[0].shape[:2])
    titles = [f"{faces[0].times[index]:.2f} s" for index in chosen] + ["edit"] * len(chosen)
    return tiled([_cut(rgb, box) for rgb in (*sources, *edits)], titles, len(chosen), TILE)


def style_sheet(video: Path, face: Face, plan: EditPlan, count: int, mask: Mask) -> Rgb:
    """Draw one frame in several styles, seed by seed: the frame that the edit changes most."""
    first = plan.passages[0].style.seed or 0
    seeds = range(first, first + count)
    edits = [face.retargeter(reseeded(plan, seed)) for seed in seeds]
    change = np.sum([np.abs(edit.after.expression - edit.before.expression).mean(axis=1) for edit in edits], axis=0)
    index = int(np.argmax(np.where(face.track.visible, change, -1.0)))
    source = _frame(video, index)
    box = around([face], [index], source.shape[:2])
    pictures = [source, *drawn_at([[edit] for edit in edits], index, functools.partial(_frames, video, mask, index))]
    titles = [f"source, {face.times[index]:.2f} s", *(f"--style-seed {seed}" for seed in seeds)]
    return tiled([_cut(rgb, box) for rgb in pictures], titles, min(STYLE_COLUMNS, len(pictures)), TILE)


def reseeded(plan: EditPlan, seed: int) -> EditPlan:
    """Give the same plan with styles of another seed."""
    passages = tuple(dataclasses.replace(p, style=dataclasses.replace(p.style, seed=seed)) for p in plan.passages)
    return dataclasses.replace(plan, passages=passages)


def save_picture(out: Path, rgb: Rgb, comment: str) -> None:
    """Write PNG or JPEG; its metadata says that it was edited."""
    image = Image.fromarray(rgb)
    with files.atomic(out) as temporary:
        if out.suffix.lower() == ".png":
            note = PngInfo()
            note.add_text("Comment", comment)
            image.save(temporary, format="PNG", pnginfo=note)
        else:
            image.save(temporary, format="JPEG", quality=95, subsampling=0, comment=comment)


def around(faces: list[Face], frames: list[int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Give a rectangle that holds the heads of some frames: x0, y0, x1, y1 within a frame of (height, width)."""
    boxes: Float32[np.ndarray, "box 4"] = np.concatenate([face.track.boxes_px[frames] for face in faces])
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    reach = 0.45 * float((boxes[:, 3] - boxes[:, 1]).max())
    height, width = size
    left, top = max(int(x0 - reach), 0), max(int(y0 - reach), 0)
    return left, top, max(min(int(x1 + reach), width), left + 1), max(min(int(y1 + reach), height), top + 1)


def _cut(rgb: Rgb, box: tuple[int, int, int, int]) -> Rgb:
    x0, y0, x1, y1 = box
    return np.ascontiguousarray(rgb[y0:y1, x0:x1])


def _frames(video: Path, mask: Mask, last: int, first: int) -> Iterator[Frame]:
    return mask.along((Frame(*frame) for frame in read_frames(video, first, last + 1)), first)


def _frame(video: Path, index: int) -> Rgb:
    for _, _, rgb in read_frames(video, index, index + 1):
        return rgb
    raise MediaError(f"{video} has no frame {index}", remedy="run `mead-manip preprocess --force` on it")
