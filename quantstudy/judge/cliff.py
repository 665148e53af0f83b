"""The bit cliff: how much of the output changes over bit widths, and the smallest width that stays within a limit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantstudy.config.metrics import Ranked
from quantstudy.judge.deployable import Limits, passing, shipping, suffices, suffices_in_halves
from quantstudy.judge.facts import ends, is_fact, too_low
from quantstudy.judge.parity import differing
from quantstudy.judge.statistics.bootstrap import ERROR, TAILS, Floats, resampled_means
from quantstudy.judge.statistics.halves import stability
from quantstudy.judge.statistics.seeds import DIGITS, SeedTable, by_seed, missing, triples

LIMITS = {"flip_rate": (0.01, 0.05), "psnr_drop": (1.0, 3.0)}
"""Flip rates, or PSNR lost in dB, for which the smallest sufficient bit width is reported.

At 3 dB the error of quantization is as large as that of the float network, at 1 dB a quarter of it.
"""

KEYS = ("activation", "quantized", "bits")

SCHEMES = {"weights": "w{0}", "activations": "a{0}", "both": "w{0}a{0}"}
"""The scheme that quantizes each part to some bit width."""


def judge_cliff(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    limits: Limits,
    not_learned: Collection[str] = (),
    differences: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the curves of flip rates, or of PSNR lost, and the smallest safe bit widths, per part and activation.

    Args:
        frame: cliff.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        limits: what the study asks of what is deployable.
        not_learned: activations that are not deployable at any bit width.
        differences: schemes and activations at which the backends differ (`parity`), not deployable either.

    Returns:
        `{part: {activation: {"curve": [{"bits", "mean", "low", "high"}], "smallest": {limit: S}, "deployable": S,
        "missing": seeds without a finite value at some bit width}}}`;
        S = `{"bits", "low", "high"}`: the smallest bit width at which, and at all larger ones, the mean is
        within the limit (one with a missing value never is), and its 95 % percentile interval over resampled seeds.
        For `deployable`: the smallest from which on it is deployable (`deployable.suffices`), `low` and `high` None,
        and `stability`, the share of the halves of the seeds that have the same one. `bits` is None if there is none.

        The whole is `{"bit_cliff": that, "first_width": {part: {"bits", "activations", "stability", "sure"}}}`: the
        first width at which any activation is deployable, which are, how many halves have the same first width, and
        whether that is a fact: with so many activations the first is early by chance, so one of these must be
        deployable there and at all wider ones by a bound corrected for their number, too.
    """
    by = limits.ranked
    changes, drops, kept = (by_seed(frame, metric, KEYS, seeds) for metric in (by.disturbed, by.drop, by.quantized))
    bit_widths = sorted(int(bits) for bits in frame["bits"].unique())
    parts = dict.fromkeys(map(str, frame["quantized"].unique()))

    def table(of: SeedTable, name: str, part: str) -> Floats:
        return np.concatenate([of.of([name], part, bits) for bits in bit_widths])

    def allowed(name: str, part: str) -> NDArray[np.bool_]:
        schemes = (SCHEMES[part].format(bits) for bits in bit_widths)
        return np.array([name not in {*not_learned, *differing(differences or {}, scheme)} for scheme in schemes])

    found: dict[str, Any] = {"bit_cliff": {}, "first_width": {}}
    for part in parts:
        lost, right = ([table(of, name, part) for name in activations] for of in (drops, kept))
        widths = [
            _Widths.of(drop, accuracy, allowed(name, part), limits, len(activations))
            for name, drop, accuracy in zip(activations, lost, right, strict=True)
        ]
        found["bit_cliff"][part] = {
            name: _curve(table(changes, name, part), bit_widths, by)
            | {"deployable": own.said(bit_widths), "missing": missing(table(changes, name, part), lost[row])}
            for row, (name, own) in enumerate(zip(activations, widths, strict=True))
        }
        found["first_width"][part] = _first_of_any(activations, widths, bit_widths)
    return found


