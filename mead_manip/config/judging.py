"""Settings of the evaluate commands."""

from dataclasses import dataclass

from mead_manip.config.common import LANDMARKS, LANDMARKS_MODEL
from mead_manip.emotions import parse_emotion
from mead_manip.settings import execution, setting


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
    landmarks: str = setting("builtin", LANDMARKS)
    landmarks_model: str | None = setting(None, LANDMARKS_MODEL)
