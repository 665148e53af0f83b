"""What is measured of the networks that are drawn: what stands under each panel, and what the title is about."""

from typing import TYPE_CHECKING

import numpy as np

from quantstudy.show.figures.maps.layout import Maps, blocks
from quantstudy.show.values import SIMULATED, seed_values, shown_seed
from quantstudy.words.figures import maps as words

if TYPE_CHECKING:
    from quantstudy.records.run import Run


def texts_under(run: "Run", stored: Maps) -> dict[tuple[str, str], str]:
    """Return what stands under each picture, by activation and column: the measure of that seed, as it is recorded."""
    if run.config.task == "classes":
        return {
            (name, column): words.under("accuracy" if column == "float" else "flips", value)
            for (name, column), value in _agreement(run, stored).items()
        }
    values, seed = seed_values(run, run.summaries(), ("psnr_float", "psnr_quantized")), shown_seed(run)
    return {
        (name, scheme): words.under("PSNR", float(table[row, seed]))
        for (_, scheme, backend), table in values.items()
        if backend in (SIMULATED, "float")
        for row, name in enumerate(run.config.activations)
    }


def rates_of(run: "Run", stored: Maps) -> dict[str, float]:
    """Return what the focus scheme does to each network: the share of pixels that flip, or the PSNR lost."""
    scheme, names = run.config.focus_scheme, run.config.activations
    if run.config.task == "classes":
        return {name: value for (name, column), value in _agreement(run, stored).items() if column == scheme}
    values = seed_values(run, run.summaries(), ("psnr_drop",)).get(("psnr_drop", scheme, SIMULATED))
    if values is None:
        return {}
    found = {name: float(row[shown_seed(run)]) for name, row in zip(names, values, strict=True)}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _agreement(run: "Run", stored: Maps) -> dict[tuple[str, str], float]:
    found = {}
    for name in run.config.activations:
        full = stored[f"{name}/float/output"]
        for column in (one for block in blocks(run.config.bits) for one in block):
            drawn = stored.get(f"{name}/{column}/output")
            if drawn is not None:
                same = full == stored[f"{name}/target"] if column == "float" else drawn != full
                found[name, column] = float(same.mean())
    return found
