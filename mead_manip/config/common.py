"""What every command takes, and the words that several of them say."""

from dataclasses import dataclass

from mead_manip.settings import execution, setting

LANDMARKS = "Landmark detector: builtin, fan, mediapipe."
LANDMARKS_MODEL = "Weights of the landmark detector: a file; for fan also a folder, or download."
SPLITS = ("ned", "emote", "smirk", "w2le", "eat", "authors")
CLIPS = "Only these clip ids (commas or repeated)."
SHARD = "Only part i of n of the clips, for example 2/8: parts are disjoint and cover all."
ENGINE = "Where clips are computed: worker processes here, or a Ray cluster (which ignores --workers)."
OWN_RUN, SHIPPED_RUN = "manipulator", "builtin"  # training runs: the workspace's by default, and the one in assets/


@dataclass(frozen=True)
class Common:
    """What every command takes."""

    workspace: str = execution("./work", "Folder that holds the results of every stage.", flags=("-w",))
    device: str = execution("auto", "Where to compute: auto, cpu, cuda, cuda:1, mps.")
    seed: int = setting(0, "Seed of everything random.", minimum=0)
