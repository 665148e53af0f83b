"""What the compiled training loop draws from, checked and laid out as it reads it, and the networks that fit it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels.cpu.layout import gathered
from quantstudy_kernels.cpu.losses import LOSSES
from quantstudy_kernels.cpu.tiles import FEW
from quantstudy_kernels.sizes import check_neurons

if TYPE_CHECKING:
    from quantstudy_kernels.cpu.trainer import Examples, Recipe

Floats = NDArray[np.float32]
Data = tuple[NDArray[np.uint8], int, Floats, int, Floats, int, int]
"""One model's, as `training.fit` has them."""

_NO_ISLANDS, _NO_EXAMPLES = np.zeros(0, np.uint8), np.zeros(0, np.float32)
_MOST_EXAMPLES = 2**31 - 1
_MOST_GRID = 2**16 - 1


def check_recipe(recipe: "Recipe") -> None:
    """Check the numbers of neurons, and that they suit the loss.

    Raises:
        ValueError: they do not; see `trainer.train`.
    """
    check_neurons("neurons", recipe.neurons)
    if recipe.loss not in LOSSES:
        raise ValueError(f"loss: {recipe.loss!r}; allowed: {', '.join(LOSSES)}")
    outputs = recipe.neurons[-1]
    if (recipe.loss == "binary" and outputs != 1) or (recipe.loss == "softmax" and outputs == 1):
        allowed = "1" if recipe.loss == "binary" else "2 or more"
        raise ValueError(f"neurons: {outputs} outputs; allowed with loss {recipe.loss}: {allowed}")


def from_masks(recipe: "Recipe", masks: NDArray[np.bool_], models: int) -> list[Data]:
    """Return what each model draws from: the pixels of its plane.

    Raises:
        ValueError: the masks are not [models, grid, grid], grid below 2¹⁶, or the network is not one for them.
    """
    grid = masks.shape[-1]
    if masks.shape != (models, grid, grid) or not 1 <= grid <= _MOST_GRID:
        allowed = f"[{models}, grid, grid], grid from 1 to {_MOST_GRID}"
        raise ValueError(f"masks: shape {list(masks.shape)}; allowed: {allowed}")
    if recipe.loss != "binary" or recipe.neurons[0] != FEW:
        raise ValueError(
            f"neurons, loss: {recipe.neurons[0]} inputs, {recipe.loss}; allowed with masks: {FEW} inputs, binary"
        )
    islands = np.ascontiguousarray(masks.reshape(models, grid * grid), np.uint8)
    return [(own, grid, _NO_EXAMPLES, 1, _NO_EXAMPLES, 1, 0) for own in islands]


def from_examples(recipe: "Recipe", examples: "Examples", models: int) -> list[Data]:
    """Return what each model draws from, example by example: those of a drawn one lie side by side.

    Raises:
        ValueError: inputs or labels are not as `trainer.Examples` has them, or do not fit the network.
    """
    inputs, labels = examples.inputs, examples.labels
    number = inputs.shape[-1]
    rows = recipe.neurons[-1] if recipe.loss == "squared" else 1
    for field, array, shapes in (
        ("inputs", inputs, [(own, recipe.neurons[0], number) for own in (1, models)]),
        ("labels", labels, [(models, rows, number)]),
    ):
        if array.shape not in shapes or array.dtype != np.float32:
            allowed = " or ".join(str(list(shape)) for shape in dict.fromkeys(shapes))
            raise ValueError(f"{field}: {array.dtype} {list(array.shape)}; allowed: float32 {allowed}")
    if not 1 <= number <= _MOST_EXAMPLES:
        raise ValueError(f"inputs: {number} examples; allowed: 1 to {_MOST_EXAMPLES}")
    _check_classes(recipe, labels)
    sources, targets = _side_by_side(inputs), _side_by_side(labels)
    sizes = gathered(recipe.neurons[0]), gathered(rows)
    return [
        (_NO_ISLANDS, 0, sources[0 if len(sources) == 1 else model], sizes[0], targets[model], sizes[1], number)
        for model in range(models)
    ]


def _check_classes(recipe: "Recipe", labels: Floats) -> None:
    classes = {"binary": 2, "softmax": recipe.neurons[-1]}.get(recipe.loss)
    if classes is None:
        return
    wrong = labels[(labels != np.floor(labels)) | ~((labels >= 0) & (labels < classes))]
    if wrong.size:
        raise ValueError(f"labels: {float(wrong[0])!r}; allowed with loss {recipe.loss}: 0 to {classes - 1}, whole")


def _side_by_side(rows: NDArray[Any]) -> Floats:
    """Return [models, rows, examples] as [models, examples · numbers of one], zeros behind its rows."""
    models, number, examples = rows.shape
    found = np.zeros((models, examples, gathered(number)), np.float32)
    found[:, :, :number] = rows.transpose(0, 2, 1)
    return found.reshape(models, -1)
