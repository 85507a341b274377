"""Plans of edits: blends, passages in time, what stays bit for bit, and JSON."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from mead_manip.models.edit_plan import (
    EASE_SECONDS,
    TYPICAL,
    EditPlan,
    Passage,
    Style,
    curves,
    planned_coefs,
    weight_of,
)
from mead_manip.models.manipulation import manipulate
from mead_manip.models.manipulator import Architecture, Manipulator

FPS = 50
TIMES = np.arange(100) / FPS
HAPPY, SAD = Style({"happy": 1.0}, seed=3), Style({"sad": 1.0}, seed=3)


@pytest.fixture(scope="module", params=[0, 3], ids=["plain", "levels"])
def nets(request) -> Manipulator:
    torch.manual_seed(0)
    return Manipulator(Architecture.of_size("small", 6, levels=request.param)).eval()


@pytest.fixture
def source() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (len(TIMES), 6)).astype(np.float32)


def edited(nets, source, *passages, **settings):
    return planned_coefs(nets, source, EditPlan(passages, **settings), TIMES)


@pytest.mark.parametrize("intensity", [0.0, 0.5, 1.0, 1.4])
def test_one_emotion_is_the_plain_manipulation(nets, source, intensity):
    plain = manipulate(nets, source, emotion="happy", intensity=intensity, seed=3)
    assert np.array_equal(edited(nets, source, Passage(HAPPY, intensity)), plain)


def test_a_blend_lies_between_its_emotions_and_weights_decide(nets, source):
    happy, sad = edited(nets, source, Passage(HAPPY)), edited(nets, source, Passage(SAD))
    mostly = edited(nets, source, Passage(Style({"happy": 0.95, "sad": 0.05}, 3)))
    half = edited(nets, source, Passage(Style({"happy": 0.5, "sad": 0.5}, 3)))
    assert not np.allclose(half, happy) and not np.allclose(half, sad)
    assert np.abs(mostly - happy).mean() < np.abs(half - happy).mean() < np.abs(sad - happy).mean()


def test_a_face_at_rest_is_kept_through_the_edit_and_what_is_not_edited_stays_bit_for_bit(nets, source):
    own = np.array([0.3, 0, 0, 0.1, 0, 0], np.float32)
    plan = EditPlan((Passage(HAPPY, 1.0, 0.6, 1.2),))
    about = planned_coefs(nets, source + own, plan, TIMES, own)
    plain = planned_coefs(nets, source, plan, TIMES)
    assert np.abs(about - own - plain).max() < 1e-5
    held = (TIMES > 0.6 - EASE_SECONDS / 2) & (TIMES < 1.2 + EASE_SECONDS / 2)
    assert np.array_equal(about[~held], (source + own)[~held])


def test_nothing_changes_outside_a_passage(nets, source):
    result = edited(nets, source, Passage(HAPPY, 1.0, 0.6, 1.2))
    held = (TIMES > 0.6 - EASE_SECONDS / 2) & (TIMES < 1.2 + EASE_SECONDS / 2)
    assert np.array_equal(result[~held], source[~held])
    assert (np.abs(result[held][2:-2] - source[held][2:-2]).max(axis=1) > 0).all()


@pytest.mark.parametrize("ease", ["linear", "smooth"])
def test_passages_that_meet_hand_over_without_a_gap_or_a_jump(nets, ease):
    passages = [Passage(HAPPY, 1.0, 0.3, 1.0, ease), Passage(SAD, 0.5, 1.0, 1.7, ease)]
    weights = sum(weight_of(passage, TIMES) for passage in passages)
    assert weights[(TIMES > 0.5) & (TIMES < 1.5)] == pytest.approx(1.0)
    held = curves(nets, passages, TIMES)
    steepest = (1.0 if ease == "linear" else np.pi / 2) / (EASE_SECONDS * FPS) + 1e-6
    assert np.abs(np.diff(held.presence)).max() <= steepest
    change = np.abs(np.diff(held.style, axis=0)).max(axis=1)
    assert change.max() <= steepest * np.ptp(held.style, axis=0).max() + 1e-5


def test_without_ease_a_passage_begins_and_ends_at_once():
    weight = weight_of(Passage(HAPPY, 1.0, 0.5, 1.0, "none"), TIMES)
    assert set(weight) == {0.0, 1.0} and TIMES[weight > 0].min() == 0.5 and TIMES[weight > 0].max() < 1.0


def test_overlaps_blend(nets, source):
    both = curves(nets, [Passage(HAPPY, 1.0), Passage(SAD, 0.5)], TIMES)
    assert both.presence == pytest.approx(1.0)
    apart = [curves(nets, [passage], TIMES) for passage in (Passage(HAPPY, 1.0), Passage(SAD, 0.5))]
    assert np.allclose(both.style, (apart[0].style + apart[1].style) / 2, atol=1e-6)
    assert np.allclose(both.strength, (apart[0].strength + apart[1].strength) / 2)


def test_from_neutral_starts_from_the_calm_face(nets, source):
    calm = Style({"neutral": 1.0}, 3)
    only_calm = edited(nets, source, Passage(HAPPY, 0.0), neutral=calm)
    assert np.array_equal(only_calm, manipulate(nets, source, emotion="neutral", seed=3))
    whole = edited(nets, source, Passage(HAPPY), neutral=calm)
    assert not np.allclose(whole, edited(nets, source, Passage(HAPPY)))
    # It is a plan for the passages: elsewhere the source stays, also of its emotion.
    part = edited(nets, source, Passage(HAPPY, 1.0, 1.5), neutral=calm)
    assert np.array_equal(part[TIMES < 1.2], source[TIMES < 1.2])


def test_a_reference_s_code_is_the_style(nets, source):
    code = tuple(np.random.default_rng(1).normal(size=16).astype(np.float32).tolist())
    one = edited(nets, source, Passage(Style(code=code)))
    other = edited(nets, source, Passage(Style(code=tuple(-value for value in code))))
    assert not np.allclose(one, source) and not np.allclose(one, other)


def test_a_plan_survives_json_bit_for_bit(nets, source):
    code = tuple(float(value) for value in np.random.default_rng(1).normal(size=16).astype(np.float32))
    plan = EditPlan(
        (Passage(Style({"happy": 1 / 3, "sad": 2 / 3}, 5), 0.7, None, 1.1), Passage(Style(code=code), 1.2, 0.9)),
        neutral=Style({"neutral": 1.0}, 2),
        lip_lock=0.3,
    )
    back = EditPlan.from_record(json.loads(json.dumps(plan.record())))
    assert back == plan
    assert np.array_equal(planned_coefs(nets, source, back, TIMES), planned_coefs(nets, source, plan, TIMES))
    assert not dataclasses.replace(plan, passages=(Passage(HAPPY),)).is_timed and plan.is_timed


def test_the_typical_style_is_the_mean_of_many_and_survives_its_record(nets, source):
    typical = Passage(Style({"happy": 1.0}))
    plan = EditPlan((typical,))
    assert EditPlan.from_record(plan.record()) == plan and plan.passages[0].style.seed is None
    mean = manipulate(nets, source, emotion="happy", n_styles=TYPICAL, seed=0)
    assert np.array_equal(edited(nets, source, typical), mean)
    assert not np.array_equal(mean, edited(nets, source, Passage(HAPPY)))
