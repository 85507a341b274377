"""Random acts: within what faces do, and strong."""

import numpy as np


def test_acts_vary_within_what_faces_do():
    from mead_manip.models.acting import JAW_OPEN, random_acts
    from mead_manip.models.face_model import load_head

    names = load_head().coef_names
    acts = random_acts(np.random.default_rng(0), names, 300)
    assert acts.expression.min() == 0 and 1 < acts.expression.max() < 1.2
    assert acts.jaw_pose[:, 0].min() == 0 and 0.9 * JAW_OPEN < acts.jaw_pose[:, 0].max() <= JAW_OPEN
    assert ((acts.eyelids >= 0) & (acts.eyelids <= 1)).all()
    assert (acts.eyelids == 1).all(1).mean() > 0.05  # shut eyes are common enough to be learned
    assert np.linalg.norm(acts.head_pose, axis=1).max() > 0.8
    smile = acts.expression[:, names.index("AU12_L")]
    assert (smile > 0.5).mean() > 0.1 and (smile == 0).mean() > 0.3  # strong ones, and faces without
    left, right = (acts.expression[:, names.index(f"AU12_{side}")] for side in "LR")
    assert np.corrcoef(left, right)[0, 1] > 0.8
