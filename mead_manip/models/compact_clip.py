"""The built-in CLIP: its architecture as data, and its packing. open_clip builds the network (backends/).

The text tower keeps CLIP's byte-pair vocabulary of 49,408 tokens, of which training sees a few hundred. Only those rows
of the embedding are stored, in float16; a token that training never saw gets a zero row: an unknown word says nothing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

VOCABULARY = 49408
_EMBEDDING, _ROWS, _IDS = "token_embedding.weight", "token_embedding.rows", "token_embedding.ids"

# ModifiedResNet (CLIP's RN50 in small) and a two-layer text transformer.
CONFIG: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {"layers": [1, 1, 1, 1], "width": 16, "head_width": 32, "image_size": 64},
    "text_cfg": {"context_length": 32, "vocab_size": VOCABULARY, "width": 128, "heads": 4, "layers": 2},
    # open_clip's transform up to pixels in 0..1; `standardise` does the rest.
    "preprocess": {"mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bicubic", "resize_mode": "shortest"},
    # left, top, side of the square that is looked at, in parts of a FaceTrack crop: brows to chin, cheek to cheek.
    "crop": [0.125, 0.21, 0.75],
}


def standardise(pixels: Float[Tensor, "image rgb=3 y x"]) -> Float[Tensor, "image rgb=3 y x"]:
    """Give every channel of every picture mean 0 and deviation 1: exposure and white balance say nothing of a face."""
    mean = pixels.mean(dim=(2, 3), keepdim=True)
    return (pixels - mean) / pixels.std(dim=(2, 3), keepdim=True).clamp_min(0.02)


def with_vocabulary(config: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Give the config with another vocabulary size: training uses only the tokens its captions have."""
    return {**config, "text_cfg": {**config["text_cfg"], "vocab_size": size}}


def pack(state: Mapping[str, np.ndarray], token_ids: np.ndarray) -> dict[str, np.ndarray]:
    """Turn a state dict over the trained tokens (row i embeds token `token_ids[i]`) into what the asset stores."""
    packed = {name: _half(array) for name, array in state.items() if name != _EMBEDDING}
    return packed | {_ROWS: _half(state[_EMBEDDING]), _IDS: token_ids.astype(np.int32)}


def unpack(parameters: Mapping[str, np.ndarray], vocabulary: int) -> dict[str, np.ndarray]:
    """Turn stored parameters into a float32 state dict over the whole vocabulary."""
    state = {name: _single(array) for name, array in parameters.items() if name not in (_ROWS, _IDS)}
    rows = _single(parameters[_ROWS])
    embedding = np.zeros((vocabulary, rows.shape[1]), np.float32)
    embedding[parameters[_IDS]] = rows
    return state | {_EMBEDDING: embedding}


def _half(array: np.ndarray) -> np.ndarray:
    # Vectors (norms, biases, running variances) and the logit scale are small and set every probability: kept whole.
    return array.astype(np.float16) if array.dtype == np.float32 and array.ndim > 1 else array


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float16 else array
