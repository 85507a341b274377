"""Arms are trained, judged, compared; a second run trains nothing; actors never change sides."""

import json

import numpy as np
import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ArmResult
from mead_manip.config import Common, EvaluateManipulatorConfig
from mead_manip.errors import MeadManipError, UsageError
from mead_manip.stages import evaluate_manipulator
from mead_manip.stages.judging.study_arms import split_actors
from mead_manip.stages.running.runner import SilentProgress

STAGE = "evaluate-manipulator"


def evaluate(workspace, **settings):
    defaults = {"conditions": ("t1-20",), "arms": ("A0", "A1", "A6", "A8"), "seeds": 2, "iterations": 3, "workers": 0}
    config = EvaluateManipulatorConfig(**{**defaults, **settings})
    return evaluate_manipulator.run(workspace, config, Common(), progress=SilentProgress())


def test_the_study_is_published_and_kept(scored_workspace):
    first = evaluate(scored_workspace)
    assert len(first.done) == 4 * 2 and not first.failures
    result = store.load(ArmResult, scored_workspace.path(STAGE, "t1-20_A1_0"))
    assert result.accuracy.shape == (len(result.source_actors), 6, 3) and result.targets[0] == "angry"
    assert np.isfinite(result.frechet).all() and 0 < result.effective_share <= 1
    plain = store.load(ArmResult, scored_workspace.path(STAGE, "t1-20_A0_0"))
    assert plain.effective_share == pytest.approx(1.0) and (plain.mean_weight == 1).all()

    record = json.loads((scored_workspace.root / "evaluate" / "manipulator.json").read_text())
    facts = record["conditions"]["t1-20"]
    assert set(facts["accuracy"]) == {"A0", "A1", "A6", "A8"} and facts["best"] == "A8"
    assert "no claim from 2 seed(s) and 1 edited actor(s)" in facts["claim"]
    page = (scored_workspace.root / "evaluate" / "manipulator.html").read_text()
    assert "A1 lambda, as printed" in page and "Condition t1-20" in page

    again = evaluate(scored_workspace)
    assert len(again.fresh) == 8 and not again.done and again.facts == first.facts
    longer = evaluate(scored_workspace, iterations=4, seeds=1)
    assert len(longer.done) == 4, "another number of iterations is another study"


def test_unknown_names_are_refused(scored_workspace):
    with pytest.raises(UsageError, match="t1-20"):
        evaluate(scored_workspace, conditions=("t9",))
    with pytest.raises(UsageError, match="A0"):
        evaluate(scored_workspace, arms=("B1",))
    with pytest.raises(UsageError, match="M003"):
        evaluate(scored_workspace, test_actors=("X000",))


@pytest.mark.parametrize("n_actors", [2, 3, 6, 12, 40])
def test_nobody_plays_two_parts(n_actors):
    roles = split_actors([f"M{k:03d}" for k in range(n_actors)] * 3)
    assert not set(roles.training) & set(roles.test) and not set(roles.judges) & set(roles.test)
    assert roles.training and roles.test and roles.judges
    if n_actors >= 6:
        assert not set(roles.training) & set(roles.judges)
    assert len({*roles.training, *roles.judges, *roles.test}) == n_actors


def test_one_actor_is_no_study():
    with pytest.raises(MeadManipError, match="at least two"):
        split_actors(["M003"])
