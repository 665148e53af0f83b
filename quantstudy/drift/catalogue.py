"""Every drift metric: its name, its unit, which way is better, and one sentence on what it means.

This is the only list of metric names. The ``*_measures`` functions of this package return exactly these names, and
whoever writes a column, an axis or a table looks its unit and direction up here.

>>> metric("flip_rate").better
'lower'
>>> metric("sqnr_db_isolated").unit
'dB'
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Better = Literal["lower", "higher", "neither"]
Scope = Literal["network", "layer", "neuron"]

VIEWS = {
    "_isolated": "isolated: only this layer's weights and output are quantized, its inputs are float",
    "_accumulated": "accumulated: this layer and all layers before it are quantized",
}
UNDEFINED = "_undefined"

TOLERANCE = 0.05
"""A number is off where quantization moves it by more than this share of the labels' range."""


@dataclass(frozen=True)
class Metric:
    """One column of the records: what it is called, counted in, and which way is better."""

    name: str
    unit: str
    better: Better
    scope: tuple[Scope, ...]
    description: str


def _table(scope: tuple[Scope, ...], rows: Iterable[tuple[str, str, Better, str]]) -> dict[str, Metric]:
    return {name: Metric(name, unit, better, scope, text) for name, unit, better, text in rows}


DECISION_METRICS = _table(
    ("network",),
    [
        ("flip_rate", "fraction", "lower", "Share of points whose class changes."),
        ("sea_to_island", "fraction", "lower", "Share of all points that turn from class 0 to 1: sea to island."),
        ("island_to_sea", "fraction", "lower", "Share of all points that turn from class 1 to 0: island to sea."),
        ("correct_to_wrong", "fraction", "lower", "Share of all points that were right in float and are wrong now."),
        ("wrong_to_correct", "fraction", "higher", "Share of all points that were wrong in float and are right now."),
        (
            "boundary_band_flip_rate",
            "fraction",
            "lower",
            "Share of flips among the tenth of the points with the smallest float margin (|logit|).",
        ),
        (
            "island_iou",
            "fraction",
            "higher",
            "Overlap of float and quantized class 1 (islands): intersection over union.",
        ),
        ("accuracy_float", "fraction", "higher", "Share of points that the float network gets right."),
        ("accuracy_quantized", "fraction", "higher", "Share of points that the quantized network gets right."),
        ("accuracy_drop", "fraction", "lower", "accuracy_float minus accuracy_quantized."),
        ("delta_logit_mean", "logit", "lower", "Mean |quantized logit - float logit|."),
        (
            "logit_margin",
            "logit",
            "neither",
            "How far a typical point is from flipping: median |float logit|, of more classes the lead of the largest.",
        ),
        ("delta_logit_over_margin", "ratio", "lower", "Mean |change of the logit| divided by the float margin."),
        ("logit_sqnr_db", "dB", "higher", "Signal-to-quantization-noise ratio of the logits."),
        ("bernoulli_kl", "nat", "lower", "Mean KL divergence of the point's class probability, float to quantized."),
        ("boundary_displacement_mean", "pixel", "lower", "Mean distance between the two zero contours, both ways."),
        ("boundary_displacement_p95", "pixel", "lower", "95th percentile of the distance between the zero contours."),
        ("islands_lost", "count", "lower", "Float islands without a partner among the quantized ones."),
        ("islands_born", "count", "lower", "Quantized islands without a partner among the float ones."),
        ("islands_merged", "count", "lower", "Quantized islands that join two or more float islands."),
        ("islands_split", "count", "lower", "Float islands that fall into two or more quantized islands."),
    ],
)

CLASS_METRICS = _table(
    ("network",),
    [
        (
            "categorical_kl",
            "nat",
            "lower",
            "Mean KL divergence of the probabilities of more than two classes, float to quantized.",
        ),
    ],
)
"""Measures of more than two classes that two have by another name."""

NUMBER_METRICS = _table(
    ("network",),
    [
        ("psnr_float", "dB", "higher", "Peak signal-to-noise ratio of the float network's numbers."),
        ("psnr_quantized", "dB", "higher", "Peak signal-to-noise ratio of the quantized network's numbers."),
        ("psnr_drop", "dB", "lower", "psnr_float minus psnr_quantized."),
        ("output_sqnr_db", "dB", "higher", "Signal-to-quantization-noise ratio of the outputs."),
        (
            "share_off",
            "fraction",
            "lower",
            f"Share of outputs that quantization moves by more than {100 * TOLERANCE:g} % of the labels' range.",
        ),
        ("heldout_psnr_float", "dB", "higher", "psnr_float at the held-out points."),
        ("heldout_psnr_quantized", "dB", "higher", "psnr_quantized at the held-out points."),
        ("heldout_psnr_drop", "dB", "lower", "heldout_psnr_float minus heldout_psnr_quantized."),
        ("heldout_psnr_quantized_even", "dB", "higher", "The same on every other point, by which the best is chosen."),
        ("heldout_psnr_quantized_odd", "dB", "higher", "The same on the others, by which what was chosen is judged."),
        ("heldout_psnr_trivial", "dB", "higher", "That of the best constant answer at the held-out points."),
    ],
)
"""Measures of a target of numbers."""

