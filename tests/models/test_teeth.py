"""Teeth sit behind the lips: upper ones peep out of a mouth that opens a little, lower ones hardly."""

import numpy as np
import pytest
import torch

from mead_manip.models.face_model import load_head, rotation
from mead_manip.models.teeth import IN_THE_DARK, SEATS, light_on_teeth, seat_teeth


@pytest.fixture(scope="module")
def head():
    return load_head()


def opened(head, pose: torch.Tensor) -> torch.Tensor:
    expression = torch.zeros(1, head.n_expression)
    expression[0, head.coef_names.index("AU25")] = 0.25
    return head(torch.zeros(1, head.n_identity), expression, torch.tensor([[0.1, 0.0, 0.0]]), head_pose=pose)


def edge(head, vertices: torch.Tensor, part: str, lowest: bool) -> float:
    teeth = vertices[0, head.part_slices[part]]
    middle = teeth[teeth[:, 0].abs() < 0.08, 1]
    return float(middle.min() if lowest else middle.max())


def test_between_parted_lips_upper_teeth_show_and_lower_ones_hardly(head):
    upright = torch.zeros(1, 3)
    vertices = opened(head, upright)
    lips = head.landmarks(vertices)[0]
    upper_lip, lower_lip = float(lips[62, 1]), float(lips[66, 1])
    seat_teeth(head, vertices, upright)
    assert 0.02 < upper_lip - edge(head, vertices, "teeth_upper", lowest=True) < 0.05
    assert edge(head, vertices, "teeth_lower", lowest=False) - lower_lip < 0.03


def test_only_teeth_move_and_with_the_head(head):
    pose = torch.tensor([[0.1, 0.5, -0.2]])
    vertices = opened(head, pose)
    seated = vertices.clone()
    seat_teeth(head, seated, pose)
    moved = (seated - vertices)[0]
    back = moved @ rotation(pose)[0]
    for part, seat in SEATS.items():
        assert torch.allclose(
            back[head.part_slices[part]], torch.tensor(seat).expand_as(back[head.part_slices[part]]), atol=1e-5
        )
        moved[head.part_slices[part]] = 0.0
    assert not moved.any()
    assert np.isfinite(seated.numpy()).all()


def test_incisors_are_lit_molars_lie_in_the_dark_and_it_gets_darker_in_between(head):
    template = head.template.numpy()
    upper, lower = (
        head.triangles.numpy()[head.triangle_part.numpy() == head.part_names.index(name)]
        for name in ("teeth_upper", "teeth_lower")
    )
    whole = light_on_teeth(template, upper, lower)
    dim = {}
    for name, teeth in (("upper", upper), ("lower", lower)):
        used = np.unique(teeth)
        light, order = whole[used], np.argsort(-template[used, 2])
        assert light[order[0]] == 1 and light[order[-1]] == pytest.approx(IN_THE_DARK)
        assert (np.diff(light[order]) <= 0).all()
        dim[name] = (light < 0.5).mean()
    assert 0.1 < dim["upper"] < dim["lower"] < 0.95
    assert (np.delete(whole, np.unique(np.concatenate([upper, lower]))) == 1).all()
    assert (light_on_teeth(template, upper[:0], lower[:0]) == 1).all()
