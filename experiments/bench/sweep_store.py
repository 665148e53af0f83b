"""What the store of a large sweep takes: to put, list, compact and read its cells, made up without a network.

    python -m experiments.bench.sweep_store --cells 100000 --single 10000 --folder /tmp/sweep-store

prints a JSON object of seconds, megabytes and sizes; docs/scale.md quotes it. Cells have 2 seeds, 3 schemes and 4
metrics, as the smallest have, so that what counts for each cell weighs most.
"""

import argparse
from pathlib import Path

import numpy as np

from quantstudy.records.schemas import SWEPT, to_parquet, variant_rows

ACTIVATIONS = 20

METRICS = ("heldout_accuracy_quantized", "heldout_accuracy_drop", "flip_rate", "delta_logit_over_margin")

SCHEMES = ("w4a4", "w4a8dyn", "w8a8")

SEEDS = 2

KEY = "f" * 16
"""What stands in the one table that others are made from, where they have their key."""

WEIGHTS = bytes(2 * 4 * 153)
"""As many as the float networks of two seeds of 8, 8, 8 have."""


def cell_names(cells: int) -> list[str]:
    """Return the names of made-up cells, as many for each activation."""
    return [
        f"activation=a{number % ACTIVATIONS:02}/target=islands/{number * 2654435761 % 2**64:016x}"
        for number in range(cells)
    ]


def made_table(name: str, draws: np.random.Generator) -> bytes:
    """Return a cell's table with its settings, every value drawn anew."""
    width = 8 * int(draws.integers(1, 5))
    settings = {
        **{"cell": name.rpartition("/")[2], "target": "islands", "task": "classification"},
        **{"hidden": ",".join([str(width)] * int(draws.integers(1, 5))), "frequency": float(draws.integers(2, 8))},
        **{"lr": 0.03, "steps": 3000, "batch": 1024, "grid": 128, "placement": "post", "observer": "minmax"},
        **{"weight_observer": "minmax", "scales": "channel", "recipe": "plain"},
    }
    float_names = ("heldout_accuracy_float", "accuracy_float", "heldout_accuracy_trivial", "hidden_max_log2")
    variants = [({**settings, "scheme": "float"}, {one: draws.random(SEEDS) for one in float_names})]
    variants += [({**settings, "scheme": one}, {name: draws.random(SEEDS) for name in METRICS}) for one in SCHEMES]
    activation = name.partition("/")[0].partition("=")[2]
    return to_parquet([variant_rows(SWEPT, activation, range(SEEDS), variants)], SWEPT)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--single", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, required=True)
