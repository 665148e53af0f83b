"""Builds the metrics of a run from arrays of accuracies."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

COLUMNS = ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric", "value"]
TEXTS = ["activation", "scheme", "backend", "scope", "metric"]
QUANTIZED, FLOAT = "heldout_accuracy_quantized", "heldout_accuracy_float"
EVEN, ODD = f"{QUANTIZED}_even", f"{QUANTIZED}_odd"

UNREAD = 0.654
"""Value of metrics that must not be read: those on the plane."""


def build(
    full: Mapping[str, Sequence[float]],
    quantized: Mapping[str, Mapping[str, Sequence[float]]],
    flips: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    halves: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]] | None = None,
) -> pd.DataFrame:
    """`full[activation][seed]`, `quantized[scheme][activation][seed]`; flip rates default to |float − quantized|.

    `halves` has tables like `quantized` under EVEN and ODD, which default to those of all points. Accuracies are
    held-out ones; those on the plane have a value of their own.
    """
    rows = [
        (a, s, "float", "float", "network", None, None, metric, v if metric == FLOAT else UNREAD)
        for a, values in full.items()
        for s, v in enumerate(values)
        for metric in (FLOAT, "accuracy_float")
    ]
    if flips is None:
        flips = {k: {a: np.abs(np.subtract(full[a], v)) for a, v in t.items()} for k, t in quantized.items()}
    plane = {k: {a: np.full(len(v), UNREAD) for a, v in t.items()} for k, t in quantized.items()}
    tables = {QUANTIZED: quantized, EVEN: quantized, ODD: quantized, "flip_rate": flips, "accuracy_quantized": plane}
    for metric, schemes in (tables | (halves or {})).items():
        for scheme, table in schemes.items():
            for a, values in table.items():
                for s, v in enumerate(values):
                    rows.append((a, s, scheme, "simulated", "network", None, None, metric, v))
                    # what must not be read: another backend, another scope
                    rows.append((a, s, scheme, "torchao", "network", None, None, metric, 0.123))
                    rows.append((a, s, scheme, "simulated", "layer", 0, None, metric, 0.456))
    frame = pd.DataFrame(rows, columns=COLUMNS).astype({"layer": "Int64", "neuron": "Int64"})
    return frame.astype(dict.fromkeys(TEXTS, "category"))


@pytest.fixture(scope="session")
def metrics() -> Callable[..., pd.DataFrame]:
    return build
