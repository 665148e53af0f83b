"""How much of a bound is needed, and does each bit that it takes off the range save a bit of width?

Beside the article's claims. It ends on «minimal information loss … if we have trained with a bounded function»; here
the bound is given in doses. relu, silu, gelu and hardswish are trained with a cap at 1, 2, 3, 4, 6 and 10, with none,
and in three ways that are no fixed cap:

- `trained`: one learned cap per hidden layer, with a decay (PACT, Choi et al. 2018, arXiv 1805.06085, without its
  quantizer: all networks here are quantized after training). They start at the largest fixed dose, 10.
- `penalty`: no cap, but a term in the loss for the range of each hidden layer's outputs.
- `annealed`: a cap of 3 that rises during training and is gone before it ends, so that the network has none.

Islands, first weights, minibatches, rates and Adam are those of the study for all of them (`measures/bounded_training`:
the three ways go through the reference trainer's steps, which differ from the study's own by rounding alone).

Bits needed: the width from which on the loss of accuracy on the plane, each network against itself in float, is at most
the allowed two points, between whole widths 2 … 8 by linear interpolation; a network within it at 2 bits counts as 2,
one beyond it at 8 as 8 (the figure says how many). Bits saved: those that the uncapped network of the seed needs, minus
those of the variant. The promise: a quantizer's step is the range over the number of codes, so a range that is halved
is worth a bit, if a network bears the same step; it is the mean over the hidden layers (each has a quantizer of its
own) of log₂(range without the cap / range with it), the ranges of the float outputs over the plane, 0 included. A cap
that saves bits may still cost accuracy: hence float accuracy and the accuracy that is left at w4a4 beside it.

Decided before measuring, on seeds 1000 … 1015 alone: the strength of each way to bound, one for all four activations:
of a ladder the one with the highest mean accuracy of the four at w4a4 among those that cost at most half a point of
their float accuracy (`LADDERS`, `CHOSEN`). Without that limit the best would be whatever bounds most.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.bits_needed import bits_needed, censored, slope
from experiments.measures.bounded_training import Learned, Restraint, annealed, capped_subject, train_restrained
from quantstudy.activations.catalogue import CAPPED_BASES
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import stacked
from quantstudy.judge.statistics.jackknife import jackknife
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

if TYPE_CHECKING:
    from quantstudy.measure.evaluation import Subject

STUDY = StudyConfig()
ALLOWED = STUDY.allowed_drop
WIDTHS = tuple(range(2, 9))
"""Bits that are looked at."""

ACTIVATIONS = CAPPED_BASES
CAPS = (1, 2, 3, 4, 6, 10)
NONE, TRAINED, PENALTY, ANNEALED = "none", "trained", "penalty", "annealed"
DOSES = tuple(f"@{cap}" for cap in CAPS)
VARIANTS = (*DOSES, NONE, TRAINED, PENALTY, ANNEALED)
"""Cases of the table: how the outputs are bounded while a network is trained."""

ONLY, BOTH = "activations", "both"
"""What is quantized: hidden outputs alone (`aB`), or weights too (`wBaB`)."""

LADDERS: dict[str, tuple[Any, ...]] = {
    "cap": (0.25, 0.5, *CAPS),
    TRAINED: (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0),
    PENALTY: (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    ANNEALED: ((1 / 3, 2 / 3), (0.0, 1 / 3), (0.0, 2 / 3), (0.0, 0.9), (0.5, 0.9)),
}
"""What was tried: caps; factors of decay and penalty in the loss; when the annealed cap begins to rise and is gone."""

CHOSEN: dict[str, Any] = {"cap": 1, TRAINED: 3e-1, PENALTY: 1e-2, ANNEALED: (0.0, 1 / 3)}
"""The best of each ladder that costs at most half a point in float, on seeds 1000 … 1015: 88.5, 89.3, 84.5 and 69.5 %
at w4a4, 77.9 % with none. Caps of 0.25 and 0.5 (88.5 and 88.0 %) and a decay of 1 cost more than that; so does every
annealed cap that goes later than the chosen one, and at w4a4 all of them leave less than none."""

ARTICLES = 3
"""The article's cap, that of its HardGELU; the annealed one begins there too."""
DOUBLINGS = 6.0
"""By how many doublings the annealed cap rises before it is gone."""

_TWO_POINTS, _HALF_A_POINT, _PER_BIT = (ALLOWED, "points", 100.0), (0.005, "points", 100.0), (0.5, "bits per bit", 1.0)


def _asked(name: str, says: str, matters: tuple[float, str, float]) -> Part:
    return Part(name, says, *matters, decides=False)


