"""mini-XCEPTION: the counts of the published network, and Keras' arithmetic re-stated in plain loops."""

import numpy as np
import pytest
import torch


def random_weights(seed=0):
    from mead_manip.models.mini_xception import keras_shapes

    rng = np.random.default_rng(seed)
    weights = {
        layer: {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
        for layer, shapes in keras_shapes().items()
    }
    for layer in weights.values():
        if "moving_variance" in layer:
            layer["moving_variance"] = np.abs(layer["moving_variance"]) + 0.5
    return weights


def same(x, kernel, stride=1, pad=0.0):
    """Cut windows as Keras' "same" padding does: rows, columns, window rows, window columns, channels."""
    height, width = (-(-side // stride) for side in x.shape[:2])
    extra = [max((n - 1) * stride + kernel - side, 0) for n, side in zip((height, width), x.shape, strict=False)]
    around = [(e // 2, e - e // 2) for e in extra]
    x = np.pad(x, [*around, (0, 0)], constant_values=pad)
    return np.array(
        [
            [x[r * stride : r * stride + kernel, c * stride : c * stride + kernel] for c in range(width)]
            for r in range(height)
        ]
    )


def plain(image, weights):
    """The network as its layers are described, channels last."""

    def norm(x, k):
        w = weights[f"batch_normalization_{k}"]
        return (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + 1e-3) * w["gamma"] + w["beta"]

    def separable(x, k):
        w = weights[f"separable_conv2d_{k}"]
        deep = np.einsum("rcabi,abi->rci", same(x, 3), w["depthwise_kernel"][..., 0])
        return deep @ w["pointwise_kernel"][0, 0]

    x = image[..., None]
    for k in (1, 2):
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))
        x = np.maximum(norm(np.einsum("rciab,abio->rco", windows, weights[f"conv2d_{k}"]["kernel"]), k), 0)
    for k in range(4):
        shortcut = norm(x[::2, ::2] @ weights[f"conv2d_{k + 3}"]["kernel"][0, 0], 3 * k + 3)
        deep = np.maximum(norm(separable(x, 2 * k + 1), 3 * k + 4), 0)
        deep = norm(separable(deep, 2 * k + 2), 3 * k + 5)
        x = same(deep, 3, 2, -np.inf).max(axis=(2, 3)) + shortcut
    head = weights["conv2d_7"]
    return (np.einsum("rcabi,abio->rco", same(x, 3), head["kernel"]) + head["bias"]).mean(axis=(0, 1))


def test_it_has_as_many_weights_as_the_published_network():
    from mead_manip.models.mini_xception import MiniXception, keras_shapes

    trained = sum(p.numel() for p in MiniXception().parameters())
    stored = sum(int(np.prod(shape)) for shapes in keras_shapes().values() for shape in shapes.values())
    assert (trained, stored) == (56951, 58423)


@pytest.mark.parametrize("side", [64, 48])
def test_it_computes_what_the_layers_say(side):
    # At 64 the blocks halve 60, 30, 15, 8; at 48 they halve 44, 22, 11, 6: odd sides and even ones.
    from mead_manip.models.mini_xception import from_keras

    weights = random_weights()
    image = np.random.default_rng(1).uniform(-1, 1, (side, side)).astype(np.float32)
    with torch.no_grad():
        found = from_keras(weights)(torch.from_numpy(image)[None, None])[0].numpy()
    np.testing.assert_allclose(found, plain(image.astype(np.float64), weights), rtol=1e-4, atol=1e-4)
