"""What one network of a finished run answers, before and after quantization, point by point."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.gate import Counts
from quantstudy.deploy.gate_table import counted
from quantstudy.deploy.gated import Gated
from quantstudy.engine.learnt import data_of
from quantstudy.engine.worker import one_thread
from quantstudy.errors import BadInput
from quantstudy.measure.evaluation import Subject, measured
from quantstudy.measure.variation import plan_of
from quantstudy.networks.stack import from_arrays
from quantstudy.quantize.fake_quant import quantized_logits
from quantstudy.quantize.plan import float_maps, points_of
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.quantize.recover.saved import from_saved
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.folders import repaired_file, weights_file
from quantstudy.records.run import Run


def network_counts(run: Run, gated: Gated, seed: int) -> Counts:
    """Return what the network of one seed does: accuracy at the held-out points, flips where drift is measured.

    Quantized by the simulated path. A point without a finite answer is wrong, and its class has changed.

    Args:
        run: a finished run of classes, with its weights, whose functions and data have not changed.
        gated: its activation, scheme and recipe.
        seed: one of the run's.

    Raises:
        BadInput: the network has no finite answers in float.
    """
    with one_thread(), torch.no_grad():
        on, after = _quantized(run, gated, seed)
        heldout = on.data.heldout
        points, right = points_of(heldout.inputs), heldout.labels.reshape(-1)
        answers = [float_maps(on.stack, points).logit, on.maps.logit]
        rounded = [quantized_logits(after.stack, [after.plan], each)[0] for each in (points, on.maps.points)]
    if not all(bool(logit.isfinite().all()) for logit in answers):
        raise BadInput("network", seed, f"{gated.activation} of this seed has no finite answers in float")
    (before, seen), (quantized, changed) = map(_classes, answers), map(_classes, rounded)
    return counted(before == right, quantized == right, seen != changed)


def _quantized(run: Run, gated: Gated, seed: int) -> tuple[Subject, Quantized]:
    """Return one float network with its data, and what is made of it."""
    config, activation = run.config, parse_activation(gated.activation)
    arrays = load_file(run.folder / weights_file(gated.activation))
    stack = from_arrays(activation, _own(arrays, seed))
    on = measured(stack, (seed,), data_of(config, range(seed, seed + 1)), heldout=False)
    found = Quantized(stack, plan_of(stack, on.calibration, config, parse_scheme(gated.scheme)))
    if gated.recipe:
        path = run.folder / repaired_file(gated.activation, gated.scheme, gated.recipe)
        found = from_saved(activation, _own(load_file(path), seed), found.plan)
    return on, found


def _own(arrays: dict[str, NDArray[Any]], seed: int) -> dict[str, NDArray[Any]]:
    return {name: np.ascontiguousarray(values[seed : seed + 1]) for name, values in arrays.items()}


def _classes(logit: torch.Tensor) -> NDArray[Any]:
    """Return the class of every point, [points] bool or numbers; −1 where an answer is not finite."""
    values = logit[0].cpu().numpy()
    found = (values[0] > 0).astype(np.int64) if len(values) == 1 else values.argmax(axis=0)
    return np.where(np.isfinite(values).all(axis=0), found, -1)
