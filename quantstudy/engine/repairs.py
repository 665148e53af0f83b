"""Which quantized networks are repaired, and by what. Loads no torch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from quantstudy.activations.catalogue import canonical_name, parse_activation
from quantstudy.config.checks import activation_names
from quantstudy.config.study import StudyConfig
from quantstudy.engine.cells import Cell, Repair, repair_cells
from quantstudy.engine.learnt import data_of
from quantstudy.errors import BadInput
from quantstudy.quantize.recover.names import (
    PARTS,
    PLAIN,
    RecipeName,
    needs_kernel,
    parse_recipe,
    repairing,
    require_repairable,
)
from quantstudy.quantize.scheme import Scheme, parse_scheme
from quantstudy.records.run import Run

WIDTHS = tuple(range(2, 9))
"""The bit widths at which the best recipe is measured, too, to find out from how many bits on it is enough."""

DEFAULT = parse_recipe("polish")
"""What a study repairs its best activation by: no training, half a second a network of the default study."""

MOST_WORK = 2e10
"""Parameters, squared, times training points up to which a study does that by itself: a few seconds a network.

Every move of a number is judged by all that lies behind it. The default study has 5e8, digits 2e10, texture 8e10.
"""


def repairs_of(run: Run) -> list[Repair]:
    """Return what a study repairs by itself: the best activation at the focus scheme; nothing in a quick one.

    Nor anything where the recipe needs a kernel that the activation has not, where scales or ranges are not free, or
    where it would take long.
    """
    from quantstudy.engine.collect import best_at_focus

    config = run.config
    parts = repairing(parse_scheme(config.focus_scheme), config.placement, config.scales, config.observer)
    if config.quick or str(DEFAULT) not in parts or work(config) > MOST_WORK:
        return []
    best = best_at_focus(run)
    if best is None or lacking(DEFAULT, best):
        return []
    return [(best, config.focus_scheme, name) for name in (PLAIN, str(DEFAULT))]


def work(config: StudyConfig) -> float:
    """Return what `MOST_WORK` bounds."""
    data = data_of(config, (0,))
    neurons = (data.measured.inputs.shape[1], *config.hidden, data.outputs)
    parameters = sum((before + 1) * after for before, after in pairwise(neurons))
    return float(parameters**2 * data.training.labels.shape[-1])


def units(run: Run, wanted: Iterable[Repair]) -> Iterator[Cell]:
    """Yield the cells of repairs, those of one repair one after the other."""
    for activation, scheme, recipe in wanted:
        yield from repair_cells(run.config, activation, scheme, recipe, run.looks)


def widths(scheme: Scheme) -> list[str]:
    """Return the schemes that differ from one in their bits, see `Scheme.with_bits`; none without integers.

    >>> from quantstudy.quantize.scheme import parse_scheme
    >>> widths(parse_scheme("w4a8"))[:2], widths(parse_scheme("wf8af8"))
    (['w2a8', 'w3a8'], [])
    """
    found = dict.fromkeys(str(scheme.with_bits(bits)) for bits in WIDTHS)
    return list(found) if len(found) > 1 else []


def require_recoverable(
    config: StudyConfig, scheme: Scheme, recipes: Sequence[RecipeName], activations: Sequence[str]
) -> None:
    """Check that recipes can repair the networks of some of a study's activations, quantized by a scheme.

    Raises:
        BadInput: an activation is not one of the study's or has no kernel where a recipe needs one, or a recipe can't
            repair what is so quantized.
    """
    for name in activations:
        if name not in config.activations:
            raise BadInput("activations", name, _those_of(config))
    for recipe in recipes:
        require_repairable(recipe, scheme, config.placement, config.scales, config.observer)
        for name in activations:
            if lacking(recipe, name):
                parts = repairing(scheme, config.placement, config.scales, config.observer)
                named = ", ".join(part for part in parts if not PARTS[part].compiled)
                why = f"{name} has no kernel, which {needs_kernel(recipe)} needs"
                raise BadInput("recipes", str(recipe), f"{why}; these go: {named}")


def activations_of(config: StudyConfig, given: Sequence[str], field: str = "activations") -> tuple[str, ...]:
    """Return some of a study's activations, which may be given by their other names.

    Args:
        config: the study.
        given: as they were typed.
        field: the option or argument that they were given by.

    Raises:
        BadInput: one is not the study's, or is given twice.
    """
    for text in given:
        try:
            known = canonical_name(text) in config.activations
        except BadInput:
            known = False
        if not known:
            raise BadInput(field, text, _those_of(config))
    return activation_names(given)


def _those_of(config: StudyConfig) -> str:
    return f"those of the run: {', '.join(config.activations)}"


def lacking(recipe: RecipeName, activation: str) -> bool:
    """Whether a recipe needs a kernel that an activation has not."""
    return bool(needs_kernel(recipe)) and parse_activation(activation).kernel is None


def seconds_a_network(manifest: Mapping[str, Any], done: Iterable[Cell]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the manifest's `recover_seconds` with what it knows of some cells.

    Scheme → recipe → activation → seconds a network, without the time in which kernels were compiled.
    """
    spent: dict[Repair, list[float]] = {}
    for unit in done:
        cell = manifest["cells"].get(unit.key, {})
        if "seconds" in cell:
            total = spent.setdefault(unit.repair, [0.0, 0.0])
            total[0] += cell["seconds"] - cell.get("compiling", 0.0)
            total[1] += len(unit.seeds)
    known = {scheme: {**recipes} for scheme, recipes in manifest.get("recover_seconds", {}).items()}
    for (activation, scheme, recipe), (seconds, networks) in spent.items():
        own = known.setdefault(scheme, {})
        own[recipe] = {**own.get(recipe, {}), activation: round(seconds / networks, 3)}
    return known
