"""The best that one neuron or a few make of a gate: a value here, exactly 0 there.

Groups Σ v f(a x + b) without a bias behind them are fitted to random step and bump gates on a line, from many starts at
once, by Levenberg-Marquardt steps in float64.
"""

from typing import TYPE_CHECKING

import numpy as np

from quantstudy.activations.catalogue import parse_activation
from quantstudy.drift.arrays import Floats

if TYPE_CHECKING:
    import torch

STEP, BUMP = "step", "bump"
"""Cases: a gate that is 1 on one side of a place, or on a stretch, and 0 elsewhere; `x` is the number of neurons."""

NEURONS = (1, 2, 4)
"""Sizes of the groups that are fitted to a gate."""

PLACES = np.linspace(-1.0, 1.0, 101)
"""Where a gate is fitted and scored."""

GAP = 0.1
"""Half-width of what is not scored around every edge of a gate."""

RESTARTS, BEST = 256, 16
"""Starts of every fit of one neuron (half as many of two, a quarter of four); how many go on after the first round."""

FIRST, SECOND = 40, 300
"""Levenberg-Marquardt steps of the two rounds."""

EXACT = 1e-10
"""Mean square error below which a gate counts as met: there is no second round once all are."""

PURPOSE = 0x67617465
"""Second half of the key of this experiment's Philox streams, the first of them (ASCII `gate`)."""


def draw_gate(gate: str, seed: int) -> tuple[float, float]:
    """Return the stretch on which a random gate is 1; a step's reaches beyond one end of [−1, 1], to ±2.

    Steps stand at −0.6 … 0.6, to either side; bumps are 0.4 … 0.8 wide, centred at −0.4 … 0.4.
    """
    draws = np.random.Generator(np.random.Philox(key=np.array([seed, PURPOSE], dtype=np.uint64))).uniform(size=4)
    if gate == STEP:
        place = 1.2 * draws[0] - 0.6
        return (place, 2.0) if draws[1] < 0.5 else (-2.0, place)
    centre, half = 0.8 * draws[2] - 0.4, 0.2 + 0.2 * draws[3]
    return centre - half, centre + half


def targets(stretches: Floats) -> tuple[Floats, Floats]:
    """Return gates `[gates, places]` of 0 and 1, and the root of each place's weight: 0 in the gaps, equal elsewhere.

    The weights of a gate sum to 1, so that its weighted sum of squares is the mean square over what is scored.

    Args:
        stretches: where each gate is 1, `[gates, 2]`.
    """
    low, high = stretches[:, :1], stretches[:, 1:]
    scored = np.minimum(np.abs(PLACES - low), np.abs(PLACES - high)) > GAP
    return ((PLACES - low) * (high - PLACES) > 0.0).astype(np.float64), np.sqrt(
        scored / scored.sum(axis=1, keepdims=True)
    )


def starts(gate: str, neurons: int, seeds: range, restarts: int) -> Floats:
    """Return where the fits start, `[seeds, restarts, 4, neurons]`: v, a, b and prelu's slope; alike for all functions.

    Bends lie at −1.2 … 1.2, |a| at 0.5 … 50 (evenly by its logarithm), slopes at −1 … 1; v is 0 (`Fits.solve_scales`).
    """
    number = 1 + list(NEURONS).index(neurons) + len(NEURONS) * (gate == BUMP)
    keys = [np.array([seed, PURPOSE + number], dtype=np.uint64) for seed in seeds]
    draws = [np.random.Generator(np.random.Philox(key=key)).uniform(-1.0, 1.0, (restarts, 4, neurons)) for key in keys]
    sign, size, bend, slope = np.moveaxis(np.stack(draws), 2, 0)
    a = np.sign(sign) * 5.0 * 10.0**size
    return np.stack([np.zeros_like(a), a, -1.2 * bend * a, slope], axis=2)


