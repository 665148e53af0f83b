"""A run's float networks for the page, the ranges chosen for them, the repaired networks of one scheme."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import numpy as safetensors

from quantstudy.activations.activation import Activation
from quantstudy.activations.catalogue import parse_activation
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.folders import repaired_file
from quantstudy.show.page.live.packed import Array, packed

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.records.run import Run

Arrays = Mapping[str, Array]

CODES = "layers.0.weight.codes"
"""An array that repaired networks have where their weights are codes."""


def network_of(activation: Activation, arrays: Arrays, seeds: Sequence[int]) -> dict[str, Any]:
    """Return the networks of one activation.

    Args:
        activation: one with a kernel.
        arrays: as `Stack.arrays` has them.
        seeds: which of their models.
    """
    bounds = {"cap": activation.cap, "floor": activation.floor, "ceiling": activation.ceiling}
    return {
        "kernel": activation.kernel,
        **{name: bound if math.isfinite(bound) else None for name, bound in bounds.items()},
        "values": packed(parameters(arrays, seeds)),
    }


def parameters(arrays: Arrays, seeds: Sequence[int]) -> Array:
    """Return what networks have learnt, [seeds, parameters].

    Layer by layer the weights, output by output, and the biases; then prelu's slopes, layer by layer.
    """
    order = [name for layer in range(layers_of(arrays)) for name in (f"layers.{layer}.weight", f"layers.{layer}.bias")]
    order += [name for layer in range(layers_of(arrays)) if (name := f"prelu.{layer}.slope") in arrays]
    chosen = list(seeds)
    return np.concatenate([arrays[name][chosen].reshape(len(chosen), -1) for name in order], axis=1)


def layers_of(arrays: Arrays) -> int:
    """Return the number of layers, the last one included."""
    return sum(name.startswith("layers.") and name.endswith(".weight") for name in arrays)


def chosen_ranges(table: "pd.DataFrame", hidden: int, seeds: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Return the quantizers that observers chose for one activation: observer → bits → `post`, `pre` → scale, zero.

    Args:
        table: the activation's rows of ranges.parquet.
        hidden: number of hidden layers.
        seeds: those that are wanted.
    """
    found: dict[str, dict[str, Any]] = {}
    for (observer, form), part in table.groupby(["observer", "format"], observed=True):
        by = part.set_index(["tensor", "seed"])
        places = {}
        for place, name in (("post", "output"), ("pre", "preactivation")):
            rows = [(f"layers.{layer}.{name}", seed) for seed in seeds for layer in range(hidden)]
            own = by.loc[rows]
            places[place] = {"scale": packed(own["scale"].to_numpy()), "zero": packed(own["zero_point"], "<i4")}
        found.setdefault(str(observer), {})[str(form).removeprefix("int")] = places
    return found


def repairs_of(run: "Run", verdict: Mapping[str, Any], names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return what is repaired of one scheme, the focus if it is, by the best recipe: activation → (scheme, recipe)."""
    judged = verdict.get("recover") or {}
    scheme = next((one for one in (run.config.focus_scheme, *judged) if one in judged), None)
    if scheme is None or run.config.placement != "post" or run.config.input_bits:
        return {}
    found: dict[str, tuple[float, str]] = {}
    for row in judged[scheme]["rows"]:
        name, recipe, mean = row["activation"], row["recipe"], row["mean"]
        there = recipe != PLAIN and mean is not None and (run.folder / repaired_file(name, scheme, recipe)).is_file()
        if name in names and there and mean > found.get(name, (-math.inf, ""))[0]:
            found[name] = mean, recipe
    return {name: (scheme, recipe) for name, (_, recipe) in found.items()}


def repaired(run: "Run", activation: str, scheme: str, recipe: str, seeds: Sequence[int]) -> dict[str, Any] | None:
    """Return a run's repaired networks as `repaired_of` has them, None where quantized weights have no codes."""
    arrays = safetensors.load((run.folder / repaired_file(activation, scheme, recipe)).read_bytes())
    if parse_scheme(scheme).weights is not None and CODES not in arrays:
        return None
    return {"scheme": scheme, "recipe": recipe, **repaired_of(arrays, seeds)}


def repaired_of(arrays: Arrays, seeds: Sequence[int]) -> dict[str, Any]:
    """Return what repaired networks have learnt, the codes and scales of their weights, their outputs' quantizers.

    Args:
        arrays: as `recover.saved.arrays_of` has them; no codes where weights are float, no scales of outputs where
            those are float or chosen at every point.
        seeds: which of their models.
    """
    found: dict[str, Any] = {"values": packed(parameters(arrays, seeds)), "codes": None, "scales": None}
    chosen, layers = list(seeds), range(layers_of(arrays))

    def joined(what: str, among: Iterable[int], rows: bool = False) -> Array:
        parts = [arrays[f"layers.{layer}.{what}"][chosen] for layer in among]
        if rows:  # one scale of a whole layer is that of each of its rows
            shapes = [arrays[f"layers.{layer}.bias"].shape[1] for layer in among]
            parts = [np.broadcast_to(part, (len(chosen), own)) for part, own in zip(parts, shapes, strict=True)]
        return np.concatenate([part.reshape(len(chosen), -1) for part in parts], axis=1)

    if CODES in arrays:
        codes = joined("weight.codes", layers)
        found["codes"] = packed(codes, "<i1" if codes.dtype == np.int8 else "<i2")
        found["scales"] = packed(joined("weight.scale", layers, rows=True))
    hidden = layers[:-1]
    if "layers.0.output.scale" in arrays:
        scale, zero = joined("output.scale", hidden), joined("output.zero_point", hidden)
        return found | {"outputs": {"scale": packed(scale), "zero": packed(zero, "<i4")}}
    return found | {"outputs": None}


def with_kernel(name: str) -> Activation | None:
    """Return an activation that the page can compute, None where it is from outside or has no kernel."""
    activation = None if ":" in name else parse_activation(name)
    return activation if activation is not None and activation.kernel is not None else None
