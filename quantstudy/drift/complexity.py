"""How complicated a float fold is, and the chain of folds that builds the most complicated one.

>>> ramp = np.tile(np.linspace(0.0, 1.0, 8), (8, 1))
>>> float(complexity_measures(ramp)["fold_complexity"])
1.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from quantstudy_kernels.cpu.islands import count_regions

from quantstudy.drift.arrays import Floats, Numbers, blocks, defined, planes, where_defined

LEVELS = 9


def _normalized(x: Numbers) -> Floats:
    """Each map scaled to 0...1; a dead map becomes 0, one that is not finite NaN."""
    planes(x=x)
    x = x.astype(np.float64)
    low, high = x.min(axis=(-2, -1), keepdims=True), x.max(axis=(-2, -1), keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        x -= low
        x /= high - low
    return np.where(high == low, 0.0, x)


def total_variation(x: Numbers) -> Floats:
    """Total variation of the range-normalized maps ``[..., H, W]``, in units of a plain ramp across the plane; >= 0.

    The sum of \\|differences\\| of neighbours along x divided by the number of rows, plus that along y divided by the
    number of columns: a ramp along one axis is 1 on any grid, n full waves are about 2n. A dead map is 0.

    Raises:
        ValueError: x has fewer than two axes or no pixels.
    """
    return _variation(_normalized(x))


def _variation(z: Floats) -> Floats:
    along_x = np.abs(np.diff(z, axis=-1)).sum(axis=(-2, -1)) / z.shape[-2]
    along_y = np.abs(np.diff(z, axis=-2)).sum(axis=(-2, -1)) / z.shape[-1]
    return np.asarray(along_x + along_y)


def level_components(x: Numbers) -> Floats:
    """Mean number of connected regions (4 neighbours) above the levels 0.1, 0.2, ... 0.9 of the range; ``[...]``.

    Strictly above, of the range-normalized map; 1 for a single hill, more for a landscape, 0 for a dead map.
    NaN where a value is not finite.

    Raises:
        ValueError: x has fewer than two axes or no pixels.
    """
    return _components(_normalized(x))


def _components(z: Floats) -> Floats:
    counts = count_regions(z.reshape(-1, *z.shape[-2:]), np.arange(1, LEVELS + 1) / (LEVELS + 1))
    (flat,) = planes(z=z)
    return where_defined(defined(flat), counts.mean(axis=-1).reshape(z.shape[:-2]))


def complexity_measures(x: Numbers) -> dict[str, Floats]:
    """``total_variation``, ``level_components`` and their product ``fold_complexity`` of float folds ``[..., N, N]``.

    Measure float folds only: the stairs of quantization raise both factors.

    Raises:
        ValueError: x has fewer than two axes or no pixels.
    """
    planes(x=x)
    lead, (height, width) = x.shape[:-2], x.shape[-2:]
    maps = x.reshape(-1, height, width)
    parts = [_normalized(maps[block]) for block in blocks(len(maps), height * width)]
    variation = np.concatenate([_variation(part) for part in parts]).reshape(lead)
    components = np.concatenate([_components(part) for part in parts]).reshape(lead)
    return {
        "total_variation": variation,
        "level_components": components,
        "fold_complexity": np.asarray(variation * components),
    }


@dataclass(frozen=True)
class ChainStep:
    """One neuron of the chain and its share of what the chain's next neuron sums up (NaN for the first step)."""

    layer: int
    neuron: int
    share: float


@dataclass(frozen=True)
class Chain:
    """Steps from the last hidden layer backwards, and why they end before layer 0 (empty if they do not)."""

    steps: tuple[ChainStep, ...]
    reason: str = ""


def chain_of_folds(maps: Sequence[Numbers], weights: Sequence[Numbers]) -> Chain:
    """Follow the most complex fold of one network back to the folds that it is made of.

    The chain starts at the live neuron of the last hidden layer with the largest ``fold_complexity`` and goes back by
    argmax \\|w\\|·std(map) over the neurons of the layer before (the first of equals). Each step's share is its
    \\|w\\|·std divided by the sum over that layer: 1/width would be no preference at all.

    Args:
        maps: float folds of each hidden layer, ``[neurons, N, N]``.
        weights: what leads from each hidden layer to the next one, ``[neurons of k + 1, neurons of k]``.

    Raises:
        ValueError: maps is empty, or a weight's shape does not fit its two layers.

    >>> ramp = np.tile(np.linspace(0.0, 1.0, 8), (8, 1))
    >>> chain = chain_of_folds([np.stack([ramp, -ramp]), ramp[None]], [np.array([[3.0, 1.0]])])
    >>> [(step.layer, step.neuron, step.share) for step in chain.steps]
    [(1, 0, nan), (0, 0, 0.75)]
    """
    if not maps:
        raise ValueError("maps has 0 layers; a chain needs at least one")
    if len(weights) != len(maps) - 1:
        raise ValueError(f"weights has {len(weights)} layers; it needs one less than maps, which has {len(maps)}")
    for k, weight in enumerate(weights):
        wanted = (len(maps[k + 1]), len(maps[k]))
        if weight.shape != wanted:
            raise ValueError(f"weights[{k}] has shape {weight.shape}; it must be {wanted}")
    layer = len(maps) - 1
    complexity = complexity_measures(maps[layer])["fold_complexity"]
    live = complexity > 0  # False for NaN, too
    if not live.any():
        return Chain((), f"layer {layer}: every neuron is dead")
    neuron = int(np.argmax(np.where(live, complexity, 0.0)))
    steps = [ChainStep(layer, neuron, float("nan"))]
    for below in range(layer - 1, -1, -1):
        with np.errstate(invalid="ignore"):
            spread = maps[below].astype(np.float64).std(axis=(-2, -1))
        parts = np.abs(weights[below][neuron].astype(np.float64)) * spread
        parts = np.where(np.isfinite(parts), parts, 0.0)
        if not parts.any():
            return Chain(tuple(steps), f"layer {below}: nothing reaches neuron {neuron} of layer {below + 1}")
        neuron = int(np.argmax(parts))
        steps.append(ChainStep(below, neuron, float(parts[neuron] / parts.sum())))
    return Chain(tuple(steps))
