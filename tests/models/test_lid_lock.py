"""A wink stays a wink: what an edit opens of a shut eye is taken back by its lid, and by nothing else."""

import numpy as np
import pytest
import torch

from mead_manip.models.face_model import load_head


@pytest.fixture(scope="module")
def head():
    return load_head()


def surprised(head) -> np.ndarray:
    expression = np.zeros((3, head.n_expression), np.float32)
    for name in ("AU1", "AU2", "AU5"):
        for side in "LR":
            expression[:, head.coef_names.index(f"{name}_{side}")] = 0.8
    return expression


def openings(head, expression: np.ndarray, eyelids: np.ndarray) -> np.ndarray:
    """Gap between the lids of left and right eye, dm."""
    identity = torch.zeros(1, head.n_identity)
    vertices = head(identity, torch.from_numpy(expression), eyelids=torch.from_numpy(eyelids))
    points = head.landmarks(vertices).numpy()
    upper, lower = points[:, [[43, 44], [37, 38]], 1], points[:, [[47, 46], [41, 40]], 1]
    return (upper - lower).mean(axis=2)


def test_a_shut_eye_stays_as_shut_as_it_was_and_an_open_one_gets_all(head):
    from mead_manip.models.lid_lock import Lids

    neutral, edited = np.zeros((3, head.n_expression), np.float32), surprised(head)
    eyelids = np.array([[0.75, 0.1], [0.5, 0.5], [0.1, 0.75]], np.float32)
    seen = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], np.float32)
    held = Lids(head, np.zeros(head.n_identity, np.float32)).held(neutral, edited, eyelids, seen)

    before, free = openings(head, neutral, eyelids), openings(head, edited, eyelids)
    after = openings(head, edited, held)
    assert (free > before + 0.005).all()
    assert np.allclose(after[seen == 0], before[seen == 0], atol=0.002)
    assert np.array_equal(held[seen == 1], eyelids[seen == 1])
    assert (after[1] > before[1]).all() and (after[1] < free[1]).all()


def test_what_an_edit_closes_stays_closed(head):
    from mead_manip.models.lid_lock import Lids

    neutral, edited = np.zeros((1, head.n_expression), np.float32), np.zeros((1, head.n_expression), np.float32)
    edited[0, head.coef_names.index("AU7_L")] = 1.0
    eyelids = np.array([[0.2, 0.2]], np.float32)
    held = Lids(head, np.zeros(head.n_identity, np.float32)).held(
        neutral, edited, eyelids, np.zeros((1, 2), np.float32)
    )
    assert np.allclose(held, eyelids, atol=1e-6)


def test_openness_is_relative_to_the_person_and_sides_are_not_confused():
    from mead_manip.models.lid_lock import openness

    points = np.zeros((20, 68, 2), np.float32)
    points[:, 45, 0] = 100.0  # between the outer corners
    points[:, [43, 44], 1] = points[:, [37, 38], 1] = -8.0
    points[7, [43, 44], 1] = -1.0  # a wink of the left eye
    points[:, :, :] += 30.0
    found = openness(points)
    assert found[7].tolist() == [0.0, 1.0] and (np.delete(found, 7, axis=0) == 1).all()
    assert (openness(points[7:8])[0] == [0.0, 1.0]).all()  # a picture of a wink
