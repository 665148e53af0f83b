"""A run's float networks for the page, the ranges chosen for them, the repaired networks of one scheme."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantstudy.activations.activation import Activation
from quantstudy.activations.catalogue import parse_activation
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.folders import repaired_file
from quantstudy.show.page.live.packed import (
    Arrays,
    layers_of,
    packed_codes,
    packed_networks,
    packed_ranges,
    packed_scales,
)

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.records.run import Run


def network_of(activation: Activation, arrays: Arrays) -> dict[str, Any]:
    """Return the networks of an activation with a kernel; arrays: as `Stack.arrays` has them."""
    bounds = {"cap": activation.cap, "floor": activation.floor, "ceiling": activation.ceiling}
    return {
        "kernel": activation.kernel,
        **{name: bound if math.isfinite(bound) else None for name, bound in bounds.items()},
        "values": packed_networks(arrays),
    }


def of_seeds(arrays: Arrays, seeds: Sequence[int]) -> Arrays:
    """Return what the networks of some seeds have learnt."""
    return {name: array[list(seeds)] for name, array in arrays.items()}


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
            scales, zeros = (own[key].to_numpy().reshape(len(seeds), hidden) for key in ("scale", "zero_point"))
            places[place] = packed_ranges([*scales.T], [*zeros.T])
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


def repaired_of(arrays: Arrays, scheme: str, recipe: str) -> dict[str, Any] | None:
    """Return repaired networks with their codes and scales, None where quantized weights have no codes.

    Args:
        arrays: as `recover.saved.arrays_of` has them.
        scheme: how they are quantized.
        recipe: by what they were repaired.
    """
    layers = range(layers_of(arrays))
    found: dict[str, Any] = {"scheme": scheme, "recipe": recipe, "values": packed_networks(arrays)}
    if parse_scheme(scheme).weights is not None:
        if not all(f"layers.{layer}.weight.codes" in arrays for layer in layers):
            return None
        found |= {"codes": packed_codes(arrays), "scales": packed_scales(arrays)}
    outputs = [f"layers.{layer}.output" for layer in layers[:-1]]
    if all(f"{name}.scale" in arrays for name in outputs):  # else they are float, or chosen at every point
        parts = ([arrays[f"{name}.{part}"] for name in outputs] for part in ("scale", "zero_point"))
        found["outputs"] = packed_ranges(*parts)
    return found


def with_kernel(name: str) -> Activation | None:
    """Return an activation that the page can compute, None where it is from outside or has no kernel."""
    activation = None if ":" in name else parse_activation(name)
    return activation if activation is not None and activation.kernel is not None else None
