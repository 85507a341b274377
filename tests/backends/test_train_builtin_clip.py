"""The training program of the built-in CLIP, on coloured squares."""

import numpy as np
import pytest
import torch


@pytest.fixture
def pictures():
    """Faces that are one grey square each, as bright as they are happy."""
    from mead_manip.backends.captions import ATTRIBUTES
    from mead_manip.backends.clip_batches import Pictures
    from mead_manip.emotions import EMOTIONS

    rng = np.random.default_rng(0)
    happy = rng.uniform(0, 1, 64)
    images = rng.integers(0, 30, (64, 48, 48, 3)) + (200 * happy[:, None, None, None])
    strength = np.zeros((64, len(EMOTIONS)))
    strength[:, EMOTIONS.index("happy")] = happy
    attributes = {name: rng.integers(-1, len(values), 64) for name, values in ATTRIBUTES.items()}
    motion = np.stack([happy, rng.uniform(0, 1, 64), rng.normal(0, 0.2, 64)], axis=1).astype(np.float32)
    names = ("AU12_L", "AU12_R", "head_yaw")
    return Pictures(images.astype(np.uint8), strength, attributes, motion, names, np.arange(64) // 4)


def test_the_loss_is_zero_where_logits_say_the_truth():
    from mead_manip.backends.train_builtin_clip import contrastive_loss, soft_cross_entropy

    truth = torch.rand(5, 5, generator=torch.Generator().manual_seed(0)) + 0.1
    assert soft_cross_entropy(truth.log(), truth) == pytest.approx(0.0, abs=1e-6)
    assert soft_cross_entropy(torch.zeros(5, 5), truth) > 0
    # With the identity as truth it is CLIP's own loss.
    logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(4)
    own = (torch.nn.functional.cross_entropy(logits, labels) + torch.nn.functional.cross_entropy(logits.T, labels)) / 2
    assert contrastive_loss(logits, torch.eye(4)) == pytest.approx(own.item(), abs=1e-5)


def test_duplicate_captions_are_no_negatives():
    """Two pictures with the same caption: the loss is smallest where both match both."""
    from mead_manip.backends.train_builtin_clip import contrastive_loss

    truth = torch.ones(2, 2)
    assert contrastive_loss(torch.zeros(2, 2), truth) < contrastive_loss(5 * torch.eye(2), truth)


def test_rare_values_of_an_attribute_count_as_much_as_common_ones():
    from mead_manip.backends.train_builtin_clip import attribute_loss

    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [9.0, -9.0]])
    common = attribute_loss(logits[[0, 1, 2, 3]], np.array([0, 0, 0, 1]))
    assert attribute_loss(logits[[0, 3]], np.array([0, 1])) == pytest.approx(common.item())
    assert attribute_loss(logits, np.array([0, 0, 0, 1, -1])) == pytest.approx(common.item())
    assert attribute_loss(logits[4:], np.array([-1])) == 0


def test_every_caption_can_be_tokenised_and_end_of_text_stays_the_largest():
    from mead_manip.backends import captions
    from mead_manip.backends.train_builtin_clip import Tokens

    rng, tokens = np.random.default_rng(0), Tokens()
    facts = {name: int(rng.integers(len(values))) for name, values in captions.ATTRIBUTES.items()}
    texts = [captions.describe(np.full(8, 0.125), 0.5, facts, rng).text for _ in range(500)]
    texts += [text for name in captions.ATTRIBUTES for text in captions.attribute_sentences(name, rng)]
    encoded = tokens(texts)
    assert (encoded.max(dim=1).values == len(tokens.ids) - 1).all() and len(tokens.ids) < 400


def test_flipping_swaps_left_and_right(pictures):
    from mead_manip.backends.clip_batches import augment

    pixels, seen = augment(pictures, (0.125, 0.2, 0.75), 32, np.random.default_rng(0))
    assert pixels.shape == (64, 3, 32, 32) and pixels.min() >= 0 and pixels.max() <= 1
    was, now = pictures.attributes["gaze"], seen.attributes["gaze"]
    changed = was != now
    assert changed.any() and (was[changed] + now[changed] == 2).all()
    np.testing.assert_array_equal(seen.attributes["gender"], pictures.attributes["gender"])
    flipped = seen.motion[:, 2] != pictures.motion[:, 2]
    np.testing.assert_array_equal(seen.motion[flipped], pictures.motion[flipped][:, [1, 0, 2]] * [1, 1, -1])
    np.testing.assert_array_equal(seen.motion[~flipped], pictures.motion[~flipped])
    assert flipped[changed].all()


def test_held_out_people_are_in_no_training_picture(pictures):
    from mead_manip.backends.clip_batches import split

    train, held_out = split(pictures, 0.25)
    assert len(train) + len(held_out) == 64 and len(held_out) == 16
    assert not set(train.identity_seed) & set(held_out.identity_seed)


@pytest.mark.slow
def test_training_lowers_the_loss_and_is_deterministic(pictures, monkeypatch):
    from mead_manip.backends.train_builtin_clip import Training, train
    from mead_manip.models import compact_clip

    vision = compact_clip.CONFIG["vision_cfg"] | {"width": 8, "image_size": 32}
    monkeypatch.setitem(compact_clip.CONFIG, "vision_cfg", vision)
    config = Training(steps=25, batch_size=32, captions=16, warmup=5, minutes=60)
    model, _, facts = train(pictures, pictures, config)
    again, _, _ = train(pictures, pictures, config)
    _, _, start = train(pictures, pictures, Training(steps=1, batch_size=32, captions=16, warmup=5, minutes=60))
    assert facts["prompts"] < start["prompts"] and facts["motion"] < start["motion"]
    for one, two in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)
