"""VGG-19's features: which layers are taken, and what is refused."""

import pytest
import torch

from mead_manip.errors import InputMissing, UsageError
from mead_manip.models.vgg_features import CACHED, VggFeatures, cached_vgg


def test_five_maps_each_half_as_large_as_the_one_before():
    maps = VggFeatures()(torch.rand(1, 3, 64, 64) * 2 - 1)
    assert [tuple(m.shape[1:]) for m in maps] == [(64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8), (512, 4, 4)]
    assert all(float(m.min()) >= 0 for m in maps)  # after the ReLU


def test_the_layers_are_torchvision_s(tmp_path):
    torchvision = pytest.importorskip("torchvision")
    whole = torchvision.models.vgg19(weights=None)
    torch.save(whole.state_dict(), tmp_path / "vgg.pth")
    features, picture = VggFeatures.load(tmp_path / "vgg.pth"), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        for found, last in zip(features(picture), (1, 6, 11, 20, 29), strict=True):
            assert torch.allclose(found, whole.features[: last + 1](picture), atol=1e-5)
    assert not any(parameter.requires_grad for parameter in features.parameters())


def test_what_is_no_vgg_is_refused(tmp_path):
    with pytest.raises(InputMissing, match="no such file"):
        VggFeatures.load(tmp_path / "none.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match="right shape"):
        VggFeatures.load(tmp_path / "other.pth")


def test_the_cache_is_looked_into_and_nothing_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    assert cached_vgg() is None
    path = tmp_path / "hub" / "checkpoints" / CACHED
    path.parent.mkdir(parents=True)
    path.touch()
    assert cached_vgg() == path
