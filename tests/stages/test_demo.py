"""The demo: what it would run, and how it measures (the whole of it is `make demo`)."""

import numpy as np
import pytest


def test_a_dry_run_names_the_commands_and_makes_nothing(in_folder):
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.config import Common, DemoConfig
    from mead_manip.stages import demo
    from mead_manip.stages.running.runner import SilentProgress

    summary = demo.run(Workspace("work"), DemoConfig(), Common(), dry_run=True, progress=SilentProgress())

    commands = list(summary.planned)
    stages = [command.split()[1] for command in commands]
    assert stages == ["synth", "synth", "preprocess", "reconstruct3d", "clip-score", "train", "train"]
    assert "--weighting none" in commands[-2] and "--weighting literal" in commands[-1]
    assert not list(in_folder.iterdir())


def test_the_commands_it_shows_are_commands_that_work(in_folder):
    from typer.testing import CliRunner

    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.cli import app
    from mead_manip.config import Common, DemoConfig
    from mead_manip.stages import demo
    from mead_manip.stages.running.runner import SilentProgress

    planned = demo.run(Workspace("work"), DemoConfig(), Common(), dry_run=True, progress=SilentProgress()).planned
    (first, *_) = planned
    shown = CliRunner().invoke(app, [*first.split()[1:], "--dry-run"])

    assert shown.exit_code == 0, shown.output
    assert "to do" in shown.output


@pytest.fixture
def tree(tmp_path):
    """A tiny synthetic set of one person, with tracks that are the truth itself."""
    from mead_manip import files
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import FaceTrack, SyntheticTruth
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.config import Common, Reconstruct3dConfig, SynthConfig
    from mead_manip.stages import reconstruct3d, synth
    from mead_manip.stages.running.runner import SilentProgress
    from mead_manip.synthetic.mead import truth_path

    folder, workspace, quiet = tmp_path / "MEAD", Workspace(tmp_path / "work"), SilentProgress()
    config = SynthConfig(str(folder), actors=1, clips=1, size=96, seconds=0.7, emotions=("happy",), workers=0)
    synth.run(workspace, config, Common(), progress=quiet)
    truth = store.load(SyntheticTruth, truth_path(folder))

    def publish(make_track):
        for k, (clip_id, path) in enumerate(zip(truth.clip_ids, truth.paths, strict=True)):
            rows = slice(int(truth.clip_start[k]), int(truth.clip_start[k + 1]))
            points = truth.landmarks_px[rows]
            track = make_track(
                len(points), landmarks_px=points, source_digest=files.digest(folder / path), actor="", emotion=""
            )
            provenance = Provenance(FaceTrack.schema_id(), "preprocess", 1, {"clip": clip_id})
            store.save(track, workspace.path("preprocess", clip_id), provenance)
        reconstruct3d.run(workspace, Reconstruct3dConfig(workers=0), Common(), progress=quiet)
        return workspace, folder

    return publish


def test_measures_compare_with_the_truth_of_the_same_clip(tree, make_track):
    from mead_manip.stages.judging.demo_measures import _clips, _perception

    workspace, folder = tree(make_track)
    clips = _clips(workspace, folder)
    values = {m.name: m.value for m in _perception(clips)}

    assert float(values["landmark error"]) == 0.0  # the tracks are the truth
    assert float(values["fitting residual"]) < 0.03
    assert float(values["head pose error"].rstrip("°")) < 5.0
    assert all(np.array_equal(c.track.landmarks_px, c.landmarks_px) for c in clips)
