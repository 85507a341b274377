"""Speed of the manipulator against a plain re-statement of NED's order of work, in one run on this machine.

    python tests/bench/bench_manipulator.py [--size full|small] [--rounds 5]

Training: one iteration (four updates, batch 64, windows of 10, 51 numbers), every network called as often as NED calls
it, against our loop; both from the same weights, and their losses must agree. Inference: a clip of 3,000 frames one
window at a time (a sample of the windows, scaled up) against one call of `manipulate`. Data: a batch of windows against
the iteration that learns from it. Floor: the time of the matrix products of inference alone, at the machine's best.
"""

import argparse
import copy
import statistics
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.models.manipulation import manipulate, restyle, style_of_emotion
from mead_manip.models.manipulator import WINDOW, Architecture, Discriminator, Generator, Manipulator, SequenceNetwork
from mead_manip.training.manipulator import Learner, train
from mead_manip.training.objectives import cycle_distance, jaw_correlation, least_squares, style_distance
from mead_manip.training.recipe import Recipe
from mead_manip.training.windows import ClipSequence, Labels, Scale, Windows

COEFS, BATCH, FRAMES = 51, 64, 3000
ONES = dict.fromkeys(("adversarial", "style", "cycle", "mouth"), 1.0)
GOALS = {"training": 1.2, "inference": 10.0}
MOST_DATA_TIME = 0.05  # of an iteration
SAME_LOSS = 1e-4  # relative; updates of Adam with beta 0 enlarge what is rounded otherwise


def main() -> None:
    """Print a line per measure: ours, plain, ratio, goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["full", "small"], default="full")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{options.size} networks, {torch.get_num_threads()} threads, torch {torch.__version__}")
    iteration = training(options.size, options.rounds)
    iteration.report("training", "s/iteration")
    share = data_time() / iteration.best[0]
    print(f"{'data':10s} {share:.2%} of an iteration (goal at most {MOST_DATA_TIME:.0%})")
    clip = inference(options.size, options.rounds)
    clip.report("inference", "s/clip")
    work, rate = clip_products(networks(options.size).architecture) / 1e9, product_rate() / 1e9
    floor, (ours, plain) = work / rate, clip.best
    print(
        f"{'floor':10s} {work:.0f} GFLOP of matrix products, in which nothing is computed twice, take {floor:.2f} s at "
        f"the {rate:.0f} GFLOP/s of the best large product here: ours is {ours / floor:.2f} of it, a ratio of "
        f"{plain / floor:.2f} were there nothing else"
    )


@dataclass(frozen=True)
class Timings:
    """Seconds of ours and of the plain way, taken in turn, so that a busy machine slows down both."""

    rounds: list[tuple[float, float]]

    @property
    def best(self) -> tuple[float, float]:
        """Give the least that each has taken."""
        ours, plain = zip(*self.rounds, strict=True)
        return min(ours), min(plain)

    def report(self, name: str, unit: str) -> None:
        """Print one measure: the ratio of the best, and the middle of the ratios of all rounds."""
        ours, plain = self.best
        middle = statistics.median(plain / ours for ours, plain in self.rounds)
        ratios = f"ratio {plain / ours:.2f}, median {middle:.2f} of {len(self.rounds)} rounds (goal {GOALS[name]})"
        print(f"{name:10s} ours {ours:.3f} {unit}, plain {plain:.3f}, {ratios}")


def training(size: str, rounds: int) -> Timings:
    """Time our iteration and the plain one, alternately, each from the weights that ours has come to."""
    data = windows()
    learner, plain = (Learner(networks(size), recipe(rounds + 1)) for _ in range(2))
    found = []
    for step in range(rounds + 1):
        plain.load_state_dict(copy.deepcopy(learner.state_dict()))
        ours: dict[str, float] = {}

        def watch(_step, terms, ours=ours):
            ours |= {f"{p}.{n}": float(v.detach().mean()) for p, of in terms.items() for n, v in of.items()}
            return True

        start = time.perf_counter()
        train(learner, data, [step], watch)
        middle = time.perf_counter()
        theirs = plain_iteration(plain, data, step)
        found.append((middle - start, time.perf_counter() - middle))
        for name, value in theirs.items():
            assert abs(value - ours[name]) < SAME_LOSS * max(1.0, abs(value)), (step, name, value, ours[name])
    return Timings(found[1:])  # the first meets cold caches


def data_time(batches: int = 50) -> float:
    """Time a batch: the mean over an epoch's beginning, its shuffling included."""
    data = windows()
    data.scaled(Scale.of(data.frames, "spread"), torch.device("cpu"))
    start = time.perf_counter()
    for step in range(batches):
        data.batch(step, BATCH)
    return (time.perf_counter() - start) / batches


