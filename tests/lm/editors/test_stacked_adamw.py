"""stacked_adamw: each row is optimized as torch.optim.AdamW would do it alone."""

from __future__ import annotations

import torch

from worldgen.lm.editors.stacked_adamw import StackedAdamW


def test_each_row_is_optimized_as_torch_does_it_alone():
    """The rows' gradients differ a million times in size, so that some are clipped; one row stops early."""
    draw = torch.Generator().manual_seed(0)
    E, P, steps, stopped_after = 4, 7, 30, 11
    start = torch.randn(E, P, generator=draw)
    sizes = torch.tensor([1e-4, 0.3, 5.0, 100.0])[:, None]
    gradients = [torch.randn(E, P, generator=draw) * sizes for _ in range(steps)]
    stacked = StackedAdamW(start.clone(), learning_rate=1e-2, clip=1.0)
    for number, gradient in enumerate(gradients):
        stacked.step(gradient, torch.tensor([True, True, number < stopped_after, True]))
    for row in range(E):
        alone = torch.nn.Parameter(start[row].clone())
        optimizer = torch.optim.AdamW([alone], lr=1e-2)
        for gradient in gradients[: stopped_after if row == 2 else steps]:
            alone.grad = gradient[row].clone()
            torch.nn.utils.clip_grad_norm_([alone], 1.0)
            optimizer.step()
        # thirty steps of float32
        assert torch.allclose(stacked.weights[row], alone, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(start[row], alone, atol=1e-2)
