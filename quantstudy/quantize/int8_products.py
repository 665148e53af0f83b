"""Whether PyTorch's product of two int8 matrices is exact on this processor, found out with extreme codes.

torchao hands the product to oneDNN. Where that has no VNNI instructions (an older processor, or ONEDNN_MAX_CPU_ISA),
it adds pairs of products up in 16 bits, and cuts off what is more without a word: w8a8 then loses points that no
integer hardware would lose.
"""

import functools

import torch
from torch import Tensor

from quantstudy.networks.stack import Stack
from quantstudy.quantize.formats import IntFormat
from quantstudy.quantize.scheme import Scheme
from quantstudy.quantize.torchao_backend import linear
from quantstudy.quantize.torchao_configs import static_int8
from quantstudy.quantize.torchao_import import quantization

INEXACT = (
    "w8a8, w8a8dyn: PyTorch's product of int8 matrices is wrong for large numbers on this machine (oneDNN without VNNI "
    "instructions adds them up in 16 bits), so torchao is left out there; the simulated path, which decides, is exact"
)
"""The notice that a user reads where torchao is left out."""


def multiplies_integers(scheme: Scheme) -> bool:
    """Whether torchao multiplies int8 by int8 for this scheme: its configs for narrower weights multiply floats."""
    return scheme.in_torchao and isinstance(scheme.activations, IntFormat) and scheme.activations == scheme.weights


def exact_products(stack: Stack, points: Tensor) -> bool:
    """Return whether the products of a stack's layers with quantized inputs are exact; looked at once per process.

    Args:
        stack: whose shapes are tried.
        points: [in, points] or [models, in, points].
    """
    return all(_exact(points.shape[-1], int(w.shape[2]), int(w.shape[1])) for w in stack.weights[1:])


@functools.cache
def _exact(tokens: int, inputs: int, outputs: int) -> bool:
    """Return whether one layer whose codes are extreme gives the exact sums, by torchao's own configuration."""
    weights = _signs(outputs, inputs)
    layer = linear(weights * 127.5, torch.zeros(outputs))  # at a scale of 1: codes −128 and 127
    quantization().quantize_(layer, static_int8(torch.ones(1, 1), torch.zeros(1, 1, dtype=torch.int8)))
    found: Tensor = layer(_codes(_signs(tokens, inputs)))
    rows = _codes(_signs(min(tokens, 8), inputs)).double() @ _codes(weights).double().T
    return torch.equal(found.double(), rows.repeat(-(-tokens // len(rows)), 1)[:tokens])


def _codes(signs: Tensor) -> Tensor:
    return torch.where(signs > 0, 127.0, -128.0)


def _signs(rows: int, columns: int) -> Tensor:
    """Return ±1 [rows, columns]: all above, all below 0, taking turns by one, two … columns; the same every 8 rows."""
    row, column = torch.arange(rows)[:, None] % 8, torch.arange(columns)
    turning = ((column // row.div(2, rounding_mode="floor").clamp(min=1)) + row) % 2 == 0
    return torch.where(torch.where(row < 2, row == 0, turning), 1.0, -1.0)
