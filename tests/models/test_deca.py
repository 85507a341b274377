"""DECA's published sizes, to the parameter; the checkpoint's names and shapes; what the code's numbers mean."""

import pytest
import torch


@pytest.fixture(scope="module")
def checkpoint():
    import flame

    return flame.checkpoint()


@pytest.fixture(scope="module")
def deca(checkpoint):
    from mead_manip.models.deca import deca_from_checkpoint

    return deca_from_checkpoint(checkpoint)


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_counted(deca):
    body = 23_508_032  # ResNet-50 without its classifier
    head = 2048 * 1024 + 1024
    assert count(deca.E_flame) == body + head + 1024 * 236 + 236 == 25_848_108
    assert count(deca.E_detail) == body + head + 1024 * 128 + 128
    assert count(deca.D_detail) == 1_773_345


def test_the_code_is_cut_as_published():
    from mead_manip.models.deca import JAW_X, Code

    code = Code.split(torch.arange(236.0)[None])
    ends = {name: (int(part[0, 0]), int(part[0, -1]) + 1) for name, part in code._asdict().items()}
    assert ends == {
        "shape": (0, 100), "tex": (100, 150), "exp": (150, 200),
        "pose": (200, 206), "cam": (206, 209), "light": (209, 236),
    }  # fmt: skip
    assert code.pose[0, 3] == JAW_X == 203


def test_names_are_the_checkpoints(deca):
    names = set(deca.state_dict())
    assert {
        "E_flame.encoder.conv1.weight",
        "E_flame.encoder.layer4.2.bn3.running_var",
        "E_detail.layers.2.bias",
    } <= names
    assert {"E_flame.layers.0.weight", "D_detail.l1.0.weight", "D_detail.conv_blocks.21.bias"} <= names
    weights = [name for name in names if name.startswith("D_detail.conv_blocks") and name.endswith("weight")]
    assert sorted(int(name.split(".")[2]) for name in weights) == [0, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 21]


@torch.inference_mode()
def test_shapes_and_the_range_of_displacements(deca):
    code, detail = deca(torch.rand(2, 3, 64, 64))
    assert code.shape == (2, 236) and detail.shape == (2, 128)
    uv = deca.D_detail(torch.zeros(2, 3), torch.zeros(2, 50), 1000 * torch.randn(2, 128))
    assert uv.shape == (2, 256, 256) and 0.005 < uv.abs().max() <= 0.01


@torch.inference_mode()
def test_the_decoders_norms_add_what_decas_do(deca):
    norms = [module for module in deca.D_detail.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert [norm.eps for norm in norms] == [1e-5, 0.8, 0.8, 0.8, 0.8, 0.8]


def test_a_flat_checkpoint_and_one_without_counters_are_the_same(checkpoint, deca):
    from mead_manip.models.deca import deca_from_checkpoint

    flat = {
        f"{network}.{name}": value
        for network, part in checkpoint.items()
        for name, value in part.items()
        if not name.endswith("num_batches_tracked")
    }
    flat |= {"E_flame.encoder.fc.weight": torch.zeros(1000, 2048), "optimizer": {}, "epoch": 3}
    found = deca_from_checkpoint(flat)
    for name, value in deca.E_flame.named_parameters():
        assert torch.equal(value, found.get_parameter("E_flame." + name))
    assert not found.training and not any(parameter.requires_grad for parameter in found.parameters())


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda c: c.pop("D_detail"), "no network D_detail, only E_detail, E_flame"),
        (lambda c: c["E_flame"].pop("layers.2.bias"), r"E_flame lacks layers\.2\.bias"),
        (lambda c: c["E_detail"].update(odd=torch.zeros(1)), "E_detail has also odd"),
        (
            lambda c: c["E_flame"].update({"layers.2.bias": torch.zeros(7)}),
            r"E_flame\.layers\.2\.bias: \(7,\); .*\(236,\)",
        ),
        (lambda c: c["E_flame"].update({"layers.2.bias": "x"}), r"E_flame\.layers\.2\.bias: str"),
    ],
)
def test_another_checkpoint_is_one_clear_line(checkpoint, spoil, says):
    from mead_manip.errors import ArtifactInvalid
    from mead_manip.models.deca import deca_from_checkpoint

    copied = {name: dict(part) for name, part in checkpoint.items()}
    spoil(copied)
    with pytest.raises(ArtifactInvalid, match=says):
        deca_from_checkpoint(copied)
