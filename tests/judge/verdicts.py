"""Verdicts of made-up accuracies, for the tests of what is in them."""

import json

import numpy as np

from quantstudy.judge.verdict import judge
from quantstudy.words.verdict import with_reasons
from tests.judge.conftest import build
from tests.judge.limits import asked

NAN = float("nan")
NAMES = ["relu", "silu", "gelu"]


def noise(*shape, seed=0, std=0.002):
    return np.random.default_rng(seed).normal(0, std, shape)


def judged_of(frame, activations, schemes=("w4",), differences=None, **limits):
    """Judge metrics, the first scheme being the one that was named beforehand."""
    found = judge(
        frame,
        activations=list(activations),
        schemes=list(schemes),
        focus=next(iter(schemes), ""),
        limits=asked(**limits),
        differences=differences,
    )
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def run(quantized, full=None, flips=None, halves=None, **limits):
    """Judge one scheme, w4, of arrays `{activation: [seeds]}`."""
    full = full or {a: np.full(len(v), 0.99) for a, v in quantized.items()}
    frame = build(full, {"w4": quantized}, flips and {"w4": flips}, halves)
    return with_reasons(judged_of(frame, quantized, **limits))["schemes"]["w4"]


def entry(judged, name):
    return next(one for one in judged["ranking"] if one["activation"] == name)
