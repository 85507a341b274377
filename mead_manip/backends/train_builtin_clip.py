"""Train the built-in CLIP on a rendered caption set: python -m mead_manip.backends.train_builtin_clip SET OUT.h5

The loss is CLIP's symmetric contrastive loss with soft targets: in a batch a caption is as right for a picture as its
claims are true of it, so duplicates and near-duplicates are no false negatives and ambiguous faces split their
probability. A second term asks the same of the bare emotion prompts, in a wording drawn anew for every batch; a third
of sentences that differ in one attribute (closed or open eyes). A fourth reads the head's coefficients off the
picture's features by a linear map that is thrown away: so a few thousand renders are enough.
"""

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ClipWeights
from mead_manip.backends import captions, clip_batches
from mead_manip.backends.clip_batches import Pictures
from mead_manip.backends.openclip_source import build
from mead_manip.emotions import EMOTIONS
from mead_manip.models import compact_clip

MAX_LOG_SCALE = math.log(100.0)  # CLIP's clamp


@dataclass(frozen=True)
class Training:
    """How the built-in CLIP is trained."""

    minutes: float = 12.0
    steps: int = 4000
    batch_size: int = 64
    captions: int = 24  # of a batch's pictures get one; they are compared with all of its pictures
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: int = 100
    prompt_weight: float = 1.0
    attribute_weight: float = 0.5
    motion_weight: float = 20.0  # at the start; it ends at 0, where only matching counts
    held_out: float = 0.1
    seed: int = 0


def train(
    pictures: Pictures, held_out: Pictures, config: Training, start_from: ClipWeights | None = None
) -> tuple[Any, np.ndarray, dict[str, Any]]:
    """Teach a fresh model to match pictures and captions; give it, its token ids and what was measured."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    tokens = Tokens()
    architecture = compact_clip.with_vocabulary(compact_clip.CONFIG, len(tokens.ids))
    model = build(architecture).to(memory_format=torch.channels_last)
    for block in (model.visual.layer1, model.visual.layer2, model.visual.layer3, model.visual.layer4):
        # open_clip starts every block as the identity, which suits long training of deep towers.
        torch.nn.init.ones_(block[0].bn3.weight)
    if start_from is not None:
        _continue_from(model, start_from, tokens.ids)
    reader = MotionReader(pictures, compact_clip.CONFIG["embed_dim"])
    optimizer = torch.optim.AdamW(
        _groups(model, reader, weight_decay=config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.98)
    )
    start = time.monotonic()
    history: list[dict[str, float]] = []

    for step in range(config.steps):
        # The schedule follows the larger share of steps or time, so that a slow machine still ends its cosine.
        done = max(step / config.steps, (time.monotonic() - start) / (60.0 * config.minutes))
        if done >= 1.0:
            break
        _set_rate(optimizer, config.learning_rate * min(1.0, (step + 1) / config.warmup) * _cosine(done))
        batch = pictures.take(rng.choice(len(pictures), config.batch_size, replace=False))
        losses = batch_losses(model, reader, tokens, batch, rng, config.captions)
        weights = {
            "contrastive": 1.0,
            "prompts": config.prompt_weight,
            "attribute": config.attribute_weight,
            "motion": config.motion_weight * (1.0 - done),
        }
        optimizer.zero_grad(set_to_none=True)
        torch.stack([weights[name] * loss for name, loss in losses.items()]).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0.0, MAX_LOG_SCALE)

        # ---- everything below only watches -------------------------------------------------
        history.append({name: loss.item() for name, loss in losses.items()})
        if step % 100 == 0:
            recent = {name: round(float(np.mean([row[name] for row in history[-100:]])), 3) for name in losses}
            scale, seconds = model.logit_scale.exp().item(), time.monotonic() - start
            print(f"step {step} {recent} scale {scale:.1f} {seconds:.0f} s", flush=True)

    recent = {name: float(np.mean([row[name] for row in history[-100:]])) for name in history[-1]}
    facts = {"steps": len(history), "seconds": round(time.monotonic() - start), "pictures": len(pictures), **recent}
    return model.eval(), tokens.ids, facts | measure(model.eval(), tokens, held_out)


def batch_losses(
    model: Any, reader: "MotionReader", tokens: "Tokens", batch: Pictures, rng: np.random.Generator, n_captions: int
) -> dict[str, Tensor]:
    """Give the loss terms of one batch: pictures against their captions, and against the bare emotion prompts."""
    pixels, batch = clip_batches.augment(batch, compact_clip.CONFIG["crop"], model.visual.image_size, rng)
    emotion, strong = captions.seen_emotions(batch.strength), captions.strong_probability(batch.strength)
    said = [
        captions.describe(
            emotion[i], strong[i], {name: int(values[i]) for name, values in batch.attributes.items()}, rng
        )
        for i in range(n_captions)
    ]
    template = 0 if rng.random() < 0.4 else int(rng.integers(captions.N_TEMPLATES))
    bare = [captions.emotion_sentence(index, rng, template) for index in range(len(EMOTIONS))]
    name = str(rng.choice(list(captions.ATTRIBUTES)))
    alike = captions.attribute_sentences(name, rng)
    features = model.encode_image(_normal(pixels))
    texts = model.encode_text(tokens([caption.text for caption in said] + bare + alike), normalize=True)
    logits = model.logit_scale.exp() * functional.normalize(features, dim=1) @ texts.T
    truth = torch.from_numpy(captions.truth(said, emotion, strong, batch.attributes)).float()
    return {
        "contrastive": contrastive_loss(logits[:, : len(said)], truth),
        "prompts": soft_cross_entropy(logits[:, len(said) : -len(alike)], torch.from_numpy(emotion).float()),
        "attribute": attribute_loss(logits[:, -len(alike) :], batch.attributes[name]),
        "motion": reader.loss(features, batch.motion),
    }


def contrastive_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """CLIP's symmetric loss, where `truth` (image, caption) says how right every pair is instead of the identity."""
    return 0.5 * (soft_cross_entropy(logits, truth) + soft_cross_entropy(logits.T, truth.T))


