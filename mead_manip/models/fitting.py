"""Landmarks of a whole clip -> who it is, and what every frame does: maximum a posteriori, two Gauss-Newton phases.

Who: frames spread over the clip, solved together with what they share: identity, the clip's mean expression (paid for
once, as identity is, so that a face that is sad all clip long may be sad) and what the detector always gets wrong.
How: with that fixed, all frames of the clip at once, tied by smoothness in time. Both re-weight landmarks by how well
they agree (Geman-McClure) and re-choose the contour points at every step.

Lengths are in units of the clip's inter-ocular distance; the image plane has y up.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mead_manip.models.face_model import N_CONTOUR
from mead_manip.models.fit_rows import (
    N_OFFSETS,
    Person,
    Rows,
    Trust,
    chosen_points,
    offset_block,
    offset_products,
    rows_of,
)
from mead_manip.models.observation import Observation, bridge
from mead_manip.models.point_head import N_RIGID, PointHead, initial_pose, linearise, select
from mead_manip.models.solvers import Smoothness, solve_arrow, solve_chain

MAX_CHUNK = 128  # frames linearised at once; bounds the memory of long clips


@dataclass(frozen=True)
class Priors:
    """What is believed before seeing landmarks. `face` = expression K, jaw 3, eyelids 2; `parameter` adds the pose."""

    about: Float[Tensor, " identity"]  # who it probably is: the mean head, unless the person is known
    identity: Float[Tensor, "identity identity"]  # precision of a person about that
    offset: Float[Tensor, "68 68"]  # precision of the detector's constant error about `offsets`, across and up alike
    offsets: Float[Tensor, "68 2"]  # how it probably errs on this person, beyond its convention: dm
    mean: Float[Tensor, "face face"]  # precision of the clip's mean about rest
    spread: Float[Tensor, "face face"]  # precision of frames about the clip's mean
    sparsity: Float[Tensor, " face"]  # pull of the clip's mean towards rest that does not grow with the coefficient
    lower: Float[Tensor, " face"]
    upper: Float[Tensor, " face"]
    wall: float  # precision with which `lower` and `upper` push back
    pitch: float  # precision of the clip's mean pitch about a level head
    first: Float[Tensor, " parameter"]  # precisions of differences between frames
    second: Float[Tensor, " parameter"]


@dataclass(frozen=True)
class Fit:
    """The result: a person, the frames' parameters and the landmarks that they predict.

    These lie where the detector would put them on this face, but for what it gets wrong on this person alone.
    """

    person: Person
    frames: Float[Tensor, "frame parameter"]
    predicted: Float[Tensor, "frame 68 2"]


@dataclass(frozen=True)
class Effort:
    """How long to iterate."""

    who_frames: int = 16
    who_steps: int = 5
    how_steps: int = 4


DEFAULT_EFFORT = Effort()


def fit_clip(head: PointHead, seen: Observation, priors: Priors, trust: Trust, effort: Effort) -> Fit:
    """Fit one clip."""
    person = find_clip_person(head, seen, priors, trust, effort)
    frames = follow(head, person, seen, priors, trust, effort)
    # Smoothness alone would let a head that left the picture turn on and on.
    frames = torch.from_numpy(bridge(frames.numpy(), (seen.weight.sum(dim=1) > 0).numpy()))
    shape = head.shaped(person.identity)
    predicted = torch.empty(len(frames), 68, 2)  # single precision: of a long clip this is the largest thing
    for part, out in zip(frames.split(MAX_CHUNK), predicted.split(MAX_CHUNK), strict=True):
        out.copy_(linearise(head, shape, part, chosen_points(head, shape, part)).points)
    return Fit(person, frames, predicted)


def find_clip_person(
    head: PointHead, seen: Observation, priors: Priors, trust: Trust, effort: Effort = DEFAULT_EFFORT
) -> Person:
    """Find who a clip shows, from frames spread over it."""
    usable = torch.nonzero(seen.weight.sum(dim=1) > 0)[:, 0]
    spread = torch.linspace(0, len(usable) - 1, min(effort.who_frames, len(usable)), dtype=torch.float64)
    return find_person(head, seen.at(usable[spread.round().long()]), priors, trust, effort)


def find_person(head: PointHead, seen: Observation, priors: Priors, trust: Trust, effort: Effort) -> Person:
    """Solve for what the frames share, every frame free to move on its own."""
    n_identity, n_face = len(priors.identity), len(priors.sparsity)
    person = Person(priors.about, torch.zeros_like(priors.sparsity), priors.offsets)
    frames = _first_guess(head, person, seen)
    # Shared unknowns: identity, detector offsets (both seen through landmarks), then the mean, which only frames pull.
    offset_precision = torch.kron(priors.offset, torch.eye(2, dtype=frames.dtype))
    seen_precision = torch.block_diag(priors.identity, offset_precision)
    mean_precision = priors.mean + len(frames) * priors.spread
    for step in range(effort.who_steps):
        rows = rows_of(head, person, frames, seen, trust, _patience(step, trust.robust), shared=True)
        block, gradient = _normal(rows, frames, person.mean, priors, len(frames))
        pull = priors.spread.expand(len(frames), -1, -1)
        by_identity = rows.by_identity.flatten(0, 1)
        coupling = [rows.by_frame.mT @ rows.by_identity, offset_products(rows, rows.by_frame)]
        coupling.append(-functional.pad(pull, (0, 0, 0, N_RIGID - 5)))
        both = offset_products(rows, rows.by_identity).sum(dim=0)
        seen_block = torch.cat(
            [torch.cat([by_identity.T @ by_identity, both], 1), torch.cat([both.T, offset_block(rows)], 1)]
        )
        shared = torch.block_diag(seen_block + seen_precision, mean_precision)
        now = torch.cat([person.identity - priors.about, (person.offsets - priors.offsets).flatten()])
        uphill = [
            by_identity.T @ rows.residual.flatten(),
            offset_products(rows, rows.residual[..., None]).sum(dim=(0, 1)),
        ]
        downhill = -torch.cat(uphill) - seen_precision @ now
        towards = priors.spread @ (frames[:, :n_face] - person.mean).sum(dim=0) - priors.mean @ person.mean
        move, common = solve_arrow(
            block, torch.cat(coupling, dim=-1), shared, gradient, torch.cat([downhill, towards - priors.sparsity])
        )
        frames = frames + move
        identity, offsets, mean = common.split([n_identity, N_OFFSETS, n_face])
        offsets = offsets.unflatten(0, (-1, 2))
        person = Person(person.identity + identity, person.mean + mean, person.offsets + offsets)
    return person


def follow(
    head: PointHead, person: Person, seen: Observation, priors: Priors, trust: Trust, effort: Effort
) -> Float[Tensor, "frame parameter"]:
    """Solve for all frames of one person, tied in time."""
    frames = _first_guess(head, person, seen)
    smoothness = Smoothness(priors.first, priors.second, seen.tied)
    for step in range(effort.how_steps):

        def pulls(reach: slice, step: int = step, frames: Tensor = frames) -> tuple[Tensor, Tensor]:
            parts = []
            for index in torch.arange(reach.start, reach.stop).split(MAX_CHUNK):
                patience = _patience(step, trust.robust)
                rows = rows_of(head, person, frames[index], seen.at(index), trust, patience, shared=False)
                parts.append(_normal(rows, frames[index], person.mean, priors, len(frames)))
            blocks, gradient = (torch.cat(part) for part in zip(*parts, strict=True))
            return blocks, gradient - smoothness.energy_gradient_of(reach, frames)

        frames += solve_chain(len(frames), pulls, smoothness)
    n_face = len(priors.sparsity)
    return torch.cat([frames[:, :n_face].clamp(priors.lower, priors.upper), frames[:, n_face:]], dim=1)


def _patience(step: int, robust: float) -> float:
    """Forgive large residuals while the fit is still coarse."""
    return robust * max(1.0, 4.0 / 2**step)


def _first_guess(head: PointHead, person: Person, seen: Observation) -> Float[Tensor, "frame parameter"]:
    """Start from the mean face, placed by the best affine camera."""
    points = head.shaped(person.identity).points
    points = points[select(head, points, points.new_zeros(1, 3))[0]]
    weight = points.new_ones(68)
    weight[:N_CONTOUR], weight[48:] = 0.2, 0.5
    placed = [initial_pose(points, part.double(), weight) for part in seen.points.split(MAX_CHUNK)]
    head_pose, camera = (torch.cat(part) for part in zip(*placed, strict=True))
    return torch.cat([person.mean.expand(len(head_pose), -1), head_pose, camera], dim=1)


def _normal(rows: Rows, frames: Tensor, mean: Tensor, priors: Priors, n_frames: int) -> tuple[Tensor, Tensor]:
    """Per-frame curvature and downhill gradient of landmarks and priors in a clip of `n_frames`; no smoothness yet."""
    n_face = len(mean)
    block = rows.by_frame.mT @ rows.by_frame
    downhill = -(rows.by_frame.mT @ rows.residual[..., None])[..., 0]
    face = frames[:, :n_face]
    beyond = face - face.clamp(priors.lower, priors.upper)
    block[:, :n_face, :n_face] += priors.spread + torch.diag_embed(priors.wall * (beyond != 0).to(face.dtype))
    downhill[:, :n_face] -= (face - mean) @ priors.spread + priors.wall * beyond
    # Pose and camera are free but for the pitch, which every frame takes its share of; a whisper keeps frames without
    # landmarks solvable.
    block[:, range(n_face, block.shape[1]), range(n_face, block.shape[1])] += 1e-6
    block[:, n_face, n_face] += priors.pitch / n_frames
    downhill[:, n_face] -= priors.pitch / n_frames * frames[:, n_face]
    return block, downhill
