"""What a cell of a sweep measures of one stack: every scheme of the study by the simulated path, and its repairs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from quantstudy_kernels.elementary import log2

from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats
from quantstudy.measure.answers import trivial_score
from quantstudy.measure.evaluation import Subject
from quantstudy.measure.recover import bench_of, heldout
from quantstudy.measure.variation import Variant, effects_of, plan_of
from quantstudy.quantize.recover.catalogue import repaired
from quantstudy.quantize.recover.names import PLAIN, parse_recipe
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.schemas import SWEPT, variant_rows

SETTINGS = ("target", "task", "frequency", "steps", "batch", "grid", "placement", "observer", "weight_observer")
"""Settings of a study that are columns as they are; `cell`, `hidden`, `lr`, `scales` and `input_bits` stand beside."""


def swept_rows(subject: Subject, config: StudyConfig, cell: str, recipes: Sequence[str] = ()) -> pa.Table:
    """Rows of one stack in float, under every scheme of the study, and repaired at its focus scheme.

    Args:
        subject: the float networks, with held-out points.
        config: their study, its `lr` the rate that they were trained with.
        cell: what the column `cell` says.
        recipes: as they print.
    """
    settings = {name: getattr(config, name) for name in SETTINGS} | {"cell": cell, "lr": config.lr}
    settings |= {"hidden": ",".join(map(str, config.hidden)), "scales": config.scales, "input_bits": config.input_bits}
    variants: list[Variant] = [({"scheme": "float", "recipe": PLAIN}, _in_float(subject))]
    plans = [plan_of(subject.stack, subject.calibration, config, scheme) for scheme in config.all_schemes]
    for scheme, effect in zip(config.all_schemes, effects_of(subject, plans), strict=True):
        variants.append(({"scheme": str(scheme), "recipe": PLAIN}, effect))
    variants += [_repaired(subject, config, recipe) for recipe in recipes]
    return variant_rows(
        SWEPT, subject.activation, subject.seeds, [({**settings, **what}, values) for what, values in variants]
    )


def _in_float(subject: Subject) -> Mapping[str, Floats]:
    ranked = subject.answers.ranked
    return {
        ranked.float.removeprefix("heldout_"): subject.score,
        ranked.float: subject.heldout_score,
        ranked.trivial: trivial_score(subject.data),
        "hidden_max_log2": _largest_outputs(subject),
    }


def _largest_outputs(subject: Subject) -> Floats:
    """Return log₂ of the largest output of a hidden layer where ranges come from, mean over the layers, [models].

    NaN where the outputs of a layer are nowhere above 0.
    """
    largest = np.stack([layer.amax(dim=(1, 2)).cpu().numpy() for layer in subject.calibration.outputs]).astype(float)
    found = np.where(largest > 0, log2(np.where(largest > 0, largest, 1.0)), np.nan)
    total = np.zeros(found.shape[1])
    for layer in found:  # in a fixed order, which `mean` does not promise
        total = total + layer
    return np.asarray(total / len(found))


def _repaired(subject: Subject, config: StudyConfig, named: str) -> tuple[dict[str, Any], Mapping[str, Floats]]:
    scheme, recipe = parse_scheme(config.focus_scheme), parse_recipe(named)
    given = Quantized(subject.stack, plan_of(subject.stack, subject.calibration, config, scheme))
    fixed = repaired(recipe, given, bench_of(subject, config))
    return {"scheme": str(scheme), "recipe": str(recipe)}, heldout(subject, fixed)
