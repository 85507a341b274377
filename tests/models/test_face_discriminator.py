"""The judges: NED's by their counts and the sizes of their maps."""

import pytest
import torch

from mead_manip.models.face_discriminator import MultiScaleDiscriminator
from mead_manip.models.manipulator import count_parameters


def test_each_scale_of_ned_s_judge_has_its_parameters():
    judge = MultiScaleDiscriminator(12)
    assert [round(count_parameters(scale) / 1e6, 3) for scale in judge.scales] == [2.774, 2.774]


@pytest.mark.parametrize(("size", "maps"), [(256, (35, 19)), (72, (12, 8))])
def test_the_maps_of_verdicts_are_as_large_as_ned_s(size, maps):
    with torch.no_grad():
        judged = MultiScaleDiscriminator(12)(torch.zeros(1, 12, size, size))
    assert tuple(scale[-1].shape[-1] for scale in judged) == maps
    assert all(len(scale) == 5 and scale[-1].shape[1] == 1 for scale in judged)


def test_the_coarse_scale_sees_the_picture_at_half_its_size():
    judge = MultiScaleDiscriminator(3, width=8)
    picture = torch.rand(1, 3, 64, 64)
    halved = torch.nn.functional.avg_pool2d(picture, 3, 2, 1, count_include_pad=False)
    assert torch.allclose(judge(picture)[1][-1], judge.scales[1](halved)[-1], atol=1e-6)