CLAIM = Claim(
    name="bound_doses",
    says="How much of a bound quantization needs, what it saves and what it costs.",
    measured=(
        "Activation bits needed to stay within two points, accuracy at w4a4 and in float of four activations with "
        "caps 1 … 10, without, with learned caps, with a penalty on the range, and with a cap that goes away; bits "
        "saved against log₂ of the ranges' ratio."
    ),
    parts=(
        _asked(
            "slope",
            "a bit that a cap takes off the range saves more than half a bit of the activations' width",
            _PER_BIT,
        ),
        _asked("slope_both", "the same with the weights quantized to as many bits", _PER_BIT),
        _asked("cap_gain", f"the article's cap, {ARTICLES}, leaves more accuracy at w4a4 than none", _TWO_POINTS),
        _asked(
            "lower_gain",
            f"a cap at {CHOSEN['cap']} leaves more accuracy at w4a4 than one at {ARTICLES}",
            _TWO_POINTS,
        ),
        _asked("float_cost", f"the lowest cap, {CAPS[0]}, costs float accuracy against none", _HALF_A_POINT),
        _asked("lower_cost", f"a cap at {CHOSEN['cap']} costs float accuracy against one at {ARTICLES}", _HALF_A_POINT),
        _asked(
            "penalty_gain",
            f"a penalty on the range leaves more accuracy at w4a4 than a cap at {CHOSEN['cap']}",
            _TWO_POINTS,
        ),
        _asked(
            "trained_gain",
            f"learned caps leave more accuracy at w4a4 than one cap at {CHOSEN['cap']}",
            _TWO_POINTS,
        ),
        _asked(
            "annealed_keeps",
            "a cap that is gone before training ends still saves activation bits",
            (0.5, "bits", 1.0),
        ),
    ),
    main=None,
)
"""Two points are what a deployed network may lose; half a point is a quarter of that, before anything is quantized;
half a bit is where widths round to the next whole one, and a slope below a half would leave most of the promise open.
"""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work, a block of seeds of one activation in one variant, the slow ones first."""
    from quantstudy.engine.trained import pieces

    slow_first = sorted(VARIANTS, key=lambda variant: variant not in (TRAINED, PENALTY, ANNEALED))
    return [{**piece, "variant": variant} for variant in slow_first for piece in pieces(ACTIVATIONS, seeds)]


def measure(activation: str, variant: str, first: int, last: int) -> pa.Table:
    """Return accuracies in float and at every width, and the range of every hidden layer, of one variant.

    Args:
        activation: its name, without a cap.
        variant: one of `VARIANTS`.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.measure.variation import effects_of, plan_of, static_schemes

    with torch.no_grad():
        on, caps = trained_subject(activation, variant, first, last)
        which = [(part, bits) for part in (ONLY, BOTH) for bits in WIDTHS]
        plans = [plan_of(on.stack, on.maps, STUDY, static_schemes(bits)[part]) for part, bits in which]
        lost = effects_of(on, plans)
        spans = [(out.amax((1, 2)).clamp(min=0.0) - out.amin((1, 2)).clamp(max=0.0)).numpy() for out in on.maps.outputs]
    variants: Variants = [({"case": variant}, {"accuracy_float": on.float_logits.accuracy})]
    for (part, bits), found in zip(which, lost, strict=True):
        variants.append(({"case": variant, "x": float(bits)}, {f"accuracy_{part}": found["accuracy_quantized"]}))
    for layer, (span, cap) in enumerate(zip(spans, caps.T, strict=True)):
        learned = {"cap": cap} if variant == TRAINED else {}
        variants.append(({"case": variant, "x": float(layer)}, {"output_range": span, **learned}))
    return variant_rows(SCHEMA, activation, range(first, last), variants)


def trained_subject(
    activation: str, variant: str, first: int, last: int, strength: Any = None
) -> tuple["Subject", Floats]:
    """Return the trained networks of a variant and their caps [models, hidden layers] (NaN where they are not learned).

    Args:
        activation: its name, without a cap.
        variant: one of `VARIANTS`.
        first: first seed.
        last: the one after the last.
        strength: of a variant that has a ladder; the chosen one by default.
    """
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import subject
    from quantstudy.networks.stack import initial_stack
    from quantstudy.targets.islands import island_masks

    seeds = range(first, last)
    if variant not in (TRAINED, PENALTY, ANNEALED):
        stack, masks = trained_stack(STUDY, activation + (variant if variant != NONE else ""), first, last)
        return subject(stack, seeds, masks), np.full((len(seeds), stack.hidden), np.nan)
    masks = island_masks(seeds, STUDY.grid, STUDY.frequency)
    stack, caps = train_restrained(
        initial_stack(parse_activation(activation), seeds, STUDY.hidden),
        seeds,
        masks,
        restraint(variant, CHOSEN[variant] if strength is None else strength),
        steps=STUDY.steps,
        batch=STUDY.batch,
        lr=STUDY.lr,
    )
    return capped_subject(stack, caps, seeds, masks), np.asarray(caps.numpy(), dtype=np.float64)


