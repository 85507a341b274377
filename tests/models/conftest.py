"""A small head of numbers: known geometry, no asset."""

import pytest
import torch


@pytest.fixture
def toy_head():
    from mead_manip.models.point_head import PointHead

    return PointHead(**toy_arrays(n_identity=10, n_expression=12, n_candidates=6))


def toy_arrays(n_identity: int, n_expression: int, n_candidates: int) -> dict[str, torch.Tensor]:
    """A half ellipsoid with a nose; bases of smooth random bumps; contour candidates from the rim to the cheek."""
    generator = torch.Generator().manual_seed(0)
    fixed = 1.2 * torch.rand(51, 2, generator=generator, dtype=torch.float64) - 0.6
    radius = (fixed**2).sum(dim=1)
    fixed = torch.cat([fixed, (1 - 0.5 * radius + 0.3 * torch.exp(-8 * radius))[:, None]], dim=1)
    around = torch.linspace(-torch.pi / 2, torch.pi / 2, 17, dtype=torch.float64)[:, None]
    inward = torch.linspace(0, 1.0, n_candidates, dtype=torch.float64)[None]
    contour = torch.stack(
        [0.75 * around.sin() * inward.cos(), (0.1 - 0.9 * around.cos()).expand(17, n_candidates),
         0.75 * inward.sin().expand(17, n_candidates)], dim=-1
    )  # fmt: skip
    points = torch.cat([fixed, contour.flatten(0, 1)])

    def bumps(count: int, size: float) -> torch.Tensor:
        moves = size * torch.randn(count, 6, 3, generator=generator, dtype=torch.float64)
        centres = points[torch.randint(0, len(points), (count, 6), generator=generator)]
        near = torch.exp(-((points - centres[:, :, None]) ** 2).sum(dim=-1) / 0.15)
        return torch.einsum("kbp,kbc->kpc", near, moves)

    return {
        "template": points,
        "identity": bumps(n_identity, 0.03).permute(1, 2, 0),
        "expression": bumps(n_expression, 0.05).permute(1, 2, 0),
        "eyelid_close": bumps(2, 0.05).permute(1, 2, 0),
        "eyelid_arc": bumps(2, 0.01).permute(1, 2, 0),
        "eyelid_seal": bumps(2 * n_identity, 0.01).unflatten(0, (2, n_identity)).permute(2, 3, 0, 1),
        "eyelid_fade": torch.eye(2, n_expression, dtype=torch.float64),
        "jaw_weight": 0.8 * (points[:, 1] < -0.2).to(points.dtype),
        "jaw_joint": torch.tensor([0, -0.1, 0], dtype=torch.float64),
        "fixed": torch.arange(51),
        "convention": 0.02 * torch.randn(68, 2, generator=generator, dtype=torch.float64),
        "response": 0.02 * torch.randn(68, 2, n_expression + 5, generator=generator, dtype=torch.float64),
        "contour": torch.arange(51, 51 + 17 * n_candidates).reshape(17, n_candidates),
    }
