"""Every default, once: a dataclass per command. Where a value comes from is settled in resolution.py."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from mead_manip.emotions import TARGETS, parse_emotion, parse_target_text
from mead_manip.errors import UsageError
from mead_manip.settings import execution, setting

_LANDMARKS = "Landmark detector: builtin, fan, mediapipe."
_LANDMARKS_MODEL = "Weights of the landmark detector: a file; for fan also a folder, or download."
_SPLITS = ("ned", "emote", "smirk", "w2le", "eat", "authors")
_CLIPS = "Only these clip ids (commas or repeated)."
_SHARD = "Only part i of n of the clips, for example 2/8: parts are disjoint and cover all."
OWN_RUN, SHIPPED_RUN = "manipulator", "builtin"  # training runs: the workspace's by default, and the one in assets/
_ENGINE = "Where clips are computed: worker processes here, or a Ray cluster (which ignores --workers)."


def _face(word: str) -> str:
    if word in ("auto", "all") or (word.isdecimal() and int(word) > 0):
        return str(int(word)) if word.isdecimal() else word
    raise UsageError(f"--face: {word!r}", expected="auto, all, or a number from 1")


@dataclass(frozen=True)
class Common:
    """What every command takes."""

    workspace: str = execution("./work", "Folder that holds the results of every stage.", flags=("-w",))
    device: str = execution("auto", "Where to compute: auto, cpu, cuda, cuda:1, mps.")
    seed: int = setting(0, "Seed of everything random.", minimum=0)


@dataclass(frozen=True)
class PreprocessConfig:
    """MEAD tree or video -> FaceTrack."""

    path: str = setting("", "A MEAD tree or one video.", positional=True)
    landmarks: str = setting("builtin", _LANDMARKS)
    landmarks_model: str | None = setting(None, _LANDMARKS_MODEL)
    face: str = setting(
        "auto", "Which face of a video: auto (the most prominent), 1, 2, ... as `faces` counts them, all.", parse=_face
    )
    actors: tuple[str, ...] = execution((), "Only these actors, for example M003,W009.")
    views: tuple[str, ...] = execution((), "Only these camera views, for example front.")
    emotions: tuple[str, ...] = execution((), "Only these emotions.", parse=parse_emotion)
    levels: tuple[str, ...] = execution((), "Only these levels: 1, 2, 3.")
    split: str | None = execution(None, "Only the clips of this published split of MEAD.", choices=_SPLITS)
    workers: int = execution(2, "Processes side by side; 0 works in this one.", minimum=0)
    engine: str = execution("local", _ENGINE, choices=("local", "ray"))
    shard: str = execution("", _SHARD)


@dataclass(frozen=True)
class AuditConfig:
    """MEAD tree -> a page that says what is missing and what is wrong."""

    path: str = setting("", "A MEAD tree.", positional=True)
    actors: tuple[str, ...] = setting((), "Expect these actors, all of them; look at no others.")
    views: tuple[str, ...] = setting((), "Expect these camera views; those that are there where not given.")
    emotions: tuple[str, ...] = setting((), "Expect only these emotions.", parse=parse_emotion)
    levels: tuple[str, ...] = setting((), "Expect only these levels: 1, 2, 3.")
    split: str | None = setting(None, "Expect what this published split needs.", choices=_SPLITS)
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
    landmarks: str = setting("builtin", _LANDMARKS)
    landmarks_model: str | None = setting(None, _LANDMARKS_MODEL)


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
    clips: tuple[str, ...] = execution((), _CLIPS)
    workers: int = execution(2, "Processes side by side; 0 works in this one.", minimum=0)
    engine: str = execution("local", _ENGINE, choices=("local", "ray"))
    shard: str = execution("", _SHARD)


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
    clips: tuple[str, ...] = execution((), _CLIPS)
    shard: str = execution("", _SHARD)


@dataclass(frozen=True)
class TrainConfig:
    """Reconstruction (+ ClipScores) -> Manipulator."""

    weighting: str = setting(
        "literal",
        "How a clip's lambda enters the loss.",
        choices=("none", "literal", "provenance", "provenance-classnorm"),
    )
    size: str = setting("full", "Network of the paper, or a small one for a CPU.", choices=("full", "small"))
    preset: str | None = execution(
        None,
        "Settings by name: the paper's, or what our measurements favour; what is given wins.",
        choices=("ned", "ours"),
    )
    run: str = execution(OWN_RUN, "Name of the run under <workspace>/train.")
    init: str | None = execution(
        None, "Start from the networks of this run, or of this weights.h5; optimisers are new."
    )
    affwild2: str | None = execution(
        None, "Pre-train on Aff-Wild2: its folder of expression annotations, for the clips of this workspace."
    )
    iterations: int | None = setting(None, "Stop after this many iterations instead of epochs.", minimum=1)
    epochs: int | None = setting(None, "Passes over the training windows; the size's own where not given.", minimum=1)
    batch_size: int | None = setting(None, "Windows per batch; the size's own where not given.", minimum=1)
    learning_rate: float | None = setting(None, "Adam's step size; the size's own where not given.", minimum=0)
    mapping_rate: float | None = setting(
        None, "Step size of the mapping network, as a share of the others'; 1 in the paper.", minimum=0
    )
    ema: float | None = setting(
        None, "Decay of the weights' moving average, which is what is published; 0 is off.", minimum=0, maximum=0.9999
    )
    weight_adversarial: float | None = setting(
        None, "Weight of the adversarial term; the size's own where not given (1 in the paper).", minimum=0
    )
    weight_style: float = setting(1.0, "Weight of the style term.", minimum=0)
    weight_cycle: float = setting(1.0, "Weight of the cycle term.", minimum=0)
    weight_mouth: float = setting(1.0, "Weight of the jaw correlation.", minimum=0)
    weight_lips: float | None = setting(
        None, "Weight of the lips' correlation, which is not in the paper; off where not given.", minimum=0
    )
    weight_r1: float | None = setting(
        None, "Weight of R1, the penalty on the discriminator's slope at real windows; off where not given.", minimum=0
    )
    weight_diversity: float | None = setting(
        None,
        "Weight of the difference that two latents make, falling to 0 over the run; off where not given.",
        minimum=0,
    )
    balanced: bool | None = setting(None, "Draw sources of every emotion equally often; off where not given.")
    intensity_levels: bool | None = setting(
        None, "Condition styles on MEAD's level, so that --intensity of edit means levels; off where not given."
    )
    window: int | None = setting(None, "Frames of a window; 10 (the paper's) where not given.", minimum=3)
    scaling: str = setting(
        "auto",
        "Scale of the coefficients: raw (FLAME), spread (one factor for all), each (unit variance of every one).",
        choices=("auto", "raw", "spread", "each"),
    )
    actors: tuple[str, ...] = setting((), "Actors to train on; all that are not for validation where not given.")
    val_actors: tuple[str, ...] = setting((), "Actors kept out of training; one where not given, or none.")
    split: str | None = setting(
        None, "Train and validate as this published split of MEAD does, its test clips left out.", choices=_SPLITS
    )
    views: tuple[str, ...] = setting(("front",), "Camera views to train on.")
    levels: tuple[str, ...] = setting(("3",), "Levels of emotion to train on; neutral is taken at any.")
    publish: str = setting(
        "best", "Which weights: best on the validation actors (last without any), or last.", choices=("best", "last")
    )
    precision: str = setting("fp32", "Arithmetic of the networks; bf16 needs CUDA.", choices=("fp32", "bf16"))
    compile: bool = setting(False, "Compile the layers around the LSTMs; needs a compiler that torch can use.")
    save_every: int = execution(500, "Iterations between two resume points.", minimum=1)
    tensorboard: bool = execution(False, "Also write TensorBoard events into the run's folder.")


@dataclass(frozen=True)
class TrainRendererConfig:
    """Videos -> Renderer."""

    video: tuple[str, ...] = setting((), "Videos of one person; of many for a meta-renderer.", positional=True)
    size: str = setting(
        "small", "Network of the paper, or one that a CPU trains in an hour.", choices=("full", "small")
    )
    pixels: str = setting("256", "Height and width of the picture that is drawn.", choices=("256", "512"))
    run: str = execution("renderer", "Name of the run under <workspace>/train.")
    init: str | None = execution(
        None, "Start from the networks of this run, or of this weights.h5; optimisers are new."
    )
    iterations: int | None = setting(None, "Stop after this many; the size's own where not given.", minimum=1)
    minutes: float | None = setting(None, "Stop by the clock instead, after this many in all.", minimum=0.1)
    learning_rate: float | None = setting(None, "Adam's step size; the size's own where not given.", minimum=0)
    temporal: bool = setting(False, "Also judge the frames of a step together.")
    vgg: str | None = execution(
        None,
        "torchvision's VGG-19 weights for the perceptual loss; those in torch's hub cache where not given, "
        "and where there are none, a loss on Laplacian pyramids.",
    )
    publish: str = setting(
        "best", "Which weights: best on the held-out end of the videos, or last.", choices=("best", "last")
    )
    most_frames: int = setting(9000, "Frames to learn from at most, spread over the videos.", minimum=100)
    precision: str = setting(
        "auto", "Arithmetic of the networks: auto is bf16 on CUDA, else fp32.", choices=("auto", "fp32", "bf16")
    )
    compile: bool | None = execution(None, "Compile the networks; on CUDA where not given.")
    report_only: bool = execution(
        False, "Say what the footage shows and lacks, as before every training; train nothing."
    )
    face: int = setting(1, "Which face of the videos, as `faces` counts them.", minimum=1)
    landmarks: str = setting("builtin", _LANDMARKS)
    landmarks_model: str | None = setting(None, _LANDMARKS_MODEL)
    log_every: int = execution(20, "Iterations between two lines of metrics.", minimum=1)
    validate_every: float = execution(4.0, "Minutes between two looks at held-out frames.", minimum=0.01)
    tensorboard: bool = execution(False, "Also write TensorBoard events into the run's folder.")


@dataclass(frozen=True)
class EditConfig:
    """Video + Manipulator -> video."""

    video: tuple[str, ...] = setting((), "Videos, pictures or folders of them to edit.", positional=True)
    to: str = setting(
        "",
        "Target: an emotion, a blend (happy:0.6,surprised:0.4), or one for each of several faces (1=angry,2=happy).",
        parse=parse_target_text,
    )
    intensity: float = setting(
        1.0, "0 leaves the face as it is, 1 is the manipulator's own strength, beyond 1.5 it distorts.",
        minimum=0, maximum=3,
    )  # fmt: skip
    reference: str | None = setting(None, "Instead of --to: act as in this video or clip id of the workspace.")
    timeline: str | None = setting(
        None, "Instead of --to: a CSV start,end,emotion,intensity,ease; seconds; ease is linear, smooth or none."
    )
    recipe: str | None = execution(None, "Repeat the edit that this JSON beside an edited video describes.")
    from_emotion: str = setting(
        "source", "neutral takes the actor's own emotion away first.", choices=("source", "neutral"), flags=("--from",)
    )
    lip_lock: float = setting(
        0.8, "How far lips and jaw follow the source where its lips close: 0 not, 1 wholly.", minimum=0, maximum=1
    )
    face: int | None = setting(None, "Which face, as `faces` counts them; the most prominent if not given.", minimum=1)
    start: float | None = setting(None, "Edit from this second on.", minimum=0)
    end: float | None = setting(None, "Edit up to this second.", minimum=0)
    trim: bool = setting(False, "Write only what lies between --start and --end.")
    out: str | None = execution(
        None,
        "The result; {stem}_{emotion}.mp4 here where not given. Fields: {stem}, {emotion}, {intensity}, {run}, {face}.",
        flags=("-o",),
    )
    run: str | None = setting(
        None,
        f"Name of the training run to use, or {SHIPPED_RUN} for the manipulator that ships; where not given "
        f"{OWN_RUN}, and {SHIPPED_RUN} if the workspace has no such run.",
    )
    renderer: str = setting(
        "auto",
        "How new geometry becomes pixels: warp moves the frame's own, neural is a network trained on this person; auto "
        "takes that where `train renderer` was run on this video, else warp.",
        choices=("auto", "warp", "neural"),
    )
    renderer_run: str | None = setting(
        None, "Run of the neural renderer, if not the one that was trained on this video (the same person, surely)."
    )
    style_seed: int | None = setting(
        None, "Draw a style with this seed; the typical one, the mean of many, where not given.", minimum=0
    )
    styles: int = execution(
        0, "Write a picture of this many styles (seeds) instead, to choose --style-seed from.", minimum=0, maximum=24
    )
    preview: int = execution(
        0, "Write a picture of this many frames, before and after, instead.", minimum=0, maximum=20
    )
    grid: bool = execution(False, "Write the source and all six emotions in one video.")
    side_by_side: bool = execution(False, "Write source and edit next to each other.")
    landmarks: str = setting("builtin", _LANDMARKS)
    landmarks_model: str | None = setting(None, _LANDMARKS_MODEL)


@dataclass(frozen=True)
class EvaluateDetectionConfig:
    """ClipScores, Reconstruction -> how well suspicion finds planted outliers."""

    seeds: int = setting(5, "How often outliers are planted per test.", minimum=1)
    draws: int = setting(2000, "Draws of actors for the intervals, all plantings together.", minimum=100)
    faults: int = setting(
        42,
        "Clips that get every technical fault (T5), 0 for none. A clip of 8 crops sends 56 through the model that "
        "scored it and through the built-in detector.",
        minimum=0,
    )


@dataclass(frozen=True)
class StudyConfig:
    """Reconstruction, ClipScores -> trainings that are compared: what all studies settle."""

    seeds: int = setting(5, "Trainings of everything that is compared.", minimum=1)
    size: str = setting("small", "Network of the paper, or a small one for a CPU.", choices=("full", "small"))
    iterations: int = setting(400, "Of every training: all take equally many.", minimum=1)
    test_actors: tuple[str, ...] = setting((), "Actors to edit; a quarter of all where not given.")
    workers: int = execution(2, "Processes side by side; 0 works in this one.", minimum=0)


@dataclass(frozen=True)
class EvaluateManipulatorConfig(StudyConfig):
    """Reconstruction, ClipScores -> what each way of weighting is worth to the manipulator."""

    conditions: tuple[str, ...] = setting(
        ("none", "t1-20"), "Outliers to plant: none, t1-10, t1-20, t1-30, t2-20, t3-20, t4-20."
    )
    arms: tuple[str, ...] = setting((), "Only these arms, for example A0,A1,A6; all where not given.")


@dataclass(frozen=True)
class EvaluateOptionsConfig(StudyConfig):
    """Reconstruction, ClipScores -> what each named option of training is worth to the manipulator."""

    variants: tuple[str, ...] = setting(
        (), "Only these beside base: no-ema, mapping-1, adversarial-1, lips, r1, diversity, balanced, levels, ..."
    )
    weighting: str = setting("literal", "How lambda enters the loss of all of them.", choices=("none", "literal"))


@dataclass(frozen=True)
class EvaluateEditConfig:
    """Sources and edited videos -> what the edits did to emotion, person, speech, tremble and picture."""

    videos: tuple[str, ...] = setting((), "SOURCE RESULT, once or several times.", positional=True)
    recipes: str | None = execution(None, "Instead: every edited video of this folder that has its recipe beside it.")
    to: str = setting("", "What the results were edited to; their recipes say it where not given.", parse=parse_emotion)
    emotion_model: str = setting(
        "units", "Classifier: units (of the fitted faces, no outsider), or the .hdf5 of mini-XCEPTION on FER2013."
    )
    identity_model: str = setting("shape", "Similarity: shape (of the fitted heads), or the .onnx of SFace or ArcFace.")
    render_frames: int = setting(
        24, "Frames drawn again from the recipe to see what changes before encoding; 0 draws none.", minimum=0
    )
    fail_under: tuple[str, ...] = execution(
        (), "NAME=VALUE: exit with 5 where a mean is worse; of jitter and outside, VALUE is the most allowed."
    )
    out: str | None = execution(None, "Also write the tables there as Markdown.", flags=("-o",))
    landmarks: str = setting("builtin", _LANDMARKS)
    landmarks_model: str | None = setting(None, _LANDMARKS_MODEL)


@dataclass(frozen=True)
class CompareConfig:
    """Video + Manipulators -> the figure of all runs and emotions, as picture and as video."""

    video: str = setting("", "The video to edit.", positional=True)
    runs: tuple[str, ...] = setting((), "Training runs, one row each; all that there are where not given.")
    emotions: tuple[str, ...] = setting(TARGETS, "Columns beside the source.", parse=parse_emotion)
    intensity: float = setting(EditConfig.intensity, "As in edit.", minimum=0, maximum=3)
    at: tuple[str, ...] = setting(
        (),
        "Seconds of the video to draw, a picture each; where not given, one: the edits differ most, the mouth rests.",
    )
    out: str = execution(".", "Folder for {stem}_compare.png and .mp4.", flags=("-o",))
    cell: int = setting(224, "Width and height of a face in pixels.", minimum=64, maximum=1024)
    film: bool = execution(True, "Also write the video.")
    landmarks: str = setting("builtin", _LANDMARKS)
    landmarks_model: str | None = setting(None, _LANDMARKS_MODEL)


@dataclass(frozen=True)
class SynthConfig:
    """Nothing -> a MEAD-shaped tree of synthetic clips with known truth."""

    directory: str = setting("", "Folder to write the tree into.", positional=True)
    actors: int = setting(4, "Synthetic people.", minimum=1)
    clips: int = setting(3, "Clips per emotion and level.", minimum=1)
    size: int = setting(384, "Width and height of a frame in pixels.", minimum=64)
    seed: int = setting(0, "Seed of people and performances.", minimum=0)
    outliers: float = setting(0.0, "Share of clips that do not show what their label says.", minimum=0, maximum=1)
    seconds: float = setting(2.0, "Length of a clip.", minimum=0.5, maximum=60)
    emotions: tuple[str, ...] = setting((), "Only these emotions.", parse=parse_emotion)
    levels: tuple[str, ...] = setting((), "Only these levels: 1, 2, 3 (neutral has one).")
    workers: int = execution(2, "Processes side by side; 0 works in this one.", minimum=0)


@dataclass(frozen=True)
class DemoConfig:
    """Nothing -> figure1.png, angry.mp4 and a summary page."""

    directory: str = execution("./demo", "Folder for the demo's data set, workspace and results.", flags=("-o",))
    actors: int = setting(4, "Synthetic people to learn from.", minimum=2)
    clips: int = setting(2, "Clips per person and emotion.", minimum=1)
    size: int = setting(256, "Width and height of a frame in pixels.", minimum=64)
    seconds: float = setting(1.6, "Length of a clip.", minimum=0.5)
    outliers: float = setting(0.25, "Share of clips that do not show what their label says.", minimum=0, maximum=1)


@dataclass(frozen=True)
class InspectConfig:
    """Artifacts of one clip -> what they say, and a picture."""

    clip: str = setting("", "A clip id, a video that was preprocessed, or an artifact (.h5).", positional=True)
    overlay: str | None = execution(None, "Draw landmarks, mesh, NMFC and normals over frames into this picture.")
    frames: int = execution(6, "Frames that are drawn.", minimum=1, maximum=50)
    flame: str | None = execution(None, "FLAME of a clip that deca made; <workspace>/models/flame.h5 where not given.")


SECTIONS: dict[str, type] = {
    "common": Common,
    "audit": AuditConfig,
    "preprocess": PreprocessConfig,
    "faces": FacesConfig,
    "import-flame": ImportFlameConfig,
    "reconstruct3d": Reconstruct3dConfig,
    "clip-score": ClipScoreConfig,
    "train": TrainConfig,
    "train-renderer": TrainRendererConfig,
    "edit": EditConfig,
    "evaluate-detection": EvaluateDetectionConfig,
    "evaluate-manipulator": EvaluateManipulatorConfig,
    "evaluate-edit": EvaluateEditConfig,
    "compare": CompareConfig,
    "evaluate-options": EvaluateOptionsConfig,
    "synth": SynthConfig,
    "demo": DemoConfig,
    "inspect": InspectConfig,
}


def result_params(config: Any) -> dict[str, Any]:
    """Give the settings that decide what a result is, for its key: all but the execution ones."""
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if not field.metadata.get("execution", False)
    }
