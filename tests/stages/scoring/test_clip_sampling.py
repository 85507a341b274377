"""Which frames of a clip are looked at."""

import numpy as np


def test_frames_come_from_the_middle_of_what_is_visible():
    from mead_manip.stages.scoring.clip_sampling import sample_frames

    everything = np.ones(101, bool)
    np.testing.assert_array_equal(sample_frames(everything, 3), [10, 50, 90])
    assert len(sample_frames(everything, 8)) == 8
    only_first = np.arange(101) < 3
    np.testing.assert_array_equal(sample_frames(only_first, 8), [0, 1, 2])
    assert len(sample_frames(np.zeros(10, bool), 8)) == 0
