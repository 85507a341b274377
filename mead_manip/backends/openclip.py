"""Zero-shot emotion scores of text-image models: any that open_clip can load, and the compact one in assets/.

A scorer has a cheap identity (`digest`: names and file hashes); weights are loaded at the first image or prompt.
"""

import functools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mead_manip.backends import openclip_source
from mead_manip.backends.openclip_source import ClipModel, Source
from mead_manip.models.suppression import emotion_prompts, zero_shot_probabilities

PRECISION = "fp32"


class OpenClipScorer:
    """Probability of every emotion for face crops, by the softmax of scaled cosines to one prompt per emotion."""

    name = "openclip"
    precision = PRECISION

    def __init__(
        self,
        model: str = "builtin",
        pretrained: str = "",
        *,
        prompts: Sequence[str] = (),
        device: str = "cpu",
        batch_size: int = 64,
    ) -> None:
        self.source: Source = openclip_source.find(model, pretrained)
        self.model, self.pretrained = self.source.model, self.source.pretrained
        self.prompts = tuple(prompts) or emotion_prompts()
        self.batch_size = batch_size
        self._device = device

    @property
    def digest(self) -> str:
        """Name the weights without loading them."""
        return self.source.digest

    def check(self) -> None:
        """Refuse a name that open_clip does not know, without loading weights."""
        openclip_source.check(self.source)

    @functools.cached_property
    def clip(self) -> ClipModel:
        """Load the weights, once."""
        return openclip_source.load(self.source, torch.device(self._device))

    def logit_scale(self) -> float:
        """Give the factor that turns cosines into logits, as trained (CLIP stores its logarithm)."""
        return float(self.clip.network.logit_scale.detach().double().exp())

    def image_features(self, images: Sequence[np.ndarray]) -> Float32[np.ndarray, "image feature"]:
        """Embed RGB uint8 crops; rows have unit length. The model's own resize and normalisation are applied."""
        rows = [
            self.embedded(self.prepared(images[start : start + self.batch_size]))
            for start in range(0, len(images), self.batch_size)
        ]
        return np.concatenate(rows) if rows else np.zeros((0, self.clip.n_features), np.float32)

    def prepared(self, images: Sequence[np.ndarray]) -> Float[Tensor, "image rgb=3 y x"]:
        """Resize and normalise crops as the model wants them; several threads may do so at once."""
        return torch.stack([self.clip.transform(image) for image in images])

    def embedded(self, pixels: Float[Tensor, "image rgb=3 y x"]) -> Float32[np.ndarray, "image feature"]:
        """Embed prepared crops: the image tower alone."""
        return self.clip.embed_images(pixels)

    def prompt_features(self, prompts: Sequence[str] = ()) -> Float32[np.ndarray, "prompt feature"]:
        """Embed prompts (this scorer's own where none are given); rows have unit length."""
        return self.clip.embed_texts(list(prompts) or list(self.prompts))

    def probabilities(self, images: Sequence[np.ndarray]) -> Float32[np.ndarray, "image emotion"]:
        """Give the probability of every prompt for every crop; each row sums to one."""
        return zero_shot_probabilities(self.image_features(images), self.prompt_features(), self.logit_scale())
