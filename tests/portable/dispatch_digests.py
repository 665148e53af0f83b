"""Run by test_numpy_dispatch.py in a process of its own: prints what numpy and BLAS run on, and digests of results."""

import hashlib
import json
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import numpy._core._multiarray_umath as core
import pandas as pd
from quantstudy_kernels import elementary

from experiments.measures import calibration, capacity, curvature, probes, regions
from quantstudy.config.metrics import RANKED
from quantstudy.drift import classes, complexity, contours, decision, folds, layers, numbers, ranges, shapley, topology
from quantstudy.judge import cliff, compare, placement, sensitivity, verdict
from quantstudy.judge.deployable import Limits
from quantstudy.judge.rules import ANYTIME, PERMUTATION
from quantstudy.judge.statistics import bootstrap, intervals, paired, power, robust, sequential
from quantstudy.records.schemas import CLAIM, rows
from tests.portable.switches import blas_core

N = 24
NAMES = ("relu", "silu", "gelu", "hardgelu")
SCHEMES = ("w4", "a4", "w4a4")
ASKED = Limits(0.05, 0.5, 0.8, 0.9, PERMUTATION)
draws = np.random.default_rng(5)


def kernels():
    x = np.concatenate([draws.normal(0, 50, 20_000), draws.uniform(0, 2, 20_000)])
    return {name: getattr(elementary, name)(np.abs(x)) for name in ("exp", "log", "log1p", "log2", "log10")}


