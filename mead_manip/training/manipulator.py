"""How the manipulator learns: NED's four updates per iteration, and a state that can be put down and taken up again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mead_manip.models.manipulator import Manipulator
from mead_manip.training.averaging import follow
from mead_manip.training.objectives import (
    cycle_distance,
    gradient_penalty,
    jaw_correlation,
    latent_sample_weights,
    least_squares,
    lip_correlation,
    reference_sample_weights,
    style_distance,
    style_diversity,
    weighted_sum,
)
from mead_manip.training.recipe import Recipe
from mead_manip.training.windows import Batch, Windows
from mead_manip.training.world import World

NETWORKS = ("mapping", "style_encoder", "generator", "discriminator")
COMPILATIONS = 64  # of all compiled layers together
Terms = dict[str, Tensor]
# Called after every iteration with its number and the terms of its updates; False ends the training there.
Watch = Callable[[int, Mapping[str, Terms]], bool]
# Called while validating with a batch and the windows that were made of its sources.
Seen = Callable[[Batch, Tensor], None]


class Learner:
    """The networks, their moving average, an optimiser each, and the number of iterations behind them."""

    def __init__(self, nets: Manipulator, recipe: Recipe, world: World | None = None) -> None:
        self.nets = nets.train()
        self.average = copy.deepcopy(nets).requires_grad_(False).eval() if recipe.ema else None
        self.optimizers = {
            name: torch.optim.Adam(
                getattr(nets, name).parameters(), recipe.learning_rate, betas=(0.0, 0.99), fused=True
            )
            for name in NETWORKS
        }
        self.recipe = recipe
        self.world = world or World()
        self.step = 0

    @property
    def published(self) -> Manipulator:
        """Give the networks that are worth using: the average where there is one."""
        return self.nets if self.average is None else self.average

    def compile(self) -> None:
        """Compile the layers around the LSTMs, which torch leaves as they are."""
        # Modules share the limit of how often one piece of code is compiled: a few shapes of each, with and without
        # gradients.
        torch._dynamo.config.recompile_limit = max(COMPILATIONS, torch._dynamo.config.recompile_limit)
        for network in (self.nets.style_encoder, self.nets.generator, self.nets.discriminator):
            network.frame.compile()
            network.head.compile()
        self.nets.mapping.shared.compile()

    def arithmetic(self) -> AbstractContextManager[Any]:
        """Let the networks compute in the precision of the recipe; losses are always in full."""
        device = self.nets.coef_mean.device.type
        return torch.autocast(device, torch.bfloat16) if self.recipe.bf16 else nullcontext()

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of all optimisers; the mapping network gets its share."""
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rate * (self.recipe.mapping_rate if name == "mapping" else 1.0)

    def update(self, loss: Float[Tensor, ""], *names: str) -> None:
        """Take one step of the named networks down the loss."""
        for name in names:
            self.optimizers[name].zero_grad()
        loss.backward()
        self.world.sum_gradients(getattr(self.nets, name) for name in names)
        for name in names:
            self.optimizers[name].step()

    def state_dict(self) -> dict[str, Any]:
        """Give all that an exact resumption needs; batches and noise follow from the step."""
        return {
            "step": self.step,
            "nets": self.nets.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.nets.load_state_dict(state["nets"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = int(state["step"])


def train(learner: Learner, windows: Windows, steps: Iterable[int], watch: Watch) -> None:
    """Teach the networks to re-style windows: D and then G, each with a style from noise and one from a clip."""
    nets, recipe = learner.nets, learner.recipe
    d_weights, g_weights = recipe.discriminator_weights, recipe.generator_weights
    penalise = "r1" in d_weights
    part, share = learner.world.part(recipe.batch_size), learner.world.share(recipe.batch_size)

    for step in steps:
        batch = windows.batch(step, recipe.batch_size, part)
        latent = latent_sample_weights(recipe.weighting, batch.source_weight)
        reference = reference_sample_weights(recipe.weighting, batch.source_weight, batch.reference_weight)
        learner.set_rate(recipe.rate(step))
        terms: dict[str, Terms] = {}

        # The generator does not move in the first two updates, so the third one may use this window again.
        with learner.arithmetic():
            style = nets.mapping(batch.noise, batch.reference_emotion, batch.reference_level)
            fake = nets.generator(batch.source, style)
            terms["discriminator_latent"] = discriminator_terms(nets, batch, fake.detach(), penalise=penalise)
        learner.update(share * weighted_sum(terms["discriminator_latent"], d_weights, latent), "discriminator")

        with learner.arithmetic():
            with torch.no_grad():
                fake_like_reference = nets.generator(batch.source, nets.style_encoder(batch.reference))
            terms["discriminator_reference"] = discriminator_terms(nets, batch, fake_like_reference, penalise=penalise)
        learner.update(share * weighted_sum(terms["discriminator_reference"], d_weights, reference), "discriminator")

        with frozen(nets.discriminator):
            with learner.arithmetic():
                terms["generator_latent"] = generator_terms(nets, batch, fake, style, recipe.lips)
                if recipe.diversity:
                    terms["generator_latent"] |= diversity_term(nets, batch, fake)
            loss = weighted_sum(terms["generator_latent"], recipe.latent_weights(step), latent)
            learner.update(share * loss, "generator", "mapping", "style_encoder")

        with frozen(nets.discriminator, nets.style_encoder):
            with learner.arithmetic():
                # Nobody learns from these two codes here, so one call gives both.
                style, source_style = nets.style_encoder(torch.cat([batch.reference, batch.source])).chunk(2)
                fake = nets.generator(batch.source, style)
                terms["generator_reference"] = generator_terms(nets, batch, fake, style, recipe.lips, source_style)
            learner.update(share * weighted_sum(terms["generator_reference"], g_weights, reference), "generator")

        learner.step = step + 1
        follow(learner.average, learner.nets, learner.recipe.ema, learner.step)

        # ---- everything below only watches -----------------------------------------------------------------------
        if not watch(step, terms):
            break


def discriminator_terms(
    nets: Manipulator, batch: Batch, fake: Float[Tensor, "batch frame coef"], *, penalise: bool = False
) -> Terms:
    """Real windows should score 1 under their own label, generated ones 0 under the wanted label."""
    source = batch.source.clone().requires_grad_() if penalise else batch.source
    emotions = torch.cat([batch.source_emotion, batch.reference_emotion])
    levels = torch.cat([batch.source_level, batch.reference_level])
    with twice_differentiable(source.device) if penalise else nullcontext():
        logits = nets.discriminator.judge(torch.cat([source, fake.to(source)]), emotions, levels).float()
    real_logit, fake_logit = logits.chunk(2)
    terms = {"real": least_squares(real_logit, 1.0), "fake": least_squares(fake_logit, 0.0)}
    return terms | ({"r1": gradient_penalty(real_logit, source)} if penalise else {})


def generator_terms(
    nets: Manipulator,
    batch: Batch,
    fake: Float[Tensor, "batch frame coef"],
    style: Float[Tensor, "batch style"],
    lips: Sequence[int] = (),
    source_style: Float[Tensor, "batch style"] | None = None,
) -> Terms:
    """A generated window should look real, carry its style, lead back to the source and open the jaw as it does.

    The source's own style is read here, unless it is given.
    """
    # Losses are computed in full precision, whatever the networks use.
    fake, style = fake.float(), style.float()
    if source_style is None:
        fake_style, source_style = nets.style_encoder(torch.cat([fake, batch.source])).float().chunk(2)
    else:
        fake_style = nets.style_encoder(fake).float()
    cycled = nets.generator(fake, source_style.float()).float()
    verdict = nets.discriminator.judge(fake, batch.reference_emotion, batch.reference_level).float()
    terms = {
        "adversarial": least_squares(verdict, 1.0),
        "style": style_distance(fake_style, style),
        "cycle": cycle_distance(cycled, batch.source),
        "mouth": -jaw_correlation(batch.source, fake) - jaw_correlation(fake, cycled),
    }
    return terms | ({"lips": -lip_correlation(batch.source, fake, lips)} if lips else {})


def diversity_term(nets: Manipulator, batch: Batch, fake: Float[Tensor, "batch frame coef"]) -> Terms:
    """Another latent should make another window."""
    with torch.no_grad():
        style = nets.mapping(batch.other_noise, batch.reference_emotion, batch.reference_level)
        other = nets.generator(batch.source, style)
    return {"diversity": -style_diversity(fake.float(), other.float())}


@torch.no_grad()
def validate(nets: Manipulator, windows: Windows, batch_size: int, seen: Seen | None = None) -> dict[str, float]:
    """Give the mean of every term over all windows, styles from noise; never weighted by trust.

    `seen` is called with every batch and what was made of its sources.
    """
    totals: dict[str, float] = {}
    for batch in windows.all_batches(batch_size):
        style = nets.mapping(batch.noise, batch.reference_emotion, batch.reference_level)
        fake = nets.generator(batch.source, style)
        terms = discriminator_terms(nets, batch, fake) | generator_terms(nets, batch, fake, style)
        for name, term in terms.items():
            totals[name] = totals.get(name, 0.0) + float(term.double().sum())
        if seen is not None:
            seen(batch, fake)
    return {name: total / len(windows) for name, total in totals.items()}


@contextmanager
def twice_differentiable(device: torch.device) -> Iterator[None]:
    """Compute in a way that a gradient of a gradient can be taken of, which cuDNN's LSTM and bfloat16 cells lack."""
    with torch.backends.cudnn.flags(enabled=False), torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """Let gradients pass through modules without collecting any in their parameters."""
    for module in modules:
        module.requires_grad_(False)
    try:
        yield
    finally:
        for module in modules:
            module.requires_grad_(True)
