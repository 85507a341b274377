"""FaceTrack -> ClipScores, with a small untrained model: what is scored, kept, skipped and said."""

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

N_FRAMES = 20


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An untrained model in the built-in format."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ClipWeights
    from mead_manip.backends import openclip_source
    from mead_manip.models import compact_clip

    torch.manual_seed(0)
    config = compact_clip.CONFIG | {"vision_cfg": compact_clip.CONFIG["vision_cfg"] | {"image_size": 32, "width": 8}}
    model = openclip_source.build(compact_clip.with_vocabulary(config, 49408))
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / "clip.h5"
    parameters = compact_clip.pack(state, np.arange(49408))
    store.save(
        ClipWeights(parameters, json.dumps(config), "{}"),
        path,
        Provenance(ClipWeights.schema_id(), "test", 1),
        reproducible=True,
    )
    return path


@pytest.fixture
def publish(make_track):
    """Give a function that publishes the FaceTrack of a clip with random crops."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import FaceTrack
    from mead_manip.media import images

    def publish(workspace, clip_id, emotion, seed=0, visible=None):
        rng = np.random.default_rng(seed)
        visible = np.ones(N_FRAMES, bool) if visible is None else visible
        crops = [
            images.encode(rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)) if seen else b"" for seen in visible
        ]
        faces = images.EncodedFrames.pack(crops)
        labels = {"actor": clip_id[:4], "emotion": emotion, "level": 3 if emotion else 0}
        track = make_track(N_FRAMES, face_bytes=faces.data, face_offsets=faces.offsets, visible=visible, **labels)
        provenance = Provenance(FaceTrack.schema_id(), "preprocess", 1, {"clip": clip_id, "seed": seed})
        store.save(track, workspace.path("preprocess", clip_id), provenance)

    return publish


@pytest.fixture
def workspace(tmp_path, publish):
    """Four labelled clips and a video without a label."""
    from mead_manip.artifacts.workspace import Workspace

    workspace = Workspace(tmp_path)
    clips = {"M003_happy_1": "happy", "M003_happy_2": "happy", "M003_sad_1": "sad", "W009_fear_1": "fear", "video": ""}
    for seed, (clip_id, emotion) in enumerate(clips.items()):
        publish(workspace, clip_id, emotion, seed)
    return workspace


def score(workspace, weights, progress=None, *, device="cpu", **settings):
    from mead_manip.config import ClipScoreConfig, Common
    from mead_manip.stages import clip_score
    from mead_manip.stages.runner import SilentProgress

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


def test_scores_hold_everything_that_made_them(workspace, weights):
    from mead_manip.emotions import NED_EMOTIONS

    summary = score(workspace, weights)
    assert (len(summary.done), summary.failures, summary.exit_code) == (4, {}, 0)
    scores = read(workspace, "M003_sad_1")
    assert scores.classes == NED_EMOTIONS
    assert scores.prompts[5] == "a photo of a face with an expression of sadness"
    assert scores.logit_scale == pytest.approx(1 / 0.07, rel=1e-5)
    assert (scores.model, scores.precision, scores.threshold, scores.actor, scores.level) == (
        "builtin",
        "fp32",
        0.6,
        "M003",
        3,
    )
    np.testing.assert_allclose(scores.frame_probability.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(scores.probability, scores.frame_probability.mean(axis=0), atol=1e-6)
    assert scores.y == pytest.approx(scores.probability[5])
    assert scores.weight == (1.0 if scores.y >= 0.6 else scores.y)
    assert len(scores.frame_index) == 8 and scores.frame_index.min() >= 2 and scores.frame_index.max() <= 17


def test_clips_without_a_label_are_skipped_and_counted(workspace, weights):
    summary = score(workspace, weights)
    assert summary.facts["unlabelled"] == 1
    assert "1 without a label skipped" in summary.line()
    assert workspace.clips("clip-score") == ["M003_happy_1", "M003_happy_2", "M003_sad_1", "W009_fear_1"]


def test_batching_over_clips_gives_what_one_clip_alone_gives(workspace, weights, tmp_path, publish):
    from mead_manip.artifacts.workspace import Workspace

    score(workspace, weights)
    alone = Workspace(tmp_path / "alone")
    publish(alone, "W009_fear_1", "fear", seed=3)
    score(alone, weights)
    together = read(workspace, "W009_fear_1")
    np.testing.assert_allclose(read(alone, "W009_fear_1").frame_probability, together.frame_probability, atol=1e-5)


def test_a_second_run_does_nothing_and_a_killed_one_goes_on(workspace, weights):
    score(workspace, weights)
    assert len(score(workspace, weights).fresh) == 4
    workspace.path("clip-score", "M003_sad_1").unlink()
    summary = score(workspace, weights)
    assert (summary.done, len(summary.fresh)) == (["M003_sad_1"], 3)


def test_another_threshold_or_prompt_touches_no_pixel(workspace, weights):
    score(workspace, weights)
    before = read(workspace, "M003_happy_1")
    stamps = stamps_of(workspace)
    assert len(stamps) == 1, "four clips are one pack"
    heard = Heard()
    summary = score(workspace, weights, heard, threshold=0.01)
    assert len(summary.done) == 4 and summary.facts["share_lambda_1"] == 1.0
    assert "M003_sad_1 and 1 more: stale params.threshold: 0.6 -> 0.01" in "\n".join(heard.lines)
    after = read(workspace, "M003_happy_1")
    np.testing.assert_array_equal(after.frame_probability, before.frame_probability)
    assert (after.y, after.weight, before.weight) == (before.y, 1.0, before.y)
    assert len(workspace.clips("clip-prompts")) == 1
    score(workspace, weights, prompts="a {emotion} face")
    assert read(workspace, "M003_happy_1").prompts[4] == "a happy face"
    assert stamps_of(workspace) == stamps


def test_force_embeds_again(workspace, weights):
    score(workspace, weights)
    (before,) = stamps_of(workspace).values()
    assert len(score(workspace, weights, force=True).done) == 4
    (after,) = stamps_of(workspace).values()
    assert after > before


def test_a_new_track_or_frame_count_is_scored_again(workspace, weights, publish):
    score(workspace, weights)
    publish(workspace, "M003_sad_1", "sad", seed=77)
    assert score(workspace, weights).done == ["M003_sad_1"]
    assert len(score(workspace, weights, frames=3).done) == 4
    assert len(read(workspace, "M003_sad_1").frame_index) == 3


def test_contempt_is_a_class_where_it_is_asked_for_and_named_where_not(workspace, weights, publish):
    from mead_manip.emotions import EMOTIONS, NED_EMOTIONS

    publish(workspace, "M003_contempt_1", "contempt", seed=9)
    assert len(score(workspace, weights, classes=8).done) == 5
    assert read(workspace, "M003_sad_1").classes == EMOTIONS
    heard = Heard()
    summary = score(workspace, weights, heard)
    assert (len(summary.done), summary.facts["not_scored"]) == (4, ["M003_contempt_1"])
    assert "1 of contempt not scored (--classes 8 does)" in summary.line()
    assert any("not scored" in line and "M003_contempt_1" in line for line in heard.lines)
    assert any("removed the scores" in line and "M003_contempt_1" in line for line in heard.lines)
    assert read(workspace, "M003_sad_1").classes == NED_EMOTIONS
    assert "M003_contempt_1" not in workspace.clips("clip-score")
    assert score(workspace, weights, clips=("M003_sad_1",)).fresh == ["M003_sad_1"]


def test_a_broken_track_fails_alone(workspace, weights):
    workspace.path("preprocess", "M003_happy_1").write_bytes(b"")
    summary = score(workspace, weights)
    assert len(summary.done) == 3 and summary.exit_code == 1
    assert "empty (0 bytes)" in summary.failures["M003_happy_1"]


def test_a_clip_without_a_face_fails_alone(workspace, weights, publish):
    publish(workspace, "M003_happy_2", "happy", visible=np.zeros(N_FRAMES, bool))
    summary = score(workspace, weights)
    assert len(summary.done) == 3
    assert "no frame shows a face" in summary.failures["M003_happy_2"]


def test_dry_run_writes_nothing_and_checks_the_name(workspace, weights):
    from mead_manip.errors import UsageError

    summary = score(workspace, weights, dry_run=True)
    assert len(summary.planned) == 4 and not (workspace.root / "clip-features").exists()
    with pytest.raises(UsageError, match="unknown CLIP model"):
        score(workspace, weights, dry_run=True, model="ViT-L14", pretrained="openai")


def test_nothing_to_score_says_which_command_to_run(tmp_path, weights, publish):
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.errors import InputMissing, UsageError

    empty = Workspace(tmp_path)
    with pytest.raises(InputMissing, match="mead-manip preprocess"):
        score(empty, weights)
    publish(empty, "video", "")
    with pytest.raises(InputMissing, match="none of the 1 tracked clips has an emotion label"):
        score(empty, weights)
    with pytest.raises(UsageError, match="unknown clip 'nobody'"):
        score(empty, weights, clips=("nobody",))


def test_the_table_lists_every_clip(workspace, weights):
    summary = score(workspace, weights)
    rows = list(csv.DictReader(Path(summary.facts["table"]).read_text(encoding="utf-8").splitlines()))
    assert [row["clip"] for row in rows] == workspace.clips("clip-score")
    assert {row["label"] for row in rows} == {"happy", "sad", "fear"}
    assert all(float(row["y"]) == pytest.approx(float(row[f"p_{row['label']}"]), abs=2e-6) for row in rows)
    assert {row["p_contempt"] for row in rows} == {""} == {row["lambda_normalised"] for row in rows}
    assert all(float(row["lambda"]) == pytest.approx(read(workspace, row["clip"]).weight, abs=1e-6) for row in rows)


def row(label="happy", y=0.9, weight=1.0, **changes):
    from mead_manip.stages.clip_summary import Row

    plain = {"clip": "a", "actor": "M003", "level": 3, "normalised": None, "threshold": 0.6, "probability": (0.1,) * 7}
    return Row(**{**plain, "label": label, "y": y, "weight": weight, **changes})


def test_warnings_name_what_binds_and_which_class_is_lost():
    from mead_manip.emotions import NED_EMOTIONS
    from mead_manip.stages.clip_summary import warnings

    assert warnings([]) == []
    good = [row(label, y, w) for label in NED_EMOTIONS for y, w in ((0.9, 1.0), (0.7, 1.0), (0.4, 0.4)) * 2]
    assert warnings(good) == []
    assert warnings([r for r in good if r.weight == 1.0] * 2) == [
        "every clip reaches the threshold 0.6: nothing is suppressed"
    ]
    dark = [row(label, 0.4, 0.4) for label in NED_EMOTIONS for _ in range(5)]
    assert warnings(dark) == ["no clip reaches the threshold 0.6: every clip is suppressed"]
    lost, skewed = warnings([r for r in good if r.label != "sad"] + [row("sad", 0.1, 0.1)] * 5)
    assert "half the clips of sad have lambda < 0.3 (median 0.10)" in lost and "8.0-fold" in skewed
    assert warnings([r for r in good if r.label != "fear"] + [row("fear")] * 2) == ["only 2 clips of fear"]
    assert warnings([r for r in good if r.label not in ("fear", "sad")])[-1] == "no clip of fear, sad"


def test_rows_survive_as_text():
    from mead_manip.stages.clip_summary import Row

    for one in (row(), row(normalised=1.25, level=0, actor="")):
        assert Row.from_text(one.to_text()) == one


# ---- options ----------------------------------------------------------------------------------------------------


@pytest.fixture
def actors(tmp_path, publish):
    """Two actors with two clips each of three emotions."""
    from mead_manip.artifacts.workspace import Workspace

    workspace = Workspace(tmp_path / "actors")
    names = [
        f"{actor}_{emotion}_{k}" for actor in ("M003", "W009") for emotion in ("happy", "sad", "fear") for k in (1, 2)
    ]
    for seed, name in enumerate(names):
        publish(workspace, name, name.split("_")[1], seed)
    return workspace


def test_a_temperature_flattens_and_is_on_record(workspace, weights):
    score(workspace, weights)
    before = read(workspace, "M003_sad_1")
    score(workspace, weights, temperature="50")
    after = read(workspace, "M003_sad_1")
    assert (before.temperature, after.temperature, after.logit_scale) == (1.0, 50.0, before.logit_scale)
    assert np.ptp(after.probability) < 0.2 * np.ptp(before.probability)
    softened = np.exp(np.log(before.frame_probability) / 50)
    np.testing.assert_allclose(after.frame_probability, softened / softened.sum(axis=1, keepdims=True), atol=1e-5)


def test_a_temperature_is_calibrated_on_one_actor_without_a_look_at_pixels(actors, weights):
    score(actors, weights)
    stamps = stamps_of(actors)
    summary = score(actors, weights, temperature="calibrate", calibrate_on="W009")
    scores = read(actors, "M003_sad_1")
    assert (len(summary.done), scores.calibrated_on) == (12, "W009")
    assert scores.temperature != 1.0 and stamps_of(actors) == stamps
    # An untrained model sees nothing: the likeliest probabilities are flat ones.
    labelled = [read(actors, clip_id) for clip_id in actors.clips("clip-score") if clip_id.startswith("W009")]
    assert np.mean([-np.log(one.y) for one in labelled]) <= np.log(7) + 1e-3
    assert len(score(actors, weights, temperature="calibrate", calibrate_on="W009").fresh) == 12


def test_class_normalised_lambda_has_the_mean_one_and_lambda_stays(actors, weights):
    score(actors, weights)
    plain = {clip_id: read(actors, clip_id).weight for clip_id in actors.clips("clip-score")}
    assert read(actors, "M003_sad_1").weight_normalised is None
    score(actors, weights, class_normalise=True)
    found = {clip_id: read(actors, clip_id) for clip_id in plain}
    assert {clip_id: one.weight for clip_id, one in found.items()} == plain
    for label in ("happy", "sad", "fear"):
        values = [one.weight_normalised for one in found.values() if one.label == label]
        assert np.mean(values) == pytest.approx(1.0)
    # The weights of the others have changed with one clip: all of its class are scored again.
    actors.path("preprocess", "M003_sad_1").unlink()
    assert sorted(score(actors, weights, class_normalise=True).done) == ["M003_sad_2", "W009_sad_1", "W009_sad_2"]


def test_no_clip_counts_less_than_the_floor(workspace, weights):
    score(workspace, weights, min_lambda=0.5)
    found = [read(workspace, clip_id) for clip_id in workspace.clips("clip-score")]
    assert all(one.weight == max(0.5, 1.0 if one.y >= 0.6 else one.y) and one.min_lambda == 0.5 for one in found)
    assert any(one.y < 0.5 for one in found)


def test_thresholds_of_every_class(actors, weights):
    if importlib.util.find_spec("cleanlab") is None:
        pytest.skip("cleanlab is not installed (extra curate)")
    score(actors, weights, per_class_thresholds=True)
    found = [read(actors, clip_id) for clip_id in actors.clips("clip-score")]
    for label in ("happy", "sad", "fear"):
        mine = [one for one in found if one.label == label]
        assert [one.threshold for one in mine] == pytest.approx([np.mean([one.y for one in mine])] * 4, abs=1e-6)
        assert all(one.weight == (1.0 if one.y >= one.threshold else one.y) for one in mine)
        assert any(one.weight == 1.0 for one in mine)


def test_prompts_from_a_file_count_by_content(workspace, weights, tmp_path):
    from mead_manip.emotions import NED_EMOTIONS

    text = "[prompts]\n" + "\n".join(f'{name} = ["a {name} face", "they look {name}"]' for name in NED_EMOTIONS)
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(text)
    assert len(score(workspace, weights, prompts=str(tmp_path / "one.toml")).done) == 4
    assert read(workspace, "M003_sad_1").prompts[:2] == ("a neutral face", "they look neutral")
    np.testing.assert_array_equal(read(workspace, "M003_sad_1").prompt_class, np.repeat(np.arange(7), 2))
    assert len(score(workspace, weights, prompts=str(tmp_path / "two.toml")).fresh) == 4
    (tmp_path / "two.toml").write_text(text.replace("a sad face", "a weeping face"))
    assert len(score(workspace, weights, prompts=str(tmp_path / "two.toml")).done) == 4


def test_options_that_do_not_go_together_are_refused(actors, weights):
    from mead_manip.errors import InputMissing, UsageError

    for settings, says in (
        ({"temperature": "hot"}, "a number above 0, or calibrate"),
        ({"temperature": "0"}, "a number above 0"),
        ({"temperature": "calibrate"}, "--calibrate-on ACTOR"),
        ({"calibrate_on": "M003"}, "--calibrate-on ACTOR"),
        ({"class_normalise": True, "clips": ("M003_sad_1",)}, "--clips with an option that looks at all clips"),
        ({"per_class_thresholds": True, "shard": "1/2"}, "--shard with an option that looks at all clips"),
    ):
        with pytest.raises(UsageError, match=says):
            score(actors, weights, **settings)
    with pytest.raises(InputMissing, match="there are M003, W009"):
        score(actors, weights, temperature="calibrate", calibrate_on="M023")


def test_a_dry_run_of_such_an_option_loads_nothing(actors, weights):
    assert len(score(actors, weights, class_normalise=True, dry_run=True).planned) == 12
    assert not actors.folder("clip-features").exists()
    score(actors, weights, class_normalise=True)
    again = score(actors, weights, class_normalise=True, dry_run=True)
    assert (again.planned, len(again.fresh)) == ({}, 12)


def test_parts_cover_all_and_the_last_leaves_the_table_of_all(actors, weights):
    done = [clip_id for part in ("1/3", "2/3", "3/3") for clip_id in score(actors, weights, shard=part).done]
    assert sorted(done) == actors.clips("clip-score") == actors.clips("preprocess")
    assert len((actors.folder("clip-score") / "scores.csv").read_text().splitlines()) == 13
    assert len(score(actors, weights).fresh) == 12


def test_a_file_that_another_wrote_is_looked_at_again(workspace, weights):
    score(workspace, weights)
    workspace.path("clip-score", "M003_sad_1").write_bytes(workspace.path("clip-score", "W009_fear_1").read_bytes())
    heard = Heard()
    assert score(workspace, weights, heard).done == ["M003_sad_1"]
    assert any("M003_sad_1: stale inputs.face_track" in line for line in heard.lines)


# ---- the page ---------------------------------------------------------------------------------------------------


def test_the_page_shows_every_class_and_faces(actors, weights, tmp_path):
    page = tmp_path / "page.html"
    summary = score(actors, weights, report_to=str(page))
    html = page.read_text(encoding="utf-8")
    assert summary.facts["report"] == str(page)
    for text in ("builtin", "a photo of a face with an expression of sadness", "M003_happy_1", "fear: least trusted"):
        assert text in html
    assert html.count("data:image/png;base64") == 3 and html.count("data:image/jpeg;base64") == 3 * 12
    assert "only 4 clips of happy" in html and "no clip of neutral" in html
    assert html.count("contains MEAD: do not share") == 2
    assert "http://" not in html and "https://" not in html, "the page needs nothing from outside"
    score(actors, weights, report=True, thumbnails=False)
    bare = (actors.folder("clip-score") / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" not in bare and "contains MEAD" not in bare and "M003_happy_1" in bare


def test_other_prompts_are_compared_and_change_no_score(actors, weights, tmp_path):
    score(actors, weights)
    page = tmp_path / "page.html"
    summary = score(actors, weights, compare="a {emotion} face", report_to=str(page))
    drift = summary.facts["drift"]
    assert (len(summary.fresh), drift["all"]["clips"], set(drift["by_label"])) == (12, 12, {"happy", "sad", "fear"})
    assert -1.0 <= drift["all"]["rank_correlation"] <= 1.0 and drift["all"]["mean_change"] > 0
    assert "Against a {emotion} face" in page.read_text(encoding="utf-8")
    itself = score(actors, weights, compare=f"builtin/{weights}").facts["drift"]
    assert itself["all"] == {"clips": 12, "rank_correlation": pytest.approx(1.0), "flips": 0, "mean_change": 0.0}
    assert itself["flipped"] == ()


def test_json_holds_every_number(actors, weights):
    facts = json.loads(json.dumps(score(actors, weights).as_json()))["facts"]
    assert set(facts["by_class"]) == {"happy", "sad", "fear"} and len(facts["scores"]) == 12
    line, scores = facts["by_class"]["sad"], [one for one in facts["scores"].values() if one["label"] == "sad"]
    assert line["clips"] == 4 and line["mean_lambda"] == pytest.approx(np.mean([one["lambda"] for one in scores]))
    assert 1.0 <= facts["effective_sample_size"] <= 12.0 and facts["class_skew"] >= 1.0


def test_frames_come_from_the_middle_of_what_is_visible():
    from mead_manip.stages.clip_sampling import sample_frames

    everything = np.ones(101, bool)
    np.testing.assert_array_equal(sample_frames(everything, 3), [10, 50, 90])
    assert len(sample_frames(everything, 8)) == 8
    only_first = np.arange(101) < 3
    np.testing.assert_array_equal(sample_frames(only_first, 8), [0, 1, 2])
    assert len(sample_frames(np.zeros(10, bool), 8)) == 0
