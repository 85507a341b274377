"""The built-in CLIP's packing."""

import numpy as np
import torch

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


def test_exposure_and_white_balance_are_divided_out():
    pixels = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    gains = torch.tensor([0.5, 0.8, 0.6]).view(1, 3, 1, 1)
    same = compact_clip.standardise(pixels * gains + 0.1)
    torch.testing.assert_close(same, compact_clip.standardise(pixels), atol=1e-4, rtol=1e-4)
    assert compact_clip.standardise(torch.zeros(1, 3, 8, 8)).abs().max() == 0
