"""What stands on the heatmap of the folds' noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quantstudy.words.numbers import number, plural

VIEWS = {
    "isolated": "Isolated: only this layer is quantized, its inputs are float",
    "accumulated": "Accumulated: this layer and all before it are quantized",
}
"""What the two views show, by the endings of their metrics."""


def title(scheme: str, names: Sequence[str], cells: NDArray[np.float64] | None) -> str:
    """Return how clean the last layer's folds are, who has the cleanest, and what the layers before it cost.

    Args:
        scheme: its name.
        names: activations.
        cells: accumulated SQNR in dB, `[activations, layers]`; None where nothing was recorded.
    """
    if cells is None or not np.isfinite(cells).any():
        return f"How clean are the folds of each layer at {scheme}? No value was recorded"
    first, last = cells[:, 0], cells[:, -1]
    usable = np.isfinite(last)
    if not usable.any():
        return f"How clean are the folds of each layer at {scheme}?"
    start = f"{scheme} leaves the folds of the last layer {number(float(last[usable].min()))}"
    cleanest = names[int(np.argmax(np.where(usable, last, -np.inf)))]
    if usable.sum() > 1:
        start += f" to {number(float(last[usable].max()))} dB above the noise ({cleanest} most)"
    else:
        start += " dB above the noise"
    both = usable & np.isfinite(first)
    if cells.shape[1] < 2 or not both.any():
        return start
    lost = float(np.median(first[both] - last[both]))
    return f"{start}: {number(abs(lost))} dB {'less' if lost > 0 else 'more'} than the first layer's"


def reading(seeds: int, over_what: str = "over the plane") -> str:
    """Return how to read the figure."""
    over = "one seed" if seeds == 1 else f"{plural(seeds, 'seed')}, median"
    return (
        f"Signal-to-quantization-noise ratio of the neurons' outputs {over_what}, in dB ({over}; more is "
        "better: +6 dB halves the noise). Rows: activations. Columns: layers, from the input to the last hidden one."
    )


def caption(undefined: int) -> str:
    """Return the small print; `undefined` values were left out."""
    said = "SQNR = 20·log10(‖float‖ / ‖float − quantized‖) per neuron; a layer's value is the median of its neurons."
    if undefined:
        said += f" Undefined (dead layers) and left out: {plural(undefined, 'value')}; hatched where none is left."
    return said


def ends(low: float, high: float) -> tuple[str, str]:
    """Return what stands at the two ends of the colour scale, dB."""
    return f"noisy, {number(low)} dB", f"{number(high)} dB, clean (∞: no noise at all)"
