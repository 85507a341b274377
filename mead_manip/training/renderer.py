"""How a renderer learns: frames drawn one after another, then one step of the generator and one of its judges."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from mead_manip.models.face_discriminator import MultiScaleDiscriminator
from mead_manip.models.face_renderer import RGB, Architecture, FaceGenerator, FaceView, composited
from mead_manip.models.vgg_features import VggFeatures
from mead_manip.training.averaging import follow
from mead_manip.training.manipulator import frozen
from mead_manip.training.renderer_losses import (
    cropped,
    feature_distance,
    pixel_distance,
    pyramid_distance,
    verdict_distance,
    vgg_distance,
    weighted,
)
from mead_manip.training.renderer_recipe import MOUTH, RendererRecipe
from mead_manip.training.renderer_sequences import Piece, Sequences
from mead_manip.training.world import World

Terms = dict[str, Tensor]
# Called after every step with its number and its terms; False ends the training there.
Watch = Callable[[int, Terms], bool]


class Moment(NamedTuple):
    """One frame of every sequence of a step."""

    view: FaceView
    conditioning: Float[Tensor, "batch conditioning height width"]
    geometry: Float[Tensor, "batch geometry height width"]  # of this frame alone: what the judges see of it
    target: Float[Tensor, "batch 3 height width"]
    mouths: list[tuple[int, int]]  # upper left corners of the squares around the mouths, x and y


@runtime_checkable
class Footage(Protocol):
    """What gives frames to learn from."""

    def moment(self, pieces: Sequence[Piece], offset: int, device: torch.device) -> Moment:
        """Give the frame `offset` of every piece."""


class Learner:
    """A generator with its moving average, its judges, their optimisers, and the number of steps behind them."""

    def __init__(
        self, generator: FaceGenerator, recipe: RendererRecipe, vgg: VggFeatures | None = None,
        world: World | None = None,
    ) -> None:  # fmt: skip
        self.generator, self.recipe, self.vgg, self.world = generator.train(), recipe, vgg, world or World()
        self.architecture = generator.architecture
        self.average = copy.deepcopy(generator).requires_grad_(False).eval() if recipe.ema else None
        self.judges = nn.ModuleDict(judges_of(self.architecture, recipe))
        self.judges.to(next(generator.parameters()).device)
        self.optimizers = {
            "generator": torch.optim.Adam(generator.parameters(), recipe.learning_rate, betas=recipe.betas),
            "judges": torch.optim.Adam(self.judges.parameters(), recipe.learning_rate, betas=recipe.betas),
        }
        self.step = 0
        self.draw: Callable[[Tensor, Tensor], Tensor] = generator
        self.channels_last = False

    @property
    def device(self) -> torch.device:
        """Say where the networks are."""
        return next(self.generator.parameters()).device

    @property
    def published(self) -> FaceGenerator:
        """Give the generator that is worth using: the average where there is one."""
        return self.generator if self.average is None else self.average

    def compile(self) -> None:
        """Compile the networks; their parameters and names stay."""
        self.draw = torch.compile(self.generator)
        for judge in self.judges.values():
            judge.compile()

    def use_channels_last(self) -> None:
        """Lay pictures out with their channels together, which convolutions prefer."""
        for module in (self.generator, self.judges, *filter(None, (self.average, self.vgg))):
            module.to(memory_format=torch.channels_last)
        self.channels_last = True

    def arithmetic(self) -> AbstractContextManager[Any]:
        """Let the networks compute in the precision of the recipe; losses are always in full."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.recipe.bf16 else nullcontext()

    def update(self, loss: Float[Tensor, ""], name: str) -> None:
        """Take one step of the generator or of the judges down the loss."""
        self.optimizers[name].zero_grad()
        loss.backward()
        self.world.sum_gradients([self.generator if name == "generator" else self.judges])
        self.optimizers[name].step()

    def state_dict(self) -> dict[str, Any]:
        """Give all that an exact resumption needs where sequences begin; frames follow from the step."""
        return {
            "step": self.step,
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
            "judges": self.judges.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.generator.load_state_dict(state["generator"])
        self.judges.load_state_dict(state["judges"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = int(state["step"])


def judges_of(architecture: Architecture, recipe: RendererRecipe) -> dict[str, nn.Module]:
    """Make the discriminators: of the picture, of the mouth, and of a step's frames together."""
    n_in, width = architecture.geometry_channels + RGB, recipe.discriminator_width
    judges = {name: MultiScaleDiscriminator(n_in, width) for name in ("picture", "mouth")}
    if recipe.temporal:
        judges["sequence"] = MultiScaleDiscriminator(RGB * recipe.schedule.per_step, width)
    return dict(judges)


def train(learner: Learner, footage: Footage, sequences: Sequences, steps: Iterable[int], watch: Watch) -> None:
    """Teach a renderer: draw frames in their order, step the generator, step its judges."""
    recipe, world = learner.recipe, learner.world
    n_sequences = recipe.schedule.sequences
    part, share = world.part(n_sequences), world.share(n_sequences)
    previous: Tensor | None = None

    for step in steps:
        pieces = sequences.pieces(step)[part]
        moments, fakes, previous = drawn_in_order(learner, footage, pieces, None if pieces[0].fresh else previous)
        is_judged = step >= recipe.judged_from
        real_judged = judged(learner, moments, [moment.target for moment in moments]) if is_judged else {}
        with frozen(learner.judges):
            terms = closeness_terms(learner, moments, fakes)
            if is_judged:
                terms |= judgement_terms(judged(learner, moments, fakes), real_judged)
            learner.update(share * weighted(terms, recipe.weights_at(step)), "generator")

        verdicts: Terms = {}
        if is_judged:
            verdicts = judge_terms(real_judged, judged(learner, moments, [fake.detach() for fake in fakes]))
            learner.update(share * torch.stack(list(verdicts.values())).sum(), "judges")

        learner.step = step + 1
        follow(learner.average, learner.generator, learner.recipe.ema, learner.step)

        # ---- everything below only watches -----------------------------------------------------------------------
        if not watch(step, {**terms, **verdicts}):
            break


def drawn_in_order(
    learner: Learner, footage: Footage, pieces: Sequence[Piece], previous: Tensor | None
) -> tuple[list[Moment], list[Tensor], Tensor]:
    """Draw the frames of a step, each with those before it, through which no gradient flows."""
    architecture, moments, fakes = learner.architecture, [], []
    for offset in range(learner.recipe.schedule.per_step):
        moment = footage.moment(pieces, offset, learner.device)
        if previous is None:
            previous = nothing_drawn(architecture, moment)
        fake = drawn(learner, learner.draw, moment, previous)
        # As in use: what leaves the range of pictures would grow from frame to frame.
        previous = torch.cat([previous, fake.detach().clamp(-1, 1)], dim=1)[:, RGB:]
        moments.append(moment)
        fakes.append(fake)
    assert previous is not None
    return moments, fakes, previous


def nothing_drawn(architecture: Architecture, moment: Moment) -> Tensor:
    """Give what stands for previous frames where there are none: mid-grey."""
    batch, _, height, width = moment.target.shape
    return moment.target.new_zeros(batch, RGB * architecture.n_previous, height, width)


def drawn(learner: Learner, draw: Callable[[Tensor, Tensor], Tensor], moment: Moment, previous: Tensor) -> Tensor:
    """Draw one frame of every sequence."""
    inputs = moment.conditioning, previous
    if learner.channels_last:
        inputs = tuple(tensor.contiguous(memory_format=torch.channels_last) for tensor in inputs)  # type: ignore[assignment]
    with learner.arithmetic():
        picture = draw(*inputs)
    return composited(learner.architecture, picture.float(), moment.view)


Judgements = dict[str, list[list[Tensor]]]


def judged(learner: Learner, moments: Sequence[Moment], pictures: Sequence[Tensor]) -> Judgements:
    """Let every judge look at the pictures of a step."""
    side = mouth_side(learner.architecture)
    shown = torch.cat([torch.cat([m.geometry, picture], 1) for m, picture in zip(moments, pictures, strict=True)])
    mouths = cropped(shown, list(itertools.chain.from_iterable(m.mouths for m in moments)), side)
    layout = torch.channels_last if learner.channels_last else torch.contiguous_format
    with learner.arithmetic():
        found = {
            "picture": learner.judges["picture"](shown.contiguous(memory_format=layout)),
            "mouth": learner.judges["mouth"](mouths.contiguous(memory_format=layout)),
        }
        if "sequence" in learner.judges:
            together = rearrange(torch.stack(list(pictures)), "time batch rgb y x -> batch (time rgb) y x")
            found["sequence"] = learner.judges["sequence"](together.contiguous(memory_format=layout))
    return found


def judgement_terms(fake: Judgements, real: Judgements) -> Terms:
    """Drawn frames should pass for real ones, and be seen as the real ones are."""
    terms = {}
    for judge, prefix in (("picture", ""), ("mouth", "mouth_"), ("sequence", "temporal_")):
        if judge in fake:
            terms[f"{prefix}adversarial"] = verdict_distance(fake[judge], 1.0)
            terms[f"{prefix}matching"] = feature_distance(fake[judge], real[judge])
    return terms


def closeness_terms(learner: Learner, moments: Sequence[Moment], fakes: Sequence[Tensor]) -> Terms:
    """Drawn frames should be like the real ones, above all at the mouth."""
    fake, target = torch.cat(list(fakes)), torch.cat([moment.target for moment in moments])
    mask = torch.cat([(moment.view.mask > 0).float() for moment in moments])
    terms = {}
    if learner.vgg is None:
        terms["perceptual"] = pyramid_distance(fake, target, mask)
    else:
        with learner.arithmetic():
            terms["perceptual"] = vgg_distance(learner.vgg, fake, target)
    if "pixel" in learner.recipe.weights:
        terms["pixel"] = pixel_distance(fake, target, mask)
    if "mouth_pixel" in learner.recipe.weights:
        corners = list(itertools.chain.from_iterable(moment.mouths for moment in moments))
        mouths = [cropped(of, corners, mouth_side(learner.architecture)) for of in (fake, target, mask)]
        terms["mouth_pixel"] = pixel_distance(*mouths)
    return terms


def judge_terms(real: Judgements, fake: Judgements) -> Terms:
    """Real pictures should be judged 1, generated ones 0; half weight each."""
    return {
        f"judge_{judge}": 0.5 * (verdict_distance(real[judge], 1.0) + verdict_distance(fake[judge], 0.0))
        for judge in real
    }


def mouth_side(architecture: Architecture) -> int:
    """Give the side of the square around the mouth, pixels."""
    return round(MOUTH * architecture.size)
