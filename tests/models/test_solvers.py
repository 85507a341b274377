"""The structured solvers agree with dense ones."""

import pytest
import torch


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def blocks(n_frames: int, size: int, generator: torch.Generator) -> torch.Tensor:
    factor = torch.randn(n_frames, size, size, generator=generator, dtype=torch.float64)
    return factor @ factor.mT + torch.eye(size, dtype=torch.float64)


def difference_matrix(n_frames: int, order: int, tied: torch.Tensor) -> torch.Tensor:
    matrix = torch.eye(n_frames, dtype=torch.float64)
    for _ in range(order):
        matrix = matrix[1:] - matrix[:-1]
    weight = tied if order == 1 else tied[1:] * tied[:-1]
    return matrix.T @ torch.diag(weight) @ matrix


@pytest.mark.parametrize("n_frames", [1, 2, 3, 12])
def test_chain_equals_the_dense_solution(n_frames, generator):
    from mead_manip.models.solvers import Smoothness, solve_chain

    size = 4
    tied = torch.ones(n_frames - 1, dtype=torch.float64)
    if n_frames > 5:
        tied[5] = 0
    first, second = (10 * torch.rand(size, generator=generator, dtype=torch.float64) for _ in range(2))
    frame_blocks = blocks(n_frames, size, generator)
    right = torch.randn(n_frames, size, generator=generator, dtype=torch.float64)
    dense = torch.block_diag(*frame_blocks)
    for order, precision in ((1, first), (2, second)):
        if n_frames > order:
            dense += torch.kron(difference_matrix(n_frames, order, tied), torch.diag(precision))
    expected = torch.linalg.solve(dense, right.flatten()).unflatten(0, (n_frames, size))
    found = solve_chain(n_frames, lambda some: (frame_blocks[some], right[some]), Smoothness(first, second, tied))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_windows_of_a_long_chain_meet(generator, monkeypatch):
    from mead_manip.models import solvers

    frame_blocks = blocks(60, 3, generator)
    right = torch.randn(60, 3, generator=generator, dtype=torch.float64)
    ones = torch.ones(3, dtype=torch.float64)
    smoothness = solvers.Smoothness(ones, ones, torch.ones(59, dtype=torch.float64))
    whole = solvers.solve_chain(60, lambda some: (frame_blocks[some], right[some]), smoothness)
    monkeypatch.setattr(solvers, "WINDOW", 16)
    torch.testing.assert_close(
        solvers.solve_chain(60, lambda some: (frame_blocks[some], right[some]), smoothness), whole, atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("start, stop", [(0, 20), (0, 3), (5, 9), (18, 20), (19, 20)])
def test_bands_of_some_frames_are_those_of_the_whole_chain(start, stop):
    from mead_manip.models.solvers import Smoothness

    tied = torch.ones(19, dtype=torch.float64)
    tied[6] = 0
    precision = torch.arange(1.0, 4.0, dtype=torch.float64)
    chain = Smoothness(precision, 2 * precision, tied)
    for part, whole in zip(chain.bands_of(slice(start, stop), 20), chain.bands(20), strict=True):
        torch.testing.assert_close(part, whole[start:stop], rtol=0, atol=0)
    frames = torch.arange(60.0, dtype=torch.float64).reshape(20, 3) ** 1.5
    part = chain.energy_gradient_of(slice(start, stop), frames)
    torch.testing.assert_close(part, chain.energy_gradient(frames)[start:stop], rtol=1e-12, atol=1e-12)


def test_a_cut_lets_frames_differ():
    from mead_manip.models.solvers import Smoothness

    smoothness = Smoothness(torch.ones(1), torch.ones(1), torch.tensor([1.0, 0.0, 1.0]))
    step = torch.tensor([[0.0], [0.0], [5.0], [5.0]])
    assert smoothness.energy_gradient(step).abs().max() == 0


def test_arrow_equals_the_dense_solution(generator):
    from mead_manip.models.solvers import solve_arrow

    n_frames, size, n_shared = 5, 4, 3
    n_all = n_frames * size + n_shared
    factor = torch.randn(n_all, n_all, generator=generator, dtype=torch.float64)
    dense = factor @ factor.T + torch.eye(n_all, dtype=torch.float64)
    own = torch.block_diag(*torch.ones(n_frames, size, size, dtype=torch.float64))
    dense[:-n_shared, :-n_shared] *= own  # frames touch each other only through what they share
    dense += n_all * torch.eye(n_all, dtype=torch.float64)
    right = torch.randn(n_all, generator=generator, dtype=torch.float64)
    expected = torch.linalg.solve(dense, right)
    frame_blocks = torch.stack([dense[i * size : (i + 1) * size, i * size : (i + 1) * size] for i in range(n_frames)])
    found, common = solve_arrow(
        frame_blocks,
        dense[:-n_shared, -n_shared:].unflatten(0, (n_frames, size)),
        dense[-n_shared:, -n_shared:],
        right[:-n_shared].unflatten(0, (n_frames, size)),
        right[-n_shared:],
    )
    torch.testing.assert_close(torch.cat([found.flatten(), common]), expected)
