"""The loop: every update lowers its own loss and moves its own networks; a resumed run is the uninterrupted one."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from mead_manip.models.manipulator import Architecture, Manipulator
from mead_manip.training.manipulator import Learner, discriminator_terms, frozen, generator_terms, train, validate
from mead_manip.training.objectives import latent_sample_weights, reference_sample_weights, weighted_sum
from mead_manip.training.recipe import Recipe
from mead_manip.training.windows import ClipSequence, Labels, Windows
from mead_manip.training.world import World

EMOTIONS = ("neutral", "angry", "happy")
ONES = dict.fromkeys(("adversarial", "style", "cycle", "mouth"), 1.0)


def recipe(**changes) -> Recipe:
    settings = {
        "iterations": 6,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "mapping_rate": 1.0,
        "ema": 0.9,
        "decay_from": 4,
        "decay_every": 1,
        "weighting": "literal",
        "generator_weights": ONES,
    }
    return Recipe(**{**settings, **changes})


def windows(trust: tuple[float, ...] = (1.0, 0.4, 0.7), **options) -> Windows:
    rng = np.random.default_rng(0)
    clips = []
    for index, emotion in enumerate(EMOTIONS):
        coefs = rng.normal(index, 1, (24, 5)).astype(np.float32)
        clips.append(ClipSequence(Labels(emotion, "A", emotion, index + 1, "front"), coefs, np.ones(24, bool)))
    return Windows(clips, EMOTIONS, torch.tensor(trust), seed=0, **options)


def networks(levels: int = 0) -> Manipulator:
    torch.manual_seed(0)
    return Manipulator(Architecture.of_size("small", 5, EMOTIONS, levels=levels))


def run(learner: Learner, data: Windows, until: int) -> list[dict]:
    seen = []

    def watch(step, terms):
        means = {f"{phase}.{name}": float(v.detach().mean()) for phase, of in terms.items() for name, v in of.items()}
        seen.append(means)
        return step + 1 < until

    train(learner, data, range(learner.step, learner.recipe.iterations), watch)
    return seen


def test_an_iteration_reports_all_terms_of_four_updates():
    (terms,) = run(Learner(networks(), recipe(iterations=1)), windows(), 1)
    assert sorted({name.split(".")[0] for name in terms}) == [
        "discriminator_latent",
        "discriminator_reference",
        "generator_latent",
        "generator_reference",
    ]
    assert len(terms) == 2 * 2 + 2 * 4 and all(np.isfinite(list(terms.values())))


def test_a_discriminator_update_lowers_its_loss_and_moves_nothing_else():
    learner, batch = Learner(networks(), recipe()), windows().batch(0, 8)
    before = copy.deepcopy(learner.nets.state_dict())
    fake = learner.nets.generator(batch.source, learner.nets.style_encoder(batch.reference)).detach()
    trust = reference_sample_weights("literal", batch.source_weight, batch.reference_weight)

    def loss():
        return weighted_sum(discriminator_terms(learner.nets, batch, fake), {"real": 1.0, "fake": 1.0}, trust)

    first = loss()
    learner.update(first, "discriminator")
    assert loss() < first
    moved = {
        name.split(".")[0] for name, value in learner.nets.state_dict().items() if not torch.equal(value, before[name])
    }
    assert moved == {"discriminator"}


def test_a_generator_update_lowers_its_loss():
    learner, batch = Learner(networks(), recipe()), windows().batch(0, 8)
    nets, trust = learner.nets, latent_sample_weights("literal", batch.source_weight)

    def loss():
        style = nets.mapping(batch.noise, batch.reference_emotion)
        fake = nets.generator(batch.source, style)
        return weighted_sum(generator_terms(nets, batch, fake, style), ONES, trust)

    first = loss()
    with frozen(nets.discriminator):
        learner.update(loss(), "generator", "mapping", "style_encoder")
    assert loss() < first


def test_the_reference_pass_leaves_encoder_and_discriminator_without_gradient():
    learner, batch = Learner(networks(), recipe()), windows().batch(0, 8)
    nets = learner.nets
    with frozen(nets.discriminator, nets.style_encoder):
        style = nets.style_encoder(batch.reference)
        terms = generator_terms(nets, batch, nets.generator(batch.source, style), style)
        sum(term.mean() for term in terms.values()).backward()
    assert all(p.grad is None for net in (nets.discriminator, nets.style_encoder) for p in net.parameters())
    assert all(p.grad is not None for p in nets.generator.parameters())
    assert all(p.requires_grad for p in nets.parameters())


def gradients(weighting: str, trust: tuple[float, ...], term: str) -> list[torch.Tensor]:
    nets, batch = networks(), windows(trust).batch(0, 8)
    sample_weights = reference_sample_weights(weighting, batch.source_weight, batch.reference_weight)
    terms = generator_terms(nets, batch, nets.generator(batch.source, nets.style_encoder(batch.reference)),
                            nets.style_encoder(batch.reference))  # fmt: skip
    weighted_sum({term: terms[term]}, {term: 1.0}, sample_weights).backward()
    return [p.grad for p in nets.generator.parameters() if p.grad is not None]


@pytest.mark.parametrize("term", ["cycle", "mouth"])
@pytest.mark.parametrize(("weighting", "same"), [("provenance", True), ("literal", False)])
def test_under_provenance_speech_and_cycle_do_not_depend_on_trust(term, weighting, same):
    one, other = gradients(weighting, (1.0, 0.4, 0.7), term), gradients(weighting, (0.1, 1.0, 0.2), term)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True)) is same


def test_without_weighting_the_clips_lambda_changes_nothing():
    learners = [Learner(networks(), recipe(weighting="none")) for _ in range(2)]
    for learner in learners:
        run(learner, windows((1.0, 1.0, 1.0)), 3)
    literal = Learner(networks(), recipe(weighting="literal"))
    run(literal, windows((1.0, 1.0, 1.0)), 3)
    for one, other, third in zip(*(learner.nets.parameters() for learner in (*learners, literal)), strict=True):
        assert torch.equal(one, other) and torch.equal(one, third)


ALL_ON = {
    "generator_weights": ONES | {"lips": 0.5},
    "lips": (2, 3),
    "discriminator_weights": {"real": 1.0, "fake": 1.0, "r1": 0.5},
    "diversity": 1.0,
}


@pytest.mark.parametrize(("changes", "levels"), [({}, 0), (ALL_ON, 3)], ids=["plain", "all options"])
def test_an_interrupted_and_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, changes, levels):
    def data() -> Windows:
        return windows(balanced=bool(changes))

    whole = Learner(networks(levels), recipe(**changes))
    expected = run(whole, data(), 6)

    first = Learner(networks(levels), recipe(**changes))
    run(first, data(), 3)
    assert first.step == 3
    torch.save(first.state_dict(), tmp_path / "resume.pt")
    second = Learner(networks(levels), recipe(**changes))
    second.load_state_dict(torch.load(tmp_path / "resume.pt", weights_only=True))
    rest = run(second, data(), 6)

    assert rest == expected[3:]
    for one, other in ((whole.nets, second.nets), (whole.published, second.published)):
        assert all(
            torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        )


def test_the_average_follows_the_networks_and_is_what_is_published():
    learner = Learner(networks(), recipe(ema=0.9))
    run(learner, windows(), 6)
    name = "generator.head.1.weight"
    start, now, average = (
        networks().state_dict()[name],
        learner.nets.state_dict()[name],
        learner.published.state_dict()[name],
    )
    assert (average - start).norm() < (now - start).norm() and not torch.equal(average, start)
    plain = Learner(networks(), recipe(ema=0.0))
    assert plain.published is plain.nets


def test_the_mapping_network_gets_its_share_of_the_rate():
    learner = Learner(networks(), recipe(mapping_rate=0.01))
    learner.set_rate(0.5)
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in learner.optimizers.items()}
    assert rates == {"mapping": 0.005, "style_encoder": 0.5, "generator": 0.5, "discriminator": 0.5}


def test_validation_averages_over_every_window_whatever_the_batch():
    nets, data = networks(), windows()
    one, other = validate(nets, data, 45), validate(nets, data, 45)
    assert one == other and set(one) == {"real", "fake", "adversarial", "style", "cycle", "mouth"}
    real = {size: validate(nets, data, size)["real"] for size in (7, 45)}
    assert real[7] == pytest.approx(real[45], rel=1e-5)


class Recording(Learner):
    """A learner that notes which networks each update stepped, and which moved."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.updates = []

    def update(self, loss, *names):
        before = copy.deepcopy(self.nets.state_dict())
        super().update(loss, *names)
        after = self.nets.state_dict().items()
        moved = {name.split(".")[0] for name, value in after if not torch.equal(value, before[name])}
        self.updates.append((names, moved))


