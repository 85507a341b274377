"""The landmark networks: shapes, budget, where heat maps point, how peaks become faces."""

import numpy as np
import pytest
import torch


def test_mirror_order_is_its_own_inverse_and_swaps_sides():
    from mead_manip.models.landmarker import mirror_order

    order = mirror_order()
    assert (order[order] == np.arange(68)).all()
    assert (mirror_order(70) == [*order, 69, 68]).all()
    middle = {8, 27, 28, 29, 30, 33, 51, 57, 62, 66}
    assert {i for i in range(68) if order[i] == i} == middle


def test_both_networks_fit_eight_megabytes_in_float16():
    from mead_manip.models.landmarker import FaceFinder, LandmarkNet

    count = sum(p.numel() for net in (LandmarkNet(16), FaceFinder(16)) for p in net.state_dict().values())
    assert 2 * count < 8 << 20


def test_shapes():
    from mead_manip.models.landmarker import FaceFinder, LandmarkNet

    points, spread, logit = LandmarkNet(8)(torch.rand(2, 3, 128, 128))
    assert points.shape == (2, 70, 2) and spread.shape == (2, 70) and logit.shape == (2,)
    assert FaceFinder(8)(torch.rand(1, 3, 256, 192)).shape == (1, 4, 32, 24)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (31, 31), (10, 21)])
def test_a_sharp_map_points_at_its_cell(row, column):
    from mead_manip.models.landmarker import expected_position

    logits = torch.full((1, 1, 32, 32), -30.0)
    logits[0, 0, row, column] = 30.0
    mean, spread = expected_position(logits)
    # Cells of 4 px, spread about the crop's middle by an eighth.
    expected = 63.5 + 1.125 * (4 * torch.tensor([column, row]) + 1.5 - 63.5)
    assert torch.allclose(mean[0, 0], expected, atol=1e-3)
    assert spread.item() < 0.1


def test_peaks_become_faces_best_first():
    from mead_manip.models.landmarker import found_faces

    maps = torch.zeros(4, 16, 16)
    maps[0] = -8.0
    maps[0, 5, 7], maps[0, 5, 8], maps[0, 12, 2] = 4.0, 3.0, 1.0
    maps[1:, 5, 7] = torch.tensor([1.0, 0.25, -0.25])
    (score, x, y, side), second = found_faces(maps)
    assert (x, y, side) == pytest.approx(((7.75) * 8 - 0.5, 5.25 * 8 - 0.5, 64.0))
    assert score > second[0] > 0.5
    assert found_faces(torch.full((4, 8, 8), -5.0)) == []


def test_folded_batch_norms_change_no_output():
    from mead_manip.models.landmarker import LandmarkNet, fold_batch_norms

    torch.manual_seed(0)
    network, crops = LandmarkNet(8), torch.rand(4, 3, 128, 128)
    network(crops)  # fills the running statistics
    network.eval()
    before = network(crops)
    fold_batch_norms(network)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())
    for a, b in zip(before, network(crops), strict=True):
        assert torch.allclose(a, b, atol=1e-3)


def test_weights_without_pupils_begin_with_them_in_the_middle_of_the_eyes():
    from mead_manip.artifacts.schemas import LandmarkerWeights
    from mead_manip.models.landmarker import LandmarkNet, load_weights, with_pupils_to_learn

    torch.manual_seed(0)
    old, new = LandmarkNet(8, points=68).eval(), LandmarkNet(8).eval()
    parameters = {f"landmarks.{name}": value.numpy() for name, value in old.state_dict().items() if value.ndim}
    load_weights(new, "landmarks", with_pupils_to_learn(LandmarkerWeights(parameters, "{}", "{}")))
    crops = torch.rand(2, 3, 128, 128)
    with torch.inference_mode():
        before, after = old(crops)[0], new(crops)[0]
    assert torch.allclose(after[:, :68], before, atol=1e-3)
    assert (after[:, 68] - before[:, 36:42].mean(1)).abs().max() < 2  # px; untrained maps are flat
