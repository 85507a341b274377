"""Options are ablated one by one against a base that shares their steps, seeds and data."""

import json

import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ArmResult
from mead_manip.config import Common, EvaluateOptionsConfig
from mead_manip.errors import UsageError
from mead_manip.evaluation.variants import VARIANTS
from mead_manip.stages import evaluate_options
from mead_manip.stages.running.runner import SilentProgress


def evaluate(workspace, **settings):
    defaults = {"variants": ("no-ema", "levels", "intensity"), "seeds": 1, "iterations": 2, "workers": 0}
    config = EvaluateOptionsConfig(**{**defaults, **settings})
    return evaluate_options.run(workspace, config, Common(), progress=SilentProgress())


def test_variants_are_compared_with_the_base_and_kept(scored_workspace):
    first = evaluate(scored_workspace)
    assert len(first.done) == 4 and not first.failures
    record = json.loads((scored_workspace.root / "evaluate" / "options.json").read_text())["variants"]
    assert list(record) == ["base", "no-ema", "levels", "intensity"]
    assert record["base"]["over_base"]["accuracy"]["value"] == 0
    assert record["no-ema"]["n_clips"] == record["base"]["n_clips"] < record["levels"]["n_clips"]
    assert -1 <= record["base"]["jaw"] <= 1 and "lips" not in record["base"], "this face model names no lips"
    assert "clips of all levels" in (scored_workspace.root / "evaluate" / "options.html").read_text()
    again = evaluate(scored_workspace)
    assert len(again.fresh) == 4
    for name, was in first.facts["variants"].items():
        assert again.facts["variants"][name] == was


def test_a_variant_is_the_base_with_other_settings_and_nothing_else(scored_workspace):
    evaluate(scored_workspace, variants=("r1",))
    base, penalised = (store.load(ArmResult, scored_workspace.path(evaluate_options.STAGE, f"{name}_literal_0"))
                  for name in ("base", "r1"))  # fmt: skip
    assert (base.mean_weight == penalised.mean_weight).all() and base.source_actors == penalised.source_actors
    assert (base.intensity != penalised.intensity).any(), "the option changed nothing"


def test_an_unknown_variant_is_refused_by_name(scored_workspace):
    with pytest.raises(UsageError, match="mapping-1"):
        evaluate(scored_workspace, variants=("faster",))


def test_names_of_variants_are_unique_and_fit_into_file_names():
    names = [variant.name for variant in VARIANTS]
    assert len(set(names)) == len(names) and all(name.replace("-", "").isalnum() for name in names)
