"""What the sensitivity figure shows: shares and flip rates as arrays, and what they say in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.values import Floats
from quantstudy.words.numbers import number, percent, real

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

VIEWS = ("shapley", "isolated", "all_but_one", "accumulated")
"""What verdict.json holds per layer."""


@dataclass(frozen=True)
class Parts:
    """One scheme; every last axis is (mean, lower end, upper end), a fraction of the pixels, NaN where there is none.

    Attributes:
        scheme: its name.
        total: flip rates with all layers quantized, [activations, 3].
        views: per name in `VIEWS`, [activations, layers, 3].
        rank: 1 = the largest Shapley share, [activations, layers]; NaN where a layer has no share.
    """

    scheme: str
    total: Floats
    views: dict[str, Floats]
    rank: Floats

    @property
    def shares(self) -> Floats:
        """Mean Shapley shares, [activations, layers]."""
        return self.views["shapley"][:, :, 0]

    @property
    def undefined(self) -> int:
        """How many of the scheme's means are undefined, of those that verdict.json has an entry for."""
        known = ~np.isnan(self.rank)
        return int(np.isnan(self.total[:, 0]).sum() + sum(np.isnan(v[known][:, 0]).sum() for v in self.views.values()))


def parts(config: "StudyConfig", section: Mapping[str, Any]) -> list[Parts]:
    """Return wB, aB and wBaB of the first width asked for, all-NaN where the section lacks one."""
    schemes = [str(scheme) for scheme in schemes_for(config.focus_bits)[:3]]
    return [_parts(scheme, section.get(scheme, {}), config.activations, len(config.hidden) + 1) for scheme in schemes]


def _parts(scheme: str, found: Mapping[str, Any], names: Sequence[str], layers: int) -> Parts:
    total = np.full((len(names), 3), np.nan)
    views = {view: np.full((len(names), layers, 3), np.nan) for view in VIEWS}
    rank = np.full((len(names), layers), np.nan)
    for row, name in enumerate(names):
        entry = found.get(name, {"total": {}, "layers": []})
        total[row] = _three(entry["total"])
        for part in entry["layers"]:
            rank[row, part["layer"]] = real(part["rank"])
            for view in VIEWS:
                views[view][row, part["layer"]] = _three(part[view])
    return Parts(scheme, total, views, rank)


def places_for(rates: Floats) -> int:
    """Return how many decimals fractions need in percent: one where the largest is 2 % or more, four at most.

    >>> places_for(np.array([0.031, np.nan])), places_for(np.array([0.0031])), places_for(np.array([0.00002]))
    (1, 2, 4)
    """
    sizes = np.abs(100.0 * rates[np.isfinite(rates)])
    largest = float(sizes.max()) if sizes.size else 0.0
    return next((places for places in (1, 2, 3) if largest >= 2.0 * 10.0 ** (1 - places)), 4 if largest else 1)


def _three(value: Mapping[str, Any]) -> tuple[float, float, float]:
    return real(value.get("mean")), real(value.get("low")), real(value.get("high"))


def layer_name(layer: int, layers: int) -> str:
    """Return a layer's name; the last one is the network's output.

    >>> layer_name(0, 4), layer_name(3, 4)
    ('layer 0', 'output')
    """
    return "output" if layer == layers - 1 else f"layer {layer}"


def worst_layers(part: Parts) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """Return per activation the layer with the largest share and whether it is clearly the largest.

    Clearly: its interval lies above every other layer's. The layer is −1 where the largest share isn't above zero or
    several layers have it.
    """
    mean, low, high = (part.views["shapley"][:, :, end] for end in range(3))
    filled = np.where(np.isnan(mean), -np.inf, mean)
    top = filled.argmax(axis=1)
    rows = np.arange(len(top))
    largest = filled[rows, top]
    alone = (largest > 0.0) & ((filled == largest[:, None]).sum(axis=1) == 1)
    others = np.where(np.isnan(mean), -np.inf, high)  # a NaN end of a measured layer stays and compares as False
    others[rows, top] = -np.inf
    clear = alone & (low[rows, top] > others.max(axis=1))
    return np.where(alone, top, -1), clear


