"""A manipulator at work: overlap-add, intensity, styles, and what is refused."""

import numpy as np
import pytest
import torch

from mead_manip.errors import ClipTooShort, UsageError
from mead_manip.models.manipulation import (
    CHUNK,
    bounded,
    coefs_of,
    geometric_median,
    manipulate,
    overlap_add,
    restyle,
    style_of_emotion,
    with_coefs,
)
from mead_manip.models.manipulator import WINDOW, Architecture, Manipulator
from mead_manip.models.threads import threads


@pytest.fixture
def nets() -> Manipulator:
    torch.manual_seed(0)
    nets = Manipulator(Architecture.of_size("small", n_coefs=6)).eval()
    nets.coef_low, nets.coef_high = torch.full((6,), -0.5), torch.full((6,), 1.5)
    return nets


def clip(n_frames: int = 25, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (n_frames, 6)).astype(np.float32)


@pytest.mark.parametrize("n_frames", [10, 11, 18, 19, 20, 57])
def test_windows_of_one_sequence_merge_to_exactly_that_sequence(n_frames):
    frames = torch.randn(n_frames, 4)
    windows = frames.unfold(0, WINDOW, 1).transpose(1, 2)
    assert torch.equal(overlap_add(windows), frames)


def test_the_taps_are_the_papers():
    # A single window of ones at offset 9 among zeros shows the weight of every tap inside the clip.
    windows = torch.zeros(19, WINDOW, 1)
    windows[9] = 1.0
    expected = [0.0111, 0.0357, 0.0857, 0.1538, 0.2137, 0.2137, 0.1538, 0.0857, 0.0357, 0.0111]
    assert overlap_add(windows)[9:19, 0].tolist() == pytest.approx(expected, abs=6e-5)


def test_one_batch_equals_one_window_at_a_time(nets):
    coefs, style = torch.from_numpy(clip()), style_of_emotion(nets, "happy")
    with torch.no_grad():
        singly = [nets.generator(coefs[None, i : i + WINDOW], style[None])[0] for i in range(len(coefs) - WINDOW + 1)]
        assert torch.allclose(restyle(nets, coefs, style), overlap_add(torch.stack(singly)), atol=1e-6)


def test_a_long_clip_is_the_same_on_any_number_of_threads(nets):
    source = clip(CHUNK * 3)
    with threads(1):
        alone = manipulate(nets, source, emotion="happy")
    with threads(3):
        assert np.array_equal(manipulate(nets, source, emotion="happy"), alone)
    coefs, style = torch.from_numpy(source), style_of_emotion(nets, "happy")
    with torch.no_grad():
        windows = coefs.unfold(0, WINDOW, 1).transpose(1, 2)
        whole = overlap_add(nets.generator(windows, style.expand(len(windows), -1)))
        assert torch.allclose(restyle(nets, coefs, style), whole, atol=1e-6)


def test_intensity_goes_from_the_source_outwards_within_the_training_range(nets):
    source = clip()
    assert np.array_equal(manipulate(nets, source, emotion="sad", intensity=0.0), source)
    whole = manipulate(nets, source, emotion="sad")
    half = manipulate(nets, source, emotion="sad", intensity=0.5)
    free = (whole > -0.5) & (whole < 1.5)
    assert np.allclose(half[free], ((source + whole) / 2)[free], atol=1e-6)
    far = manipulate(nets, source, emotion="sad", intensity=50.0)
    assert far.min() >= -0.5 and far.max() <= 1.5


def test_a_source_beyond_the_training_range_is_not_pulled_in(nets):
    source = clip() + 10
    assert np.array_equal(manipulate(nets, source, emotion="sad", intensity=0.0), source)


def test_who_rests_above_zero_may_go_as_far_above_that(nets):
    source, own = torch.from_numpy(clip()), torch.zeros(nets.architecture.n_coefs)
    own[0] = 0.7
    far = bounded(nets, source + 50.0, source, own)
    assert torch.equal(far, (nets.coef_high + own).expand_as(far))
    assert torch.equal(bounded(nets, source - 50.0, source, own), bounded(nets, source - 50.0, source))


