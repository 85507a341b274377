"""Weighted residuals of landmarks and their derivatives: what the steps of a fit are made of.

A row is one direction of one landmark, or of a gap between two. The detector's constant errors, two for each landmark,
touch so few rows that their derivatives are kept apart: as a matrix they would be zeros.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mead_manip.models.face_model import N_CONTOUR
from mead_manip.models.observation import Observation
from mead_manip.models.point_head import GAPS, PointHead, Shape, linearise, select

N_OFFSETS = 2 * 68  # what the detector always gets wrong: across and up, per landmark


@dataclass(frozen=True)
class Trust:
    """How far landmarks are believed: standard deviations in inter-ocular distances."""

    point: Float[Tensor, " fixed=51"]
    gap: float
    contour_across: float
    contour_along: float
    robust: float  # residual at which a landmark has lost three quarters of its weight


@dataclass(frozen=True)
class Person:
    """What all frames of a clip share."""

    identity: Float[Tensor, " identity"]
    mean: Float[Tensor, " face"]
    offsets: Float[Tensor, "68 2"]


@dataclass(frozen=True)
class Rows:
    """Weighted residual rows of some frames and their derivatives."""

    residual: Float[Tensor, "frame row"]
    by_frame: Float[Tensor, "frame row parameter"]
    by_identity: Float[Tensor, "frame row identity"]  # no columns unless asked for
    by_offset: Float[Tensor, "frame pair 2 2"]  # of two rows each, by the offset of their landmark, or of the first
    by_other: Float[Tensor, "frame gap 2 2"]  # of the last ones, which have two


def chosen_points(head: PointHead, shape: Shape, frames: Tensor) -> Tensor:
    turn = slice(head.n_expression + 5, head.n_expression + 8)
    return select(head, shape.points, frames[:, turn])


def rows_of(
    head: PointHead, person: Person, frames: Tensor, seen: Observation, trust: Trust, robust: float, *, shared: bool
) -> Rows:
    """Weighted residuals of landmarks and gaps, with derivatives by the frames and, on demand, by what they share."""
    shape = head.shaped(person.identity)
    chosen = chosen_points(head, shape, frames)
    model = linearise(head, shape, frames, chosen)
    derivative = model.by_frame
    if shared:
        derivative = torch.cat([derivative, model.by_point @ head.identity[chosen]], dim=-1)
    offset = (model.by_point[..., :2] @ person.offsets[..., None])[..., 0]
    residual = model.points + offset - seen.points

    # Gaps between paired points: the difference cancels what both ends have in common.
    one, other = torch.tensor(GAPS).T
    residual = torch.cat([residual, residual[:, one] - residual[:, other]], dim=1) / seen.size[:, None, None]
    weight = torch.cat([seen.weight, torch.minimum(seen.weight[:, one], seen.weight[:, other])], dim=1)

    # Whiten: contour points are believed across the contour and hardly along it.
    white = _whitening(seen.points, trust)
    distance = residual.norm(dim=-1)
    distance = torch.cat(
        [
            (white[:, :N_CONTOUR] @ residual[:, :N_CONTOUR, :, None])[..., 0].norm(dim=-1) * trust.contour_across,
            distance[:, N_CONTOUR:],
        ],
        dim=1,
    )
    agreement = robust**2 / (robust**2 + distance**2)
    white = white * (agreement * weight.sqrt())[..., None, None]
    rows = (white @ residual[..., None])[..., 0].flatten(1)
    white = white / seen.size[:, None, None, None]
    by_all = _whitened(white, derivative, one, other)
    n_frame = frames.shape[1]
    moved = model.by_point[..., :2]
    by_offset = white @ torch.cat([moved, moved[:, one]], dim=1)
    return Rows(rows, by_all[..., :n_frame], by_all[..., n_frame:], by_offset, -white[:, 68:] @ moved[:, other])


def _whitened(
    white: Float[Tensor, "frame pair 2 2"],
    derivative: Float[Tensor, "frame 68 2 column"],
    one: Int[Tensor, " gap"],
    other: Int[Tensor, " gap"],
) -> Float[Tensor, "frame row column"]:
    """Weigh the derivatives of landmarks and of gaps; but for the contour, both directions weigh the same."""
    out = derivative.new_empty(*white.shape[:3], derivative.shape[-1])
    scale = white[..., :1, :1]
    torch.matmul(white[:, :N_CONTOUR], derivative[:, :N_CONTOUR], out=out[:, :N_CONTOUR])
    torch.mul(scale[:, N_CONTOUR:68], derivative[:, N_CONTOUR:], out=out[:, N_CONTOUR:68])
    torch.mul(scale[:, 68:], derivative[:, one] - derivative[:, other], out=out[:, 68:])
    return out.flatten(1, 2)


def offset_products(rows: Rows, columns: Float[Tensor, "frame row column"]) -> Float[Tensor, "frame column offset"]:
    """Multiply columns with the derivatives by the detector's offsets: a row has those of one landmark, or of two."""
    one, other = torch.tensor(GAPS).T
    pairs = columns.unflatten(1, (-1, 2))

    def product(some: Tensor, by: Tensor) -> Tensor:
        return some[:, :, 0, :, None] * by[:, :, 0, None] + some[:, :, 1, :, None] * by[:, :, 1, None]

    own = product(pairs, rows.by_offset)
    out = own[:, :68].index_add(1, one, own[:, 68:]).index_add(1, other, product(pairs[:, 68:], rows.by_other))
    return out.transpose(1, 2).flatten(2)


def offset_block(rows: Rows) -> Float[Tensor, "offset offset"]:
    """Multiply the derivatives by the detector's offsets with themselves."""
    one, other = torch.tensor(GAPS).T
    first = torch.cat([torch.arange(68), one])
    cross = (rows.by_offset[:, 68:].mT @ rows.by_other).sum(dim=0)
    out = cross.new_zeros(68, 68, 2, 2)
    for row, column, block in (
        (first, first, (rows.by_offset.mT @ rows.by_offset).sum(dim=0)),
        (other, other, (rows.by_other.mT @ rows.by_other).sum(dim=0)),
        (one, other, cross),
        (other, one, cross.mT),
    ):
        out.index_put_((row, column), block, accumulate=True)
    return out.transpose(1, 2).reshape(N_OFFSETS, N_OFFSETS)


def _whitening(points: Tensor, trust: Trust) -> Float[Tensor, "frame row 2 2"]:
    """Square roots of the rows' precisions: scaled rotations on the contour, scalars elsewhere."""
    contour = points[:, : N_CONTOUR + 1]
    along = torch.cat([contour[:, 1:2] - contour[:, :1], contour[:, 2:] - contour[:, :-2]], dim=1)[:, :N_CONTOUR]
    along = along / along.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    across = torch.stack([-along[..., 1], along[..., 0]], dim=-1)
    contour_rows = torch.stack([across / trust.contour_across, along / trust.contour_along], dim=-2)
    sigma = torch.cat([trust.point, trust.point.new_full((len(GAPS),), trust.gap)])
    others = torch.eye(2, dtype=points.dtype) / sigma[:, None, None]
    return torch.cat([contour_rows, others.expand(len(points), -1, -1, -1)], dim=1)