def plain_iteration(learner: Learner, data: Windows, step: int) -> dict[str, float]:
    """Take NED's four updates as they are written down, sharing nothing between them."""
    nets, batch = learner.nets, data.batch(step, BATCH)
    learner.set_rate(learner.recipe.rate(step))
    terms: dict[str, float] = {}

    def discriminate(name, style_of):
        with torch.no_grad():
            fake = generated(nets.generator, batch.source, style_of())
        real = least_squares(judged(nets.discriminator, batch.source, batch.source_emotion), 1.0).mean()
        wrong = least_squares(judged(nets.discriminator, fake, batch.reference_emotion), 0.0).mean()
        step_all(real + wrong, "discriminator")
        terms.update({f"discriminator_{name}.real": real.item(), f"discriminator_{name}.fake": wrong.item()})

    def generate(name, style_of, *stepped):
        style = style_of()
        fake = generated(nets.generator, batch.source, style)
        adversarial = least_squares(judged(nets.discriminator, fake, batch.reference_emotion), 1.0).mean()
        distance = style_distance(described(nets.style_encoder, fake), style).mean()
        cycled = generated(nets.generator, fake, described(nets.style_encoder, batch.source))
        cycle = cycle_distance(cycled, batch.source).mean()
        mouth = -jaw_correlation(batch.source, fake).mean() - jaw_correlation(fake, cycled).mean()
        step_all(adversarial + distance + cycle + mouth, *stepped)
        values = {"adversarial": adversarial, "style": distance, "cycle": cycle, "mouth": mouth}
        terms.update({f"generator_{name}.{term}": value.item() for term, value in values.items()})

    def step_all(loss, *names):
        for optimizer in learner.optimizers.values():
            optimizer.zero_grad()
        loss.backward()
        for name in names:
            learner.optimizers[name].step()

    def latent():
        return nets.mapping(batch.noise, batch.reference_emotion)

    def reference():
        return described(nets.style_encoder, batch.reference)

    discriminate("latent", latent)
    discriminate("reference", reference)
    generate("latent", latent, "generator", "mapping", "style_encoder")
    generate("reference", reference, "generator")
    return terms


def described(network: SequenceNetwork, coefs: Tensor) -> Tensor:
    """Run the style encoder or the discriminator as its layers are written down."""
    return network.head(network.lstm(network.frame(coefs))[0]).mean(dim=1)


def judged(discriminator: Discriminator, coefs: Tensor, emotion: Tensor) -> Tensor:
    """Give the verdict under an emotion."""
    return described(discriminator, coefs)[torch.arange(len(emotion)), emotion]


def generated(generator: Generator, coefs: Tensor, style: Tensor) -> Tensor:
    """Run the generator as its layers are written down."""
    style = style[:, None].expand(-1, coefs.shape[1], -1)
    return generator.head(generator.lstm(generator.frame(torch.cat([coefs, style], dim=2)))[0])


def inference(size: str, rounds: int, sample: int = 60) -> Timings:
    """Time a clip in one call, and a sample of its windows one by one, scaled up, alternately."""
    nets = networks(size).eval()
    clip = np.random.default_rng(0).normal(size=(FRAMES, COEFS)).astype(np.float32)
    frames, style = torch.from_numpy(clip), style_of_emotion(nets, "happy")
    found = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        manipulate(nets, clip, emotion="happy")
        middle = time.perf_counter()
        with torch.no_grad():
            singly = [generated(nets.generator, frames[None, i : i + WINDOW], style[None])[0] for i in range(sample)]
        found.append((middle - start, (time.perf_counter() - middle) * (FRAMES - WINDOW + 1) / sample))
    with torch.no_grad():
        merged = restyle(nets, frames[: sample + WINDOW - 1], style)
    # The first and last frame are covered by one window each.
    assert torch.allclose(merged[0], singly[0][0], atol=1e-4) and torch.allclose(merged[-1], singly[-1][-1], atol=1e-4)
    return Timings(found[1:])


def clip_products(architecture: Architecture) -> int:
    """Count the operations of the matrix products that a clip needs, those of the frame layers left out.

    Windows share what their first LSTM layer makes of a frame, and no state goes into the first step of a window.
    """
    width, head, n_layers = architecture.generator_lstm, architecture.generator_head, architecture.lstm_layers
    gates, windows_ = 4 * width, FRAMES - WINDOW + 1
    recurrent = n_layers * 2 * (WINDOW - 1) * width * gates
    between = (n_layers - 1) * 2 * WINDOW * (2 * width) * gates
    heads = WINDOW * (2 * width * head + head * head + head * architecture.n_coefs)
    return 2 * (windows_ * (recurrent + between + heads) + FRAMES * 2 * architecture.generator_frame * gates)


def product_rate(side: int = 2048, rounds: int = 20) -> float:
    """Give operations a second of the fastest of some large matrix products."""
    left, right = torch.randn(2, side, side)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds)


def networks(size: str) -> Manipulator:
    """Give networks that are the same at every call."""
    torch.manual_seed(0)
    return Manipulator(Architecture.of_size(size, COEFS))


def recipe(iterations: int) -> Recipe:
    """Give NED's setting."""
    return Recipe(iterations, BATCH, 1e-4, 1.0, 0.0, iterations, 1, "none", ONES)


def windows() -> Windows:
    """Give windows of noise, all emotions."""
    rng = np.random.default_rng(0)
    clips = [
        ClipSequence(
            Labels(emotion, "A", emotion, 3, "front"),
            rng.normal(size=(80, COEFS)).astype(np.float32),
            np.ones(80, bool),
        )
        for emotion in NED_EMOTIONS
    ]
    return Windows(clips, NED_EMOTIONS, torch.ones(len(clips)), seed=0)


if __name__ == "__main__":
    main()
