"""Made-up metrics of targets of numbers: PSNR in dB, beside accuracies that must not be read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.config.metrics import RANKED
from quantstudy.judge.deployable import Limits
from quantstudy.judge.rules import PERMUTATION
from tests.judge.conftest import COLUMNS, TEXTS

PSNR = RANKED["regression"]


def asked(allowed: float = 1.0, learned: float = 0.0, assurance: float = 0.5, **more: Any) -> Limits:
    """What a study of numbers asks, in dB."""
    return Limits(allowed, assurance, 0.0, learned, PERMUTATION, PSNR, **more)


def build(
    full: Mapping[str, Sequence[float]],
    quantized: Mapping[str, Sequence[float]],
    schemes: Sequence[str] = ("w4",),
    trivial: Sequence[float] = (),
) -> pd.DataFrame:
    """`full[activation][seed]` and `quantized[activation][seed]`, the same at every scheme."""
    rows = []
    for name, values in full.items():
        for seed, value in enumerate(values):
            rows += [(name, seed, "float", "float", metric, value) for metric in (PSNR.float, "heldout_accuracy_float")]
            after = quantized[name][seed]
            for scheme in schemes:
                rows += [
                    (name, seed, scheme, "simulated", metric, after) for metric in (PSNR.quantized, PSNR.even, PSNR.odd)
                ]
                rows += [(name, seed, scheme, "simulated", PSNR.disturbed, 2.0 * (value - after))]
                rows += [
                    (name, seed, scheme, "simulated", metric, 0.5)
                    for metric in ("flip_rate", "heldout_accuracy_quantized")
                ]
        rows += [(name, seed, "float", "float", PSNR.trivial, value) for seed, value in enumerate(trivial)]
    frame = pd.DataFrame(rows, columns=["activation", "seed", "scheme", "backend", "metric", "value"])
    frame = frame.assign(scope="network", layer=None, neuron=None)[COLUMNS]
    return frame.astype({"layer": "Int64", "neuron": "Int64"} | dict.fromkeys(TEXTS, "category"))


def decibels(seeds: int, mean: float, spread: float = 0.05, seed: int = 0) -> np.ndarray:
    return mean + np.random.default_rng(seed).normal(0.0, spread, seeds)
