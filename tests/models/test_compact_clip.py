"""The built-in CLIP's packing."""

import numpy as np

from mead_manip.models import compact_clip


def test_packing_keeps_trained_tokens_and_zeroes_the_others():
    rng = np.random.default_rng(0)
    state = {
        "token_embedding.weight": rng.normal(size=(3, 4)).astype(np.float32),
        "ln_final.weight": rng.normal(size=4).astype(np.float32),
        "logit_scale": np.array(2.5, np.float32),
        "visual.bn1.num_batches_tracked": np.array(7),
    }
    ids = np.array([5, 9, 40])
    packed = compact_clip.pack(state, ids)
    assert packed["token_embedding.rows"].dtype == np.float16
    back = compact_clip.unpack(packed, 64)
    assert back.keys() == state.keys()
    np.testing.assert_allclose(back["token_embedding.weight"][ids], state["token_embedding.weight"], atol=2e-3)
    assert np.count_nonzero(np.abs(back["token_embedding.weight"]).sum(axis=1)) == 3
    for name in ("ln_final.weight", "logit_scale", "visual.bn1.num_batches_tracked"):
        np.testing.assert_array_equal(back[name], state[name])
