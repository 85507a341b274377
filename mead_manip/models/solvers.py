"""Two structured least-squares steps: frames tied in time (a chain), and frames tied by what they share (an arrow)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


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

    def diagonal(self, n_frames: int) -> Float[Tensor, "frame parameter"]:
        """Return the diagonal of the chain's precision matrix."""
        result = torch.zeros(n_frames, len(self.first), dtype=self.first.dtype)
        if n_frames > 1:
            result[1:] += self.tied[:, None] * self.first
            result[:-1] += self.tied[:, None] * self.first
        if n_frames > 2:
            bend = (self.tied[1:] * self.tied[:-1])[:, None] * self.second
            result[2:] += bend
            result[1:-1] += 4 * bend
            result[:-2] += bend
        return result


def solve_chain(
    blocks: Float[Tensor, "frame parameter parameter"],
    gradient: Float[Tensor, "frame parameter"],
    smoothness: Smoothness,
    *,
    steps: int,
    tolerance: float,
) -> Float[Tensor, "frame parameter"]:
    """Solve (blocks + smoothness) x = gradient by conjugate gradients, each frame's block inverted exactly."""
    inverses = _inverse(blocks + torch.diag_embed(smoothness.diagonal(len(blocks))))

    def precondition(vector: Tensor) -> Tensor:
        return (inverses @ vector[..., None])[..., 0]

    solution = torch.zeros_like(gradient)
    residual = gradient.clone()
    direction = precondition(residual)
    energy = first_energy = (residual * direction).sum()
    search = direction
    for _ in range(steps):
        if energy <= tolerance**2 * first_energy:
            break
        image = (blocks @ search[..., None])[..., 0] + smoothness.energy_gradient(search)
        length = energy / (search * image).sum()
        solution = solution + length * search
        residual = residual - length * image
        direction = precondition(residual)
        next_energy = (residual * direction).sum()
        search = direction + (next_energy / energy) * search
        energy = next_energy
    return solution


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
