"""Every part of a recipe by its name, and whole recipes run: from networks and their plan to repaired ones."""

from collections.abc import Mapping

from quantstudy.quantize.recover.bias_correction import bias_correction
from quantstudy.quantize.recover.equalize import equalize
from quantstudy.quantize.recover.mse_ranges import mse_ranges
from quantstudy.quantize.recover.names import RecipeName
from quantstudy.quantize.recover.ntc_qat import ntc_qat
from quantstudy.quantize.recover.polish import polish
from quantstudy.quantize.recover.qat import qat
from quantstudy.quantize.recover.recipe import Bench, Quantized, Recipe

RECIPES: Mapping[str, Recipe] = {
    "equalize": equalize,
    "mse_ranges": mse_ranges,
    "bias_correction": bias_correction,
    "qat": qat,
    "ntc_qat": ntc_qat,
    "polish": polish,
}
"""The parts of `names.PARTS`."""


def repaired(recipe: RecipeName, given: Quantized, bench: Bench) -> Quantized:
    """Return networks repaired by a recipe's parts, one after the other; unchanged by `plain`."""
    for step in recipe.steps:
        given = RECIPES[step.name](given, bench, step.number)
    return given
