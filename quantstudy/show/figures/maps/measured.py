"""What is measured of the networks that are drawn: what stands under each panel, and what the title is about."""

from typing import TYPE_CHECKING

import numpy as np

from quantstudy.show.values import SIMULATED, seed_values, shown_seed
from quantstudy.words.figures import maps as words

if TYPE_CHECKING:
    from quantstudy.records.run import Run


def texts_under(run: "Run") -> dict[tuple[str, str], str]:
    """Return what stands under each picture, by activation and column: the measure of that seed, as it is recorded."""
    values, seed = seed_values(run, run.summaries(), ("psnr_float", "psnr_quantized")), shown_seed(run)
    return {
        (name, scheme): words.under("PSNR", float(table[row, seed]))
        for (_, scheme, backend), table in values.items()
        if backend in (SIMULATED, "float")
        for row, name in enumerate(run.config.activations)
    }


def rates_of(run: "Run") -> dict[str, float]:
    """Return what the focus scheme does to each network: the PSNR lost."""
    scheme, names = run.config.focus_scheme, run.config.activations
    values = seed_values(run, run.summaries(), ("psnr_drop",)).get(("psnr_drop", scheme, SIMULATED))
    if values is None:
        return {}
    found = {name: float(row[shown_seed(run)]) for name, row in zip(names, values, strict=True)}
    return {name: value for name, value in found.items() if np.isfinite(value)}