def restraint(variant: str, strength: Any) -> Restraint:
    """Return what bounds the outputs in one of the three ways without a fixed cap, at one strength of its ladder."""
    if variant == TRAINED:
        return Restraint(learned=Learned(float(CAPS[-1]), strength))
    if variant == PENALTY:
        return Restraint(penalty=strength)
    return Restraint(cap_at=annealed(float(ARTICLES), DOUBLINGS, *strength))


def cube(table: pd.DataFrame, metric: str) -> Floats:
    """Return one metric, `[activations, variants, x, seeds]`; NaN where there is no row.

    >>> rows = [("relu", 0, "none", 2.0, "accuracy_both", 0.5), ("relu", 1, "none", 2.0, "accuracy_both", 0.6)]
    >>> table = pd.DataFrame(rows, columns=["activation", "seed", "case", "x", "metric", "value"])
    >>> found = cube(table, "accuracy_both")
    >>> found.shape, found[0, VARIANTS.index("none"), 0].tolist()
    ((4, 10, 1, 2), [0.5, 0.6])
    """
    kept = table[table["metric"] == metric].astype({"case": str}).fillna({"x": -1.0})
    return stacked(kept, activation=ACTIVATIONS, case=VARIANTS, x=sorted(kept["x"].unique()))


def losses(table: pd.DataFrame, part: str) -> Floats:
    """Return the accuracy lost, `[activations, variants, seeds, widths]`, hidden outputs quantized or `BOTH`."""
    return np.moveaxis(cube(table, "accuracy_float") - cube(table, f"accuracy_{part}"), 2, -1)


def needed(table: pd.DataFrame, part: str) -> Floats:
    """Return the bits needed, `[activations, variants, seeds]`."""
    return bits_needed(losses(table, part), np.array(WIDTHS), ALLOWED)


def ends(table: pd.DataFrame, part: str) -> tuple[int, int]:
    """Return how many networks are within the allowed loss at the fewest bits already, how many not at the most."""
    found = censored(losses(table, part), ALLOWED)
    return int((found < 0).sum()), int((found > 0).sum())


def saved(bits: Floats) -> Floats:
    """Return the bits that each variant saves against none, of the bits needed `[activations, variants, seeds]`."""
    return np.asarray(bits[:, [VARIANTS.index(NONE)]] - bits)


def promised(table: pd.DataFrame) -> Floats:
    """Return what the ranges promise, `[activations, variants, seeds]` in bits; NaN where a layer is constant."""
    spans = cube(table, "output_range")
    logs = np.log2(spans, out=np.full(spans.shape, np.nan), where=spans > 0).mean(axis=2)
    return saved(logs)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part a value per seed: pseudo-values of the slopes, means over the four activations of the others."""
    doses = [VARIANTS.index(dose) for dose in DOSES]
    only, promise = saved(needed(table, ONLY)), promised(table)
    both = saved(needed(table, BOTH))
    at_float = dict(zip(VARIANTS, cube(table, "accuracy_float")[:, :, 0].mean(axis=0), strict=True))
    at_four = dict(zip(VARIANTS, cube(table, "accuracy_both")[:, :, WIDTHS.index(4)].mean(axis=0), strict=True))
    best = at_four[f"@{CHOSEN['cap']}"]
    return {
        "slope": jackknife(slope, only[:, doses], promise[:, doses]),
        "slope_both": jackknife(slope, both[:, doses], promise[:, doses]),
        "cap_gain": at_four[f"@{ARTICLES}"] - at_four[NONE],
        "lower_gain": best - at_four[f"@{ARTICLES}"],
        "float_cost": at_float[NONE] - at_float[DOSES[0]],
        "lower_cost": at_float[f"@{ARTICLES}"] - at_float[f"@{CHOSEN['cap']}"],
        "penalty_gain": at_four[PENALTY] - best,
        "trained_gain": at_four[TRAINED] - best,
        "annealed_keeps": only[:, VARIANTS.index(ANNEALED)].mean(axis=0),
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
