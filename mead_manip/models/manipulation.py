"""A trained manipulator at work: a clip's coefficients in, the same speech in another emotion out.

All windows of a clip are one batch. They are merged by overlap-add with NED's Gaussian taps; unlike NED the weights are
normalised at the borders too, so that the first and last nine frames have no seam.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Float, Float32
from torch import Tensor

from mead_manip.errors import ClipTooShort, UsageError
from mead_manip.models.manipulator import LEVELS, NOISE, WINDOW, Manipulator
from mead_manip.models.threads import side_by_side

TAP_SIGMA = 1.85  # frames; NED's overlap-add of windows of 10, others in proportion
MEDIAN_EPSILON = 1e-5  # where Weiszfeld's iteration stops, in units of a style code
CHUNK = 128  # windows that go through a network at once: what they need stays in the cache, however long the clip


def coefs_of(
    jaw_pose: Float32[np.ndarray, "frame 3"], expression: Float32[np.ndarray, "frame expression"]
) -> Float32[np.ndarray, "frame coef"]:
    """Give the manipulator's frames: opening of the jaw (radians about x), then the expression."""
    return np.concatenate([jaw_pose[:, :1], expression], axis=1)


def with_coefs(
    jaw_pose: Float32[np.ndarray, "frame 3"], coefs: Float32[np.ndarray, "frame coef"]
) -> tuple[Float32[np.ndarray, "frame 3"], Float32[np.ndarray, "frame expression"]]:
    """Give jaw pose and expression with new coefficients; what the manipulator does not know stays the source's."""
    return np.concatenate([coefs[:, :1], jaw_pose[:, 1:]], axis=1), coefs[:, 1:].copy()


@torch.no_grad()
def manipulate(
    nets: Manipulator,
    coefs: Float32[np.ndarray, "frame coef"],
    *,
    emotion: str | None = None,
    reference: Sequence[Float32[np.ndarray, "_ coef"]] | None = None,
    intensity: float = 1.0,
    seed: int = 0,
    n_styles: int = 1,
) -> Float32[np.ndarray, "frame coef"]:
    """Re-style a clip as `emotion` (the mean of `n_styles` styles drawn with `seed`) or as the clips in `reference`.

    `intensity` 0 gives the source back, 1 what the generator says, more exaggerates it. No coefficient is pushed out
    of the range of the training set, unless the source itself is beyond it. Where the networks know levels, 1/3, 2/3
    and 1 are MEAD's levels 1, 2 and 3 (see `level_and_blend`).
    """
    if (emotion is None) == (reference is None):
        raise UsageError("a manipulation needs an emotion or a reference, and not both")
    if coefs.shape[1] != nets.architecture.n_coefs:
        found, expected = f"{coefs.shape[1]} coefficients per frame", f"{nets.architecture.n_coefs}, as in training"
        raise UsageError(found, expected=expected)
    if emotion is not None:
        level, intensity = level_and_blend(nets, emotion, intensity)
        style = style_of_emotion(nets, emotion, seed=seed, n_styles=n_styles, level=level)
    else:
        style = style_of_reference(nets, list(reference or []))
    source = torch.from_numpy(coefs).to(nets.coef_mean)
    styled = restyle(nets, source, style)
    blended = source + intensity * (styled - source)
    return bounded(nets, blended, source).cpu().numpy()


def bounded(
    nets: Manipulator,
    coefs: Float[Tensor, "frame coef"],
    source: Float[Tensor, "frame coef"],
    own: Float[Tensor, " coef"] | float = 0.0,
) -> Float[Tensor, "frame coef"]:
    """Keep coefficients within the range of the training set, or as far beyond it as the source is.

    The training set's people rest at 0: who rests at `own` may go as far above that.
    """
    return coefs.clamp(torch.minimum(nets.coef_low, source), torch.maximum(nets.coef_high + own, source))


@torch.no_grad()
def style_of_emotion(
    nets: Manipulator, emotion: str, *, seed: int = 0, n_styles: int = 1, level: float = LEVELS
) -> Float[Tensor, " style"]:
    """Draw the style of an emotion: mean of the codes of `n_styles` seeded noise vectors.

    `level` counts where the networks know levels; it may lie between two.
    """
    emotions = nets.architecture.emotions
    if emotion not in emotions:
        raise UsageError(f"this manipulator was not trained for {emotion!r}", expected="one of " + ", ".join(emotions))
    device = nets.coef_mean.device
    noise = torch.randn(n_styles, NOISE, generator=torch.Generator().manual_seed(seed)).to(device)
    index = torch.full((n_styles,), emotions.index(emotion), device=device)
    return nets.mapping(noise, index, torch.full((n_styles,), float(level), device=device)).mean(dim=0)


