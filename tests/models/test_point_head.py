"""Projection and its derivatives, contour choice and the first pose, on a small head of numbers."""

from dataclasses import replace

import pytest
import torch


@pytest.fixture
def head(toy_head):
    return toy_head


def neutral(head):
    return head.shaped(torch.zeros(head.identity.shape[-1], dtype=torch.float64))


def frames_of(head, n_frames: int, size: float = 0.2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return size * torch.randn(n_frames, head.n_frame, generator=generator, dtype=torch.float64)


def pose_of(head, frames: torch.Tensor) -> torch.Tensor:
    return frames[:, head.n_expression + 5 : head.n_expression + 8]


def test_derivatives_are_exact(head):
    from mead_manip.models.point_head import linearise, select

    frames = frames_of(head, 3)
    chosen = select(head, head.template, pose_of(head, frames))
    model = linearise(head, neutral(head), frames, chosen)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: linearise(head, neutral(head), x, chosen).points.sum(dim=0), frames
    )
    torch.testing.assert_close(model.by_frame, jacobian.permute(2, 0, 1, 3))


def test_derivative_by_the_undeformed_point_is_exact(head):
    from mead_manip.models.point_head import linearise, select

    frames = frames_of(head, 1)
    chosen = select(head, head.template, pose_of(head, frames))
    model = linearise(head, neutral(head), frames, chosen)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: linearise(head, replace(neutral(head), points=x), frames, chosen).points[0], head.template
    )
    seen = jacobian[torch.arange(68), :, chosen[0]]
    torch.testing.assert_close(model.by_point[0], seen)


def test_rotation_and_axis_angle_invert_each_other():
    from mead_manip.models.point_head import axis_angle, rotation

    vectors = torch.tensor([[0.0, 0, 0], [1e-5, 0, 0], [0.3, -0.2, 0.1], [0, 2.5, 0.4]], dtype=torch.float64)
    torch.testing.assert_close(axis_angle(rotation(vectors)), vectors, atol=1e-7, rtol=1e-6)


def test_contour_moves_to_the_cheek_on_the_far_side_only(head):
    from mead_manip.models.point_head import select

    turns = torch.tensor([[0, 0, 0], [0, 0.6, 0], [0, -0.6, 0]], dtype=torch.float64)  # + turns to the subject's left
    chosen = select(head, head.template, turns)[:, :17]
    rim = head.contour[:, 0]
    right, left = slice(0, 6), slice(11, 17)
    assert (chosen[0] == rim).all()
    assert (chosen[1, right] == rim[right]).all() and (chosen[1, left] != rim[left]).any()
    assert (chosen[2, left] == rim[left]).all() and (chosen[2, right] != rim[right]).any()


def test_first_pose_is_exact_for_the_template(head):
    from mead_manip.models.point_head import initial_pose, linearise, seen_by, select

    head = seen_by(head, torch.zeros(68, 2, dtype=torch.float64))
    frames = torch.zeros(3, head.n_frame, dtype=torch.float64)
    frames[:, -6:-3] = torch.tensor([[0.1, 0.4, 0.05], [-0.2, -0.3, 0.2], [0, 0, 0]], dtype=torch.float64)
    frames[:, -3:] = torch.tensor([0.7, 3.0, -2.0], dtype=torch.float64)
    level = select(head, head.template, torch.zeros(1, 3, dtype=torch.float64))
    seen = linearise(head, neutral(head), frames, level.expand(3, -1)).points
    head_pose, camera = initial_pose(head.template[level[0]], seen, torch.ones(68, dtype=torch.float64))
    torch.testing.assert_close(torch.cat([head_pose, camera], dim=1), frames[:, -6:], atol=1e-8, rtol=1e-6)


def test_cut_down_head_projects_like_the_whole_one():
    from mead_manip.models.face_model import load_head, project
    from mead_manip.models.point_head import linearise, point_head, select

    whole = load_head()
    head = point_head(whole)
    generator = torch.Generator().manual_seed(2)
    frames = torch.rand(4, head.n_frame, generator=generator, dtype=torch.float64) * 0.3
    identity = 0.5 * torch.randn(1, whole.n_identity, generator=generator, dtype=torch.float64)
    shape = head.shaped(identity[0])
    found = linearise(head, shape, frames, select(head, shape.points, pose_of(head, frames))).points

    k = head.n_expression
    expression, jaw, lids, turn, _ = frames.split([k, 3, 2, 3, 3], dim=1)
    parts = [part.float() for part in (identity, expression, jaw, lids)]
    vertices = whole(*parts, head_pose=turn.float())
    camera = torch.cat([frames[:, k + 8 : k + 9].exp(), frames[:, k + 9 :] * torch.tensor([1.0, -1.0])], dim=1).float()
    expected = project(whole.landmarks(vertices, turn.float()), camera) * torch.tensor([1.0, -1.0])
    difference = (found - expected).norm(dim=-1)
    assert difference[:, 17:].max() < 1e-5  # dm
    assert difference[:, :17].mean() < 0.01  # expression may pick a neighbour on the contour
