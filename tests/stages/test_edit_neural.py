"""video + ManipulatorWeights + RendererWeights -> video, with networks that have learned nothing."""

import json
from fractions import Fraction

import numpy as np
import pytest
from faces import talking_head

FRAMES = 12


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    from faces import write_clip

    frames, _ = talking_head()
    return write_clip(tmp_path_factory.mktemp("source") / "talk.mp4", frames[:FRAMES], Fraction(25))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, video):
    """A manipulator `toy` and a renderer `mine` of the video."""
    import neural
    import torch

    from mead_manip import files
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ManipulatorWeights, Reconstruction
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.config import Common
    from mead_manip.models.face_model import load_head
    from mead_manip.models.manipulator import Architecture, Manipulator
    from mead_manip.stages.running import plan
    from mead_manip.stages.running.runner import SilentProgress

    workspace, head = Workspace(tmp_path_factory.mktemp("work")), load_head()
    torch.manual_seed(0)
    nets = Manipulator(Architecture.of_size("small", 1 + len(head.coef_names)))
    nets.coef_std = torch.full_like(nets.coef_std, 0.3)
    facts = json.dumps({"coef_names": ["jaw_pose_x", *head.coef_names]})
    path = workspace.run_dir("toy") / "weights.h5"
    path.parent.mkdir(parents=True)
    weights = ManipulatorWeights(nets.to_arrays(), nets.architecture.to_json(), facts)
    store.save(weights, path, Provenance(ManipulatorWeights.schema_id(), "train", 1))

    (clip_id,) = plan.make("preprocess", workspace, Common(), progress=SilentProgress(), path=str(video)).clips
    plan.make("reconstruct3d", workspace, Common(), progress=SilentProgress(), clips=clip_id)
    _, (face_model,) = store.peek(Reconstruction, workspace.path("reconstruct3d", clip_id), "face_model")
    neural.publish(workspace, "mine", neural.weights(head.n_vertices, (f"{files.digest(video)}#1",), face_model))
    return workspace


@pytest.fixture
def edit(workspace, video, tmp_path):
    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit
    from mead_manip.stages.running.runner import SilentProgress

    def run(*, source=video, out="out.mp4", **settings):
        sources = (str(source),) if source else ()
        config = EditConfig(video=sources, out=str(tmp_path / out), **{"to": "happy", "run": "toy", **settings})
        return edit.run(workspace, config, Common(), progress=SilentProgress()), tmp_path / out

    return run


def frames_of(path):
    from mead_manip.media.video import read_frames

    return [rgb for _, _, rgb in read_frames(path)]


def recipe_of(out):
    return json.loads(out.with_suffix(".json").read_text())


def test_auto_takes_the_renderer_of_this_person_and_says_so(edit, video):
    summary, out = edit()

    assert "renderer neural mine (trained on this video)" in summary.detail
    assert recipe_of(out)["renderer"] == {"name": "neural", "runs": {"1": "mine"}}
    assert "renderer_weights_1" in recipe_of(out)["provenance"]["inputs"]
    assert recipe_of(out)["provenance"]["backend"] == "neural"
    assert len(frames_of(out)) == FRAMES
    assert edit(renderer="neural")[0].fresh == ["talk.mp4"]  # the same by name


def test_warp_is_another_result(edit):
    _, neural = edit(out="neural.mp4")
    summary, warp = edit(renderer="warp", out="warp.mp4")

    assert "renderer warp" in summary.detail and recipe_of(warp)["renderer"] == {"name": "warp", "runs": {}}
    assert recipe_of(warp)["key"] != recipe_of(neural)["key"]
    assert np.abs(frames_of(warp)[5].astype(int) - frames_of(neural)[5]).mean() > 1


def test_another_person_s_video_is_warped_or_refused(edit, tmp_path):
    from faces import write_clip

    from mead_manip.errors import InputMissing, UsageError

    other = write_clip(tmp_path / "other.mp4", talking_head(person=4)[0])
    summary, _ = edit(source=other)
    assert "renderer warp (no neural renderer of this person)" in summary.detail
    with pytest.raises(InputMissing, match=r"train renderer .*other\.mp4.*--renderer-run \(mine\)"):
        edit(source=other, renderer="neural")
    with pytest.raises(UsageError, match="--renderer warp with --renderer-run"):
        edit(renderer="warp", renderer_run="mine")

    summary, _ = edit(source=other, renderer_run="mine", out="mine.mp4")
    assert "neural mine (mine was trained on another video)" in summary.detail


