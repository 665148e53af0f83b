"""Can LeakyReLU not gate with one neuron, does it need neurons that cancel, and does that cost anything?

A gate is a value here and exactly 0 there. First whether the thing itself is there: fits of single neurons and small
groups to random step and bump gates on a line, without a bias behind them; the networks of the default study, where
neurons are exactly 0 and how much of what flows into a neuron cancels. Then what it costs networks to have no exact
zero, against networks of the same shape, first draw, minibatches and learning rate that have one.

Decided before the new experiments were measured (the old ones had been, on the same seeds: `never_off` 54 points,
`one_leaks` 0.000, `nets_cancel` 0.049 [0.027, 0.072]):

- Main: `nets_cancel`, «needs several that cancel» as networks do it. That leaky neurons are never exactly 0 follows
  from the formula; `never_off` says how much relu's networks make of it. `one_leaks` and `pair_helps` were to decide in
  the first reading and stand beside: at a slope of 0.01 a step cannot be missed by 0.05 more than by relu, whatever is
  fitted.

- *leaky* has the slope 0.01 in all that decides: that is the LeakyReLU of the claim, and of most networks. If the leak
  does harm, more of it does more: the mean of the slopes 0.1 and 0.3 stands beside each (`…_more`).
- `pair_helps`: two neurons fit more than one, whatever the function; what must show is that a second one helps leaky
  ones more than relu. (The first reading asked only whether it helps.)
- `costs_small`: at 4 neurons per layer, where none can be spared to balance another. One point, as wherever else here
  accuracies are compared. relu's networks lose neurons there for good, which is another claim; `costs_faded` has
  networks in relu's place whose slope fades from 0.3 to 0 in training, so that few of their neurons die.
- `cut`: a neuron's output is set to 0, not to its mean: what others have to balance is all of what it gives, its mean
  included. Only neurons that vary over the plane are cut, since cutting a dead one costs nothing, and relu has more of
  those. Two points, the study's `allowed_drop`. It cannot tell a neuron that is balanced from one that is used.
- `bump_leaks`: 2 % of the bump's height, five of the 255 steps of an 8-bit value and about the least difference of
  brightness that is seen (Weber's fraction, 1 to 2 %). What is flat is scored from 0.1 beyond the bump's foot.
- hardgelu has an exact zero too, but is curved and bounded besides: it stands beside.
- Batches are a quarter of the study's, which saves time; the rate is the study's 0.1 for all. On seeds 1000 to 1015
  that was the best of 0.03, 0.1 and 0.2 at 4,4,4 for relu and hardgelu, and half a point from the best (0.2) for the
  leaky ones; on bumps the best of 0.01, 0.03 and 0.1 for each.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.exact_zeros import half_line
from experiments.measures.gate_fits import BUMP, NEURONS, PLACES, STEP, draw_gate, fit, targets
from experiments.measures.gated_networks import CURVED, FADED, LEAKIER, bump_networks, island_networks
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

SIZES, SMALLEST, LARGEST = (4, 6, 8), 4.0, 8.0
"""Neurons of every hidden layer of the networks with and without an exact zero."""

BUMP_STEPS = 2000
"""Steps of training on a bump."""

POINTS: dict[str, Any] = {"unit": "points", "scale": 100.0}
HEIGHT: dict[str, Any] = {"unit": "% of height", "scale": 100.0}
BESIDE: dict[str, Any] = {"decides": False}

CLAIM = Claim(
    name="gating",
    says="LeakyReLU cannot gate with a single neuron: it needs several that cancel each other.",
    measured=(
        "Area where neurons are exactly 0 and what cancels of what flows into one (1 − |Σ wx| / Σ |wx|) in trained "
        "networks, and errors (RMS) of fits of 1, 2 and 4 neurons to gates. What it costs: accuracy, loss by one cut "
        "neuron, and leak around a bump of networks with slopes 0, 0.01, 0.1 and 0.3."
    ),
    parts=(
        Part(
            "never_off",
            "relu neurons are exactly 0 on more of the plane than leaky ones, which never are, by their formula",
            0.05,
            "points of area",
            100.0,
        ),
        Part("one_leaks", "one leaky neuron fits a step gate worse than one relu neuron", 0.05, **BESIDE),
        Part("pair_helps", "a second neuron helps that fit of leaky ones more than that of relu", 0.05, **BESIDE),
        Part(
            "nets_cancel", "more of what flows into a neuron cancels in leaky_relu networks than in relu networks", 0.02
        ),
        Part("costs_small", "relu networks of 4,4,4 are more accurate than leaky ones", 0.01, **POINTS),
        Part("cut", "one cut neuron costs leaky networks of 8,8,8 more accuracy than relu ones", 0.02, **POINTS),
        Part("bump_leaks", "around a bump in a flat plane leaky networks of 4,4,4 leak more than relu", 0.02, **HEIGHT),
        Part("costs_more", "relu is more accurate at 4,4,4 than slopes of 0.1 and 0.3", 0.01, **POINTS, **BESIDE),
        Part("costs_faded", "relu that begins as leaky is more accurate than leaky at 4,4,4", 0.01, **POINTS, **BESIDE),
        Part("costs_6", "relu is more accurate than leaky ones at 6,6,6", 0.01, **POINTS, **BESIDE),
        Part("costs_8", "relu is more accurate than leaky ones at 8,8,8", 0.01, **POINTS, **BESIDE),
        Part("costs_hardgelu", "hardgelu is more accurate than leaky ones at 4,4,4", 0.01, **POINTS, **BESIDE),
        Part("cut_more", "slopes of 0.1 and 0.3 lose more by one cut neuron than relu", 0.02, **POINTS, **BESIDE),
        Part("cut_mean", "leaky ones lose more than relu when a neuron is set to its mean", 0.02, **POINTS, **BESIDE),
        Part("cut_leak", "leaky ones lose accuracy when one neuron is 0 left of its bend", 0.02, **POINTS, **BESIDE),
        Part("bump_more", "around a bump slopes of 0.1 and 0.3 leak more than relu", 0.02, **HEIGHT, **BESIDE),
        Part("bump_hardgelu", "around a bump leaky ones leak more than hardgelu", 0.02, **HEIGHT, **BESIDE),
        Part("bump_flat", "around a bump relu is within 0.1 % of 0 on more of the plane", 0.05, **POINTS, **BESIDE),
        Part("bump", "one leaky neuron fits a bump gate worse than one relu neuron", 0.05, **BESIDE),
    ),
    main="nets_cancel",
)


NETWORK, LAYER, TRAIT, CURVE = "network", "layer", "trait", "curve"
"""Cases: trained networks, their layers (`x` is the layer's number, from 0), the function alone, a fit to seed 0's step
place by place (the case is `curve 1`, with the number of neurons; `x` is the place)."""

ISLANDS, FLAT = "islands", "flat"
"""Cases: networks of one size (`x` is the neurons of a hidden layer) trained on islands, and on a bump in a flat plane.
Activations there are those of `gated_networks.FUNCTIONS`: `leaky_relu 0.1` is one of slope 0.1."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together; all functions of one size."""
    from quantstudy.engine.trained import pieces, seed_blocks

    sizes = [
        {"case": case, "width": width, "first": first, "last": last}
        for first, last in seed_blocks(seeds)
        for width in SIZES
        for case in (ISLANDS, FLAT)
    ]
    return [*pieces(STUDY.activations, seeds), *sizes]


def measure(first: int, last: int, activation: str = "", case: str = "", width: int = 0) -> pa.Table:
    """Measure one piece: what fits and networks of one activation do, or networks of one size with all functions.

    Args:
        first: first seed.
        last: the one after the last.
        activation: its name.
        case: where none is given, ISLANDS or FLAT.
        width: and neurons of a hidden layer.
    """
    seeds = range(first, last)
    if activation:
        return activation_rows(activation, seeds)
    networks = (
        island_networks(STUDY, width, seeds) if case == ISLANDS else bump_networks(STUDY, width, seeds, BUMP_STEPS)
    )
    where = {"case": case, "x": float(width)}
    return pa.concat_tables(
        [variant_rows(SCHEMA, name, seeds, [(where, measures)]) for name, measures in networks.items()]
    )


def activation_rows(activation: str, seeds: range) -> pa.Table:
    """Return how well small groups fit gates, where trained neurons are 0, how much of what they receive cancels."""
    from quantstudy.engine.trained import trained_stack

    tables = [gate_rows(activation, gate, neurons, seeds) for gate in (STEP, BUMP) for neurons in NEURONS]
    stack, _ = trained_stack(STUDY, activation, seeds.start, seeds.stop)
    tables += [variant_rows(SCHEMA, activation, seeds, network_measures(stack))]
    if seeds.start == 0:
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


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part and seed leaky minus relu of what is bad, relu minus leaky of what is good."""
    relu, leaky = ["relu"], ["leaky_relu"]
    step = {neurons: by_seed(table, "error", case=STEP, x=float(neurons)) for neurons in (1, 2)}
    return {
        "never_off": contrast(by_seed(table, "off", case=NETWORK), relu, leaky),
        "one_leaks": contrast(step[1], leaky, relu),
        "pair_helps": contrast(step[1] - step[2], leaky, relu),
        "nets_cancel": contrast(by_seed(table, "cancels", case=NETWORK), leaky, relu),
        "bump": contrast(by_seed(table, "error", case=BUMP, x=1.0), leaky, relu),
        **costs(table),
    }


def costs(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part and seed what it costs to have no exact zero."""
    relu, leaky, more, curved = ["relu"], ["leaky_relu"], list(LEAKIER), [CURVED]
    right = {width: by_seed(table, "accuracy", case=ISLANDS, x=float(width)) for width in SIZES}
    lost = {by: by_seed(table, by, case=ISLANDS, x=LARGEST) for by in ("cut_zero", "cut_mean", "cut_leak")}
    leak, flat = (by_seed(table, metric, case=FLAT, x=SMALLEST) for metric in ("leak", "flat"))
    return {
        "costs_small": contrast(right[4], relu, leaky),
        "costs_faded": contrast(right[4], [FADED], leaky),
        "costs_more": contrast(right[4], relu, more),
        "costs_6": contrast(right[6], relu, leaky),
        "costs_8": contrast(right[8], relu, leaky),
        "costs_hardgelu": contrast(right[4], curved, leaky),
        "cut": contrast(lost["cut_zero"], leaky, relu),
        "cut_more": contrast(lost["cut_zero"], more, relu),
        "cut_mean": contrast(lost["cut_mean"], leaky, relu),
        "cut_leak": contrast(lost["cut_leak"], leaky, relu),
        "bump_leaks": contrast(leak, leaky, relu),
        "bump_more": contrast(leak, more, relu),
        "bump_hardgelu": contrast(leak, leaky, curved),
        "bump_flat": contrast(flat, relu, leaky),
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