def attribute_loss(logits: Tensor, value: np.ndarray) -> Tensor:
    """Cross-entropy over the values of an attribute, rare values counting as much as common ones, unknown (-1) not."""
    target = torch.from_numpy(value).long()
    count = torch.bincount(target.clamp_min(0), weights=(target >= 0).float(), minlength=logits.shape[1])
    each = functional.cross_entropy(logits, target, weight=1.0 / count.clamp_min(1.0), ignore_index=-1, reduction="sum")
    return each / (count > 0).sum().clamp_min(1)


def soft_cross_entropy(logits: Tensor, weights: Tensor) -> Tensor:
    """Divergence of softmax(logits) from the normalised rows of `weights`: zero where they agree.

    A row that nothing is true of says nothing and costs nothing.
    """
    total = weights.sum(dim=1, keepdim=True)
    target = weights / total.clamp_min(1e-9)
    entropy = -torch.xlogy(target, target).sum(dim=1)
    divergence = -(target * functional.log_softmax(logits, dim=1)).sum(dim=1) - entropy
    return (divergence * total[:, 0].clamp(max=1.0)).mean()


class MotionReader(torch.nn.Linear):
    """A linear map from a picture's features to the head's coefficients, each in units of its own spread."""

    def __init__(self, pictures: Pictures, n_features: int) -> None:
        super().__init__(n_features, pictures.motion.shape[1])
        # With the mirrored pictures, as training flips half of them: some units move on one side only.
        both = np.concatenate([pictures.motion, clip_batches.mirrored_motion(pictures)])
        self.mean = torch.from_numpy(both.mean(axis=0)).float()
        self.spread = torch.from_numpy(both.std(axis=0)).float().clamp_min(0.02)

    def loss(self, features: Tensor, motion: np.ndarray) -> Tensor:
        """Mean Huber loss: rare units (a tongue that shows) are many deviations away."""
        target = (torch.from_numpy(motion).float() - self.mean) / self.spread
        return functional.smooth_l1_loss(self(features), target)


