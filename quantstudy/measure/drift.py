"""Analyses: each turns one scheme's effect on a stack into tidy rows; `ANALYSES` names them all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from quantstudy.drift import complexity, contours, folds, layers, ranges, topology
from quantstudy.measure.answers import TWO_CLASSES, in_halves, trivial_score
from quantstudy.measure.evaluation import Effect, Subject
from quantstudy.quantize.plan import ActivationQuantizer
from quantstudy.quantize.quantizer import Quantizer
from quantstudy.records.schemas import HISTOGRAMS, metric_rows, rows


def decision_rows(subject: Subject, effect: Effect) -> list[pa.Table]:
    """Rows of the answers' drift, where measured and held out, scope `network`, for each backend.

    The boundary and the islands are those of two classes on a plane.
    """
    logits = {"simulated": effect.accumulated.logit}
    if effect.real is not None:
        logits["torchao"] = effect.real.logit
    before, kind = subject.float_logits, subject.answers
    tables = []
    for backend, tensor in logits.items():
        after = subject.logit(tensor)
        values = {name: value for name, value in kind.drift(before, after).items() if name not in ONCE}
        if subject.plane and kind is TWO_CLASSES:
            values |= contours.boundary_measures(before.maps, after)
            values |= topology.island_measures(before.maps, after)
        if subject.heldout is not None:
            beside = effect.heldout[backend]
            values |= subject.heldout_measures(beside)
            values |= in_halves(kind, beside, subject.heldout.asked)
        tables.append(_metric_rows(subject, values, effect.scheme, backend))
    return tables


def fold_rows(subject: Subject, effect: Effect) -> list[pa.Table]:
    """Rows of every fold's drift, isolated and accumulated, scopes `neuron` and `layer`."""
    tables = []
    for layer, quantizer in enumerate(effect.plan.outputs):
        values: dict[str, Any] = {}
        summary: dict[str, Any] = {}
        measured: dict[str, Any] = {}
        for view, maps in (("isolated", effect.isolated), ("accumulated", effect.accumulated)):
            if layer > 0 or not measured:  # there is nothing before the first layer that could have added up
                measured = {
                    **folds.fold_drift(
                        subject.folds(layer), subject.on_plane(maps.outputs[layer]), **_representable(quantizer)
                    ),
                    **(_crease_measures(subject, effect, layer, view) if subject.plane else {}),
                }
            values |= {f"{name}_{view}": value for name, value in measured.items()}
            summary |= {f"{name}_{view}": value for name, value in layers.layer_measures(measured).items()}
        tables.append(_metric_rows(subject, values, effect.scheme, "simulated", layer))
        tables.append(_metric_rows(subject, summary, effect.scheme, "simulated", layer))
    return tables


def code_rows(subject: Subject, effect: Effect) -> list[pa.Table]:
    """Rows of how the codes of each hidden layer's output are used, scope `layer`."""
    tables = []
    for layer, quantizer in enumerate(effect.plan.outputs):
        values = effect.accumulated.outputs[layer]
        if quantizer is not None:
            before = effect.plan.preactivations[layer]
            preactivation = effect.accumulated.preactivations[layer]
            values = subject.stack.activate(layer, preactivation if before is None else before(preactivation))
        measured = _code_measures(subject, values, quantizer)
        tables.append(_metric_rows(subject, measured, effect.scheme, "simulated", layer))
    return tables


def float_rows(subject: Subject, *, constant: bool = False) -> list[pa.Table]:
    """Rows of the float networks: how good they are, logit margin, output ranges per layer, complexity per fold.

    Args:
        subject: the networks.
        constant: whether the score of the best constant answer stands beside theirs.
    """
    before, kind = subject.float_logits, subject.answers
    if kind.ranked.unit == "dB":
        network = {"psnr_float": subject.score}
    else:
        network = {"accuracy_float": subject.score, "logit_margin": before.margin}
    if subject.heldout is not None:
        network[kind.ranked.float] = subject.heldout_score
        if constant:
            network[kind.ranked.trivial] = trivial_score(subject.data)
    tables = [_metric_rows(subject, network, "float", "float")]
    for layer, outputs in enumerate(subject.maps.outputs):
        maps = subject.on_plane(outputs)
        tables.append(_metric_rows(subject, ranges.range_measures(maps), "float", "float", layer))
        if subject.plane:
            tables.append(_metric_rows(subject, complexity.complexity_measures(maps), "float", "float", layer))
    return tables


