"""Per-row gradients by Opacus's hooks, in which no row touches another: not even in the last bit.

Why the last bit: BLAS adds up a row in an order that depends on how many rows there are, and vector loops treat the
rest at the end differently. With weights that cancel (1e17 - 1e17), which a coordinator may send, one person's
presence then changes many people's gradients, and the sum moves by more than the clip (measured: by two clips).
"""

from __future__ import annotations

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.grad_sample import register_grad_sampler
from opacus.grad_sample.linear import compute_linear_grad_sample

from privacy.arrays import Floats
from privacy.errors import Invalid

ROWS_A_BLOCK = 4096  # a multiple of every vector's length, and too short for torch to share out over threads


class RowByRow(torch.nn.Linear):
    """A linear layer with one output and no bias that adds up each row by itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores, shape (rows, 1)."""
        return (x * self.weight).sum(dim=1, keepdim=True)


register_grad_sampler(RowByRow)(compute_linear_grad_sample)


def row_gradients(weights: Floats, x: Floats, outcome: Floats) -> Floats:
    """Return the gradient of each row's logistic loss, shape (rows, features); no clipping here."""
    if weights.shape != (x.shape[1],):
        raise Invalid("contribution-shape")
    rows, missing = len(x), -len(x) % ROWS_A_BLOCK
    x, outcome = np.pad(x, ((0, missing), (0, 0))), np.pad(outcome, (0, missing))
    linear = RowByRow(x.shape[1], 1, bias=False, dtype=torch.float64)
    linear.weight.data = torch.from_numpy(np.ascontiguousarray(weights))[None, :]
    module = GradSampleModule(linear, loss_reduction="sum")
    gradients = np.empty_like(x)
    for start in range(0, len(x), ROWS_A_BLOCK):
        block = slice(start, start + ROWS_A_BLOCK)
        gradients[block] = _of_block(module, torch.from_numpy(x[block]), torch.from_numpy(outcome[block]))
    return gradients[:rows]


def _of_block(module: GradSampleModule, x: torch.Tensor, outcome: torch.Tensor) -> Floats:
    module.zero_grad()
    scores = module(x.requires_grad_()).squeeze(1)  # shape (rows,): never (rows, 1)
    torch.nn.functional.binary_cross_entropy_with_logits(scores, outcome, reduction="sum").backward()
    (weight,) = module.parameters()
    gradients: Floats = weight.grad_sample.squeeze(1).numpy()  # set by Opacus
    return gradients


__all__ = ["ROWS_A_BLOCK", "RowByRow", "row_gradients"]
