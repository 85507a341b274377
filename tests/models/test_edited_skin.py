"""Skin below a frown goes along, a nose that wrinkles keeps about its form, and nothing else moves otherwise."""

import numpy as np
import pytest
import torch

from mead_manip.models.edited_skin import FROWNS, NOSE_LIFTERS, STEEPEST, for_edits
from mead_manip.models.face_model import HeadModel, load_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head()


@pytest.fixture(scope="module")
def edited(head: HeadModel) -> HeadModel:
    return for_edits(head)


def motion(head: HeadModel, *names: str) -> np.ndarray:
    return head.expression_basis[[head.coef_names.index(name) for name in names]].sum(dim=0).numpy()


def skin_of(head: HeadModel) -> np.ndarray:
    return torch.unique(head.triangles[head.triangle_part == head.part_names.index("skin")]).numpy()


def shortening(head: HeadModel) -> float:
    """The most that skin on the root of the nose shortens from top to bottom, as a share of its length."""
    rest, frown, skin = head.template.numpy(), motion(head, *FROWNS), skin_of(head)
    root = rest[head.landmark_ids[27]]
    middle = skin[(np.abs(rest[skin, 0]) < 0.01) & (np.abs(rest[skin] - root).max(axis=1) < 0.2)]
    middle = middle[np.argsort(rest[middle, 1])]
    lengths, moves = np.diff(rest[middle, 1]), np.diff(frown[middle, 1])
    return float((-moves / lengths)[lengths > 0.01].max())


def test_a_frown_fades_over_the_bridge_of_the_nose(head, edited):
    assert shortening(head) > 0.6 and shortening(edited) < 2 * STEEPEST
    root, bridge = edited.landmark_ids[27], edited.landmark_ids[29]
    assert motion(edited, *FROWNS)[root, 1] < 5 * motion(head, *FROWNS)[root, 1] < 0
    assert abs(motion(edited, *FROWNS)[bridge]).max() < 1e-6


def test_a_frown_is_as_strong_and_leaves_eyes_as_they_are(head, edited):
    before, after = motion(head, *FROWNS), motion(edited, *FROWNS)
    ids = head.landmark_ids
    np.testing.assert_allclose(after[ids[36:48]], before[ids[36:48]], atol=1e-4)
    assert (after[:, 1] <= before[:, 1]).all() and after[:, 1].min() > 1.1 * before[:, 1].min()
    np.testing.assert_array_equal(after[:, 0], before[:, 0])


@pytest.mark.parametrize("unit", ["AU9", "AU10"])
def test_wings_and_tip_of_a_wrinkled_nose_stay_together(head, edited, unit):
    ids = head.landmark_ids
    apart, wings = [], []
    for model in (head, edited):
        lifted = motion(model, f"{unit}_L", f"{unit}_R")[:, 1]
        wings.append(float(lifted[ids[[31, 35]]].mean()))
        apart.append(wings[-1] - float(lifted[ids[30]]))
    assert apart[0] > 0.045 and apart[1] < 0.45 * apart[0]
    assert wings[1] > 0.02  # they still go up


def test_lips_and_all_but_skin_and_other_units_are_the_heads_own(head, edited):
    ids, skin = head.landmark_ids, skin_of(head)
    changed = (head.expression_basis != edited.expression_basis).any(dim=2).numpy()
    assert {head.coef_names[unit] for unit in np.flatnonzero(changed.any(axis=1))} == {*FROWNS, *NOSE_LIFTERS}
    assert set(np.flatnonzero(changed.any(axis=0))) <= set(skin.tolist())
    assert not changed[:, ids[48:60].numpy()].any()
    assert edited.template is head.template
    assert for_edits(head) is edited
