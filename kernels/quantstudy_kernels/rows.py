"""How element-wise kernels see a tensor: `[rows, columns]` with one value of every parameter (slope, scale) per row."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def row_axes(x: "Tensor", *parameters: "Tensor") -> int:
    """Return how many leading axes of `x` make up the rows: the fewest within which no parameter changes.

    The parameters broadcast against `x`.
    """
    shapes = [(1,) * (x.ndim - parameter.ndim) + tuple(parameter.shape) for parameter in parameters]
    return max((axis + 1 for shape in shapes for axis, size in enumerate(shape) if size != 1), default=0)


def per_row(x: "Tensor", parameter: "Tensor", axes: int) -> "Tensor":
    """Return a parameter's value for every row of `x` with these leading axes, contiguous, [rows]."""
    widened = parameter.detach().reshape((1,) * (x.ndim - parameter.ndim) + tuple(parameter.shape))
    return widened.expand(x.shape[:axes] + (1,) * (x.ndim - axes)).contiguous().view(-1)
