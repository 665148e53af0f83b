"""A run's float networks for the page, the ranges chosen for them, the repaired networks of one scheme."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import numpy as safetensors

from quantstudy.activations.activation import Activation
from quantstudy.activations.catalogue import parse_activation
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.records.folders import repaired_file
from quantstudy.show.page.live.packed import Array, packed

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.records.run import Run

Arrays = Mapping[str, Array]


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
    """Return repaired networks with their codes and scales, None where a layer's numbers aren't all integers."""
    path, chosen = run.folder / repaired_file(activation, scheme, recipe), list(seeds)
    arrays = safetensors.load(path.read_bytes())
    layers = layers_of(arrays)
    wanted = [f"layers.{layer}.weight.codes" for layer in range(layers)]
    if not all(name in arrays for name in wanted):
        return None

    def joined(names: Iterator[str]) -> Array:
        return np.concatenate([arrays[name][chosen].reshape(len(chosen), -1) for name in names], axis=1)

    codes = joined(iter(wanted))
    found = {
        "scheme": scheme,
        "recipe": recipe,
        "values": packed(parameters(arrays, seeds)),
        "wide": codes.dtype != np.int8,
        "codes": packed(codes, "<i1" if codes.dtype == np.int8 else "<i2"),
        "scales": packed(joined(f"layers.{layer}.weight.scale" for layer in range(layers))),
        "outputs": None,
    }
    if all(f"layers.{layer}.output.scale" in arrays for layer in range(layers - 1)):
        scale = joined(f"layers.{layer}.output.scale" for layer in range(layers - 1))
        zero = joined(f"layers.{layer}.output.zero_point" for layer in range(layers - 1))
        found["outputs"] = {"scale": packed(scale), "zero": packed(zero, "<i4")}
    return found


def with_kernel(name: str) -> Activation | None:
    """Return an activation that the page can compute, None where it is from outside or has no kernel."""
    activation = None if ":" in name else parse_activation(name)
    return activation if activation is not None and activation.kernel is not None else None
