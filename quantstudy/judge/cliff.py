"""From how many bits on: flip rates over widths, and the least width that stays within a limit."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantstudy.judge.parity import differing
from quantstudy.judge.statistics.bootstrap import CONFIDENCE, Floats, resampled_means
from quantstudy.judge.statistics.seeds import DIGITS, SeedTable, by_seed, missing, triples

LIMITS = (0.01, 0.05)
"""Flip rates that are asked for."""

KEYS = ("activation", "quantized", "bits")

SCHEMES = {"weights": "w{0}", "activations": "a{0}", "both": "w{0}a{0}"}
"""The scheme that quantizes each part at some width."""


def judge_cliff(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    allowed_drop: float,
    not_learned: Collection[str] = (),
    differences: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return, per quantized part and activation, the curve of flip rates and the least widths that are safe.

    Args:
        frame: cliff.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        allowed_drop: largest deployable drop of accuracy, a fraction.
        not_learned: activations that are deployable at no width.
        differences: where the backends differ (`parity`): there they are not deployable either.

    Returns:
        `{part: {activation: {"curve": [{"bits", "mean", "low", "high"}], "smallest": {limit: S}, "deployable": S,
        "missing": seeds without a finite value at some width}}}`;
        S = `{"bits", "low", "high"}`: the least width from which on, at all wider ones too, the mean flip rate is
        within the limit (the drop's upper end within the allowed one), and the 95 % percentile interval of that width
        over resampled seeds. None: no width here is, or nothing is known. A width with a missing value never is.
    """
    flips, drops = (by_seed(frame, metric, KEYS, seeds) for metric in ("flip_rate", "accuracy_drop"))
    widths = sorted(int(bits) for bits in frame["bits"].unique())
    parts = dict.fromkeys(map(str, frame["quantized"].unique()))

    def one(name: str, part: str) -> dict[str, Any]:
        schemes = (SCHEMES[part].format(bits) for bits in widths)
        barred = [name in not_learned or name in differing(differences or {}, scheme) for scheme in schemes]
        return _one(flips, drops, (name, part), widths, np.where(barred, -math.inf, allowed_drop))

    return {part: {name: one(name, part) for name in activations} for part in parts}


def _one(
    flips: SeedTable, drops: SeedTable, of: tuple[str, str], widths: Sequence[int], allowed: Floats
) -> dict[str, Any]:
    rates, lost = (np.concatenate([table.of(of[:1], of[1], bits) for bits in widths]) for table in (flips, drops))
    curve = triples(rates, 0.0)
    fits = np.array(
        [
            three["high"] is not None and three["high"] <= most
            for three, most in zip(triples(lost), allowed, strict=True)
        ]
    )
    return {
        "curve": [{"bits": bits, **three} for bits, three in zip(widths, curve, strict=True)],
        "smallest": {f"{limit:g}": smallest(rates, widths, limit) for limit in LIMITS},
        "deployable": {"bits": _width(_first(fits[:, None])[0], widths), "low": None, "high": None},
        "missing": missing(rates, lost),
    }


def smallest(rates: Floats, widths: Sequence[int], limit: float) -> Mapping[str, int | None]:
    """Return the least width from which on the mean is at most `limit`, and its 95 % interval over resampled seeds.

    Args:
        rates: `[widths, seeds]`; no width at which a value is missing (NaN) is within the limit.
        widths: ascending.
        limit: in the unit of the rates.

    >>> smallest(np.array([[0.20, 0.30], [0.02, 0.04], [0.001, 0.002]]), (4, 6, 8), 0.05)
    {'bits': 6, 'low': 6, 'high': 6}
    """
    rates = np.where(np.isfinite(rates), rates, np.nan)
    bits = _width(_first(_within(rates.mean(axis=1, keepdims=True), limit))[0], widths)
    if rates.shape[1] == 1:
        return {"bits": bits, "low": None, "high": None}
    places = _first(_within(resampled_means(rates), limit))
    low, high = np.quantile(places, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="inverted_cdf")
    return {"bits": bits, "low": _width(low, widths), "high": _width(high, widths)}


def _within(means: Floats, limit: float) -> NDArray[np.bool_]:
    return np.asarray(np.round(means, DIGITS) <= limit)


def _first(within: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the place from which on all are within the limit, `[resamples]`; the number of places where none is."""
    kept = np.logical_and.accumulate(within[::-1], axis=0)
    return np.asarray(len(within) - kept.sum(axis=0))


def _width(place: float, widths: Sequence[int]) -> int | None:
    return widths[int(place)] if place < len(widths) else None