class Fits:
    """Groups Σ v f(a x + b), several for each gate, fitted at once by Levenberg-Marquardt steps in float64.

    Args:
        activation: name of f.
        at: the groups' parameters where they start, `[gates, fits, 4, neurons]`: v, a, b and prelu's slope.
        gates: what they are fitted to, `[gates, places]`.
        roots: roots of the weights of the places, of the same shape.
    """

    def __init__(self, activation: str, at: "torch.Tensor", gates: "torch.Tensor", roots: "torch.Tensor") -> None:
        import torch

        self.f, self.at = parse_activation(activation), at
        self.places, self.roots = torch.from_numpy(PLACES), roots[:, None]
        self.wanted = (gates * roots)[:, None]
        self.damping = torch.full((*at.shape[:2], 1), 1e-2, dtype=torch.float64)

    def _parts(self, at: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]":
        """Return v, a x + b and the slopes, each to broadcast with `[gates, fits, neurons, places]`."""
        v, a, b, slope = at[..., None].unbind(2)
        return v, a * self.places + b, slope if self.f.learned_slope else None

    def outputs(self, at: "torch.Tensor") -> "torch.Tensor":
        """Return what groups give at every place, `[gates, fits, places]`."""
        v, inner, slope = self._parts(at)
        return (v * self.f(inner, slope)).sum(2)

    def errors(self, at: "torch.Tensor") -> "torch.Tensor":
        """Return the mean square error over what is scored, `[gates, fits]`."""
        return (self.outputs(at) * self.roots - self.wanted).square().sum(-1)

    def solve_scales(self) -> None:
        """Set every v to what least squares gives with a, b and the slopes as they are, slightly damped."""
        _, inner, slope = self._parts(self.at)
        columns = self.f(inner, slope) * self.roots[:, :, None]
        self.at[:, :, 0] = _solved(columns, self.wanted.expand(*inner.shape[:2], -1), 1e-9, 1e-9)

    def run(self, steps: int) -> "torch.Tensor":
        """Take steps, each kept only where it helps; return the mean square errors `[gates, fits]`."""
        import torch

        error = self.errors(self.at)
        for _ in range(steps):
            v, inner, slope = self._parts(self.at)
            f, rise = self.f.with_derivative(inner, slope)
            rise = v * rise
            columns = [f, rise * self.places, rise, *([] if slope is None else [v * inner.clamp(max=0.0)])]
            residual = (v * f).sum(2) * self.roots - self.wanted
            step = _solved(torch.cat(columns, 2) * self.roots[:, :, None], residual, self.damping, 1e-9)
            trial = self.at.clone()
            trial[:, :, : len(columns)] -= step.reshape(*step.shape[:2], len(columns), -1)
            new = self.errors(trial)
            better = new < error
            self.at = torch.where(better[..., None, None], trial, self.at)
            error = torch.where(better, new, error)
            self.damping = torch.where(better[..., None], self.damping / 3.0, self.damping * 2.0).clamp_(1e-12, 1e8)
        return error


def _solved(
    columns: "torch.Tensor", right: "torch.Tensor", damping: "torch.Tensor | float", least: float
) -> "torch.Tensor":
    """Return damped least squares: columns `[..., unknowns, places]`, right `[..., places]` → `[..., unknowns]`.

    Every unknown is damped by its own square norm, and all by a share `least` of the largest: what has no influence
    stays where it is.
    """
    import torch

    squares = columns @ columns.mT
    own = squares.diagonal(dim1=-2, dim2=-1)
    damped = squares + torch.diag_embed(damping * own + least * own.amax(-1, keepdim=True) + 1e-30)
    solved = torch.linalg.solve_ex(damped, columns @ right[..., None])[0][..., 0]
    return torch.nan_to_num_(solved, 0.0, 0.0, 0.0)


def fit(activation: str, gate: str, neurons: int, seeds: range) -> tuple[Floats, Floats]:
    """Return the best fit of a group to the gate of every seed: its outputs `[seeds, places]` and its errors `[seeds]`.

    The error is the root of the mean square over what is scored, as a share of the gate's value, which is 1. What is
    found is an upper bound of what there is. With twice the starts and steps the errors of one neuron, and of two
    rectifiers at a step, stay the same to eight decimals (but for one of 32 steps of hardgelu, 0.007 and not 0); those
    of two smooth neurons and of four neurons at a bump still fall.
    """
    import torch

    gates, roots = (torch.from_numpy(one) for one in targets(np.array([draw_gate(gate, seed) for seed in seeds])))
    at = torch.from_numpy(starts(gate, neurons, seeds, RESTARTS // neurons))
    fits = Fits(activation, at, gates, roots)
    fits.solve_scales()
    error = fits.run(FIRST)
    if error.amin(1).max() > EXACT:
        best = error.topk(BEST, dim=1, largest=False).indices[..., None, None]
        fits = Fits(activation, fits.at.take_along_dim(best, 1), gates, roots)
        error = fits.run(SECOND)
    best = error.argmin(1)[:, None, None, None]
    outputs = fits.outputs(fits.at.take_along_dim(best, 1))[:, 0]
    return outputs.numpy(), error.amin(1).sqrt().numpy()
