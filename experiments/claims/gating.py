"""Can LeakyReLU not gate with one neuron, and does it need pairs that cancel?

A gate is a value here and exactly 0 there. Fits of single neurons and small groups to random step and bump gates on a
line, without a bias behind them; then the networks of the default study: where neurons are exactly 0, and how much of
what flows into a neuron cancels.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.gate_fits import BUMP, NEURONS, PLACES, STEP, draw_gate, fit, targets
from quantstudy.activations.catalogue import parse_activation
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats, ratio
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

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
    main="one_leaks",
)


NETWORK, LAYER, TRAIT, CURVE = "network", "layer", "trait", "curve"
"""Cases: trained networks, their layers (`x` is the layer's number, from 0), the function alone, a fit to seed 0's step
place by place (the case is `curve 1`, with the number of neurons; `x` is the place)."""


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
    drawn: Variants = [
        ({"case": case, "x": place}, {"output": outputs[:1, number].round(4)}) for number, place in enumerate(PLACES)
    ]
    return pa.concat_tables([found, variant_rows(SCHEMA, activation, [0], drawn)])


def network_measures(stack: "Stack") -> Variants:
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
    by_layer: Variants = [({"case": LAYER, "x": float(at)}, {"off": row.numpy()}) for at, row in enumerate(off)]
    by_layer += [
        ({"case": LAYER, "x": float(at + 1)}, {"cancels": ratio(sums[at], counts[at])}) for at in range(len(layers))
    ]
    neurons = np.array(STUDY.hidden, dtype=np.float64)
    whole = {
        "off": np.average(off.numpy(), axis=0, weights=neurons),
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


EXPERIMENT = Measured(CLAIM, units, measure, effects)