class Tokens:
    """The byte-pair tokens that captions use, numbered from 0 in their own order (end of text stays the largest)."""

    def __init__(self) -> None:
        import open_clip

        self._tokenize = open_clip.SimpleTokenizer(context_length=compact_clip.CONFIG["text_cfg"]["context_length"])
        vocabulary = self._tokenize(captions.sample_of_every_word())
        self.ids: np.ndarray = np.unique(vocabulary.numpy())

    def __call__(self, texts: list[str]) -> Tensor:
        original = self._tokenize(texts).numpy()
        compact = np.searchsorted(self.ids, original)
        if not (self.ids[np.minimum(compact, len(self.ids) - 1)] == original).all():
            raise KeyError("a caption uses a token that the sample of every word lacks")
        return torch.from_numpy(compact)


@torch.no_grad()
def measure(model: Any, tokens: Tokens, pictures: Pictures) -> dict[str, Any]:
    """Measure zero-shot probabilities of held-out people against what viewers would see."""
    prompts = tokens([captions.emotion_sentence(i, np.random.default_rng(0), 0) for i in range(len(EMOTIONS))])
    texts = model.encode_text(prompts, normalize=True)
    rows = []
    for start in range(0, len(pictures), 128):
        pixels = clip_batches.to_tensor(pictures.images[start : start + 128])
        pixels = clip_batches.cut(pixels, compact_clip.CONFIG["crop"])
        images = model.encode_image(_normal(clip_batches.resize(pixels, model.visual.image_size)), normalize=True)
        rows.append((model.logit_scale.exp() * images @ texts.T).softmax(1))
    probability, seen = torch.cat(rows).numpy(), captions.seen_emotions(pictures.strength)
    clear = seen.max(axis=1) > 0.8
    right = probability.argmax(axis=1) == seen.argmax(axis=1)
    of_class = {name: clear & (seen.argmax(axis=1) == index) for index, name in enumerate(EMOTIONS)}
    per_class = {name: round(float(right[rows].mean()), 3) for name, rows in of_class.items() if rows.any()}
    return {
        "held_out_people": len(np.unique(pictures.identity_seed)),
        "held_out_pictures": len(pictures),
        "accuracy_where_clear": round(float(right[clear].mean()), 4),
        "accuracy_per_emotion": per_class,
        "mean_absolute_error_of_probability": round(float(np.abs(probability - seen).mean()), 4),
        "logit_scale": round(float(model.logit_scale.exp()), 2),
    }


def _normal(pixels: Tensor) -> Tensor:
    return compact_clip.standardise(pixels).contiguous(memory_format=torch.channels_last)


def _continue_from(model: Any, weights: ClipWeights, token_ids: np.ndarray) -> None:
    state = compact_clip.unpack(weights.parameters, compact_clip.VOCABULARY)
    state["token_embedding.weight"] = state["token_embedding.weight"][token_ids]
    model.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})


def _groups(*modules: Any, weight_decay: float) -> list[dict[str, Any]]:
    parameters = [parameter for module in modules for parameter in module.parameters()]
    decayed = [p for p in parameters if p.ndim > 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _cosine(done: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * done))


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def main() -> None:
    """Train on a caption set and publish the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start-from", type=Path, help="weights of an earlier run of this program to go on from")
    for name, value in asdict(Training()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = vars(parser.parse_args())
    folder, out, start = (options.pop(name) for name in ("set", "out", "start_from"))
    config = Training(**options)
    pictures, held_out = clip_batches.split(clip_batches.load(folder), config.held_out)
    model, token_ids, facts = train(pictures, held_out, config, store.load(ClipWeights, start) if start else None)
    state = {name: value.detach().contiguous().numpy() for name, value in model.state_dict().items()}
    weights = ClipWeights(compact_clip.pack(state, token_ids), json.dumps(compact_clip.CONFIG), json.dumps(facts))
    inputs = {path.stem: store.read_key(path) for path in sorted(folder.glob("*.h5"))}
    if start:
        inputs["start_from"] = store.read_key(start)
    provenance = Provenance(ClipWeights.schema_id(), "train_builtin_clip", 1, asdict(config), inputs)
    store.save(weights, out, provenance, reproducible=True)
    print(json.dumps(facts, indent=1), f"{out}: {out.stat().st_size / 1e6:.2f} MB", sep="\n")


if __name__ == "__main__":
    main()
