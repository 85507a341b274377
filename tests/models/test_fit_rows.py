"""Derivatives by a detector's constant errors are kept apart; multiplied, they are those of one large matrix."""

import pytest


@pytest.fixture(scope="module")
def rows():
    import torch

    from mead_manip.models.fit_rows import Rows
    from mead_manip.models.point_head import GAPS

    torch.manual_seed(0)
    n_pairs = 68 + len(GAPS)
    return Rows(
        residual=torch.randn(3, 2 * n_pairs).double(),
        by_frame=torch.randn(3, 2 * n_pairs, 7).double(),
        by_identity=torch.randn(3, 2 * n_pairs, 4).double(),
        by_offset=torch.randn(3, n_pairs, 2, 2).double(),
        by_other=torch.randn(3, len(GAPS), 2, 2).double(),
    )


def dense(rows):
    """Write the derivatives by the offsets out: frame row offset."""
    import torch

    from mead_manip.models.point_head import GAPS

    out = torch.zeros(len(rows.residual), rows.by_offset.shape[1], 2, 68, 2).double()
    for landmark in range(68):
        out[:, landmark, :, landmark] = rows.by_offset[:, landmark]
    for gap, (one, other) in enumerate(GAPS):
        out[:, 68 + gap, :, one] = rows.by_offset[:, 68 + gap]
        out[:, 68 + gap, :, other] = rows.by_other[:, gap]
    return out.flatten(1, 2).flatten(2)


def test_products_with_columns(rows):
    import torch

    from mead_manip.models.fit_rows import offset_products

    for columns in (rows.by_frame, rows.by_identity, rows.residual[..., None]):
        torch.testing.assert_close(offset_products(rows, columns), columns.mT @ dense(rows))


def test_products_with_themselves(rows):
    import torch

    from mead_manip.models.fit_rows import offset_block

    every = dense(rows).flatten(0, 1)
    torch.testing.assert_close(offset_block(rows), every.T @ every)
