"""What 68 landmarks see of a linear head: projected points and their exact derivatives, for whole clips at once.

A frame is one row of parameters, laid out as `[expression K | jaw 3 | eyelids 2 | head pose 3 | log scale | x | y]`.
The image plane has y up; its unit is the caller's, so that fitting works at any resolution.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mead_manip.models.face_model import N_CONTOUR, HeadModel, rotation

N_FACE = 5  # jaw 3, eyelids 2
_PIECE = 1024  # frames
N_RIGID = 11  # jaw 3, eyelids 2, head pose 3, log scale 1, translation 2

# Point pairs whose distance is seen far better than either end: lids (right, left eye), inner and outer lips.
GAPS = ((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65), (50, 58), (51, 57), (52, 56))


@dataclass(frozen=True)
class PointHead:
    """The linear basis of a head at the points that a landmark may be; head space, dm."""

    template: Float[Tensor, "point 3"]
    identity: Float[Tensor, "point 3 identity"]
    expression: Float[Tensor, "point 3 coef"]
    eyelid_close: Float[Tensor, "point 3 eye=2"]  # left, right
    eyelid_arc: Float[Tensor, "point 3 eye=2"]  # what a half closed lid needs beyond half the way
    eyelid_seal: Float[Tensor, "point 3 eye=2 identity"]  # change of `eyelid_close` with identity
    eyelid_fade: Float[Tensor, "eye=2 coef"]  # share of a unit that is gone when this eye is closed
    jaw_weight: Float[Tensor, " point"]
    jaw_joint: Float[Tensor, " 3"]
    fixed: Int[Tensor, " fixed=51"]  # which points are landmarks 17-67
    contour: Int[Tensor, "contour=17 candidate"]  # which points may be landmarks 0-16, jaw rim first
    convention: Float[Tensor, "landmark 2"]  # where a detector puts its landmarks on a face at rest: across and up, dm
    response: Float[Tensor, "landmark 2 face"]  # and how that changes with the face

    @property
    def n_expression(self) -> int:
        """How many expression coefficients there are."""
        return self.expression.shape[-1]

    @property
    def n_face(self) -> int:
        """How many parameters of a frame move the face: expression, jaw and eyelids."""
        return self.n_expression + N_FACE

    @property
    def n_frame(self) -> int:
        """How many parameters a frame has."""
        return self.n_expression + N_RIGID

    def shaped(self, identity: Float[Tensor, " identity"]) -> "Shape":
        """Return this person's neutral face."""
        return Shape(
            self.template + self.identity @ identity,
            self.eyelid_close + self.eyelid_seal @ identity,
        )


@dataclass(frozen=True)
class Shape:
    """The neutral face of one person; head space, dm."""

    points: Float[Tensor, "point 3"]
    eyelid_close: Float[Tensor, "point 3 eye=2"]


@dataclass(frozen=True)
class Linearised:
    """Projected landmarks of every frame and their derivatives by the frame's own parameters."""

    points: Float[Tensor, "frame 68 2"]
    by_frame: Float[Tensor, "frame 68 2 parameter"]
    by_point: Float[Tensor, "frame 68 2 3"]  # by the undeformed point: chains to identity and offsets


def point_head(model: HeadModel) -> PointHead:
    """Cut a head down to the points that a landmark may be, in double precision."""
    small = model.restricted(model.required_vertices()).double()
    n_points = small.n_vertices

    def spread(lids: Tensor) -> Tensor:
        full = lids.new_zeros(*lids.shape[:-2], n_points, 3)
        full[..., small.lid_ids, :] = lids
        return full

    return PointHead(
        template=small.template,
        identity=small.identity_basis.permute(1, 2, 0).contiguous(),
        expression=small.expression_basis.permute(1, 2, 0).contiguous(),
        eyelid_close=spread(small.eyelid_close).permute(1, 2, 0).contiguous(),
        eyelid_arc=spread(small.eyelid_arc).permute(1, 2, 0).contiguous(),
        eyelid_seal=spread(small.eyelid_seal).permute(2, 3, 0, 1).contiguous(),
        eyelid_fade=small.lid_fade,
        jaw_weight=small.jaw_weight,
        jaw_joint=small.joints[0],
        fixed=small.landmark_ids[N_CONTOUR:],
        contour=small.contour_candidates,
        convention=torch.zeros(68, 2, dtype=torch.float64),
        response=torch.zeros(68, 2, small.n_expression + N_FACE, dtype=torch.float64),
    )


