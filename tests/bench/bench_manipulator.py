"""Speed of the manipulator against a plain re-statement of NED's order of work, in one run on this machine.

    python tests/bench/bench_manipulator.py [--size full|small] [--rounds 3]

Training: one iteration (four updates, batch 64, windows of 10, 51 numbers), every network called as often as NED calls
it, against our loop; both from the same weights, and their losses must agree. Inference: a clip of 3,000 frames one
window at a time (a sample of the windows, scaled up) against one call of `manipulate`. Data: a batch of windows against
the iteration that learns from it.
"""

import argparse
import time

import numpy as np
import torch

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.models.manipulation import manipulate, restyle, style_of_emotion
from mead_manip.models.manipulator import WINDOW, Architecture, Manipulator
from mead_manip.training.manipulator import Learner, train
from mead_manip.training.objectives import cycle_distance, jaw_correlation, least_squares, style_distance
from mead_manip.training.recipe import Recipe
from mead_manip.training.windows import ClipSequence, Labels, Scale, Windows

COEFS, BATCH, FRAMES = 51, 64, 3000
ONES = dict.fromkeys(("adversarial", "style", "cycle", "mouth"), 1.0)
GOALS = {"training": 1.2, "inference": 10.0}
MOST_DATA_TIME = 0.05  # of an iteration


def main() -> None:
    """Print a line per measure: ours, plain, ratio, goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["full", "small"], default="full")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{options.size} networks, {torch.get_num_threads()} threads, torch {torch.__version__}")
    ours, plain = training(options.size, options.rounds)
    report("training", "s/iteration", ours, plain)
    share = data_time() / ours
    print(f"{'data':10s} {share:.2%} of an iteration (goal at most {MOST_DATA_TIME:.0%})")
    report("inference", "s/clip", *inference(options.size))


def report(name: str, unit: str, ours: float, plain: float) -> None:
    """Print one measure."""
    print(f"{name:10s} ours {ours:.3f} {unit}, plain {plain:.3f}, ratio {plain / ours:.2f} (goal {GOALS[name]})")


def training(size: str, rounds: int) -> tuple[float, float]:
    """Time our iteration and the plain one, alternately; best of the rounds each."""
    data = windows()
    learner, plain = (Learner(networks(size), recipe(rounds + 1)) for _ in range(2))
    ours_s, plain_s = [], []
    for step in range(rounds + 1):
        ours: dict[str, float] = {}

        def watch(_step, terms, ours=ours):
            ours |= {f"{p}.{n}": float(v.detach().mean()) for p, of in terms.items() for n, v in of.items()}
            return True

        start = time.perf_counter()
        train(learner, data, [step], watch)
        middle = time.perf_counter()
        theirs = plain_iteration(plain, data, step)
        ours_s.append(middle - start)
        plain_s.append(time.perf_counter() - middle)
        for name, value in theirs.items():
            assert abs(value - ours[name]) < 1e-3 * max(1.0, abs(value)), (step, name, value, ours[name])
    return min(ours_s[1:]), min(plain_s[1:])


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
            fake = nets.generator(batch.source, style_of())
        real = least_squares(nets.discriminator.judge(batch.source, batch.source_emotion), 1.0).mean()
        wrong = least_squares(nets.discriminator.judge(fake, batch.reference_emotion), 0.0).mean()
        step_all(real + wrong, "discriminator")
        terms.update({f"discriminator_{name}.real": real.item(), f"discriminator_{name}.fake": wrong.item()})

    def generate(name, style_of, *stepped):
        style = style_of()
        fake = nets.generator(batch.source, style)
        adversarial = least_squares(nets.discriminator.judge(fake, batch.reference_emotion), 1.0).mean()
        distance = style_distance(nets.style_encoder(fake), style).mean()
        cycled = nets.generator(fake, nets.style_encoder(batch.source))
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
        return nets.style_encoder(batch.reference)

    discriminate("latent", latent)
    discriminate("reference", reference)
    generate("latent", latent, "generator", "mapping", "style_encoder")
    generate("reference", reference, "generator")
    return terms


def inference(size: str) -> tuple[float, float]:
    """Time a clip in one call, and window by window."""
    nets = networks(size).eval()
    clip = np.random.default_rng(0).normal(size=(FRAMES, COEFS)).astype(np.float32)
    manipulate(nets, clip[:50], emotion="happy")
    start = time.perf_counter()
    manipulate(nets, clip, emotion="happy")
    ours = time.perf_counter() - start

    sample = 60
    with torch.no_grad():
        frames, style = torch.from_numpy(clip), style_of_emotion(nets, "happy")
        start = time.perf_counter()
        singly = [nets.generator(frames[None, i : i + WINDOW], style[None])[0] for i in range(sample)]
        plain = (time.perf_counter() - start) * (FRAMES - WINDOW + 1) / sample
        merged = restyle(nets, frames[: sample + WINDOW - 1], style)
    # The first and last frame are covered by one window each.
    assert torch.allclose(merged[0], singly[0][0], atol=1e-4) and torch.allclose(merged[-1], singly[-1][-1], atol=1e-4)
    return ours, plain


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