def histogram_rows(subject: Subject) -> list[pa.Table]:
    """Histogram of each hidden layer's float outputs, pooled over the models, their neurons and the points."""
    tables = []
    for layer, outputs in enumerate(subject.maps.outputs):
        left, right, count = ranges.histogram(subject.on_plane(outputs))
        tables.append(
            rows(
                HISTOGRAMS,
                len(count),
                activation=subject.activation,
                layer=layer,
                bin_left=left,
                bin_right=right,
                count=count,
            )
        )
    return tables


ONCE = ("accuracy_float", "logit_margin", "psnr_float")
"""Measures of the float networks, which stand once, in `float_rows`."""

Analysis = Callable[[Subject, Effect], list[pa.Table]]

ANALYSES: dict[str, Analysis] = {"decision": decision_rows, "folds": fold_rows, "codes": code_rows}
"""Every analysis whose rows go into metrics.parquet, once per scheme."""


def _metric_rows(
    subject: Subject, values: dict[str, Any], scheme: str, backend: str, layer: int | None = None
) -> pa.Table:
    return metric_rows(
        values, activation=subject.activation, seeds=subject.seeds, scheme=scheme, backend=backend, layer=layer
    )


def _representable(quantizer: ActivationQuantizer) -> dict[str, Any]:
    """Step and ends of an output quantizer, [models, 1]; nothing where there is none or each token has its own.

    The steps of a floating-point number differ, so that there is no one step to count errors in.

    The ends are those of the values that are rounded and not clamped: half a step beyond the last codes, so that
    `clipping_share` and `clip_fraction` mean the same clipping.
    """
    if not isinstance(quantizer, Quantizer):
        return {}
    step = quantizer.scale.cpu().numpy()[:, :, 0].astype(np.float64)
    if (float8 := quantizer.format.float8) is not None:
        end = (float8.largest + 0.5 * float8.last_step) * step
        return {"lo": -end, "hi": end}
    zero = quantizer.zero_point.cpu().numpy()[:, :, 0]
    return {
        "step": step,
        "lo": (quantizer.format.low - zero - 0.5) * step,
        "hi": (quantizer.format.high - zero + 0.5) * step,
    }


def _crease_measures(subject: Subject, effect: Effect, layer: int, view: str) -> dict[str, Any]:
    maps = effect.isolated if view == "isolated" else effect.accumulated
    return subject.crease_measures(layer, maps.preactivations[layer], _what_bends(effect, layer, view))


def _what_bends(effect: Effect, layer: int, view: str) -> Any:
    """What a layer's pre-activation depends on: the layer's own weights, and on the whole scheme if its inputs do."""
    float_inputs = effect.plan.inputs is None if layer == 0 else view == "isolated"
    return effect.plan.scheme.weights if float_inputs else effect.scheme


def _code_measures(subject: Subject, values: Tensor, quantizer: ActivationQuantizer) -> dict[str, Any]:
    if quantizer is None:
        return ranges.code_measures(subject.on_plane(values))
    low, high = quantizer.format.low, quantizer.format.high
    if isinstance(quantizer, Quantizer):
        scale, zero_point = (t.cpu().numpy()[:, 0, 0] for t in (quantizer.scale, quantizer.zero_point))
        return ranges.code_measures(subject.on_plane(values), scale, zero_point, low, high, quantizer.format.float8)
    # Each token has its own scale: its codes can be counted, but there is no one range to clip at and no one zero.
    codes = subject.on_plane(quantizer.at(values).codes(values))
    counted = ranges.code_measures(codes, 1.0, 0, low, high)
    return {name: counted[name] for name in ("code_occupancy", "code_entropy_bits")}