def seen_by(
    head: PointHead, convention: Float[Tensor, "landmark 2"], response: Float[Tensor, "landmark 2 face"] | None = None
) -> PointHead:
    """Give the head as a detector sees it: with landmarks that lie elsewhere, and move less or otherwise."""
    return replace(head, convention=convention, response=head.response if response is None else response)


def left_jacobian(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Matrices whose column c is the spatial angular velocity when component c of the axis-angle vector grows."""
    angle = axis_angle.norm(dim=-1)[..., None, None]
    small = angle < 1e-3
    safe = torch.where(small, torch.ones_like(angle), angle)
    third = torch.where(small, 1 / 6 - angle**2 / 120, (safe - safe.sin()) / safe**3)
    skew = _skew(axis_angle)
    return _eye(axis_angle) + _half_versine(angle) * skew + third * skew @ skew


def select(
    head: PointHead, points: Float[Tensor, "point 3"], head_pose: Float[Tensor, "frame 3"]
) -> Int[Tensor, "frame 68"]:
    """Choose the point behind every landmark: a contour landmark is the candidate that stands out most to its side.

    So does the head itself; here the neutral face decides, which expression hardly changes.
    """
    turn = rotation(head_pose)
    # Across the head's upright axis, in the picture: a tilted head is no different.
    upright = turn[:, :2, 1] / turn[:, :2, 1].norm(dim=1, keepdim=True).clamp_min(1e-6)
    sideways = torch.stack([upright[:, 1], -upright[:, 0]], dim=1)
    direction = torch.einsum("fi,fij->fj", sideways, turn[:, :2])
    side = torch.sign(torch.arange(N_CONTOUR) - N_CONTOUR // 2).to(points.dtype)
    outward = torch.einsum("fj,kcj->fkc", direction, points[head.contour]) * side[:, None]
    best = outward.argmax(dim=-1)  # the chin has side 0 and stays
    chosen = torch.take_along_dim(head.contour[None].expand(len(best), -1, -1), best[..., None], dim=2)[..., 0]
    return torch.cat([chosen, head.fixed.expand(len(best), -1)], dim=1)


def mean_landmarks(head: PointHead) -> Float[Tensor, "68 3"]:
    """Give the landmarks of the mean person at rest, face on."""
    return head.template[select(head, head.template, head.template.new_zeros(1, 3))[0]]


def linearise(
    head: PointHead,
    shape: Shape,
    frames: Float[Tensor, "frame parameter"],
    chosen: Int[Tensor, "frame 68"],
) -> Linearised:
    """Project the chosen points of one person, as the detector sees them, and differentiate exactly."""
    k = head.n_expression
    weights, closure = frames[:, :k], frames[:, k + 3 : k + 5]
    jaw_pose, head_pose = frames[:, k : k + 3], frames[:, k + 5 : k + 8]
    scale, shift = frames[:, k + 8, None, None].exp(), frames[:, None, k + 9 : k + 11]

    # Units add up; those that hold an eye open fade as it closes; lids follow an arc: c close + 4 c (1 - c) arc. What
    # the detector makes of it adds to each. What all points have of every unit is large: it is written once.
    fading = head.eyelid_fade.any(dim=0).nonzero()[:, 0]
    fade = 1 - closure.clamp(0, 1) @ head.eyelid_fade[:, fading]
    between = ((closure > 0) & (closure < 1))[..., None]
    faded = -weights[:, None, fading] * head.eyelid_fade[:, fading] * between  # frame eye coef, by closure
    close, arc = shape.eyelid_close[chosen], head.eyelid_arc[chosen]
    closed = closure[:, None, None]
    basis = frames.new_empty(*chosen.shape, 3, k + 2)
    basis[..., :k] = head.expression[chosen]
    held = basis[..., fading]
    basis[..., k:] = close + 4 * (1 - 2 * closed) * arc + held @ faded.mT[:, None]
    basis[..., fading] = held * fade[:, None, None]
    basis[..., :2, :k] += head.response[..., :k]
    basis[..., :2, k:] += head.response[..., k + 3 :]
    moved = (basis[..., :k] @ weights[:, None, :, None])[..., 0]
    moved = moved + (closed * close + 4 * closed * (1 - closed) * arc).sum(-1)
    moved[..., :2] += head.convention + (head.response[..., k:] @ frames[:, None, k : k + 5, None])[..., 0]

    # The jaw turns about its joint.
    arm = shape.points[chosen] + moved - head.jaw_joint
    jaw_weight = head.jaw_weight[chosen][..., None]
    swung = torch.einsum("fij,fpj->fpi", rotation(jaw_pose), arm)
    posed = arm + jaw_weight * (swung - arm) + head.jaw_joint

    turn = rotation(head_pose)
    turned = torch.einsum("fij,fpj->fpi", turn, posed)
    points = scale * turned[..., :2] + shift

    # d landmark / d undeformed point = scale * (head rotation * blended jaw rotation), the two image rows.
    view = scale[..., None] * turn[:, None, :2]
    blend = _eye(frames[:, :3])[None] + jaw_weight[..., None] * (rotation(jaw_pose)[:, None] - _eye(frames[:, :3]))
    by_point = view @ blend
    by_weights = by_point @ basis
    by_frame = frames.new_empty(*points.shape, k + N_RIGID)
    by_frame[..., :k], by_frame[..., k + 3 : k + 5] = by_weights[..., :k], by_weights[..., k:]
    by_jaw = view @ (jaw_weight[..., None] * _columns_cross(left_jacobian(jaw_pose), swung))
    by_frame[..., k : k + 3] = by_jaw + by_point[..., :2] @ head.response[..., k : k + 3]
    by_turn = scale[..., None] * _columns_cross(left_jacobian(head_pose), turned)[..., :2, :]
    by_frame[..., k + 5 : k + 8] = by_turn
    by_frame[..., k + 8] = scale * turned[..., :2]
    by_frame[..., k + 9 :] = torch.eye(2, dtype=frames.dtype)
    return Linearised(points, by_frame, by_point)


def initial_pose(
    template: Float[Tensor, "68 3"], landmarks: Float[Tensor, "frame 68 2"], weight: Float[Tensor, " 68"]
) -> tuple[Float[Tensor, "frame 3"], Float[Tensor, "frame 3"]]:
    """Head pose and camera (log scale, x, y) of the best affine camera per frame, made orthonormal."""
    homogeneous = torch.cat([template, torch.ones_like(template[:, :1])], dim=1)
    weighted = weight[:, None] * homogeneous
    # Piece by piece: of a long clip every copy counts.
    moments = torch.cat([torch.einsum("pk,fpc->fkc", weighted, part) for part in landmarks.split(_PIECE)])
    affine = torch.linalg.solve(weighted.T @ homogeneous, moments)
    left, singular, right = torch.linalg.svd(affine[:, :3].transpose(1, 2), full_matrices=False)
    rows = left @ right  # the nearest two orthonormal rows
    turn = torch.cat([rows, torch.linalg.cross(rows[:, 0], rows[:, 1])[:, None]], dim=1)
    camera = torch.cat([singular.mean(dim=1, keepdim=True).log(), affine[:, 3]], dim=1)
    return axis_angle(turn), camera


def axis_angle(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Axis-angle vectors of rotation matrices (angles below pi)."""
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    angle = torch.arccos(((trace - 1) / 2).clamp(-1, 1))[..., None]
    axis = torch.stack(
        [
            matrix[..., 2, 1] - matrix[..., 1, 2],
            matrix[..., 0, 2] - matrix[..., 2, 0],
            matrix[..., 1, 0] - matrix[..., 0, 1],
        ],
        dim=-1,
    )
    return axis / (2 * _sinc(angle)).clamp_min(1e-6)


def _sinc(angle: Tensor) -> Tensor:
    return torch.sinc(angle / torch.pi)


def _half_versine(angle: Tensor) -> Tensor:
    """(1 - cos a) / a^2, finite at 0."""
    return _sinc(angle / 2) ** 2 / 2


def _eye(like: Tensor) -> Tensor:
    return torch.eye(3, dtype=like.dtype)


def _skew(vector: Tensor) -> Tensor:
    x, y, z = vector.unbind(dim=-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def _columns_cross(columns: Tensor, arm: Tensor) -> Tensor:
    """Velocity of each arm (frame point 3) under each angular velocity (frame 3 3, columns)."""
    return -_skew(arm) @ columns[:, None]