@dataclass(frozen=True, eq=False)
class _Widths:
    """From which place in the bit widths on an activation is deployable.

    Attributes:
        place: by all seeds.
        corrected: by all seeds and a bound that is corrected for the number of activations.
        in_halves: in each half of the seeds.
        seeds: how many there are.
    """

    place: int
    corrected: int
    in_halves: NDArray[np.intp]
    seeds: int

    @classmethod
    def of(cls, drops: Floats, right: Floats, allowed: NDArray[np.bool_], limits: Limits, number: int) -> "_Widths":
        shipped = shipping(drops, right, limits)
        allowed = allowed & ~np.array([too_low(one["worst"], limits.min_accuracy) for one in shipped])
        fits = np.array([suffices(one, limits) for one in shipped]) & allowed
        lows = [limits.rule.share_low(row, ERROR / number) for row in passing(drops, limits)]
        halves = suffices_in_halves(drops, limits) & allowed[:, None]
        surely = fits & (np.array(lows) >= limits.assurance)
        place, corrected = (int(_first(found[:, None])[0]) for found in (fits, surely))
        return cls(place, corrected, _first(halves), drops.shape[1])

    def said(self, bit_widths: Sequence[int]) -> dict[str, Any]:
        same = stability(self.in_halves == self.place, self.seeds)
        return {"bits": _bits(self.place, bit_widths), "low": None, "high": None, "stability": same}


def _first_of_any(activations: Sequence[str], widths: Sequence[_Widths], bit_widths: Sequence[int]) -> dict[str, Any]:
    first = min(own.place for own in widths)
    bits = _bits(first, bit_widths)
    same = np.min([own.in_halves for own in widths], axis=0) == first
    who = [name for name, own in zip(activations, widths, strict=True) if own.place == first and bits is not None]
    share = stability(same, widths[0].seeds)
    shown = bits is None or first == min(own.corrected for own in widths)
    return {"bits": bits, "activations": who, "stability": share, "sure": shown and is_fact(share)}


def _curve(rates: Floats, bit_widths: Sequence[int], by: Ranked) -> dict[str, Any]:
    threes = triples(rates, *ends(by.unit))
    return {
        "curve": [{"bits": bits, **three} for bits, three in zip(bit_widths, threes, strict=True)],
        "smallest": {f"{limit:g}": smallest(rates, bit_widths, limit) for limit in LIMITS[by.disturbed]},
    }


def smallest(rates: Floats, bit_widths: Sequence[int], limit: float) -> Mapping[str, int | None]:
    """Return the smallest bit width from which on the mean is at most `limit`, and its 95 % interval over resamples.

    Args:
        rates: `[bit widths, seeds]`; a bit width with a missing value (NaN) is not within the limit.
        bit_widths: ascending.
        limit: in the unit of the rates.

    >>> smallest(np.array([[0.20, 0.30], [0.02, 0.04], [0.001, 0.002]]), (4, 6, 8), 0.05)
    {'bits': 6, 'low': 6, 'high': 6}
    """
    rates = np.where(np.isfinite(rates), rates, np.nan)
    bits = _bits(_first(_within(rates.mean(axis=1, keepdims=True), limit))[0], bit_widths)
    if rates.shape[1] == 1:
        return {"bits": bits, "low": None, "high": None}
    places = _first(_within(resampled_means(rates), limit))
    low, high = np.quantile(places, TAILS, method="inverted_cdf")
    return {"bits": bits, "low": _bits(low, bit_widths), "high": _bits(high, bit_widths)}


def _within(means: Floats, limit: float) -> NDArray[np.bool_]:
    return np.asarray(np.round(means, DIGITS) <= limit)


def _first(within: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the index from which on all values are within the limit, `[resamples]`; the number of rows if none."""
    kept = np.logical_and.accumulate(within[::-1], axis=0)
    return np.asarray(len(within) - kept.sum(axis=0))


def _bits(place: float, bit_widths: Sequence[int]) -> int | None:
    return bit_widths[int(place)] if place < len(bit_widths) else None
