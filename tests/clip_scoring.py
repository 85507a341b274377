"""Run clip-score on a workspace and look at what it left. The package is imported inside: see conftest.py."""


def score(workspace, weights, progress=None, *, device="cpu", **settings):
    from mead_manip.config import ClipScoreConfig, Common
    from mead_manip.stages import clip_score
    from mead_manip.stages.running.runner import SilentProgress

    switches = {name: settings.pop(name) for name in ("force", "dry_run") if name in settings}
    config = ClipScoreConfig(**{"model": "builtin", "pretrained": str(weights), **settings})
    return clip_score.run(workspace, config, Common(device=device), progress=progress or SilentProgress(), **switches)


def read(workspace, clip_id):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import ClipScores

    return store.load(ClipScores, workspace.path("clip-score", clip_id))


def stamps_of(workspace):
    folder = workspace.folder("clip-features")
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.h5")}


class Heard:
    """A progress that keeps what was said."""

    def __init__(self):
        self.lines = []

    def clips(self, items, total, description):
        return items

    def say(self, text):
        self.lines.append(text)