@pytest.mark.parametrize("changes", [{}, ALL_ON], ids=["plain", "all options"])
def test_an_iteration_is_four_updates_of_the_papers_networks(changes):
    learner = Recording(networks(), recipe(**changes))
    run(learner, windows(), 1)
    expected = [("discriminator",), ("discriminator",), ("generator", "mapping", "style_encoder"), ("generator",)]
    assert [names for names, _ in learner.updates] == expected
    assert [moved for _, moved in learner.updates] == [set(names) for names in expected]


def test_options_are_terms_of_their_own_where_they_belong():
    (terms,) = run(Learner(networks(), recipe(**ALL_ON)), windows(), 1)
    of_phase = {}
    for name in terms:
        of_phase.setdefault(name.split(".")[0], set()).add(name.split(".")[1])
    assert of_phase["discriminator_latent"] == of_phase["discriminator_reference"] == {"real", "fake", "r1"}
    assert of_phase["generator_latent"] - of_phase["generator_reference"] == {"diversity"}
    assert terms["discriminator_latent.r1"] > 0 > terms["generator_latent.diversity"]


def test_the_slope_penalty_flattens_the_discriminator():
    slopes = {}
    for weight in (0.0, 10.0):
        weights = {"real": 1.0, "fake": 1.0, **({"r1": weight} if weight else {})}
        learner = Learner(networks(), recipe(discriminator_weights=weights, iterations=20, decay_from=20))
        run(learner, windows(), 20)
        batch = windows().batch(0, 8)
        fake = torch.zeros_like(batch.source)
        slopes[weight] = float(discriminator_terms(learner.nets, batch, fake, penalise=True)["r1"].mean().detach())
    assert slopes[10.0] < 0.5 * slopes[0.0]


