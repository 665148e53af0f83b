"""Do smooth, unbounded activations lose more at 8 and 4 bits, and bounded ones little? Is it the bound or the curve?

A 2 × 2 by construction, all trained and quantized alike: smooth or kinked × unbounded or bounded. The smooth bounded
ones are f(x) − f(x − 3) of silu and gelu, silu or gelu below, flat at 3 above; for relu the same is relu@3.

The article gives two reasons, a high range and a subtle curvature, so both decide: the bound as the difference of
unbounded and bounded ones, the curve as that of silu and gelu, unbounded and bounded, and their kinked twins. relu has
no smooth twin and takes no part in the second. (In the first reading both stood beside, at 7.98 and 0.94 points, and
relu was in the second.) Two points matter at 4 bits, all that a deployed network may lose, and a tenth of it at 8 bits,
where nobody loses two; both as in the first reading. Accuracy is that on the plane.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

STUDY = StudyConfig(bits=(4, 8))

GROUPS = {
    ("smooth", "unbounded"): ("silu", "gelu"),
    ("kinked", "unbounded"): ("relu", "hardswish", "hardgelu_uncapped"),
    ("smooth", "bounded"): ("silu_bounded", "gelu_bounded"),
    ("kinked", "bounded"): ("relu@3", "hardswish@3", "hardgelu"),
}
"""The 2 × 2; `hardswish` and `hardgelu_uncapped` are the kinked twins of silu and gelu."""

TWINS = {
    "silu": "hardswish",
    "gelu": "hardgelu_uncapped",
    "silu_bounded": "hardswish@3",
    "gelu_bounded": "hardgelu",
}
"""Smooth ones, and those that differ from them by their kinks alone."""

CLAIM = Claim(
    name="smooth_suffers",
    says="Smooth, unbounded activations lose more at 8 and 4 bits; bounded ones lose little.",
    measured=(
        "Accuracy lost at w4a4 and w8a8 (static, simulated) in a 2 × 2 of smooth or kinked and unbounded or "
        "bounded; the paired differences of its cells, and what the bounded ones lose."
    ),
    parts=(
        Part(
            "smooth_unbounded_4",
            "the smooth unbounded ones lose more than the mean of the other three cells at w4a4",
            0.02,
            "points",
            100.0,
        ),
        Part(
            "smooth_unbounded_8",
            "the smooth unbounded ones lose more than the mean of the other three cells at w8a8",
            0.002,
            "points",
            100.0,
        ),
        Part(
            "bounded_little_8",
            "the bounded ones lose less than 2 points at w8a8 (2 minus their loss)",
            0.0,
            "points",
            100.0,
        ),
        Part(
            "bounded_little_4",
            "the bounded ones lose less than 2 points at w4a4 (2 minus their loss)",
            0.0,
            "points",
            100.0,
        ),
        Part(
            "bound_4",
            "the bound: unbounded ones lose more than bounded ones at w4a4, mean of smooth and kinked ones",
            0.02,
            "points",
            100.0,
        ),
        Part(
            "smooth_4",
            "the curve: smooth ones lose more than their kinked twins at w4a4, bounded and unbounded alike",
            0.02,
            "points",
            100.0,
        ),
        Part(
            "bound_relu_4",
            "the bound for relu alone: relu loses more than relu@3 at w4a4",
            0.02,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "unbounded_4",
            "without a bound silu and gelu lose more than their kinked twins at w4a4",
            0.02,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "bound_8",
            "the bound: unbounded ones lose more than bounded ones at w8a8",
            0.002,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "smooth_8",
            "the curve: smooth ones lose more than their kinked twins at w8a8",
            0.002,
            "points",
            100.0,
            decides=False,
        ),
    ),
    main="smooth_unbounded_4",
)

BESIDE = ("leaky_relu", "prelu", "silu@3", "gelu@3")
"""Measured and shown, in no cell of the 2 × 2: straight ones that are no kin of silu, smooth ones with a hard cap."""

ALLOWED = STUDY.allowed_drop
"""Points that may be lost: what little means."""


def activations() -> tuple[str, ...]:
    """Return all that are measured: the 2 × 2, cell by cell, and those beside."""
    return (*(name for names in GROUPS.values() for name in names), *BESIDE)


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work, a block of seeds of one activation each, the slow ones (no kernel) first."""
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.engine.trained import pieces

    return sorted(
        pieces(activations(), seeds), key=lambda piece: parse_activation(piece["activation"]).kernel is not None
    )


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return what one activation loses at w, a and both of 4 and 8 bits, and the range of its outputs per layer.

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import subject
    from quantstudy.measure.variation import effects_of, plan_of, static_schemes

    stack, masks = trained_stack(STUDY, activation, first, last)
    with torch.no_grad():
        on = subject(stack, range(first, last), masks)
        schemes = [scheme for bits in STUDY.bit_widths for scheme in static_schemes(bits).values()]
        plans = [plan_of(stack, on.maps, STUDY, scheme) for scheme in schemes]
        lost = dict(zip(map(str, schemes), effects_of(on, plans), strict=True))
        spans = [np.asarray(maps.amax((1, 2)) - maps.amin((1, 2)), dtype=np.float64) for maps in on.maps.outputs]
    variants: Variants = [
        ({"case": scheme}, {"accuracy_drop": found["accuracy_drop"]}) for scheme, found in lost.items()
    ]
    variants += [({"case": "float", "x": float(layer)}, {"output_range": span}) for layer, span in enumerate(spans)]
    variants.append(({"case": "float"}, {"accuracy_float": on.float_logits.accuracy}))
    return variant_rows(SCHEMA, activation, range(first, last), variants)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the differences of the cells per seed, as fractions."""
    found: dict[str, Floats] = {}
    for bits in STUDY.bit_widths:
        cells = losses(table, f"w{bits}a{bits}")
        smooth, kinked = cells["smooth", "unbounded"], cells["kinked", "unbounded"]
        smooth_bounded, kinked_bounded = cells["smooth", "bounded"], cells["kinked", "bounded"]
        found[f"smooth_unbounded_{bits}"] = smooth - _mean((kinked, smooth_bounded, kinked_bounded))
        found[f"bounded_little_{bits}"] = ALLOWED - _mean((smooth_bounded, kinked_bounded))
        found[f"bound_{bits}"] = _mean((smooth - smooth_bounded, kinked - kinked_bounded))
        wide = by_seed(table, "accuracy_drop", case=f"w{bits}a{bits}")
        found[f"smooth_{bits}"] = contrast(wide, list(TWINS), list(TWINS.values()))
    at_4 = by_seed(table, "accuracy_drop", case="w4a4")
    found["bound_relu_4"] = contrast(at_4, ["relu"], ["relu@3"])
    found["unbounded_4"] = contrast(at_4, ["silu", "gelu"], [TWINS["silu"], TWINS["gelu"]])
    return found


def losses(table: pd.DataFrame, scheme: str) -> dict[tuple[str, str], Floats]:
    """Return per cell of the 2 × 2 the accuracy lost at one scheme, mean of its activations, `[seeds]`."""
    wide = by_seed(table, "accuracy_drop", case=scheme)
    return {cell: wide.reindex(columns=list(names)).to_numpy().mean(axis=1) for cell, names in GROUPS.items()}


def _mean(parts: Iterable[Floats]) -> Floats:
    return np.asarray(np.mean(list(parts), axis=0))


EXPERIMENT = Measured(CLAIM, units, measure, effects)
