"""Can LeakyReLU not gate with one neuron, and does it need pairs that cancel?

A gate is a value here and exactly 0 there. Fits of single neurons and small groups to random step and bump gates on a
line, without a bias behind them; then the networks of the default study: where neurons are exactly 0, and how much of
what flows into a neuron cancels.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats, ratio
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.tables import CLAIM as SCHEMA
from quantstudy.records.tables import variant_rows

if TYPE_CHECKING:
    import torch

    from quantstudy.networks.stack import Stack

STUDY = StudyConfig()

CLAIM = Claim(
    name="gating",
    says="LeakyReLU cannot gate with a single neuron: it needs several that cancel each other.",
    measured=(
        "Error (RMS, as a share of the gate's value) of the best fit to random step gates by 1, 2 and 4 neurons; in"
        " the trained networks the area where a neuron is exactly 0, and 1 − |Σ wx| / Σ |wx| of what flows into a "
        "neuron."
    ),
    parts=(
        Part("one_leaks", "one leaky neuron fits a step gate worse than one relu neuron", 0.05),
        Part("pair_helps", "two leaky neurons fit it better than one", 0.05),
        Part(
            "nets_cancel", "more of what flows into a neuron cancels in leaky_relu networks than in relu networks", 0.02
        ),
        Part(
            "never_off",
            "relu neurons are exactly 0 on more of the plane than leaky ones",
            0.05,
            "points of area",
            100.0,
            decides=False,
        ),
        Part("bump", "one leaky neuron fits a bump gate worse than one relu neuron", 0.05, decides=False),
    ),
)

STEP, BUMP = "step", "bump"
"""Cases: a gate that is 1 on one side of a place, or on a stretch, and 0 elsewhere; `x` is the number of neurons."""

NETWORK, LAYER, TRAIT, CURVE = "network", "layer", "trait", "curve"
"""Cases: trained networks, their layers (`x` is the layer's number, from 0), the function alone, a fit to seed 0's step
place by place (the case is `curve 1`, with the number of neurons; `x` is the place)."""

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


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together."""
    from quantstudy.engine.trained import pieces

    return pieces(STUDY.activations, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return how well small groups fit gates, where trained neurons are 0, how much of what they receive cancels.

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    from quantstudy.engine.trained import trained_stack

    seeds = range(first, last)
    tables = [gate_rows(activation, gate, neurons, seeds) for gate in (STEP, BUMP) for neurons in NEURONS]
    stack, _ = trained_stack(STUDY, activation, first, last)
    tables += [variant_rows(SCHEMA, activation, seeds, network_measures(stack))]
    if first == 0:
        traits = {name: np.array([float(value)]) for name, value in half_line(activation).items()}
        tables += [variant_rows(SCHEMA, activation, [0], [({"case": TRAIT}, traits)])]
    return pa.concat_tables(tables)


def gate_rows(activation: str, gate: str, neurons: int, seeds: range) -> pa.Table:
    """Return error and leak (largest |output| where a gate is 0 and scored) of the best fits, and seed 0's step fit."""
    outputs, errors = fit(activation, gate, neurons, seeds)
    wanted, roots = targets(np.array([draw_gate(gate, seed) for seed in seeds]))
    leaks = np.abs(outputs * ((wanted == 0.0) & (roots > 0.0))).max(axis=1)
    found = variant_rows(
        SCHEMA, activation, seeds, [({"case": gate, "x": float(neurons)}, {"error": errors, "leak": leaks})]
    )
    if seeds.start > 0 or gate != STEP:
        return found
    case = f"{CURVE} {neurons}"
    drawn: list[Any] = [
        ({"case": case, "x": place}, {"output": outputs[:1, number].round(4)}) for number, place in enumerate(PLACES)
    ]
    return pa.concat_tables([found, variant_rows(SCHEMA, activation, [0], drawn)])


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
            trial[:, :, : len(columns)] -= step.unflatten(2, (len(columns), -1))
            new = self.errors(trial)
            better = new < error
            self.at = torch.where(better[..., None, None], trial, self.at)
            error = torch.where(better, new, error)
            self.damping = torch.where(better[..., None], self.damping / 3.0, self.damping * 2.0).clamp_(1e-12, 1e8)
        return error


def _solved(columns: "torch.Tensor", right: "torch.Tensor", damping: Any, least: float) -> "torch.Tensor":
    """Return damped least squares: columns `[..., unknowns, places]`, right `[..., places]` → `[..., unknowns]`.

    Every unknown is damped by its own square norm, and all by a share `least` of the largest: what has no influence
    stays where it is.
    """
    import torch

    squares = columns @ columns.mT
    own = squares.diagonal(dim1=-2, dim2=-1)
    damped = squares + torch.diag_embed(damping * own + least * own.amax(-1, keepdim=True) + 1e-30)
    solved = torch.linalg.solve_ex(damped, columns @ right[..., None])[0][..., 0]
    return solved.nan_to_num_(0.0, 0.0, 0.0)


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


def network_measures(stack: "Stack") -> list[tuple[dict[str, Any], dict[str, Floats]]]:
    """Return what trained networks do over the plane, of all neurons together and by layer, each measure `[models]`.

    `off`: the share of the plane where a hidden neuron is exactly 0, mean over the neurons. `cancels`: what flows into
    the neurons of layers 1 … the output, 1 − |Σ w h| / Σ |w h| without the bias, mean over neurons and plane;
    `undefined`: the share of neurons and plane where nothing flows, which has no such value.
    """
    import torch

    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    with torch.no_grad():
        outputs = float_maps(stack, torch.from_numpy(plane(STUDY.grid))).outputs
        off = torch.stack([(output == 0.0).double().mean((1, 2)) for output in outputs])
        layers = [
            cancellation(weights.double(), output.double())
            for weights, output in zip(stack.weights[1:], outputs, strict=True)
        ]
    sums, counts = (np.stack([layer[part] for layer in layers]) for part in (0, 1))
    sizes = np.array([[weights.shape[1] * STUDY.grid**2] for weights in stack.weights[1:]])
    by_layer: list[Any] = [({"case": LAYER, "x": float(at)}, {"off": row.numpy()}) for at, row in enumerate(off)]
    by_layer += [
        ({"case": LAYER, "x": float(at + 1)}, {"cancels": ratio(sums[at], counts[at])}) for at in range(len(layers))
    ]
    widths = np.array(STUDY.hidden, dtype=np.float64)
    whole = {
        "off": np.average(off.numpy(), axis=0, weights=widths),
        "cancels": ratio(sums.sum(axis=0), counts.sum(axis=0)),
        "undefined": 1.0 - counts.sum(axis=0) / sizes.sum(),
    }
    return [({"case": NETWORK}, whole), *by_layer]


def cancellation(weights: "torch.Tensor", inputs: "torch.Tensor") -> tuple[Floats, Floats]:
    """Return the sum of 1 − |Σ w h| / Σ |w h| over neurons and points where something flows, and their number.

    Args:
        weights: `[models, out, in]`.
        inputs: `[models, in, points]`.
    """
    all_of_it = weights.abs() @ inputs.abs()
    flows = all_of_it > 0.0
    shares = 1.0 - (weights @ inputs).abs() / all_of_it.where(flows, all_of_it.new_ones(()))
    found = (shares.clamp(0.0, 1.0) * flows).sum((1, 2)), flows.sum((1, 2)).double()
    return found[0].numpy(), found[1].numpy()


def half_line(activation: str) -> dict[str, bool]:
    """Return whether a function is exactly 0 on a half line (looked for at −60 … −20 and 20 … 60), prelu's slope 0.25.

    `zero_half_line`: f and f' are 0 in float64; both, since gelu's x Φ(x) is rounded to 0 below −8.4 even there, its
    derivative is not. `zero_in_float32`: f is 0 in float32, be it by rounding: what a network computes.
    """
    import torch

    from quantstudy.networks.stack import INITIAL_SLOPE

    f = parse_activation(activation)
    sides = torch.linspace(20.0, 60.0, 4001, dtype=torch.float64) * torch.tensor([[-1.0], [1.0]])
    slope = torch.full((1, 1), INITIAL_SLOPE) if f.learned_slope else None
    value, rise = f.with_derivative(sides, None if slope is None else slope.double())
    return {
        "zero_half_line": bool(((value == 0.0) & (rise == 0.0)).all(dim=1).any()),
        "zero_in_float32": bool((f(sides.float(), slope) == 0.0).all(dim=1).any()),
    }


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part and seed leaky_relu minus relu (area: relu minus leaky_relu), one leaky neuron minus two."""
    relu, leaky = ["relu"], ["leaky_relu"]
    step = {neurons: by_seed(table, "error", case=STEP, x=float(neurons)) for neurons in (1, 2)}
    return {
        "one_leaks": contrast(step[1], leaky, relu),
        "pair_helps": np.asarray(step[1][leaky[0]] - step[2][leaky[0]], dtype=np.float64),
        "nets_cancel": contrast(by_seed(table, "cancels", case=NETWORK), leaky, relu),
        "never_off": contrast(by_seed(table, "off", case=NETWORK), relu, leaky),
        "bump": contrast(by_seed(table, "error", case=BUMP, x=1.0), leaky, relu),
    }
