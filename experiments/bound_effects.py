"""What a bound gains in a sweep over width, depth and bits, and whether that follows the range that it takes off.

Of a pair (a function without and with a cap at 3), one network shape and one number of bits: *effect* is the drop of
held-out accuracy without the cap minus that with it, paired by seed; *range* is log₂(largest hidden output without the
cap / 3), mean over the hidden layers; *saved* are the bits that the cap saves until at most 2 points are lost, between
whole ones by lines (`measures.bits_needed`). What was expected is in experiments/LOG.md, written before it was run.
What was looked at afterwards is *taken*: what the cap takes off the range against the spread of the outputs
(`bound_spread`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.bound_statistics import left, line, resampled, spearman, three
from experiments.measures.bits_needed import bits_needed, censored, slope
from quantstudy.config.study import StudyConfig
from quantstudy.judge.cliff import SCHEMES
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import stacked
from quantstudy.judge.statistics.jackknife import jackknife
from quantstudy.judge.statistics.seeds import json_number

PAIRS = {
    "relu": "relu@3",
    "silu": "silu@3",
    "gelu": "gelu@3",
    "hardswish": "hardswish@3",
    "hardgelu_uncapped": "hardgelu",
}
"""Functions without and with the cap."""

CAP = 3.0
BITS = (2, 3, 4, 5, 6, 7, 8)
FOCUS = BITS.index(4)
ALLOWED = StudyConfig().allowed_drop
PARTS = ("both", "activations", "weights")
DROP, FULL, RANGE = "heldout_accuracy_drop", "heldout_accuracy_float", "hidden_max_log2"

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Bound:
    """What the sweep measured; shapes are in the order of `shapes`.

    Attributes:
        shapes: neurons of the hidden layers.
        drops: per part that is quantized `[pairs, without and with the cap, shapes, bits, seeds]`.
        tops: log₂ of the largest hidden output, `[pairs, without and with, shapes, seeds]`.
        full: held-out accuracy in float, likewise.
    """

    shapes: tuple[tuple[int, ...], ...]
    drops: Mapping[str, Floats]
    tops: Floats
    full: Floats

    @property
    def range(self) -> Floats:
        """Bits that the cap takes off the range, `[pairs, shapes, seeds]`."""
        return np.asarray(self.tops[:, 0] - np.log2(CAP))

    def effect(self, part: str) -> Floats:
        """What the cap gains, `[pairs, shapes, bits, seeds]`."""
        return np.asarray(self.drops[part][:, 0] - self.drops[part][:, 1])

    def saved(self, part: str) -> Floats:
        """Bits that the cap saves, `[pairs, shapes, seeds]`."""
        needed = bits_needed(np.moveaxis(self.drops[part], 3, -1), np.array(BITS), ALLOWED)
        return np.asarray(needed[:, 0] - needed[:, 1])

    def ends(self, part: str) -> dict[str, int]:
        """How many networks are within the allowed loss at the fewest bits already, and how many not at the most."""
        found = censored(np.moveaxis(self.drops[part], 3, -1), ALLOWED)
        return {"networks": found.size, "fewest": int((found < 0).sum()), "most": int((found > 0).sum())}

    def where(self, axis: str) -> list[int]:
        """Return the shapes along an axis: widths at depth 3, depths at width 8, in ascending order."""
        chosen = [at for at, shape in enumerate(self.shapes) if (len(shape) == 3 if axis == "width" else shape[0] == 8)]
        return sorted(chosen, key=lambda at: value_of(self.shapes[at], axis))


def value_of(shape: Sequence[int], axis: str) -> int:
    """Return the width or the depth of a shape.

    >>> value_of((8, 8), "width"), value_of((8, 8), "depth")
    (8, 2)
    """
    return shape[0] if axis == "width" else len(shape)


def bound_of(frame: pd.DataFrame) -> Bound:
    """Return what the table of the sweep holds; NaN where a cell is missing.

    Args:
        frame: columns `activation`, `hidden`, `scheme`, `seed`, `metric`, `value`.
    """
    frame = frame.astype({"hidden": str, "scheme": str, "metric": str})
    shapes = tuple(sorted({tuple(map(int, text.split(","))) for text in frame["hidden"].unique()}))
    hidden = [",".join(map(str, shape)) for shape in shapes]
    names = [name for pair in PAIRS.items() for name in pair]

    def of(metric: str, schemes: list[str]) -> Floats:
        kept = frame[(frame["metric"] == metric) & frame["scheme"].isin(schemes)]
        found = stacked(kept, activation=names, hidden=hidden, scheme=schemes)
        return found.reshape(len(PAIRS), 2, *found.shape[1:])

    drops = {part: of(DROP, [SCHEMES[part].format(bits) for bits in BITS]) for part in PARTS}
    return Bound(shapes, drops, of(RANGE, ["float"])[:, :, :, 0], of(FULL, ["float"])[:, :, :, 0])


def judged(bound: Bound, taken: Floats) -> dict[str, Any]:
    """Return all numbers of the finding, see the head of this file; accuracies as fractions.

    Args:
        bound: what the sweep measured.
        taken: `bound_spread.taken`, `[pairs, shapes, seeds]`.
    """
    span, effects = bound.range, {part: bound.effect(part) for part in PARTS}
    saved = {part: bound.saved(part) for part in ("activations", "both")}
    points = [
        {
            "pair": name,
            "hidden": ",".join(map(str, shape)),
            "range": three(span[pair, at]),
            "taken": three(taken[pair, at]),
            "effect": {part: three(effects[part][pair, at, FOCUS]) for part in PARTS},
            "saved": {part: three(values[pair, at]) for part, values in saved.items()},
            "full": [three(bound.full[pair, capped, at]) for capped in (0, 1)],
        }
        for pair, name in enumerate(PAIRS)
        for at, shape in enumerate(bound.shapes)
    ]
    return {
        "seeds": span.shape[-1],
        "points": points,
        "bits": {
            part: [three(values[:, :, at].mean(axis=(0, 1))) for at in range(len(BITS))]
            for part, values in effects.items()
        },
        "along": {axis: _along(bound, axis, saved["activations"]) for axis in ("width", "depth")},
        "expected": _expected(bound, span, effects["both"][:, :, FOCUS], saved),
        "afterwards": _afterwards(span, taken, effects["both"][:, :, FOCUS], saved),
        "ends": {part: bound.ends(part) for part in saved},
    }


def _expected(bound: Bound, span: Floats, effect: Floats, saved: Mapping[str, Floats]) -> dict[str, Any]:
    """Return what the expectations are held against.

    A row is a pair in a shape; one of which a network has a layer that is 0 everywhere has no range and is left out.
    """
    flat, gained = (values.reshape(-1, values.shape[-1]) for values in (span, effect))
    whole = np.isfinite(flat).all(axis=1)
    flat, gained = flat[whole], gained[whole]
    shapes = np.tile(np.arange(len(bound.shapes)), len(PAIRS))[whole]
    along: dict[str, Any] = {}
    for axis in ("width", "depth"):
        where = bound.where(axis)
        rows = np.isin(shapes, where)
        value = np.array([[float(value_of(bound.shapes[at], axis))] for at in shapes[rows]])

        def remains(x: Floats, y: Floats, rows: Flags = rows, value: Floats = value) -> Floats:
            return spearman(np.broadcast_to(value, (len(value), x.shape[1])), left(x, y)[rows])

        along[axis] = {
            "values": [value_of(bound.shapes[at], axis) for at in where],
            "left": resampled(remains, flat, gained),
            "saved": {
                part: three(jackknife(slope, values[:, where], span[:, where])) for part, values in saved.items()
            },
        }
    return {
        "rows": int(whole.sum()),
        "left_out": int((~whole).sum()),
        "spearman": resampled(spearman, flat, gained),
        "slope": resampled(lambda x, y: line(x, y)[0], flat, gained),
        "saved": {part: three(jackknife(slope, values, span)) for part, values in saved.items()},
        **along,
    }


def _along(bound: Bound, axis: str, saved: Floats) -> dict[str, Any]:
    """Return what moves along an axis, means over the pairs; of the range over those that have one in every shape.

    `trend` is what the effect grows by from one width to twice as many, or by a further layer.
    """
    where, span = bound.where(axis), bound.range
    ranged = np.isfinite(span).all(axis=(1, 2))
    tables = {
        "effect": bound.effect("both")[:, :, FOCUS],
        "loss": bound.drops["both"][:, 0, :, FOCUS],
        "saved": saved,
        "range": span[ranged],
    }
    means = {name: [three(table[:, at].mean(axis=0)) for at in where] for name, table in tables.items()}
    values = [value_of(bound.shapes[at], axis) for at in where]
    steps = np.array(values if axis == "depth" else np.log2(values), dtype=np.float64)[:, None]
    trend, _ = line(steps, tables["effect"][:, where].mean(axis=0))
    return {"values": values, "ranged": int(ranged.sum()), "trend": three(trend), **means}


def _afterwards(span: Floats, taken: Floats, effect: Floats, saved: Mapping[str, Floats]) -> dict[str, Any]:
    """Return what was looked at once the expectation had failed, over the pairs and shapes that have both ranges."""
    whole = (np.isfinite(span) & np.isfinite(taken)).all(axis=2)
    means = taken[whole].mean(axis=1)
    return {
        "taken": three(taken[whole].mean(axis=0)),
        "range": three(span[whole].mean(axis=0)),
        "between": [json_number(end) for end in (means.min(), means.max())],
        "spearman": resampled(spearman, taken[whole], effect[whole]),
        "saved": {part: three(jackknife(slope, values[whole], taken[whole])) for part, values in saved.items()},
    }


def follows(found: Mapping[str, Any]) -> bool:
    """Return whether the effect follows the range alone, by the rule that was written down before it was measured."""
    expected = found["expected"]
    alone = all(abs(expected[axis]["left"]["mean"]) < 0.3 for axis in ("width", "depth"))
    return bool(expected["spearman"]["mean"] >= 0.7 and expected["slope"]["low"] > 0 and alone)
