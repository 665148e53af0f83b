"""How many dimensions a layer's outputs fill, and how much a neuron's code says about a class.

Outputs are a layer's values over the plane, ``[..., width, points]``; their covariance has as many eigenvalues as the
layer has neurons. A layer whose outputs are all constant fills 0 dimensions; one that holds NaN or infinity has NaN.

>>> line = np.linspace(-1.0, 1.0, 9)
>>> effective_rank(spectrum(np.stack([line, 2.0 * line, np.ones(9)]))).round(6).tolist()
1.0
"""

from __future__ import annotations

import math

import numpy as np
from quantstudy_kernels.elementary import exp, log, log2

from quantstudy.drift.arrays import Floats, Ints, Numbers, ratio


def spectrum(outputs: Numbers) -> Floats:
    """Eigenvalues of the covariance of outputs ``[..., width, points]``, largest first; ``[..., width]``, >= 0.

    They are the squared singular values of the centred outputs, divided by the number of points. What is within
    rounding of 0 (1e-13 of the largest) is 0.

    Raises:
        ValueError: outputs has fewer than two axes or no points.

    >>> spectrum(np.array([[1.0, -1.0, 1.0, -1.0], [0.0, 0.0, 4.0, 4.0]])).tolist()
    [4.0, 1.0]
    """
    if outputs.ndim < 2 or 0 in outputs.shape[-2:]:
        raise ValueError(f"outputs has shape {outputs.shape}; it needs [..., width, points], at least one of each")
    finite = np.asarray(np.isfinite(outputs).all(axis=(-2, -1)))
    values = np.where(finite[..., None, None], outputs, 0.0).astype(np.float64)
    values -= values.mean(axis=-1, keepdims=True)
    covariance = values @ np.swapaxes(values, -1, -2) / values.shape[-1]
    found = np.linalg.eigvalsh(covariance)[..., ::-1]
    found = np.where(found > 1e-13 * found[..., :1], found, 0.0)
    return np.where(finite[..., None], found, np.nan)


def effective_rank(eigenvalues: Floats) -> Floats:
    """Exponential of the entropy of the normalized singular values (the roots of the eigenvalues); ``[...]``.

    0 where all are 0, 1 where one is not, ``width`` where all are equal. Source: Roy & Vetterli, The effective rank: a
    measure of effective dimensionality (2007).

    Args:
        eigenvalues: as ``spectrum`` gives them, ``[..., width]``.

    >>> effective_rank(np.array([[9.0, 9.0, 9.0, 0.0], [0.0, 0.0, 0.0, 0.0]])).round(6).tolist()
    [3.0, 0.0]
    """
    singular = np.sqrt(eigenvalues)
    total = singular.sum(axis=-1)
    shares = ratio(singular, total[..., None])
    entropy = -(shares * log(np.where(shares > 0.0, shares, 1.0))).sum(axis=-1)
    return np.where(total == 0.0, 0.0, exp(entropy))


def participation_ratio(eigenvalues: Floats) -> Floats:
    """(Σλ)² / Σλ² of the eigenvalues, ``[...]``: as ``effective_rank``, but small directions count for less.

    0 where all are 0, 1 where one is not, ``width`` where all are equal. Source: Gao et al., A theory of multineuronal
    dimensionality, dynamics and measurement (2017).

    Args:
        eigenvalues: as ``spectrum`` gives them, ``[..., width]``.

    >>> participation_ratio(np.array([[9.0, 9.0, 9.0, 0.0], [0.0, 0.0, 0.0, 0.0]])).tolist()
    [3.0, 0.0]
    """
    total, squares = eigenvalues.sum(axis=-1), (eigenvalues**2).sum(axis=-1)
    return np.where(total == 0.0, 0.0, ratio(total**2, squares))


def code_information(codes: Ints, classes: Numbers, lowest: int, highest: int) -> Floats:
    """Mutual information of each neuron's code with a class of two, in bits; ``[...]``, about 0 … 1.

    H(code) + H(class) − H(code, class) of the shares over the points, each entropy with Miller & Madow's correction
    (occupied cells − 1) / (2 points): without it, a code of 256 values that has nothing to do with the class seems to
    hold 0.01 bits at 16384 points. What is left may be slightly negative. A dead neuron holds 0. Source: Miller, Note
    on the bias of information estimates (1955).

    Args:
        codes: whole numbers ``[..., points]``.
        classes: boolean, broadcasts to codes.
        lowest: smallest code that there is.
        highest: largest one.

    Raises:
        ValueError: no points, or a code is outside.

    >>> island = np.repeat([False, True], 1000)
    >>> code_information(np.stack([island, ~island, np.tile([0, 1], 1000)]) + 3, island, 0, 15).round(3).tolist()
    [1.0, 1.0, -0.0]
    """
    lead, points = codes.shape[:-1], codes.shape[-1]
    if not points:
        raise ValueError(f"codes has shape {codes.shape}; it needs at least one point")
    if codes.size and (codes.min() < lowest or codes.max() > highest):
        raise ValueError(f"codes run from {codes.min()} to {codes.max()}; they must be within {lowest} … {highest}")
    kinds = highest - lowest + 1
    rows = codes.reshape(-1, points).astype(np.int64) - lowest
    cells = 2 * (rows + kinds * np.arange(len(rows))[:, None]) + np.broadcast_to(classes, codes.shape).reshape(
        rows.shape
    )
    counts = np.bincount(cells.ravel(), minlength=2 * kinds * len(rows)).reshape(len(rows), kinds, 2)
    joint = _entropy(counts.reshape(len(rows), -1))
    return (_entropy(counts.sum(axis=2)) + _entropy(counts.sum(axis=1)) - joint).reshape(lead)


def _entropy(counts: Ints) -> Floats:
    """Entropy of counts ``[rows, cells]`` in bits, corrected after Miller & Madow; ``[rows]``."""
    number = counts.sum(axis=1, keepdims=True)
    shares = counts / number
    plain = -(shares * log2(np.where(counts > 0, shares, 1.0))).sum(axis=1)
    occupied = np.count_nonzero(counts, axis=1)
    return np.asarray(plain + (occupied - 1) / (2.0 * number[:, 0] * math.log(2.0)))
