"""What the pictures teach: mirrored names, the grid on the head, a regression that finds what was planted."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def head():
    from mead_manip.models.face_model import load_head

    return load_head()


def test_mirroring_names_twice_changes_nothing(head):
    from mead_manip.training.photometric import mirrored_names

    twins = mirrored_names(head.coef_names)
    assert [twins[twin] for twin in twins] == list(range(len(twins)))
    assert head.coef_names[twins[head.coef_names.index("AU4_L")]] == "AU4_R"
    assert twins[head.coef_names.index("AU17")] == head.coef_names.index("AU17")


def test_the_grid_lies_on_the_front_of_the_skin_alike_on_both_sides(head):
    from mead_manip.training.photometric import COLUMNS, ROWS, face_grid

    corners, barycentric, region = face_grid(head)
    assert region.shape == (ROWS, COLUMNS) and len(corners) == region.sum() > 4000
    np.testing.assert_array_equal(region, region[:, ::-1])
    np.testing.assert_allclose(barycentric.sum(axis=1), 1, atol=1e-3)
    points = np.einsum("pkx,pk->px", head.template.numpy()[corners], barycentric)
    assert points[:, 2].min() > 0.25 and abs(points[:, 0].mean()) < 0.01


def test_learning_finds_what_pictures_alone_tell():
    from mead_manip.training.photometric import Examples, agreement, learn

    rng = np.random.default_rng(0)
    n_frames, n_points = 600, 40
    furrow = rng.normal(size=n_frames).astype(np.float32)
    fitted = rng.normal(size=(n_frames, 2)).astype(np.float32)
    truth = np.stack([fitted[:, 0] + np.float32(0.3) * furrow, fitted[:, 1]], axis=1)
    relief = np.outer(furrow, rng.normal(size=n_points)).astype(np.float32)
    relief += 0.1 * rng.normal(size=relief.shape).astype(np.float32)
    nothing = np.zeros((n_frames, 2), np.float32)
    examples = Examples(relief, fitted, truth, nothing, nothing, np.zeros(n_frames, np.int32))
    learned = np.arange(n_frames) < 400
    lacking = relief[~learned] @ learn(examples, learned, 10)
    assert min(r for r, _ in agreement(fitted[~learned] + lacking, truth[~learned])) > 0.99
    assert agreement(lacking[:, :1], (truth - fitted)[~learned, :1])[0][0] > 0.98
    assert abs(lacking[:, 1]).max() < 0.01


def test_agreement_is_correlation_and_slope():
    from mead_manip.training.photometric import agreement

    true = np.random.default_rng(0).normal(size=(500, 2))
    assert agreement(0.5 * true + 3, true) == [(1.0, 0.5)] * 2
    assert agreement(np.ones((500, 1)), true[:, :1]) == [(0.0, 0.0)]