@torch.no_grad()
def style_of_reference(nets: Manipulator, clips: Sequence[Float32[np.ndarray, "_ coef"]]) -> Float[Tensor, " style"]:
    """Read a style off clips: geometric median of the codes of all their windows."""
    codes = []
    for clip in clips:
        _refuse_short(len(clip), nets.architecture.window)
        windows = _windows(nets.standardised(torch.from_numpy(clip).to(nets.coef_mean)), nets.architecture.window)
        codes += [nets.style_encoder(chunk) for chunk in windows.split(CHUNK)]
    if not codes:
        raise UsageError("no reference clip")
    return geometric_median(torch.cat(codes))


def restyle(
    nets: Manipulator, coefs: Float[Tensor, "frame coef"], style: Float[Tensor, "*frame style"]
) -> Float[Tensor, "frame coef"]:
    """Generate a whole clip in one style, or with a style per frame, without blending or bounds."""
    _refuse_short(len(coefs), nets.architecture.window)
    styles = style if style.dim() == 2 else repeat(style, "style -> frame style", frame=len(coefs))
    # Frames that windows share go through the generator's frame layers once.
    features = nets.generator.frame(torch.cat([nets.standardised(coefs), styles], dim=1))
    window = nets.architecture.window
    chunks = [features[first : last + window - 1] for first, last in _chunks(len(coefs) - window + 1)]
    in_turn = side_by_side if features.device.type == "cpu" else map
    windows = torch.cat(list(in_turn(nets.generator.over_windows(window), chunks)))
    return nets.restored(overlap_add(windows))


def overlap_add(windows: Float[Tensor, "window tap coef"]) -> Float[Tensor, "frame coef"]:
    """Merge windows that start at consecutive frames by a Gaussian-weighted mean over those that cover a frame."""
    n_windows, n_taps, n_coefs = windows.shape
    distance = (torch.arange(n_taps, dtype=torch.float64) - (n_taps - 1) / 2).abs()
    # As in NED, both middle taps of an even number stand at the peak.
    sigma = TAP_SIGMA * n_taps / WINDOW
    taps = torch.exp(-0.5 * (distance.where(distance > 0.5, 0.0) / sigma).square())
    # Double precision, so that windows cut from one sequence merge to exactly that sequence.
    total = torch.zeros(n_windows + n_taps - 1, n_coefs, dtype=torch.float64)
    weight = torch.zeros(n_windows + n_taps - 1, 1, dtype=torch.float64)
    exact = windows.cpu().double()
    for offset in range(n_taps):
        total[offset : offset + n_windows] += taps[offset] * exact[:, offset]
        weight[offset : offset + n_windows] += taps[offset]
    return (total / weight).to(windows)


def geometric_median(points: Float[Tensor, "point dim"], *, max_iterations: int = 200) -> Float[Tensor, " dim"]:
    """Find the point with the least sum of distances: Weiszfeld's iteration, corrected by Vardi and Zhang (2000)."""
    guess = points.mean(dim=0)
    for _ in range(max_iterations):
        distance = (points - guess).norm(dim=1)
        away = distance > MEDIAN_EPSILON
        if not away.any():
            return guess
        inverse = 1.0 / distance[away]
        target = (points[away] * inverse[:, None]).sum(dim=0) / inverse.sum()
        n_here = int((~away).sum())
        if n_here:
            # The guess sits on data points: they hold it back unless the pull of the others is stronger.
            pull = ((target - guess) * inverse.sum()).norm()
            hold = min(1.0, n_here / float(pull.clamp_min(MEDIAN_EPSILON)))
            target = (1.0 - hold) * target + hold * guess
        step = (target - guess).norm()
        guess = target
        if step <= MEDIAN_EPSILON:
            break
    return guess


def level_and_blend(nets: Manipulator, emotion: str, intensity: float) -> tuple[float, float]:
    """Give the level to ask for, and how far to go towards what it gives.

    Networks that know levels play intensity 1/3 to 1 as level 1 to 3. Below and above these it is a blend and an
    exaggeration, as it is over the whole range without levels, and for neutral, which has none.
    """
    if not nets.architecture.levels or emotion == "neutral":
        return LEVELS, intensity
    wanted = intensity * LEVELS
    level = min(max(wanted, 1.0), float(LEVELS))
    return level, wanted / level


def _chunks(n_windows: int) -> list[tuple[int, int]]:
    """Cut windows into runs of about one length, at most CHUNK: an even number of runs, which two threads share."""
    n_chunks = min(n_windows, 2 * math.ceil(n_windows / (2 * CHUNK)))
    return list(itertools.pairwise(n_windows * chunk // n_chunks for chunk in range(n_chunks + 1)))


def _windows(frames: Tensor, n_frames: int) -> Tensor:
    """View all runs of `n_frames` consecutive rows: (frame, x) -> (window, n_frames, x)."""
    return rearrange(frames.unfold(0, n_frames, 1), "window x frame -> window frame x")


def _refuse_short(n_frames: int, window: int) -> None:
    if n_frames < window:
        raise ClipTooShort(f"{n_frames} frames", expected=f"at least {window}, the manipulator's window")
