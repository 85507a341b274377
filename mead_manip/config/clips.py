"""Settings of what is done to clips: audit, preprocess, faces, reconstruct3d, import-flame, clip-score, inspect."""

from dataclasses import dataclass

from mead_manip.config.common import CLIPS, ENGINE, LANDMARKS, LANDMARKS_MODEL, SHARD, SPLITS
from mead_manip.emotions import parse_emotion
from mead_manip.errors import UsageError
from mead_manip.settings import execution, setting


def _face(word: str) -> str:
    if word in ("auto", "all") or (word.isdecimal() and int(word) > 0):
        return str(int(word)) if word.isdecimal() else word
    raise UsageError(f"--face: {word!r}", expected="auto, all, or a number from 1")


@dataclass(frozen=True)
class PreprocessConfig:
    """MEAD tree or video -> FaceTrack."""

    path: str = setting("", "A MEAD tree or one video.", positional=True)
    landmarks: str = setting("builtin", LANDMARKS)
    landmarks_model: str | None = setting(None, LANDMARKS_MODEL)
    face: str = setting(
        "auto", "Which face of a video: auto (the most prominent), 1, 2, ... as `faces` counts them, all.", parse=_face
    )
    actors: tuple[str, ...] = execution((), "Only these actors, for example M003,W009.")
    views: tuple[str, ...] = execution((), "Only these camera views, for example front.")
    emotions: tuple[str, ...] = execution((), "Only these emotions.", parse=parse_emotion)
    levels: tuple[str, ...] = execution((), "Only these levels: 1, 2, 3.")
    split: str | None = execution(None, "Only the clips of this published split of MEAD.", choices=SPLITS)
    workers: int = execution(2, "Processes side by side; 0 works in this one.", minimum=0)
    engine: str = execution("local", ENGINE, choices=("local", "ray"))
    shard: str = execution("", SHARD)


@dataclass(frozen=True)
class AuditConfig:
    """MEAD tree -> a page that says what is missing and what is wrong."""

    path: str = setting("", "A MEAD tree.", positional=True)
    actors: tuple[str, ...] = setting((), "Expect these actors, all of them; look at no others.")
    views: tuple[str, ...] = setting((), "Expect these camera views; those that are there where not given.")
    emotions: tuple[str, ...] = setting((), "Expect only these emotions.", parse=parse_emotion)
    levels: tuple[str, ...] = setting((), "Expect only these levels: 1, 2, 3.")
    split: str | None = setting(None, "Expect what this published split needs.", choices=SPLITS)
    all: bool = setting(False, "Expect every actor of the public part, also those of whom nothing is there.")
    deep: bool = setting(False, "Decode every frame; otherwise the first, the last and the beginning.")
    duplicates: bool = setting(True, "Look for clips that are the same, by fingerprints of picture and sound.")
    out: str | None = execution(
        None, "The page; audit.html in the workspace's audit folder where not given.", flags=("-o",)
    )
    workers: int = execution(2, "Clips looked at side by side.", minimum=0)


@dataclass(frozen=True)
class FacesConfig:
    """Video -> FaceSightings and a picture of who is in it."""

    video: str = setting("", "The video to look through.", positional=True)
    out: str | None = execution(None, "Write a contact sheet: a row of pictures for each face.", flags=("-o",))
    landmarks: str = setting("builtin", LANDMARKS)
    landmarks_model: str | None = setting(None, LANDMARKS_MODEL)


@dataclass(frozen=True)
class Reconstruct3dConfig:
    """FaceTrack -> Reconstruction."""

    backend: str = setting(
        "fit", "Reconstructor: fit (the built-in head fitted to the landmarks), deca (FLAME; weights by path)."
    )
    smoothing: float = setting(1.0, "How slowly faces are expected to move; 0.5 follows twice as fast.", minimum=0.05)
    photometric: bool = setting(False, "Let the crops correct units that landmarks hardly see; for fit.")
    flame: str | None = execution(None, "FLAME for deca; <workspace>/models/flame.h5 (import-flame) where not given.")
    deca_model: str | None = execution(
        None, "deca_model.tar for deca; <workspace>/models/deca_model.tar where not given."
    )
    batch_size: int = execution(16, "Frames that deca encodes at once.", minimum=1)
    clips: tuple[str, ...] = execution((), CLIPS)
    workers: int = execution(2, "Processes side by side; 0 works in this one.", minimum=0)
    engine: str = execution("local", ENGINE, choices=("local", "ray"))
    shard: str = execution("", SHARD)


@dataclass(frozen=True)
class ImportFlameConfig:
    """generic_model.pkl -> FlameAsset."""

    model: str = setting("", "FLAME's generic_model.pkl: 2020, 2023 or 2023 Open.", positional=True)
    landmarks: str | None = execution(None, "landmark_embedding.npy; the one beside the model where not given.")
    template: str | None = execution(None, "head_template.obj; the one beside the model where not given.")
    uv_mask: str | None = execution(None, "uv_face_eye_mask.png; the one beside the model where not given.")
    displacement: str | None = execution(None, "fixed_displacement_256.npy; the one beside the model where not given.")
    out: str | None = execution(None, "The result; <workspace>/models/flame.h5 where not given.", flags=("-o",))


@dataclass(frozen=True)
class ClipScoreConfig:
    """FaceTrack -> ClipScores."""

    threshold: float = setting(
        0.6, "From this probability on a clip counts in full (equation 1).", minimum=0, maximum=1
    )
    model: str = setting("ViT-L-14", "Any open_clip name, hf-hub:ORG/NAME, or builtin for the shipped offline model.")
    pretrained: str = setting("openai", "open_clip tag or a local checkpoint.")
    classes: int = setting(7, "Emotions to choose from: NED's 7, or 8 with contempt.", minimum=7, maximum=8)
    frames: int = setting(8, "Face crops scored per clip.", minimum=1)
    prompts: str | None = setting(
        None, "Prompt template with {noun}, or a .toml file of prompts; ours where not given."
    )
    temperature: str = setting("1", "Divides the logits; calibrate fits it to the clips of --calibrate-on.")
    calibrate_on: str = setting("", "Actor whose neutral and level 3 clips give the temperature; train without it.")
    per_class_thresholds: bool = setting(
        False, "Instead of --threshold, every class's own mean probability (confident learning; needs cleanlab)."
    )
    class_normalise: bool = setting(False, "Also give lambda divided by the mean of its class.")
    min_lambda: float = setting(0.0, "No clip counts less than this.", minimum=0, maximum=1)
    compare: str | None = execution(
        None, "Compare with MODEL, MODEL/PRETRAINED, or other prompts (template or .toml): rank correlation, flips."
    )
    report: bool = execution(False, "Write a page that shows the scores: <workspace>/clip-score/report.html.")
    report_to: str | None = execution(None, "Write the page there.")
    thumbnails: bool = execution(True, "Show faces on the page.")
    clips: tuple[str, ...] = execution((), CLIPS)
    shard: str = execution("", SHARD)


@dataclass(frozen=True)
class InspectConfig:
    """Artifacts of one clip -> what they say, and a picture."""

    clip: str = setting("", "A clip id, a video that was preprocessed, or an artifact (.h5).", positional=True)
    overlay: str | None = execution(None, "Draw landmarks, mesh, NMFC and normals over frames into this picture.")
    frames: int = execution(6, "Frames that are drawn.", minimum=1, maximum=50)
    flame: str | None = execution(None, "FLAME of a clip that deca made; <workspace>/models/flame.h5 where not given.")
