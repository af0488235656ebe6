"""targets: the weights of a batch add up to one."""

from __future__ import annotations

import pytest

from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch

SOFT = SoftTarget("ada", ("paris",), (0.9,), ((2, 0.1),))
RETENTION = RetentionTarget("bob", "london.")


@pytest.mark.parametrize(
    ("batch", "soft", "retention"),
    [
        (TargetBatch(((SOFT, SOFT), (SOFT,)), (RETENTION, RETENTION)), [1 / 6, 1 / 6, 1 / 3], [1 / 6, 1 / 6]),
        (TargetBatch(((SOFT,), ()), ()), [1.0], []),
        (TargetBatch(((),), (RETENTION,)), [], [1.0]),
    ],
)
def test_kinds_have_equal_weights_and_their_targets_share_them(batch, soft, retention):
    assert [weight for _, weight in batch.weighted_soft_targets()] == pytest.approx(soft, abs=1e-12)
    assert [weight for _, weight in batch.weighted_retention_targets()] == pytest.approx(retention, abs=1e-12)
