"""How the element-wise kernels see a tensor: `[rows, columns]` with one parameter (slope, scale) per row.

A program handles one block of one row, so that the parameter is a scalar to it.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from quantstudy_kernels.rows import per_row, row_axes

BLOCK = 1024


class Rows(NamedTuple):
    """The view of a tensor that the kernels take.

    Attributes:
        lead: leading axes of the tensor that make up the rows.
        parameters: per parameter one value per row, contiguous.
        columns: elements of a row.
        blocks: programs per row.
        programs: programs in all; 0 for an empty tensor.
    """

    lead: list[int]
    parameters: list[Tensor]
    columns: int
    blocks: int
    programs: int


def rows(x: Tensor, parameters: Sequence[Tensor]) -> Rows:
    """Return the widest rows of `x` within which none of the parameters, broadcast against `x`, changes."""
    depth = row_axes(x, *parameters)
    lead = list(x.shape[:depth])
    flat = [per_row(x, parameter, depth) for parameter in parameters]
    columns = math.prod(x.shape[depth:])
    blocks = triton.cdiv(columns, BLOCK)
    return Rows(lead, flat, columns, blocks, math.prod(lead) * blocks)


@triton.jit  # type: ignore[untyped-decorator]
def place(columns, blocks, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Row of this program, its element offsets in the flat tensor and the mask of those inside the row."""
    program = tl.program_id(0)
    row = (program // blocks).to(tl.int64)
    column = (program % blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    return row, row * columns + column, column < columns
