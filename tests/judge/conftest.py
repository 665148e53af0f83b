"""Builds the metrics of a run from arrays of accuracies."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

COLUMNS = ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric", "value"]
TEXTS = ["activation", "scheme", "backend", "scope", "metric"]


def build(
    full: Mapping[str, Sequence[float]],
    quantized: Mapping[str, Mapping[str, Sequence[float]]],
    flips: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
) -> pd.DataFrame:
    """`full[activation][seed]`, `quantized[scheme][activation][seed]`; flip rates default to |float − quantized|."""
    rows = [
        (a, s, "float", "float", "network", None, None, "accuracy_float", v)
        for a, values in full.items()
        for s, v in enumerate(values)
    ]
    if flips is None:
        flips = {k: {a: np.abs(np.subtract(full[a], v)) for a, v in t.items()} for k, t in quantized.items()}
    for metric, tables in (("accuracy_quantized", quantized), ("flip_rate", flips)):
        for scheme, table in tables.items():
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
