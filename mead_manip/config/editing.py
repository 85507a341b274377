"""Settings of edit and compare."""

from dataclasses import dataclass

from mead_manip.config.common import LANDMARKS, LANDMARKS_MODEL, OWN_RUN, SHIPPED_RUN
from mead_manip.emotions import TARGETS, parse_emotion, parse_target_text
from mead_manip.settings import execution, setting


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
        0.8,
        "How far lips close where those of the source do: 0 not, 0.8 wholly in speech, 1 also in a mouth at rest.",
        minimum=0,
        maximum=1,
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
    mask: str = setting(
        "none",
        "What lies in front of the face and stays as it is: a matte (white: in front) as a video, a picture, a folder "
        "or a pattern such as matte.####.png, {stem} for the video's name; auto finds what passes and is no skin.",
    )
    landmarks: str = setting("builtin", LANDMARKS)
    landmarks_model: str | None = setting(None, LANDMARKS_MODEL)


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
    landmarks: str = setting("builtin", LANDMARKS)
    landmarks_model: str | None = setting(None, LANDMARKS_MODEL)
