"""The page of scores: figures of any number of actors and levels, names that cannot break the markup."""

import io

import numpy as np
import pytest
from PIL import Image

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.reports import score_page
from mead_manip.reports.score_page import Card, Page, Weight


def weights(n_actors, levels=(1, 2, 3), seed=0):
    rng = np.random.default_rng(seed)
    return [
        Weight(label, level, f"M{actor:03d}", float(rng.random()))
        for label in NED_EMOTIONS
        for level in (levels if label != "neutral" else (1,))
        for actor in range(n_actors)
    ]


def page(**changes):
    line = {"clips": 3, "threshold": 0.6, "mean_y": 0.5, "mean_lambda": 0.7, "median_lambda": 0.6}
    plain = {
        "lead": "lead", "warnings": [], "settings": [("model", "builtin")],
        "prompts": {"happy": ["a <b>smiling</b> face"]},
        "table": {name: {**line, "share_lambda_1": 0.5, "effective_sample_size": 2.5} for name in NED_EMOTIONS},
        "totals": {"share_lambda_1": 0.5, "effective_sample_size": 20.0, "class_skew": 1.2}, "weights": weights(2),
        "mean_probability": np.eye(7), "labels": NED_EMOTIONS, "classes": NED_EMOTIONS,
    }  # fmt: skip
    return score_page.score_page(Page(**{**plain, **changes}))


@pytest.mark.parametrize("n_actors", [1, 4, 60])
def test_figures_are_pictures_for_few_and_many_actors(n_actors):
    for data in (score_page.histograms(weights(n_actors)), score_page.actor_map(weights(n_actors))):
        picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert picture.shape[0] > 100 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_the_page_says_what_it_was_given_and_escapes_it():
    html = page(warnings=["half the clips of <sad>"], watermark="do not share")
    assert html.count("do not share") == 2 and "half the clips of &lt;sad&gt;" in html and "No warnings" not in html
    assert "a &lt;b&gt;smiling&lt;/b&gt; face" in html and "1.20" in html
    assert "No warnings" in page() and 'watermark">' not in page()


def test_bars_are_as_long_as_probabilities_and_the_label_stands_out():
    card = Card("clip", "sad", 0.25, 0.25, (("happy", 0.75), ("sad", 0.25)), (b"jpeg",))
    html = page(galleries={"sad": ([card], [])})
    assert "width:75.0%" in html and '<span class="own">sad</span><i style="width:25.0%">' in html
    assert (
        "sad: least trusted" in html and "sad: most trusted" not in html and "data:image/jpeg;base64,anBlZw==" in html
    )