def test_diversity_falls_to_nothing_over_the_run():
    falling = recipe(diversity=2.0, iterations=4)
    assert [falling.latent_weights(step)["diversity"] for step in range(5)] == [2.0, 1.5, 1.0, 0.5, 0.0]
    assert falling.generator_weights == ONES == recipe().latent_weights(0)


def test_styles_are_asked_for_and_judged_by_level():
    nets, batch = networks(levels=3), windows().batch(0, 8)
    assert nets.discriminator(batch.source).shape == (8, 9)
    assert set(batch.source_level.tolist()) <= {2.0, 3.0}  # neutral counts as 3, angry is 2 and happy 3 here
    logits = nets.discriminator(batch.source)
    place = batch.source_emotion * 3 + batch.source_level.long() - 1
    judged = nets.discriminator.judge(batch.source, batch.source_emotion, batch.source_level)
    assert torch.equal(judged, logits[torch.arange(8), place])
    with pytest.raises(ValueError, match="no level"):
        nets.mapping(batch.noise, batch.source_emotion)


def test_parts_of_a_batch_add_up_to_its_gradient():
    def gradient(world: World) -> torch.Tensor:
        nets = networks()
        batch = windows().batch(1, 7, world.part(7))
        style = nets.style_encoder(batch.reference)
        terms = generator_terms(nets, batch, nets.generator(batch.source, style), style)
        trust = reference_sample_weights("literal", batch.source_weight, batch.reference_weight)
        (world.share(7) * weighted_sum(terms, ONES, trust)).backward()
        return torch.cat([p.grad.flatten() for p in nets.generator.parameters()])

    whole = gradient(World())
    assert torch.allclose(sum(gradient(World(rank, 3)) for rank in range(3)), whole, atol=1e-6)


def test_the_parts_of_a_batch_are_disjoint_and_cover_it():
    data = windows()
    whole = data.batch(2, 8)
    parts = [data.batch(2, 8, World(rank, 3).part(8)) for rank in range(3)]
    for field in dataclasses.fields(whole):
        joined = torch.cat([getattr(part, field.name) for part in parts])
        assert torch.equal(joined, getattr(whole, field.name)), field.name
