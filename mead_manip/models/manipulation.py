"""A trained manipulator at work: a clip's coefficients in, the same speech in another emotion out.

All windows of a clip are one batch. They are merged by overlap-add with NED's Gaussian taps; unlike NED the weights are
normalised at the borders too, so that the first and last nine frames have no seam.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Float, Float32
from torch import Tensor

from mead_manip.errors import ClipTooShort, UsageError
from mead_manip.models.manipulator import NOISE, WINDOW, Manipulator

TAP_SIGMA = 1.85  # frames; NED's overlap-add
MEDIAN_EPSILON = 1e-5  # where Weiszfeld's iteration stops, in units of a style code
CHUNK = 1024  # windows that go through the generator at once: bounds the memory of a long clip


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
    of the range of the training set, unless the source itself is beyond it.
    """
    if (emotion is None) == (reference is None):
        raise UsageError("a manipulation needs an emotion or a reference, and not both")
    if coefs.shape[1] != nets.architecture.n_coefs:
        found, expected = f"{coefs.shape[1]} coefficients per frame", f"{nets.architecture.n_coefs}, as in training"
        raise UsageError(found, expected=expected)
    if emotion is not None:
        style = style_of_emotion(nets, emotion, seed=seed, n_styles=n_styles)
    else:
        style = style_of_reference(nets, list(reference or []))
    source = torch.from_numpy(coefs).to(nets.coef_mean)
    styled = restyle(nets, source, style)
    blended = source + intensity * (styled - source)
    bounded = blended.clamp(torch.minimum(nets.coef_low, source), torch.maximum(nets.coef_high, source))
    return bounded.cpu().numpy()


@torch.no_grad()
def style_of_emotion(nets: Manipulator, emotion: str, *, seed: int = 0, n_styles: int = 1) -> Float[Tensor, " style"]:
    """Draw the style of an emotion: mean of the codes of `n_styles` seeded noise vectors."""
    emotions = nets.architecture.emotions
    if emotion not in emotions:
        raise UsageError(f"this manipulator was not trained for {emotion!r}", expected="one of " + ", ".join(emotions))
    device = nets.coef_mean.device
    noise = torch.randn(n_styles, NOISE, generator=torch.Generator().manual_seed(seed)).to(device)
    index = torch.full((n_styles,), emotions.index(emotion), device=device)
    return nets.mapping(noise, index).mean(dim=0)


@torch.no_grad()
def style_of_reference(nets: Manipulator, clips: Sequence[Float32[np.ndarray, "_ coef"]]) -> Float[Tensor, " style"]:
    """Read a style off clips: geometric median of the codes of all their windows."""
    codes = []
    for clip in clips:
        _refuse_short(len(clip))
        windows = _windows(nets.standardised(torch.from_numpy(clip).to(nets.coef_mean)))
        codes += [nets.style_encoder(chunk) for chunk in windows.split(CHUNK)]
    if not codes:
        raise UsageError("no reference clip")
    return geometric_median(torch.cat(codes))


def restyle(
    nets: Manipulator, coefs: Float[Tensor, "frame coef"], style: Float[Tensor, " style"]
) -> Float[Tensor, "frame coef"]:
    """Generate a whole clip in one style, without blending or bounds."""
    _refuse_short(len(coefs))
    styles = repeat(style, "style -> frame style", frame=len(coefs))
    # Frames that windows share go through the generator's frame layers once.
    features = _windows(nets.generator.frame(torch.cat([nets.standardised(coefs), styles], dim=1)))
    windows = torch.cat([nets.generator.sequence(chunk) for chunk in features.split(CHUNK)])
    return nets.restored(overlap_add(windows))


def overlap_add(windows: Float[Tensor, "window tap coef"]) -> Float[Tensor, "frame coef"]:
    """Merge windows that start at consecutive frames by a Gaussian-weighted mean over those that cover a frame."""
    n_windows, n_taps, n_coefs = windows.shape
    distance = (torch.arange(n_taps, dtype=torch.float64) - (n_taps - 1) / 2).abs()
    # As in NED, both middle taps of an even number stand at the peak.
    taps = torch.exp(-0.5 * (distance.where(distance > 0.5, 0.0) / TAP_SIGMA).square())
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


def _windows(frames: Tensor) -> Tensor:
    """View all runs of WINDOW consecutive rows: (frame, x) -> (window, WINDOW, x)."""
    return rearrange(frames.unfold(0, WINDOW, 1), "window x frame -> window frame x")


def _refuse_short(n_frames: int) -> None:
    if n_frames < WINDOW:
        raise ClipTooShort(f"{n_frames} frames", expected=f"at least {WINDOW}, the manipulator's window")
