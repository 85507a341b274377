"""The page of clip-score, the comparison with other prompts, and the numbers as JSON."""

import json

import numpy as np
import pytest
from clip_scoring import score


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