HELDOUT_METRICS = _table(
    ("network",),
    [
        ("heldout_accuracy_float", "fraction", "higher", "accuracy_float at the held-out points."),
        ("heldout_accuracy_quantized", "fraction", "higher", "accuracy_quantized at the held-out points."),
        ("heldout_accuracy_drop", "fraction", "lower", "heldout_accuracy_float minus heldout_accuracy_quantized."),
        (
            "heldout_accuracy_quantized_even",
            "fraction",
            "higher",
            "The same on every other point (a plane's: as on a checkerboard), by which the best of several is chosen.",
        ),
        (
            "heldout_accuracy_quantized_odd",
            "fraction",
            "higher",
            "The same on the others, by which the one that was chosen is judged.",
        ),
        ("heldout_accuracy_trivial", "fraction", "higher", "That of the best constant answer at the held-out points."),
    ],
)

FOLD_METRICS = _table(
    ("layer", "neuron"),
    [
        ("sqnr_db", "dB", "higher", "Signal-to-quantization-noise ratio of the fold; the layer's is the median."),
        ("nmse", "ratio", "lower", "Squared error divided by the energy of the float fold."),
        ("cosine", "ratio", "higher", "Cosine similarity of the float and the quantized fold."),
        ("mpeir", "ratio", "lower", "Mean |error| divided by the range of the float fold."),
        (
            "rmse_over_step",
            "step",
            "lower",
            "Root mean squared error in steps of an integer quantizer; pure rounding is 0.289.",
        ),
        ("newly_dead", "fraction", "lower", "1 where a live float neuron is flat once quantized; the layer's share."),
        ("rounding_share", "fraction", "neither", "Share of squared error at values inside the quantizer's range."),
        ("clipping_share", "fraction", "neither", "Share of squared error at values outside the quantizer's range."),
        ("histogram_kl", "nat", "lower", "KL divergence of the fold's output histogram, float to quantized."),
        ("crease_displacement_mean", "pixel", "lower", "Mean distance between float and quantized creases, both ways."),
        ("crease_displacement_p95", "pixel", "lower", "95th percentile of the distance between the creases."),
    ],
)

COMPLEXITY_METRICS = _table(
    ("neuron",),
    [
        ("total_variation", "ratio", "neither", "Total variation of the range-normalized fold; a plain ramp is 1."),
        ("level_components", "count", "neither", "Mean number of connected parts above 9 levels of the fold."),
        ("fold_complexity", "ratio", "neither", "Total variation times the mean number of connected parts."),
    ],
)

RANGE_METRICS = _table(
    ("layer",),
    [
        ("value_min", "value", "neither", "Smallest output of the layer."),
        ("value_max", "value", "neither", "Largest output of the layer."),
        ("value_p0_1", "value", "neither", "0.1th percentile of the layer's outputs."),
        ("value_p1", "value", "neither", "1st percentile of the layer's outputs."),
        ("value_p5", "value", "neither", "5th percentile of the layer's outputs."),
        ("value_p50", "value", "neither", "Median of the layer's outputs."),
        ("value_p95", "value", "neither", "95th percentile of the layer's outputs."),
        ("value_p99", "value", "neither", "99th percentile of the layer's outputs."),
        ("value_p99_9", "value", "neither", "99.9th percentile of the layer's outputs."),
        ("value_std", "value", "neither", "Standard deviation of the layer's outputs."),
        ("value_skew", "ratio", "neither", "Skewness of the layer's outputs."),
        ("value_excess_kurtosis", "ratio", "neither", "Kurtosis of the layer's outputs minus 3 (a Gaussian is 0)."),
        ("dead_share", "fraction", "lower", "Share of neurons that are flat: one output at all points."),
        ("clip_fraction", "fraction", "lower", "Share of outputs whose code had to be clamped."),
        ("code_occupancy", "fraction", "higher", "Share of the 2^b codes that occur at least once."),
        ("code_entropy_bits", "bit", "higher", "Entropy of the codes; at most b bits."),
        ("negative_code_share", "fraction", "neither", "Share of the 2^b codes that stand for negative values."),
    ],
)

METRICS: dict[str, Metric] = {
    **DECISION_METRICS,
    **CLASS_METRICS,
    **NUMBER_METRICS,
    **HELDOUT_METRICS,
    **FOLD_METRICS,
    **COMPLEXITY_METRICS,
    **RANGE_METRICS,
}


def metric(name: str) -> Metric:
    """Look a recorded metric up, with its suffixes.

    Fold metrics are recorded as ``NAME_isolated`` and ``NAME_accumulated``; ``NAME_undefined`` (before that suffix) is
    the number of the layer's neurons for which NAME is undefined.

    Raises:
        ValueError: the name is unknown; the message lists the choices.

    >>> metric("mpeir_accumulated").name
    'mpeir_accumulated'
    >>> metric("mpeir_undefined_isolated").unit
    'count'
    """
    for suffix, meaning in VIEWS.items():
        stem = name.removesuffix(suffix)
        if stem != name and stem.removesuffix(UNDEFINED) in FOLD_METRICS:
            found = metric(stem)
            return replace(found, name=name, description=f"{found.description} ({meaning})")
    stem = name.removesuffix(UNDEFINED)
    if stem != name and stem in FOLD_METRICS:
        text = f"Number of the layer's neurons for which {stem} is undefined."
        return Metric(name, "count", "neither", ("layer",), text)
    if name not in METRICS:
        raise ValueError(f"metric {name!r} is unknown; known: {', '.join(METRICS)}")
    return METRICS[name]
