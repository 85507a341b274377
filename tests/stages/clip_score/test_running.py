"""FaceTrack -> ClipScores, with a small untrained model: what is scored, kept, skipped and said."""

import csv
from pathlib import Path

import numpy as np
import pytest
from clip_scoring import Heard, read, score, stamps_of


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
    publish(workspace, "M003_happy_2", "happy", visible=np.zeros(20, bool))
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
