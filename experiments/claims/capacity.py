"""Do continuous, smooth activations use their capacity for information better?

Effective rank and participation ratio of the hidden representations of the default study's networks, and how much the
code of a single quantized neuron says about the class.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.capacity import code_information, effective_rank, participation_ratio, spectrum
from experiments.measures.output_codes import output_quantizers
from quantstudy.claims.experiment import Measured
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Ints, Mask, Numbers
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.quantize.scheme import IntFormat
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

STUDY = StudyConfig(bits=(4, 8))

CLAIM = Claim(
    name="capacity",
    says="Continuous, smooth functions use their capacity for information better.",
    measured=(
        "Effective rank and participation ratio of each hidden layer over the plane, and mutual information of "
        "single neurons' codes with the class at 8 and 4 bits: silu and gelu minus the mean of the other five."
    ),
    parts=(
        Part("rank", "effective rank of the last hidden layer is higher (dimensions of 8)", 0.25, "dimensions"),
        Part(
            "information_8",
            "a single neuron's 8-bit code tells more of the class, mean of all hidden neurons",
            0.02,
            "bits",
        ),
        Part(
            "information_4",
            "a single neuron's 4-bit code tells more of the class, mean of all hidden neurons",
            0.02,
            "bits",
        ),
        Part(
            "participation", "participation ratio of the last hidden layer is higher", 0.25, "dimensions", decides=False
        ),
        Part("rank_all", "effective rank is higher, mean of the hidden layers", 0.25, "dimensions", decides=False),
        Part(
            "bounded",
            "effective rank of the last hidden layer is higher than hardgelu's alone",
            0.25,
            "dimensions",
            decides=False,
        ),
    ),
    main="rank",
)

SMOOTH = ("silu", "gelu")
"""The continuous, smooth ones of the article."""

LAYER, ALL = "layer", "all"
"""Cases: one hidden layer (`x` is its number, from 0), or the mean of all of them."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together."""
    from quantstudy.engine.trained import pieces

    return pieces(STUDY.activations, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return rank, participation ratio and information of every hidden layer, and their means over the layers.

    A layer whose outputs are all constant has rank and participation ratio 0, a dead neuron holds 0 bits.

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import subject

    stack, masks = trained_stack(STUDY, activation, first, last)
    with torch.no_grad():
        maps = subject(stack, range(first, last), masks).maps
        codes = {
            bits: [
                quantizer.codes(output).numpy()
                for quantizer, output in zip(output_quantizers(STUDY, stack, maps, bits), maps.outputs, strict=True)
            ]
            for bits in STUDY.bit_widths
        }
    classes = masks.reshape(len(masks), 1, -1)
    layers = [
        layer_measures(
            output.numpy(), {bits: (found[layer], IntFormat(bits)) for bits, found in codes.items()}, classes
        )
        for layer, output in enumerate(maps.outputs)
    ]
    means = {name: np.mean([layer[name] for layer in layers], axis=0) for name in layers[0]}
    variants = [({"case": LAYER, "x": float(number)}, layer) for number, layer in enumerate(layers)]
    return variant_rows(SCHEMA, activation, range(first, last), [*variants, ({"case": ALL}, means)])


def layer_measures(outputs: Numbers, codes: "dict[int, tuple[Ints, IntFormat]]", classes: Mask) -> dict[str, Floats]:
    """Return the measures of one hidden layer, each `[models]`.

    Args:
        outputs: float outputs `[models, width, points]`.
        codes: per width of integers the codes, of the outputs' shape, and their format.
        classes: whether a point is an island, `[models, 1, points]`.
    """
    eigenvalues = spectrum(outputs)
    return {
        "effective_rank": effective_rank(eigenvalues),
        "participation": participation_ratio(eigenvalues),
        **{
            f"information_{bits}": code_information(found, classes, form.low, form.high).mean(axis=-1)
            for bits, (found, form) in codes.items()
        },
    }


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part and seed what silu and gelu have in the mean more than the mean of the other five."""
    others = [name for name in STUDY.activations if name not in SMOOTH]
    last = float(len(STUDY.hidden) - 1)
    rank = by_seed(table, "effective_rank", case=LAYER, x=last)
    return {
        "rank": contrast(rank, SMOOTH, others),
        "information_8": contrast(by_seed(table, "information_8", case=ALL), SMOOTH, others),
        "information_4": contrast(by_seed(table, "information_4", case=ALL), SMOOTH, others),
        "participation": contrast(by_seed(table, "participation", case=LAYER, x=last), SMOOTH, others),
        "rank_all": contrast(by_seed(table, "effective_rank", case=ALL), SMOOTH, others),
        "bounded": contrast(rank, SMOOTH, ["hardgelu"]),
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
