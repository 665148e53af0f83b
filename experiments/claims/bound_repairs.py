"""Is a bound a repair of its own: does it still help where networks are equalized, or polished, after quantization?

Beside the article's claims. A first control had made hardgelu's lead over relu and prelu at w4a4 vanish once these were
equalized. A bound evens out ranges while a network is trained; equalization evens out those of weights afterwards, and
polish moves the integers themselves. If a bound does no more than one of these does, it gains nothing where they are
done too: their gains do not add up, and the interaction of bound and repair is as large as the gain itself.

Networks are those of the study, trained with a cap of 3 on every hidden output and with none, quantized to w4a4 as the
study does, and left plain, equalized (Nagel et al. 2019, arXiv 1906.04721), polished, or both. relu, leaky_relu and
prelu are equalized without a change of what they do in float; with a cap they are not, since the cap stays where it is
and neurons do not: their loss in float is measured beside. Smooth activations are polished only.

Accuracy at the held-out points. Gains are differences of accuracies, means over the activations at each seed.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import stacked
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

STUDY = StudyConfig()
SCHEME = "w4a4"

STRAIGHT = ("relu", "leaky_relu", "prelu")
"""Activations that are equalized exactly."""

ACTIVATIONS = (*STRAIGHT, "silu", "gelu", "hardswish")
BOUNDS = ("", "@3")
"""What is added to an activation's name: no cap, and the article's."""

PLAIN, EQUALIZED, POLISHED, BOTH = "plain", "equalize", "polish", "equalize+polish"
REPAIRS = (PLAIN, EQUALIZED, POLISHED, BOTH)

_TWO_POINTS = (STUDY.allowed_drop, "points", 100.0)


def _asked(name: str, says: str) -> Part:
    return Part(name, says, *_TWO_POINTS, decides=False)


CLAIM = Claim(
    name="bound_repairs",
    says="Whether a bound still helps where networks are equalized, or polished, after quantization.",
    measured=(
        "Held-out accuracy at w4a4 of six activations trained with a cap of 3 and with none, plain and polished; of "
        "relu, leaky_relu and prelu also equalized: gains of each, and the interaction of bound and repair."
    ),
    parts=(
        _asked("cap", "a cap gains accuracy for relu, leaky_relu and prelu without any repair"),
        _asked("equalize", "equalization gains accuracy for these without a cap"),
        _asked("cap_equalized", "a cap gains accuracy where both are equalized"),
        _asked("equalize_interaction", "equalization gains more with a cap than without"),
        _asked("cap_or_equalize", "a cap alone leaves more accuracy than equalization alone"),
        _asked("cap_all", "a cap gains accuracy for all six without any repair"),
        _asked("polish", "polish gains accuracy for all six without a cap"),
        _asked("cap_polished", "a cap gains accuracy where both are polished"),
        _asked("polish_interaction", "polish gains more with a cap than without"),
        _asked(
            "cap_polish_equalized", "a cap gains accuracy for the first three where both are equalized and polished"
        ),
    ),
    main=None,
)
"""Two points are what a deployed network may lose."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: a block of seeds of one activation, with a cap or without."""
    from quantstudy.engine.trained import pieces

    return [{**piece, "bound": bound} for bound in BOUNDS for piece in pieces(ACTIVATIONS, seeds)]


def measure(activation: str, bound: str, first: int, last: int) -> pa.Table:
    """Return the held-out accuracy in float and at w4a4, after every repair.

    Args:
        activation: its name, without a cap.
        bound: one of `BOUNDS`.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.engine.learnt import data_of
    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import measured
    from quantstudy.measure.recover import bench_of, heldout
    from quantstudy.measure.variation import plan_of
    from quantstudy.quantize.recover.catalogue import repaired
    from quantstudy.quantize.recover.equalize import equalized
    from quantstudy.quantize.recover.names import parse_recipe
    from quantstudy.quantize.recover.recipe import Quantized
    from quantstudy.quantize.scheme import parse_scheme

    seeds, straight = range(first, last), activation in STRAIGHT
    with torch.no_grad():
        stack, _ = trained_stack(STUDY, activation + bound, first, last)
        on = measured(stack, seeds, data_of(STUDY, seeds))
        given = Quantized(stack, plan_of(stack, on.calibration, STUDY, parse_scheme(SCHEME)))
        found = {"float": on.heldout_score}
        if straight:
            found["float, equalized"] = on.heldout_score_of(equalized(stack))
        for repair in REPAIRS if straight else (PLAIN, POLISHED):
            fixed = repaired(parse_recipe(repair), given, bench_of(on, STUDY))
            found[repair] = heldout(on, fixed)["heldout_accuracy_quantized"]
    variants: Variants = [({"case": _case(bound, what)}, {"accuracy": values}) for what, values in found.items()]
    return variant_rows(SCHEMA, activation, seeds, variants)


def _case(bound: str, repair: str) -> str:
    return f"{bound or 'none'}, {repair}"


def accuracies(table: pd.DataFrame, repair: str, activations: tuple[str, ...] = ACTIVATIONS) -> Floats:
    """Return the accuracy after a repair, `[bounds, activations, seeds]`; NaN where there is no row."""
    cases = [_case(bound, repair) for bound in BOUNDS]
    return np.moveaxis(stacked(table.astype({"case": str}), activation=activations, case=cases), 1, 0)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part a value per seed, the mean over the activations."""
    three = {repair: accuracies(table, repair, STRAIGHT).mean(axis=1) for repair in REPAIRS}
    six = {repair: accuracies(table, repair).mean(axis=1) for repair in (PLAIN, POLISHED)}
    gain = {repair: bounds[1] - bounds[0] for repair, bounds in three.items()}
    gain_of_all = {repair: bounds[1] - bounds[0] for repair, bounds in six.items()}
    return {
        "cap": gain[PLAIN],
        "equalize": three[EQUALIZED][0] - three[PLAIN][0],
        "cap_equalized": gain[EQUALIZED],
        "equalize_interaction": gain[EQUALIZED] - gain[PLAIN],
        "cap_or_equalize": three[PLAIN][1] - three[EQUALIZED][0],
        "cap_all": gain_of_all[PLAIN],
        "polish": six[POLISHED][0] - six[PLAIN][0],
        "cap_polished": gain_of_all[POLISHED],
        "polish_interaction": gain_of_all[POLISHED] - gain_of_all[PLAIN],
        "cap_polish_equalized": gain[BOTH],
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
