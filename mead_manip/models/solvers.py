"""Two structured least-squares steps: frames tied in time (a chain), and frames tied by what they share (an arrow)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

WINDOW, OVERLAP = 512, 32  # frames solved at once; bounds the memory of long clips


@dataclass(frozen=True)
class Smoothness:
    """Precisions of the first and second differences in time, per parameter; a cut unties the frames it parts."""

    first: Float[Tensor, " parameter"]
    second: Float[Tensor, " parameter"]
    tied: Float[Tensor, " link"]  # 1 where frame t and t + 1 belong together, 0 at a cut; frames - 1 of them

    def energy_gradient(self, frames: Float[Tensor, "frame parameter"]) -> Float[Tensor, "frame parameter"]:
        """Apply the precision matrix of the whole chain (which is also the gradient of its energy)."""
        result = torch.zeros_like(frames)
        if len(frames) > 1:
            pull = self.tied[:, None] * self.first * (frames[1:] - frames[:-1])
            result[1:] += pull
            result[:-1] -= pull
        if len(frames) > 2:
            bend = frames[2:] - 2 * frames[1:-1] + frames[:-2]
            pull = (self.tied[1:] * self.tied[:-1])[:, None] * self.second * bend
            result[2:] += pull
            result[1:-1] -= 2 * pull
            result[:-2] += pull
        return result

    def bands(self, n_frames: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give the precision matrix by rows of frames: of a frame with itself, the next, and the one after that."""
        own, near, far = torch.zeros(3, n_frames, len(self.first), dtype=self.first.dtype)
        if n_frames > 1:
            pull = self.tied[:, None] * self.first
            own[1:] += pull
            own[:-1] += pull
            near[:-1] -= pull
        if n_frames > 2:
            bend = (self.tied[1:] * self.tied[:-1])[:, None] * self.second
            for step, weight in enumerate((1, 4, 1)):
                own[step : n_frames - 2 + step] += weight * bend
            near[: n_frames - 2] -= 2 * bend
            near[1 : n_frames - 1] -= 2 * bend
            far[: n_frames - 2] += bend
        return own, near, far

    def bands_of(self, frames: slice, n_frames: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give the rows of some frames of a chain of `n_frames`, links to the others included."""
        part, around, wanted = self._around(frames, n_frames)
        own, near, far = part.bands(around.stop - around.start)
        return own[wanted], near[wanted], far[wanted]

    def energy_gradient_of(
        self, some: slice, frames: Float[Tensor, "frame parameter"]
    ) -> Float[Tensor, "some parameter"]:
        """Give `energy_gradient` of some frames only."""
        part, around, wanted = self._around(some, len(frames))
        return part.energy_gradient(frames[around])[wanted]

    def _around(self, frames: slice, n_frames: int) -> tuple["Smoothness", slice, slice]:
        """Give the chain with the two frames on either side that `frames` are linked to, and where they lie in it."""
        around = slice(max(frames.start - 2, 0), min(frames.stop + 2, n_frames))
        part = Smoothness(self.first, self.second, self.tied[around.start : around.stop - 1])
        return part, around, slice(frames.start - around.start, frames.stop - around.start)


Pulls = Callable[[slice], tuple[Float[Tensor, "frame parameter parameter"], Float[Tensor, "frame parameter"]]]


def solve_chain(n_frames: int, pulls: Pulls, smoothness: Smoothness) -> Float[Tensor, "frame parameter"]:
    """Solve (blocks + smoothness) x = gradient exactly, frame after frame; `pulls` gives both for some frames.

    Long chains are solved in overlapping windows; a caller that iterates is pulled together at the seams.
    """
    solved = torch.zeros(n_frames, len(smoothness.first), dtype=smoothness.first.dtype)
    for start in range(0, n_frames, WINDOW):
        stop = min(start + WINDOW, n_frames)
        reach = slice(max(start - OVERLAP, 0), min(stop + OVERLAP, n_frames))
        solved[start:stop] = _solve_window(n_frames, reach, pulls, smoothness)[start - reach.start : stop - reach.start]
    return solved


def _solve_window(n_frames: int, reach: slice, pulls: Pulls, smoothness: Smoothness) -> Float[Tensor, "some parameter"]:
    """Solve for some frames; what that takes is gone before the next ones begin."""
    own, near, far = smoothness.bands_of(reach, n_frames)
    blocks, gradient = pulls(reach)
    blocks = torch.diag_embed(own).add_(blocks)
    return _solve_pairs(blocks, near, far, gradient)


def solve_arrow(
    blocks: Float[Tensor, "frame parameter parameter"],
    coupling: Float[Tensor, "frame parameter shared"],
    shared: Float[Tensor, "shared shared"],
    gradient: Float[Tensor, "frame parameter"],
    shared_gradient: Float[Tensor, " shared"],
) -> tuple[Float[Tensor, "frame parameter"], Float[Tensor, " shared"]]:
    """Solve for what every frame has of its own and what all frames share, exactly (Schur complement)."""
    reduced = _inverse(blocks) @ torch.cat([coupling, gradient[..., None]], dim=-1)
    folded = coupling.flatten(0, 1).T @ reduced.flatten(0, 1)
    common = torch.linalg.solve(shared - folded[:, :-1], shared_gradient - folded[:, -1])
    return reduced[..., -1] - reduced[..., :-1] @ common, common


def _inverse(blocks: Float[Tensor, "frame parameter parameter"]) -> Float[Tensor, "frame parameter parameter"]:
    """Invert positive definite blocks; many right-hand sides follow, and products are faster than substitutions."""
    return torch.cholesky_inverse(torch.linalg.cholesky(blocks))


def _solve_pairs(blocks: Tensor, near: Tensor, far: Tensor, gradient: Tensor) -> Tensor:
    """Cholesky over pairs of frames, which only touch their neighbours: block tridiagonal.

    One thread does this fastest: the matrices are small, and each waits for the one before.
    """
    n_frames, size = gradient.shape
    if n_frames % 2:
        eye = torch.eye(size, dtype=gradient.dtype)
        zero = gradient.new_zeros(1, size)
        blocks = torch.cat([blocks, eye[None]])
        near, far, gradient = torch.cat([near, zero]), torch.cat([far, zero]), torch.cat([gradient, zero])
        near[n_frames - 1] = far[max(n_frames - 2, 0)] = 0  # the frame that fills the last pair touches nothing
    links = torch.diag_embed(torch.stack([near, far], dim=1))  # frame (next, after next) parameter parameter
    even, odd = links[0::2], links[1::2]
    own = torch.cat([torch.cat([blocks[0::2], even[:, 0]], dim=2), torch.cat([even[:, 0], blocks[1::2]], dim=2)], dim=1)
    # Rows of a pair, columns of the next one.
    ahead = torch.cat(
        [torch.cat([even[:, 1], torch.zeros_like(even[:, 1])], dim=2), torch.cat([odd[:, 0], odd[:, 1]], dim=2)], dim=1
    )
    del links, even, odd
    right = gradient.reshape(len(own), 2 * size, 1)
    factors: list[Tensor] = []
    carried: list[Tensor] = []
    halfway: list[Tensor] = []
    for pair in range(len(own)):
        block, side = own[pair], right[pair]
        if pair:
            block, side = block - carried[-1].T @ carried[-1], side - carried[-1].T @ halfway[-1]
        factors.append(torch.linalg.cholesky(block))
        both = torch.linalg.solve_triangular(factors[-1], torch.cat([ahead[pair], side], dim=1), upper=False)
        carried.append(both[:, :-1])
        halfway.append(both[:, -1:])
    solution = [torch.linalg.solve_triangular(factors[-1].T, halfway[-1], upper=True)]
    for pair in range(len(own) - 2, -1, -1):
        side = halfway[pair] - carried[pair] @ solution[-1]
        solution.append(torch.linalg.solve_triangular(factors[pair].T, side, upper=True))
    return torch.stack(solution[::-1]).reshape(-1, size)[:n_frames]
