"""Settings of synth and demo."""

from dataclasses import dataclass

from mead_manip.emotions import parse_emotion
from mead_manip.settings import execution, setting


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