def test_a_recipe_draws_with_the_renderer_that_it_names(edit):
    for renderer in ("warp", "neural"):
        _, out = edit(renderer=renderer, out=f"{renderer}.mp4")
        _, again = edit(source=None, to="", recipe=str(out.with_suffix(".json")), out=f"again_{renderer}.mp4")

        assert recipe_of(again)["renderer"] == recipe_of(out)["renderer"]
        assert all(np.array_equal(a, b) for a, b in zip(frames_of(out), frames_of(again), strict=True))


def test_a_recipe_of_other_weights_is_refused(edit, tmp_path):
    from mead_manip.errors import InputMissing

    _, out = edit()
    recipe = recipe_of(out)
    recipe["provenance"]["inputs"]["renderer_weights_1"] = "0" * 16
    (tmp_path / "other.json").write_text(json.dumps(recipe))
    with pytest.raises(InputMissing, match="renderer weights"):
        edit(source=None, to="", recipe=str(tmp_path / "other.json"), out="x.mp4")


def test_sheets_grids_and_pictures_are_drawn_too(edit, video, tmp_path):
    from PIL import Image

    from mead_manip.media.images import read_image

    _, strip = edit(preview=2, out="preview.png")
    _, styles = edit(styles=2, out="styles.png")
    assert read_image(strip).shape[1] == 2 * 320 and read_image(styles).shape[1] == 3 * 320
    _, grid = edit(to="", grid=True, out="grid.mp4")
    height, width = frames_of(video)[0].shape[:2]
    assert frames_of(grid)[3].shape[:2] == (2 * height, 4 * width)

    picture = tmp_path / "face.png"
    Image.fromarray(frames_of(video)[0]).save(picture)
    _, made = edit(source=picture, renderer_run="mine", out="happy.png")
    changed = (read_image(made) != read_image(picture)).any(axis=2)
    assert changed.sum() > 500 and not changed[:5].any()


def test_only_the_part_that_is_edited_changes(edit, video):
    _, out = edit(start=0.24, style_seed=0, out="late.mp4")
    change = [np.abs(a.astype(int) - b).mean() for a, b in zip(frames_of(out), frames_of(video), strict=True)]

    assert max(change[:5]) < 3 < change[-1]


def test_the_report_on_footage_alone_trains_nothing(workspace, video):
    from mead_manip.config import Common, TrainRendererConfig
    from mead_manip.stages import train_renderer
    from mead_manip.stages.running.runner import SilentProgress

    config = TrainRendererConfig(video=(str(video),), run="new", report_only=True)
    summary = train_renderer.run(workspace, config, Common(), progress=SilentProgress())

    assert summary.exit_code == 0 and "missing" in summary.text
    assert summary.facts["footage"]["usable_frames"] == FRAMES
    assert any("below 2 min" in line for line in summary.facts["footage"]["missing"])
    assert not workspace.run_dir("new").exists()


def test_a_killed_edit_goes_on_with_what_the_network_remembered(workspace, video, tmp_path):
    from itertools import islice

    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit
    from mead_manip.stages.running.runner import SilentProgress

    class Killed(Exception):
        pass

    class Watched(SilentProgress):
        def __init__(self, until):
            self.until, self.drawn = until, []

        def clips(self, items, total, description):
            if not description.startswith("edit"):
                yield from items
                return
            for frame, pictures in islice(items, self.until):
                self.drawn.append(frame.index)
                yield frame, pictures
            if len(self.drawn) == self.until:
                raise Killed

    def run(out, until=None):
        progress = Watched(until)
        config = EditConfig(video=(str(video),), out=str(tmp_path / out), to="happy", run="toy", renderer="neural")
        edit.run(workspace, config, Common(), progress=progress, part_frames=5)
        return frames_of(tmp_path / out), progress.drawn

    whole, drawn = run("whole.mp4")
    assert drawn == list(range(FRAMES))
    with pytest.raises(Killed):
        run("killed.mp4", until=7)
    resumed, drawn = run("killed.mp4")
    assert drawn == list(range(5, FRAMES))  # what is drawn for the memory is not written
    assert all(np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True))
