"""How much of a neuron's pre-activation a probe recovers from outputs: R² of least squares over the plane.

The R² of a straight line falls short of 1 wherever the output bends, even where every output belongs to one input only;
that of the best function of the output falls short only where one output belongs to several inputs. Both are 0 where
the output is constant. Source: Alain & Bengio, Understanding intermediate layers using linear classifier probes (2016),
with R² for their accuracy.

>>> z = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
>>> line_r2(z, np.stack([3.0 - z, np.maximum(z, 0.0), np.zeros(5)])).round(6).tolist()
[1.0, 0.78125, 0.0]
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from quantstudy.drift.arrays import Floats, Mask, Numbers, ratio


def constant(values: Numbers) -> Mask:
    """Whether a map ``[..., points]`` has one value throughout; ``[...]``.

    >>> constant(np.array([[2.0, 2.0], [2.0, 3.0]])).tolist()
    [True, False]
    """
    return np.asarray(values.max(axis=-1) == values.min(axis=-1))


def line_r2(targets: Numbers, outputs: Numbers) -> Floats:
    """R² of the least-squares line from each output to its target, their squared correlation; ``[...]``, 0 … 1.

    0 where the output is constant, NaN where the target is (there is nothing to recover).

    Args:
        targets: ``[..., points]``.
        outputs: ``[..., points]``; leading axes broadcast.
    """
    target, output = _centred(targets), _centred(outputs)
    shared = (target * output).sum(axis=-1)
    norms = np.linalg.norm(target, axis=-1) * np.linalg.norm(output, axis=-1)
    found = np.clip(ratio(shared, norms) ** 2, 0.0, 1.0)
    return np.where(constant(targets), np.nan, np.where(constant(outputs), 0.0, found))


def layer_r2(targets: Numbers, outputs: Numbers) -> Floats:
    """R² of the linear regression from all outputs together, with an intercept, to each target; ``[..., targets]``.

    Never below ``line_r2`` of any one output. Outputs that are constant, or combinations of others, add nothing:
    directions that are within rounding of none are left out. NaN where the target is constant.

    Each output is scaled to norm 1 first, so that a faint one counts as it does in ``line_r2``. Solved by QR and the
    singular values of R, in float64: normal equations would lose half of the digits.

    Args:
        targets: ``[..., targets, points]``.
        outputs: ``[..., outputs, points]``, with the same leading axes.

    Raises:
        ValueError: there are fewer points than targets and outputs together.

    >>> z = np.array([[-2.0, -1.0, 0.0, 1.0, 2.0]])
    >>> layer_r2(z, np.stack([np.maximum(z[0], 0.0), np.minimum(z[0], 0.0), np.ones(5)])).round(6).tolist()
    [1.0]
    """
    width, points = outputs.shape[-2:]
    if points < width + targets.shape[-2]:
        raise ValueError(f"outputs has {points} points; a probe from {width} to {targets.shape[-2]} needs more")
    columns = np.concatenate([_unit(outputs), _unit(targets)], axis=-2)
    triangle: Floats = np.asarray(np.linalg.qr(np.swapaxes(columns, -1, -2), mode="r"))
    basis, sizes, _ = np.linalg.svd(triangle[..., :width, :width])
    kept = sizes > points * np.finfo(np.float64).eps * np.maximum(sizes[..., :1], 1.0)
    along = np.swapaxes(basis, -1, -2) @ triangle[..., :width, width:]
    explained = ((along * kept[..., None]) ** 2).sum(axis=-2)
    return np.where(constant(targets), np.nan, np.clip(explained, 0.0, 1.0))


def function_r2(targets: Numbers, outputs: Numbers, together: int = 64) -> Floats:
    """R² of the best function of each output, of whatever form, for its target; ``[...]``, 0 … 1.

    The share of the target's variance between groups of points with nearly the same output (the correlation ratio η² of
    Pearson 1905): points are grouped by the rank of their output, those with the same output always together. It counts
    every difference that float numbers show, however faint. NaN where the target is constant.

    Args:
        targets: ``[..., points]``.
        outputs: ``[..., points]``, of the same shape.
        together: points in a group; more if they share their output.

    >>> z = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    >>> function_r2(z[None], np.maximum(z, 0.01 * z)[None], together=1).tolist()
    [1.0]
    >>> function_r2(z[None], np.maximum(z, 0.0)[None], together=1).tolist()
    [0.8]
    """
    points = targets.shape[-1]
    target = _centred(targets).reshape(-1, points)
    groups = (rankdata(outputs.reshape(-1, points), method="min", axis=-1).astype(np.int64) - 1) // together
    cells = (groups + np.arange(len(groups))[:, None] * points).ravel()
    sums = np.bincount(cells, weights=target.ravel(), minlength=target.size).reshape(target.shape)
    counts = np.bincount(cells, minlength=target.size).reshape(target.shape)
    between = (sums**2 / np.maximum(counts, 1)).sum(axis=-1).reshape(targets.shape[:-1])
    found = np.clip(ratio(between, (target**2).sum(axis=-1).reshape(targets.shape[:-1])), 0.0, 1.0)
    return np.where(constant(targets), np.nan, np.where(constant(outputs), 0.0, found))


def _centred(values: Numbers) -> Floats:
    found = values.astype(np.float64)
    found -= found.mean(axis=-1, keepdims=True)
    return found


def _unit(values: Numbers) -> Floats:
    """Centred, of norm 1; all zeros where the values are constant."""
    found = _centred(values)
    norms = np.where(constant(values), np.inf, np.linalg.norm(found, axis=-1))
    return np.asarray(found / norms[..., None])
