"""What happens: one module per command. Stages never import each other; they meet on disk.

| stage         | reads                                     | writes                               |
|---------------|-------------------------------------------|--------------------------------------|
| synth         |                                           | a MEAD-shaped tree, SyntheticTruth   |
| audit         | a MEAD tree                               | a page about it                      |
| faces         | a video                                   | FaceSightings, a contact sheet       |
| preprocess    | a MEAD tree or a video                    | FaceTrack (+ FaceSightings)          |
| import-flame  | FLAME's generic_model.pkl                 | FlameAsset                           |
| reconstruct3d | FaceTrack (+ FlameAsset)                  | Reconstruction                       |
| clip-score    | FaceTrack                                 | ClipScores                           |
| train         | Reconstruction (+ ClipScores)             | ManipulatorWeights                   |
| train-renderer | videos, FaceTrack, Reconstruction        | RendererWeights                      |
| edit          | a video, ManipulatorWeights               | a video                              |
| evaluate-...  | Reconstruction, ClipScores; edited videos | pages, tables, JSON                  |
| compare       | a video, ManipulatorWeights               | edits, a figure, a video             |
| demo          |                                           | all of the above, a figure, a page   |
| inspect       | FaceTrack, Reconstruction, ClipScores     | a picture, if asked for              |
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One row of the table: how a stage is named, where it lives and which stages' artifacts it reads."""

    name: str
    module: str
    reads: tuple[str, ...] = ()
    writes: str = ""  # NAME of the artifact it publishes per clip
    usage: str = ""  # what to type


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("synth", "mead_manip.stages.synth", usage="mead-manip synth DIR"),
        Stage("audit", "mead_manip.stages.audit", usage="mead-manip audit PATH"),
        Stage("faces", "mead_manip.stages.faces", (), "face_sightings", "mead-manip faces VIDEO"),
        Stage("preprocess", "mead_manip.stages.preprocess", (), "face_track", "mead-manip preprocess PATH"),
        Stage("import-flame", "mead_manip.stages.import_flame", usage="mead-manip import-flame generic_model.pkl"),
        Stage(
            "reconstruct3d",
            "mead_manip.stages.reconstruct3d",
            ("preprocess",),
            "reconstruction",
            "mead-manip reconstruct3d",
        ),
        Stage("clip-score", "mead_manip.stages.clip_score", ("preprocess",), "clip_scores", "mead-manip clip-score"),
        Stage("train", "mead_manip.stages.train", ("reconstruct3d", "clip-score"), usage="mead-manip train"),
        Stage(
            "train-renderer",
            "mead_manip.stages.train_renderer",
            ("reconstruct3d",),
            usage="mead-manip train renderer VIDEO",
        ),
        Stage("edit", "mead_manip.stages.edit", ("reconstruct3d", "train"), usage="mead-manip edit VIDEO --to EMOTION"),
        Stage(
            "evaluate-detection",
            "mead_manip.stages.evaluate_detection",
            ("reconstruct3d", "clip-score"),
            usage="mead-manip evaluate detection",
        ),
        Stage(
            "evaluate-manipulator",
            "mead_manip.stages.evaluate_manipulator",
            ("reconstruct3d", "clip-score"),
            usage="mead-manip evaluate manipulator",
        ),
        Stage(
            "evaluate-options",
            "mead_manip.stages.evaluate_options",
            ("reconstruct3d", "clip-score"),
            usage="mead-manip evaluate options",
        ),
        Stage("evaluate-edit", "mead_manip.stages.evaluate_edit", usage="mead-manip evaluate edit SOURCE RESULT"),
        Stage("compare", "mead_manip.stages.compare", ("reconstruct3d", "train"), usage="mead-manip compare VIDEO"),
        Stage("demo", "mead_manip.stages.demo", usage="mead-manip demo"),
        Stage("inspect", "mead_manip.stages.inspect", ("preprocess",), usage="mead-manip inspect CLIP"),
    )
}