def maps():
    """Float and quantized maps [8, 3, N, N], float32: smooth hills, and dead, half dead and broken ones."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, N)] * 2)
    waves = draws.normal(size=(4, 8, 3, 1, 1))
    found = np.zeros((8, 3, N, N))
    for k, wave in enumerate(waves):
        phase = (k + 1) * (x + wave * y) / 2 + wave
        found += wave * np.abs(phase - np.rint(phase))  # numpy's own sine would not be the same everywhere
    found[0, 0], found[1, 0, : N // 2], found[1, 1, :, ::2], found[1, 1, :, 1::2] = 0.0, 0.0, -0.0, 0.0
    found[2, 1] = np.where(found[2, 1] > 0, found[2, 1], -0.0)
    found[3, 2, 3, 3], found[3, 1, 5, 5] = np.inf, np.nan
    step = 0.2
    return found.astype(np.float32), (np.rint(found / step) * step).astype(np.float32), step


def drift():
    x, y, step = maps()
    target = draws.random(x.shape) > 0.5
    probability, eigenvalues = draws.random((8, 3, 200)), np.sort(draws.random((8, 6)))[:, ::-1]
    codes = draws.integers(0, 16, (5, 300))
    some, others = (part[4:].reshape(4, 3, -1) for part in (x, y))
    measured = folds.fold_measures(x, y, step, -1.0, 1.0)
    bends = contours.contours(x, (-0.5, 0.5)), contours.contours(y, (-0.5, 0.5))
    return {
        "decision": decision.decision_measures(x, y, target),
        "brief": decision.brief_drift(decision.float_logits(x, target), y),
        "parts": {"kl": decision.bernoulli_kl(x, y), "sqnr": folds.sqnr_db(x, y), "cosine": folds.cosine(x, y)},
        "classes": classes.class_drift(classes.float_classes(some, some.argmax(axis=-2)), others),
        "numbers": numbers.number_drift(numbers.float_numbers(some, others, np.full(4, 2.0)), some + others),
        "folds": measured,
        "layers": layers.layer_measures(measured),
        "complexity": complexity.complexity_measures(x),
        "ranges": ranges.range_measures(x),
        "codes": ranges.code_measures(x, np.full(8, step), np.full(8, 7), 0, 15),
        "histogram": dict(zip("abc", ranges.histogram(x), strict=True)),
        "boundary": contours.boundary_measures(x, y),
        "creases": contours.crease_measures(*bends),
        "islands": topology.island_measures(x, y),
        "shapley": {"all": shapley.shapley(draws.random((16, 8)))},
        "calibration": {
            "confidence": calibration.confidence(x),
            "error": calibration.expected_calibration_error(x[4:, 0].reshape(4, -1), target[4:, 0].reshape(4, -1)),
            "entropy": calibration.cross_entropy(x, target),
        },
        "capacity": {
            "rank": capacity.effective_rank(eigenvalues),
            "participation": capacity.participation_ratio(eigenvalues),
            "information": capacity.code_information(codes, draws.random(300) > 0.5, 0, 15),
        },
        "curvature": {
            "levels": curvature.level_curvature(draws.normal(size=(2, 50)), draws.normal(size=(3, 50))),
            "patterns": regions.distinct_patterns(regions.activation_patterns([probability > 0.5])),
        },
        "probes": {
            "line": probes.line_r2(probability, probability**2 + probability[::-1]),
            "function": probes.function_r2(probability, probability[::-1]),
        },
    }


def accuracies(seeds):
    """[activations, seeds], half of them multiples of 2^-14 and half of 1/10000, which make ties."""
    found = 0.9 + 0.03 * draws.normal(size=(len(NAMES), seeds)) - 0.01 * np.arange(len(NAMES))[:, None]
    return np.concatenate([np.rint(found[:2] * 2**14) / 2**14, found[2:].round(4)])


def table(columns, number):
    keys = list(product(NAMES, *columns.values(), range(number)))
    frame = pd.DataFrame(keys, columns=["activation", *columns, "seed"])
    parts = [
        frame.assign(metric=metric, value=draws.random(len(frame)) ** 2 / 4)
        for metric in ("flip_rate", RANKED["classes"].drop, RANKED["classes"].quantized)
    ]
    return pd.concat(parts).astype(dict.fromkeys(("activation", "metric"), "category"))


def judged(seeds):
    values = accuracies(seeds)
    gaps = values[0] - values[3]
    ranked = RANKED["classes"]
    read = (ranked.quantized, ranked.even, ranked.odd)
    everything = [(NAMES[a], s, "w4", "simulated", "network", metric, values[a, s])
                  for a in range(len(NAMES)) for s in range(seeds) for metric in read]  # fmt: skip
    everything += [(name, s, "float", "float", "network", ranked.float, 0.95) for name in NAMES for s in range(seeds)]
    metrics = pd.DataFrame(everything, columns=verdict.COLUMNS)
    layer = {"scheme": ["w4"], "view": [*sensitivity.VIEWS, "total"], "layer": [0, 1]}
    settings = {"scheme": ["w4"], "placement": ["post", "pre"], "coordinates": [False], "observer": ["minmax"],
                "granularity": ["channel"], "weight_observer": ["symmetric"]}  # fmt: skip
    return {
        "means": [bootstrap.resampled_means(values).sum(), bootstrap.paired_p(gaps), *map(float, gaps)],
        "intervals": [intervals.interval(row) for row in values] + [intervals.tail(seeds)],
        "iqm": [robust.iqm_interval(values).low.tolist(), robust.iqm_interval(values).high.tolist()],
        "improvement": [robust.probability_of_improvement(values).low.tolist()],
        "best": [paired.probability_of_best(values).probability.tolist()],
        "gains": [sequential.log_gains(gaps).tolist(), sequential.anytime_p(gaps)],
        "power": [power.more_seeds(gaps, 0.01), power.paired_power(0.4, seeds, 0.05)],
        "verdict": [
            verdict.judge(metrics, activations=NAMES, schemes=["w4"], focus="w4", limits=replace(ASKED, rule=rule))
            for rule in (PERMUTATION, ANYTIME)
        ],
        "cliff": cliff.judge_cliff(table({"quantized": ["both"], "bits": [2, 4, 8]}, seeds), NAMES, seeds, ASKED),
        "placement": placement.judge_placement(table(settings, seeds), NAMES, seeds, ASKED, {}),
        "sensitivity": sensitivity.judge_sensitivity(with_total(table(layer, seeds)), NAMES, seeds, SCHEMES, ranked),
        "compared": compare._difference(values[0], values[1], PERMUTATION),
    }


def with_total(frame):
    total = frame["view"] == "total"
    return frame[~total | (frame["layer"] == 0)].assign(layer=lambda kept: kept["layer"].mask(kept["view"] == "total"))


def digest(values):
    """Of arrays: as they stand in a record; of all else: as it stands in JSON, numbers with all digits."""
    if isinstance(values, np.ndarray):
        flat = values.ravel()
        return hashlib.sha256(rows(CLAIM, flat.size, value=flat)["value"].to_numpy().tobytes()).hexdigest()
    return hashlib.sha256(json.dumps(values, default=float).encode()).hexdigest()


def main():
    found = {f"elementary/{name}": digest(values) for name, values in kernels().items()}
    with np.errstate(all="ignore"):  # of the broken maps
        measured = drift()
    for part, measures in measured.items():
        found |= {f"drift/{part}/{name}": digest(values) for name, values in measures.items()}
    for seeds in (2, 16, 33):
        found |= {f"judge/{seeds}/{name}": digest(values) for name, values in judged(seeds).items()}
    x, matrix = draws.random(4096), draws.random((129, 257))
    about = {
        "features": sorted(name for name, there in core.__cpu_features__.items() if there),
        "core": blas_core(),
        "exp": hashlib.sha256(np.exp(x).tobytes()).hexdigest(),
        "product": hashlib.sha256((matrix @ matrix.T).tobytes()).hexdigest(),
        "digests": found,
    }
    json.dump(about, sys.stdout)


main()
