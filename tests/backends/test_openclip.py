"""Conformance of the scorer with open_clip's own arithmetic, and its sources and errors."""

import json
import time

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture
def crops():
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 255, (3, 8, 8, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(image).resize((256, 256))) for image in smooth]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as open_clip saves it: a config and the weights of a random tiny model."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny")
    model = open_clip.CLIP(**TINY)
    preprocess = {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "interpolation": "bilinear",
        "resize_mode": "squash",
    }
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": preprocess}))
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


def own_probabilities(name, pretrained, crops, prompts):
    """What open_clip itself computes: its model, transform and tokenizer, its get_logits."""
    model, _, transform = open_clip.create_model_and_transforms(name, pretrained=pretrained)
    pixels = torch.stack([transform(Image.fromarray(crop)) for crop in crops])
    with torch.no_grad():
        logits, _ = model.eval().get_logits(pixels, open_clip.get_tokenizer(name)(list(prompts)))
    return logits.softmax(dim=1).numpy()


def test_probabilities_equal_open_clips_own(folder, crops):
    from mead_manip.backends.openclip import OpenClipScorer

    scorer = OpenClipScorer(f"local-dir:{folder}")
    expected = own_probabilities(f"local-dir:{folder}", None, crops, scorer.prompts)
    np.testing.assert_allclose(scorer.probabilities(crops), expected, atol=1e-6)
    assert scorer.logit_scale() == pytest.approx(1 / 0.07, rel=1e-5)


def test_batching_does_not_change_features(folder, crops):
    from mead_manip.backends.openclip import OpenClipScorer

    one = OpenClipScorer(f"local-dir:{folder}", batch_size=1).image_features(crops)
    all_ = OpenClipScorer(f"local-dir:{folder}", batch_size=64).image_features(crops)
    np.testing.assert_allclose(one, all_, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(all_, axis=1), 1.0, atol=1e-5)
    assert OpenClipScorer(f"local-dir:{folder}").image_features([]).shape == (0, 32)


def test_a_checkpoint_file_of_a_named_model(tmp_path, crops):
    from mead_manip.backends.openclip import OpenClipScorer

    torch.manual_seed(1)
    name, path = "ViT-S-32-alt", tmp_path / "clip.pt"
    with torch.no_grad():
        model = open_clip.create_model(name)
    torch.save({"state_dict": {key: value.half() for key, value in model.state_dict().items()}}, path)
    scorer = OpenClipScorer(name, str(path))
    expected = own_probabilities(name, str(path), crops[:1], scorer.prompts)
    np.testing.assert_allclose(scorer.probabilities(crops[:1]), expected, atol=1e-5)


def test_the_digest_follows_the_content_of_a_checkpoint(tmp_path):
    from mead_manip.backends.openclip import OpenClipScorer

    path = tmp_path / "clip.pt"
    path.write_bytes(b"one")
    first = OpenClipScorer("ViT-B-32", str(path)).digest
    path.write_bytes(b"two")
    assert OpenClipScorer("ViT-B-32", str(path)).digest != first
    assert OpenClipScorer("ViT-L-14", "openai").digest == "ViT-L-14/openai"


def test_names_that_open_clip_does_not_know():
    from mead_manip.backends.openclip import OpenClipScorer
    from mead_manip.errors import InputMissing, UsageError

    with pytest.raises(UsageError, match=r"unknown CLIP model 'ViT-L14'.*did you mean ViT-L-14"):
        OpenClipScorer("ViT-L14", "openai").check()
    with pytest.raises(UsageError, match=r"no weights called 'opnai'; expected one of openai"):
        OpenClipScorer("ViT-L-14", "opnai").check()
    with pytest.raises(InputMissing, match=r"no checkpoint at .*--model builtin"):
        OpenClipScorer("ViT-L-14", "missing/clip.pt")
    with pytest.raises(InputMissing, match="open_clip_config"):
        OpenClipScorer("local-dir:missing")


def test_a_file_that_is_no_checkpoint_is_one_clear_line(tmp_path):
    from mead_manip.backends.openclip import OpenClipScorer
    from mead_manip.errors import BackendUnavailable

    path = tmp_path / "clip.pt"
    for content in (b"", b"not weights"):
        path.write_bytes(content)
        with pytest.raises(BackendUnavailable, match=r"cannot load .*clip.pt as ViT-B-32"):
            OpenClipScorer("ViT-B-32", str(path)).prompt_features()
    torch.save({"visual.proj": torch.zeros(2)}, path)
    with pytest.raises(BackendUnavailable, match="plain weights"):
        OpenClipScorer("ViT-B-32", str(path)).prompt_features()


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path):
    from mead_manip.backends.openclip import OpenClipScorer
    from mead_manip.errors import BackendUnavailable

    class Evil:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'owned')!r}, 'w')",))

    torch.save({"state_dict": Evil()}, tmp_path / "clip.pt")
    with pytest.raises(BackendUnavailable):
        OpenClipScorer("ViT-B-32", str(tmp_path / "clip.pt")).prompt_features()
    assert not (tmp_path / "owned").exists()


def test_without_a_network_the_default_model_says_what_to_do_at_once(monkeypatch, tmp_path):
    """Names do not resolve here: no retries, and the remedy names the offline model."""
    from huggingface_hub import constants

    from mead_manip.backends.openclip import OpenClipScorer
    from mead_manip.errors import BackendUnavailable

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    start = time.monotonic()
    for scorer in (OpenClipScorer("ViT-L-14", "openai"), OpenClipScorer("hf-hub:timm/nobody-has-this")):
        with pytest.raises(
            BackendUnavailable, match=r"(ViT-L-14/openai|hf-hub:timm/nobody-has-this) .*--model builtin"
        ):
            scorer.prompt_features()
    assert time.monotonic() - start < 20


def test_matrix_products_are_exact_whatever_was_set_before(folder, crops):
    from mead_manip.backends.openclip import OpenClipScorer

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        medium = OpenClipScorer(f"local-dir:{folder}").probabilities(crops)
        assert torch.get_float32_matmul_precision() == "medium", "others' setting stays"
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_array_equal(medium, OpenClipScorer(f"local-dir:{folder}").probabilities(crops))
