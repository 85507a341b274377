"""The generators: NED's by its counts, the compact one by what it promises."""

import pytest
import torch

from mead_manip.models.face_renderer import (
    Architecture,
    FaceGenerator,
    FaceView,
    composited,
    conditioning,
    geometry,
)
from mead_manip.models.manipulator import count_parameters

SMALL = Architecture.of_size("small", 256)


def view_of(size: int, seed: int = 0) -> FaceView:
    random = torch.Generator().manual_seed(seed)

    def picture(channels):
        return torch.rand(2, channels, size, size, generator=random)

    mask = torch.zeros(2, 1, size, size)
    mask[..., size // 4 : -size // 4, size // 4 : -size // 4] = 1
    around = picture(3) * (mask == 0)
    return FaceView(picture(3), picture(1), picture(1), picture(3), around, mask)


def test_the_full_network_has_ned_s_channels_parameters_and_bottleneck():
    architecture = Architecture.of_size("full")
    generator = FaceGenerator.of(architecture)
    assert architecture.conditioning_channels == 27 and 3 * architecture.n_previous == 6
    assert round(count_parameters(generator) / 1e6, 2) == 70.83
    shapes = []
    generator.geometry.register_forward_hook(lambda *seen: shapes.append(seen[2].shape[1:]))
    with torch.no_grad():
        picture = generator(torch.rand(1, 27, 256, 256), torch.zeros(1, 6, 256, 256))
    assert shapes == [(512, 32, 32)] and picture.shape == (1, 3, 256, 256)
    assert float(picture.abs().max()) <= 1


def test_the_full_network_normalises_every_picture_by_itself_and_learns_no_normalisation():
    generator = FaceGenerator.of(Architecture(width=8, encoder_blocks=1, decoder_blocks=1))
    assert not [m for m in generator.modules() if isinstance(m, torch.nn.InstanceNorm2d) and m.affine]
    frames, drawn = torch.rand(3, 27, 64, 64), torch.zeros(3, 6, 64, 64)
    together = generator(frames, drawn)
    alone = torch.cat([generator(frames[k : k + 1], drawn[k : k + 1]) for k in range(3)])
    assert torch.allclose(together, alone, atol=1e-4)


def test_ned_s_geometry_is_nmfc_red_discs_and_the_shape_three_times():
    view = view_of(32)
    channels = geometry(Architecture.of_size("full"), view)
    assert channels.shape[1] == 9
    assert torch.equal(channels[:, :3], view.nmfc) and torch.equal(channels[:, 3:4], view.eyes)
    assert not channels[:, 4:6].any()
    assert torch.equal(channels[:, 6], channels[:, 7]) and torch.equal(channels[:, 6:7], view.shape)


@pytest.mark.parametrize("size", [256, 512])
def test_the_untrained_compact_network_draws_the_mean_face(size):
    architecture = Architecture.of_size("small", size)
    view = view_of(size)
    seen = conditioning(architecture, [geometry(architecture, view)], view)
    generator = FaceGenerator.of(architecture).eval()
    drawn = generator(seen, torch.zeros(2, 3, size, size))
    assert torch.allclose(drawn, 2 * view.appearance - 1, atol=1e-5)
    assert count_parameters(generator) < 1.5e6


def test_only_a_network_in_training_leaves_the_range():
    generator = FaceGenerator.of(SMALL)
    torch.nn.init.constant_(generator.head[0].bias, 5.0)
    seen, previous = torch.rand(1, SMALL.conditioning_channels, 256, 256), torch.zeros(1, 3, 256, 256)
    assert float(generator.train()(seen, previous).detach().max()) > 1
    assert float(generator.eval()(seen, previous).detach().max()) <= 1


def test_around_the_mask_stand_the_frame_s_own_pixels_or_ned_s_black():
    view, drawn = view_of(64), torch.rand(2, 3, 64, 64)
    outside = (view.mask == 0).expand_as(drawn)
    around = composited(SMALL, drawn, view)
    assert torch.equal(around[outside], (2 * view.surroundings - 1)[outside])
    black = composited(Architecture.of_size("full"), drawn, view)
    assert (black[outside] == -1).all()
    assert torch.equal(around[~outside], drawn[~outside]) and torch.equal(black[~outside], drawn[~outside])


def test_a_window_of_another_length_is_refused():
    view = view_of(32)
    with pytest.raises(ValueError, match="geometry of 1 frames for a generator of 3"):
        conditioning(Architecture.of_size("full"), [view.nmfc], view)


def test_weights_come_back_as_they_were_stored():
    architecture = Architecture.of_size("small")
    generator = FaceGenerator.of(architecture).eval()
    torch.nn.init.normal_(generator.head[0].weight, 0, 0.1)
    again = FaceGenerator.from_arrays(generator.to_arrays(), architecture.to_json())
    seen, previous = torch.rand(1, architecture.conditioning_channels, 256, 256), torch.rand(1, 3, 256, 256)
    assert not again.training and again.architecture == architecture
    assert torch.equal(again(seen, previous), generator(seen, previous))
