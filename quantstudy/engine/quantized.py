"""The quantized networks of a finished run, made again from its weights: as its study quantizes them, or repaired."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors.numpy import load

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.network import Floats
from quantstudy.engine.learnt import data_of
from quantstudy.errors import BadInput
from quantstudy.measure.evaluation import Subject, measured
from quantstudy.measure.variation import plan_of
from quantstudy.networks.stack import from_arrays
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.quantize.recover.saved import from_saved
from quantstudy.quantize.scheme import Scheme, parse_scheme
from quantstudy.records.folders import repaired_file, weights_file
from quantstudy.records.origins import require_same_data, require_same_functions
from quantstudy.records.run import Run


@dataclass(frozen=True)
class Prepared:
    """Networks of a run, all of one activation.

    Attributes:
        on: the float networks, their data and held-out points.
        quantized: them, quantized.
        recipe: by what they were repaired, `plain` for nothing.
    """

    on: Subject
    quantized: Quantized
    recipe: str


def require_recipe(run: Run, activation: str, scheme: Scheme, recipe: str) -> None:
    """Check that a run holds networks repaired by a recipe, undamaged.

    Raises:
        BadInput: it does not.
    """
    if recipe == PLAIN or run.is_sound(repaired_file(activation, str(scheme), recipe)):
        return
    there = repaired(run, activation, scheme)
    known = f"{PLAIN}{''.join(f', {name}' for name in there)}"
    make = f"quantstudy recover {run.folder} --scheme {scheme} --activations {activation} --recipes {recipe}"
    raise BadInput("recipe", recipe, f"of {activation} at {scheme} this run has {known}; {make} makes others")


def repaired(run: Run, activation: str, scheme: Scheme) -> list[str]:
    """Return the recipes by which a run's networks of an activation are repaired at a scheme."""
    begins, ends = repaired_file(activation, str(scheme), "*").split("*")
    names = (name for name in run.manifest()["files"] if name.startswith(begins) and name.endswith(ends))
    return sorted(name.removeprefix(begins).removesuffix(ends) for name in names)


@torch.no_grad()
def prepared(
    run: Run, activation: str, scheme: str, recipe: str = PLAIN, seeds: Sequence[int] | None = None
) -> Prepared:
    """Return the networks of a run, quantized on the CPU.

    Args:
        run: a finished run that still has its float weights (`run.require_weights`).
        activation: one of its study.
        scheme: how they are quantized, as it prints.
        recipe: by what they are repaired, see `require_recipe`.
        seeds: some of its seeds; all if None.

    Raises:
        BadInput: a function or the data have changed since the run was made, or see `require_recipe`.
    """
    config, function, wanted = run.config, parse_activation(activation), parse_scheme(scheme)
    require_same_functions(run, [activation], "run the study again")
    require_same_data(run)
    require_recipe(run, activation, wanted, recipe)
    chosen = list(range(config.seeds) if seeds is None else seeds)

    def some(name: str) -> dict[str, NDArray[Any]]:
        return {key: array[chosen] for key, array in load((run.folder / name).read_bytes()).items()}

    stack = from_arrays(function, some(weights_file(activation)))
    on = measured(stack, chosen, data_of(config, chosen))
    plan = plan_of(on.stack, on.calibration, config, wanted)
    if recipe == PLAIN:
        return Prepared(on, Quantized(on.stack, plan), recipe)
    arrays = some(repaired_file(activation, scheme, recipe))
    return Prepared(on, from_saved(function, arrays, plan), recipe)


def points_at(networks: Prepared, place: int) -> dict[str, Floats]:
    """Return the points of one network at which engines are compared, [in, points] each: `measured` and `heldout`."""
    on = networks.on
    assert on.heldout is not None
    both = {"measured": on.maps.points, "heldout": on.heldout.points}
    return {over: (points[place] if points.dim() == 3 else points).numpy() for over, points in both.items()}