def finding(config: "StudyConfig", found: Sequence[Parts]) -> str:
    """Return which layer causes the most flips, and whether weights or activations cost more, in words."""
    weights, activations, both = found
    said = [text for text in (_which_layer(config.activations, both), _which_part(weights, activations)) if text]
    if not said:
        return f"Which layer does the damage at {both.scheme}? No value was recorded"
    start = "One seed: at" if config.seeds == 1 else "At"
    return f"{start} {both.scheme} {'; '.join(said)}"


def _which_layer(names: Sequence[str], part: Parts) -> str:
    measured = ~np.isnan(part.shares).all(axis=1)
    if not measured.any():
        return ""
    layers = part.shares.shape[1]
    top, clear = worst_layers(part)
    counts = np.bincount(top[top >= 0], minlength=layers)
    leading = np.flatnonzero(counts == counts.max())
    if not counts.any():
        return "no layer causes more flips than the others"
    words = [_spoken(int(layer), layers) for layer in leading]
    if len(words) > 1:
        each = f"{', '.join(words[:-1])} and {words[-1]} each cause"
        return f"{each} the most flips in {counts.max()} of {int(measured.sum())}{_noun(measured)}"
    of = top == leading[0]
    if len(names) == 1:
        share, total = part.shares[0, leading[0]], part.total[0, 0]
        places = places_for(part.total[:, 0])
        of_all = f"{number(100 * share, places)} of {number(100 * total, places)} points"
        return f"{words[0]} causes the most flips of {names[0]}: {of_all}"
    return f"{words[0]} causes the most flips in {_of(of, measured, clear, part.total, _noun(measured))}"


def _which_part(weights: Parts, activations: Parts) -> str:
    w, a = weights.total, activations.total
    measured = ~np.isnan(w[:, 0]) & ~np.isnan(a[:, 0])
    if not measured.any():
        return ""
    first, second = (activations, weights), (weights, activations)
    more, fewer = (measured & (x.total[:, 0] > y.total[:, 0]) for x, y in (first, second))
    if not (more | fewer).any():
        return f"{weights.scheme} and {activations.scheme} alone flip equally many"
    if len(w) > 1 and more.sum() == fewer.sum():
        words = f"{activations.scheme} alone flips more than {weights.scheme} alone in {more.sum()} of {measured.sum()}"
        return f"{words} and fewer in {fewer.sum()}"
    (worse, better), of = (first, more) if more.sum() >= fewer.sum() else (second, fewer)
    start = f"{worse.scheme} alone flips more than {better.scheme} alone"
    if len(w) == 1:
        places = places_for(np.array([worse.total[0, 0], better.total[0, 0]]))
        return f"{start}: {percent(worse.total[0, 0], places)} against {percent(better.total[0, 0], places)}"
    clear = worse.total[:, 1] > better.total[:, 2]
    return f"{start} in {_of(of, measured, clear, w, '')}"


def _of(these: Any, measured: Any, clear: Any, total: Floats, noun: str) -> str:
    """Return «5 of 7 activations (clearly in 3)»; the bracket only where there are intervals."""
    many, sure, count = int(these.sum()), int((these & clear).sum()), int(measured.sum())
    start = f"all {many}{noun}" if many == count > 2 else f"{many} of {count}{noun}"
    if np.isnan(total[measured, 1]).all():
        return start
    if sure == many:
        return f"{start} (clearly{'' if many == 1 else ' in both' if many == 2 else f' in all {many}'})"
    return f"{start} (clearly in {sure or 'none'})"


def _noun(measured: Any) -> str:
    return " activations" if measured.all() else " measured activations"


def _spoken(layer: int, layers: int) -> str:
    name = layer_name(layer, layers)
    return f"the {name} layer" if name == "output" else name