def test_styles_are_seeded(nets):
    source = clip()
    first = manipulate(nets, source, emotion="fear", seed=3)
    assert np.array_equal(first, manipulate(nets, source, emotion="fear", seed=3))
    assert not np.allclose(first, manipulate(nets, source, emotion="fear", seed=4))
    several = manipulate(nets, source, emotion="fear", seed=3, n_styles=8)
    assert several.shape == source.shape and not np.allclose(first, several)


def test_a_reference_gives_the_style(nets):
    source = clip()
    alike = manipulate(nets, source, reference=[clip(30, seed=1), clip(12, seed=2)])
    assert alike.shape == source.shape and np.isfinite(alike).all()
    with pytest.raises(ClipTooShort, match="9 frames"):
        manipulate(nets, source, reference=[clip(9)])


def test_what_cannot_be_manipulated_is_refused(nets):
    with pytest.raises(ClipTooShort, match="9 frames; expected at least 10"):
        manipulate(nets, clip(9), emotion="angry")
    with pytest.raises(UsageError, match="not trained for 'contempt'"):
        manipulate(nets, clip(), emotion="contempt")
    with pytest.raises(UsageError, match="5 coefficients"):
        manipulate(nets, clip()[:, :5].copy(), emotion="angry")
    with pytest.raises(UsageError, match="emotion or a reference"):
        manipulate(nets, clip())


def test_the_geometric_median_ignores_a_third_of_outliers():
    torch.manual_seed(1)
    good = torch.randn(40, 16) * 0.1 + 1.0
    median = geometric_median(torch.cat([good, torch.full((20, 16), 1e3)]))
    assert (median - 1.0).abs().max() < 0.2


def test_the_geometric_median_is_the_middle_point_of_three_on_a_line():
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [7.0, 0.0]])
    assert torch.allclose(geometric_median(points), points[1], atol=1e-3)


def test_the_geometric_median_of_equal_points_is_that_point():
    assert torch.equal(geometric_median(torch.ones(5, 3)), torch.ones(3))


def test_coefficients_start_with_the_jaw_and_leave_its_other_axes():
    jaw, expression = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((2, 4), np.float32)
    coefs = coefs_of(jaw, expression)
    assert coefs[:, 0].tolist() == [0.0, 3.0]
    new_jaw, new_expression = with_coefs(jaw, coefs + 1)
    assert new_jaw.tolist() == [[1.0, 1.0, 2.0], [4.0, 4.0, 5.0]] and (new_expression == 2).all()


@pytest.mark.parametrize("window", [4, 25])
def test_windows_of_any_length_merge_to_their_sequence_and_are_the_shortest_clip(window):
    torch.manual_seed(0)
    nets = Manipulator(Architecture.of_size("small", n_coefs=6, window=window)).eval()
    frames = torch.randn(60, 4)
    assert torch.equal(overlap_add(frames.unfold(0, window, 1).transpose(1, 2)), frames)
    assert manipulate(nets, clip(window), emotion="happy").shape == (window, 6)
    with pytest.raises(ClipTooShort, match=f"at least {window}"):
        manipulate(nets, clip(window - 1), emotion="happy")


def test_intensity_is_a_level_where_the_networks_know_levels():
    torch.manual_seed(0)
    nets = Manipulator(Architecture.of_size("small", n_coefs=6, levels=3)).eval()
    source = torch.from_numpy(clip())

    def played(level: float) -> np.ndarray:
        return restyle(nets, source, style_of_emotion(nets, "happy", level=level)).detach().numpy()

    for intensity, level in ((1 / 3, 1.0), (0.5, 1.5), (2 / 3, 2.0), (1.0, 3.0)):
        assert np.allclose(manipulate(nets, clip(), emotion="happy", intensity=intensity), played(level), atol=1e-5)
    weak = manipulate(nets, clip(), emotion="happy", intensity=1 / 6)
    assert np.allclose(weak, (clip() + played(1.0)) / 2, atol=1e-5)
    assert not np.allclose(played(1.0), played(3.0), atol=1e-3)
    whole, half = (manipulate(nets, clip(), emotion="neutral", intensity=share) for share in (1.0, 0.5))
    assert np.allclose(half, (clip() + whole) / 2, atol=1e-5)
