"""--renderer, faces of a video -> what draws them: `warp`, or the networks that were trained on them"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import EditConfig
from mead_manip.stages.editing.edit_faces import Face
from mead_manip.stages.editing.neural_frames import NeuralFace, load_generator
from mead_manip.stages.learning.trained_renderers import RendererRun, Wanted, missing_renderer, renderer_for
from mead_manip.stages.running.device import choose_device

WARP, NEURAL = "warp", "neural"


@dataclass(frozen=True)
class Chosen:
    """What draws the faces of one video, all in the same way."""

    why: str
    runs: Mapping[int, RendererRun] = field(default_factory=dict)  # by face; empty for warp

    @property
    def name(self) -> str:
        """Give `warp` or `neural`."""
        return NEURAL if self.runs else WARP

    @property
    def title(self) -> str:
        """Give it with its runs and the reason, for people."""
        names = "+".join(dict.fromkeys(run.name for run in self.runs.values()))
        return f"renderer {self.name}" + (f" {names}" if names else "") + (f" ({self.why})" if self.why else "")

    @property
    def inputs(self) -> dict[str, str]:
        """Give the keys of the weights, for the result's own key."""
        return {f"renderer_weights_{face}": run.key for face, run in self.runs.items()}

    def record(self) -> dict[str, Any]:
        """Give what a recipe keeps."""
        return {"name": self.name, "runs": {str(face): run.name for face, run in self.runs.items()}}


def choose(
    workspace: Workspace, config: EditConfig, clips: Mapping[int, str], source: Path, recipe: Mapping[str, Any] | None
) -> Chosen:
    """Settle the renderer of a video whose faces are reconstructed; a recipe of this very source decides for itself."""
    wish, named = config.renderer, dict.fromkeys(clips, config.renderer_run)
    if recipe is not None and recipe["source_sha256"] == files.digest(source):
        kept = recipe.get("renderer", {"name": WARP, "runs": {}})
        wish, named = kept["name"], {face: kept["runs"].get(str(face)) for face in clips}
    elif config.renderer_run is not None:
        wish = NEURAL
    if wish == WARP:
        return Chosen("")
    found: dict[int, RendererRun] = {}
    for face, clip_id in clips.items():
        wanted = _wanted(workspace, clip_id, source, face)
        run = renderer_for(workspace, wanted, named[face])
        if run is not None:
            found[face] = run
        elif wish == NEURAL:
            raise missing_renderer(workspace, wanted)
    if len(found) < len(clips):
        lacking = ", ".join(str(face) for face in clips if face not in found)
        return Chosen("no neural renderer of this person" + (f": face {lacking}" if len(clips) > 1 else ""))
    strangers = [run.name for run in found.values() if not run.own]
    return Chosen(f"{strangers[0]} was trained on another video" if strangers else "trained on this video", found)


def with_renderers(chosen: Chosen, faces: list[Face], workspace: Workspace, device: str) -> list[Face]:
    """Load the networks, each once, and give them to their faces."""
    if not chosen.runs:
        return faces
    where, flame = choose_device(device), workspace.root / "models" / "flame.h5"
    loaded = {path: load_generator(path, where) for path in {run.path for run in chosen.runs.values()}}
    made = []
    for face in faces:
        run = chosen.runs[face.number]
        clip = (face.before, face.track, face.model)
        neural = NeuralFace.load(*loaded[run.path], run.row, clip, flame, where)
        made.append(dataclasses.replace(face, neural=neural))
    return made


def _wanted(workspace: Workspace, clip_id: str, source: Path, face: int) -> Wanted:
    _, (digest, number) = store.peek(FaceTrack, workspace.path("preprocess", clip_id), "source_digest", "face")
    _, (face_model,) = store.peek(Reconstruction, workspace.path("reconstruct3d", clip_id), "face_model")
    return Wanted(digest, number, face_model, str(source))
